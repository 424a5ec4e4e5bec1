-- A read of several elements that runs out of memory between them: none is lost.

local lwt = require "lwt"
local build = require "spec.support.build"
local shell = require "spec.support.shell"

describe("a read of several elements that finds no memory", function()
  local dir, program

  setup(function()
    dir = build.temp_dir()
    program = build.program(dir, "spec/support/memory.c", "memory")
  end)
  teardown(function() lwt.run(build.remove_dir(dir)) end)

  -- Each request for memory in `read`, in turn, is refused. What was not read is there, in order.
  local function loses_nothing(read)
    local path = shell.write(dir .. "/script.lua", [[
      local lwt, stream = require "lwt", require "lwt.stream"
      local N <const> = 40
      local function read(s) ]] .. read .. [[ end
      read(stream.of_list { 1, 2, 3 }) -- what is read later is there
      return function(armed)
        local s, push = stream.create()
        for i = 1, N do push(i) end
        armed(true)
        local ok, p = pcall(read, s)
        armed(false)
        local items = ok and p or {}
        if lwt.is_promise(items) then
          local read_ok, list = pcall(lwt.run, items)
          items = read_ok and list or {}
        end
        local rest = s:get_available()
        table.move(rest, 1, #rest, #items + 1, items)
        assert(#items == N, #items)
        for i = 1, N do assert(items[i] == i, items[i]) end
      end]])
    local result = build.run { program, path }
    assert.same({ 0, "" }, { result.code, result.err }, result.out)
  end

  it("loses none of them: nget", function() loses_nothing "return s:nget(30)" end)
  it("loses none of them: get_while", function()
    loses_nothing "return s:get_while(function(v) return v < 30 end)"
  end)
  it("loses none of them: get_available", function() loses_nothing "return s:get_available()" end)
  it("loses none of them: get_available_up_to", function()
    loses_nothing "return s:get_available_up_to(30)"
  end)
end)
