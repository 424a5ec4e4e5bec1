-- What modules read only when something of it is asked for (lua/lwt/internal/later.lua).

local later = require "lwt.internal.later"
local script = require "spec.support.script"

local root = os.getenv "PWD"

-- In a process of its own, where nothing has been read.
local function run(text)
  local result = script.run(text)
  assert.equal("", result.err)
  return result.out
end

describe("what is read later", function()
  after_each(function()
    for _, name in ipairs { "a", "b" } do
      package.preload["spec.later." .. name] = nil
      package.loaded["spec.later." .. name] = nil
    end
  end)

  local function module(M, read)
    package.preload["spec.later.a"] = function()
      read[#read + 1] = "a"
      M.one, M.two = 1, 2
    end
    package.preload["spec.later.b"] = function()
      read[#read + 1] = "b"
      M.three = 3
    end
    later(M, "spec.later.a", "one two")
    later(M, "spec.later.b", "three")
    return M
  end

  it("is there once it is asked for, and what is not has been left alone", function()
    local read = {}
    local M = module({ zero = 0 }, read)
    assert.equal(0, M.zero)
    assert.is_nil(M.four)
    assert.same({}, read)
    assert.equal(2, M.two)
    assert.equal(1, M.one)
    assert.same({ "a" }, read)
    assert.is_nil(rawget(M, "three"))
    assert.equal(3, M.three)
  end)

  it("is given by pairs, all of it", function()
    local seen = {}
    for name, value in pairs(module({ zero = 0 }, {})) do seen[name] = value end
    assert.same({ zero = 0, one = 1, two = 2, three = 3 }, seen)
  end)

  it("leaves a table its own __index", function()
    local M = module(setmetatable({}, { __index = function(_, name) error("no " .. name, 2) end }), {})
    assert.equal(3, M.three)
    local ok, err = pcall(function() return M.four end)
    assert.is_false(ok)
    assert.matches("^spec/later_spec.lua:%d+: no four", err)
  end)

  it("is tried again after it has failed", function()
    local M, fails = {}, true
    package.preload["spec.later.a"] = function()
      if fails then error "no memory" end
      M.one = 1
    end
    later(M, "spec.later.a", "one")
    assert.is_false(pcall(function() return M.one end))
    fails = false
    assert.equal(1, M.one)
  end)

  -- A name that is missing in a list would be nil for whoever asks for it first.
  it("is all that the files put into their modules", function()
    local out = run [=[
      require "lwt"
      local later, lists, tables = package.loaded, {}, {}
      local real = require "lwt.internal.later"
      package.loaded["lwt.internal.later"] = function(M, file, names)
        tables[file] = tables[file] or {}
        for name in names:gmatch "%S+" do
          lists[#lists + 1] = { M, file, name }
          tables[file][M] = true
        end
      end
      for _, module in ipairs { "lwt.stream", "lwt.io", "lwt.react", "lwt.toplevel" } do require(module) end
      local files = 0
      for file, modules in pairs(tables) do
        files = files + 1
        local before = {}
        for M in pairs(modules) do
          for name in next, M do before[M] = before[M] or {} before[M][name] = true end
        end
        require(file)
        local told = {}
        for _, entry in ipairs(lists) do
          if entry[2] == file then
            told[entry[1]] = told[entry[1]] or {}
            told[entry[1]][entry[3]] = true
            if rawget(entry[1], entry[3]) == nil then print(file .. " has no " .. entry[3]) end
          end
        end
        for M in pairs(modules) do
          for name in next, M do
            if not before[M][name] and not told[M][name] then print(file .. " has " .. name .. ", too") end
          end
        end
      end
      print(files >= 5 and "done" or "too few")
    ]=]
    assert.equal("done\n", out)
  end)

  it("tells a wrong argument as if it had been there", function()
    local out = run [[
      local stream = require "lwt.stream"
      local s = stream.of_list { 1 }
      print(select(2, pcall(function() local _ = s:map(1) end)))
      print(select(2, pcall(function() local _ = stream.map(s, 1) end)))
      print(select(2, pcall(function() local _ = stream.fold(s) end)))
      print(select(2, pcall(function() local _ = require "lwt.log".channel(1) end)))
      print(select(2, pcall(function() local _ = require "lwt.io".establish_server {} end)))
    ]]
    assert.matches("bad argument #1 to 'map' %(function expected, got number%)\n", out)
    assert.matches("bad argument #2 to 'map' %(function expected, got number%)\n", out)
    assert.matches("bad argument #3 to 'fold'", out)
    assert.matches("bad argument #1 to 'channel'", out)
    assert.matches("bad argument #2 to 'establish_server'", out)
    for line in out:gmatch "[^\n]+" do assert.matches("^/[^:]+:%d+: bad argument", line) end
    assert.is_nil(out:find("lua/lwt/", 1, true))
  end)

  it("is found when lwt was, by a relative path, and the program has gone elsewhere since", function()
    local out = run(([[
      local lfs = require "lfs"
      lfs.chdir(%q)
      local paths = { path = package.path, cpath = package.cpath }
      for field, path in pairs(paths) do -- as LUA_PATH="./lua/?.lua" would have it
        package[field] = path:gsub("[^;]+", function(template)
          local at = template:sub(1, #%q) == %q and template:sub(#%q + 2)
          return at and "./" .. at or nil
        end)
      end
      local lwt, stream = require "lwt", require "lwt.stream"
      lfs.chdir "/"
      local s = stream.of_list({ 1, 2 }):map(function(n) return n + 1 end) -- a part of lwt.stream
      print(lwt.run(s:to_list())[2])
      print(lwt.run(function() return (require "lwt.process".pread_line({ "pwd" }):await()) end)) -- all of lwt.uv
      print(pcall(require, "lwt.nothing") or "not there")
    ]]):format(root, root, root, root))
    assert.equal("3\n/\nnot there\n", out)
  end)
end)
