-- Internal: what worker threads log goes to the loggers of the state that they work for.
--
-- A worker asks for its box when it loads lwt.log: a thread channel, its name ("worker 1"), and the rules
-- as they are then. It sends records, made of plain values; when the box was empty it also has `wake`
-- called there, which takes out what there is. (Nobody waits at the other end: that would be something
-- that may still come, and no deadlock would be told any more.)

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

local boxes = {} -- { channel =, name =, taken = how many, serving = is somebody taking }

local function receive(box, s, level, message, time, fields, extra)
  fields = fields or {}
  if fields.worker == nil then fields.worker = box.name end
  local l = section.state.default or section.state.make_default()
  return logger.log(l, section.section(s), level, message, time, fields, extra)
end

-- Gives the record of a message to the logger: its promise; nil when there is no message after all.
local function handle(box, state, ...)
  if state ~= "fulfilled" then return nil end
  box.taken = box.taken + 1
  return receive(box, ...)
end

-- Takes what is in a box. Others have their turn, and a logger that does not keep up is waited for.
local function take(box)
  local function again() take(box) end
  for _ = 1, AT_ONCE do
    local p = #box.channel > 0 and handle(box, box.channel:recv():state())
    if not p then
      box.serving = false
      return
    elseif box.taken % AHEAD == 0 and p:is_pending() then
      p:on_any(again, again)
      return
    end
  end
  lwt.pause():on_success(again)
end

-- Called for a worker that has put something into its empty box.
function M.wake(number)
  local box = boxes[number]
  if box.serving then return end
  box.serving = true
  take(box)
end

-- At the end of a run: what workers have sent until then is received (not what they go on to send).
local function receive_all()
  for number, box in ipairs(boxes) do
    local all = box.taken + #box.channel
    M.wake(number)
    while box.taken < all do await(lwt.sleep(0.001)) end
  end
end

-- Called by a worker, in a task of this state: its channel, number and name, the rules, what set_level
-- has set.
function M.attach()
  local number = #boxes + 1
  local box = {
    channel = require "lwt.preemptive".channel(ROOM), name = "worker " .. number, taken = 0,
    serving = false,
  }
  boxes[number] = box
  writer.before_end = receive_all
  local list = {}
  for i, rule in ipairs(section.get_rules()) do list[i] = { rule.pattern, rule.level } end
  return box.channel, number, box.name, list, section.get_pins()
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

-- What a send gives; `wake` when it has had to wait, for nobody may be taking any more by then.
local function sent(p, wake)
  if p:state() ~= "pending" then return p end
  -- Outside of a loop nobody would see to it later.
  if not core.busy() then
    -- (What run itself raises is the end of the worker: nothing may hold that up.)
    local failure
    lwt.run(p:catch(function(err) failure = logger.failure(err) end))
    wake()
    return failure or logger.done
  end
  pending[p] = true
  local function over()
    pending[p] = nil
    if next(pending) == nil then wake() end
  end
  p:on_any(over, over)
  return lwt.no_cancel(p)
end

-- The logger of a worker.
local function forward(thread, ch, number, name)
  writer.before_end = function()
    local p = next(pending)
    while p do
      local ok, err = pcall(await, p)
      if not ok and rawequal(err, lwt.Canceled) then error(err, 0) end -- it takes too long
      pending[p] = nil
      p = next(pending)
    end
  end
  local function wake() thread.run_in_main_dont_wait(M.wake, number) end
  return logger.new {
    sure = true,
    write = function(_, s, level, message, time, fields)
      local p = ch:send(s.name, level, message, time, plain(fields), {
        task = lwt.current() and lwt.name() or name,
        file = template.place(nil, "file"), line = template.place(nil, "line"),
      })
      if #ch == 1 then wake() end
      return sent(p, wake)
    end,
  }
end

-- In a worker: takes over the rules, and gives its logger; nil where the main state has gone.
function M.join()
  local thread = require "lwt.uv".thread
  local ok, ch, number, name, list, pins = pcall(thread.run_in_main, function()
    return require "lwt.log.worker".attach()
  end)
  if not ok or not ch then return nil end
  local rules = {}
  for i, rule in ipairs(list) do rules[i] = rules_of.rule(rule[1], rule[2]) end
  section.set_rules(rules)
  section.set_pins(pins)
  return forward(thread, ch, number, name)
end

return M
