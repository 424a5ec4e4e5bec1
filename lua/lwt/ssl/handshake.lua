-- Internal: from a transport to a TLS stream.

local lwt = require "lwt"
local core = require "lwt.ssl.core"
local context = require "lwt.ssl.contexts"
local stream = require "lwt.ssl.stream"
local transport = require "lwt.ssl.transport"

local await, is_promise = lwt.await, lwt.is_promise
local unview = require "lwt.core".unview

local M = {}

local PATIENCE = 10 -- seconds that a handshake may take unless told otherwise
local LAST_WORDS = 1 -- seconds for the alert that says why it has failed

-- Options of a connection, besides those of its context.
local OWN = {
  context = "table", name = "string", session = "userdata", timeout = "number",
  allow_truncation = "boolean",
}

-- Split options into those of the connection and those of a context, which are nil when there are
-- none. Raises text without a position.
function M.split(opts)
  local own, rest = {}, nil
  opts = unview(opts)
  if context.is(opts) then return { context = opts }, nil end
  if type(opts) ~= "table" then error("table expected, got " .. type(opts), 0) end
  for key, value in pairs(opts) do
    local kind = OWN[key]
    if kind then value = unview(value) end
    if not kind then
      rest = rest or {}
      rest[key] = value
    elseif type(value) ~= kind then
      error(("option '%s': %s expected, got %s"):format(key, kind, type(value)), 0)
    else
      own[key] = value
    end
  end
  if own.context then
    if not context.is(own.context) then error("option 'context': no context of lwt.ssl", 0) end
    local key = next(rest or {})
    if key ~= nil then
      error(("option '%s': of a context, and one is given"):format(tostring(key)), 0)
    end
  end
  if own.session and not core.is_session(own.session) then
    error("option 'session': what a stream's 'session' gives expected", 0)
  end
  if own.timeout and (own.timeout <= 0 or own.timeout ~= own.timeout) then
    error("option 'timeout': a number of seconds above 0 expected", 0)
  end
  return own, rest
end

-- The name as certificates have it: no dot at its end, no brackets, ASCII.
local function name_of(text)
  local name = text:gsub("%.$", ""):gsub("^%[(.*)%]$", "%1"):gsub("%%.*$", ""):lower()
  if name == "" or #name > 255 or name:find "[^!-~]" then
    error(("option 'name': '%s' is no name of a host (write one that is not ASCII as xn--…)")
      :format(text), 0)
  end
  return name
end

-- What a connection begins with, from options; `host` is the name where they give none.
function M.client_plan(opts, host)
  local own, rest = M.split(opts)
  local given = own.name or host
  local name = given and name_of(given)
  local unverified = own.context and own.context.unverified or rest and rest.verify == false
  if not name and not unverified then
    error("option 'name' is missing: whom the certificate is to be of (or say verify = false)", 0)
  end
  own.name = name
  own.context = own.context or (rest and context.make(rest, "client") or context.default())
  if own.context.role ~= "client" then error("option 'context': it is a server's", 0) end
  return own
end

function M.server_plan(opts)
  if context.is(opts) and opts.role == "server" then return opts.plan end
  local own, rest = M.split(opts)
  if own.name then error("option 'name': of clients", 0) end
  own.context = own.context or context.make(rest or {}, "server")
  if own.context.role ~= "server" then error("option 'context': it is a client's", 0) end
  return own
end

-- ---- The handshake -----------------------------------------------------------------------------

local function connection_of(plan)
  local c = plan.context
  local conn = core.connection(c.raw)
  if plan.name then conn:expect(plan.name, not c.unverified) end
  if plan.session then conn:resume(plan.session) end
  return conn
end

-- The server's own choice, by the name that the client wants: a context, or nil. The function may wait.
local function choose(s, c, name)
  local chosen = c.sni(name)
  if is_promise(chosen) then chosen = await(chosen) end
  chosen = unview(chosen)
  if chosen ~= nil and (not context.is(chosen) or chosen.role ~= "server") then
    error("the function 'sni' of a context gave no server's context", 0)
  end
  if s.over then -- (and the cancel that is due must not cut short what is still to be said)
    pcall(await, lwt.pause())
    error(lwt.Canceled, 0)
  end
  s.conn:choose(chosen and chosen.raw)
  return chosen
