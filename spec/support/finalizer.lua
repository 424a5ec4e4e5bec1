-- What finalizer.c runs: see there. An operation of lwt, and in the middle of it, at the n-th
-- request for memory, for every n, a finalizer that does something to the same object, or to the
-- same state. Afterwards what the operation gave is right, or the finalizer had a hand in it that
-- explains the error (it closed what was being used); the state works on, and nothing is left over.
--
-- Operations are data, in the files listed below. One has
--   name      says what it is, its family first: "tcp: read"
--   setup     optional; gives a table of what the operation needs, passed to everything that follows
--   run       the operation, a task: f(s). What it returns is handed to `check`
--   disturb   what finalizers do, by name: f(s) each. A promise that it returns is awaited in the
--             end, and what it gives is put into s.more. Besides these there is `always`, below
--   breaks    names of those disturbances after which the operation may fail (a list)
--   check     optional: f(s, name, ok, ...), where name is the disturbance's; ok and ... are what
--             pcall gave. Asserts what has to be true
--   teardown  optional: f(s), closes what is open
--   fresh     true: each time in a new Lua state
--   alone     true: without what any finalizer may do
--   alike     k: there are many of its kind; every k-th n is tried, and where that is not meant, one in k of them
--   loses     true: without memory a datagram is lost (for refused_operations.lua)
-- Each is run in a task, inside lwt.run. `s.task` is the operation's.
local armed = finalizer -- luacheck: ignore
local lwt = require "lwt"

local M = {}

local files = { "core", "waits", "pipes", "net_calls", "net_talks", "io", "process", "thread" }
if os.getenv "LWT_CERTIFICATES" then files = { "tls" } end -- built with lwt.ssl

-- What any finalizer may do, whatever is going on.
local always = {
  collect = function() end,
  spawn = function(s)
    for i = 1, 20 do
      lwt.spawn(function()
        lwt.yield()
        s.spawned[i] = true
      end)
    end
  end,
  cancel = function(s)
    if s.task then s.task:cancel() end
  end,
  step = function() lwt.step() end, -- refused: it is in the middle of a turn
  sleep = function()
    local list = {}
    for i = 1, 10 do list[i] = lwt.sleep(i / 10000) end
    return lwt.join(list)
  end,
}

