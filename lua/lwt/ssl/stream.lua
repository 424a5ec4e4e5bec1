-- Internal: a TLS stream: moves bytes between a connection in C, which knows no transport, and a
-- transport.
--
-- Any operation may produce something to send, a read too, and any may have to wait for what the peer
-- sends. So one piece of code sends (`pump_out`: at most one write of the transport at a time, in the
-- order in which OpenSSL made the records) and one receives (`pump_in`: at most one read at a time,
-- and only while a read waits for plaintext); readers and writers stand in lines of their own. No
-- code here waits for the other direction. Any allocation may run a finalizer that calls any of this, and
-- so may any call, for which the stack has to grow. So between a look at a stream and what is
-- done about it there is none, or `sending` and `serving` say that others leave it alone.
--
-- Nearly every read and write over a socket of lwt.net needs none of this: src/ssl/methods.c does it,
-- unless `conn:slow_in` or `conn:slow_out` have said that the lines here have to be looked at.

local lwt = require "lwt"
local core = require "lwt.core"
local csession = require "lwt.ssl.core"
local args = require "lwt.internal.args"
local due = require "lwt.internal.due"
local about = require "lwt.ssl.about"
local fifo = require "lwt.ssl.fifo"
local transport = require "lwt.ssl.transport"
local waiting = require "lwt.ssl.waiting"

local fulfilled, rejected, task, await = lwt.fulfilled, lwt.rejected, lwt.task, lwt.await
local drop, any_due, cancel_due, later = waiting.drop, due.any, due.cancel_due, due.later

local M = {}

local Stream = { __name = "lwt.ssl.stream" }
Stream.__index = Stream
M.metatable = Stream

local MOST = 65536    -- bytes that a read gives unless told otherwise
local UNSENT = 131072 -- above so many bytes to be sent nothing more is read, which might add to it

local ended = fulfilled()
local GRACE = 1       -- seconds that a close has for what is still to be sent

-- `below` is what carries it, in the words of `kind` (lua/lwt/ssl/transport.lua).
function M.new(conn, kind, below, opts)
  local s = setmetatable({
    conn = conn, kind = kind, below = below,
    truncation = opts.allow_truncation,
  }, Stream)
  conn:carry(kind.is_socket and below or nil, s, s.truncation)
  return s
end

-- Made when a read or write first stands in it: of a finalizer, perhaps, while one is made here.
local function line(s, name)
  if not s[name] then
    local q = fifo.new()
    s[name] = s[name] or q
  end
  return s[name]
end

local function first(q) return q and q:first() end

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
  while first(s.writes) do resolve(s.writes:pop(), err) end
end

-- Encrypt what the first in the queue has, if the last piece is gone. True when it has no more.
local function encrypt(s, entry)
  if not entry.last and entry.at >= #entry.data then return true end
  s.blocked = s.conn:is_blocked()
  if s.blocked then return false end
  if entry.last then
    s.write_error = s.write_error or s.conn:finish()
    return true
  end
  local n, err = s.conn:write(entry.data, entry.at)
  if not n then
    s.write_error = s.write_error or err
    return true
  end
  entry.at, entry.left = entry.at + n, n == 0 and entry.left -- (just cancelled, it goes out whole)
  return entry.at >= #entry.data
end

-- (Where a callback cannot be called for want of memory, the promise that bind gives is rejected.)
local function tell(s, p, on_success, on_failure)
  p:try_bind(on_success, on_failure):on_failure(function(err) M.give_up(s, err) end)
end

-- Give the transport what there is. False when that takes time.
local function send(s, out)
  local ok, p = pcall(s.kind.write, s.below, out)
  if not ok then p = rejected(p) end
  local state, err = p:state()
  if state == "pending" then
    s.sending = p
    ok, err = pcall(tell, s, p, function() M.sent(s) end, function(e) M.sent(s, e) end)
    if ok then return false end
    s.sending, state = true, "rejected" -- nobody would tell that it is over, and its failure would be lost
  end
  if state == "rejected" then s.write_error = s.write_error or err end
  return true
