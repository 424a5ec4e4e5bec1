-- What was read of the file of a private key is not left in memory that is given back.

local build = require "spec.support.build"
local lwt = require "lwt"
local shell = require "spec.support.shell"
local skip = require "spec.support.skip"

describe("lwt.ssl", function()
  local ca, id, dir, library

  setup(function()
    if os.getenv "LWT_UNDER" then return end
    ca = require "spec.support.ca".make()
    id = ca:issue { name = "server", san = "DNS:localhost" }
    dir = build.temp_dir()
    library = build.library(dir, "spec/support/wiped.c", "wiped", {})
  end)
  teardown(function()
    if not ca then return end
    ca:remove()
    lwt.run(build.remove_dir(dir))
  end)

  -- Two lines of it: OpenSSL itself leaves one.
  local function marker_of(path) return (shell.read(path):match "%-%-\n([^\n]+\n[^\n]+)") end

  local function try(path, code)
    local program = shell.write(ca:path "wiped.lua", code)
    return shell.run(("LD_PRELOAD='%s' LWT_MARKER='%s' %s '%s' '%s' '%s'"):format(library, marker_of(path), shell.lua,
      program, id.cert, path))
  end

  it("wipes a key's file from memory, also where the key is refused", function()
    skip.under "what a plain build shows"
    local r = try(id.key, [[io.open(arg[2]):read "a"; collectgarbage()]])
    assert.truthy(r.err:find "left", "the test sees nothing")
    r = try(id.key, [[require "lwt.ssl".context { role = "server", cert = arg[1], key = arg[2] }]])
    assert.equal("", r.err)
    local both = shell.write(ca:path "both.pem", shell.read(id.key) .. shell.read(id.cert))
    r = try(both, [[require "lwt.ssl".context { role = "server", cert = arg[2] }]])
    assert.equal("", r.err)
    local other = ca:issue { name = "other", san = "DNS:localhost" }
    r = try(other.key,
      [[assert(not pcall(require "lwt.ssl".context, { role = "server", cert = arg[1], key = arg[2] }))]])
    assert.equal("", r.err)
    ca:openssl("pkcs8 -topk8 -in server.key -passout pass:secret -out locked.key")
    r = try(ca:path "locked.key",
      [[assert(not pcall(require "lwt.ssl".context,
        { role = "server", cert = arg[1], key = arg[2], password = "no" }))]])
    assert.equal("", r.err)
  end)
end)
