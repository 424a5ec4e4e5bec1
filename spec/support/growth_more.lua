-- More of what growth.lua measures: the log, texts, terminals, lines, and what is left of the library. And
-- `M.left(public)`: of the public functions, those that no operation names.

local lwt = require "lwt"

local function id(...) return ... end

local M = {}

-- Why what no operation names is not measured: by module (a name that ends with it), or by name.
local setting = "sets or asks for something, and keeps nothing a call"
local same = "one of a family, of which others are measured: the same code, another type or arity"
local once = "is used once in a process"
local outside = "its growth is looked at by the soak, or by the specs of its module"

local reasons = {
  ["lwt.test"] = "the specs' own", ["lwt.ssl"] = outside, ["lwt.ssl.stream"] = outside, ["lwt.fs"] = same,
  ["lwt.fs.file"] = same, ["lwt.file"] = same, ["lwt.channel.order"] = same, ["lwt.io.le"] = same,
  ["lwt.io.be"] = same, ["lwt.io"] = same, ["lwt.io.direct"] = same, ["lwt.bytes"] = same, ["lwt.list"] = same,
  ["lwt.seq"] = same, ["lwt.stream"] = same, ["lwt.stream.pusher"] = same, ["lwt.react.E"] = same,
  ["lwt.react.S"] = same, ["lwt.react.Step"] = same, ["lwt.react.event"] = same, ["lwt.react.signal"] = same,
  ["lwt.react.step"] = same, ["lwt.process"] = same, ["lwt.text"] = same, ["lwt.text.channel"] = same,
  ["lwt.term"] = same, ["lwt.read_line"] = same, ["lwt.read_line.editor"] = same, ["lwt.read_line.line"] = same,
  ["lwt.read_line.history"] = same, ["lwt.server"] = setting, ["lwt.net"] = setting, ["lwt.tcp"] = setting,
  ["lwt.pipe"] = setting, ["lwt.tty"] = setting, ["lwt.udp"] = setting, ["lwt.job"] = setting,
  ["lwt.preemptive"] = setting, ["lwt.clock"] = setting, ["lwt.switch"] = setting, ["lwt.log"] = setting,
  ["lwt.log.section"] = setting, ["lwt.log.logger"] = setting, ["lwt.coroutine"] = setting,
  ["lwt.engine"] = once, ["lwt.glib"] = once, ["lwt.retry"] = same, ["lwt.timer"] = setting, ["lwt.gc"] = same,
  ["lwt.at_exit"] = once, ["lwt.auto_pause"] = setting, ["lwt.direct"] = setting, ["lwt.stall"] = setting,
  ["lwt.interrupts"] = setting,
}

-- What is public (see scripts/docs/public.lua) and named by none of the sources of the operations; and of
-- that what no reason is given for.
function M.left(found, hidden)
  local words, left, unexplained = {}, {}, {}
  for _, path in ipairs { "spec/support/growth.lua", "spec/support/growth_more.lua" } do
    local file = assert(io.open(path))
    for word in file:read "a":gmatch "[%w_]+" do words[word] = true end
    file:close()
  end
  local function look(module, name, full)
    if words[name] then return end
    left[#left + 1] = full
    if not reasons[module] and not reasons[full] then unexplained[#unexplained + 1] = full end
  end
  for full in pairs(found.functions) do
    local module, name = full:match "^(.*)%.([^.]+)$"
    look(module, name, full)
  end
  for _, m in ipairs(found.methods) do
    if not hidden[m.class] then look(m.class, m.name, m.class .. ":" .. m.name) end
  end
  table.sort(left)
  table.sort(unexplained)
  return left, unexplained
end

local function things(n)
  local list = {}
  for i = 1, n do list[i] = lwt.wait() end
  return { list = list }
end

-- Declares the operations with growth.lua's own words.
function M.declare(operation, module)
  operation("on_any, on_failure, on_termination, wakeup_later", things, function()
    local p, r = lwt.wait()
    p:on_any(id, id)
    p:on_failure(id)
    p:on_termination(id)
    r:wakeup_later()
    local _, s = lwt.wait()
    s:wakeup_later_exn("no")
    _:on_failure(id)
  end)
  operation("lwt.traceback, errors, dont_wait, ignore_result", things, function()
    local p = lwt.spawn(error, "no")
    lwt.traceback(p)
    lwt.errors(p)
    lwt.dont_wait(error, id, "no")
    lwt.ignore_result(lwt.fulfilled())
  end)
  operation("mutex with_lock, is_locked; semaphore release", things, function()
    local m, s = module "mutex".create(), module "semaphore".create(0)
    local p = m:with_lock(lwt.pause)
    m:with_lock(id)
    lwt.step()
    lwt.step()
    s:acquire()
    s:release()
    return m:is_locked(), p:state()
  end)
  operation("condition broadcast, broadcast_exn", function() return { c = module "condition".create() } end,
    function(x)
      x.c:wait()
      x.c:broadcast(1)
      x.c:wait():on_failure(id)
      x.c:broadcast_exn("no")
    end)
  operation("pool clear", function() return { p = module "pool".create(2, function() return {} end) } end,
    function(x)
      x.p:use(id)
      x.p:clear()
      for _ = 1, 3 do lwt.step() end
    end)
  operation("mvar take_available", things, function()
    return module "mvar".create(1):take_available()
  end)
  operation("log: info of a section, with fields", function(n)
    local log = module "log"
    local x = { l = log.make { output = id }, sections = {} }
    for i = 1, n do x.sections[i] = log.section("growth" .. i) end
    return x
  end, function(x)
    local log = module "log"
    local before = log.default()
    log.set_default(x.l)
    x.sections[1]:error("said %d", 1)
    log.with_fields({ a = 1 }, function() log.error "more" end)
    log.set_default(before)
    for _ = 1, 3 do lwt.step() end
  end)
  operation("log: a logger made and closed", things, function()
    local l = module "log".make { output = id }
    module "log".buffered(l, 10):close()
    l:close()
    for _ = 1, 3 do lwt.step() end
  end)
  operation("text: width, wrap, upper, normalize, encode, decode", things, function()
    local text = module "text"
    text.width "aé漢"
    text.wrap("some words to wrap", 8)
    text.upper "aé"
    text.normalize("é", "NFD")
    text.decode(text.encode("é", "UTF-16"), "UTF-16")
  end)
  local function terminal()
    local lio = module "io"
    local r, w = lio.pipe()
    lwt.async(function() while r:read():await() do end end) -- whoever looks at the terminal
    local t = module "term".open(r, w, { tty = true, columns = 40, rows = 9, env = { TERM = "xterm" } })
    return { r = r, w = w, t = t, term = module "term" }
  end
  operation("term: strip, width, styled, key", terminal, function(x)
    x.term.strip "\27[1mtext\27[0m"
    x.term.width "text"
    x.t:styled(x.term.bold, "text")
    x.term.key "ctrl-a"
  end)
  operation("term: read_key, cancelled", terminal, function(x)
    local p = x.t:read_key()
    lwt.step()
    p:cancel()
    for _ = 1, 3 do lwt.step() end
  end)
  operation("term: a bar, a spinner, raw_mode", terminal, function(x)
    local bar = x.t:progress { total = 2 }
    bar:add()
    bar:done ""
    x.t:spinner():done()
    x.t:raw_mode():close()
    for _ = 1, 3 do lwt.step() end
  end)
end

return M