end

-- (The part in C looks itself whether something is to be sent, and whether our end is said.)
local function is_slow_out(s)
  return not s.kind.is_socket or s.ended == true or s.sending ~= nil or s.write_error ~= nil
    or s.writes ~= nil and s.writes.head <= s.writes.last
end

-- One step: true when there may be another.
local function push_some(s)
  local entry = first(s.writes)
  local over = entry and s.conn:pending() == 0 and encrypt(s, entry)
  local out = not s.write_error and not (s.kind.is_socket and s.conn:send(s.below))
    and s.conn:output()
  if s.write_error then
    fail_writes(s, s.write_error)
    return false
  elseif out then
    if not send(s, out) then return false end
  elseif not entry then
    return false
  end
  if over and not s.write_error and entry == first(s.writes) then
    s.writes:pop()
    resolve(entry)
  end
  return not s.blocked
end

local function push_out(s)
  while not s.sending and not s.gone do
    s.sending, s.blocked = true, nil
    local more = push_some(s)
    if s.sending == true then s.sending = nil end
    if not more and (s.sending or s.write_error ~= nil or s.blocked or s.conn:pending() == 0
      and first(s.writes) == nil) then return end
  end
end

local unblock

local function pump_out(s)
  if s.gone then return end
  local slow = true
  s.conn:slow_out(slow)
  push_out(s)
  if s.blocked then unblock(s) end
  while not s.gone and slow ~= is_slow_out(s) do
    slow = not slow
    s.conn:slow_out(slow)
  end
end
M.pump_out = pump_out

-- ---- Receiving ---------------------------------------------------------------------------------

-- Plaintext for a read that was cancelled is in front of all other plaintext: a list of pieces.
local function give_back(s, data)
  local piece = { data = data, next = false }
  piece.next = s.back
  s.back = piece
end

-- The piece is taken out first: making a string of a part of it may run a finalizer that reads.
local function take_back(s, piece, n)
  s.back = piece.next or nil
  local data = piece.data
  if #data <= n then return data end
  local ok, part, rest = pcall(function() return data:sub(1, n), data:sub(n + 1) end)
  if ok then piece.data = rest end
  piece.next = s.back
  s.back = piece
  if not ok then error(part, 0) end
  return part
end

-- Plaintext, or nil and "more", "end" or an error.
local function take(s, n)
  local back = s.back
  if back then return take_back(s, back, n) end
  local data, why = s.conn:read(n)
  if data then return data end
  if s.gone then return nil, lwt.Closed end -- a finalizer has closed it
  if why == "more" then return nil, s.read_error or why end
  if why ~= "end" and s.truncation and why.code == "SSL_EOF" then why = "end" end
  return nil, why
end

-- The read gets it, or, where it was cancelled meanwhile, the next one.
local function give(s, entry, data, err)
  if not entry.promise:is_pending() then
    if data then give_back(s, data) end
  elseif data then
    entry.resolver:wakeup(data)
  elseif err == "end" then
    entry.resolver:wakeup(nil)
  else
    entry.resolver:wakeup_exn(err)
  end
end

local function take_in(s, data)
  s.empty = transport.check_given(data, s.empty)
  s.conn:feed(data)
end

-- What cannot be kept for want of memory is lost, and with it the connection.
local function feed(s, data)
  local ok, err = pcall(take_in, s, data)
  if not ok then s.read_error = err end
end

-- Ask the transport for more: true when it has come at once.
local function receive(s)
  if s.kind.is_socket and s.conn:receive(s.below) then return true end
  s.receiving = true
  local ok, p = pcall(s.kind.read, s.below)
  if not ok then p = rejected(p) end
  local state, data = p:state()
  if state == "pending" then
    s.receiving = p
    ok, data = pcall(tell, s, p, function(x) M.received(s, x) end,
      function(e) M.not_received(s, e) end)
    if ok then return false end
    p:cancel()
    s.receiving = nil
    error(data, 0)
  end
  if state == "fulfilled" then
    feed(s, data)
  else
    s.read_error = data
  end
  s.receiving = nil
  return true
