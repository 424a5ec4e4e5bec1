-- The specs of chatroom.lua, for busted:
--
--   cd examples/tutorial && busted -p _spec$ 5-chatroom_spec.lua

local lwt, lio, test = require "lwt", require "lwt.io", require "lwt.test"
local assert, chatroom = require "luassert", require "chatroom"
local await = lwt.await

-- Serves a chat with the given limits for as long as f runs: f(join, chat), join(name) a client.
local function with_chat(limits, f)
  await(lio.with_temp_dir(function(dir)
    limits.folder = dir
    local chat = chatroom.create(limits)
    local server <close> = await(lio.establish_server("127.0.0.1:0", chat.handle,
      { limit = chat.limits.line }))
    f(function(name)
      local ch = await(lio.open_connection(server:address()))
      assert.equal("your name? ", await(ch:read_exactly(11)))
      await(ch:write_line(name))
      return ch
    end, chat)
    await(server:shutdown(1))
    chat:close()
  end))
end

describe("the chat", function()
  it("tells a room what one of it says, and no other room", test.async(function()
    with_chat({}, function(join)
      local ann <close> = join "ann"
      assert.equal("* ann is in lobby", await(ann:read_line()))
      local bob = join "bob"
      assert.equal("* bob is in lobby", await(ann:read_line()))
      await(bob:write_line "hello")
      assert.equal("bob: hello", await(ann:read_line()))
      await(bob:write_line "/join kitchen")
      await(bob:write_line "nobody hears that")
      assert.equal("* bob has left", await(ann:read_line()))
      await(bob:close())
    end)
  end))

  it("shows a newcomer what was said before", test.async(function()
    with_chat({ shown = 2 }, function(join)
      local ann <close>, bob = join "ann", join "bob"
      for _, word in ipairs { "one", "two", "three" } do await(bob:write_line(word)) end
      await(bob:close())
      repeat until await(ann:read_line()) == "* bob has left" -- all is said
      local carl <close> = join "carl"
      assert.equal("bob: two", await(carl:read_line()))
      assert.equal("bob: three", await(carl:read_line()))
      assert.equal("* carl is in lobby", await(carl:read_line()))
    end)
  end))

  it("puts out who says nothing for ten minutes", test.virtual(function()
    with_chat({}, function(join)
      local ann <close> = join "ann"
      local start = lwt.now()
      assert.equal("* ann is in lobby", await(ann:read_line()))
      assert.is_nil(await(ann:read_line()))
      assert.is_true(lwt.now() - start >= 600)
    end)
  end))

  it("puts out who sends a line without end, and tells why", test.async(function()
    with_chat({ line = 50 }, function(join)
      local ann <close> = join "ann"
      assert.equal("* ann is in lobby", await(ann:read_line()))
      await(ann:write(("x"):rep(1000)))
      await(ann:flush())
      assert.equal("* that was too long", await(ann:read_line()))
    end)
  end))

  it("is full at some time", test.async(function()
    with_chat({ clients = 1 }, function(join, chat)
      local ann <close> = join "ann"
      assert.equal("* ann is in lobby", await(ann:read_line()))
      assert.equal(1, chat.clients)
      assert.has_error(function() join "bob" end)
    end)
  end))

  after_each(test.assert_clean)
end)
