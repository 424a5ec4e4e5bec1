-- Internal: what lwt.glib knows of lgi, which binds GLib, GIO and GTK to Lua. It is needed for
-- lwt.glib.finish only, and is loaded when that is first called.

local M = {}

-- The pointer in a main context of lgi's; nil for anything else. A program that has one has loaded
-- lgi.
function M.context(x)
  local lgi = package.loaded.lgi
  if type(x) ~= "userdata" or not lgi then return nil end
  local ok, is_one = pcall(function() return lgi.GLib.MainContext:is_type_of(x) end)
  return ok and is_one and x._native or nil
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
