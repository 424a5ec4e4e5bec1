-- Internal: what worker threads log goes to the loggers of the state that they work for.
--
-- A worker asks for its box when it loads lwt.log: two thread channels, its name ("worker 1"), and the
-- rules as they are then. Into the one it sends records, made of plain values; when that was empty it
-- also has `wake` called there, which takes out what there is. (No receiver waits at the other end: it
-- would count as something that may still happen, and `run` would report no deadlock any more.) In the
-- other, `news`, it finds the rules when they have changed, for which it looks before each function that
-- it runs, in each turn of a loop of its own, and with each record. A worker that ends closes that one.

local lwt = require "lwt"
local core = require "lwt.core"
local logger = require "lwt.log.logger"
local rules_of = require "lwt.log.rules"
local section = require "lwt.log.section"
local template = require "lwt.log.template"
local text = require "lwt.log.text"
local unwritten = require "lwt.log.unwritten"

local await = lwt.await

local M = {}

local ROOM = 1000 -- records between a worker and the receiver
local AT_ONCE = 200 -- records of one turn
local AHEAD = 1000 -- records that are given to the logger before the receiver waits for it

-- ---- In the state that has the workers ------------------------------------------

-- number -> { channel =, news =, name =, taken = how many, serving = is somebody taking }
local boxes = {}
local newest = 0

local function receive(box, s, level, message, time, fields, extra)
  fields = fields or {}
  if fields.worker == nil then fields.worker = box.name end
  local l = section.state.default or section.state.make_default()
  return logger.log(l, section.section(s), level, message, time, fields, extra)
end

local function handle(box, ...)
  box.taken = box.taken + 1
  local ok, p = pcall(receive, box, ...)
  if ok then return p end
  core.report(p)
  return logger.done
end

-- What is in a channel is received at once, but not in a task to which a cancel is due, nor without
-- memory: then it stays there (a receiver that is withdrawn loses nothing).
local function there(p)
  if p:is_pending() then p:cancel() end
  return p:state() == "fulfilled"
end

-- Gives the next record of a box to the logger: its promise, or nil.
local function next_of(box)
  if #box.channel == 0 then return nil end
  local p = box.channel:recv()
  return there(p) and handle(box, select(2, p:state())) or nil
end

-- Takes what is in a box. Others have their turn, and a logger that does not keep up is waited for.
local function take(box)
  box.serving = false
  local function again() take(box) end
  for _ = 1, AT_ONCE do
    local p = next_of(box)
    if not p then break end
    if box.taken % AHEAD == 0 and p:is_pending() then
      p:on_any(again, again)
      box.serving = true
      return
    end
  end
  if #box.channel == 0 then return end
  lwt.pause():on_success(again)
  box.serving = true
end

-- Called for a worker that has put something into its empty box, or cannot put more into it.
function M.wake(number)
  local box = boxes[number]
  if box and not box.serving then take(box) end
end

