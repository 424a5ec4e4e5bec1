-- Templates, escaping, JSON: no message can forge a record.

local lwt = require "lwt"
local io = require "lwt.io"
local log = require "lwt.log"
local text = require "lwt.log.text"
local time = require "lwt.log.time"
local support = require "spec.support.log"

local await, spec = lwt.await, support.spec

-- What a template makes of what f logs: the whole text.
local function by(template, f)
  local r, w = io.pipe()
  log.set_default(log.channel { channel = w, close_mode = "close", template = template })
  f()
  local l = log.default()
  log.set_default(log.null)
  await(l:close())
  return await(r:read())
end

local HOSTILE = {
  "\r", "\27[2J", "\0", "\127", "\8\8\8", "\u{85}", "\u{9b}31m", "\x9b31m", "\xff\xfe", "\xc2", "\xed\xa0\x80",
  "\u{2028}", "\u{202e}", "\u{2066}", "\xf4\x90\x80\x80", "\x1b]0;title\7",
}

describe("lwt.log: templates", function()
  it("have all their variables", spec(function()
    lwt.name "teller"
    local out = by("$(time)|$(date)|$(clock)|$(milliseconds)|$(name)|$(pid)|$(level)|$(section)|$(loc-file)|"
      .. "$(loc-line)|$(task)|$(message) $(fields)|$(color)x$(reset)", function()
      log.section "a.b":with { n = 1 }:warning "hello"
    end)
    local line = debug.getinfo(1, "l").currentline - 2
    local parts = {}
    for part in (out .. "|"):gmatch "(.-)|" do parts[#parts + 1] = part end
    assert.matches("^%d%d%d%d%-%d%d%-%d%dT%d%d:%d%d:%d%d%.%d%d%d[+-]%d%d:%d%d$", parts[1])
    assert.matches("^%u%l%l [ %d]%d %d%d:%d%d:%d%d$", parts[2])
    assert.matches("^%d%d:%d%d:%d%d$", parts[3])
    assert.matches("^%d%d%d$", parts[4])
    assert.is_true(#parts[5] > 0)
    assert.equal(tostring(require "lwt.process".getpid()), parts[6])
    assert.same({ "warning", "a.b" }, { parts[7], parts[8] })
    assert.matches("text_spec.lua$", parts[9])
    assert.equal(tostring(line), parts[10])
    assert.same({ "teller", "hello n=1" }, { parts[11], parts[12] })
    assert.equal("\27[33mx\27[0m\n", parts[13])
  end))

  it("know where a call was made through a broadcast and a dispatch", spec(function()
    local r, w = io.pipe()
    local l = log.channel { channel = w, template = "$(loc-line)" }
    log.set_default(log.broadcast { log.null, log.dispatch(function() return l end) })
    log.error "x"
    local line = debug.getinfo(1, "l").currentline - 1
    assert.equal(tostring(line), await(r:read_line()))
  end))

  it("are written in three ways, with \\$ for a dollar", spec(function()
    local out = by("\\$x ${level} $level: $(message) a\\b $(fields)", function() log.error "m" end)
    assert.equal("$x error error: m a\\b\n", out)
    assert.equal("\n", by("", function() log.error "m" end))
    assert.equal("] m\n", by("] $(message)", function() log.error "m" end))
  end))

  it("that are wrong are refused when the logger is made", spec(function()
    local _, w = io.pipe()
    for template, what in pairs {
      ["$(nothing)"] = "no variable 'nothing'", ["cost: $"] = "no variable after the '%$' at 7",
      ["$(message"] = "no variable after the '%$' at 1", ["$loc-file"] = "no variable 'loc'",
    } do
      local ok, err = pcall(function() local l = log.channel { channel = w, template = template } return l end)
      assert.is_false(ok)
      assert.matches("text_spec.lua:%d+: bad argument #1 to 'channel' %(template: " .. what, err)
    end
    assert.is_false(pcall(log.file, { path = "x", template = "$(y)" }))
    assert.is_false(pcall(log.syslog, { template = "$(y)" }))
  end))

  it("give every line of a message the prefix", spec(function()
    local out = by("$(level) $(message)", function() log.error "a\nerror b\n" end)
    assert.equal("error a\nerror error b\nerror \n", out)
  end))

  it("never round up to a thousand milliseconds", function()
    assert.equal("999", time.milliseconds(1000000000.9999))
    assert.matches("%.999", time.utc(1000000000.99996))
    assert.equal("2001-09-09T01:46:40.000Z", time.utc(1000000000))
    assert.equal("2001-09-09T01:46:39.500Z", time.utc(999999999.5))
  end)
end)

describe("lwt.log: text", function()
  it("without anything odd is left alone", function()
    for _, s in ipairs { "", "plain", "tab\there", "é 日本 🙂", "back\\slash" } do assert.equal(s, text.clean(s)) end
  end)

  it("has controls, directions and what is no UTF-8 as escapes", function()
    local cases = {
      ["a\rb"] = "a\\rb", ["\27[0m"] = "\\x1b[0m", ["\0"] = "\\x00", ["\n"] = "\\n", ["\127"] = "\\x7f",
      ["\u{9b}x"] = "\\u{9b}x", ["\u{85}"] = "\\u{85}", ["\u{2028}é"] = "\\u{2028}é", ["\u{202e}"] = "\\u{202e}",
      ["\xff"] = "\\xff", ["é\xc3"] = "é\\xc3", ["\xed\xa0\x80"] = "\\xed\\xa0\\x80",
      ["\xff\27\xfe"] = "\\xff\\x1b\\xfe", ["\u{2065}\u{2066}"] = "\u{2065}\\u{2066}",
    }
    for raw, clean in pairs(cases) do assert.equal(clean, text.clean(raw)) end
  end)

  it("of random bytes is always one line of UTF-8 without controls", function()
    math.randomseed(7)
    for _ = 1, 2000 do
      local bytes = {}
      for i = 1, math.random(0, 12) do bytes[i] = string.char(math.random(0, 255)) end
      local s = text.clean(table.concat(bytes))
      assert.is_truthy(utf8.len(s))
      assert.is_nil(s:find "[\0-\8\10-\31\127]")
      assert.is_nil(s:find "\xC2[\x80-\x9F]")
    end
  end)

  it("in messages, sections, fields and task names forges nothing, in any format", spec(function()
    for _, bad in ipairs(HOSTILE) do
      local function hostile()
        lwt.name("task" .. bad)
        local fields = { ["k" .. bad] = "v" .. bad, ["x\ny"] = "a\nmain error forged" }
        log.section("s" .. bad):with(fields):error("m" .. bad .. "z")
      end
      local out = by("$(section) $(task) $(message) $(fields)", hostile)
      assert.equal(1, select(2, out:gsub("\n", "")))
      assert.equal(text.clean(out:sub(1, -2)), out:sub(1, -2))
    end
    lwt.name "spec"
  end))

  it("of fields can be told apart again", spec(function()
    local out = by("$(message) $(fields)", function()
      log.with {
        a = 1, b = "two words", c = 'quo"te', d = "back\\slash", e = "", f = true, g = "x=y", ["h i"] = "\n",
      }:error "m"
    end)
    assert.equal('m a=1 b="two words" c="quo\\"te" d="back\\\\slash" e="" f=true g="x=y" h_i="\\n"\n', out)
    out = by("$(fields)", function()
      log.with { x = setmetatable({}, { __tostring = function() error "no" end }) }:error "m"
    end)
    assert.equal('x="(a table whose __tostring fails)"\n', out)
  end))

  it("of a field whose value changes is that of each record", spec(function()
    local state = setmetatable({ n = 0 }, { __tostring = function(s) s.n = s.n + 1 return "n" .. s.n end })
    local s = log.with { state = state }
    local out = by("$(fields)", function() s:error "" s:error "" end)
    assert.equal("state=n1\nstate=n2\n", out)
  end))
end)

describe("lwt.log: JSON", function()
  -- The objects that are written for what f logs.
  local function objects(f)
    local r, w = io.pipe()
    local l = log.json { channel = w, close_mode = "close" }
    log.set_default(l)
    f()
    log.set_default(log.null)
    await(l:close())
    local list = {}
    for line in r:lines() do list[#list + 1] = support.json(line) end
    return list
  end

  it("has time, level, section, message and the fields, which replace none of these", spec(function()
    local o = objects(function()
      log.section "a":with {
        n = 1, f = 0.5, t = true, list = { 1, "x", { k = false } }, time = "mine", _time = "mine too", level = 3,
        inf = 1 / 0, nan = 0 / 0, fn = print,
      }:error "two\nlines"
    end)[1]
    assert.matches("^%d%d%d%d%-%d%d%-%d%dT%d%d:%d%d:%d%d%.%d%d%dZ$", o.time)
    assert.same({ "error", "a", "two\nlines" }, { o.level, o.section, o.message })
    assert.same({ 1, 0.5, true, { 1, "x", { k = false } } }, { o.n, o.f, o.t, o.list })
    assert.same({ "mine too", "mine", 3, "inf" }, { o._time, o.__time, o._level, o.inf })
    assert.matches("nan", o.nan)
    assert.matches("^function", o.fn)
  end))

  it("is valid whatever the bytes are, and says them as far as they are text", spec(function()
    math.randomseed(11)
    local texts = { table.unpack(HOSTILE) }
    for i = 1, 300 do
      local bytes = {}
      for k = 1, math.random(0, 12) do bytes[k] = string.char(math.random(0, 255)) end
      texts[#texts + 1] = table.concat(bytes) .. i
    end
    texts[#texts + 1] = 'quote " back \\ slash / tab \t é 日 🙂 \n'
    local list = objects(function()
      for _, t in ipairs(texts) do log.section("s" .. t):with { [t] = t }:error(t) end
    end)
    assert.equal(#texts, #list)
    for i, t in ipairs(texts) do
      if utf8.len(t) then
        assert.equal(t, list[i].message)
        assert.equal("s" .. t, list[i].section)
        assert.equal(t, list[i][t])
      else
        assert.matches("\u{fffd}", list[i].message)
      end
    end
  end))

  it("has numbers with the digits that they need, and no more", spec(function()
    local line = require "lwt.log.json".render({ name = "s" }, "info", "m", 0,
      { a = 0.1, b = 1 / 3, c = 3, d = 2.0 ^ 70, e = 0.1 + 0.2 })
    assert.equal('"a":0.1,"b":0.33333333333333331,"c":3,"d":1.1805916207174113e+21,"e":0.30000000000000004}\n',
      line:match '"a".*')
  end))

  it("of a table that contains itself, or a number that JSON has not, has an end", spec(function()
    local t = { name = "t" }
    t.t = t
    local o = objects(function() log.with { t = t, big = math.mininteger, small = 5e-324 }:error "x" end)[1]
    assert.equal("t", o.t.t.t.name)
    assert.equal(5e-324, o.small)
    assert.equal(math.mininteger, math.tointeger(o.big) or o.big)
  end))

  it("refuses options that do not go together", spec(function()
    local _, w = io.pipe()
    for _, opts in ipairs {
      {}, { channel = w, path = "x" }, { channel = w, rotate = { size = 1 } }, { path = "x", close_mode = "keep" },
      { channel = 3 }, { path = "x", template = "y" }, { path = "x", rotate = {} }, { path = "x", perm = 0.5 },
      { path = "x", rotate = { size = 1, what = 2 } }, { path = "x", rotate = { size = 1, keep = -1 } },
      { path = "x", mode = "w" }, { path = "x", reopen = "SIGNOTHING" }, { path = "a\0b" },
    } do
      local ok, err = pcall(function() local l = log.json(opts) return l end)
      assert.is_false(ok)
      assert.matches("bad argument #1 to 'json'", err)
    end
  end))
end)
