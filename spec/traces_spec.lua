-- Whatever of ours stands between a function that fails and whoever is told, lwt.traceback of the
-- error shows that function.

local lwt = require "lwt"
local lio = require "lwt.io"
local list = require "lwt.list"
local pool = require "lwt.pool"
local process = require "lwt.process"
local react = require "lwt.react"
local retry = require "lwt.retry"
local seq = require "lwt.seq"
local stream = require "lwt.stream"
local await = lwt.await
local E, S = react.E, react.S

local function culprit() error({ "a bug" }) end
local line = debug.getinfo(culprit, "S").linedefined

local cases = {
  spawn = function()
    return lwt.spawn(culprit)
  end,
  wrap = function()
    return lwt.wrap(culprit)
  end,
  bind = function()
    return lwt.fulfilled():bind(culprit)
  end,
  from_callback = function()
    return lwt.from_callback(culprit)
  end,
  promisify = function()
    return lwt.promisify(culprit)()
  end,
  with_timeout = function()
    return lwt.with_timeout(1, culprit)
  end,
  scope = function()
    return lwt.scope(culprit)
  end,
  async = function()
    lwt.async(culprit)
  end,
  on_iteration = function()
    local h h = lwt.on_iteration("leave", function()
    h:remove() culprit() end) lwt.yield() lwt.yield()
  end,
  map_p = function()
    return list.map_p(culprit, { 1 })
  end,
  map_s = function()
    return list.map_s(culprit, { 1 })
  end,
  map_n = function()
    return list.map_n(culprit, { 1 }, 1)
  end,
  iter_n = function()
    return list.iter_n(culprit, { 1 }, 1)
  end,
  fold_s = function()
    return list.fold_left_s(culprit, 1, { 1 })
  end,
  find_s = function()
    return list.find_s(culprit, { 1 })
  end,
  seq_map = function()
    return seq.map_s(seq.of_list{ 1 }, culprit):next()
  end,
  seq_iter = function()
    return seq.iter_s(seq.of_list{ 1 }, culprit)
  end,
  seq_map_p = function()
    return seq.iter_p(seq.of_list{ 1 }, culprit)
  end,
  s_from = function()
    return stream.from(culprit):next()
  end,
  s_from_direct = function()
    return stream.from_direct(culprit):next()
  end,
  s_of_iterator = function()
    return stream.of_iterator(culprit):next()
  end,
  s_generate = function()
    return stream.generate(culprit):next()
  end,
  s_map = function()
    return stream.of_list{ 1 }:map(culprit):next()
  end,
  s_map_s = function()
    return stream.of_list{ 1 }:map_s(culprit):next()
  end,
  s_filter = function()
    return stream.of_list{ 1 }:filter(culprit):to_list()
  end,
  s_map2 = function()
    return stream.of_list{ 1 }:map(function(x)
    return x end):map(culprit):to_list()
  end,
  s_combine = function()
    return stream.combine(stream.of_list{ 1 }:map(culprit), stream.of_list{ 1 }):next()
  end,
  s_choose = function()
    local s = stream.choose{stream.of_list{ 1 }:map(culprit)} return s:next()
  end,
  s_concat = function()
    return stream.concat(stream.of_list{stream.of_list{ 1 }:map(culprit)}):next()
  end,
  s_append = function()
    return stream.append(stream.of_list{ 1 }:map(culprit), stream.of_list{ 1 }):next()
  end,
  s_iter = function()
    return stream.of_list{ 1 }:iter(culprit)
  end,
  s_iter_p = function()
    return stream.of_list{ 1 }:iter_p(culprit)
  end,
  s_iter_n = function()
    return stream.of_list{ 1 }:iter_n(culprit, 2)
  end,
  s_fold = function()
    return stream.of_list{ 1 }:fold(1, culprit)
  end,
  s_parse = function()
    return stream.of_list{ 1 }:parse(culprit)
  end,
  s_get_while = function()
    return stream.of_list{ 1 }:get_while(culprit)
  end,
  s_for = function()
    return lwt.spawn(function() for _ in stream.of_list{ 1 }:map(culprit) do end end)
  end,
  pool_use = function()
    return pool.create(1, function() end):use(culprit)
  end,
  pool_create = function()
    return pool.create(1, culprit):use(print)
  end,
  pool_dispose = function()
    local p = pool.create(1, function()
    return 1 end, { dispose=culprit })
    await(p:use(function() end))
    return p:clear()
  end,
  pool_validate = function()
    local p = pool.create(1, function()
    return 1 end, { validate=culprit })
    await(p:use(function() end))
    return p:use(print)
  end,
  pool_check = function()
    local p = pool.create(1, function()
    return 1 end, { check=culprit })
    return p:use(function() error("x") end)
  end,
  retry = function()
    return retry.run(culprit, { times=1 })
  end,
  mutex = function()
    return require "lwt.mutex".create():with_lock(culprit)
  end,
  sem = function()
    return require "lwt.semaphore".create(1):with(culprit)
  end,
  switch = function()
    return require "lwt.switch".with_switch(culprit)
  end,
  atomic = function()
    local _, w = lio.pipe()
    return w:atomic(culprit)
  end,
  direct_access = function()
    local _, w = lio.pipe()
    return w:direct_access(culprit)
  end,
  with_temp_file = function()
    return lio.with_temp_file(culprit)
  end,
  with_temp_dir = function()
    return lio.with_temp_dir(culprit)
  end,
  make = function()
    return lio.make{ read=culprit }:read(1)
  end,
  of_file = function()
    return lio.lines_to_file("/dev/null", culprit)
  end,
  with_process = function()
    return process.with_process({ "true" }, {}, culprit)
  end,
  react_notify = function()
    local e, send = E.create()
    local n = E.map_s(e, culprit)
    send(1)
    await(lwt.sleep(0.01))
    return n
  end,
  react_s = function()
    local s, set = S.create(1)
    local n = S.notify_s(s, culprit)
    set(2)
    await(lwt.sleep(0.01))
    return n
  end,
  react_p = function()
    local s, set = S.create(1)
    local n = S.notify_p(s, culprit)
    set(2)
    await(lwt.sleep(0.01))
    return n
  end,
  react_map = function()
    local e, send = E.create()
    local n = E.map(e, culprit)
    send(1)
    await(lwt.sleep(0.01))
    return n
  end,
  react_from = function()
    local n = E.from(culprit)
    await(lwt.sleep(0.01))
    return n
  end,
  react_to_stream = function()
    local e, send = E.create()
    local s = E.to_stream(E.map_p(e, culprit))
    send(1)
    await(lwt.sleep(0.01))
    return s
  end,
  timer = function()
    local t = require "lwt.timer".create(0.001, culprit)
    t:start()
    await(lwt.sleep(0.02))
  end,
  gc = function()
    require "lwt.gc".finalise(culprit, setmetatable({}, {}))
    collectgarbage()
    collectgarbage()
    await(lwt.sleep(0.01))
  end,
  finalize = function()
    return lwt.finalize(function() end, culprit)
  end,
  catch = function()
    return lwt.catch(function() error "x" end, culprit)
  end,
  shield = function()
    return lwt.spawn(function() lwt.shield(culprit) end)
  end,
  on_cancel = function()
    local p = lwt.task()
    p:on_cancel(culprit)
    p:cancel()
  end,
  clock = function()
    local c = require "lwt.clock".create{} return c:with_timeout(1, culprit)
  end,
}

