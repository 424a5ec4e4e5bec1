-- Internal: a TLS stream: moves bytes between a connection in C, which knows no transport, and a
-- transport.
--
-- Any operation may produce something to send, a read too, and any may have to wait for what the peer
-- sends. So one piece of code sends (`pump_out`: at most one write of the transport at a time, in the
-- order in which OpenSSL made the records) and one receives (`pump_in`: at most one read at a time,
-- and only while somebody waits for plaintext); readers and writers stand in queues of their own. No
-- code here waits for the other direction. Any allocation may run a finalizer that calls any of
-- this: what a function has taken out of a queue is its own.

local lwt = require "lwt"
local core = require "lwt.core"
local args = require "lwt.internal.args"
local due = require "lwt.internal.due"
local fifo = require "lwt.ssl.fifo"

local fulfilled, rejected, task = lwt.fulfilled, lwt.rejected, lwt.task
local await = lwt.await
local any_due, cancel_due, later = due.any, due.cancel_due, due.later

local M = {}

local Stream = { __name = "lwt.ssl.stream" }
Stream.__index = Stream
M.metatable = Stream

local MOST = 65536    -- bytes that a read gives unless told otherwise
local CHUNK = 65536   -- what is encrypted in one go, as src/ssl/transfer.c has it
local UNSENT = 131072 -- above so many bytes to be sent nothing more is read, which might add to it
local GRACE = 1       -- seconds that a close has for what is still to be sent

-- `lower` is what carries it, `opts` has allow_truncation.
function M.new(conn, transport, lower, opts)
  local s = setmetatable({
    conn = conn, transport = transport, lower = lower, reads = fifo.new(), writes = fifo.new(),
    receiving = false, sending = false, socket = transport.socket,
    truncation = opts.allow_truncation,
  }, Stream)
  s.on_data = function(data) M.received(s, data) end
  s.on_no_data = function(err) M.not_received(s, err) end
  s.on_sent = function() M.sent(s) end
  s.on_not_sent = function(err) M.not_sent(s, err) end
  return s
end

-- ---- Sending --------------------------------------------------------------------------------

local function resolve(entry, err)
  local resolver = entry.resolver
  entry.resolver = nil
  if not resolver or not entry.promise:is_pending() then return end
  if err ~= nil then
    resolver:wakeup_exn(err)
  else
    resolver:wakeup()
  end
end

local function fail_writes(s, err)
  while true do
    local entry = s.writes:pop()
    if not entry then return end
    resolve(entry, err)
  end
end

-- Encrypt what the first in the queue has, if the last piece is gone. True when it has no more.
local function encrypt(s, entry)
  if entry.last then
    s.conn:finish()
    return true
  end
  if entry.at >= #entry.data then return true end
  local n, err = s.conn:write(entry.data, entry.at)
  if not n then
    s.write_error = s.write_error or err
    return true
  end
  entry.at = entry.at + n
  return entry.at >= #entry.data
end

-- Give the transport what there is. False when that takes time.
local function send(s, out)
  s.sending = true
  local ok, p = pcall(s.transport.write, out)
  if not ok then p = rejected(p) end
  local state, err = p:state()
  if state == "pending" then
    s.sending = p
    p:on_any(s.on_sent, s.on_not_sent)
    return false
  end
  s.sending = false
  if state == "rejected" then s.write_error = s.write_error or err end
  return true
end

local function pump_out(s)
  while not s.sending and not s.gone do
    local entry = s.writes:first()
    local over = entry and s.conn:pending() == 0 and encrypt(s, entry)
    local out = not s.write_error and not (s.socket and s.conn:send(s.socket)) and s.conn:output()
    if s.write_error then
      fail_writes(s, s.write_error)
      return
    elseif out then
      if not send(s, out) then return end
    elseif not entry then
      return
    end
    if over and not s.write_error and entry == s.writes:first() then
      s.writes:pop()
      resolve(entry)
    end
  end
end
M.pump_out = pump_out

-- ---- Receiving ---------------------------------------------------------------------------------

-- Plaintext, or nil and "more", "end" or an error.
local function take(s, n)
  local data = s.back
  if data then -- came for one who had gone
    s.back = #data > n and data:sub(n + 1) or nil
    return #data > n and data:sub(1, n) or data
  end
  local why
  data, why = s.conn:read(n)
  if data then return data end
  if why == "more" then return nil, s.read_error or why end
  if why ~= "end" and s.truncation and why.code == "SSL_EOF" then why = "end" end
  return nil, why
end

