-- tls_echo: a server over TLS that gets new certificates while it runs.
--
-- Shows: establish_server with `tls`; SIGHUP reads the certificates again, for those who connect from
-- then on; bad ones are reported, and the old ones stay.
--
--   lwt examples/tls_echo.lua CERT KEY [ADDRESS]      ADDRESS: 127.0.0.1:7443 unless given
--   in another terminal: openssl s_client -quiet -connect 127.0.0.1:7443

local lwt = require "lwt"
local lio = require "lwt.io"
local signal = require "lwt.signal"
local await = lwt.await

local certificates = { cert = arg[1], key = arg[2] }

local function echo(ch)
  for line in ch:lines() do await(ch:write_line(line)) end
end

local server = await(lio.establish_server(arg[3] or "127.0.0.1:7443", echo, { tls = certificates }))

lwt.spawn(function()
  for _ in signal.stream "HUP" do
    local ok, err = pcall(server.set_tls, server, certificates)
    await(lio.printl(ok and "certificates read again"
      or "kept the old certificates: " .. tostring(err)))
  end
end)

await(lio.printl("listening on " .. server:address()))

-- Nothing more to do here until Ctrl-C, which is raised at this await.
await(lwt.finalize((lwt.task()), function()
  return server:shutdown(1)
end))
