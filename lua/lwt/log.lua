--- Logging for programs that run on their own: to the terminal, to files, as JSON, to syslog.
---
--- ```lua
--- local log = require "lwt.log"
--- log.set_default(log.make { output = function(section, level, lines) print(section, level, lines[1]) end })
--- local db = log.section "app.db"
--- db:warning("%d of %s", 2, "three")   --> app.db warning 2 of three
--- db:debug("%d of %s", 2, "three")     -- below the level of the section: nothing is formatted
--- log.load_rules "app.* -> debug; warning"
--- db:debug "now it is logged"          --> app.db debug now it is logged
--- log.reset_rules()
--- ```
---
--- A *section* is a part of a program and has a name. The functions of the module log in the section `main`. A *record* is what one call logs.
--- Its level is one of `debug info notice warning error fatal`, from the least to the most important. A call below the level of its section does
--- nothing, and formats nothing. Records go to the *default logger*, which writes to stderr until another is set.
---
--- **Rules** give sections their levels: `foo* -> debug; app.db -> info; warning`. They are separated by `;` or by the ends of lines. `*` stands for
--- any text, and a level alone is for all sections. The first rule whose pattern matches the name of the section decides. A section that none matches
--- has the level of its parent (`app.db` is the parent of `app.db.pool`), and in the end `notice`. What `set_level` sets counts more than all rules.
--- The environment variable `LWT_LOG` holds the first rules.
---
--- **Every call gives a promise**, which is fulfilled when the record is written. Nobody has to await it. When the record cannot be written it is
--- rejected, and the exception hook is called; it is called again only after something has been written. Cancelling the promise does nothing: the
--- record is written. One logger writes its records whole, and in the order of the calls. At its end `lwt.run` waits until everything is
--- written; for something that takes nothing, such as a pipe that nobody reads, it waits five seconds at most. Only for stdout it waits as long as it takes.
---
--- **Templates** say what a line looks like. They may have:
---
--- | | |
--- |---|---|
--- | `$(time)`, `$(date)`, `$(clock)`, `$(milliseconds)` | `2026-11-29T22:18:38.042+01:00`, `Nov 29 22:18:38`, `22:18:38`, `042` |
--- | `$(name)`, `$(pid)` | the program, and the number of its process |
--- | `$(level)`, `$(section)`, `$(message)` | of the record |
--- | `$(fields)` | `key=value key="two words"`; where there are none, the blank before it is left out as well |
--- | `$(task)` | the name that `lwt.name` gave to the task |
--- | `$(loc-file)`, `$(loc-line)` | where the call is |
--- | `$(color)`, `$(reset)` | the colour of the level, and its end, on terminals |
---
--- `\$` stands for a dollar. A message of several lines becomes several lines, each of them by the template.
---
--- **Nobody can forge a record.** Control characters, bytes that are not UTF-8, and characters that change the direction of writing are written as
--- escapes (`\x1b`, `\u{9b}`), in messages, sections and fields.
---
--- **Worker threads** (`lwt.preemptive`) log to the loggers of the state that they work for. Their records have the field `worker`. A worker has the
--- rules and levels of that state. When they change, the worker learns of it before the next function that it runs, in the next turn of a loop of
--- its own, or with the next record that it logs. Rules that it sets itself are its own until then.

local is_promise = require "lwt".is_promise
local args = require "lwt.internal.args"
local channel = require "lwt.internal.lazy" "lwt.log.channel"
local host = require "lwt.log.host"
local levels = require "lwt.log.levels"
local logger = require "lwt.log.logger"
local rules = require "lwt.log.rules"
local section = require "lwt.log.section"
local several = require "lwt.log.several"

local M = {}

-- ---- Logging --------------------------------------------------------------------

--- Logs a record, in the section `main`, or as a method in the section. With arguments, the message is what `string.format` makes of them (`%s` takes
--- anything); without, it is taken as it is, percent signs and all. A function is called only when the record is logged, with the arguments,
--- and the message is what it gives. What formatting fails with is raised here.
---@param message string|fun(...): string|any
---@param ... any
---@return lwt.Promise<nil> # fulfilled when the record is written
--- ```lua
--- log.set_default(log.make { output = function(s, level, lines) print(s, level, lines[1]) end })
--- log.warning("%d of %s", 2, "three")                                    --> main warning 2 of three
--- log.section "app.db":error("100% full")                                --> app.db error 100% full
--- log.debug(function() error "debug is switched off: never called" end)
--- ```
---@function lwt.log.info(message, ...)
---@also debug notice warning error fatal

for _, name in ipairs(levels) do M[name] = section[name] end