-- The reader gets it, or, where he has gone meanwhile, the next.
local function give(s, entry, data, err)
  if not entry.promise:is_pending() then
    if data then s.back = data .. (s.back or "") end
  elseif data then
    entry.resolver:wakeup(data)
  elseif err == "end" then
    entry.resolver:wakeup(nil)
  else
    entry.resolver:wakeup_exn(err)
  end
end

-- Ask the transport for more: true when it has come at once.
local function receive(s)
  if s.socket and s.conn:receive(s.socket) then return true end
  s.receiving = true
  local ok, p = pcall(s.transport.read)
  if not ok then p = rejected(p) end
  local state, data = p:state()
  if state == "pending" then
    s.receiving = p
    p:on_any(s.on_data, s.on_no_data)
    return false
  end
  s.receiving = false
  if state == "fulfilled" then
    s.conn:feed(data)
  else
    s.read_error = data
  end
  return true
end

local function pump_in(s)
  while not s.gone do
    local entry = s.reads:pop()
    if not entry then return end
    local ok, data, why = pcall(take, s, entry.n)
    if not ok then data, why = nil, data end
    if data or why ~= "more" then
      give(s, entry, data, why)
    else
      s.reads:put_back(entry)
      if s.receiving then return end
      if s.conn:pending() > UNSENT then return end -- `sent` goes on
      if not receive(s) then return end
    end
  end
end

local function go_on(s)
  pump_in(s)
  if not s.gone and s.conn:pending() > 0 then pump_out(s) end
end

function M.received(s, data)
  s.receiving = false
  if s.gone then return end
  s.conn:feed(data)
  go_on(s)
end

function M.not_received(s, err)
  s.receiving = false
  if s.gone or rawequal(err, lwt.Canceled) and s.reads:is_empty() then return end
  if not rawequal(err, lwt.Canceled) then s.read_error = err end
  go_on(s)
end

function M.sent(s)
  s.sending = false
  pump_out(s)
  if not s.gone then pump_in(s) end
end

function M.not_sent(s, err)
  s.sending = false
  s.write_error = s.write_error or err
  pump_out(s)
end

-- Nobody waits for plaintext any more: nothing is read for nobody.
local function withdraw_read(s, entry)
  s.reads:remove(entry)
  local p = s.receiving
  if s.reads:is_empty() and p and p ~= true then p:cancel() end
end

local function check(s, name)
  if getmetatable(s) ~= Stream then args.wrong(1, name, "TLS stream", s, 1) end
end

local function read(s, n)
  if any_due[1] and cancel_due() then return later(read, s, n) end
  if s.gone then return rejected(lwt.Closed) end
  if s.reads:is_empty() then
    local data, why = take(s, n)
    if why ~= "more" then
      if s.conn:pending() > 0 then pump_out(s) end
      if data then return fulfilled(data) end
      if why == "end" then return fulfilled(nil) end
      return rejected(why)
    end
  end
  local promise, resolver = task()
  local entry = { n = n, promise = promise, resolver = resolver }
  promise:on_cancel(function() withdraw_read(s, entry) end)
  s.reads:push(entry)
  go_on(s)
  return promise
end

function Stream.read(s, n)
  check(s, "read")
  if n == nil then
    n = MOST
  elseif math.type(n) ~= "integer" or n < 1 then
    n = args.integer(2, "read", n, 1)
  end
  return read(s, n)
end

-- ---- Writing -----------------------------------------------------------------------------------

local function after_the_end()
  return core.error { code = "EPIPE", errno = 32, message = "broken pipe", op = "write" }
end

local function begin(s, entry)
  if any_due[1] and cancel_due() then return later(begin, s, entry) end
  if s.gone or s.ended then return rejected(s.gone and lwt.Closed or after_the_end()) end
  if s.write_error then return rejected(s.write_error) end
  local promise, resolver = task()
  entry.promise, entry.resolver = promise, resolver
  -- What is encrypted in part has to go out whole: then only the one who waits goes.
  promise:on_cancel(function()
    if entry.at == 0 and not entry.last then s.writes:remove(entry) end
  end)
  if entry.last then s.ended = true end
  s.writes:push(entry)
  pump_out(s)
  return promise
end

local function text_of(data)
  local kind = type(data)
  if kind == "string" then return data end
  if kind == "number" then return tostring(data) end
  local mt = kind == "userdata" and getmetatable(data)
  return mt and mt.__name == "lwt.bytes" and data:to_string() or nil
end

