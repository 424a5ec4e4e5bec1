-- A few seconds of spec/support/storm.lua; minutes with LWT_STORM=300 in the environment.
local lwt = require "lwt"
local process = require "lwt.process"
local build = require "spec.support.build"

describe("a storm of threads", function()
  it("is weathered, and the state closes in the middle of it", function()
    local seconds = tonumber(os.getenv "LWT_STORM" or 2)
    local dir = build.temp_dir()
    build.module(dir, "spec/support/threads.c", "spec_threads")
    local result = lwt.run(function()
      local p = process.open({ os.getenv "LUA" or "lua5.4", "spec/support/storm.lua", tostring(seconds),
        tostring(os.time()), dir .. "/spec_threads.so" },
        { stdin = "null", stdout = "pipe", stderr = "pipe", timeout = 3 * seconds + 60 })
      local out, err = lwt.both(p.stdout:read(), p.stderr:read()):await()
      return { out = out, err = err, status = p:status():await() }
    end)
    lwt.run(build.remove_dir(dir))
    assert.equal("", result.err)
    assert.truthy(result.out:find "^storm: ok", result.out)
    assert.equal(0, result.status.code)
  end)
end)
