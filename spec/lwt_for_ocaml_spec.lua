-- doc/lwt-for-ocaml.md: what it says is here is here.

local lwt = require "lwt"
local react = require "lwt.react"

local function root(name)
  if name == "lwt" then return lwt end
  if name == "E" or name == "S" then return react[name] end
  if name == "lio" then name = "io" end
  return require("lwt." .. name)
end

describe("doc/lwt-for-ocaml.md", function()
  it("names nothing that does not exist", function()
    local lio = require "lwt.io"
    local seen, missing = 0, {}
    for line in io.lines "doc/lwt-for-ocaml.md" do
      -- The second column of a table of functions.
      local here = line:gsub("\\|", "/"):match "^| .- | (.-) | .-|$"
      for module, name in (here or ""):gmatch "`(%a+)%.([%w_]+)`" do
        seen = seen + 1
        local value = name ~= "h" and root(module)[name]
        if value == nil and module == "lio" then value = lio.stdout[name] end
        if value == nil then missing[#missing + 1] = module .. "." .. name end
      end
    end
    assert.same({}, missing)
    assert.is_true(seen > 300)
  end)
end)
