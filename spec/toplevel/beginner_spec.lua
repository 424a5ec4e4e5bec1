-- What somebody types who has just met Lua, line by line, each compared with what such a person expects.

local prompt = require "spec.support.prompt"

-- { what is typed, what is shown }; a string that begins with "^" is a pattern.
local LINES = {
  { "1 + 1", "2" },
  { "10 / 4", "2.5" },
  { "10 // 4", "2" },
  { "2^10", "1024.0" },
  { "7 % 3", "1" },
  { "'hello' .. ' ' .. 'world'", '"hello world"' },
  { "#'hello'", "5" },
  { "x = 5", "" },
  { "x", "5" },
  { "x = x + 1", "" },
  { "x", "6" },
  { "print(x)", "6" },
  { "print('a', 'b')", "a       b" },
  { "y", "nil" },
  { "x == 6", "true" },
  { "x ~= 6 and 'no' or 'yes'", '"yes"' },
  { "local name = 'ann'", "" },
  { "name:upper()", '"ANN"' },
  { "name", '"ann"' },
  { "t = {1, 2, 3}", "" },
  { "t", "{ 1, 2, 3 }" },
  { "#t", "3" },
  { "t[1]", "1" },
  { "t[10]", "nil" },
  { "table.insert(t, 4)", "" },
  { "t", "{ 1, 2, 3, 4 }" },
  { "person = { name = 'Ann', age = 30 }", "" },
  { "person", '{ age = 30, name = "Ann" }' },
  { "person.name", '"Ann"' },
  { "person.city.street", "stdin:1: attempt to index a nil value (field 'city')" },
  { "for i = 1, 3 do print(i) end", "1\n2\n3" },
  { "for i, v in ipairs(t) do\n  io.write(v, ' ')\nend print()", "1 2 3 4" },
  { "if x > 5 then\n  print 'big'\nelse\n  print 'small'\nend", "big" },
  { "function add(a, b)\n  return a + b\nend", "" },
  { "add(2, 3)", "5" },
  { "add(2)", "stdin:2: attempt to perform arithmetic on a nil value (local 'b')\n"
    .. "  stdin:2: in function 'add'\n  stdin:1: in main chunk" },
  { "add", "function(a, b) <stdin:1>" },
  { "while x > 0 do\n  x = x - 2\nend", "" },
  { "x", "0" },
  { "Print(x)", "stdin:1: attempt to call a nil value (global 'Print')" },
  { "print(x", nil }, -- goes on, until the bracket comes
  { "x =+ 5", "stdin:1: unexpected symbol near '+'" },
  { "x++", "stdin:1: syntax error near '+'" },
  { "if x = 1 then print(x) end", "stdin:1: 'then' expected near '='" },
  { "'10' + 5", "15" },
  { "'a' + 5", "stdin:1: attempt to add a 'string' with a 'number'" },
  { "tostring(12) .. '!'", '"12!"' },
  { "tonumber('abc')", "nil" },
  { "math.floor(3.7)", "3" },
  { "math.pi", "3.1415926535898" },
  { "string.format('%05.2f', 3.14159)", '"03.14"' },
  { "('x'):rep(3)", '"xxx"' },
  { "string.find('hello', 'l')", "3       3" },
  { "type(print), type(nil), type({})", '"function"      "nil"   "table"' },
  { "select('#', 1, nil, nil)", "3" },
  { "require 'nothing.there'", "^stdin:1: module 'nothing.there' not found:\n" },
  { "local io = require 'lwt.io'", "" },
  { "server = await(io.establish_server('127.0.0.1:0', function(ch)\n  for line in ch:lines() do\n"
    .. "    await(ch:write_line(line:upper()))\n  end\nend))", "" },
  { "server", "^lwt.server: 127%.0%.0%.1:%d+$" },
  { "io.open_connection(server:address())", "^lwt.channel <127%.0%.0%.1:%d+, open>$" },
  { "c = _", "" },
  { "c:write_line 'hello'", "" },
  { "c:read_line()", '"HELLO"' },
  { "c:close()", "" },
  { "c", "^lwt.channel <.*closed>$" },
  { "c:read_line()", "^[^\n]*closed" },
  { "server:shutdown(0)", "" },
  { "lwt.sleep(0.01)", "" },
  { "await(lwt.sleep(0.01)) print 'slept'", "slept" },
  { "nil", "nil" },
  { "true, false", "true    false" },
  { "exit", "nil" },
  { "help", "nil" },
  { ":help add", "add(a, b)" },
  { ":type 5", "integer" },
  { "goto there", "stdin:1: no visible label 'there' for <goto> at line 1" },
}

describe("a beginner at the prompt", function()
  it("gets what a person expects", function()
    local on <close> = prompt.start { rows = 40 }
    assert.is_true(#LINES >= 50)
    local wrong = {}
    for _, line in ipairs(LINES) do
      local typed, expected = line[1], line[2]
      if expected == nil then
        on:type(typed .. "\r")
        on:type ")\r" -- on the next line of the same input
        on:ready()
        assert.matches("\n  +%)\n0\n>$", on:text())
      else
        local shown = on:run(typed)
        local as_expected = expected == shown
        if expected:sub(1, 1) == "^" then as_expected = shown:find(expected) ~= nil end
        if not as_expected then wrong[#wrong + 1] = { typed, expected, shown } end
      end
    end
    assert.same({}, wrong)
  end)
end)
