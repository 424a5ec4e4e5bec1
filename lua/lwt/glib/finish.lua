-- Internal: lwt.glib.finish: GIO's asynchronous calls as promises.
--
-- GIO's pattern: NAME_async(…, cancellable, callback) begins, callback(source, result) says that it is
-- over, NAME_finish(result) gives the values or the error. The callback is called in any case, also
-- after a cancel. Its result is taken then as well, though it is not wanted, because it may be an
-- open file.

local args = require "lwt.internal.args"
local core = require "lwt.core"
local glib = require "lwt.glib.core"
local lgi_of = require "lwt.glib.lgi"

local lwt = require "lwt"

local function quark_of(lgi, err)
  local ok, name = pcall(function()
    local domain = require "lgi.core".record.field(err, lgi.GLib.Error._field.domain)
    return lgi.GLib.quark_to_string(domain)
  end)
  return ok and name or nil
end

-- GIO's error as one of lwt's.
local function failure(lgi, err, op)
  return core.error {
    code = tostring(err.code), message = err.message, op = op, domain = quark_of(lgi, err),
    gerror = err,
  }
end

-- What a function of lgi's has returned: nothing but its values, or its error behind false or nil.
local function settle(lgi, resolver, op, ok, ...)
  if not ok then return resolver:wakeup_exn((...)) end -- it was called wrongly
  local first, err = ...
  if not first and lgi_of.is_error(lgi, err) then
    return resolver:wakeup_exn(failure(lgi, err, op))
  end
  return resolver:wakeup(...)
end

-- begin(cancellable, callback) begins; finish(source, result) ends.
local function call(lgi, op, begin, finish)
  local cancellable = lgi.Gio.Cancellable()
  local p, resolver = lwt.task()
  p:on_cancel(function() cancellable:cancel() end)
  glib.within(begin, cancellable, function(source, result)
    settle(lgi, resolver, op, pcall(finish, source, result))
  end)
  return p
end

-- The member of an object or a class of lgi's, or nil.
local function member(x, name)
  local ok, f = pcall(function() return x[name] end)
  return ok and f or nil
end

-- x's NAME_async (or NAME, or NAME_begin) and NAME_finish.
local function members(x, name)
  local finish = member(x, name .. "_finish")
  local begin = finish and (member(x, name .. "_async") or member(x, name))
  return begin, finish
end

local function by_name(lgi, x, ...)
  local name = ...
  if type(name) ~= "string" then args.wrong(2, "finish", "string", name, 1) end
  local begin, finish = members(x, name)
  if not begin then
    args.bad(2, "finish", ("no asynchronous call '%s' here: %s_async or %s_finish is missing")
      :format(name, name, name), 1)
  end
  local list = table.pack(select(2, ...))
  -- A method is called on its object, a function of a class or a namespace on nothing.
  if type(x) == "userdata" then table.insert(list, 1, x) list.n = list.n + 1 end
  local ok, p = pcall(call, lgi, name, function(cancellable, callback)
    list[list.n + 1], list[list.n + 2] = cancellable, callback
    begin(table.unpack(list, 1, list.n + 2))
  end, function(_, result)
    if type(x) == "userdata" then return finish(x, result) end
    return finish(result)
  end)
  if ok then return p end
  -- lgi counts the function itself as the first one, and we the object and the name. Of an enumeration
  -- it does not say which one it is.
  local n, what = tostring(p):match "bad argument #(%-?%d+) to '[^']*' %((.*)%)$"
  if not n then error(p, 0) end
  n = math.tointeger(n)
  if n < 0 then n = 2 elseif type(x) ~= "userdata" then n = n + 1 end
  args.bad(n, "finish", ("%s: %s"):format(name, what), 1)
end

local function by_function(lgi, start, ...)
  local list = table.pack(...)
  return call(lgi, "finish", function(cancellable, callback)
    list[list.n + 1], list[list.n + 2] = cancellable, callback
    start(table.unpack(list, 1, list.n + 2))
  end, function(source, result) return source, result end)
end

return function(start, ...)
  local callable = type(start) ~= "table" and args.is_callable(start)
  if not callable and type(start) ~= "table" and type(start) ~= "userdata" then
    args.wrong(1, "finish", "function, or object of lgi's", start)
  end
  local lgi, why = lgi_of.load()
  if not lgi then error("glib.finish needs lgi: " .. why, 2) end
  local ours, other = pcall(glib.check)
  if not ours then error(other, 2) end
  local p -- (no tail calls: errors about arguments are raised at the caller's line)
  if callable then p = by_function(lgi, start, ...) else p = by_name(lgi, start, ...) end
  return p
end
