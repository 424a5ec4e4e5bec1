-- What crosses between Lua states, and what is refused. Values go through a channel within one
-- state (the same packing as between two) and, where the other state matters, to a worker.
local lwt = require "lwt"
local bytes = require "lwt.bytes"
local preemptive = require "lwt.preemptive"
local script = require "spec.support.script".run
local await = lwt.await

-- The values, packed and unpacked again.
local function copied(...)
  local ch = preemptive.channel(1)
  local results
  local args = table.pack(...)
  lwt.run(function()
    await(ch:send(table.unpack(args, 1, args.n)))
    results = table.pack(await(ch:recv()))
  end)
  return table.unpack(results, 1, results.n)
end

local function detached(f, ...)
  return lwt.run(function(...) return await(preemptive.detach(...)) end, f, ...)
end

local function refused(message, f, ...)
  local ok, err = pcall(f, ...)
  assert.is_false(ok)
  assert.equal(message, (tostring(err):gsub("^[^ ]-:%d+: ", "")))
end

describe("messages between Lua states", function()
  it("carry numbers, strings, booleans and nils in their places", function()
    local values = table.pack(copied(nil, true, false, 0, 255, 256, -1, math.maxinteger, math.mininteger,
      1.5, -0.0, math.huge, "", "a\0b", ("x"):rep(255), ("y"):rep(256), nil))
    assert.equal(17, values.n)
    assert.same({ nil, true, false, 0, 255, 256, -1, math.maxinteger, math.mininteger, 1.5, -0.0,
      math.huge, "", "a\0b", ("x"):rep(255), ("y"):rep(256), n = 17 }, values)
    assert.equal("integer", math.type(values[5]))
    assert.equal("float", math.type(values[10]))
    assert.equal(-math.huge, 1 / values[11])
    local nan = copied(0 / 0)
    assert.not_equal(nan, nan)
  end)

  it("carry no values at all", function()
    assert.equal(0, select("#", copied()))
  end)

  it("carry megabytes in a string", function()
    local s = ("0123456789abcdef"):rep(1 << 18)
    assert.equal(s, copied(s))
  end)

  it("carry light userdata", function()
    local loop = require "lwt.engine".loop()
    assert.equal(loop, copied(loop))
  end)

  it("copy tables with their sequence and their other keys", function()
    local t = { 1, 2, nil, 4, x = "y", [1.5] = 1, [true] = false, [-1] = 0, [100] = "far" }
    local c = copied(t)
    assert.same(t, c)
    assert.not_equal(t, c)
  end)

  it("keep cycles and shared parts, also as keys", function()
    local shared = { "shared" }
    local t = { a = shared, b = shared, [shared] = 1 }
    t.self = t
    local c, s = copied(t, shared)
    assert.equal(c, c.self)
    assert.equal(c.a, c.b)
    assert.equal(c.a, s)
    assert.equal(1, c[s])
    assert.not_equal(shared, s)
  end)

  it("have no limit of depth or size", function()
    local deep = {}
    local t = deep
    for i = 1, 100000 do
      t.i, t.next = i, {}
      t = t.next
    end
    local c, n = copied(deep), 0
    while c.next do
      n = n + 1
      assert(c.i == n)
      c = c.next
    end
    assert.equal(100000, n)
    local wide = {}
    for i = 1, 100000 do wide[i] = { i } end
    wide = copied(wide)
    for i = 1, 100000 do assert(wide[i][1] == i) end
  end)

  it("carry functions with their upvalues, copied", function()
    local n, config = 1, { step = 2 }
    local function count()
      n = n + config.step
      return n
    end
    local f = copied(count)
    assert.equal(3, f())
    assert.equal(5, f())
    assert.equal(1, n)
    config.step = 100
    assert.equal(7, f())
  end)

  it("keep upvalues shared by two functions", function()
    local n = 0
    local function get() return n end
    local function set(v) n = v end
    local g, s = copied(get, set)
    s(5)
    assert.equal(5, g())
    assert.equal(0, n)
  end)

  it("carry functions that call themselves and each other", function()
    local odd
    local function even(n) return n == 0 or odd(n - 1) end
    function odd(n) return n ~= 0 and even(n - 1) end
    assert.is_true(detached(even, 10))
    assert.is_false(detached(odd, 10))
  end)

  it("give the function the globals of the state where it arrives", function()
    package.loaded._G.greeting = "main"
    local ok = detached(function()
      local before = greeting -- luacheck: ignore
      greeting = "worker" -- luacheck: ignore
      return before == nil
    end)
    assert.is_true(ok)
    assert.equal("main", package.loaded._G.greeting)
    package.loaded._G.greeting = nil
  end)

  it("send a function stripped of its names with its globals", function()
    local f = load(string.dump(function(x) return tostring(x) .. "!" end, true))
    assert.equal("1!", detached(f, 1))
  end)

  it("make a fresh function of one with upvalues each time", function()
    local n = 0
    local function count()
      n = n + 1
      return n
    end
    lwt.run(function()
      for _ = 1, 3 do assert.equal(1, await(preemptive.detach(count))) end
    end)
  end)

  it("send modules and their functions by name", function()
    assert.equal(string, copied(string))
    assert.equal(print, copied(print))
    assert.equal(lwt.sleep, copied(lwt.sleep))
    assert.equal(_G, copied(_G))
    assert.equal(io.stdout, copied(io.stdout))
    assert.same({ true, true, true }, { detached(function(...)
      local m, format, sleep = ...
      return m == string, format == string.format, sleep == require "lwt".sleep
    end, string, string.format, lwt.sleep) })
  end)

  it("find a module that was loaded after the last message", function()
    copied(1)
    local name = "spec_module_of_" .. tostring({}):match "0x%x+"
    local m = { f = function() return "not me" end, g = print }
    package.loaded[name] = m
    local same = { copied(m, m.f, { m = m }) }
    package.loaded[name] = nil
    assert.equal(m, same[1])
    assert.equal(m.f, same[2])
    assert.equal(m, same[3].m)
  end)

  it("send a module by its own name, where its parts give it as well", function()
    local lio, process = require "lwt.io", require "lwt.process"
    assert.equal(lio, package.loaded["lwt.io.flush"])
    assert.same({ "function", "function", "function" }, { detached(function()
      return type(lio.establish_server), type(lio.open_file), type(process.pread)
    end) })
    assert.same({ "function" }, { detached(function(f) return type(f) end, lio.with_file) })
  end)

  it("say so when a module is missing where it is needed", function()
    package.loaded["spec.only_here"] = { f = print }
    local ok, err = pcall(detached, function(m) return m end, package.loaded["spec.only_here"])
    package.loaded["spec.only_here"] = nil
    assert.is_false(ok)
    assert.truthy(tostring(err):find("module 'spec.only_here' not found", 1, true))
  end)

  it("send lwt's own sentinels and errors as what they are", function()
    assert.equal(lwt.Timeout, copied(lwt.Timeout))
    local ok, err = pcall(detached, function() error(require "lwt".Canceled) end)
    assert.is_false(ok)
    assert.equal(lwt.Canceled, err)
    local fs = require "lwt.fs"
    ok, err = pcall(detached, function()
      return require "lwt".run(fs.open("/nowhere/at/all", "r"))
    end)
    assert.is_false(ok)
    assert.equal("ENOENT", err.code)
    assert.equal("/nowhere/at/all", err.path)
    assert.truthy(tostring(err):find "no such file")
  end)

  it("keep a metatable that is a module or is registered", function()
    local Point = {}
    Point.__index = Point
    function Point.sum(p) return p.x + p.y end
    package.loaded["spec.point"] = Point
    local p = copied(setmetatable({ x = 1, y = 2 }, Point))
    package.loaded["spec.point"] = nil
    assert.equal(Point, getmetatable(p))
    assert.equal(3, p:sum())
    local name = "spec.registered." .. tostring({})
    local mt = preemptive.register_metatable(name, { __index = { n = 5 } })
    assert.equal(name, mt.__name)
    local c = copied({ setmetatable({}, mt) })
    assert.equal(mt, getmetatable(c[1]))
    assert.equal(5, c[1].n)
    local function register(...) preemptive.register_metatable(...) end
    refused("bad argument #1 to 'register_metatable' (this name is taken)", register, name, {})
    refused("bad argument #1 to 'register_metatable' (this name is taken)", register, "_LOADED", {})
    assert.equal(mt, preemptive.register_metatable(name, mt))
  end)

  it("require the module that registers a metatable where a table arrives", function()
    local result = script [[
      package.preload.spec_geometry = function()
        local M = {}
        local mt = { __index = { sum = function(p) return p.x + p.y end } }
        require "lwt.preemptive".register_metatable("spec_geometry.point", mt)
        function M.point(x, y) return setmetatable({ x = x, y = y }, mt) end
        return M
      end
      local lwt, preemptive = require "lwt", require "lwt.preemptive"
      local point = require "spec_geometry".point(3, 4)
      local function f(p) return p:sum(), p end
      local sum, again = lwt.run(preemptive.detach(f, point))
      print(sum, getmetatable(again) == getmetatable(point))]]
    assert.equal("7\ttrue\n", result.out)
    assert.equal("", result.err)
  end)

  it("tell the way to what cannot be sent", function()
    local co = coroutine.create(print)
    local function send(...)
      return preemptive.detach(...)
    end
    local function f() end
    refused('cannot send a coroutine (argument 1, field "a.b")', send, f, { a = { b = co } })
    refused("cannot send a coroutine (argument 2)", send, f, 1, co)
    refused('cannot send a coroutine (argument 1, field "[1][2].x")', send, f, { { 0, { x = co } } })
    refused('cannot send a coroutine (argument 1, field "a.(a key)")', send, f, { a = { [co] = 1 } })
    refused('cannot send a coroutine (function, upvalue "co")', send, function() return co end)
    local t = { deep = { co = co } }
    refused('cannot send a coroutine (function, upvalue "t", field "deep.co")', send,
      function() return t end)
    local function g() return co end
    refused('cannot send a coroutine (argument 1, field "call", upvalue "co")', send, f, { call = g })
    refused("cannot send a promise (argument 1)", send, f, lwt.wait())
    refused("cannot send a C function (argument 1)", send, f, string.gmatch("", ""))
    local file = assert(io.open "/dev/null")
    refused('cannot send a userdata (FILE*) (argument 1, field "file")', send, f, { file = file })
    file:close()
    refused('cannot send a table whose metatable is not registered (argument 1, field "o")', send, f,
      { o = setmetatable({}, {}) })
    refused("cannot send a table whose metatable (spec.thing) is not registered (argument 1)", send, f,
      setmetatable({}, { __name = "spec.thing" }))
    refused("cannot send a coroutine (value 2)", function() preemptive.channel(1):send(1, co) end)
  end)

  it("tell where the caller was", function()
    local ok, err = pcall(function() preemptive.detach(print, coroutine.create(print)) end)
    assert.is_false(ok)
    assert.truthy(err:find "pack_spec.lua:%d+: cannot send a coroutine")
  end)

  it("refuse results that cannot be sent", function()
    refused('cannot send a coroutine (result 2, field "co")', detached,
      function() return 1, { co = coroutine.create(print) } end)
  end)

  it("send an error that cannot be sent as its text", function()
    local ok, err = pcall(detached, function()
      error(setmetatable({}, { __tostring = function() return "odd error" end }))
    end)
    assert.is_false(ok)
    assert.equal("odd error", err)
  end)

  it("leave the sender as it was after a refusal", function()
    local b = bytes.of_string "abc"
    assert.is_false(pcall(preemptive.detach, print, b, coroutine.create(print)))
    assert.equal("abc", b:to_string())
    assert.equal("abc", copied(b):to_string())
  end)

  it("move bytes", function()
    local b = bytes.of_string "hello"
    local part = b:sub(1, 3)
    local c, p = copied(b, part)
    assert.equal("hello", c:to_string())
    assert.equal("ell", p:to_string())
    p:set(0, 65)
    assert.equal("hAllo", c:to_string())
    assert.has_error(function() b:get(0) end)
    assert.has_error(function() part:get(0) end)
    refused("cannot send bytes that were moved to another thread (argument 1)", preemptive.detach,
      print, b)
  end)

  it("move bytes to a worker and back", function()
    local b = bytes.create(1000)
    b:set(7, 42)
    local back, seen = detached(function(x)
      local n = x:get(7)
      x:set(8, n + 1)
      return x, n
    end, b)
    assert.equal(42, seen)
    assert.equal(43, back:get(8))
    assert.equal(1000, #back)
  end)
end)
