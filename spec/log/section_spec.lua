-- Sections, levels, rules, and the calls.

local lwt = require "lwt"
local log = require "lwt.log"
local process = require "lwt.process"
local support = require "spec.support.log"

local await, spec = lwt.await, support.spec
local lua = os.getenv "LUA" or "lua5.4"

-- The message of what f raises, with its place.
local function raises(f, ...)
  local ok, err = pcall(f, ...)
  assert.is_false(ok)
  return tostring(err)
end

local n = 0
-- A section that no other spec has.
local function fresh(suffix)
  n = n + 1
  return log.section("s" .. n .. (suffix or ""))
end

describe("lwt.log: rules", function()
  it("give a section the level of the first that matches, at once", spec(function()
    local db = log.section "rule.app.db"
    assert.equal("notice", db:level())
    log.load_rules "rule.app.* -> debug; * -> warning"
    assert.equal("debug", db:level())
    assert.equal("warning", log.level())
    assert.equal("warning", log.section "rule.new":level())
    log.add_rule("*.db", "fatal")
    assert.equal("fatal", db:level())
    log.reset_rules()
    assert.equal("notice", db:level())
  end))

  it("take blanks, line ends, capitals, and a level alone", spec(function()
    log.load_rules " ;\n a.*->Debug ;b->\tinfo\n\n WARNING;"
    assert.same({ "debug", "info", "warning" },
      { log.section "a.x":level(), log.section "b":level(), log.section "c":level() })
    log.load_rules ""
    assert.equal("notice", log.section "b":level())
  end))

  it("match with stars anywhere, as often as one likes", spec(function()
    local cases = {
      { "*", "", true }, { "**", "x", true }, { "x**", "x", true }, { "a*c", "abc", true }, { "a*c", "ac", true },
      { "a*c", "a", false }, { "a*a", "a", false }, { "*b*", "abc", true }, { "*b*", "ac", false },
      { "a*b*c", "axxbyyc", true }, { "a*b*c", "acb", false }, { "ab*ba", "aba", false }, { "a.b", "axb", false },
      { "%a", "x", false }, { "a", "ab", false }, { "*ab", "aab", true }, { "a*ab*b", "aabb", true },
      { "a*ab*b", "aab", false },
    }
    for _, case in ipairs(cases) do
      log.load_rules "fatal"
      log.add_rule(case[1], "debug")
      local level = log.section(case[2]):level()
      assert.equal(case[3] and "debug" or "fatal", level, case[1] .. " on " .. case[2])
    end
    log.add_rule(("a*"):rep(40) .. "b", "debug") -- would take for ever, done carelessly
    assert.equal("fatal", log.section(("a"):rep(5000)):level())
  end))

  it("that are wrong are refused with their place, and change nothing", spec(function()
    log.load_rules "info"
    for text, where in pairs {
      ["a -> loud"] = "line 1, column 1: 'a %-> loud': no level 'loud'",
      ["info;\n  b => info"] = "line 2, column 3: 'b => info': no level",
      ["a b -> info"] = "a pattern has no blanks",
      ["-> info"] = "no pattern",
      ["a -> info b -> debug"] = "is there a ';' missing",
    } do
      assert.matches(where, raises(log.load_rules, text))
      assert.equal("info", log.level())
    end
    assert.matches("section_spec.lua:%d+: bad argument #1 to 'load_rules'", raises(function()
      log.load_rules "x"
    end))
    assert.matches("bad argument #1 to 'add_rule' %(no pattern", raises(function() log.add_rule("", "info") end))
    assert.matches("bad argument #2 to 'add_rule' %(no level 'x'", raises(function() log.add_rule("a", "x") end))
  end))

  it("are read from LWT_LOG, and a wrong one is told on stderr and stops nothing", spec(function()
    local code = "print(require 'lwt.log'.section 'env.x':level())"
    local function run(rules)
      return await(process.pread(process.shell(("LWT_LOG='%s' %s -e \"%s\" 2>&1"):format(rules, lua, code))))
    end
    local out, status = run "env.*->debug"
    assert.equal("debug\n", out)
    assert.equal(0, status.code)
    out = run "env.*->dbg"
    assert.matches("^lwt.log: LWT_LOG: line 1, column 1: 'env.%*%->dbg': no level 'dbg'.-\nnotice\n$", out)
  end))
end)

