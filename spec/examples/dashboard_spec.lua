-- The dashboard into a pipe, and on a terminal (of script(1)).

local lua = os.getenv "LUA" or "lua5.4"
local program = lua .. " bin/lwt examples/dashboard.lua"

local function run(command)
  local pipe = io.popen("{ " .. command .. "; } 2>&1")
  local out = pipe:read("a")
  return out, pipe:close()
end

local function lines(out)
  local n = 0
  for line in out:gmatch("[^\n]+") do
    assert.matches("^load %d+%.%d+  memory %d+%%  %S", line)
    n = n + 1
  end
  return n
end

describe("examples/dashboard.lua", function()
  it("writes a line for each update into a pipe", function()
    local out, ok = run(program .. " -i 0.05 -c 4 | cat")
    assert.is_true(ok)
    assert.equal(4, lines(out)) -- also where nothing changes from one to the next
  end)

  it("leaves without a word when nobody reads on", function()
    local out = run("{ timeout 60 " .. program .. " -i 0.05; echo left $? >&2; } | head -n 2")
    assert.matches("left 0", out)
  end)

  it("leaves on Ctrl-C without a word", function()
    -- Not before it has written: until then Ctrl-C is the interpreter's.
    local out = run(([[sh -c 'echo $$; exec timeout 60 %s -i 0.3' |
      { read pid; read line; kill -INT $pid; cat >/dev/null; }; echo left]]):format(program))
    assert.matches("left\n$", out)
    assert.is_nil(out:find("traceback", 1, true) or out:find("error", 1, true))
  end)

  it("fills a terminal, and leaves it as it was on q", function()
    if not run("command -v script"):find("script") then return pending("no script(1) here") end
    local out = run(("printf q | timeout 60 script -qec '%s -i 0.2' /dev/null"):format(program))
    local screen = out:match("\27%[%?1049h(.*)\27%[%?25h\27%[%?1049l%s*$")
    assert.is_not_nil(screen, out)
    assert.matches("load +%d", screen)
    assert.matches("PID +CPU +MEMORY  NAME", screen)
  end)

  it("says how it is used", function()
    local out, ok = run(program .. " -x")
    assert.is_nil(ok)
    assert.matches("^usage: dashboard.lua", out)
  end)
end)
