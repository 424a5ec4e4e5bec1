-- Public functions that no operation uses, and why. (A function that is the same as another one, by another
-- name, needs no reason: what is looked at are functions, not names.)

local M = {
  ["lwt.engine.adopt"] = "it puts the state on the loop of another owner, for as long as both are there",
  ["lwt.term.suspend"] = "it stops the process until somebody has it go on: spec/term/terminal_spec.lua has that",
}

if pcall(require, "lwt.glib") and not require "spec.glib.lgi"() then
  M["lwt.glib.finish"] = "lgi, which it is for, has not been built here (make lgi)"
end

return M