describe("lwt.log: levels", function()
  it("come from the parent, by dots, whether there is one or not; main is nobody's parent", spec(function()
    local child = fresh ".a.b.c"
    local parent = log.section(child.name:match "^[^.]*")
    assert.equal("notice", child:level())
    parent:set_level "debug"
    assert.equal("debug", child:level())
    log.section(parent.name .. ".a"):set_level "fatal"
    assert.equal("fatal", child:level())
    log.section(parent.name .. ".a"):reset_level()
    assert.equal("debug", child:level())
    log.load_rules(child.name .. " -> info")
    assert.equal("info", child:level())
    log.set_level "fatal"
    assert.equal("notice", fresh():level())
    assert.equal("notice", log.section "main.x":level())
    log.reset_level()
    parent:reset_level()
  end))

  it("set by set_level beat the rules, until reset_level", spec(function()
    local s = fresh()
    s:set_level "DEBUG"
    log.load_rules "* -> fatal"
    assert.equal("debug", s:level())
    assert.is_true(s:is "debug")
    s:reset_level()
    assert.is_false(s:is "error")
    assert.is_true(s:is "fatal")
  end))

  it("changed in the middle count for functions that are held already", spec(function()
    local s = fresh()
    local l, list = support.collect()
    log.set_default(l)
    local debug, main_debug = s.debug, log.debug
    debug(s, "one")
    main_debug "two"
    s:set_level "debug"
    log.set_level "debug"
    debug(s, "three")
    main_debug "four"
    assert.same({ s.name .. " debug three", "main debug four" }, { list[1], list[2] })
  end))

  it("that are none are told at the caller's line", spec(function()
    local s = fresh()
    assert.matches("section_spec.lua:%d+: bad argument #1 to 'set_level' %(no level 'loud'",
      raises(function() s:set_level "loud" end))
    assert.matches("section_spec.lua:%d+: bad argument #1 to 'set_level' %(level expected, got nil",
      raises(function() log.set_level() end))
    assert.matches("section_spec.lua:%d+: bad argument #1 to 'is'", raises(function() assert(s:is(3)) end))
    assert.matches("section_spec.lua:%d+: bad argument #1 to 'log'", raises(function() log.log("loud", "x") end))
    assert.matches("section_spec.lua:%d+: bad argument #1 to 'section' %(string expected, got nil",
      raises(function() log.section() end))
    assert.matches("section_spec.lua:%d+: calling 'level' on bad self", raises(function() s.level() end))
  end))
end)

