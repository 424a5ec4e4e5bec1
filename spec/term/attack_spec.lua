-- Cancelling at every await, terminals that go away, and sizes that are none.
local pty = require "spec.support.pty"

local HEAD = [[
  local lwt, term, lio = require "lwt", require "lwt.term", require "lwt.io"
  local await = lwt.await
  lwt.run(function()
]]

local function run(body, opts) return pty.program(HEAD .. body .. "\nend)", opts) end

-- Ends without the terminal's other side: "exited" or "signaled", and the number.
local function ends_without(on)
  pty.close(on.slave)
  pty.close(on.master)
  local how, number
  local began = os.time()
  repeat how, number = pty.wait(on.pid) until how or os.time() - began > 30
  os.remove(on.path)
  return how, number
end

describe("cancelling", function()
  for name, call in pairs {
    read_key = "term.read_key()",
    keys = "lwt.spawn(function() for _ in term.keys() do end end)",
    with_raw_mode = "term.with_raw_mode(function() await((lwt.task())) end)",
    with_mouse = "term.with_mouse(function(t) await(t:read_key()) end)",
    with_alternate_screen = "term.with_alternate_screen(function(t) await(t:with_raw_mode(function() "
      .. "await(t:read_key()) end)) end)",
    confirm = "term.confirm 'x'",
    choose = "term.choose { 'a', 'b' }",
  } do
    it(name .. " leaves nothing behind, at any moment", function()
      local on <close> = run(([[
        local test = require "lwt.test"
        for turns = 0, 6 do
          local p = %s
          for _ = 1, turns do await(lwt.pause()) end
          p:cancel()
          local ok, err = pcall(await, p)
          assert(not ok and err == lwt.Canceled, tostring(err))
        end
        test.assert_clean()
        local last = term.read_key()
        print "now"
        print("still", await(last))
      ]]):format(call))
      on:expect "now"
      on:type "z"
      on:expect "still\tz"
      assert.same({ "exited", 0 }, { on:finish() })
      assert.equal(on.before, on:state())
      assert.is_true(on.screen.visible)
      for _, mode in ipairs { 1000, 1002, 1006, 1049, 2004, 2026 } do assert.is_nil(on.screen.modes[mode]) end
    end)
  end
end)

describe("a terminal that goes away", function()
  for name, body in pairs {
    ["while bars are drawn"] = [[
      local bar = term.progress { total = 100 }
      for _ = 1, 20 do bar:add() term.print("x\n") await(lwt.sleep(0.02)) end
      bar:done()
    ]],
    ["while a list is shown"] = "await(term.choose { 'a', 'b' })",
    ["while a question is asked"] = "await(term.confirm 'x')",
    ["while lines are drawn, in the other screen"] = [[
      await(term.with_alternate_screen(function(t)
        for i = 1, 20 do t:draw { "line " .. i } await(lwt.sleep(0.02)) end
      end))
    ]],
  } do
    it(name .. " neither hangs nor crashes the program", function()
      local on = run('require("lwt.signal").on("HUP", function() end)\nterm.print "ready"\n' .. body)
      on:expect "ready"
      on:pump(50)
      local how, number = ends_without(on)
      assert.equal("exited", how, number)
    end)
  end
end)

describe("a terminal without a size", function()
  it("counts as 80 by 24, until it has one", function()
    local on <close> = run([[
      await(term.draw { "one", "two" })
      for key in term.keys() do
        term.print("<", key.resize and key.columns .. "x" .. key.rows or tostring(key), ">\n")
        if key == term.key "q" then break end
      end
    ]])
    on:expect "two"
    on:wait(function() return not on:flags().canonical end, "raw mode")
    pty.resize(on.master, 1, 1)
    on:expect "<1x1>"
    pty.resize(on.master, 0, 0)
    on:expect "<80x24>"
    on:type "q"
    assert.same({ "exited", 0 }, { on:finish() })
  end)
end)

describe("a reader that stops", function()
  it("does not keep the loop from turning", function()
    local path = os.tmpname()
    local on <close> = run([[
      local p = lwt.spawn(function()
        for i = 1, 20000 do await(term.print("line ", i, "\n")) end
      end)
      await(lwt.sleep(0.05))
      local file = io.open(os.getenv "SEEN", "w")
      file:write(tostring(p:is_pending()))
      file:close()
      await(p)
      print "over"
    ]], { env = { SEEN = path } })
    -- Nothing is read before the program has turned.
    local began = os.time()
    local text
    repeat
      os.execute "sleep 0.05"
      local file = assert(io.open(path))
      text = file:read "a"
      file:close()
    until text ~= "" or os.time() - began > 30
    os.remove(path)
    assert.equal("true", text)
    on:expect "over"
    on:finish()
  end)
end)
