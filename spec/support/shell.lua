-- Running commands from a spec the way a user types them.

local M = {}

M.lua = os.getenv("LUA") or "lua5.4"

local function read(path)
  local file = assert(io.open(path))
  local text = file:read("a")
  file:close()
  return text
end

-- Runs a shell command to its end: { code =, out =, err = }; a signal counts as 128 + its number.
function M.run(command)
  local out, err = os.tmpname(), os.tmpname()
  local _, kind, code = os.execute(("{ %s\n} >'%s' 2>'%s' </dev/null"):format(command, out, err))
  local result = { code = kind == "signal" and 128 + code or code, out = read(out), err = read(err) }
  os.remove(out)
  os.remove(err)
  return result
end

-- A new empty folder; `remove_dir` takes it away.
function M.temp_dir() return (M.run("mktemp -d").out:gsub("\n$", "")) end
function M.remove_dir(dir) os.execute("rm -rf '" .. dir .. "'") end

function M.write(path, text)
  local file = assert(io.open(path, "w"))
  file:write(text)
  file:close()
  return path
end

M.read = read
M.here = M.run("pwd").out:gsub("\n$", "")

return M
