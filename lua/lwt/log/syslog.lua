-- Internal: loggers that send to a syslog daemon.
--
-- One packet is one line of a message. The sink sends them one after another: when that fails it
-- connects anew and sends the packet again, once; when that fails too, the records at hand are lost,
-- and counted in `lost`, of which the daemon is told when it is back. What a TCP connection that broke
-- has not brought to the other end's system is sent again (`again`).

local core = require "lwt.core"
local args = require "lwt.internal.args"
local daemon = require "lwt.log.daemon"
local host = require "lwt.log.host"
local logger = require "lwt.log.logger"
local template = require "lwt.log.template"
local text = require "lwt.log.text"
local time = require "lwt.log.time"
local writer = require "lwt.log.writer"

local clean, concat = text.clean, table.concat

local M = {}

local PATHS = { "/dev/log", "/var/run/log", "/var/run/syslog" }
local PORT = 514
local TRUNCATED = "<truncated>"
local SIZES = { [3164] = 1024, [5424] = 2048 }
local TEMPLATES = {
  [3164] = "$(section): $(message) $(fields)",
  [5424] = "$(section): $(message)",
}
local FACILITIES = {
  kern = 0, user = 1, mail = 2, daemon = 3, auth = 4, syslog = 5, lpr = 6, news = 7, uucp = 8,
  cron = 9, authpriv = 10, ftp = 11,
}
for i = 0, 7 do FACILITIES["local" .. i] = 16 + i end
local SEVERITIES = { debug = 7, info = 6, notice = 5, warning = 4, error = 3, fatal = 0 }

-- ---- Packets --------------------------------------------------------------------

-- A word without what separates the parts of a packet.
local function word(s, longest)
  s = s:gsub("[^\33-\126]", "_"):sub(1, longest)
  return s == "" and "-" or s
end

-- RFC 3164: <PRI>Mon dd hh:mm:ss [host ]tag[pid]: . The host is for other machines: the daemon of this
-- one puts its own there.
local function old_head(opts, at)
  local tag = word(opts.tag or host.name(), 32):gsub("[%[%]:]", "_")
  return ("%s %s%s[%s]: "):format(time.date(at),
    opts.proto == "unix" and "" or word(host.hostname(), 255) .. " ", tag, host.pid())
end

-- The fields of a record as structured data. (32473 is the number that is free for this.)
local function structured(fields)
  if not fields or next(fields) == nil then return "-" end
  local keys, values = text.sorted(fields)
  local out = { "[fields@32473" }
  for i, key in ipairs(keys) do
    local value = clean((text.safe(values[key]):gsub('["\\%]]', "\\%0")))
    out[i + 1] = ('%s="%s"'):format(word(key, 32):gsub('[="%]]', "_"), value)
  end
  return concat(out, " ") .. "]"
end

-- RFC 5424: <PRI>1 time host app pid msgid data
local function new_head(opts, at, fields)
  local head = ("1 %s %s %s %s - "):format(time.iso(at), word(host.hostname(), 255),
    word(opts.tag or host.name(), 48), host.pid())
  local data = structured(fields)
  if #head + #data > opts.size // 2 then data = "-" end
  return head .. data .. " "
end