end

local function is_slow_in(s)
  return not s.kind.is_socket or s.serving == true or s.receiving ~= nil or s.back ~= nil
    or s.read_error ~= nil or s.reads ~= nil and s.reads.head <= s.reads.last
end

local function look_in(s)
  local slow
  repeat
    if s.gone then return end
    slow = is_slow_in(s)
    s.conn:slow_in(slow)
  until slow == is_slow_in(s)
end

-- The first read gets what there is: true when there may be something for the next.
local function serve_first(s)
  local entry = first(s.reads)
  if not entry then return false end
  local ok, data, why = pcall(take, s, entry.n)
  if not ok then data, why = nil, data end
  if data or why ~= "more" then
    s.reads:remove(entry)
    give(s, entry, data, why)
    return true
  end
  if s.receiving or s.conn:pending() > UNSENT then return false end -- `received`, `sent` go on
  return receive(s)
end

local function pump_in(s)
  if s.gone or s.serving then return end
  s.serving = true
  s.conn:slow_in(true)
  while not s.gone and serve_first(s) do end
  s.serving = nil
  look_in(s)
end

local function go_on(s)
  pump_in(s)
  if not s.gone and (s.blocked or s.conn:pending() > 0) then pump_out(s) end
end

-- Called by promises of the transport: when there is no memory to go on, the reads and writes that
-- wait are rejected with that.
function M.give_up(s, err)
  local gone = s.gone
  if not gone then s.read_error, s.write_error = s.read_error or err, s.write_error or err end
  pcall(M.stop_receiving, s)
  s.receiving, s.sending, s.serving = nil, nil, nil
  while not gone and first(s.reads) do give(s, s.reads:pop(), nil, err) end
  if not gone then fail_writes(s, err) end
end

local function proceed(s, f)
  if s.gone then return end
  local ok, err = pcall(f, s)
  if not ok then M.give_up(s, err) end
end

function M.received(s, data)
  if s.gone then return end
  feed(s, data)
  s.receiving = nil
  proceed(s, go_on)
end

function M.not_received(s, err)
  s.receiving = nil
  if not rawequal(err, lwt.Canceled) then s.read_error = err end
  proceed(s, go_on)
end

local function on_sent(s)
  if s.conn:is_busy() then return end -- a step of the handshake, which sends what is left
  pump_out(s)
  if s.gone then return end
  pump_in(s)
  if not s.gone and s.blocked then pump_out(s) end -- (a finalizer has written)
  if not s.gone then s.conn:go_on() end
end

function M.sent(s, err)
  s.sending = nil
  if err ~= nil then s.write_error = s.write_error or err end
  proceed(s, on_sent)
end

-- What carries it is no longer read: it is closed, or its handshake has failed.
function M.stop_receiving(s)
  local p = s.receiving
  if p and p ~= true then p:cancel() end
end

-- No read waits for plaintext any more: the transport is not read without one.
local function withdraw_read(s, entry)
  s.reads:remove(entry)
  if first(s.reads) == nil then M.stop_receiving(s) end
end

local function stand_first(s, promise, n, number)
  local reader = waiting.reader(s.conn, promise, number)
  local entry = { n = n, promise = promise or reader, resolver = reader }
  if promise then promise:on_cancel(function() withdraw_read(s, entry) end) end
  local q = line(s, "reads")
  s.conn:slow_in(true)
  q:put_back(entry)
end

-- The read that waits in C goes to the line, as its first. Nobody else has its promise.
local function line_up(s, promise, n, number)
  if promise == nil then return end
  local ok, err = pcall(stand_first, s, promise, n, number)
  if not ok or s.gone then drop(s.conn, promise, number, s.gone and lwt.Closed or err) end
end