--- Logs a record of this level: `log.log("info", …)` is `log.info(…)`.
---@param level "debug"|"info"|"notice"|"warning"|"error"|"fatal"
---@param message string|fun(...): string|any
---@param ... any
---@return lwt.Promise<nil>
--- ```lua
--- log.set_default(log.make { output = function(_, level, lines) print(level, lines[1]) end })
--- log.log("error", "%d left", 0)   --> error 0 left
--- ```
---@function lwt.log.log(level, message, ...)
M.log = section.log

--- Logs an error, at the level `error`: the message, what the error says, and its traceback in the lines below (`lwt.traceback`).
---@param err any
---@param message? string|fun(...): string
---@param ... any
---@return lwt.Promise<nil>
--- ```lua
--- log.set_default(log.make { output = function(_, level, lines) print(level, lines[1]) end })
--- local _, err = pcall(await, require "lwt.fs".read_file "missing")
--- log.error_of(err, "no settings for %s", "ann")
--- --> error no settings for ann: read_file missing: no such file or directory (ENOENT)
--- ```
---@function lwt.log.error_of(err, message, ...)
M.error_of = section.error_of

--- The same section (or `main`), with fields for all that is logged by what this gives. A field hides one of the same name in what it is made of, and of `with_fields`.
---@param fields table
---@return lwt.LogSection
--- ```lua
--- log.set_default(log.make { output = function(_, _, lines, r) print(lines[1], r.fields.id, r.fields.peer) end })
--- local request = log.section "http":with { id = 7 }
--- request:with { peer = "10.0.0.1" }:warning "slow"   --> slow 7 10.0.0.1
--- ```
---@function lwt.log.with(fields)
M.with = section.with

--- Calls `f(...)`, with fields for all that is logged meanwhile, in every section: by `f`, by tasks and callbacks that come of it, across every await.
---@param fields table
---@param f fun(...): any
---@param ... any
---@return any ... what `f` returns
--- ```lua
--- log.set_default(log.make { output = function(_, _, lines, r) print(lines[1], r.fields.user) end })
--- log.with_fields({ user = "ann" }, function()
---   await(lwt.sleep(0.01))
---   lwt.spawn(log.warning, "hello")   --> hello ann
--- end)
--- ```
---@function lwt.log.with_fields(fields, f, ...)
M.with_fields = section.with_fields

-- ---- Sections and levels ---------------------------------------------------------

--- The section of this name. There is one for each name, which lasts.
---@param name string
---@return lwt.LogSection
--- ```lua
--- local db = log.section "app.db"
--- print(db == log.section "app.db", db.name)   --> true app.db
--- ```
function M.section(name)
  if type(name) ~= "string" then args.wrong(1, "section", "string", name) end
  return section.section(name)
end

--- Is a record of this level logged (in `main`, or as a method in the section)? For what is done for a record only.
---@param level string
---@return boolean
--- ```lua
--- print(log.is "debug", log.is "error")   --> false true
--- ```
---@function lwt.log.is(level)
M.is = section.is

--- The least level that is logged, in `main`, or as a method in the section.
---@return string
--- ```lua
--- print(log.level())   --> notice
--- ```
---@function lwt.log.level()
M.level = section.level

--- Sets the level of `main`, or as a method of the section, whatever the rules say; sections below it (by dots) without a rule follow.
---@param level string
--- ```lua
--- log.section "app":set_level "debug"
--- print(log.section "app.db":level())   --> debug
--- log.section "app":reset_level()
--- print(log.section "app.db":level())   --> notice
--- ```
---@function lwt.log.set_level(level)
M.set_level = section.set_level

--- Leaves the level to the rules again.
---@function lwt.log.reset_level()
M.reset_level = section.reset_level

--- Sets the rules, in place of those there were: at once, for all sections. Raises where the text is wrong, says where, and changes nothing then.
---@param text string
--- ```lua
--- log.load_rules "app.db -> debug; app.* -> info; warning"
--- print(log.section "app.db":level(), log.section "app.web":level(), log.level())   --> debug info warning
--- print((pcall(log.load_rules, "app -> loud")))                                    --> false
--- log.reset_rules()
--- ```
function M.load_rules(text)
  if type(text) ~= "string" then args.wrong(1, "load_rules", "string", text) end
  local list, wrong = rules.parse(text)
  if not list then args.bad(1, "load_rules", wrong) end
  section.set_rules(list)
end

