-- What becomes of a stream that nobody has any more.

local lwt = require "lwt"
local stream = require "lwt.stream"
local test = require "lwt.test"
local streams = require "spec.support.stream"

local await, spec = lwt.await, test.virtual
local state = streams.state

describe("lwt.stream", function()
  describe("a dropped stream", function()
    local function gone(weak)
      collectgarbage()
      collectgarbage()
      return next(weak) == nil
    end

    it("releases its source", spec(function()
      local weak = setmetatable({}, { __mode = "k" })
      do
        local resource = {}
        weak[resource] = true
        local s = stream.from(function() return resource end)
        local m = s:map(function(v) return v end):filter(function() return true end)
        assert.equal(resource, await(m:next()))
      end
      assert.is_true(gone(weak))
    end))

    it("releases its source at its end", spec(function()
      local weak = setmetatable({}, { __mode = "k" })
      local s
      do
        local resource = {}
        weak[resource] = true
        s = stream.from_direct(function() return resource == nil and 1 or nil end)
        assert.is_nil(await(s:get()))
      end
      assert.is_true(gone(weak))
      assert.is_nil(await(s:get()))
    end))

    it("is not kept by the function that pushes", spec(function()
      local weak = setmetatable({}, { __mode = "k" })
      local s, push = stream.create()
      weak[s] = true
      for _ = 1, 1000 do
        local v = {}
        weak[v] = true
        push(v)
      end
      s = nil -- luacheck: ignore
      collectgarbage()
      collectgarbage()
      local left = 0
      for _ in pairs(weak) do left = left + 1 end
      assert.is_true(left <= 64)
      push(1)
    end))

    it("is kept while somebody waits", spec(function()
      local push
      local p
      do
        local s
        s, push = stream.create()
        p = s:map(function(v) return v + 1 end):get()
      end
      collectgarbage()
      collectgarbage()
      push(1)
      assert.equal(2, await(p))
    end))

    it("does not keep elements that were read", spec(function()
      local weak = setmetatable({}, { __mode = "k" })
      local s, push = stream.create()
      local function use()
        for _ = 1, 40 do
          local v = {}
          weak[v] = true
          push(v)
        end
        s:junk_available()
        for _ = 1, 3 do
          local v = {}
          weak[v] = true
          local p = s:get()
          push(v)
          assert.equal("fulfilled", state(p))
        end
      end
      use()
      assert.is_true(gone(weak))
      assert.is_false(s:is_closed())
    end))
  end)
end)
