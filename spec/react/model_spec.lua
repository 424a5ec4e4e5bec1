-- React against recomputation from scratch: random graphs of signals and events, some of
-- which change their shape, are driven by random steps; after each one every node must be
-- what a naive evaluation of the whole graph says, and no function may have been called
-- twice in it. (How many, and from which seed: spec/support/generated.lua.)

local react = require "lwt.react"
local generated = require "spec.support.generated"
local E, S = react.E, react.S


local random = math.random

-- A node: { real = the event or signal, eval = function(node), … } and, of signals, value
-- and changed; of events, occurs and v. `eval` sets those for the step.
local Graph = {}
Graph.__index = Graph

local function new_graph()
  return setmetatable({
    signals = {}, events = {}, nodes = {}, step = 0, calls = {}, twice = nil, trace = {},
  }, Graph)
end

function Graph:visit(node)
  if node.done == self.step then return node end
  node.done = self.step
  if node.signal then node.changed = false else node.occurs, node.v = false, nil end
  node.eval(node)
  return node
end

-- A function that may be called once a step.
function Graph:once_a_step(f)
  local last
  return function(...)
    if last == self.step then self.twice = true end
    last = self.step
    return f(...)
  end
end

function Graph:add(kind, node, text)
  local list = kind == "S" and self.signals or self.events
  node.signal = kind == "S"
  list[#list + 1] = node
  self.nodes[#self.nodes + 1] = node
  node.name = kind .. #list
  self.trace[#self.trace + 1] = node.name .. " = " .. text
  if kind == "E" then
    node.seen = {}
    node.notifier = node.real:notify(function(v) table.insert(node.seen, v) end)
  end
  return node
end

local function pick(list) return list[random(#list)] end

local function set(node, v)
  if v ~= node.value then node.value, node.changed = v, true end
end

local function occur(node, v) node.occurs, node.v = true, v end

local MAKERS = {
  function(g) -- map
    local a, k = pick(g.signals), random(1, 3)
    local real = a.real:map(g:once_a_step(function(v) return v // k end))
    g:add("S", { real = real, value = a.value // k, eval = function(node)
      if g:visit(a).changed then set(node, a.value // k) end
    end }, ("map(%s) // %d"):format(a.name, k))
  end,
  function(g) -- l2
    local a, b = pick(g.signals), pick(g.signals)
    local function f(x, y) return (3 * x + y) % 100 end
    g:add("S", { real = S.l2(a.real, b.real, g:once_a_step(f)), value = f(a.value, b.value),
      eval = function(node)
        g:visit(a) g:visit(b)
        if a.changed or b.changed then set(node, f(a.value, b.value)) end
      end }, ("l2(%s, %s)"):format(a.name, b.name))
  end,
  function(g) -- merge
    local list, real, names = {}, {}, {}
    for i = 1, random(1, 5) do
      list[i] = pick(g.signals)
      real[i], names[i] = list[i].real, list[i].name
    end
    local function total()
      local sum = 0
      for _, a in ipairs(list) do sum = sum * 2 % 97 + a.value end
      return sum
    end
    g:add("S", {
      real = S.merge(real, 0, function(acc, v) return acc * 2 % 97 + v end), value = total(),
      eval = function(node)
        local any = false
        for _, a in ipairs(list) do any = g:visit(a).changed or any end
        if any then set(node, total()) end
      end,
    }, "merge(" .. table.concat(names, ", ") .. ")")
  end,
  function(g) -- filter
    local a, k = pick(g.signals), random(2, 3)
    local function ok(v) return v % k == 0 end
    g:add("S", {
      real = a.real:filter(-1, ok), value = ok(a.value) and a.value or -1,
      eval = function(node)
        if g:visit(a).changed and ok(a.value) then set(node, a.value) end
      end,
    }, ("filter(%s) %% %d"):format(a.name, k))
  end,
  function(g) -- hold, fold
    local e, kind = pick(g.events), random(2)
    if kind == 1 then
      g:add("S", { real = S.hold(e.real, 7), value = 7, eval = function(node)
        if g:visit(e).occurs then set(node, e.v) end
      end }, ("hold(%s)"):format(e.name))
    else
      local function f(acc, v) return (acc * 5 + v) % 1000 end
      g:add("S", { real = S.fold(e.real, 1, g:once_a_step(f)), value = 1, eval = function(node)
        if g:visit(e).occurs then set(node, f(node.value, e.v)) end
      end }, ("fold(%s)"):format(e.name))
    end
  end,
  function(g) -- on
    local a, c = pick(g.signals), pick(g.signals)
    local open = c.real:map(function(v) return v % 2 == 0 end)
    local function is_open() return c.value % 2 == 0 end
    g:add("S", {
      real = a.real:on(open, -5), value = is_open() and a.value or -5, open = open,
      eval = function(node)
        g:visit(a) g:visit(c)
        if (a.changed or c.changed) and is_open() then set(node, a.value) end
      end,
    }, ("on(%s, %s is even)"):format(a.name, c.name))
  end,
  function(g) -- bind, to signals that are there
    local a, list, names = pick(g.signals), {}, {}
    for i = 1, random(2, 4) do
      list[i] = pick(g.signals)
      names[i] = list[i].name
    end
    local function inner() return list[a.value % #list + 1] end
    g:add("S", {
      real = a.real:bind(function(v) return list[v % #list + 1].real end), value = inner().value,
      eval = function(node)
        g:visit(a)
        g:visit(inner())
        if a.changed or inner().changed then set(node, inner().value) end
      end,
    }, ("bind(%s) to %s"):format(a.name, table.concat(names, ", ")))
  end,
  function(g) -- bind, to signals that are made
    local a, b = pick(g.signals), pick(g.signals)
    g:add("S", {
      real = a.real:bind(function(v) return b.real:map(function(w) return (v + w) % 50 end) end),
      value = (a.value + b.value) % 50,
      eval = function(node)
        g:visit(a) g:visit(b)
        if a.changed or b.changed then set(node, (a.value + b.value) % 50) end
      end,
    }, ("bind(%s) to map(%s)"):format(a.name, b.name))
  end,
  function(g) -- changes, diff
    local a = pick(g.signals)
    if random(2) == 1 then
      g:add("E", { real = a.real:changes(), eval = function(node)
        if g:visit(a).changed then occur(node, a.value) end
      end }, ("changes(%s)"):format(a.name))
    else
      local last = a.value
      g:add("E", {
        real = a.real:diff(g:once_a_step(function(new, old) return new - old end)),
        eval = function(node)
          if g:visit(a).changed then
            occur(node, a.value - last)
            last = a.value
          end
        end,
      }, ("diff(%s)"):format(a.name))
    end
  end,
  function(g) -- sample
    local a, e = pick(g.signals), pick(g.events)
    local function f(v, w) return v * 2 + w end
    g:add("E", { real = a.real:sample(e.real, g:once_a_step(f)), eval = function(node)
      g:visit(a)
      if g:visit(e).occurs then occur(node, f(e.v, a.value)) end
    end }, ("sample(%s, %s)"):format(a.name, e.name))
  end,
  function(g) -- map, filter of an event
    local e, k = pick(g.events), random(2, 3)
    if random(2) == 1 then
      g:add("E", { real = e.real:map(g:once_a_step(function(v) return v + k end)),
        eval = function(node)
          if g:visit(e).occurs then occur(node, e.v + k) end
        end }, ("map(%s) + %d"):format(e.name, k))
    else
      g:add("E", { real = e.real:filter(function(v) return v % k == 0 end), eval = function(node)
        if g:visit(e).occurs and e.v % k == 0 then occur(node, e.v) end
      end }, ("filter(%s) %% %d"):format(e.name, k))
    end
  end,
  function(g) -- select, merge of events
    local list, real, names = {}, {}, {}
    for i = 1, random(1, 4) do
      list[i] = pick(g.events)
      real[i], names[i] = list[i].real, list[i].name
    end
    local text = table.concat(names, ", ")
    if random(2) == 1 then
      g:add("E", { real = E.select(real), eval = function(node)
        for _, e in ipairs(list) do
          if g:visit(e).occurs and not node.occurs then occur(node, e.v) end
        end
      end }, "select(" .. text .. ")")
    else
      g:add("E", { real = E.merge(real, 0, function(acc, v) return acc * 3 % 101 + v end),
        eval = function(node)
          local acc, any = 0, false
          for _, e in ipairs(list) do
            if g:visit(e).occurs then acc, any = acc * 3 % 101 + e.v, true end
          end
          if any then occur(node, acc) end
        end }, "merge(" .. text .. ")")
    end
  end,
  function(g) -- dismiss, on, until_
    local e, c, a = pick(g.events), pick(g.events), pick(g.signals)
    local kind = random(3)
    if kind == 1 then
      g:add("E", { real = e.real:dismiss(c.real), eval = function(node)
        g:visit(c)
        if g:visit(e).occurs and not c.occurs then occur(node, e.v) end
      end }, ("dismiss(%s, %s)"):format(e.name, c.name))
    elseif kind == 2 then
      local open = a.real:map(function(v) return v % 2 == 1 end)
      g:add("E", { real = e.real:on(open), eval = function(node)
        g:visit(a)
        if g:visit(e).occurs and a.value % 2 == 1 then occur(node, e.v) end
      end }, ("on(%s, %s is odd)"):format(e.name, a.name))
    else
      local over = false
      g:add("E", { real = e.real:until_(c.real), eval = function(node)
        g:visit(c) g:visit(e)
        if c.occurs then over = true end
        if e.occurs and not over then occur(node, e.v) end
      end }, ("until_(%s, %s)"):format(e.name, c.name))
    end
  end,
  function(g) -- once, drop_once, changes
    local e = pick(g.events)
    local kind = random(3)
    local count, last = 0, nil
    local real = kind == 1 and e.real:once() or kind == 2 and e.real:drop_once() or e.real:changes()
    g:add("E", { real = real, eval = function(node)
      if not g:visit(e).occurs then return end
      count = count + 1
      if kind == 1 and count == 1 or kind == 2 and count > 1 or kind == 3 and e.v ~= last then
        occur(node, e.v)
      end
      last = e.v
    end }, ("%s(%s)"):format(({ "once", "drop_once", "changes" })[kind], e.name))
  end,
  function(g) -- switch of events
    local e, ee, list, names = pick(g.events), pick(g.events), {}, {}
    for i = 1, random(2, 4) do
      list[i] = pick(g.events)
      names[i] = list[i].name
    end
    local inner = e
    g:add("E", {
      real = e.real:switch(ee.real:map(function(v) return list[v % #list + 1].real end)),
      eval = function(node)
        if g:visit(ee).occurs then inner = list[ee.v % #list + 1] end
        if g:visit(inner).occurs then occur(node, inner.v) end
      end,
    }, ("switch(%s, %s to %s)"):format(e.name, ee.name, table.concat(names, ", ")))
  end,
  function(g) -- l3
    local a, b, c = pick(g.signals), pick(g.signals), pick(g.signals)
    local function f(x, y, z) return (x - y + 2 * z) % 100 end
    g:add("S", { real = S.l3(a.real, b.real, c.real, g:once_a_step(f)),
      value = f(a.value, b.value, c.value), eval = function(node)
        g:visit(a) g:visit(b) g:visit(c)
        if a.changed or b.changed or c.changed then set(node, f(a.value, b.value, c.value)) end
      end }, ("l3(%s, %s, %s)"):format(a.name, b.name, c.name))
  end,
}

local function difference(g)
  if g.twice then return "a function was called twice in a step" end
  for _, node in ipairs(g.nodes) do
    if node.signal then
      if node.real:value() ~= node.value then
        return ("%s is %s, not %s"):format(node.name, node.real:value(), node.value)
      end
    else
      local want = node.occurs and { node.v } or {}
      if #node.seen ~= #want or node.seen[1] ~= want[1] then
        return ("%s: %s, not %s"):format(node.name, table.concat(node.seen, " "),
          table.concat(want, " "))
      end
      node.seen = {}
    end
  end
end

local function program(seed)
  math.randomseed(seed)
  local g = new_graph()
  local primitives = {}
  for i = 1, random(1, 3) do
    local real, send = S.create(i)
    local node = g:add("S", { real = real, value = i, eval = function() end }, "create " .. i)
    primitives[#primitives + 1] = { node = node, send = send, signal = true }
  end
  for _ = 1, random(1, 3) do
    local real, send = E.create()
    local node = g:add("E", { real = real, eval = function() end }, "create")
    primitives[#primitives + 1] = { node = node, send = send }
  end
  local function grow(n)
    for _ = 1, n do pick(MAKERS)(g) end
  end
  grow(random(1, 30))
  for _ = 1, random(1, 12) do
    g.step = g.step + 1
    -- Some primitives, at one instant.
    local step = react.Step.create()
    local first = random(#primitives)
    local many = random(3) == 1 and random(#primitives) or 1
    local given = {}
    for k = 0, many - 1 do
      local p = primitives[(first + k - 1) % #primitives + 1]
      local v = random(0, 20)
      p.node.done = g.step
      if p.signal then
        p.node.changed = false
        set(p.node, v)
      else
        occur(p.node, v)
      end
      given[k + 1] = { p = p, v = v }
      g.trace[#g.trace + 1] = ("step %d: %s <- %d"):format(g.step, p.node.name, v)
    end
    for _, node in ipairs(g.nodes) do g:visit(node) end
    if many == 1 and random(2) == 1 then
      given[1].p.send(given[1].v)
    else
      for _, one in ipairs(given) do one.p.send(one.v, step) end
      step:execute()
    end
    local d = difference(g)
    if d then return d, g end
    if random(4) == 1 then
      grow(random(1, 5))
      g.step = g.step + 1 -- what is made now may call its function once for that
    end
  end
  for _, node in ipairs(g.nodes) do
    if node.notifier then node.notifier:stop() end
  end
end

describe("a graph of signals and events against recomputation", function()
  it("agrees at every step, and calls each function once", function()
    generated.cases(200, function(_, seed)
      local d, g = program(seed)
      if d then error(d .. "\n" .. table.concat(g.trace, "\n"), 0) end
    end)
  end)
end)
