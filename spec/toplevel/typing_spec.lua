-- What helps who types at the prompt: completion, signatures, help, colours; and how a text is taken apart.

local lwt = require "lwt"
local test = require "lwt.test"
local call = require "lwt.toplevel.call"
local chunk = require "lwt.toplevel.chunk"
local complete = require "lwt.toplevel.complete"
local help = require "lwt.toplevel.help"
local highlight = require "lwt.toplevel.highlight"
local session = require "lwt.toplevel.session"
local shell = require "spec.support.shell"
local source = require "lwt.toplevel.source"

local function no() error "must not run" end

local function new_session(env)
  return session.new { env = setmetatable(env or {}, { __index = _G }), write = no, complain = no,
    size = function() return 80, 24 end }
end

local function displayed(list)
  local names = {}
  for i, word in ipairs(list) do names[i] = word.display end
  return table.concat(names, " ")
end

describe("completion at the prompt", function()
  local s
  before_each(function()
    s = new_session { person = { name = "Ann", age = 3, greet = print, _hidden = 1 }, personal = true,
      ch = require "lwt.io".of_bytes "" }
    local f, list = chunk.compile(s.locals, "local period, other = 1, {}", "=x", s.env)
    assert(f, list)()
  end)

  local function words(text) return displayed(complete.words(s, text)) end

  it("has globals, locals, keywords and names of the text", function()
    assert.equal("period person personal", words "per")
    assert.equal("print", words "prin")
    assert.equal("repeat require return", words "re")
    assert.equal("longer longest", words "local longer = 1 local function f(longest) x = lon")
    assert.equal("", words "nothing_begins_so")
  end)

  it("has fields, and after a colon what can be called", function()
    assert.equal("age greet name", words "print(person.")
    assert.equal("name", words "print(person.n")
    assert.equal("greet", words "person:")
    assert.equal("_hidden", words "person._")
    assert.equal("rep reverse", words "string.re")
    assert.equal("rep reverse", words "('x'):re")
    assert.equal("rep reverse", words "person.name:re")
    assert.equal("", words "nowhere.x")
    assert.equal("", words "f().x")
  end)

  it("gives what stands before the name in the word with it", function()
    local list = complete.words(s, "print(person.na")
    assert.equal("print(person.name", list[1].text)
    assert.equal("x=person.name", complete.words(s, "local y x=person.na")[1].text)
  end)

  it("has the methods of promises, channels and modules", function()
    s.env.p = lwt.fulfilled()
    s.env.lwt = lwt
    assert.matches("bind .*cancel .*map", words "p:")
    assert.matches("read_line", words "ch:read_")
    assert.equal("with_timeout with_value", words "lwt.with_")
  end)

  it("runs nothing of the user's", function()
    s.env.trap = setmetatable({ seen = 1 }, { __index = no, __pairs = no, __len = no, __call = no, __tostring = no })
    assert.equal("seen", words "trap.")
    assert.equal("", words "trap.other.")
    s.env.chain = setmetatable({ own = 1 }, { __index = setmetatable({ inherited = print }, { __index = no }) })
    assert.equal("inherited own", words "chain.")
  end)

  it("has modules after require, and files in other strings", test.async(function()
    assert.equal("lwt.read_line lwt.retry", (words "local x = require 'lwt.re":gsub("lwt.react ", "")))
    assert.equal('"lwt.mutex"', '"' .. complete.words(s, 'require("lwt.mut')[1].display .. '"')
    local dir = shell.temp_dir()
    shell.write(dir .. "/one file.txt", "")
    shell.write(dir .. "/other.txt", "")
    shell.write(dir .. "/.hidden", "")
    shell.run(("mkdir '%s/open'"):format(dir))
    assert.equal("one file.txt open/ other.txt", words(("io.open('%s/o"):format(dir)))
    assert.equal(".hidden", words(("io.open('%s/."):format(dir)))
    assert.equal("'", complete.words(s, ("io.open('%s/ot"):format(dir))[1].append)
    assert.equal("", words(("io.open('%s/nowhere/"):format(dir)))
    shell.remove_dir(dir)
  end))

  it("has commands, and their arguments", function()
    assert.equal("tasks time type", words ":t")
    assert.equal("person personal", words ":help pers")
    assert.matches("lwt.io", words ":reload lwt.i")
  end)

  it("has nothing in comments", function()
    assert.equal("", words "--[[ per")
  end)
end)