local function all_boxes()
  local list = {}
  for _, box in pairs(boxes) do list[#list + 1] = box end
  return list
end

-- At the end of a run: what workers have sent until then is received (not what they go on to send).
local function receive_all()
  for _, box in ipairs(all_boxes()) do
    local all = box.taken + #box.channel
    if not box.serving then take(box) end
    while box.taken < all do await(lwt.sleep(0.001)) end
  end
end

-- The same at once, when a logger is closed: what workers have logged before belongs to it.
local function receive_now()
  lwt.spawn(function() -- (whatever is with the task that closes)
    for _, box in ipairs(all_boxes()) do
      for _ = 1, #box.channel do
        if not next_of(box) then break end
      end
    end
  end)
end

local function forget_ended()
  for number, box in pairs(boxes) do
    if box.news:is_closed() and #box.channel == 0 then boxes[number] = nil end
  end
end

-- The rules as they can be sent, and what set_level has set.
local function as_values()
  local list = {}
  for i, rule in ipairs(section.get_rules()) do list[i] = { rule.pattern, rule.level } end
  return list, section.get_pins()
end

local function tell_workers()
  local list, pins = as_values()
  for _, box in ipairs(all_boxes()) do
    local news = box.news
    if not news:is_closed() then
      if #news > 0 then news:recv():cancel() end -- out of date
      news:send(list, pins):state()
    end
  end
end

-- Called by a worker, in a task of this state: its channels, number and name, the rules, what set_level
-- has set.
function M.attach()
  local channel = require "lwt.preemptive".channel
  forget_ended()
  newest = newest + 1
  local number = newest
  local box = {
    channel = channel(ROOM), news = channel(1), name = "worker " .. number, taken = 0,
    serving = false,
  }
  boxes[number] = box
  if number == 1 then
    local sending = unwritten.before_end -- of a worker that has workers
    unwritten.before_end = function()
      receive_all()
      if sending then sending() end
    end
    unwritten.before_close, section.changed = receive_now, tell_workers
  end
  return box.channel, box.news, number, box.name, as_values()
end

-- ---- In a worker ----------------------------------------------------------------

-- Tables of plain values stay tables (a few deep: they may contain themselves), for JSON.
local function plain(fields, depth)
  local copy = {}
  for key, value in next, fields do
    local kind = type(value)
    if kind == "table" and depth < 8 and getmetatable(value) == nil then
      value = plain(value, depth + 1)
    elseif kind ~= "number" and kind ~= "boolean" then
      value = text.safe(value)
    end
    copy[math.type(key) == "integer" and key or text.safe(key)] = value
  end
  return copy
end

local pending = {} -- sends that wait for room -> true

-- What a send gives; calls `wake` when it has had to wait, for the receiver may have stopped by
-- then.
local function sent(p, wake)
  if p:state() ~= "pending" then return p end
  if next(pending) == nil then wake() end -- (it may have given up, for want of memory)
  -- Outside of a loop nothing would run it later.
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

local function send_pending()
  local p = next(pending)
  while p do
    local ok, err = pcall(await, p)
    if not ok and rawequal(err, lwt.Canceled) then error(err, 0) end -- it takes too long
    pending[p] = nil
    p = next(pending)
  end
end

-- The logger of a worker.
local function forward(thread, ch, number, name, look)
  local function wake() thread.run_in_main_dont_wait(M.wake, number) end
  return logger.new {
    write = function(_, s, level, message, time, fields)
      look()
      local p = ch:send(s.name, level, message, time, fields and plain(fields, 1), {
        task = lwt.current() and lwt.name() or name,
        file = template.place(nil, "file"), line = template.place(nil, "line"),
      })
      if #ch == 1 then wake() end
      return sent(p, wake)
    end,
  }
end

-- Gives a function that takes over what is new, and has it called when there may be something.
local function follow(thread, news, list, pins)
  local before = {}
  local function take_over(rules, levels)
    local made = {}
    for i, rule in ipairs(rules) do made[i] = rules_of.rule(rule[1], rule[2]) end
    section.take_over(made, levels, before)
    before = levels
  end
  take_over(list, pins)
  local function look()
    if #news == 0 then return end
    local p = news:recv()
    if there(p) then take_over(select(2, p:state())) end
  end
  thread.before_each(look)
  core.bare(lwt.on_iteration, "leave", look) -- (not with the storage of whoever comes first)
  return look
end

-- In a worker: takes over the rules, and gives its logger; nil where the main state has gone.
function M.join()
  local thread = require "lwt.uv".thread
  local ok, ch, news, number, name, list, pins = pcall(thread.run_in_main, function()
    return require "lwt.log.worker".attach()
  end)
  if not ok or not ch then return nil end
  unwritten.before_end = send_pending
  local l = forward(thread, ch, number, name, follow(thread, news, list, pins))
  l.guard = setmetatable({}, { __gc = function() news:close() end })
  return l
end

return M
