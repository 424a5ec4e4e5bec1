-- The definitions for editors and compilers, read by those who read them: lua-language-server and
-- the Teal compiler, where they are (LUALS and TL name their commands).

local shell = require "spec.support.shell"
local skip = require "spec.support.skip"

local LUALS, TL = os.getenv("LUALS") or "lua-language-server", os.getenv("TL") or "tl"
local TYPED = shell.here .. "/spec/support/typed/"

local function there(command)
  return shell.run("command -v '" .. command .. "'").code == 0
end

-- The numbers of the lines of a file that have a `!!`.
local function marked(path)
  local out, n = {}, 0
  for line in io.lines(path) do
    n = n + 1
    if line:match("%-%- !!$") then out[#out + 1] = n end
  end
  return out
end

-- The lines that a report finds fault with: "name:12:34: …".
local function blamed(report, name)
  local seen, out = {}, {}
  for n in report:gsub("\27%[[%d;]*m", ""):gmatch(name:gsub("%.", "%%.") .. ":(%d+):") do
    n = tonumber(n)
    if not seen[n] then out[#out + 1] = n end
    seen[n] = true
  end
  table.sort(out)
  return out
end

describe("the definitions for lua-language-server", function()
  it("are Lua that a program could load", function()
    local found = shell.run("find types -name '*.lua'").out
    for path in found:gmatch("[^\n]+") do assert(loadfile(path)) end
    assert.truthy(found:find("types/lwt/io.lua", 1, true))
  end)

  it("say what is awaited", function()
    local text = shell.read("types/lwt.lua")
    for _, line in ipairs {
      "---@class lwt.Promise<T, U>", "---@return lwt.Promise<lwt.Channel>",
      "---@param f async fun(ch: lwt.Channel, address: string): ...?", "---@return lwt.Promise<string?>",
    } do assert.truthy(text:find(line, 1, true), line) end
  end)

  local function check(name)
    -- (Debian has none to install; nor a Teal compiler.)
    if not there(LUALS) then skip.here "there is no lua-language-server" end
    local dir = shell.temp_dir()
    shell.write(dir .. "/" .. name, shell.read(TYPED .. name))
    local result = shell.run("scripts/typecheck.sh '" .. dir .. "'")
    shell.remove_dir(dir)
    return result
  end

  it("find no fault with a program that has none", function()
    local result = check "right.lua"
    assert.same({ 0, "" }, { result.code, result.out })
  end)

  it("find each fault of a program that has some", function()
    local result = check "wrong.lua"
    assert.same(marked(TYPED .. "wrong.lua"), blamed(result.out, "wrong.lua"), result.out)
  end)

  it("find no fault with the examples", function()
    if not there(LUALS) then skip.here "there is no lua-language-server" end
    local result = shell.run("scripts/typecheck.sh examples")
    assert.same({ 0, "" }, { result.code, result.out })
  end)
end)

describe("the definitions for Teal", function()
  local function check(name)
    if not there(TL) then skip.here "there is no Teal compiler" end
    return shell.run(("%s -I '%s/types' --gen-target 5.4 --gen-compat off check '%s'")
      :format(TL, shell.here, TYPED .. name))
  end

  it("are of every module", function()
    for path in shell.run("cd types && find . -name '*.lua'").out:gmatch("[^\n]+") do
      local text = shell.read("types/" .. path:gsub("%.lua$", ".d.tl"))
      assert.truthy(text:find("\nlocal record ", 1, true), path)
    end
  end)

  it("find no fault with a program that has none", function()
    local result = check "right.tl"
    assert.equal(0, result.code, result.out .. result.err)
  end)

  it("find each fault of a program that has some", function()
    local result = check "wrong.tl"
    local report = result.out .. result.err
    assert.same(marked(TYPED .. "wrong.tl"), blamed(report, "wrong.tl"), report)
  end)
end)
