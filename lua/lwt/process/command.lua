-- The arguments of the calls that start a program: a command, which is a list of words, and options.

local args = require "lwt.internal.args"
local unview = require "lwt.core".unview

local M = {}

local known = {
  stdin = true, stdout = true, stderr = true, cwd = true, env = true, uid = true, gid = true,
  detached = true, timeout = true, group = true,
}

-- What a call does with the program's pipes: those that it reads or writes itself are its own, and
-- others would never be read or closed. (Without a list the caller has them all.)
local function check_pipes(opts, n, name, own)
  for _, stream in ipairs { "stdin", "stdout", "stderr" } do
    local v = opts[stream]
    if own[stream] and v ~= nil and v ~= "pipe" then
      args.bad(n, name, ("%s is the call's own"):format(stream), 2)
    elseif not own[stream] and v == "pipe" then
      args.bad(n, name, ("%s: nobody would have the other end of the pipe"):format(stream), 2)
    end
  end
end

-- The options are argument `n` of the public function, which calls this straight. `own`: the pipes
-- that are the call's own.
function M.check(cmd, opts, n, name, own)
  if type(unview(cmd)) ~= "table" then -- a view looks like a table
    local hint = type(cmd) == "string" and "; process.shell makes one of a shell's text" or ""
    args.bad(1, name, ("list of words expected, got %s%s"):format(args.type_name(cmd), hint), 1)
  end
  if opts == nil then return end
  if type(opts) ~= "table" then args.wrong(n, name, "table", opts, 1) end
  for k in pairs(opts) do
    if not known[k] then args.bad(n, name, ("unknown option '%s'"):format(tostring(k)), 1) end
  end
  local t = opts.timeout
  if t ~= nil and (type(t) ~= "number" or t ~= t or t < 0) then
    args.bad(n, name, "timeout is no time", 1)
  end
  for _, flag in ipairs { "group", "detached" } do
    if opts[flag] ~= nil and type(opts[flag]) ~= "boolean" then
      args.bad(n, name, flag .. " is no boolean", 1)
    end
  end
  if own then check_pipes(opts, n, name, own) end
end

-- The same options, with these where none are given.
function M.with(opts, defaults)
  local o = {}
  for k, v in pairs(defaults) do o[k] = v end
  if opts then
    for k, v in pairs(opts) do o[k] = v end
  end
  return o
end

-- The commands that `process.shell` has made: what a shell starts goes with it.
M.shells = setmetatable({}, { __mode = "k" })

return M
