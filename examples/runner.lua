-- runner: runs commands that depend on one another, in parallel, and shows what they write as they
-- write it, each line with the name of its job. The first failure stops the rest.
--
-- Shows: processes with piped output; promises as what is computed once and awaited by many; a
-- semaphore as the limit; a scope that ends everything, children of the system included.
--
--   lwt examples/runner.lua [-j 4] FILE [JOB...]        all jobs of the file, unless some are named
--
-- The file looks like a simple makefile:
--
--   all: lint test
--   lint:
--     luacheck .
--   test: build
--     busted
--   build:
--     make

local lwt = require "lwt"
local lio = require "lwt.io"
local process = require "lwt.process"
local semaphore = require "lwt.semaphore"
local await = lwt.await

-- { [name] = { needs = names, commands = texts } }, and the names in their order.
local function read_jobs(path)
  local jobs, order, current = {}, {}, nil
  for line in lio.lines_of_file(path) do
    local name, needs = line:match("^(%S+):%s*(.*)$")
    if name then
      current = { needs = {}, commands = {} }
      jobs[name] = current
      order[#order + 1] = name
      for need in needs:gmatch("%S+") do table.insert(current.needs, need) end
    elseif current and line:match("%S") and not line:match("^%s*#") then
      table.insert(current.commands, line)
    end
  end
  return jobs, order
end

-- Each job is there, and none waits for itself.
local function check(jobs, name, path)
  local job = jobs[name] or error("there is no job " .. name, 0)
  if path[name] then error(name .. " needs itself", 0) end
  path[name] = true
  for _, need in ipairs(job.needs) do check(jobs, need, path) end
  path[name] = nil
end

-- In a process group of its own: what the command has started is stopped with it.
local function run(name, command)
  local p <close> = process.open(process.shell(command),
    { stdin = "null", stdout = "pipe", stderr = "stdout", group = true })
  for line in p.stdout:lines() do
    await(lio.printl(name .. " | " .. line))
    await(lio.stdout:flush())
  end
  local status = await(p:status())
  if status.code ~= 0 then
    error(("%s failed (%s): %s"):format(name, status.signal or status.code,
      command:match("^%s*(.*)")), 0)
  end
end

local limit, words = 4, {}
do
  local i = 1
  while arg[i] do
    if arg[i] == "-j" then
      limit = math.tointeger(arg[i + 1]) or error("-j needs a number", 0)
      i = i + 2
    else
      words[#words + 1] = arg[i]
      i = i + 1
    end
  end
end
if not words[1] then error("usage: runner.lua [-j N] FILE [JOB...]", 0) end
local jobs, order = read_jobs(table.remove(words, 1))
local wanted = #words > 0 and words or order
for _, name in ipairs(wanted) do check(jobs, name, {}) end

local slots = semaphore.create(limit)
local begun = {} -- the promise of each job

local ok, err = pcall(await, lwt.scope(function(s)
  local function start(name)
    begun[name] = begun[name] or s:spawn(function()
      local job, needs = jobs[name], {}
      for i, need in ipairs(job.needs) do needs[i] = start(need) end
      await(lwt.join(needs))
      await(slots:with(function()
        for _, command in ipairs(job.commands) do run(name, command) end
      end))
    end)
    return begun[name]
  end
  for _, name in ipairs(wanted) do start(name) end
end))
if not ok then
  if type(err) ~= "string" then error(err, 0) end
  await(lio.eprintl(err))
  os.exit(1)
end