local function operations()
  local list = {}
  for _, file in ipairs(files) do
    for _, op in ipairs(dofile(("spec/support/finalizer_%s.lua"):format(file))) do
      list[#list + 1] = op
    end
  end
  return list
end

-- Each operation has a process of its own, which takes long under a sanitizer: daily it is one in three.
local few = os.getenv "LWT_UNDER" == "asan" and not os.getenv "LWT_SPEC_FULL" and 3 or 1

-- The numbers of the operations whose name begins with this text, as far as such a stride needs them.
function M.which(stride, text)
  local list, all, found = {}, not stride or tonumber(stride) == 1, 0
  for i, op in ipairs(operations()) do
    if (not text or op.name:sub(1, #text) == text) and (all or i % (op.alike or 1) == 0) then
      if found % few == 0 then list[#list + 1] = i end
      found = found + 1
    end
  end
  return list
end

-- Errors that tell the caller something, and not that something of ours has broken.
local function is_clear(err)
  if type(err) == "table" and err.code then return true end
  for _, name in ipairs { "Canceled", "Closed", "EOF", "Timeout", "Interrupted" } do
    if rawequal(err, lwt[name]) then return true end
  end
  local text = tostring(err)
  return not (text:find "attempt to %a+ a %a+ value" or text:find "wrong:" or text:find "deadlock"
    or text:find "attempt to compare" or text:find "attempt to perform" or text:find "to 'next'")
end

local function fail(text, ...) error("wrong: " .. text:format(...), 0) end

local function includes(list, x)
  for _, y in ipairs(list or {}) do if x == y then return true end end
  return false
end

-- The state is usable.
local function look()
  local p, r = lwt.wait()
  local t = lwt.spawn(function()
    lwt.yield()
    return p:await() + 1
  end)
  r:wakeup(6)
  if t:await() ~= 7 then fail "tasks do not work any more" end
end

-- One run, in a task: was n too late?
local function attempt(op, name, disturb, label, n)
  local s = op.setup and op.setup() or {}
  s.spawned, s.more = {}, {}
  local promise, came, trouble
  local function finalize()
    came = true
    local ok, x = pcall(disturb, s)
    if ok and lwt.is_promise(x) then promise = x end
    if not ok and not is_clear(x) then trouble = x end
  end
  armed.arm(label, n, finalize)
  s.task = lwt.spawn(op.run, s)
  local got = table.pack(pcall(lwt.await, s.task))
  local over = armed.disarm()
  if trouble then fail("the finalizer failed: %s", tostring(trouble)) end
  local excused = came and (name == "cancel" or includes(op.breaks, name))
  if not got[1] and not (excused and is_clear(got[2])) then
    error(got[2], 0)
  end
  if promise then
    s.more = table.pack(pcall(lwt.await, promise))
    if s.more[1] then
      table.remove(s.more, 1)
    elseif is_clear(s.more[2]) then
      s.more = {}
    else
      fail("what the finalizer asked for: %s", tostring(s.more[2]))
    end
  end
  if op.check then op.check(s, came and name or "none", table.unpack(got, 1, got.n)) end
  if op.teardown then op.teardown(s) end
  if came and name == "spawn" then
    lwt.yield()
    lwt.yield()
    if #s.spawned ~= 20 then fail("%d of the finalizer's tasks have run", #s.spawned) end
  end
  look()
  return over
end

-- What a finalizer does while this operation is under way: names in order, functions by name.
local function disturbances(op)
  local names, by_name = {}, {}
  for _, list in ipairs { op.alone and {} or always, op.disturb or {} } do
    for name, f in pairs(list) do
      if not by_name[name] then names[#names + 1] = name end
      by_name[name] = f
    end
  end
  table.sort(names)
  return names, by_name
end

-- The same, told: whether it was right, and whether n was too late.
local function tried(op, name, disturb, n)
  local label = ("%s, %s, %d"):format(op.name, name, n)
  local over, hooked
  lwt.async_exception_hook(function(err) hooked = err end)
  local ok, err = pcall(lwt.run, function()
    return lwt.with_timeout(10, function() over = attempt(op, name, disturb, label, n) end)
  end)
  if ok and hooked ~= nil and not is_clear(hooked) then ok, err = false, hooked end
  if not ok then
    armed.disarm()
    print(("%s: %s"):format(label, tostring(err)))
  end
  return ok, over
end

-- Runs the operation `i` with every stride-th n, from the disturbance `which` and `first` on (0: from the
-- start). Gives the number of failures, and where to go on in a new state.
function M.run(i, which, first, stride, _, disturbance, only)
  local op = operations()[i]
  stride = tonumber(stride or 1)
  if op.alike and not disturbance then stride = stride * op.alike end
  local names, by_name = disturbances(op)
  local failures = 0
  for w = math.max(1, which), #names do
    local name = names[w]
    local n = tonumber(only) or w == which and first or 1 + (37 * i + 61 * w) % stride
    while not disturbance or disturbance == name do
      local ok, over = tried(op, name, by_name[name], n)
      if not ok then failures = failures + 1 end
      if failures > 5 then return failures end
      n = n + stride
      if over or only then break end
      if op.fresh then return failures, w, n end
    end
    if os.getenv "FINALIZER_VERBOSE" then print(op.name, name, n) end
  end
  return failures
end

-- ---- For the operations ---------------------------------------------------------------------

-- Two sockets that are connected. In a task.
function M.tcp_pair()
  local net = require "lwt.net"
  local l <close> = lwt.await(net.tcp_listen "127.0.0.1:0")
  local accepted = l:accept()
  local a = lwt.await(net.tcp_connect(l:address()))
  return a, lwt.await(accepted)
end

-- Bytes each of whose parts of eight can be told apart.
function M.text(n)
  local parts = {}
  for i = 1, n // 8 + 1 do parts[i] = ("%07d "):format(i) end
  return table.concat(parts):sub(1, n)
end

-- Pieces that follow each other in the whole are one: short ones cannot be told apart.
local function joined(whole, pieces)
  local list = {}
  for i = 1, #pieces do
    local last = list[#list]
    if last and pieces[i] and whole:find(last .. pieces[i], 1, true) then
      list[#list] = last .. pieces[i]
    else
      list[#list + 1] = pieces[i]
    end
  end
  return list
end

-- The places in the whole that are taken, and by whom: a list of { first, last }, in no order.
local function is_free(taken, first, last)
  for _, range in ipairs(taken) do
    if first <= range[2] and last >= range[1] then return false end
  end
  return true
end

-- Takes the first place where the piece lies and nobody else does. A finalizer's read may cut the text
-- anywhere, and what is short then lies at more than one place.
local function place(whole, taken, piece)
  local first, last = whole:find(piece, 1, true)
  if not first then fail("there never was %q", piece) end
  local from = first
  while first and not is_free(taken, first, last) do first, last = whole:find(piece, first + 1, true) end
  if not first then fail("bytes from %d on came twice", from) end
  taken[#taken + 1] = { first, last }
end

-- The pieces are those of the whole, in some order, each byte once. With gaps, some may be missing.
function M.tile(whole, pieces, gaps)
  local list, taken = {}, {}
  for _, piece in ipairs(joined(whole, pieces)) do
    if piece ~= "" then list[#list + 1] = piece end
  end
  table.sort(list, function(a, b) return #a > #b end) -- those that lie at one place only come first
  for _, piece in ipairs(list) do place(whole, taken, piece) end
  table.sort(taken, function(a, b) return a[1] < b[1] end)
  local at = 1
  for _, range in ipairs(taken) do
    if range[1] > at and not gaps then fail("bytes %d to %d are missing", at, range[1] - 1) end
    at = range[2] + 1
  end
  if at <= #whole and not gaps then fail("bytes from %d on are missing", at) end
end

local function start(x) return tostring(x):sub(1, 80) end

function M.equal(expected, got)
  if expected ~= got then fail("%s instead of %s", start(got), start(expected)) end
end

M.fail = fail

package.loaded["spec.support.finalizer"] = M
return M
