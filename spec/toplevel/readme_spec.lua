-- The session that the README shows, typed.

local prompt = require "spec.support.prompt"
local shell = require "spec.support.shell"

-- { typed, shown } … of a session as text: lines that begin with "> " are typed, indented ones go on.
local function steps_of(text)
  local steps = {}
  for line in text:gmatch "[^\n]+" do
    local typed = line:match "^> (.*)$"
    local step = steps[#steps]
    if typed then
      steps[#steps + 1] = { typed, {} }
    elseif step and line:find "^  +" and #step[2] == 0 then
      step[1] = step[1] .. "\n" .. line:match "^ *(.*)$"
    elseif step then
      table.insert(step[2], line)
    end
  end
  return steps
end

local function free_port()
  local r = shell.run(("%s bin/lwt -e 'local s = await(require \"lwt.io\".establish_server(\"127.0.0.1:0\", print)) "
    .. "print((s:address():match \"%%d+$\"))'"):format(shell.lua))
  return assert(r.out:match "%d+", r.err)
end

describe("the README's session at the prompt", function()
  it("is what one gets", function()
    local text = shell.read "README.md":match "```\n(%$ bin/lwt\n.-)```"
    local port = free_port()
    text = text:gsub("7000", port)
    local steps = steps_of(text)
    assert.is_true(#steps >= 7)
    local on <close> = prompt.start { columns = 120, rows = 40 }
    assert.equal((text:match "\n(lwt [^\n]*)":gsub("%d+%.%d+%.%d+", "N")), (on:rows()[1]:gsub("%d+%.%d+%.%d+", "N")))
    for _, step in ipairs(steps) do
      local waits = false
      for i, line in ipairs(step[2]) do
        if line == "p is fulfilled" then waits = table.remove(step[2], i) ~= nil end
      end
      local shown = on:run(step[1]):gsub("p is fulfilled\n?", "")
      assert.equal(table.concat(step[2], "\n"), shown, step[1])
      if waits then
        on:shows "p is fulfilled"
        on:settle()
      end
    end
  end)
end)
