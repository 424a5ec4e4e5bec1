-- The standard channels, and printing to them.

local args = require "lwt.internal.args"
local shared = require "lwt.io.shared"

local cio, methods = shared.cio, shared.methods
local joined = args.joined
local write, write_line = methods.write, methods.write_line

local M = shared.public

local standard = { stdin = { 0, "r" }, stdout = { 1, "w" }, stderr = { 2, "w" } }

-- What Lua's io has, or what one looks for, and this one has not; and what to call instead.
local elsewhere = {
  open = "open_file(path, mode)", popen = "lwt.process.pread", tmpfile = "open_temp_file()",
  input = "stdin", output = "stdout",
  connect = "open_connection(address)", listen = "establish_server(address, handler)",
}

--- Standard input. The channel is made when it is first asked for; closing it leaves the
--- descriptor open.
--- ```lua
--- print(lio.stdin:mode())   --> input
--- ```
---@value lwt.io.stdin lwt.Channel

--- Standard output: what is written is buffered, and written out when the buffer is full, when the
--- loop has nothing else to do, by `flush`, and at the end of the program.
--- ```lua
--- print(lio.stdout:mode())   --> output
--- ```
---@value lwt.io.stdout lwt.Channel

--- Standard error, buffered like standard output.
--- ```lua
--- print(lio.stderr:mode())   --> output
--- ```
---@value lwt.io.stderr lwt.Channel

-- Made when they are first asked for: a program that does not use them leaves the descriptors
-- alone.
setmetatable(M, {
  __index = function(_, name)
    local how = standard[name]
    if elsewhere[name] then
      local lua = io[name] and ", as Lua's io has" or ""
      error(("lwt.io has no '%s'%s; here it is '%s'"):format(name, lua, elsewhere[name]), 2)
    end
    if not how then return nil end
    local ch = cio.of_fd(how[1], how[2], { close = false })
    M[name] = ch
    cio.standard(name, ch)
    return ch
  end,
})

local function formatted(name, fmt, ...)
  args.string(1, name, fmt, 1)
  return string.format(fmt, ...)
end

-- The printing family writes at once what can be written without waiting, behind what Lua's own
-- `print` has written: so the lines of a program come out in the order of its calls.
local function put(name, write_it, text)
  local ch = M[name]
  local p = write_it(ch, text)
  cio.flush_now(ch)
  return p
end

--- Write the arguments to `lio.stdout`, one behind the other, at once. `printl` adds a newline,
--- `printf` formats, `printlf` does both; with an `e` in front they write to `lio.stderr`.
--- What these write and what Lua's `print` and `io.write` write comes out in the order of the
--- calls. (What `lio.stdout:write` writes is buffered, which is cheaper where there is much of it,
--- and comes later than a `print` after it.)
---
---@param ... string|number
---@return lwt.Promise<nil>
--- ```lua
--- print(lwt.is_promise(lio.print("")))   --> true
--- ```
function M.print(...)
  return put("stdout", write, joined(1, "print", ...))
end

--- Write the arguments and a newline to `lio.stdout`, at once, in order with `print`.
---
---@param ... string|number
---@return lwt.Promise<nil>
function M.printl(...)
  return put("stdout", write_line, joined(1, "printl", ...))
end

--- Write `fmt:format(...)` to `lio.stdout`.
---
---@param fmt string
---@param ... any
---@return lwt.Promise<nil>
function M.printf(fmt, ...)
  return put("stdout", write, formatted("printf", fmt, ...))
end

--- Write `fmt:format(...)` and a newline to `lio.stdout`.
---
---@param fmt string
---@param ... any
---@return lwt.Promise<nil>
function M.printlf(fmt, ...)
  return put("stdout", write_line, formatted("printlf", fmt, ...))
end

--- Write the arguments to `lio.stderr`.
---
---@param ... string|number
---@return lwt.Promise<nil>
function M.eprint(...)
  return put("stderr", write, joined(1, "eprint", ...))
end

--- Write the arguments and a newline to `lio.stderr`.
---
---@param ... string|number
---@return lwt.Promise<nil>
function M.eprintl(...)
  return put("stderr", write_line, joined(1, "eprintl", ...))
end

--- Write `fmt:format(...)` to `lio.stderr`.
---
---@param fmt string
---@param ... any
---@return lwt.Promise<nil>
function M.eprintf(fmt, ...)
  return put("stderr", write, formatted("eprintf", fmt, ...))
end

--- Write `fmt:format(...)` and a newline to `lio.stderr`.
---
---@param fmt string
---@param ... any
---@return lwt.Promise<nil>
function M.eprintlf(fmt, ...)
  return put("stderr", write_line, formatted("eprintlf", fmt, ...))
end

return M
