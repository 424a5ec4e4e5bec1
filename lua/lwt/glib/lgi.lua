-- Internal: what lwt.glib knows of lgi, which binds GLib, GIO and GTK to Lua. It is needed for
-- lwt.glib.finish only, and is loaded when that is first called.

local M = {}

-- The pointer in a record or object of lgi's; nil for anything else.
function M.native(x)
  local ok, native = pcall(function() return x._native end)
  if ok and type(native) == "userdata" and debug.getmetatable(native) == nil then return native end
end

-- lgi, or nil and why not.
function M.load()
  local ok, lgi = pcall(require, "lgi")
  if ok then return lgi end
  return nil, lgi
end

-- Is this a GError?
function M.is_error(lgi, x)
  return type(x) == "userdata" and lgi.GLib.Error:is_type_of(x) == true
end

return M