describe("lwt.log: a call", function()
  it("that is switched off does nothing: no formatting, no function, no memory", spec(function()
    local s = fresh()
    local called = false
    local hostile = setmetatable({}, { __tostring = function() called = true end })
    local p = s:debug("%s %d", hostile, "x")
    s:debug(function() called = true end)
    assert.is_false(called)
    assert.equal("fulfilled", (p:state()))
    assert.equal(p, s:info "another")
    collectgarbage()
    collectgarbage "stop"
    local before = collectgarbage "count"
    for i = 1, 10000 do s:debug("%d of %s", i, "many") end
    local after = collectgarbage "count"
    collectgarbage "restart"
    assert.is_true(after - before < 1, after - before)
  end))

  it("formats what it is given, once for all loggers", spec(function()
    local times = 0
    local value = setmetatable({}, { __tostring = function() times = times + 1; return "value" end })
    local a, list_a = support.collect()
    local b, list_b = support.collect()
    log.set_default(log.broadcast { a, b })
    log.error("%s, %s, %s and %5.1f", value, nil, true, 2.25)
    assert.equal(1, times)
    assert.equal("main error value, nil, true and   2.2", list_a[1])
    assert.equal(list_a[1], list_b[1])
  end))

  it("takes a message without arguments as it is, a function's text too, and anything else as text", spec(function()
    local l, list = support.collect()
    log.set_default(l)
    log.error "100% %d"
    log.error(function(x) return "50% " .. x end, "%s")
    log.error(42)
    log.error(setmetatable({}, { __tostring = function() return "an object" end }))
    log.error "\ntwo\n"
    assert.same({ "main error 100% %d", "main error 50% %s", "main error 42", "main error an object", "main error ",
      "main error two", "main error " }, { table.unpack(list) })
  end))

  it("with wrong arguments raises at its line, and logs nothing", spec(function()
    local l, list = support.collect()
    log.set_default(l)
    local s = fresh()
    assert.matches("section_spec.lua:%d+: bad argument #2 to 'error' %(number expected, got string%)",
      raises(function() log.error("%d", "x") end))
    assert.matches("section_spec.lua:%d+: bad argument #3 to 'error' %(no value%)",
      raises(function() s:error("%s %s", "x") end))
    assert.matches("section_spec.lua:%d+: bad argument #1 to 'warning' %(string or function expected, got nil",
      raises(function() log.warning(nil) end))
    assert.matches("no text", raises(function()
      log.error("%s", setmetatable({}, { __tostring = function() error "no text" end }))
    end))
    assert.matches("no message", raises(function() log.error(function() error "no message" end) end))
    assert.equal(0, #list)
  end))

  it("by a name or in a way that other libraries have says how it is called here", function()
    local s = fresh()
    for _, object in ipairs { log, s, s:with { a = 1 } } do
      assert.matches("section_spec.lua:%d+: lwt.log has no 'warn'; here it is 'warning'$",
        raises(function() object.warn "x" end))
    end
    assert.is_nil(log.no_such_thing)
    assert.is_nil(s.no_such_thing)
    assert.matches("section_spec.lua:%d+: log:error%(...%) is a call of a method: say log.error%(...%)$",
      raises(function() local p = log:error "x" return p end))
    assert.matches("section_spec.lua:%d+: bad argument #1 to 'set_default' %(lwt.log.logger expected, " ..
      "got lwt.promise: await it first%)$", raises(function() log.set_default(lwt.fulfilled()) end))
  end)

  it("logs an error with its traceback below it, whatever the error is", spec(function()
    local l, list = support.collect()
    log.set_default(l)
    local function fails() error "it broke" end
    local p = lwt.spawn(fails)
    local _, err = pcall(await, p)
    log.error_of(err, "cannot reach %s", "ann")
    assert.matches("^main error cannot reach ann: .*section_spec.lua:%d+: it broke$", list[1])
    assert.matches("section_spec.lua:%d+: in function", table.concat(list, "\n"))
    local count = #list
    log.error_of(setmetatable({}, { __tostring = function() error "no" end }))
    assert.is_true(#list > count)
    log.error_of(nil, "nothing at all")
    assert.matches("nothing at all", list[#list])
    log.set_level "fatal"
    count = #list
    log.error_of(err, function() error "not called" end)
    assert.equal(count, #list)
  end))
end)

describe("lwt.log: fields", function()
  it("of with() belong to what it gives, which follows the section's level", spec(function()
    local l, list = support.collect()
    log.set_default(l)
    local s = fresh()
    local fields = { id = 1 }
    local req = s:with(fields):with { peer = "x" }
    fields.id = 2
    req:error "a"
    s:error "b"
    assert.same({ id = 1, peer = "x" }, list.records[1].fields)
    assert.is_nil(list.records[2].fields)
    assert.equal(s.name, list.records[1].section)
    req:debug "no"
    s:set_level "debug"
    req:debug "yes"
    assert.equal(s.name .. " debug yes", list[3])
    req:set_level "fatal"
    assert.equal("fatal", s:level())
    s:reset_level()
    assert.matches("bad argument #1 to 'with' %(table expected, got nil", raises(function() s:with() end))
  end))

  it("of with_fields travel with the task: over await, spawn and callbacks, and no further", spec(function()
    local l, list = support.collect()
    log.set_default(l)
    local function id(i) return list.records[i].fields and list.records[i].fields.id end
    local child, callback
    local a = lwt.spawn(function()
      return log.with_fields({ id = "a" }, function(x)
        await(lwt.sleep(0.01))
        log.error "1"
        child = lwt.spawn(function() lwt.yield(); log.error "2" end)
        callback = lwt.sleep(0.001):map(function() log.error "3" end)
        return x
      end, 7)
    end)
    log.error "0"
    assert.equal(7, await(a))
    await(child)
    await(callback)
    log.error "4"
    assert.equal(5, #list)
    for i, line in ipairs(list) do
      local number = line:match "%d$"
      assert.equal((number == "0" or number == "4") and "nil" or "a", tostring(id(i)), line)
    end
    log.with_fields({ id = 1, x = 1 }, function()
      log.with_fields({ id = 2 }, function() log.with { id = 3 }:error "nested" end)
    end)
    assert.same({ id = 3, x = 1 }, list.records[6].fields)
  end))
end)
