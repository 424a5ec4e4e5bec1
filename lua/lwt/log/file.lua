-- Internal: loggers that write to files, rotate them, and open them anew when they are told to.
--
-- The sink alone touches the file, from the writer's one task, between records: so neither a rotation nor
-- a signal can split one. `size` is how much is in the file (others may write to it as well: then it is
-- a little late), `pending` what is being written, `torn` that a write has failed in the middle, so that the next begins a line of its
-- own. `compressing` is the promise of the gzip that still works on path.1.

local lwt = require "lwt"
local core = require "lwt.core"
local args = require "lwt.internal.args"
local host = require "lwt.log.host"
local template = require "lwt.log.template"
local writer = require "lwt.log.writer"

local await, concat = lwt.await, table.concat

local M = {}

local FILE = "$(time) $(level) $(section): $(message) $(fields)"
local AT_ONCE = 256 * 1024 -- bytes of one write
local PERM = tonumber("640", 8)
local OPTIONS = {
  path = "string", mode = "string", perm = "number", template = "string", rotate = "table",
  reopen = "string",
}

local Sink = { can_wait = true }
Sink.__index = Sink

local function length(file) return await(file:stat()).size end

-- A file that has been opened is in `self.file` or closed again.
local function open(self)
  local file = await(require "lwt.fs".open(self.path, "a", self.perm))
  local ok, size = pcall(length, file)
  if not ok then
    file:close()
    error(size, 0)
  end
  local old = self.file
  self.file, self.size, self.torn = file, size, false
  if old then pcall(await, old:close()) end
end

-- Something that is not a record, and may fail: its failure is reported once, and again only after it
-- has succeeded.
local function attempt(self, f)
  local ok, err = pcall(f, self)
  if not ok and not self.told[f] then core.report(err) end
  self.told[f] = not ok
  return ok
end

local function compress(self) require "lwt.log.rotate".compress(self.path .. ".1") end

local function start_compressing(self)
  self.compressing = lwt.spawn(function()
    attempt(self, compress)
    self.compressing = nil
  end)
end

local function rotate(self)
  if self.compressing then await(self.compressing) end
  require "lwt.log.rotate".shift(self.path, self.keep)
  open(self)
  if self.compress and self.keep > 0 then start_compressing(self) end
end

-- Writes queue[from] to queue[to].
local function put(self, queue, from, to)
  local text = concat(queue, "", from, to)
  if self.torn then text = "\n" .. text end
  local file = self.file
  self.pending = text
  local ok, err = pcall(await, file:write(text))
  self.pending = nil
  if ok then
    self.size, self.torn = self.size + #text, false
    return
  end
  local known, size = pcall(length, file)
  if known and size ~= self.size then self.size, self.torn = size, true end
  error(err, 0)
end

function Sink:write(queue, n)
  if self.reopen then
    self.reopen = false
    attempt(self, open)
  end
  local limit, from, bytes = self.limit, 1, 0
  for i = 1, n do
    local more = #queue[i]
    local full = limit and self.size + bytes + more > limit and self.size + bytes > 0
    if full or bytes > 0 and bytes + more > AT_ONCE then
      if bytes > 0 then put(self, queue, from, i - 1) end
      from, bytes = i, 0
      -- A rotation that has failed is tried again when as much has come once more.
      if full and not attempt(self, rotate) then self.size = 0 end
    end
    bytes = bytes + more
  end
  if bytes > 0 then put(self, queue, from, n) end
end

function Sink:stop()
  if self.handler then self.handler:stop() end
end

function Sink:close()
  if self.compressing then await(self.compressing) end
  await(self.file:close())
end

-- The state ends: by Lua's own means. A write that is under way may have been done, or never begun:
-- the length of the file tells.
function Sink:rest(queue, n)
  local file = io.open(self.path, "a")
  if not file then return end
  if self.pending and file:seek "end" == self.size then file:write(self.pending) end
  file:write(concat(queue, "", 1, n))
  file:close()
end

-- ---- Options --------------------------------------------------------------------

local function count(value, least)
  local n = math.type(value) and math.tointeger(value)
  return n and n >= least and n or nil
end

