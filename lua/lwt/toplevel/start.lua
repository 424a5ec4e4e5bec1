-- Sets a session up: where it reads and writes, which signals and errors reach it, its files; and undoes all
-- that.

local lwt = require "lwt"
local reader = require "lwt.toplevel.reader"
local session = require "lwt.toplevel.session"

local has_uv, uv = pcall(require, "lwt.uv")

local M = {}

local COLUMNS, ROWS = 80, 24

local function ignore() end

-- ---- Files --------------------------------------------------------------------------------------

local function directory(variable, below_home)
  local dir = os.getenv(variable)
  if dir and dir:find "^/" then return dir end
  local home = os.getenv "HOME"
  return home and home ~= "" and home .. "/" .. below_home or nil
end

local function exists(path)
  local file = io.open(path)
  if file then file:close() end
  return file ~= nil
end

-- Where the history is kept; nil: nowhere.
function M.history_path()
  local own = os.getenv "LWT_HISTORY"
  if own then return own ~= "" and own or nil end
  if exists ".lwt_history" then return ".lwt_history" end
  local dir = directory("XDG_STATE_HOME", ".local/state")
  return dir and dir .. "/lwt/history"
end

function M.startup_path()
  local dir = directory("XDG_CONFIG_HOME", ".config")
  return dir and dir .. "/lwt/init.lua"
end

-- The start-up file, where there is one: its text and its path.
local function startup_file()
  local path = M.startup_path()
  local file = path and io.open(path)
  if not file then return nil end
  local text = file:read "a"
  file:close()
  return text, path
end

-- ---- Output -------------------------------------------------------------------------------------

-- Writes to the standard output, behind what `print` has written.
local function to_stdout()
  if not has_uv then
    return function(text)
      io.stdout:write(text)
      io.stdout:flush()
    end
  end
  return function(text)
    local lio = require "lwt.io"
    lio.stdout:write(text):catch(ignore)
    uv.io.flush_now(lio.stdout)
  end
end

-- The same before `lwt.io` has been loaded, which takes its time.
local function to_lua_stdout(text)
  if has_uv then uv.io.flush_standard() end
  io.stdout:write(text)
  io.stdout:flush()
end

local function to_stderr(text)
  io.stdout:flush()
  if has_uv then uv.io.flush_standard() end
  io.stderr:write(text)
end

local function to_channel(output)
  return function(text)
    output:write(text):catch(ignore)
    if output.flush then output:flush():catch(ignore) end
  end
end

-- The global variables of a session on a channel: `print` writes to that channel.
local function channel_env(write)
  local env = { print = function(...)
    local parts = table.pack(...)
    for i = 1, parts.n do parts[i] = tostring(parts[i]) end
    write(table.concat(parts, "\t") .. "\n")
  end }
  return setmetatable(env, { __index = _G, __newindex = _G })
end

-- ---- What is heard of elsewhere -------------------------------------------------------------------

