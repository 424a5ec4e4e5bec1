-- What one sees under plain lua5.4, without a handler of one's own: the task's lines in the traceback
-- of what run raises, and rejections that nobody looked at.
local lwt = require "lwt"
local shell = require "spec.support.shell"

local function quoted(s) return "'" .. s:gsub("'", "'\\''") .. "'" end

-- Runs the script as a user does, with warnings off.
local function plain(script)
  local dir = shell.temp_dir()
  local path = shell.write(dir .. "/program.lua", script)
  local result = shell.run(("LUA_PATH=%s LUA_CPATH=%s %s %s"):format(quoted(package.path),
    quoted(package.cpath), shell.lua, path))
  shell.remove_dir(dir)
  return result
end

local failing = [[
local lwt = require "lwt"
local function inner()
  lwt.yield()
  error "boom"
end

local M = {}
function M.method()
  inner()
  return 1
end

%s
]]

describe("an error that leaves run", function()
  it("has the lines of its tasks in lua's own traceback", function()
    local result = plain(failing:format [[
lwt.run(function()
  local p = lwt.spawn(function()
    M.method()
    return 2
  end)
  return p:await()
end)]])
    assert.equal(1, result.code)
    assert.truthy(result.err:find("program.lua:4: boom\nstack traceback:", 1, true), result.err)
    local at = 1
    for _, line in ipairs { "program.lua:4: in %a+ 'inner'", "program.lua:9: in %a+ 'method'",
      "program.lua:15: in ", "program.lua:18: in ", "lwt/init.lua:%d+: in function",
      "program.lua:13: in main chunk" } do
      local from, to = result.err:find(line, at)
      assert.truthy(from, line .. "\n" .. result.err)
      at = to
    end
  end)

  it("has those of a background task, and for a handler of xpcall", function()
    local result = plain(failing:format [[
print(xpcall(lwt.run, debug.traceback, function()
  lwt.async(M.method)
  lwt.yield()
  lwt.yield()
end))]])
    assert.truthy(result.out:find "program.lua:4: in %a+ 'inner'", result.out)
    assert.truthy(result.out:find "program.lua:9: in ", result.out)
  end)

  it("has the main task's lines, where a sentinel ended it, and no others'", function()
    for _, name in ipairs { "Timeout", "Canceled", "EOF" } do
      local result = plain(([[
local lwt = require "lwt"
pcall(lwt.run, function()
  error(lwt.NAME)
end)
print(xpcall(lwt.run, debug.traceback, function()
  lwt.yield()
  error(lwt.NAME)
end))
local function handler(err) return debug.traceback(tostring(err)) end
print(xpcall(lwt.run, handler, function()
  lwt.yield()
  error(lwt.NAME)
end))
print(xpcall(lwt.run, handler, lwt.rejected(lwt.NAME)))]]):gsub("NAME", name))
      assert.truthy(result.out:find("program.lua:12: in ", 1, true), result.out)
      assert.is_nil(result.out:find("program.lua:3: in ", 1, true), result.out)
      local _, count = result.out:gsub("program.lua:12:", "")
      assert.equal(1, count, result.out)
    end
  end)

  it("is the same value", function()
    for _, value in ipairs { "text", {}, 12, false, lwt.Canceled } do
      local ok, err = pcall(lwt.run, function() error(value, 0) end)
      assert.is_false(ok)
      assert.equal(value, err)
    end
    local ok, err = pcall(lwt.run, function() error(nil) end)
    assert.is_false(ok)
    assert.is_nil(err)
  end)

  it("of a wrong call has the caller's line", function()
    for _, f in ipairs {
      function() lwt.run(5) end,
      function() lwt.run(function() lwt.run(print) end) end,
    } do
      local ok, err = pcall(f)
      assert.is_false(ok)
      assert.truthy(err:find "run_traceback_spec.lua:%d+: ", err)
    end
  end)
end)

describe("a rejection that nobody looked at", function()
  it("is told once, on stderr, also where warnings are off", function()
    local result = plain [[
local lwt = require "lwt"
lwt.rejected "lost"
lwt.run(lwt.yield)
lwt.run(lwt.yield)
collectgarbage()
io.stdout:write "out"
]]
    assert.equal(0, result.code)
    assert.equal("out", result.out)
    assert.equal(1, select(2, result.err:gsub("never looked at: lost", "")), result.err)
  end)

  it("is one of a number that is told in a second; of the others, how many", function()
    local result = plain [[
local lwt = require "lwt"
lwt.run(function()
  for i = 1, 1000 do
    lwt.rejected("lost " .. i)
    if i % 50 == 0 then lwt.yield() collectgarbage() end
  end
end)
for i = 1, 500 do lwt.rejected("later " .. i) end
lwt.step()
]]
    local told, more = 0, 0
    for _ in result.err:gmatch "promise was never looked at: %a+ %d+" do told = told + 1 end
    for n in result.err:gmatch "promises were never looked at: (%d+) more" do more = more + n end
    assert.equal(1500, told + more)
    assert.is_true(told >= 20)
    assert.is_true(more > 0)
  end)

  it("goes to the program's own warn, and not to stderr then", function()
    local result = plain [[
function warn(...) print("own", ...) end
local lwt = require "lwt"
lwt.rejected "lost"
lwt.run(lwt.yield)
]]
    assert.equal("own\tlwt: a rejected promise was never looked at: lost\n", result.out)
    assert.equal("", result.err)
  end)

  it("goes to stderr when that warn fails", function()
    local result = plain [[
local lwt = require "lwt"
function warn() error "no" end
lwt.rejected "lost"
lwt.run(lwt.yield)
]]
    assert.truthy(result.err:find("never looked at: lost", 1, true))
  end)
end)
