-- How values are shown at the prompt.

local lwt = require "lwt"
local lio = require "lwt.io"
local test = require "lwt.test"
local printer = require "lwt.toplevel.printer"

local function show(value, opts) return printer.show(value, opts) end

describe("lwt.toplevel.printer", function()
  it("shows simple values as one would write them", function()
    for text, value in pairs {
      ["nil"] = nil, ["true"] = true, ["1"] = 1, ["1.5"] = 1.5, ["2.0"] = 2.0, ["inf"] = math.huge,
      ['"text"'] = "text", ['"a\\nb\\t\\0\\"\\\\"'] = "a\nb\t\0\"\\", ['"é\\xFF\\x1B"'] = "é\xFF\27",
      ['"\\u{85}\\u{202E}"'] = "\u{85}\u{202E}", ['"日本"'] = "日本",
    } do
      assert.equal(text, show(value))
    end
    assert.equal("nil", show(nil))
  end)

  it("shows lists, then fields sorted; keys that are no names in brackets", function()
    assert.equal("{}", show {})
    assert.equal('{ 1, 2, [-1] = 0, [2.5] = 3, ["a b"] = 4, b = 6, ["end"] = 5, [true] = 7 }',
      show { 1, 2, b = 6, [2.5] = 3, [-1] = 0, ["a b"] = 4, ["end"] = 5, [true] = 7 })
    assert.equal("{ 1, [3] = 3 }", show { 1, nil, 3 })
  end)

  it("breaks what does not fit, and fills lists of short values", function()
    assert.equal('{\n  name = "somebody",\n  words = { "one", "two" }\n}',
      show({ name = "somebody", words = { "one", "two" } }, { columns = 30 }))
    local list = {}
    for i = 1, 12 do list[i] = i end
    assert.equal("{\n  1, 2, 3, 4, 5, 6,\n  7, 8, 9, 10, 11,\n  12\n}", show(list, { columns = 20 }))
  end)

  it("marks cycles and shared parts", function()
    local t = {}
    t.self = t
    assert.equal("<1>{ self = <1> }", show(t))
    local shared = { 1 }
    assert.equal("{ <1>{ 1 }, <1> }", show { shared, shared })
    local key = { 1 }
    assert.matches("^{ %[table: 0x%x+%] = 1 }$", show { [key] = 1 })
    t = {}
    t[t] = t
    assert.equal("<1>{ [<1>] = <1> }", show(t))
  end)

  it("has limits of depth, number and length, and none for :more", function()
    local deep = {}
    local at = deep
    for _ = 1, 50 do
      at.x = {}
      at = at.x
    end
    assert.equal("{ x = { x = { x = { x = {…} } } } }", show(deep))
    local long = {}
    for i = 1, 1000 do long[i] = i end
    assert.matches("99, 100, … 900 more\n}$", show(long))
    assert.matches('^"x+" … 9000 bytes more$', show(("x"):rep(10000)))
    assert.matches("999,%s+1000\n}$", show(long, { limits = printer.all }))
    local wide = {}
    for i = 1, 100000 do wide["k" .. i] = { i } end
    assert.is_true(#show(wide) < 10000)
    for _ = 1, 100000 do at = { at } end -- deeper than C could follow
    assert.is_true(#show(at) < 100)
    assert.is_true(#show(at, { limits = printer.all, columns = 80 }) < 100000)
  end)

  it("runs nothing of the user's but __tostring, protected", function()
    local function no() error "must not run" end
    local mt = { __index = no, __newindex = no, __pairs = no, __len = no, __eq = no, __lt = no, __call = no,
      __name = "my.type" }
    assert.equal("my.type { 1, a = 2 }", show(setmetatable({ 1, a = 2 }, mt)))
    assert.equal("mine", show(setmetatable({}, { __tostring = function() return "mine" end })))
    assert.equal("{ 1 }", show(setmetatable({ 1 }, { __tostring = no })))
    assert.equal("{ 1 }", show(setmetatable({ 1 }, { __tostring = function() return 5 end })))
    assert.equal("a\\x1B[31m\nb", show(setmetatable({}, { __tostring = function() return "a\27[31m\nb" end })))
    assert.equal("{ 1 }", show(setmetatable({ 1 }, { __metatable = "locked", __index = no })))
  end)

  it("shows what is lwt's own without its insides, unless all is asked for", function()
    local st = require "lwt.stream".of_list { 1, 2 }
    assert.matches("^lwt%.stream <0x%x+>$", printer.show(st))
    assert.matches("^{ s = lwt%.stream <0x%x+> }$", printer.show { s = st })
    assert.matches("^lwt%.stream {", printer.show(st, { limits = printer.all }))
  end)

  it("shows a name in one line, and ends a __tostring that never ends", function()
    assert.equal("a\\nb {}", printer.show(setmetatable({}, { __name = "a\nb" })))
    local function forever() while true do pcall(error) end end
    assert.equal("{}", printer.show(setmetatable({}, { __tostring = forever })))
  end)

  it("shows functions with parameters and place, Lua's and lwt's by name", function()
    assert.matches("^function%(a, b, %.%.%.%) <[^>]*printer_spec.lua:%d+>$",
      show(function(a, b, ...) return a, b, ... end))
    assert.equal("function <string.rep>", show(string.rep))
    assert.equal("function <print>", show(print))
    assert.equal("function <lwt.sleep>", show(lwt.sleep))
    assert.equal("thread <suspended>", show(coroutine.create(print)))
  end)

  it("shows promises with their state, channels, errors with their fields", test.async(function()
    local p, r = lwt.task()
    assert.equal("lwt.promise <pending>", show(p))
    r:wakeup(1, "x")
    assert.equal('lwt.promise <fulfilled: 1, "x">', show(p))
    assert.equal("lwt.promise <fulfilled>", show(lwt.fulfilled()))
    assert.equal('lwt.promise <rejected: "bad">', show(lwt.rejected "bad"))
    local server = lwt.await(lio.establish_server("127.0.0.1:0", function() end))
    local ch = lwt.await(lio.open_connection(server:address()))
    assert.equal(("lwt.channel <%s, open>"):format(server:address()), show(ch))
    lwt.await(ch:close())
    assert.matches("^lwt.channel <.*closed>$", show(ch))
    lwt.await(server:shutdown(0))
    local _, err = pcall(lwt.await, lio.open_connection "127.0.0.1:1")
    assert.equal('lwt.error: connect 127.0.0.1:1: connection refused (ECONNREFUSED) {\n  address = "127.0.0.1:1",\n'
      .. '  code = "ECONNREFUSED",\n  errno = 111,\n  message = "connection refused",\n  op = "connect"\n}', show(err))
  end))

  it("puts several values on one line where they fit", function()
    assert.equal("1\tnil\t\"a\"", printer.show_all({ 1, nil, "a", n = 3 }, { columns = 40 }))
    assert.equal(("%q\n%q"):format(("a"):rep(30), ("b"):rep(30)),
      printer.show_all({ ("a"):rep(30), ("b"):rep(30), n = 2 }, { columns = 40 }))
  end)

  it("has colours where it is told so, which change no text", function()
    local value = { 1, "a", true, { x = print } }
    local coloured = show(value, { colour = true })
    assert.matches("\27%[32m\"a\"\27%[m", coloured)
    assert.equal(show(value), (coloured:gsub("\27%[[%d;]*m", "")))
  end)
end)