-- Errors of the background and warnings appear above the line; what is returned takes that back.
local function listen(s)
  local hook = lwt.async_exception_hook(function(err)
    s:fail_above(err, nil, "in the background: ")
  end)
  local restore = { function() lwt.async_exception_hook(hook) end }
  local warnings = require "lwt.toplevel.warnings"
  if debug.getinfo(warn, "S").what == "C" then restore[2] = warnings.show(s) end
  restore[#restore + 1] = warnings.collect_unseen()
  return restore
end

-- Ctrl-C and SIGTERM are the session's.
local function own_signals(s)
  if not has_uv then return {} end
  local signal = require "lwt.signal"
  local before = lwt.interrupts(false)
  local handlers = {
    signal.on("INT", function() s:interrupt() end),
    signal.on("TERM", function() s:terminate "TERM" end),
    signal.on("HUP", function() s:terminate "HUP" end),
  }
  s.owns_signals = uv.interrupt.breaks(true)
  return { function()
    if s.owns_signals then uv.interrupt.breaks(false) end
    for _, handler in ipairs(handlers) do handler:stop() end
    lwt.interrupts(before)
  end }
end

local function closing(list)
  return setmetatable({}, { __close = function()
    for i = #list, 1, -1 do list[i]() end
  end })
end

-- ---- Kinds of sessions ----------------------------------------------------------------------------

local function plain_reader(s, input, prompts)
  s.reader = reader.plain(input, {
    prompts = prompts, write = s.write, incomplete = function(text) return s:incomplete(text) end,
  })
  s.plain = true
end

local function edited_reader(s, terminal, history, prompted)
  s.terminal, s.history = terminal, history
  local lines = require "lwt.toplevel.lines"
  local function complain(text) s:complain_of(text) end
  s.reader = reader.edited(lines.options(s, terminal, history), complain, prompted)
end

local function give_globals(env)
  if env.lwt == nil then env.lwt = lwt end
  if env.await == nil then env.await = lwt.await end
end

-- A session on channels, or on a terminal object.
function M.run(opts)
  if not opts.input and not opts.output and not opts.term then
    local values = M.standard { env = opts.env, prompt = opts.prompt }
    return table.unpack(values, 1, values.n)
  end
  local terminal = opts.term
  local output = opts.output or terminal and terminal.output or require "lwt.io".stdout
  local write = to_channel(output)
  local interactive = opts.prompt ~= false
  local s = session.new {
    env = opts.env or channel_env(write), write = write, complain = write,
    interactive = interactive, size = function()
      if terminal then return terminal:size() end
      return COLUMNS, ROWS
    end,
    colour = terminal ~= nil and terminal:colors() > 0,
  }
  if not opts.env then give_globals(s.env) end
  if terminal then
    edited_reader(s, terminal, nil)
  else
    plain_reader(s, opts.input or require "lwt.io".stdin, interactive)
  end
  local values = s:loop()
  if output.flush then pcall(lwt.await, output:flush()) end
  return table.unpack(values, 1, values.n)
end

-- ---- The standard one -----------------------------------------------------------------------------

local function banner()
  local parts = { "Lua " .. (require "lwt.core".lua or _VERSION:match "%S+$") }
  if has_uv then parts[2] = "libuv " .. uv.libuv end
  local versions = table.concat(parts, ", ")
  return ("%s (%s) · await works at the prompt · :help\n"):format(lwt._VERSION, versions)
end

local function is_fd_terminal(fd)
  if has_uv then return uv.io.is_terminal(fd) end
  return os.execute(("test -t %d"):format(fd)) == true
end

local function is_terminal() return is_fd_terminal(0) and is_fd_terminal(1) end

local function can_edit()
  local kind = os.getenv "TERM" or ""
  return has_uv and is_terminal() and kind ~= "dumb" and kind ~= ""
end

-- The terminal to edit lines on, or nil.
local function terminal_of()
  if not can_edit() then return nil end
  local ok, term = pcall(require, "lwt.term")
  return ok and term.stdout or nil
end

local function size_of(terminal)
  if terminal then return function() return terminal:size() end end
  return function()
    return tonumber(os.getenv "COLUMNS") or COLUMNS, tonumber(os.getenv "LINES") or ROWS
  end
end

-- The session of the `lwt` command, on the standard input and output, which reads nothing yet. opts: interactive (nil:
-- whether both are a terminal), owns_tasks (what is at work at the end is named, and cancelled), startup (false: no
-- start-up file), banner, colour (false: none), args: what `...` is; env, prompt.
local function standard_session(opts)
  local interactive = opts.interactive
  if interactive == nil then
    interactive = opts.prompt ~= false and is_fd_terminal(0)
  end
  local typed = interactive and is_terminal()
  local write = to_stdout()
  local s = session.new {
    env = opts.env or _G, write = write, interactive = interactive,
    complain = typed and write or to_stderr, prefix = typed and "" or "lwt: ",
    size = size_of(nil), args = opts.args,
  }
  s.strict, s.owns_tasks = not interactive, opts.owns_tasks
  give_globals(s.env)
  return s
end

-- Where it reads from: a line editor, or lines of the standard input.
local function read_standard(s, opts, prompted)
  local terminal = s.interactive and terminal_of() or nil
  if not terminal then
    local input = has_uv and require "lwt.io".stdin or nil
    return plain_reader(s, input, s.interactive and opts.prompt ~= false)
  end
  s.size, s.colour = size_of(terminal), opts.colour ~= false and terminal:colors() > 0
  local path = M.history_path()
  edited_reader(s, terminal, require "lwt.read_line".history { path = path }, prompted)
end

-- Runs it; gives the values of `:quit`, and the session.
function M.standard(opts)
  local s = standard_session(opts)
  local _ <close> = closing(own_signals(s))
  local _ <close> = closing(s.interactive and listen(s) or {})
  local text, path
  if s.interactive and opts.startup then text, path = startup_file() end
  local prompted
  if s.interactive and opts.banner then
    to_lua_stdout(banner())
    if not text and can_edit() then prompted = reader.first_prompt(to_lua_stdout) end
  end
  read_standard(s, opts, prompted)
  if text then s:evaluate_file(text, path) end
  local values
  if has_uv then values = uv.interrupt.spare(s.loop, s) else values = s:loop() end
  -- That a terminal has gone away is not reported at the exit.
  if s.interactive and has_uv then pcall(lwt.await, require "lwt.io".stdout:flush()) end
  return values, s
end

return M
