-- Direct views: what needs neither promises nor await.
local lwt = require "lwt"
local core = require "spec.support.core"
local async = core.async

describe("direct", function()
  it("is a view in which every call awaits what it returns, and returned objects are views "
    .. "too", async(function()
    local Object = { __name = "object" }
    Object.__index = Object
    function Object.double(self) return lwt.spawn(function() lwt.yield() return self.n * 2 end) end
    function Object.plain(self) return self.n end
    local module = {
      constant = 5,
      make = function(n) return lwt.fulfilled(setmetatable({ n = n }, Object)) end,
      fail = function() return lwt.rejected "oops" end,
      values = function() return lwt.fulfilled(1, nil, 3) end,
    }
    local view = lwt.direct(module)
    assert.equal(5, view.constant)
    local object = view.make(4)
    assert.equal(8, object:double())
    assert.equal(4, object:plain())
    assert.same({ 1, nil, 3, n = 3 }, table.pack(view.values()))
    assert.same({ false, "oops" }, { pcall(view.fail) })
  end))

  it("leaves alone what an iterator works on: `for` gives it back as it is", async(function()
    local List = { __name = "list" }
    List.__index = List
    local function following(list, i)
      assert.equal(List, getmetatable(list))
      lwt.yield()
      i = i + 1
      if list[i] then return i, list[i] end
    end
    function List.each(list) return following, list, 0 end
    function List.later(list) return lwt.pause():map(function() return following, list, 0 end) end
    local list = lwt.direct(setmetatable({ "a", "b" }, List))
    local seen = {}
    for _, v in list:each() do seen[#seen + 1] = v end
    for _, v in list:later() do seen[#seen + 1] = v end
    assert.same({ "a", "b", "a", "b" }, seen)
  end))
end)
