-- Random programs do the same on the library as on the model: promises, and, in every
-- second one, tasks in direct style with scopes, shields, coroutines, storage and time.
-- LWT_FUZZ_N is how many (400 normally, 300 under a sanitizer, 100,000 with LWT_SPEC_FULL=1), LWT_FUZZ_SEED
-- the first seed; `make fuzz` goes on for longer.
_G.LEAVES = "a random program may well end with a task that waits for ever"

local lwt = require "lwt"
local engine = require "lwt.engine"
local core = require "spec.support.core"
local model = require "spec.support.model"
local program = require "spec.support.program"

local count = math.tointeger(tonumber(os.getenv "LWT_FUZZ_N"))
  or core.count(os.getenv "LWT_UNDER" and 300 or 400, 100000)
local first = math.tointeger(tonumber(os.getenv "LWT_FUZZ_SEED")) or 1

local function lwt_again() return lwt end

local function fails(p) return program.compare(p, model.new, lwt_again) end

describe("random programs", function()
  local hook, before

  setup(function()
    hook, before = lwt.async_exception_hook(), engine.name()
    engine.set "virtual"
  end)
  teardown(function()
    lwt.async_exception_hook(hook)
    engine.set(before)
  end)

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
    local check = require "lwt.core".check
    lwt.debug(true)
    local ok, err = pcall(function()
      for seed = first, first + count // 30 do
        program.run(program.generate(seed), lwt)
        assert.equal("number", type(check()))
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
    local expected = traces(200)
    engine.set(before) -- time goes on in the other process
    local result = script.run(([[
      package.path, package.cpath = %q, %q
      local lwt, program = require "lwt", require "spec.support.program"
      require "lwt.engine".set "virtual"
      for seed = %d, %d do
        for _, line in ipairs(program.run(program.generate(seed), lwt)) do print(line) end
      end
    ]]):format(package.path, package.cpath, first, first + 199), 60)
    engine.set "virtual"
    assert.equal(0, result.code, result.err)
    assert.equal(expected, result.out)
  end)

  -- What is broken, and how.
  local planted = {
    pick = function(m) m.pick = m.choose end, -- cancels nobody
    shield = function(m) m.shield = function(f) return m.await(m.spawn(f)) end end,
    with_timeout = function(m)
      local with_timeout = m.with_timeout
      m.with_timeout = function(seconds, x) return m.protected(with_timeout(seconds, x)) end
    end,
    sleep = function(m) -- takes no time
      local sleep = m.sleep
      m.sleep = function(seconds) return seconds < 1000 and m.pause() or sleep(seconds) end
    end,
    child = function(m) -- children are tasks like any other
      local scope = m.scope
      m.scope = function(f)
        return scope(function(s)
          local function spawn(_, g) return m.spawn(g) end
          return f { spawn = spawn, cancel = function() s:cancel() end }
        end)
      end
    end,
    scope_cancel = function(m) -- from inside does what it does from outside
      local scope = m.scope
      m.scope = function(f)
        return scope(function(s)
          local function cancel() m.cancel(s.promise) end
          return f { spawn = function(_, g) return s:spawn(g) end, cancel = cancel }
        end)
      end
    end,
    generator = function(m) -- never goes on
      local wrap = m.coroutine.wrap
      m.coroutine.wrap = function(f)
        return function(...) return wrap(f)(...) end -- begins anew each time
      end
    end,
  }
  for name, plant in pairs(planted) do
    it(("find a planted bug (%s), and are shrunk to what shows it"):format(name), function()
      local function broken()
        local m = model.new()
        plant(m)
        return m
      end
      local function shows(p) return program.compare(p, model.new, broken) end
      local seed = 1
      while not shows(program.generate(seed)) do seed = seed + 1 end
      assert.is_true(seed < 1000)
      local small = program.shrink(program.generate(seed), shows)
      assert.is_not_nil(shows(small))
      local text, lines = program.text(small), 0
      for _ in text:gmatch "\n" do lines = lines + 1 end
      assert.is_true(lines <= 16, text)
      local other = ({ sleep = "advance", pick = "with_timeout", scope_cancel = "scope" })[name]
      assert.truthy(text:find(name) or other and text:find(other), text)
    end)
  end

  it("are printed as Lua scripts that do the same", function()
    local path = os.tmpname()
    for seed = 1, 3 do
      local p = program.generate(seed)
      local f = assert(io.open(path, "w"))
      f:write(program.script(p))
      f:close()
      local lines, expected = {}, program.run(p, model.new())
      local env = setmetatable({
        require = function(name)
          return name == "lwt" and model.new() or { set = function() end }
        end,
        print = function(line) lines[#lines + 1] = line end,
      }, { __index = _G })
      assert(loadfile(path, "t", env))()
      assert.same(expected, lines)
    end
    os.remove(path)
  end)
end)