--- Adds a rule in front of the others.
---@param pattern string a name, in which `*` stands for any text
---@param level string
--- ```lua
--- log.add_rule("app.*", "info")
--- print(log.section "app.db":level())   --> info
--- log.reset_rules()
--- ```
function M.add_rule(pattern, level)
  if type(pattern) ~= "string" then args.wrong(1, "add_rule", "string", pattern) end
  local wrong = rules.wrong_pattern(pattern)
  if wrong then args.bad(1, "add_rule", wrong) end
  local n = levels.number(level)
  if not n then args.bad(2, "add_rule", levels.complaint(level)) end
  section.set_rules { rules.rule(pattern, n), table.unpack(section.get_rules()) }
end

--- Takes all rules away.
function M.reset_rules() section.set_rules {} end

-- ---- Loggers ----------------------------------------------------------------------

--- A logger of a function: `output(section, level, lines, record)` is called for one record after another, and may wait (records that come
--- meanwhile wait for it). `lines` is the message by lines; `record` has `message`, `time` (seconds since 1970, with their fraction), `level`, `section` (its name)
--- and `fields` (a table, or nil). Change none of them. `close()` is called when the logger is closed and all is written. What `output` itself logs is not given to it again.
---@param opts { output: fun(section: lwt.LogSection, level: string, lines: string[], record: table), close?: fun() }
---@return lwt.Logger
--- ```lua
--- log.set_default(log.make {
---   output = function(section, level, lines) for _, line in ipairs(lines) do print(section, level, line) end end,
--- })
--- log.error "one\ntwo"   --> main error one
--- ---> main error two
--- ```
function M.make(opts)
  opts = args.options(1, "make", opts, { output = "function", close = "function" })
  if opts.output == nil then args.bad(1, "make", "option 'output': function expected, got nil") end
  return logger.make(opts.output, opts.close)
end

--- The logger that writes nothing.
---@type lwt.Logger
M.null = logger.new { write = function() end }

M.broadcast = several.broadcast
M.dispatch = several.dispatch
M.buffered = several.buffered

-- What not every program uses is loaded when it is called for.
for name, file in pairs {
  channel = "channel", capture = "capture", lualogging = "bridge", from_lualogging = "bridge",
} do
  M[name] = function(...) return require("lwt.log." .. file)[name](...) end
end

-- What needs libuv, too.
for _, name in ipairs { "file", "json", "syslog" } do
  M[name] = function(opts)
    require "lwt.internal.uvneeded" ("lwt.log." .. name)
    return require("lwt.log." .. name)[name](opts)
  end
end

--- The logger that records go to. Until one is set it writes to stderr: short, with colours, on a terminal (`NO_COLOR` and `TERM=dumb` are respected), else
--- `$(time) $(name)[$(pid)] $(level) $(section): $(message) $(fields)`.
---@return lwt.Logger
--- ```lua
--- local before = log.default()
--- log.set_default(log.null)
--- log.set_default(before)
--- ```
function M.default()
  local state = section.state
  return state.default or state.make_default()
end

--- Sets the logger that all records go to from now on. The one before stays open.
---@param l lwt.Logger
function M.set_default(l)
  if not logger.is_logger(l) then
    local hint = is_promise(l) and ": await it first" or ""
    local got = args.type_name(l) .. hint
    args.bad(1, "set_default", "lwt.log.logger expected, got " .. got)
  end
  section.state.default = l
end

local methods = getmetatable(M.null).__index
methods.buffered, methods.set_default = M.buffered, M.set_default

--- Closes a logger, once all is written that was logged before; what it owns (files, sockets, a channel with `close_mode = "close"`, what is behind `buffered`) is closed.
--- What is logged later is rejected with `lwt.Closed`. `<close>` variables do the same.
---@param l lwt.Logger
---@return lwt.Promise<nil> # the same one each time
--- ```lua
--- local l = log.make { output = print }
--- await(l:close())
--- log.set_default(l)
--- print(pcall(await, log.error "too late"))   --> false closed
--- ```
---@function lwt.log.close(l)
M.close = methods.close

--- Has the logger been closed?
---@param l lwt.Logger
---@return boolean
---@function lwt.log.is_closed(l)
M.is_closed = methods.is_closed

-- ---- The beginning -----------------------------------------------------------------

local function make_default()
  local l = channel.stderr()
  section.state.default = l
  return l
end

local function begin()
  section.state.make_default = make_default
  if host.is_worker then
    local l = require "lwt.log.worker".join()
    if l then section.state.default = l end
    return
  end
  local text = os.getenv "LWT_LOG"
  local list, wrong = rules.parse(text or "")
  if list then
    section.set_rules(list)
  else
    io.stderr:write(("lwt.log: LWT_LOG: %s\n"):format(wrong))
  end
end

begin()

section.module = M
setmetatable(M, { __index = section.elsewhere })

return M
