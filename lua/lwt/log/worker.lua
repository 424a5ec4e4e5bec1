-- Internal: what worker threads log goes to the loggers of the state that they work for.
--
-- That state has one thread channel for all its workers, `inbox`, and receives from it as long as the
-- state lives. A worker asks for the channel when it loads lwt.log, and gets with it
-- its name ("worker 1") and the rules as they are then. It sends records, made of plain values.

local lwt = require "lwt"
local core = require "lwt.core"
local logger = require "lwt.log.logger"
local rules_of = require "lwt.log.rules"
local section = require "lwt.log.section"
local template = require "lwt.log.template"
local text = require "lwt.log.text"
local writer = require "lwt.log.writer"

local await = lwt.await

local M = {}

local ROOM = 1000 -- records between a worker and the receiver
local AT_ONCE = 200 -- records of one turn
local AHEAD = 1000 -- records that are given to the logger before the receiver waits for it

-- ---- In the state that has the workers ------------------------------------------

local inbox, workers = nil, 0

local function receive(s, level, message, time, fields, extra)
  fields = fields or {}
  if fields.worker == nil then fields.worker = extra.worker end
  local l = section.state.default or section.state.make_default()
  return logger.log(l, section.section(s), level, message, time, fields, extra)
end

-- Gives the record of a message to the logger, if it is there: its state, and the record's promise.
local given = 0
local function handle(state, ...)
  if state ~= "fulfilled" then return state end
  given = given + 1
  return state, receive(...)
end

-- Receives for ever, by callbacks: there is no task that would seem to have been left behind. Others
-- have their turn, and a logger that does not keep up is waited for.
local function serve()
  for _ = 1, AT_ONCE do
    local message = inbox:recv()
    local state, p = handle(message:state())
    if state == "pending" then
      message:on_success(function(...)
        handle("fulfilled", ...)
        serve()
      end)
      return
    elseif state == "rejected" then
      return
    end
    if given % AHEAD == 0 and p:is_pending() then
      p:on_any(serve, serve)
      return
    end
  end
  lwt.pause():on_success(serve)
end

-- At the end of a run: what workers have sent until then is received (not what they go on to send).
local function receive_all()
  local all = given + #inbox
  while given < all do await(lwt.sleep(0.001)) end
end

-- Called by a worker, in a task of this state: the channel, the worker's name, the rules, what
-- set_level has set.
function M.attach()
  if not inbox then
    inbox = require "lwt.preemptive".channel(ROOM)
    writer.before_end = receive_all
    serve()
  end
  workers = workers + 1
  local list = {}
  for i, rule in ipairs(section.get_rules()) do list[i] = { rule.pattern, rule.level } end
  return inbox, "worker " .. workers, list, section.get_pins()
end

-- ---- In a worker ----------------------------------------------------------------

local function plain(fields)
  if not fields then return nil end
  local copy = {}
  for key, value in next, fields do
    local kind = type(value)
    if kind ~= "number" and kind ~= "boolean" then value = text.safe(value) end
    copy[text.safe(key)] = value
  end
  return copy
end

local pending = {} -- sends that wait for room -> true

local function sent(p)
  if p:state() ~= "pending" then return p end
  -- Outside of a loop nobody would see to it later.
  if not core.busy() then
    -- (What run itself raises is the end of the worker: nothing may hold that up.)
    local failure
    lwt.run(p:catch(function(err) failure = logger.failure(err) end))
    return failure or logger.done
  end
  pending[p] = true
  local function over() pending[p] = nil end
  p:on_any(over, over)
  return lwt.no_cancel(p)
end

-- The logger of a worker.
local function forward(ch, name)
  writer.before_end = function()
    for p in pairs(pending) do pcall(await, p) end
  end
  return logger.new {
    sure = true,
    write = function(_, s, level, message, time, fields)
      return sent(ch:send(s.name, level, message, time, plain(fields), {
        task = lwt.current() and lwt.name() or name,
        file = template.place(nil, "file"), line = template.place(nil, "line"), worker = name,
      }))
    end,
  }
end

-- In a worker: takes over the rules, and gives its logger; nil where the main state has gone.
function M.join()
  local thread = require "lwt.uv".thread
  local ok, ch, name, list, pins = pcall(thread.run_in_main, function()
    return require "lwt.log.worker".attach()
  end)
  if not ok or not ch then return nil end
  local rules = {}
  for i, rule in ipairs(list) do rules[i] = rules_of.rule(rule[1], rule[2]) end
  section.set_rules(rules)
  section.set_pins(pins)
  return forward(ch, name)
end

return M