describe("the signature of what is called", function()
  local s
  before_each(function()
    s = new_session { lwt = lwt, lio = require "lwt.io", ch = require "lwt.io".of_bytes "", greet = function(name, ...)
      return name, ...
    end }
  end)

  it("comes from the annotations, for functions and methods", function()
    assert.matches("^lwt.sleep%(s%) → lwt.Promise<nil>  Fulfilled after", call.line(s, "lwt.sleep("))
    assert.matches("^lwt.io.open_connection%(addr, %[opts%]%) → lwt.Promise<lwt.Channel>  Connect",
      call.line(s, "await(lio.open_connection('x', { a = 1, b = {"))
    assert.matches("^lwt.channel:read_line%(%[max%]%)", call.line(s, "ch:read_line("))
    s.env.p = lwt.fulfilled()
    assert.matches("^lwt.promise:bind%(f%)", call.line(s, "p:bind("))
  end)

  it("comes from the parameters and the comment of a function in Lua", function()
    assert.equal("greet(name, ...)", call.line(s, "greet("))
    local dir = shell.temp_dir()
    shell.write(dir .. "/mod.lua",
      "local M = {}\n--- Adds. Well.\n---@param a number\nfunction M.add(a, b) return a + b end\nreturn M")
    s.env.mod = dofile(dir .. "/mod.lua")
    assert.equal("mod.add(a, b)  Adds.", call.line(s, "mod.add(1, "))
    shell.remove_dir(dir)
  end)

  it("is there for Lua's own functions", function()
    assert.matches("^string.format%(format, %.%.%.%)  Values", call.line(s, "string.format("))
    local missing = {}
    for _, name in ipairs { "coroutine", "debug", "io", "math", "os", "string", "table", "utf8" } do
      for key, f in pairs(_G[name]) do
        local old = { setcstacklimit = 1, debug = 1, pow = 1, cosh = 1, sinh = 1, tanh = 1, frexp = 1, ldexp = 1,
          log10 = 1, atan2 = 1 }
        if type(f) == "function" and not old[key] and not require "lwt.toplevel.standard"[name .. "." .. key] then
          missing[#missing + 1] = name .. "." .. key
        end
      end
    end
    assert.same({}, missing)
  end)

  it("is none outside of calls, in definitions, for what is no function", function()
    for _, text in ipairs { "lwt.sleep", "lwt.sleep(1)", "function lwt.sleep(", "x = (", "nothing(", "f()(", "lwt(" } do
      assert.is_nil(call.line(s, text), text)
    end
    assert.matches("^lwt.sleep", call.line(s, "lwt.sleep((1 + 2) * f(3), "))
  end)
end)

describe("help at the prompt", function()
  local s
  before_each(function() s = new_session { lwt = lwt, x = { a = 1 } } end)

  it("explains functions, with parameters and an example", function()
    local text = help.of_text(s, "lwt.sleep")
    assert.matches("^lwt.sleep%(s%)", text)
    assert.matches("\n  s: number seconds", text, 1, true)
    assert.matches("await%(lwt.sleep", text)
    assert.matches("^table.insert%(list, %[pos%], value%)\n  Puts", help.of_text(s, "table.insert"))
  end)

  it("explains modules, also such as are not loaded yet, values and names that are none", function()
    assert.matches("^module lwt.mvar\n  A cell that holds one value", help.of_text(s, "lwt.mvar"))
    assert.matches("create%(%)", help.of_text(s, "lwt.mvar"))
    assert.equal("x is { a = 1 }", help.of_text(s, "x"))
    assert.equal("nowhere is nil", help.of_text(s, "nowhere"))
    assert.equal("while is a keyword of Lua", help.of_text(s, "while"))
    assert.has_error(function() help.of_text(s, "1 + 1") end, "1 + 1 is no name")
  end)

  it("names every function of lwt's modules, for which there is an entry", function()
    local missing = {}
    for _, name in ipairs { "lwt", "lwt.io", "lwt.mvar", "lwt.stream", "lwt.mutex", "lwt.process", "lwt.fs" } do
      for key, f in pairs(require(name)) do
        if type(f) == "function" and not key:find "^_" then
          local entry = help.entry(f, name .. "." .. key)
          if not entry.text[1] and not entry.signature then missing[#missing + 1] = name .. "." .. key end
        end
      end
    end
    assert.same({}, missing)
  end)
end)

describe("the colours of a text", function()
  it("change nothing but colours", function()
    for _, text in ipairs {
      "local x <const> = 0x1p4 + 1e-3 .. 'a\\'b' -- c", "[==[ long ]] ]==] x", "'unfinished", "--[[ open",
      "#t == ~1 // 2",
      "goto x ::x::", "\"a\\\nb\"", "é = 'ü'", "", "  ", "a...b", "\0\1",
    } do
      local coloured = highlight.text(text, #text)
      assert.equal(text, (coloured:gsub("\27%[[%d;]*m", "")))
    end
    assert.is_nil(highlight.text("'\27[31m'", 0))
  end)

  it("mark the bracket that belongs to the one at the cursor", function()
    assert.matches("f\27%[1;4m%(\27%[ma, %(b%)\27%[1;4m%)\27%[m", highlight.text("f(a, (b))", 9))
    assert.matches("f\27%[1;4m%(\27%[m'%)'", (highlight.text("f(')')", 1):gsub("\27%[32m('[^\27]*')\27%[m", "%1")))
    assert.is_nil(highlight.text("(]", 1):find("\27[1;4m", 1, true))
  end)
end)

describe("a typed text", function()
  it("is expression, statement, incomplete or an error", function()
    for text, kind in pairs {
      ["1 + 1"] = "expression", ["f()"] = "expression", ["= 5"] = "expression", ["f();"] = "expression",
      ["x = 1"] = "statement", ["return 1, 2"] = "statement", ["local x"] = "statement", ["-- c"] = "expression",
      ["1 +"] = "incomplete", ["f("] = "incomplete", ["x ="] = "incomplete", ["if x then"] = "incomplete",
      ["[[a"] = "incomplete", ["--[[ c"] = "incomplete", ["x = {"] = "incomplete", ["for i = 1, 3 do"] = "incomplete",
      ["'abc"] = "error", ["x y"] = "error", ["1 +)"] = "error", ["end"] = "error", ["x = = 1"] = "error",
      ["'a\\\n"] = "incomplete",
    } do
      assert.equal(kind, (chunk.classify(text, "=x")), text)
    end
  end)

  it("is split where a command follows", function()
    assert.same({ "x = 1;", "nowait", "p" }, { session.split "x = 1; :nowait p" })
    assert.same({ nil, "help", "" }, { session.split ":help" })
    assert.same({ nil, "help", "x" }, { session.split "? x" })
    assert.same({ "goto a; ::a::" }, { session.split "goto a; ::a::" })
    assert.same({ "x = { a; }; y:f()" }, { session.split "x = { a; }; y:f()" })
    assert.same({ "s = '; :quit'" }, { session.split "s = '; :quit'" })
  end)

  it("declares what is outside of blocks", function()
    local found = source.top_level(
      "local a, b <const>, c <close> = 1 do local d end local function e() local f end return 1")
    local names = {}
    for i, variable in ipairs(found.locals) do names[i] = variable.name .. (variable.attrib or "") end
    assert.equal("a bconst cclose e", table.concat(names, " "))
    assert.is_number(found.return_at)
  end)

  it("shares variables with earlier texts, whatever they hold and however many there are", function()
    local locals, env = chunk.locals(), setmetatable({}, { __index = _G })
    local function run(text)
      local kind, code = chunk.classify(text, "=x")
      assert(kind == "expression" or kind == "statement", code)
      local f, message = chunk.compile(locals, code, "=x", env)
      return assert(f, message)()
    end
    run "local n, k <const>, s <const> = 1, 2, 'text'"
    assert.same({ 1, 2, "text" }, { run "n, k, s" })
    run "local function inc() n = n + 1 return n end"
    assert.equal(2, run "inc()")
    run "n = 10"
    assert.equal(11, run "inc()")
    run "do local n = 5 end"
    assert.equal(11, run "n")
    run "local n; local n = 'new'"
    assert.same({ "new", 12 }, { run "n, inc()" })
    assert.is_nil(chunk.compile(locals, "k = 5", "=x", env))
    for i = 1, 300 do run(("local v%d = %d"):format(i, i)) end
    assert.equal(301, run "v1 + v300")
    assert.equal(5, run "local function f() return 5 end return f()")
    assert.equal(5, run "f()")
    run "local x = 1 -- a comment at the end"
    assert.equal(1, run "x")
    run "local _ENV = { y = 7 }"
    assert.equal(7, run "y")
    run "z = y"
    assert.equal(7, run "_ENV.z")
  end)
end)
