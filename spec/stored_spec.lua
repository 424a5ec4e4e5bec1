-- Every callback sees the task-local storage that was there when it was attached, whoever makes
-- it run: what the libraries written in Lua are given, by their own functions.

local lwt = require "lwt"
local lio = require "lwt.io"
local list = require "lwt.list"
local process = require "lwt.process"
local react = require "lwt.react"
local seq = require "lwt.seq"
local signal = require "lwt.signal"
local stream = require "lwt.stream"
local test = require "lwt.test"

local E, S = react.E, react.S
local await = lwt.await
local key = lwt.new_key()

-- Each attaches `f` to something, and gives what makes it be called.
local cases = {}

local function read(s) return function() await(s:get()) end end
local function reading(make)
  return function(f)
    local s = make(f)
    return read(s)
  end
end

for _, name in ipairs { "map", "filter", "filter_map", "map_s", "filter_s", "filter_map_s" } do
  cases["stream." .. name] = reading(function(f)
    return stream.of_list({ 1, 2 })[name](stream.of_list { 1, 2 }, f)
  end)
  cases["stream." .. name .. " of one that waits"] = function(f)
    local s, push = stream.create()
    local m = s[name](s, f)
    return function()
      local p = m:get()
      push(1)
      await(p)
    end
  end
  cases["a chain with stream." .. name] = reading(function(f)
    local s = stream.of_list { 1, 2 }
    local m = s:map(function(v) return v end)
    return m[name](m, f):map(function(v) return v end)
  end)
end
for _, name in ipairs { "map_list", "map_list_s" } do
  cases["stream." .. name] = reading(function(f)
    local s = stream.of_list { 1, 2 }
    return s[name](s, function(v) return { f(v) } end)
  end)
end
cases["stream.from"] = reading(stream.from)
cases["stream.from_direct"] = reading(stream.from_direct)
cases["stream.of_iterator"] = reading(function(f) return stream.of_iterator(f) end)
cases["stream.generate"] = reading(function(f)
  return stream.generate(function(yield) yield(f()) end)
end)
for _, name in ipairs { "get_while", "junk_while", "get_while_s", "junk_while_s" } do
  cases["stream." .. name .. ", pushed to"] = function(f)
    local s, push = stream.create()
    local p = s[name](s, function(v) f() return v < 2 end)
    return function()
      push(1)
      push(2)
      await(p)
    end
  end
end
for _, name in ipairs { "fold", "fold_s" } do
  cases["stream." .. name .. ", pushed to"] = function(f)
    local s, push = stream.create()
    local p = s[name](s, 0, f)
    return function()
      push(1)
      push(nil)
      await(p)
    end
  end
end
for _, name in ipairs { "iter", "iter_s", "iter_p", "iter_n", "find", "find_s" } do
  cases["stream." .. name .. ", pushed to"] = function(f)
    local s, push = stream.create()
    local p = s[name](s, f)
    return function()
      push(1)
      push(nil)
      await(p)
    end
  end
end
for _, name in ipairs { "map", "filter", "filter_map", "map_s", "filter_s", "filter_map_s" } do
  cases["seq." .. name] = function(f)
    local q = seq.of_list { 1, 2 }
    local m = q[name](q, f)
    return function() await(m:to_list()) end
  end
end
cases["seq.flat_map"] = function(f)
  local q = seq.of_list({ 1, 2 }):flat_map(function(v) return seq.single(f(v)) end)
  return function() await(q:to_list()) end
end
cases["seq.unfold"] = function(f)
  local q = seq.unfold(1, function(n) if n < 3 then return f(n), n + 1 end end)
  return function() await(q:to_list()) end
end
cases["seq.of_seq"] = function(f)
  local n = 0
  local q = seq.of_seq(function() n = n + 1 if n < 3 then return f(n) end end)
  return function() await(q:to_list()) end
end
for _, name in ipairs { "map", "filter", "fmap", "changes", "map_s", "map_p", "filter_s",
  "filter_p", "fmap_s", "fmap_p", "notify", "notify_s", "notify_p", "diff", "diff_s", "trace" } do
  cases["E." .. name] = function(f)
    local e, send = E.create()
    local x = E[name](e, f)
    return function()
      send(1)
      send(2)
      lwt.yield()
      return x
    end
  end
end
for _, name in ipairs { "fold", "fold_s" } do
  cases["E." .. name] = function(f)
    local e, send = E.create()
    local x = E[name](e, 0, f)
    return function() send(1) return x end
  end