-- A write waits for what the peer sends for TLS itself, whether anybody reads or not.
function unblock(s)
  line_up(s, s.conn:withdraw())
  while s.blocked and not (s.gone or s.receiving or s.sending) do
    s.write_error = s.write_error or s.read_error
    if s.write_error ~= nil or receive(s) then push_out(s) end
  end
  pump_in(s)
end

-- A handshake that has waited in C: the socket itself tells what is wrong, or waits in its line.
local function receive_for(s, number)
  local task_at = waiting.reader(s.conn, false, number)
  local p = s.kind.read(s.below)
  s.receiving = p
  p:on_any(function(data)
    s.receiving = nil
    if not s.gone then feed(s, data) end
    if s.read_error then return task_at:wakeup_exn(s.read_error) end
    task_at:wakeup()
  end, function(err)
    s.receiving = nil
    task_at:wakeup_exn(s.read_error or err)
  end)
end

csession.attend(function(s, promise, n, number)
  if promise == nil then return proceed(s, pump_out) end
  if n > 0 then
    line_up(s, promise, n, number)
    return proceed(s, go_on)
  end
  local ok, err = pcall(receive_for, s, number)
  if not ok then drop(s.conn, promise, number, err) end
end)

local function check(s, name, up)
  if getmetatable(s) ~= Stream then args.wrong(1, name, "TLS stream", s, up or 1) end
end

local function stand_last(s, n)
  local promise, resolver = task()
  local entry = { n = n, promise = promise, resolver = resolver }
  promise:on_cancel(function() withdraw_read(s, entry) end)
  line(s, "reads"):push(entry)
  if not s.gone then return promise end
  s.reads:remove(entry)
  return rejected(lwt.Closed)
end

local function slow_read(s, n)
  if any_due[1] and cancel_due() then return later(slow_read, s, n) end
  if s.gone then return rejected(lwt.Closed) end
  s.conn:slow_in(true)
  line_up(s, s.conn:withdraw())
  if s.gone then return rejected(lwt.Closed) end
  if first(s.reads) == nil and not s.serving then
    local data, why = take(s, n)
    if why ~= "more" then
      if not s.gone then
        look_in(s)
        if s.blocked or s.conn:pending() > 0 then proceed(s, pump_out) end
      end
      if data then return fulfilled(data) end
      if why == "end" then return fulfilled(nil) end
      return rejected(why)
    end
  end
  local ok, promise = pcall(stand_last, s, n)
  proceed(s, go_on) -- also for those before it, who no longer wait in C
  if not ok then error(promise, 0) end
  return promise
end

-- A part of a handshake's task, where it does not wait in C: feed the connection with what comes next.
function M.receive(s)
  take_in(s, await(s.kind.read(s.below)))
end

-- Called by the method in C; raises for its caller.
local function read(s, n)
  check(s, "read", 2)
  if n == nil then
    n = MOST
  elseif math.type(n) ~= "integer" or n < 1 then
    n = args.integer(2, "read", n, 1, 1)
  end
  return slow_read(s, n)
end

-- ---- Writing -----------------------------------------------------------------------------------

local function after_the_end()
  return core.error { code = "EPIPE", errno = 32, message = "broken pipe", op = "write" }
end

-- What a write gives where nothing can be written any more, or nil.
local function refusal(s, entry)
  if s.gone then return rejected(lwt.Closed) end
  if s.ended then return entry.last and s.ending or rejected(after_the_end()) end
  if s.write_error ~= nil then return rejected(s.write_error) end
  return nil
end

-- (No call is between the second look and the place in the line.)
local function stand(s, entry, promise)
  local q = line(s, "writes")
  s.conn:slow_out(true)
  local refused = refusal(s, entry)
  if refused then return refused end
  if entry.last then s.ended, s.ending = true, promise end
  local place = q.last + 1
  q[place], q.last = entry, place
  return nil
end

