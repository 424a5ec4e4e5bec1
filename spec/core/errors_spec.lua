local lwt = require "lwt"
local core = require "spec.support.core"
local raises = core.raises_here

-- What is called on one line each, so that the position says where.
describe("a wrong argument raises at the caller, in Lua's own words:", function()
  local p = lwt.fulfilled(1)

  it("no function for bind", function()
    raises("bad argument #2 to 'bind' (function expected, got nil)",
      function() lwt.bind(p, nil) end)
    raises("bad argument #2 to 'bind' (function expected, got no value)",
      function() lwt.bind(p) end)
    raises("bad argument #2 to 'bind' (function expected, got number)",
      function() lwt.bind(p, 1) end)
    raises("bad argument #1 to 'bind' (function expected, got table)", function() p:bind({}) end)
  end)

  it("no promise for the functions that take one", function()
    for _, name in ipairs {
      "bind", "map", "on_success", "on_failure", "on_termination", "on_any", "on_cancel",
      "cancel", "state", "is_pending", "protected", "no_cancel", "wrap_in_cancelable",
      "ignore_result",
    } do
      local f = lwt[name]
      for _, other in ipairs { 1, {}, "x", io.stdout } do
        local ok, err = pcall(f, other, print, print)
        assert.is_false(ok, name)
        assert.truthy(err:find("bad argument #1 to '[%w_.]*" .. name .. "' %("), err)
        assert.truthy(err:find("promise expected, got", 1, true), err)
      end
    end
    raises("bad argument #1 to 'map' (promise expected, got table)",
      function() lwt.map({}, print) end)
    raises("bad argument #1 to 'state' (promise expected, got no value)",
      function() lwt.state() end)
  end)

  it("no function for the others", function()
    raises("bad argument #2 to 'map' (function expected, got nil)", function() lwt.map(p, nil) end)
    raises("bad argument #2 to 'catch' (function expected, got nil)",
      function() lwt.catch(p, nil) end)
    raises("bad argument #2 to 'finalize' (function expected, got nil)",
      function() lwt.finalize(p, nil) end)
    raises("bad argument #2 to 'try_bind' (function expected, got nil)",
      function() lwt.try_bind(p, nil, print) end)
    raises("bad argument #3 to 'try_bind' (function expected, got nil)",
      function() lwt.try_bind(p, print, nil) end)
    raises("bad argument #2 to 'on_success' (function expected, got nil)",
      function() lwt.on_success(p, nil) end)
    raises("bad argument #2 to 'on_failure' (function expected, got nil)",
      function() lwt.on_failure(p, nil) end)
    raises("bad argument #2 to 'on_termination' (function expected, got nil)",
      function() lwt.on_termination(p, nil) end)
    raises("bad argument #2 to 'on_any' (function expected, got nil)",
      function() lwt.on_any(p, nil, print) end)
    raises("bad argument #3 to 'on_any' (function expected, got nil)",
      function() lwt.on_any(p, print, nil) end)
    raises("bad argument #2 to 'on_cancel' (function expected, got nil)",
      function() lwt.on_cancel(p, nil) end)
    raises("bad argument #1 to 'spawn' (function expected, got nil)", function() lwt.spawn(nil) end)
    raises("bad argument #1 to 'wrap' (function expected, got nil)", function() lwt.wrap(nil) end)
    raises("bad argument #1 to 'async' (function expected, got nil)", function() lwt.async(nil) end)
    raises("bad argument #1 to 'dont_wait' (function expected, got nil)",
      function() lwt.dont_wait(nil, print) end)
    raises("bad argument #2 to 'dont_wait' (function expected, got nil)",
      function() lwt.dont_wait(print, nil) end)
    raises("bad argument #1 to 'scope' (function expected, got nil)", function() lwt.scope(nil) end)
    raises("bad argument #1 to 'at_exit' (function expected, got nil)",
      function() lwt.at_exit(nil) end)
    raises("bad argument #1 to 'from_callback' (function expected, got nil)",
      function() lwt.from_callback(nil) end)
    raises("bad argument #1 to 'promisify' (function expected, got nil)",
      function() lwt.promisify(nil) end)
  end)

  it("neither promise nor function where either will do", function()
    for _, name in ipairs { "catch", "finalize", "try_bind", "run" } do
      local ok, err = pcall(lwt[name], 1, print, print)
      assert.is_false(ok)
      assert.truthy(err:find("bad argument #1", 1, true), err)
      assert.truthy(err:find("got number", 1, true), err)
    end
    local ok, err = pcall(lwt.with_timeout, 1, "x")
    assert.is_false(ok)
    assert.truthy(err:find("bad argument #2", 1, true), err)
  end)

  it("no list, or one with something else in it than promises", function()
    for _, name in ipairs {
      "join", "all", "choose", "pick", "nchoose", "npick", "nchoose_split", "settled", "any",
    } do
      local f = lwt[name]
      for _, other in ipairs { 1, "x", p } do
        local ok, err = pcall(f, other)
        assert.is_false(ok, name)
        assert.truthy(err:find("bad argument #1 to", 1, true), err)
      end
      for _, list in ipairs { { 1 }, { p, "x" }, { p, p, {} } } do
        local ok, err = pcall(f, list)
        assert.is_false(ok, name)
        assert.truthy(err:find("bad argument #1 to", 1, true), err)
      end
    end
    raises("bad argument #1 to 'join' (table expected, got nil)", function() lwt.join(nil) end)
    raises("bad argument #2 to 'both' (promise expected, got nil)", function() lwt.both(p, nil) end)
  end)

  it("leaves nothing behind when a list is refused", function()
    local q, r = lwt.task()
    local seen = false
    q:on_success(function() seen = true end)
    assert.is_false((pcall(lwt.pick, { q, 1 })))
    assert.equal("pending", (q:state()))
    r:wakeup()
    assert.is_true(seen)
  end)

  it("no resolver", function()
    local _, r = lwt.wait()
    for _, name in ipairs { "wakeup", "wakeup_exn", "wakeup_later", "wakeup_later_exn" } do
      assert.is_false((pcall(r[name], p, 1)))
      assert.is_false((pcall(r[name])))
      assert.is_false((pcall(r[name], io.stdout)))
    end
  end)

  it("no number for times", function()
    raises("bad argument #1 to 'sleep' (number expected, got nil)", function() lwt.sleep(nil) end)
    raises("bad argument #1 to 'timeout' (number expected, got table)",
      function() lwt.timeout({}) end)
    raises("bad argument #1 to 'with_timeout' (number expected, got nil)",
      function() lwt.with_timeout(nil, p) end)
  end)

  it("no key for storage", function()
    assert.is_false((pcall(lwt.get, "name")))
    assert.is_false((pcall(lwt.get, nil)))
    assert.is_false((pcall(lwt.set, {}, 1)))
    assert.is_false((pcall(lwt.with_value, 1, 2, print)))
    raises("bad argument #3 to 'with_value' (function expected, got nil)",
      function() lwt.with_value(lwt.new_key(), 1, nil) end)
  end)

  it("no promise to await", function()
    lwt.run(function()
      raises("bad argument #1 to 'await' (promise expected, got number)",
        function() lwt.await(1) end)
      raises("bad argument #1 to 'await' (promise expected, got nil)",
        function() lwt.await(nil) end)
    end)
  end)

  it("a method of what the promise would give", function()
    for _, name in ipairs { "read_line", "write", "close", "accept", "status", "next" } do
      raises(("attempt to call '%s' of a promise: await it first, (await(promise)):%s(...)"):format(name, name),
        function() p[name](p) end)
    end
    assert.is_nil(p.on)
  end)

  it("a field or an element of what the promise would give", function()
    raises("attempt to index a promise: await it first, (await(promise)).size",
      function() return p.size end)
    raises("attempt to index a promise: await it first, (await(promise)).code",
      function() return p.code ~= 0 end)
    raises("attempt to index a promise: await it first, (await(promise))[1]",
      function() return p[1] end)
    local ok, err = pcall(function()
      for _ in ipairs(p) do end -- luacheck: ignore 542
    end)
    assert.is_false(ok)
    assert.is_truthy(err:find("await it first", 1, true), err)
  end)

  it("an index that a promise does not have is nil, not an error of its own", function()
    assert.is_nil(p.no_such_method)
    assert.is_false((pcall(function() p.x = 1 end)))
  end)
end)
