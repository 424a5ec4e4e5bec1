-- https: fetches a page over TLS.
--
-- Shows: a verified connection in one option; lines, then bytes; errors that say what is wrong.
--
--   lwt examples/https.lua https://HOST[:PORT]/PATH [CA-FILE]
--
-- CA-FILE: whom to trust instead of the system's certificates.

local lwt = require "lwt"
local lio = require "lwt.io"
local await = lwt.await

local host, port, path = (arg[1] or ""):match "^https://([^:/]+):?(%d*)(/?.*)$"
if not host then
  io.stderr:write("usage: https.lua https://HOST[:PORT]/PATH [CA-FILE]\n")
  os.exit(2)
end

-- Many servers cut the connection when they have answered: HTTP tells its lengths itself.
local tls = { ca = arg[2], alpn = { "http/1.1" }, allow_truncation = true }

local function fetch()
  local ch <close> = await(lio.open_connection(("%s:%s"):format(host, port ~= "" and port or 443),
    { tls = tls }))
  await(ch:write(("GET %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n"):format(
    path ~= "" and path or "/", host)))
  local status = await(ch:read_line()) or "no answer"
  for line in ch:lines() do
    if line == "" then break end -- the head ends
  end
  local stream = assert(ch:tls())
  await(lio.eprintl(("%s, %s; certificate until %s"):format(stream:version(), stream:cipher(),
    os.date("!%Y-%m-%d", stream:peer_certificate().not_after))))
  return status, await(ch:read())
end

local ok, status, body = pcall(fetch)
if not ok then
  io.stderr:write(tostring(status), "\n") -- "handshake: certificate has expired on …"
  os.exit(1, true)
end
await(lio.eprintl(status))
await(lio.print(body))
