--- Streams: elements that come one after another, now or later, to whoever asks.
---
--- ```lua
--- local stream = require "lwt.stream"
--- local s = stream.of_list { 1, 2, 3, 4 }
---   :filter(function(n) return n % 2 == 0 end)
---   :map_s(function(n)
---     await(lwt.sleep(0.001))
---     return n * n
---   end)
--- for v in s do print(v) end                --> 4
---                                           --> 16
--- ```
---
--- A stream is a source (`from`, `generate`, `create`, a file, a socket …) and the elements
--- of it that were not read yet. Reading gives promises; elements that are ready cost
--- none: `for v in s do` and the functions over whole streams take them as they are. (Where no task
--- may wait such a loop gives what is ready, and then raises what `await` does, and takes nothing.)
---
--- - Elements are never nil: nil is the end. The end can be read any number of times.
--- - Several readers may wait: each element goes to exactly one of them, in the order in
---   which they asked. A reader that is cancelled leaves the line and loses nothing.
--- - An error of the source is given once to all readers that wait at that moment, or, when there
---   are none, to the next reader (of each clone); the stream goes on after it.
--- - Streams made from streams are lazy. Dropped half way, they release what they read.
---
--- Lua differs from Lwt in this: several concurrent readers never see the same element;
--- `nget` gets what it asked for, or the rest at the end; any number of bounded pushes may
--- wait, and size 0 is a rendezvous; `choose` drops a stream that failed; nothing is lost
--- by a cancelled `nget`, `to_list`, `combine` or `parse`.
---@class lwt.Stream<T>
---@operator call(): T?

--- A stream of something that is open (a directory, a watch, a signal, a program) until the stream
--- ends, is closed, or is not used any more.
---@class lwt.SourceStream<T> : lwt.Stream<T>
---@field close fun() ends the stream, and lets go of what is behind it

--- The pushing end of a bounded stream.
---@class lwt.StreamPusher
---@field push fun(self: lwt.StreamPusher, v: any): lwt.Promise<nil>
---@field close fun(self: lwt.StreamPusher)
---@field size fun(self: lwt.StreamPusher): integer
---@field resize fun(self: lwt.StreamPusher, n: integer)
---@field count fun(self: lwt.StreamPusher): integer
---@field blocked fun(self: lwt.StreamPusher): boolean
---@field closed fun(self: lwt.StreamPusher): boolean

local M = require("lwt.stream.core").M
require "lwt.stream.source"
require "lwt.stream.read"

local later = require "lwt.internal.later"
later(M, "lwt.stream.transform", [[append choose combine concat filter filter_map filter_map_s
  filter_s flatten hexdump map map_list map_list_s map_s wrap_exn]])
later(M, "lwt.stream.consume", [[find find_map find_map_s find_s fold fold_s iter iter_n iter_p
  iter_s to_list to_string]])

local mt = require("lwt.stream.core").mt

--- Whether `x` is a stream.
---@param x any
---@return boolean
---```lua
---print(stream.is_stream(stream.of_list {}), stream.is_stream {})   --> true false
---```
function M.is_stream(x) return getmetatable(x) == mt end

return M