end
for _, name in ipairs { "notify", "notify_s", "notify_p", "diff", "diff_s", "map", "trace" } do
  cases["S." .. name] = function(f)
    local s, set = S.create(0)
    local x = S[name](s, f)
    return function() set(1) lwt.yield() return x end
  end
end
cases["the eq of a signal"] = function(f)
  local s, set = S.create(0, f)
  return function() set(1) return s end
end
cases["E.limit"] = function(f)
  local e, send = E.create()
  local x = e:limit(f)
  return function() send(1) return x end
end
cases["with_finaliser"] = function(f)
  local e = E.create()
  local x = e:with_finaliser(f) -- luacheck: ignore 231
  return function()
    x = nil
    collectgarbage()
    collectgarbage()
    lwt.yield()
    lwt.yield()
  end
end
cases["a timer"] = function(f)
  local t = require "lwt.timer".create(1, f)
  return function()
    t:start()
    await(lwt.sleep(2))
  end
end
cases["a hook of a switch"] = function(f)
  local sw = require "lwt.switch".create()
  sw:add_hook(f)
  return function() await(sw:turn_off()) end
end
cases["retry.attempts"] = reading(function(f) return require "lwt.retry".attempts(f) end)
cases["list.map_p"] = function(f)
  local gate, open = lwt.wait()
  local p = list.map_p(function(v) await(gate) return f(v) end, { 1, 2 })
  return function() open:wakeup() await(p) end
end

cases["the read of io.make"] = function(f)
  local ch = lio.make { read = function() f() end }
  return function() await(ch:read()) await(ch:close()) end
end
cases["the write and the close of io.make"] = function(f)
  local ch = lio.make { write = function(s) f() return #s end, close = function() f() end }
  return function() await(ch:write "text") await(ch:close()) end
end
cases["signal.on"] = function(f)
  local h = signal.on("USR1", f)
  return function()
    local came = signal.next "USR1"
    process.kill(process.getpid(), "USR1")
    await(came)
    lwt.yield()
    h:stop()
  end
end

local names = {}
for name in pairs(cases) do names[#names + 1] = name end
table.sort(names)

describe("a callback keeps the storage that it was attached with", function()
  for _, name in ipairs(names) do
    it(name, test.virtual(function()
      for _, with in ipairs { "attached", "none" } do
        for _, caller in ipairs { "caller", "no one" } do
          local seen = {}
          local function f(v)
            seen[#seen + 1] = lwt.get(key) or "none"
            return v or 1
          end
          local trigger
          if with == "none" then
            trigger = cases[name](f)
          else
            trigger = lwt.with_value(key, with, cases[name], f)
          end
          seen = name:find "^S%." and {} or seen
          if caller == "caller" then
            lwt.with_value(key, caller, trigger)
          else
            trigger()
          end
          for _ = 1, 3 do lwt.yield() end
          assert.is_true(#seen > 0, name .. " was not called")
          for _, what in ipairs(seen) do assert.equal(with, what, caller) end
          assert.is_nil(lwt.get(key))
        end
      end
    end))
  end

  it("and what it sets itself is gone with it", test.virtual(function()
    local s = stream.of_list({ 1, 2 }):map(function(v)
      lwt.set(key, "inside")
      return v
    end)
    lwt.with_value(key, "reader", function()
      await(s:get())
      assert.equal("reader", lwt.get(key))
    end)
    await(s:get())
  end))
end)

describe("what lwt puts up for itself when it is first used", function()
  local core = require "spec.support.core"

  -- In a process of its own each, which uses it for the first time.
  local uses = {
    ["gc.finalise"] = [[require "lwt.gc".finalise(print, {})]],
    ["react.E.with_finaliser"] = [[require "lwt.react".E.create():with_finaliser(function() end)]],
    ["react.E.from"] = [[require "lwt.react".E.from(function() return lwt.pause() end):stop()]],
    ["io.pipe"] = [[local r, w = require "lwt.io".pipe() r:abort() w:abort()]],
    ["io.stdout"] = [[require "lwt.io".print ""]],
  }
  for name, use in pairs(uses) do
    it("keeps nothing of the task-local storage of whoever does that: " .. name, function()
      local out, status = core.child([[
        local lwt = require "lwt"
        require "lwt.io"
        local seen = setmetatable({}, { __mode = "v" })
        local function first()
          seen.storage = {}
          lwt.with_value(lwt.new_key(), seen.storage, function() ]] .. use .. [[ end)
        end
        lwt.run(function()
          first()
          for _ = 1, 5 do
            collectgarbage()
            lwt.yield()
          end
          print(seen.storage)
        end)
      ]])
      assert.equal(0, status, out)
      assert.matches("nil\n$", out)
    end)
  end
end)