end

local function log_keys(c, conn)
  local lines = conn:keys()
  for line in (lines or ""):gmatch("[^\n]+") do c.keylog(line) end
end

-- Send the reason to the peer, if that is possible, before the promise is rejected.
local function last_words(s)
  stream.pump_out(s)
  local p = s.sending
  if p and p ~= true then pcall(await, lwt.with_timeout(LAST_WORDS, lwt.protected(p))) end
end

-- The function may fail, or be cancelled. The peer, who waits for an answer, is told.
local function answer(s, c, name)
  local ok, chosen = pcall(choose, s, c, name)
  if s.gone then error(lwt.Canceled, 0) end
  if ok then return chosen end
  s.conn:refuse()
  last_words(s)
  error(chosen, 0)
end

-- What could not be sent the peer would wait for, and we for the peer. Where the peer has gone, what it
-- has sent before tells more.
local function check_sent(s)
  local err = s.write_error
  if err == nil then return end
  local code = type(err) == "table" and err.code
  if code ~= "EPIPE" and code ~= "ECONNRESET" then error(err, 0) end
end

-- True when it is done; and the context that the client's name has chosen, in the step that asks.
local function step(s, c)
  if s.gone then error(lwt.Canceled, 0) end -- given up while what carries it did not heed that
  local conn = s.conn
  local what, more = conn:handshake(s.sending ~= nil or s.write_error ~= nil)
  if what == "done" and not more then return true end -- nothing is left to be sent
  if is_promise(what) then what, more = await(what) end
  if what == nil then
    last_words(s)
    error(more, 0)
  end
  if conn:pending() > 0 then
    stream.pump_out(s)
    check_sent(s)
  end
  if what == "read" then
    stream.receive(s)
  elseif what == "hello" then
    return false, answer(s, c, more)
  end
  return what == "done"
end

local function shake(s, c)
  local used = c
  repeat
    local done, chosen = step(s, c)
    used = chosen or used
  until done
  if used.keylog then log_keys(used, s.conn) end
  return s
end

-- The task of a handshake over what carries it, which stays open whatever happens. `own` is told its stream.
local function attempt(plan, kind, below, own)
  local s = stream.new(connection_of(plan), kind, below, plan)
  own.stream = s
  local ok, err = pcall(shake, s, plan.context)
  if ok then return s end
  s.gone = true
  local stopped = pcall(stream.stop_receiving, s)
  s.conn:free()
  if not stopped then pcall(stream.stop_receiving, s) end -- (there was no memory)
  -- What TLS could not send would be reported by the channel's own close.
  if kind.forget then pcall(kind.forget, below) end
  error(err, 0)
end

local function wait_for(trying)
  await(lwt.with_timeout(2 * LAST_WORDS, lwt.protected(trying)))
end

-- A task: the handshake has failed with `err`, by a cancel or a timeout that its own task may still be told. What
-- that has to say to the peer goes out before others get `lower` back, and after that it leaves it alone.
local function wind_up(trying, s, err)
  s.over = true
  pcall(wait_for, trying)
  if trying:is_pending() then s.gone = true end
  error(err, 0)
end

local function in_time(plan, trying, own)
  return lwt.with_timeout(plan.timeout or PATIENCE, trying):catch(function(err)
    if not trying:is_pending() then error(err, 0) end
    local last = lwt.spawn(wind_up, trying, own.stream, err)
    local ok, shielded = pcall(lwt.no_cancel, last)
    return ok and shielded or last
  end)
end

-- `kind` and `below`: what carries it (lua/lwt/ssl/transport.lua).
function M.start(plan, kind, below)
  local own = {}
  local trying = lwt.spawn(attempt, plan, kind, below, own)
  local ok, timed = pcall(in_time, plan, trying, own)
  if ok then return timed end
  trying:cancel() -- no memory: it must not go on alone
  error(timed, 0)
end

-- The same over something of our own, which is closed when it fails.
function M.start_on(lower, plan)
  local begun, p = pcall(lwt.spawn, function()
    local ok, s = pcall(function() return await(M.start(plan, transport.of(lower))) end)
    if ok then return s end
    pcall(lower.close, lower)
    error(s, 0)
  end)
  if begun then return p end
  pcall(lower.close, lower) -- no memory
  error(p, 0)
end

return M
