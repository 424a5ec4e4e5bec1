--- What lwt.term is for, in one sentence; then how it is used.

local M = {}

return M
