-- Random programs do the same on the library as on the model. LWT_FUZZ_N is how many
-- (a few thousand normally, 100,000 where it matters), LWT_FUZZ_SEED the first seed;
-- `make fuzz` goes on for longer.
_G.LEAVES = "a random program may well end with a task that waits for ever"

local lwt = require "lwt"
local model = require "spec.support.model"
local program = require "spec.support.program"

local count = math.tointeger(tonumber(os.getenv "LWT_FUZZ_N")) or 3000
local first = math.tointeger(tonumber(os.getenv "LWT_FUZZ_SEED")) or 1

local function lwt_again() return lwt end

local function fails(p) return program.compare(p, model.new, lwt_again) end

describe("random programs", function()
  local hook

  setup(function() hook = lwt.async_exception_hook() end)
  teardown(function() lwt.async_exception_hook(hook) end)

  it(("do the same here as on the model: %d from seed %d"):format(count, first), function()
    for seed = first, first + count - 1 do
      local p = program.generate(seed)
      if fails(p) then
        local small = program.shrink(p, fails)
        local difference = fails(small)
        error(("seed %d, line %d of the log\n  model: %s\n  lwt:   %s\n\n%s"):format(
          seed, difference.line, difference.expected, difference.got, program.script(small)), 0)
      end
    end
  end)

  it("leave nothing that core.check finds wrong", function()
    local core = require "lwt.core"
    lwt.debug(true)
    local ok, err = pcall(function()
      for seed = first, first + count // 30 do
        program.run(program.generate(seed), lwt)
        assert.equal("number", type(core.check()))
      end
    end)
    lwt.debug(false)
    if not ok then error(err, 0) end
  end)

  it("are the same for the same seed, everywhere", function()
    local a, b = program.generate(42), program.generate(42)
    assert.equal(program.text(a), program.text(b))
    assert.not_equal(program.text(a), program.text(program.generate(43)))
  end)

  it("leave the same trace in another process", function()
    local script = require "spec.support.script"
    local function traces(seeds)
      local lines = {}
      for seed = first, first + seeds - 1 do
        for _, line in ipairs(program.run(program.generate(seed), lwt)) do
          lines[#lines + 1] = line
        end
      end
      return table.concat(lines, "\n") .. "\n"
    end
    local result = script.run(([[
      package.path, package.cpath = %q, %q
      local lwt, program = require "lwt", require "spec.support.program"
      for seed = %d, %d do
        for _, line in ipairs(program.run(program.generate(seed), lwt)) do print(line) end
      end
    ]]):format(package.path, package.cpath, first, first + 199), 60)
    assert.equal(0, result.code, result.err)
    assert.equal(traces(200), result.out)
  end)

  it("find a planted bug, and are shrunk to what shows it", function()
    local function broken()
      local m = model.new()
      m.pick = m.choose -- cancels nobody
      return m
    end
    local function shows(p) return program.compare(p, model.new, broken) end
    local seed = 1
    while not shows(program.generate(seed)) do seed = seed + 1 end
    assert.is_true(seed < 1000)
    local small = program.shrink(program.generate(seed), shows)
    assert.is_not_nil(shows(small))
    local _, lines = program.text(small):gsub("\n", "")
    assert.is_true(lines <= 12, program.text(small))
    assert.truthy(program.text(small):find "pick")
  end)

  it("are printed as Lua scripts that do the same", function()
    local path = os.tmpname()
    for seed = 1, 3 do
      local p = program.generate(seed)
      local f = assert(io.open(path, "w"))
      f:write(program.script(p))
      f:close()
      local lines, expected = {}, program.run(p, model.new())
      local env = setmetatable({
        require = function() return model.new() end,
        print = function(line) lines[#lines + 1] = line end,
      }, { __index = _G })
      assert(loadfile(path, "t", env))()
      assert.same(expected, lines)
    end
    os.remove(path)
  end)
end)
