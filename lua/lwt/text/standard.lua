-- The standard text channels, and printing. (Functions of `lwt.text`.)

local lio = require "lwt.io"
local core = require "lwt.term.core"
local args = require "lwt.internal.args"
local C = require "lwt.text.shared"
local joined, bytes_of = args.joined, C.bytes_of

local M = C.public

local standard = { stdin = true, stdout = true, stderr = true }

-- Made when they are first asked for, as those of lwt.io are.
setmetatable(M, {
  __index = function(_, name)
    if not standard[name] then return nil end
    local t = C.on(lio[name], core.text_locale(), false)
    M[name] = t
    return t
  end,
})

-- Through lwt.io's printing, which keeps the order with Lua's own `print`.
local function put(stream, printer, op, text)
  local bytes, failed = bytes_of(M[stream].writer, op, text)
  return failed or printer(bytes)
end

local function formatted(name, fmt, ...)
  args.string(1, name, fmt, 1)
  return tostring(fmt):format(...)
end

--- Write the arguments to `text.stdout`, one behind the other, at once and in order with Lua's own
--- `print`, as `lio.print` does, but in the encoding of the locale: in the locale `C`, `é` comes
--- out as `e`. `printl` adds a newline, `printf` formats, `printlf` does both; with an `e` in front
--- they write to `text.stderr`.
---@param ... string|number
---@return lwt.Promise<nil>
--- ```lua
--- print(lwt.is_promise(text.print("")))   --> true
--- ```
function M.print(...) return put("stdout", lio.print, "print", joined(1, "print", ...)) end

--- Write the arguments and a newline to `text.stdout`, at once.
---@param ... string|number
---@return lwt.Promise<nil>
function M.printl(...)
  return put("stdout", lio.print, "printl", joined(1, "printl", ...) .. "\n")
end

--- Write `fmt:format(...)` to `text.stdout`, at once.
---@param fmt string
---@param ... any
---@return lwt.Promise<nil>
function M.printf(fmt, ...)
  return put("stdout", lio.print, "printf", formatted("printf", fmt, ...))
end

--- Write `fmt:format(...)` and a newline to `text.stdout`, at once.
---@param fmt string
---@param ... any
---@return lwt.Promise<nil>
function M.printlf(fmt, ...)
  return put("stdout", lio.print, "printlf", formatted("printlf", fmt, ...) .. "\n")
end

--- Write the arguments to `text.stderr`, at once.
---@param ... string|number
---@return lwt.Promise<nil>
function M.eprint(...) return put("stderr", lio.eprint, "eprint", joined(1, "eprint", ...)) end

--- Write the arguments and a newline to `text.stderr`, at once.
---@param ... string|number
---@return lwt.Promise<nil>
function M.eprintl(...)
  return put("stderr", lio.eprint, "eprintl", joined(1, "eprintl", ...) .. "\n")
end

--- Write `fmt:format(...)` to `text.stderr`, at once.
---@param fmt string
---@param ... any
---@return lwt.Promise<nil>
function M.eprintf(fmt, ...)
  return put("stderr", lio.eprint, "eprintf", formatted("eprintf", fmt, ...))
end

--- Write `fmt:format(...)` and a newline to `text.stderr`, at once.
---@param fmt string
---@param ... any
---@return lwt.Promise<nil>
function M.eprintlf(fmt, ...)
  return put("stderr", lio.eprint, "eprintlf", formatted("eprintlf", fmt, ...) .. "\n")
end

return M
