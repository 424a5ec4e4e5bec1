-- Each line with a `!!` is wrong, and an editor has to say so.
local lwt, lio, process = require "lwt", require "lwt.io", require "lwt.process"
local await = lwt.await
local ch = await(lio.open_connection "localhost:1")
ch:nothing() -- !!
ch:read_line():nothing() -- !!
await(lwt.spawn(function() return ch end)):nothing() -- !!
lio.establish_server("localhost:1", function(c) c:nothing() end) -- !!
local _, status = await(process.pread { "date" })
status:nothing() -- !!
lwt.nothing() -- !!
lwt.sleep "x" -- !!
local term = require "lwt.term"
term.progress { total = 1 }:nothing() -- !!
term.size "x" -- !!
for key in term.keys() do key:nothing() end -- !!
term.fg.nothing.x = 1 -- !!