describe("lwt.traceback shows the function that failed in", function()
  for name, case in pairs(cases) do
    it(name, function()
      local old, texts = lwt.async_exception_hook(), {}
      local function told(err) texts[#texts + 1] = lwt.traceback(err) end
      lwt.async_exception_hook(told)
      local ok, err = pcall(lwt.run, function()
        local p = case()
        if lwt.is_promise(p) then
          lwt.try_bind(lwt.with_timeout(5, lwt.protected(p)), function() end, told):await()
        end
        for _ = 1, 100 do
          if texts[1] then break end
          await(lwt.sleep(0.01))
        end
      end)
      lwt.async_exception_hook(old)
      assert.is_true(ok, err)
      assert.matches(("traces_spec.lua:%d: in "):format(line), table.concat(texts, "\n"))
    end)
  end
end)

describe("the line at which something was made, or a task is,", function()
  it("is one of the program's, and none of lwt's own", function()
    local here = debug.getinfo(1, "S").short_src
    local function at() return here .. ":" .. debug.getinfo(2, "l").currentline end
    lwt.run(function()
      local was = lwt.debug(true)
      local _, pusher = stream.create_bounded(1)
      pusher:close()
      local p, made = pusher:push(1), at()
      lwt.debug(was)
      assert.truthy(lwt.traceback(p):find("made at " .. made, 1, true), lwt.traceback(p))
      local there
      local reader = lwt.spawn(function()
        lwt.name "reader of a stream"
        there = at()
        for v in stream.from(function() return (lwt.task()) end) do print(v) end
      end)
      local where
      for _, t in ipairs(lwt.tasks()) do
        if t.name == "reader of a stream" then where = t.where end
      end
      assert.equal(there:gsub("%d+$", function(n) return n + 1 end), where)
      reader:cancel()
      pcall(lwt.await, reader)
    end)
  end)
end)
