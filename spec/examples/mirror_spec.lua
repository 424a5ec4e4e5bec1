-- examples/mirror.lua and examples/echo.lua, run as a user runs them.

local shell = require "spec.support.shell"

local LWT = shell.lua .. " '" .. shell.here .. "/bin/lwt' "
local MIRROR = "timeout 60 " .. LWT .. "examples/mirror.lua "

describe("examples/mirror.lua", function()
  local dir, temp
  before_each(function()
    dir, temp = shell.temp_dir(), shell.temp_dir()
    shell.run(([[cd '%s' && mkdir -p 'a b/c%%20' empty && printf x > 'a b/c%%20/one' &&
      : > nothing && head -c 300000 /dev/urandom > 'a b/large ?#&' && ln -s . loop]]):format(dir))
  end)
  after_each(function()
    shell.remove_dir(dir)
    shell.remove_dir(temp)
  end)

  local function mirror(args)
    local r = shell.run("TMPDIR='" .. temp .. "' " .. MIRROR .. args)
    r.left = shell.run("ls -A '" .. temp .. "'").out
    return r
  end

  it("mirrors a folder whatever its files are called, and leaves nothing behind", function()
    local r = mirror("'" .. dir .. "'")
    assert.equal("", r.err)
    assert.truthy(r.out:find("^3 files, 300001 bytes, %d+%.%d+ seconds: all equal\n$"), r.out)
    assert.equal(0, r.code)
    assert.equal("", r.left)
  end)

  it("works one at a time, and with more at once than there are files", function()
    for _, n in ipairs { 1, 100 } do
      local r = mirror("-n " .. n .. " '" .. dir .. "'")
      assert.truthy(r.out:find("all equal", 1, true), r.err)
    end
  end)

  it("says which file took too long, and cleans up", function()
    local r = mirror("-t 0.000001 '" .. dir .. "'")
    assert.equal(1, r.code)
    assert.truthy(r.err:find("took more than 1e-06 seconds", 1, true), r.err)
    assert.equal("", r.left)
  end)

  it("tells of a folder that does not exist", function()
    local r = mirror("'" .. dir .. "/nowhere'")
    assert.equal(1, r.code)
    assert.truthy(r.err:find("ENOENT", 1, true), r.err)
    assert.equal("", r.left)
  end)

  it("cleans up after Ctrl-C", function()
    -- Thousands of files, one after another: it is far from done when its folder can be seen.
    local r = shell.run(([[
      TMPDIR='%s' %s examples/mirror.lua -n 1 /usr/include >/dev/null &
      while [ -z "$(ls '%s')" ] && kill -0 $!; do :; done
      kill -INT $!
      wait $!]]):format(temp, LWT, temp))
    assert.equal(130, r.code, r.err)
    assert.equal("lwt: interrupted\n", r.err)
    assert.equal("", shell.run("ls -A '" .. temp .. "'").out)
  end)
end)

describe("examples/echo.lua", function()
  it("sends back what it gets, to many at once, and ends with Ctrl-C", function()
    local lwt, io, process = require "lwt", require "lwt.io", require "lwt.process"
    local list = require "lwt.list"
    local await = lwt.await
    lwt.run(function()
      local p <close> = process.open({ shell.lua, "bin/lwt", "examples/echo.lua", "127.0.0.1:0" },
        { stdin = "null", stdout = "pipe", stderr = "null", timeout = 60 })
      local address = await(p.stdout:read_line()):match "^listening on (%S+)$"
      local numbers = {}
      for i = 1, 100 do numbers[i] = i end
      local replies = await(list.map_p(function(i)
        local ch <close> = await(io.open_connection(address))
        for _ = 1, 5 do
          await(ch:write(("%05d"):format(i):rep(1000)))
          await(ch:flush())
          if await(ch:read_exactly(5000)) ~= ("%05d"):format(i):rep(1000) then return "wrong" end
        end
        return "right"
      end, numbers))
      assert.equal(("right "):rep(100), table.concat(replies, " ") .. " ")
      -- One that goes away without a word does no harm.
      local rude = await(io.open_connection(address))
      await(rude:write("half"))
      rude:abort()
      p:kill "INT"
      assert.equal(130, await(p:status()).code)
    end)
  end)
end)