local function begin(s, entry)
  if any_due[1] and cancel_due() then return later(begin, s, entry) end
  local refused = refusal(s, entry)
  if refused then return refused end
  local promise, resolver = task()
  entry.promise, entry.resolver = promise, resolver
  -- A write that is encrypted in part has to go out whole: only its promise is rejected then.
  promise:on_cancel(function()
    if entry.at == 0 and not entry.last then s.writes:remove(entry) end
  end)
  refused = stand(s, entry, promise) -- (a finalizer may have ended it)
  if refused then return refused end
  proceed(s, pump_out)
  return promise
end

-- Called by the method in C; `done`: how many bytes of it are encrypted already.
local function write(s, data, done)
  check(s, "write", 2)
  return begin(s, { data = transport.joined(data, "write", 2), at = done or 0 })
end

Stream.read, Stream.write = csession.methods(Stream, read, write, fulfilled())

function Stream.writev(s, list)
  check(s, "writev")
  return s:write(transport.joined(list, "writev", 1))
end

function Stream.shutdown(s)
  check(s, "shutdown")
  return begin(s, { data = "", at = 0, last = true }):protected()
end

-- ---- The end -------------------------------------------------------------------------------------

-- Sends our close_notify, though the peer may have gone: false when it could not be sent.
local function goodbye(s)
  while s.sending == true do await(lwt.pause()) end -- a finalizer closes it in the middle of that
  local p = s.sending
  if p then pcall(await, lwt.with_timeout(GRACE, lwt.protected(p))) end
  if s.write_error or s.sending or s.conn:is_busy() then return false end
  s.conn:finish()
  local out = not (s.kind.is_socket and s.conn:send(s.below)) and s.conn:output()
  return not out or pcall(await, lwt.with_timeout(GRACE, s.kind.write(s.below, out)))
end

-- A task. A channel below reports an error of writing again when it is closed. Where only our
-- close_notify met that error it is ignored: all writes have been reported.
local function end_it(s)
  local ok, said = pcall(goodbye, s)
  said = ok and said -- (for want of memory it may fail, and what is below is closed all the same)
  if said then pcall(transport.linger, s, GRACE) end
  s.conn:free()
  local err
  ok, err = pcall(await, s.kind.close(s.below))
  if said and not ok then error(err, 0) end
end

-- Nearly always our goodbye goes out at once, and nothing has to be waited for: gives the promise of the
-- socket's close. Otherwise nil, and `end_it` goes on from there.
local function end_at_once(s)
  if not s.kind.is_socket or s.sending or s.write_error then return nil end
  local said, still_sends = s.conn:part(s.below)
  s.still_sends = still_sends
  if not said or still_sends then return nil end
  s.conn:free()
  return s.below:close()
end

-- A write of which not all was encrypted.
local function is_torn(entry) return not entry.last and entry.at < #entry.data end

local function close_down(s)
  M.stop_receiving(s)
  fail_writes(s, lwt.Closed)
  while first(s.reads) do give(s, s.reads:pop(), nil, lwt.Closed) end
  local ok, closing = pcall(end_at_once, s)
  return lwt.no_cancel(ok and closing or lwt.spawn(end_it, s))
end

-- Where something that was to be written is thrown away, here or (`torn`) in a channel above, there is no
-- goodbye: by it the other side would take what it has for the whole.
function Stream.close(s, torn)
  check(s, "close")
  if s.closing then return s.closing end
  s.closing = ended -- for calls from within what follows
  s.gone = true
  if torn == true or s.writes and s.writes:any(is_torn) then
    s.write_error = s.write_error or lwt.Closed
  end
  line_up(s, s.conn:stop())
  local ok, closing = pcall(close_down, s)
  if not ok then
    -- No memory. Without a goodbye, but closed; and who calls it again is given what comes of that.
    s.closing = s.kind.close(s.below)
    error(closing, 0)
  end
  s.closing = closing
  return closing
end

function Stream.__close(s) s:close() end

function Stream.__tostring(s)
  return ("lwt.ssl.stream (%s): %p"):format(s.gone and "closed" or "open", s)
end

function Stream.is_closed(s)
  check(s, "is_closed")
  return s.gone == true
end

about.show(Stream, check)
transport.show(Stream, check)
waiting.show(Stream, write)

return M
