--- The terminal: keys, raw mode, size, colours and styles, the screen.

local key = require "lwt.term.key"

local M = {}

M.key = key.key

return M
