-- A round of reading and writing in all styles, over real sockets, pipes, files, programs and threads:
-- several connections at once, each read and written by tasks, direct views, loops of bind and of
-- on_success, streams, and two at once, from moment to moment another; with cancels and time-outs in
-- between, and finalizers that read and write, too.
--
-- soak_bytes.round(seed, counts) raises what it finds: bytes that are not those that were sent, in
-- their order; an error that nobody provoked; or something that is left. What goes through is
-- numbered frames, so that a write that was withdrawn, and only one that was, may be missing.

local lwt = require "lwt"
local core = require "lwt.core"
local test = require "lwt.test"
local kinds = require "spec.support.soak_bytes_kinds"
local styles = require "spec.support.soak_bytes_styles"
local world = require "spec.support.soak_bytes_world"

local await, random, spawn = lwt.await, math.random, lwt.spawn
local count, finding = world.count, world.finding
local readers, writers, take, put = styles.readers, styles.writers, styles.take, styles.put
local another, some_turns, filling = styles.another, styles.some_turns, styles.filling

local M = {}

local function list_of(things)
  local list = {}
  for name in pairs(things) do list[#list + 1] = name end
  table.sort(list)
  return list
end
local reader_names, writer_names, names = list_of(readers), list_of(writers), list_of(kinds)

-- One style for a while; often in a task of its own, which may be canceled.
local function one_of(kind, list, c, n)
  local name = list[random(#list)]
  count(name)
  if random(3) > 1 then return kind[name](c, n) end
  local child = spawn(kind[name], c, n)
  if random(2) == 1 and not (kind == writers and c.no_cancel) then
    some_turns()
    child:cancel()
    count "cancels"
  end
  await(child)
end

-- Finalizers --------------------------------------------------------------------------------------

local function finalize()
  if not world.now or core.cancel_due() then return end
  count "finalizers"
  local n, c = random(6), another()
  if n == 1 or not c then
    local p = world.now.promises[random(20)]
    if p then p:cancel() end
  elseif c.busy > 0 then
    return
  elseif n <= 3 then
    if not c.ended and c.input then take(c, random(5000)) end
  elseif n == 4 then
    if not c.finished then put(c) end
  elseif n == 5 then
    if c.input then spawn(function() take(c, random(5000)) end) end
  else
    spawn(lwt.yield)
  end
end

local trap = { __gc = function()
  local ok, err = pcall(finalize)
  if not ok then finding("a finalizer failed: %s", err) end
end }

-- Rounds ------------------------------------------------------------------------------------------

local function expect_canceled(c, ok, err)
  if not ok and err ~= lwt.Canceled and not c.abandoned then
    finding("%s: %s", c.name, lwt.traceback(err))
  end
end

local function write_all(c)
  while c.sent < world.now.frames and not c.abandoned do
    setmetatable({}, trap)
    expect_canceled(c, pcall(one_of, writers, writer_names, c))
  end
  c.finished = true
  local written
  repeat
    written = #c.writes
    await(lwt.settled(c.writes))
  until #c.writes == written
  if c.output.shutdown then pcall(await, c.output:shutdown()) end
  if c.after or not c.output.shutdown then pcall(await, c.output:close()) end
end

local sizes = { 1, 7, 100, 4096, 65536, 100000 }

local function read_all(c)
  while not c.ended do
    setmetatable({}, trap)
    expect_canceled(c, pcall(one_of, readers, reader_names, c, sizes[random(random(#sizes), #sizes)]))
    if c.abandon and random(20) == 1 then
      c.abandoned = true
      await(c.input:close())
      return
    end
  end
end

-- What came out is whole frames, each what was sent as that number, in their order.
local function look_at(c)
  for i = 1, c.reads do
    if not c.got[i] then return finding("%s: read %d of %d never ended", c.name, i, c.reads) end
  end
  local all, at, last, seen = table.concat(c.got), 1, 0, {}
  count("bytes", #all)
  while at <= #all do
    local id, size = all:match("^(%d%d%d%d%d%d%d%d)%.(%d%d%d%d%d%d%d%d)%.", at)
    if not id then
      if c.abandoned then return end
      return finding("%s: no frame at byte %d of %d, after frame %d: %q", c.name, at, #all, last,
        all:sub(at, at + 30))
    end
    id, size = tonumber(id), tonumber(size)
    local from = id * 3373 % 20000
    local body = all:sub(at + 18, at + 17 + size)
    if c.abandoned and #body < size then return end
    if body ~= filling:sub(from + 1, from + size) then
      return finding("%s: frame %d, at byte %d of %d, is not what was sent", c.name, id, at, #all)
    end
    if id <= last then return finding("%s: frame %d came after frame %d", c.name, id, last) end
    at, last, seen[id] = at + 18 + size, id, true
  end
  if c.may_lose or c.abandoned then return end
  for id = 1, c.sent do
    if not seen[id] and not c.withdrawn[id] then finding("%s: frame %d is missing", c.name, id) end
  end
end

local function connection()
  local name = world.now.only or names[random(#names)]
  count(name)
  local input, output, special = kinds[name]()
  local c = { name = name, input = input, output = output, got = {}, reads = 0, answered = 0, busy = 0, sent = 0,
    writes = {}, withdrawn = {}, ended = false, finished = false }
  for k, v in pairs(special or {}) do c[k] = v end
  c.abandon = random(8) == 1 and input and input.close
  world.now.all[#world.now.all + 1] = c
  if input then world.now.open[#world.now.open + 1] = c end
  local writing = spawn(write_all, c)
  if c.after then
    await(writing)
    c.input = c.after()
    world.now.open[#world.now.open + 1] = c
  end
  read_all(c)
  await(writing)
end

local function body(counts, only)
  world.now = { counts = counts, only = only, findings = {}, promises = {}, open = {}, all = {}, files = {},
    threads = {}, frames = random(40) }
  local all = {}
  for i = 1, random(4) do all[i] = spawn(connection) end
  for i = 1, #all do
    local ok, err = pcall(await, all[i])
    if not ok then finding("a connection failed: %s", lwt.traceback(err)) end
  end
  for i, c in ipairs(world.now.all) do
    -- What is still on its way, begun by finalizers and callbacks.
    c.finished = true
    for _ = 1, 100 do
      if c.answered == c.reads then break end
      await(lwt.sleep(0.001))
    end
    world.now.open[i] = nil
  end
  world.now.open = {}
  for _, c in ipairs(world.now.all) do
    if c.input and c.input.close then await(c.input:close()) end
    if c.output.close then
      local p = c.output:close()
      local ok, err = pcall(await, lwt.is_promise(p) and p or lwt.fulfilled())
      if not ok and err ~= lwt.Closed and not c.abandoned then finding("%s: close: %s", c.name, lwt.traceback(err)) end
    end
    look_at(c)
  end
  for _, c in ipairs(world.now.all) do
    local ok, err = true, nil
    if c.program then ok, err = pcall(await, c.program:close()) end
    -- A program that nobody reads any more dies, perhaps before it has taken everything.
    if not ok and not (c.abandoned and err.code == "EPIPE") then
      finding("%s: the end of the program: %s", c.name, lwt.traceback(err))
    end
  end
  for _, p in ipairs(world.now.threads) do await(p) end
  for _, name in ipairs(world.now.files) do os.remove(name) end
  counts.rounds = (counts.rounds or 0) + 1
  local findings = world.now.findings
  world.now = nil
  if #findings > 0 then error(table.concat(findings, "\n"), 0) end
  for _ = 1, 10 do await(lwt.pause()) end
  test.assert_clean()
end

-- Runs a round. The counts are added to `counts`, where that is given; `only` is the kind of all the
-- connections.
function M.round(seed, counts, only)
  counts = counts or {}
  math.randomseed(seed)
  -- Now and then the collector is in a hurry, so that finalizers run in the middle of much.
  local n = random(3)
  if n == 1 then collectgarbage("incremental", 100, 1000) end
  if n == 2 then collectgarbage "generational" end
  local ok, err = pcall(test.async(body, { timeout = 300 }), counts, only)
  collectgarbage("incremental", 200, 100)
  world.now = nil
  if not ok then error(("soak of bytes: %s"):format(tostring(err)), 0) end
  return counts
end

return M