local function joined(data, name)
  local text = text_of(data)
  if text then return text end
  local parts, list = {}, type(data) == "table" and getmetatable(data) == nil
  for i = 1, list and #data or 0 do
    parts[i] = text_of(data[i])
    list = list and parts[i] ~= nil
  end
  if list then return table.concat(parts) end
  args.wrong(2, name, "string, lwt.bytes or a list of them", data, 1)
end

local sent = fulfilled()

-- The way that nearly every write goes: nobody is before it, it is encrypted in one go (so that nobody
-- comes between its parts), and the socket takes it at once. False when it is another way;
-- `entry` knows whether it is encrypted.
local function write_at_once(s, entry)
  if not s.socket or #entry.data > CHUNK or s.sending or s.gone or s.ended or s.write_error
    or not s.writes:is_empty() or s.conn:pending() > 0 or any_due[1] and cancel_due() then
    return false
  end
  entry.at = s.conn:write(entry.data, 0) or 0
  return s.conn:send(s.socket) and entry.at == #entry.data
end

local function write(s, data)
  local entry = { data = data, at = 0 }
  if write_at_once(s, entry) then return sent end
  return begin(s, entry)
end

function Stream.write(s, data)
  check(s, "write")
  return write(s, joined(data, "write"))
end

function Stream.writev(s, list)
  check(s, "writev")
  return write(s, joined(list, "writev"))
end

function Stream.shutdown(s)
  check(s, "shutdown")
  if s.ended and not s.gone then return s.ending end
  local p = begin(s, { data = "", at = 0, last = true })
  s.ending = s.ending or p:no_cancel()
  return p
end

-- ---- The end -------------------------------------------------------------------------------------

-- Our goodbye, which nobody may be there to hear: false when it did not get out.
local function goodbye(s)
  local p = s.sending
  if p and p ~= true then pcall(await, lwt.with_timeout(GRACE, lwt.protected(p))) end
  if s.write_error or s.sending or s.conn:is_busy() then return false end
  s.conn:finish()
  local out = s.conn:output()
  return not out or pcall(await, lwt.with_timeout(GRACE, s.transport.write(out)))
end

-- A task. An error of what is below, which a channel tells again when it is closed, is no news when
-- only the goodbye met it: every write was told.
local function end_it(s)
  local said = goodbye(s)
  s.conn:free()
  local ok, err = pcall(await, s.transport.close())
  if said and not ok then error(err, 0) end
end

function Stream.close(s)
  check(s, "close")
  if s.closing then return s.closing end
  s.gone = true
  s.closing = fulfilled() -- for who asks from within what follows
  local receiving = s.receiving
  if receiving and receiving ~= true then receiving:cancel() end
  fail_writes(s, lwt.Closed)
  while true do
    local entry = s.reads:pop()
    if not entry then break end
    give(s, entry, nil, lwt.Closed)
  end
  s.closing = lwt.no_cancel(lwt.spawn(end_it, s))
  return s.closing
end

function Stream.__close(s) s:close() end

function Stream.__tostring(s)
  return ("lwt.ssl.stream (%s): %p"):format(s.gone and "closed" or "open", s)
end

function Stream.is_closed(s)
  check(s, "is_closed")
  return s.gone == true
end

-- ---- About the connection --------------------------------------------------------------------------

-- Asked again after the close, it is what it was.
local function telling(name, f)
  Stream[name] = function(s, ...)
    check(s, name)
    if s.gone then error(("'%s' on a closed TLS stream"):format(name), 2) end
    return f(s.conn, ...)
  end
end

telling("peer_certificate", function(conn) return conn:certificate() end)
telling("verify_result", function(conn) return conn:checked() end)
telling("alpn", function(conn) return conn:alpn() end)
telling("version", function(conn) return conn:version() end)
telling("cipher", function(conn) return conn:cipher() end)
telling("sni", function(conn) return conn:sni() end)
telling("session", function(conn) return conn:session() end)
telling("is_reused", function(conn) return conn:is_reused() end)
telling("is_stapled", function(conn) return conn:is_stapled() end)

function Stream.export_keying_material(s, label, n, about)
  check(s, "export_keying_material")
  if s.gone then error("'export_keying_material' on a closed TLS stream", 2) end
  local ok, key = pcall(s.conn.export, s.conn, label, n, about)
  if not ok then args.pass_on(key, "export_keying_material") end
  return key
end

-- What is below answers for itself.
for _, name in ipairs { "getpeername", "getsockname", "nodelay", "keepalive", "fileno" } do
  Stream[name] = function(s, ...)
    check(s, name)
    local f = s.lower[name]
    if not f then error(("what carries this TLS stream has no '%s'"):format(name), 2) end
    return f(s.lower, ...)
  end
end

return M