-- Cut where a character ends, and said to be.
local function cut(packet, size)
  if #packet <= size then return packet end
  local stop = math.max(size - #TRUNCATED, 0)
  while stop > 0 and packet:byte(stop + 1) & 0xC0 == 0x80 do stop = stop - 1 end
  return packet:sub(1, stop) .. TRUNCATED
end

local function packets(opts, section, level, message, at, fields, extra)
  local pri = ("<%d>"):format(opts.facility * 8 + SEVERITIES[level])
  local head = pri .. (opts.rfc == 5424 and new_head or old_head)(opts, at, fields)
  local lines = logger.lines(message)
  for i = 1, lines.n do
    local line = opts.render(section, level, lines[i], at, fields, extra)
    lines[i] = cut(head .. line, opts.size)
  end
  return lines
end

-- ---- Sending --------------------------------------------------------------------

local Sink = { can_wait = true }
Sink.__index = Sink

local function drop(self)
  local conn = self.conn
  self.conn = nil
  if not conn then return end
  if conn.unsure then
    local again = conn:unsure()
    self.again = table.move(self.again, 1, #self.again, #again + 1, again)
  end
  conn:close()
end

local function send_again(self)
  local again = self.again
  self.again = {}
  for i = 1, #again do
    local ok, err = pcall(self.conn.send, self.conn, again[i])
    if not ok then
      self.again = table.move(again, i, #again, 1, {})
      error(err, 0)
    end
  end
end

local function tell_lost(self)
  local lost = self.lost
  local note = ("%d records were lost: %s"):format(lost, text.safe(self.why))
  local ours = require "lwt.log.section".section "lwt.log"
  local packet = packets(self.opts, ours, "warning", note, core.wall())[1]
  self.conn:send(packet)
  self.lost, self.noted, self.told = self.lost - lost, lost, false
end

local function try(self, packet)
  if not self.conn then self.conn = daemon.connect(self.opts) end
  if #self.again > 0 then send_again(self) end
  if self.lost > 0 and self.conn.proven then tell_lost(self) end
  self.conn:send(packet)
  self.noted = 0
end

-- The packet that was sent before turns out to be lost: a record whose promise is fulfilled already,
-- or the packet that reports how many were lost (`noted`).
local function lost_before(self, err)
  self.lost, self.why = self.lost + (self.noted > 0 and self.noted or 1), err
  self.noted = 0
  if not self.told then
    self.told = true
    core.report(err)
  end
end

local function send(self, packet)
  if self.conn and self.conn.gone then drop(self) end
  local ok, err
  for _ = 1, 2 do
    ok, err = pcall(try, self, packet)
    if ok then return end
    if type(err) == "table" and err.code == "EMSGSIZE" then break end
    local conn = self.conn
    if conn and conn.late then lost_before(self, err) end
    drop(self)
    if not conn then break end
  end
  error(err, 0)
end

function Sink:write(queue, n)
  for i = 1, n do
    local packets_of_one = queue[i]
    for k = 1, packets_of_one.n do
      local ok, err = pcall(send, self, packets_of_one[k])
      if not ok then
        self.lost, self.why = self.lost + n - i + 1, err
        error(err, 0)
      end
    end
  end
end

function Sink:close() drop(self) end

-- The state ends, and no loop turns any more.
function Sink:rest(_, n)
  if n > 0 then io.stderr:write(("lwt.log: %d records were not sent to syslog\n"):format(n)) end
end

-- ---- Options --------------------------------------------------------------------

local OPTIONS = {
  facility = "string", paths = "table", tag = "string", template = "string", rfc = "number",
  proto = "string", host = "string", port = true, size = "number",
}

local function wrong_place(opts)
  local proto = opts.proto or (opts.host and "udp" or "unix")
  if proto ~= "unix" and proto ~= "udp" and proto ~= "tcp" then
    return "option 'proto': \"unix\", \"udp\" or \"tcp\" expected"
  end
  if (proto == "unix") ~= (opts.host == nil) then
    return proto == "unix" and "option 'host': it is for udp and tcp"
      or "option 'host': string expected, got nil"
  end
  if opts.host and (opts.host == "" or opts.host:find("\0", 1, true)) then
    return "option 'host': a host expected"
  end
  if proto == "unix" and opts.port ~= nil then return "option 'port': it is for udp and tcp" end
  if proto ~= "unix" and opts.paths ~= nil then return "option 'paths': it is for this machine" end
  local port = opts.port
  if port ~= nil and type(port) ~= "string" and not (math.type(port) and math.tointeger(port)
    and port >= 1 and port <= 65535) then
    return "option 'port': a port expected"
  end
  for i = 1, opts.paths and #opts.paths or 0 do
    if type(opts.paths[i]) ~= "string" then return "option 'paths': a list of strings expected" end
  end
  if opts.paths and #opts.paths == 0 then return "option 'paths': it is empty" end
  return nil, proto
end

local function wrong_format(opts)
  if opts.facility ~= nil and not FACILITIES[opts.facility] then
    return ("option 'facility': no facility '%s'"):format(opts.facility)
  end
  if opts.rfc ~= nil and not SIZES[opts.rfc] then return "option 'rfc': 3164 or 5424 expected" end
  if opts.size ~= nil and not (math.tointeger(opts.size) and opts.size >= 480) then
    return "option 'size': a number of bytes, at least 480, expected"
  end
  return nil
end

--- A logger that sends to a syslog daemon. It connects with the first record, and again when the daemon has been restarted; until then the
--- records are lost, their promises are rejected, and the daemon is told how many they were when it is back.
---
--- - `facility`: `"user"` (the default), `"daemon"`, `"local0"` … `"local7"`, `"mail"`, `"auth"`, `"cron"` …
--- - `paths`: where the daemon of this machine may listen; `{"/dev/log", "/var/run/log", "/var/run/syslog"}`. Datagrams are tried first, then a stream
--- - `host`, `port` (514), `proto`: `"udp"` (the default with a `host`) or `"tcp"` (with octet counting): a daemon elsewhere
--- - `rfc`: the form of a record, 3164 (the default) or 5424, which has the fields as structured data
--- - `tag`: who says it, instead of the program's name
--- - `template` of what comes behind the tag: `$(section): $(message) $(fields)`, with 5424 without fields
--- - `size`: what is longer is cut, with `<truncated>` at its end: 1024 bytes where nothing is said, 2048 with 5424
---
--- The level is the severity: fatal 0 (emerg), error 3, warning 4, notice 5, info 6, debug 7. Each line of a message is a record. Over UDP, a record to a
--- machine that says that nobody listens counts as lost, though its promise is fulfilled. Of a TCP connection that breaks, what the other machine has
--- not acknowledged is sent again; what it has taken, and its daemon has not read, is lost without anybody knowing: that is syslog.
---@param opts? { facility?: string, paths?: string[], host?: string, port?: integer|string, proto?: "unix"|"udp"|"tcp", rfc?: 3164|5424, tag?: string, template?: string, size?: integer }
---@return lwt.Logger
--- ```lua
--- local daemon <close> = require "lwt.net".unix_datagram { path = "log.sock" }
--- log.set_default(log.syslog { paths = { "log.sock" }, facility = "daemon", tag = "demo" })
--- await(log.warning "it is getting warm")
--- print((await(daemon:recv()):gsub(">.-demo", "> … demo"):gsub("%d+%]", "pid]")))   --> <28> … demo[pid]: main: it is getting warm
--- ```
---@function lwt.log.syslog(opts)
function M.syslog(opts)
  opts = args.options(1, "syslog", opts, OPTIONS)
  local wrong, proto = wrong_place(opts)
  wrong = wrong or wrong_format(opts)
  if wrong then args.bad(1, "syslog", wrong) end
  local rfc = math.tointeger(opts.rfc or 3164)
  local render
  render, wrong = template.compile(opts.template or TEMPLATES[rfc], "")
  if not render then args.bad(1, "syslog", wrong) end
  local known = {
    proto = proto, paths = opts.paths and table.move(opts.paths, 1, #opts.paths, 1, {}) or PATHS,
    host = opts.host, port = opts.port or PORT, facility = FACILITIES[opts.facility or "user"],
    rfc = rfc, tag = opts.tag, size = math.tointeger(opts.size or SIZES[rfc]), render = render,
  }
  local sink = setmetatable({ opts = known, lost = 0, noted = 0, again = {}, told = false }, Sink)
  return writer.new(sink, function(...) return packets(known, ...) end)
end

return M
