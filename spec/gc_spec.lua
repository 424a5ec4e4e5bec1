local lwt = require "lwt"
local gc = require "lwt.gc"
local test = require "lwt.test"
local expect = require "spec.support.expect"
local raises = expect.raises

local await, spec = lwt.await, test.virtual

local function collect()
  collectgarbage()
  collectgarbage()
end

describe("lwt.gc", function()
  it("runs a finaliser as a task after the object was collected", spec(function()
    local log = {}
    do
      local object = { name = "x" }
      gc.finalise(function(o)
        await(lwt.sleep(1))
        log[#log + 1] = o.name
      end, object)
    end
    collect()
    assert.same({}, log)
    await(lwt.sleep(2))
    assert.same({ "x" }, log)
  end))

  it("does not run it while the object is alive", spec(function()
    local log, object = {}, { name = "x" }
    gc.finalise(function(o) log[#log + 1] = o.name end, object)
    collect()
    await(lwt.sleep(1))
    assert.same({}, log)
    assert.equal("x", object.name)
  end))

  it("runs several, newest first", spec(function()
    local log = {}
    do
      local object = {}
      for i = 1, 3 do gc.finalise(function() log[#log + 1] = i end, object) end
    end
    collect()
    await(lwt.sleep(1))
    assert.same({ 3, 2, 1 }, log)
  end))

  it("works for an object that its finaliser refers to, and for other types", spec(function()
    local log = {}
    do
      local object = { "t" }
      gc.finalise(function() log[#log + 1] = object[1] end, object)
      local up = "f"
      gc.finalise(function(f) log[#log + 1] = f() end, function() return up end)
      gc.finalise(function(co) log[#log + 1] = type(co) end, coroutine.create(function() end))
    end
    collect()
    await(lwt.sleep(1))
    table.sort(log)
    assert.same({ "f", "t", "thread" }, log)
  end))

  it("lets the object go when the finaliser is done", spec(function()
    local weak = setmetatable({}, { __mode = "k" })
    do
      local object = {}
      weak[object] = true
      gc.finalise(function() end, object)
    end
    collect()
    await(lwt.sleep(1))
    collect()
    assert.is_nil(next(weak))
  end))

  it("gives what a finaliser raises to the exception hook", spec(function()
    local got = {}
    local hook = lwt.async_exception_hook(function(err) got[#got + 1] = err end)
    gc.finalise(function() error("oops", 0) end, {})
    collect()
    await(lwt.sleep(1))
    lwt.async_exception_hook(hook)
    assert.same({ "oops" }, got)
  end))

  it("is waited for at the end of run", function()
    local done = 0
    test.virtual(function()
      gc.finalise(function()
        await(lwt.sleep(1))
        done = done + 1
      end, {})
      collect()
    end)()
    assert.equal(1, done)
    test.virtual(function()
      gc.finalise(function()
        await(lwt.sleep(1))
        done = done + 1
      end, {})
      collect()
      await(lwt.sleep(0.5))
    end)()
    assert.equal(2, done)
  end)

  it("is waited for in a later run than the one that registered it", function()
    local object, done = {}, false
    test.virtual(function()
      gc.finalise(function()
        await(lwt.sleep(1))
        done = true
      end, object)
    end)()
    assert.is_false(done)
    object = nil
    collect()
    assert.is_nil(object)
    test.virtual(function() await(lwt.sleep(0.5)) end)()
    assert.is_true(done)
  end)

  describe("finalise_or_exit", function()
    it("runs at the end of run, newest first, exactly once", function()
      local log, objects = {}, { {}, {} }
      test.virtual(function()
        for i, object in ipairs(objects) do
          gc.finalise_or_exit(function(o)
            await(lwt.sleep(1))
            assert(o == object)
            log[#log + 1] = i
          end, object)
        end
      end)()
      assert.same({ 2, 1 }, log)
      objects = nil
      collect()
      assert.is_nil(objects)
      test.virtual(function() await(lwt.sleep(1)) end)()
      assert.same({ 2, 1 }, log)
    end)

    it("runs when the object is collected, and then not at the end", function()
      local n = 0
      test.virtual(function()
        gc.finalise_or_exit(function() n = n + 1 end, {})
        collect()
        await(lwt.sleep(1))
        assert.equal(1, n)
      end)()
      assert.equal(1, n)
    end)
  end)

  it("refuses wrong arguments", function()
    assert.has_error(function() gc.finalise(1, {}) end)
    raises(function() gc.finalise(print, 1) end,
      "gc_spec.lua:%d+: bad argument #2 to 'finalise'")
    assert.has_error(function() gc.finalise_or_exit(print, "s") end)
    assert.has_error(function() gc.finalise_or_exit({}, {}) end)
  end)
end)
