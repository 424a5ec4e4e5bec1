-- What the specs of the core share: short ways to say what a promise is, to
-- collect what goes to the exception hook, and to run a script in a Lua of its own.
local lwt = require "lwt"

local M = {}

-- Asserts the state of a promise and every value of it, nils included.
function M.is(p, ...)
  local expected, got = table.pack(...), table.pack(p:state())
  if got.n ~= expected.n then
    error(("expected %d results of state, got %d (%s, %s)"):format(
      expected.n, got.n, tostring(got[1]), tostring(got[2])), 2)
  end
  for i = 1, expected.n do
    if not rawequal(expected[i], got[i]) then
      error(("state #%d: expected %s, got %s"):format(
        i, tostring(expected[i]), tostring(got[i])), 2)
    end
  end
end

-- A list that is called to append to it: `log("a")`; `log.says "a b"` compares.
function M.log()
  local log = {}
  return setmetatable(log, {
    __call = function(_, ...)
      local words = table.pack(...)
      for i = 1, words.n do words[i] = tostring(words[i]) end
      log[#log + 1] = table.concat(words, ":")
    end,
    __index = {
      says = function(expected)
        local got = table.concat(log, " ")
        if got ~= expected then
          error(("expected the log %q, got %q"):format(expected, got), 2)
        end
      end,
      -- A callback that writes `word`, and with `values` also what it was given.
      word = function(word, values)
        return function(...)
          if values then log(word, ...) else log(word) end
        end
      end,
    },
  })
end

-- Runs `body(errors)` with an exception hook that collects into `errors`.
function M.with_hook(body)
  local errors = { n = 0 }
  local before = lwt.async_exception_hook()
  lwt.async_exception_hook(function(err)
    errors.n = errors.n + 1
    errors[errors.n] = err
  end)
  local ok, err = pcall(body, errors)
  lwt.async_exception_hook(before)
  if not ok then error(err, 0) end
end

-- Asserts that calling f raises exactly `message`, prefixed with the file and line
-- where f itself is (one line long, or the line is `line`).
function M.raises_here(message, f, ...)
  local info = debug.getinfo(f, "S")
  local ok, err = pcall(f, ...)
  if ok then error("expected an error, got none", 2) end
  local expected = ("%s:%d: %s"):format(info.short_src, info.linedefined, message)
  if err ~= expected then
    error(("expected the error %q, got %q"):format(expected, tostring(err)), 2)
  end
end

-- Runs `body` as a task of lwt.run on the virtual engine: for `it`.
function M.virtual(body)
  return function()
    local engine = require "lwt.engine"
    local before = engine.name()
    engine.set "virtual"
    local ok, err = pcall(lwt.run, body)
    engine.set(before)
    if not ok then error(err, 0) end
  end
end

-- Runs `body` outside of any task on the virtual engine, where it may call step: for `it`.
function M.stepping(body)
  return function()
    local engine = require "lwt.engine"
    local before = engine.name()
    engine.set "virtual"
    local ok, err = pcall(body)
    engine.set(before)
    if not ok then error(err, 0) end
  end
end

-- Runs `body` as a task of lwt.run on the engine that is there: for `it`.
function M.async(body)
  return function() lwt.run(body) end
end

local function quoted(s) return "'" .. s:gsub("'", "'\\''") .. "'" end

-- Runs the Lua text `script` in a process of its own, with warnings on. Returns what
-- it wrote to both its outputs, and its exit status. `LUA` names another interpreter.
function M.child(script, arguments)
  local path = os.tmpname()
  local f = assert(io.open(path, "w"))
  f:write(script)
  f:close()
  local command = ("LUA_PATH=%s LUA_CPATH=%s %s -W %s %s 2>&1; echo \"status $?\""):format(
    quoted(package.path), quoted(package.cpath), os.getenv "LUA" or "lua5.4", path,
    arguments or "")
  local out = assert(io.popen(command))
  local text = out:read "a"
  out:close()
  os.remove(path)
  local output, status = text:match "^(.*)status (%d+)\n$"
  return output:gsub(path:gsub("%p", "%%%0"), "script.lua"), tonumber(status)
end

-- Bytes in use after everything that can go has gone.
function M.memory()
  collectgarbage()
  collectgarbage()
  return collectgarbage "count" * 1024
end

-- How often the costly specs turn: `small` normally, `large` with LWT_SPEC_FULL set.
function M.count(small, large)
  return os.getenv "LWT_SPEC_FULL" and large or small
end

return M
