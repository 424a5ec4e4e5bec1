-- Internal: reads of TLS streams that wait in C, and what lwt.direct shows of a stream.

local lwt = require "lwt"
local core = require "lwt.core"
local csession = require "lwt.ssl.core"

local M = {}

-- Of a promise that has waited in C: it is settled there.
local Settler = {}
Settler.__index = Settler
function Settler.wakeup(r, data) csession.settle(r.promise, true, data) end
function Settler.wakeup_exn(r, err) csession.settle(r.promise, false, err) end

-- Of a task that has waited in C, in the direct view: what promise and resolver are to others.
local Waiter = {}
Waiter.__index = Waiter
function Waiter.is_pending(w) return w.conn:waits(w.number) end
function Waiter.wakeup(w, data) w.conn:wake(w.number, true, data) end
function Waiter.wakeup_exn(w, err) w.conn:wake(w.number, false, err) end

-- The resolver of a read that has waited in C: of a promise, or (false) of a task, which has this for its
-- promise as well.
function M.reader(conn, promise, number)
  if promise then return setmetatable({ promise = promise }, Settler) end
  return setmetatable({ conn = conn, number = number }, Waiter)
end

-- Rejects it, unless that is done. Takes no memory.
function M.drop(conn, promise, number, err)
  if not promise then
    conn:wake(number, false, err)
  elseif promise:is_pending() then
    csession.settle(promise, false, err)
  end
end

-- lwt.direct shows a stream by a view that reads and writes in C. A closed stream's is the one that any
-- object has. `write(stream, data, done)`: the method in Lua, and how much is encrypted already.
function M.show(metatable, write)
  local view_mt = {}
  local shown = core.direct_kind(metatable, view_mt, function(s)
    local ok, view = pcall(csession.view, s, s.conn, view_mt)
    if not ok and not s.gone then error(view, 0) end
    return ok and view or nil
  end)
  shown.read, shown.write = csession.view_methods(shown.read, shown.write,
    function(view, data, done) lwt.await(write(core.unview(view), data, done)) end)
end

return M
