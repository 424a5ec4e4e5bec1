-- Internal: how a module that needs libuv asks for it. `require "lwt.internal.uvneeded"("lwt.net")`
-- gives lwt.uv, or raises an error that says what is missing and what to do about it.

return function(name)
  local ok, uv = pcall(require, "lwt.uv")
  if ok then return uv end
  local reason = tostring(uv)
  if reason:find("module 'lwt.uv' not found", 1, true) then
    reason = "the module lwt.uv is not installed"
  end
  error(("%s needs libuv, and lwt.uv could not be loaded (%s). Promises, tasks and timers work "
    .. "without it; for files, sockets and processes install lwt with libuv 1.44 or newer.")
    :format(name, reason), 3)
end
