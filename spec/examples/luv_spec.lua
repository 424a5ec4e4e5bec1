-- luv's loop turns lwt's, where luv is installed (Debian: lua-luv).

local shell = require "spec.support.shell"
local skip = require "spec.support.skip"

local there = pcall(require, "luv")

describe("examples/luv.lua", function()
  it("runs tasks of lwt in luv's loop, and ends when both have nothing more to do", function()
    skip.under "luv's memory is not ours to look after"
    if not there then skip.missing "luv (Debian: lua-luv)" end
    local result = shell.run(shell.lua .. " examples/luv.lua README.md")
    assert.same({ 0, "" }, { result.code, result.err })
    assert.truthy(result.out:find("both read the same size\n", 1, true), result.out)
    assert.truthy(result.out:find("luv ticked 3 times\nand lwt slept meanwhile\n", 1, true), result.out)
  end)
end)
