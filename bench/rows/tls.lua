-- Servers that speak TLS: a figure each, of the server's processor time (bench/c/tls_load.c).

local MANY = 64 << 20 -- bytes of one transfer

local function tls(mode, connections, bytes, kinds)
  local serves = (mode == "echo" or mode == "sink" or mode == "source") and mode or "echo"
  local runs = {}
  for _, kind in ipairs(kinds) do
    for _, run in ipairs {
      { "lwt", "{lua} bench/lwt/serve_tls.lua" }, { "libuv", "{bin}/tls_serve" },
      { "node", "node bench/node/serve_tls.mjs" }, { "luasec", "{lua} bench/lua/serve_luasec.lua" },
      { "uvloop", "{python} bench/py/serve_tls.py" },
    } do
      local part = #kinds > 1 and "@" .. kind or ""
      runs[#runs + 1] = { run[1], ("{bin}/tls_load -t {seconds} {row}:%s%s %s %s %d -- %s %s {bin}/tls/%s.pem %d")
        :format(run[1], part, mode, connections, bytes, run[2], serves, kind, bytes) }
    end
  end
  return runs
end
-- The same with `await` in place of the direct view.
local function with_await(runs)
  for i, words in ipairs(runs) do
    if words[1] == "lwt" then
      local command = words[2]:gsub("serve_tls.lua echo ", "serve_tls.lua echo_await "):gsub(":lwt", ":lwt_await", 1)
      table.insert(runs, i + 1, { "lwt", command })
      return runs
    end
  end
end
local ahead = { { "lwt", ">=", 1, "node" }, { "lwt", ">=", 1, "luasec" }, { "lwt", ">=", 1, "uvloop" } }
local function bars(factor) return { { "lwt", ">=", factor, "libuv" }, table.unpack(ahead) } end

return {
  name = "tls", title = "TLS",
  {
    name = "tls_echo", requires = "openssl", title = "TLS echo", servers = true, cpus = "0,1",
    per = "message of 1 KiB, sent back; 50 connections; per second of the server's processor time",
    runs = with_await(tls("echo", "50", 1024, { "ecdsa" })), bars = bars(0.85),
  },
  {
    name = "tls_receive", requires = "openssl", title = "TLS, received", servers = true, cpus = "0,1",
    per = "byte of 64 MiB that a client sends; per second of the server's processor time",
    runs = tls("sink", "1", MANY, { "ecdsa" }), bars = bars(0.9),
  },
  {
    name = "tls_send", requires = "openssl", title = "TLS, sent", servers = true, cpus = "0,1", times = 2,
    per = "byte of 64 MiB that a client receives; per second of the server's processor time",
    runs = tls("source", "1", MANY, { "ecdsa" }), bars = bars(0.9),
  },
  {
    name = "tls_handshake", requires = "openssl", title = "TLS handshakes", servers = true, cpus = "0,1",
    per = "connection: handshake, a byte each way, the end; per second of the server's processor time",
    runs = tls("handshake", "1", 0, { "ecdsa", "rsa" }), bars = ahead,
  },
  {
    name = "tls_resumed", requires = "openssl", title = "TLS handshakes, resumed", servers = true, cpus = "0,1",
    times = 2,
    per = "connection with the session of the one before; per second of the server's processor time",
    runs = tls("resumed", "1", 0, { "ecdsa", "rsa" }), bars = ahead,
  },
  {
    name = "tls_idle", requires = "openssl", title = "TLS, idle connection", of = "bytes", unit = "bytes", cpus = "0,1",
    per = "connection that has had one answer (resident)", size = "800", quick = "100", rounds = 2,
    runs = tls("idle", "{size}", 0, { "ecdsa" }),
    bars = { { "lwt", "<=", 3072, "libuv", more = true, unit = "bytes" } },
  },
}