local function wrong_rotation(rotate_opts)
  for key in pairs(rotate_opts) do
    if key ~= "size" and key ~= "keep" and key ~= "compress" then
      return ("option 'rotate': unknown option '%s'"):format(tostring(key))
    end
  end
  if not count(rotate_opts.size, 1) then
    return "option 'rotate': size: a number of bytes expected"
  end
  if rotate_opts.keep ~= nil and not count(rotate_opts.keep, 0) then
    return "option 'rotate': keep: a number of files expected"
  end
  if rotate_opts.compress ~= nil and type(rotate_opts.compress) ~= "boolean" then
    return "option 'rotate': compress: boolean expected"
  end
  return nil
end

-- What is wrong with the options of a file, or nil.
function M.wrong_options(opts)
  if opts.path == nil then return "option 'path': string expected, got nil" end
  if opts.path:find "\0" then return "option 'path': it contains a zero byte" end
  if opts.mode ~= nil and opts.mode ~= "append" and opts.mode ~= "truncate" then
    return "option 'mode': \"append\" or \"truncate\" expected"
  end
  if opts.perm ~= nil and not count(opts.perm, 0) then return "option 'perm': integer expected" end
  if opts.reopen ~= nil and not pcall(host.uv.signal.name, opts.reopen) then
    return ("option 'reopen': no signal '%s'"):format(opts.reopen)
  end
  return opts.rotate and wrong_rotation(opts.rotate)
end

-- A task: opens the file and gives a logger that writes what `render` makes of records.
function M.open(opts, render)
  local rotation = opts.rotate or {}
  local sink = setmetatable({
    path = opts.path, perm = opts.perm or PERM,
    limit = rotation.size, keep = math.tointeger(rotation.keep or 5),
    compress = rotation.compress or false, told = {},
  }, Sink)
  open(sink)
  if opts.mode == "truncate" then
    local ok, err = pcall(await, sink.file:truncate(0))
    if not ok then
      sink.file:close()
      error(err, 0)
    end
    sink.size = 0
  end
  local l = writer.new(sink, render)
  if opts.reopen then
    sink.handler = require "lwt.signal".on(opts.reopen, function()
      sink.reopen = true
      writer.wake(l)
    end)
  end
  return l
end

-- Runs M.open so that a cancel in the middle leaves no file open, and none that is about to be made: who
-- removes the folder then waits for calls that were cancelled, and for no others.
function M.start(opts, render)
  local p = lwt.spawn(M.open, opts, render)
  return lwt.protected(p):catch(function(err)
    if rawequal(err, lwt.Canceled) then
      p:on_success(function(l) l:close() end)
      p:cancel()
    end
    return lwt.rejected(err)
  end)
end

--- A logger that writes to a file: a promise of it, which is rejected when the file cannot be opened.
---
--- - `path`; `mode`: `"append"` (the default) or `"truncate"`; `perm` of a new file (0640, less the umask)
--- - `template`: `$(time) $(level) $(section): $(message) $(fields)` where there is none
--- - `rotate = { size =, keep =, compress = }`: before a record that would make the file longer than `size` bytes, it becomes `path.1`, the older
---   ones `path.2` … `path.keep` (5 where nothing is said; with 0 nothing is kept); `compress = true` has `gzip` make `path.1.gz` of it, beside the
---   logging. A record is never divided: one that is longer than `size` has a file of its own
--- - `reopen = "SIGHUP"`: at this signal the file is opened anew by its path, between two records, so that `logrotate` and the like can move it
---
--- What is logged while a write is under way is written by the next one: awaiting a record means waiting until the system has it.
--- A rotation or a reopening that fails is reported to the exception hook, and the records go to the file that is open.
---@param opts { path: string, mode?: "append"|"truncate", perm?: integer, template?: string, rotate?: table, reopen?: string }
---@return lwt.Promise<lwt.Logger>
--- ```lua
--- local l = await(log.file { path = "app.log", rotate = { size = 1000000, keep = 3 }, template = "$(level): $(message)" })
--- log.set_default(l)
--- log.error("out of %s", "paper")
--- await(l:close())
--- print(await(require "lwt.fs".read_file("app.log")))   --> error: out of paper
--- ```
---@function lwt.log.file(opts)
function M.file(opts)
  opts = args.options(1, "file", opts, OPTIONS)
  local wrong = M.wrong_options(opts)
  if wrong then args.bad(1, "file", wrong) end
  local render
  render, wrong = template.compile(opts.template or FILE, "\n")
  if not render then args.bad(1, "file", wrong) end
  return M.start(opts, render)
end

M.OPTIONS = OPTIONS

return M
