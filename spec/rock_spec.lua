-- What is given away holds what is in the tree.

local lua = os.getenv("LUA") or "lua5.4"

local function capture(command)
  local pipe = assert(io.popen(command))
  local text = pipe:read("a")
  local ok = pipe:close()
  return ok, text
end

describe("the rockspec", function()
  it("lists every source file and no other", function()
    local ok, text = capture(lua .. " scripts/rockspec.lua --check 2>&1")
    assert(ok, text)
  end)

  it("notices a file that is not listed, and one that is gone, by name", function()
    local dir = select(2, capture("mktemp -d")):gsub("%s+$", "")
    local ok, text = capture(([[
      scripts/tree.sh '%s' && cd '%s' && mkdir -p lua/lwt && touch lua/lwt/surplus.lua &&
      rm -f lua/lwt/init.lua && %s scripts/rockspec.lua --check 2>&1]]):format(dir, dir, lua))
    os.execute("rm -rf '" .. dir .. "'")
    assert.falsy(ok)
    assert.truthy(text:find("lua/lwt/surplus.lua is not listed", 1, true), text)
    assert.truthy(text:find("lua/lwt/init.lua is listed and does not exist", 1, true), text)
  end)
end)

describe("the header", function()
  it("is the same in include/ as in src/", function()
    assert(os.execute("cmp -s include/lwt.h src/lwt.h"))
  end)
end)
