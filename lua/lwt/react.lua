--- Events and signals: values that change, and what depends on them, kept up to date. (A port of two of
--- OCaml's libraries, React and Lwt_react.)
---
--- ```lua
--- local react = require "lwt.react"
--- local celsius, set = react.S.create(20)
--- local fahrenheit = celsius:map(function(c) return c * 9 // 5 + 32 end)
--- print(fahrenheit:value())                 --> 68
--- local shown = fahrenheit:notify(print)
--- set(100)                                  --> 212
--- shown:stop()
--- ```
---
--- An **event** occurs at instants, with a value. A **signal** always has a value, and
--- changes at instants. What is made from them is kept up to date: `s:map(f)` is a signal,
--- `e:filter(f)` an event. `react.E` has the functions of events, `react.S` those of signals;
--- all are methods as well.
---
--- - A send is an **update step**: everything that depends on it is updated once, in the order
---   of dependency, so that nothing ever sees half of a change. Several primitives may be set
---   at the same time: `react.Step`.
--- - One step at a time: what is sent while one runs becomes a step of its own, right after.
--- - Links are **weak** downwards: an event or signal that nothing refers to is collected and
---   stops, side effects included. Keep a reference, or use `keep`, `retain` or `notify`.
--- - Signals compare: setting the value that it has is no update (`==`, or the `eq` given).
--- - Functions are plain callbacks, and those of the `_s` and `_p` forms tasks. One that fails
---   goes to the exception hook, and that event or change is skipped.
---
--- `S.const` is React's `return`, `E.until_` its `until`: keywords in Lua.

local args = require "lwt.internal.args"
local G = require "lwt.react.graph"
require "lwt.react.event"
require "lwt.react.signal"

-- What works with promises and tasks.
local later = require "lwt.internal.later"
later(G.E, "lwt.react.event_tasks", [[accum_s app_p app_s delay diff_s filter_p filter_s
  fmap_p fmap_s fold_s from keep limit map_p map_s merge_s next of_stream run_p run_s to_stream
  with_finaliser]])
later(G.S, "lwt.react.signal_tasks", [[accum_s app_s bind_s diff_s filter_s fmap_s fold_s
  keep l1_s l2_s l3_s l4_s l5_s l6_s limit map_s merge_s run_s sample_s with_finaliser]])
later(G.E, "lwt.react.notify", "notify notify_p notify_s")
later(G.S, "lwt.react.notify", "notify notify_p notify_s")

--- An event.
---@class lwt.Event

--- A signal.
---@class lwt.Signal

--- Several sends at one instant.
---@class lwt.Step

--- What `notify` gives: `stop()` ends it, and so does `<close>`.
---@class lwt.Notifier
---@field stop fun(self: lwt.Notifier)

local M = { E = G.E, S = G.S }

local Step = {}
local step_mt = { __index = Step, __name = "lwt.react.step" }
M.Step = Step

local function check(step, name)
  if getmetatable(step) ~= step_mt then args.wrong(1, name, "step", step, 1) end
end

--- A step that several primitives can be queued on: `send(v, step)`.
---@return lwt.Step
---```lua
---local a, set_a = react.S.create(1)
---local b, set_b = react.S.create(2)
---local sum = react.S.l2(a, b, function(x, y) return x + y end)
---local seen = sum:changes():map(function(v) print(v) end)   --> 30
---local step = react.Step.create()
---set_a(10, step) set_b(20, step)
---step:execute()
---```
---@function react.Step.create()
function Step.create()
  return setmetatable({ list = {}, nodes = {}, over = false }, step_mt)
end

--- Run a step: all that is queued on it happens at one instant. A step runs once.
---@param step lwt.Step
---@function react.Step.execute(step)
function Step.execute(step)
  check(step, "execute")
  if step.over then args.bad(1, "execute", "the step was executed already") end
  step.over = true
  G.send_all(step.list)
end

-- Called by the senders, as a tail call.
function G.add(step, set, node, v)
  if getmetatable(step) ~= step_mt then
    args.wrong(2, "send", "step", step)
  end
  if step.over then args.bad(2, "send", "the step was executed already") end
  if step.nodes[node] then args.bad(2, "send", "it has a value in this step") end
  step.nodes[node] = true
  step.list[#step.list + 1] = { set = set, node = node, v = v }
end

return M
