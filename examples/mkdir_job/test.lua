-- What mkdir_job does, as a test: prints "mkdir_job: ok".
local lwt = require "lwt"
local mkdir = require "mkdir_job".mkdir
local await = lwt.await

local dir = os.tmpname()
os.remove(dir)

lwt.run(function()
  await(mkdir(dir))
  assert(os.rename(dir, dir), "it has made the directory")

  -- Ten at once: they run on the threadpool.
  local all = {}
  for i = 1, 10 do all[i] = mkdir(dir .. "/" .. i, 448) end
  await(lwt.join(all))
  for i = 1, 10 do assert(os.remove(dir .. "/" .. i)) end

  -- A failure of the system rejects the promise with lwt's error object.
  local ok, err = pcall(await, mkdir(dir))
  assert(not ok and err.code == "EEXIST" and err.path == dir and err.op == "mkdir", err)
  assert(os.remove(dir))

  -- A wrong argument raises at once.
  assert(not pcall(mkdir, nil))
  assert(not pcall(mkdir, "a\0b"))
end)

print "mkdir_job: ok"
