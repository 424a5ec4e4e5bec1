--- TLS over any stream: a socket, a channel, another TLS stream.
---
--- A program that uses channels needs only the options `tls` of `lio.open_connection` and `lio.establish_server`,
--- and `ch:upgrade`. They are made of the functions here, which give streams, and take the same options.
---
--- ```lua norun
--- local lio, ssl = require "lwt.io", require "lwt.ssl"
--- local ch = await(lio.open_connection("example.org:443", { tls = true }))
--- local stream = await(ssl.connect("example.org:443", { alpn = { "h2", "http/1.1" } }))
--- print(stream:alpn(), stream:peer_certificate().subject)
--- ```
---
--- The defaults are the safe ones. A client verifies the chain of the server's certificate, its dates and its name.
--- The versions are TLS 1.2 and 1.3. There is neither compression nor renegotiation.
---
--- A failure is an error object, `{code=, message=, op=, reason=}`, where `reason` is OpenSSL's own text. The codes are:
---
--- | code | what has happened |
--- |---|---|
--- | `SSL_CERT_EXPIRED`, `SSL_CERT_NOT_YET_VALID` | the certificate is not valid today |
--- | `SSL_CERT_NAME` | it is for another name |
--- | `SSL_CERT_SELF_SIGNED`, `SSL_CERT_UNKNOWN_ISSUER` | nobody who is trusted has signed it |
--- | `SSL_CERT_REVOKED`, `SSL_OCSP` | it is revoked; the OCSP response is missing or wrong |
--- | `SSL_CERT_WEAK`, `SSL_CERT_PURPOSE`, `SSL_CERT_CONSTRAINT` | its key is too short, or it may not be used for this |
--- | `SSL_CERT_MISSING`, `SSL_CERT_INVALID` | there is none; anything else is wrong with it |
--- | `SSL_ALPN` | the two sides have no protocol in common |
--- | `SSL_ALERT` | the other side refuses; `alert` is the number of its reason |
--- | `SSL_PROTOCOL` | what the other side sends is not TLS |
--- | `SSL_EOF` | the connection ended without `close_notify` |
---
--- What a certificate has that a terminal would obey or not show (control characters, also those of C1, what changes the direction
--- of writing, zero bytes, what is no UTF-8) is in messages as `\x9b`; `peer_certificate().cn` and `.names` have the bytes.
---
--- A handshake that takes too long is rejected with `lwt.Timeout`.

local args = require "lwt.internal.args"
local core = require "lwt.ssl.core"
local lazy = require "lwt.internal.lazy"
local context = lazy "lwt.ssl.contexts"
local handshake = lazy "lwt.ssl.handshake"
local transport = lazy "lwt.ssl.transport"

local M = {}

--- What OpenSSL says it is: `"OpenSSL 3.0.15 3 Sep 2024"`.
---@type string
M.library = core.library

--- A context: certificates, keys, whom to trust. Made by `ssl.context`; fixed; for any number of
--- connections.
---@class lwt.ssl.Context
---@field role "client"|"server"

--- What a client keeps of a connection, to resume it: see `session`.
---@class lwt.ssl.Session

--- A TLS stream: what a socket of `lwt.net` has, and what is known of the other end. Two tasks may read
--- and write at once.
---@class lwt.ssl.Stream
---@field read fun(s: lwt.ssl.Stream, n?: integer): lwt.Promise<string?> at most `n` bytes (65536), nil at the end; several wait in order; cancelling loses nothing; `SSL_EOF`: no goodbye
---@field write fun(s: lwt.ssl.Stream, data: string|lwt.Bytes|table): lwt.Promise<nil> whole, in the calls' order; fulfilled when the transport has it; withdrawn when cancelled before its turn
---@field writev fun(s: lwt.ssl.Stream, list: table): lwt.Promise<nil> as `write`, for a list
---@field shutdown fun(s: lwt.ssl.Stream): lwt.Promise<nil> says, after everything that was written, that no more will come (close_notify); reading goes on
---@field close fun(s: lwt.ssl.Stream): lwt.Promise<nil> says goodbye, unless a write still waits (a second at most; another where the other side still sends), closes what is below; also `<close>`
---@field is_closed fun(s: lwt.ssl.Stream): boolean
---@field peer_certificate fun(s: lwt.ssl.Stream): table|nil `{subject=, issuer=, cn=, names=, not_before=, not_after=, serial=, sha256=, key_type=, key_bits=, pem=}`; dates as `os.time` has them
---@field verify_result fun(s: lwt.ssl.Stream): boolean, any whether the peer's certificate is good, and if not, the error
---@field alpn fun(s: lwt.ssl.Stream): string|nil the protocol that both agreed on
---@field version fun(s: lwt.ssl.Stream): string `"TLSv1.3"` or `"TLSv1.2"`
---@field cipher fun(s: lwt.ssl.Stream): string OpenSSL's name of the cipher suite
---@field sni fun(s: lwt.ssl.Stream): string|nil the name that the client asked for
---@field session fun(s: lwt.ssl.Stream): lwt.ssl.Session|nil the newest that the server has given, for the option `session`; in TLS 1.3 it comes with the first data
---@field is_reused fun(s: lwt.ssl.Stream): boolean whether the session was resumed
---@field is_stapled fun(s: lwt.ssl.Stream): boolean whether the server has shown a good OCSP response
---@field export_keying_material fun(s: lwt.ssl.Stream, label: string, n: integer, context?: string): string `n` bytes that both ends compute alike (RFC 5705)
---@field getpeername fun(s: lwt.ssl.Stream): string of the socket below, as the next four
---@field getsockname fun(s: lwt.ssl.Stream): string
---@field nodelay fun(s: lwt.ssl.Stream, on: boolean)
---@field keepalive fun(s: lwt.ssl.Stream, seconds: integer|false|nil)
---@field fileno fun(s: lwt.ssl.Stream): integer

-- Raises what is wrong with option table `n` of function `name` at the caller's caller's line.
local function checked(n, name, f, ...)
  local ok, result = pcall(f, ...)
  if ok then return result end
  if type(result) == "string" then args.bad(n, name, result, 1) end
  error(result, 0)
end

--- Makes a context: the certificates, keys and rules of any number of connections. Options of both roles:
---
--- - `role`: `"client"` (the default) or `"server"`.
--- - `cert`, `key`: our certificate and its private key, as PEM text (with `-----BEGIN`) or the name of a file. The certificate may be followed by
---   its chain, in the same file or as a list. Without `key` the key is in the file of the certificate. As many keys as certificates are pairs: an RSA
---   and an ECDSA one, say. Files are read at once, and not into Lua strings, which cannot be wiped from memory.
--- - `password`: of an encrypted key; a string, or a function that gives it.
--- - `ca`: the certificates to trust: PEM text, a file, a folder as `openssl rehash` makes it, or a list of these. The default of a client is the
---   system's: `SSL_CERT_FILE` and `SSL_CERT_DIR` if they are set, else OpenSSL's place, else the usual places of the system.
--- - `partial_chain = true`: a certificate in `ca` is trusted even when it is not a root.
--- - `crl`: lists of revoked certificates (PEM text, a file, or a list). No certificate of the other side's chain may be on one of them, and there
---   must be a list of each of their issuers.
--- - `verify`: for a client, `false` accepts any certificate. For a server, `"require"` (or true) and `"optional"` say that clients show a certificate
---   that one of `ca` has signed.
--- - `min_version`, `max_version`: `"TLSv1.2"` (the least, by default) or `"TLSv1.3"`.
--- - `ciphers`, `curves`: lists in OpenSSL's form (suites of TLS 1.3 begin with `TLS_`).
--- - `alpn`: a list of protocols, the best first. A server that has none in common with the client refuses (`SSL_ALPN`).
--- - `keylog`: a file to append the keys to, or a function that is given each line, for Wireshark. **Anybody who has these keys can read everything.**
---   Of a server with `sni`, that of the context which is chosen counts.
---
--- Options of servers:
---
--- - `sni`: a table of contexts by name (`"*.example.org"` too), or a function that is given the name that the client asks for (nil for none) and gives a
---   context (nil for this one). It may await. When it fails, so does the handshake, on both sides.
--- - `session_tickets = false`: no session can be resumed. Otherwise each connection gives the client one ticket, a resumed
---   one as well.
--- - `ocsp`: the response to staple, as DER or the name of a file. Whether it is a good one is not looked at.
---
--- Option of clients: `ocsp = true` checks a stapled response if there is one, `"require"` insists on one.
---
--- Raises for a bad option. Raises an error object for a file that cannot be read (`ENOENT` …, with `path`), for a key that is not a key or needs a
--- password (`SSL_KEY`), that does not belong to the certificate (`SSL_KEY_MISMATCH`), or that is too short (`SSL_CERT_WEAK`), and where no
--- certificate (`SSL_CERT_INVALID`) or no response (`SSL_OCSP`) is found.
---@param opts table
---@return lwt.ssl.Context
---```lua
---local ok, err = pcall(ssl.context, { role = "server", cert = "no such file" })
---print(ok, err.code, err.path)   --> false ENOENT no such file
---print(ssl.context { verify = false }.role)   --> client
---```
function M.context(opts)
  local made = checked(1, "context", context.make, opts) -- not a tail call: it looks at its caller
  return made
end

local function host_of(addr)
  local ok, parsed = pcall(require "lwt.net".parse_address, addr)
  if ok then return parsed.host end
  error(parsed:match "^bad argument #1 to '[^']*' %((.*)%)$" or parsed, 0)
end

-- Connect a socket, then do the handshake on it; the socket is closed when that fails.
local function dial(addr, plan)
  local net = require "lwt.net"
  local unix = type(addr) == "string" and addr:sub(1, 5) == "unix:" or
    type(addr) == "table" and addr.path ~= nil
  return (unix and net.pipe_connect or net.tcp_connect)(addr):bind(function(sock)
    return handshake.start_on(sock, plan)
  end)
end

--- Begins TLS as the client: on a new connection to an address (see `lwt.net`), or on a stream. A stream is a socket, a channel, another TLS stream, or
--- anything with functions `read` (at most so many bytes, nil at the end) and `write` that give promises or wait. Gives the TLS stream after the handshake.
---
--- When the handshake fails or is cancelled, a stream that was given stays open (but what was sent on it was sent), and a connection that was made here
--- is closed.
---
--- `opts` are those of `ssl.context`, or one of them is `context`, and these:
---
--- - `name`: the name that the certificate must have, a host or an IP address. The default is the host that was connected to. Where there is none,
---   leaving it out is an error, unless `verify = false` is given.
--- - `session`: of an earlier connection, to resume it: without looking at the server's certificate again. So it is used only where `name`,
---   `verify`, `ca`, `crl`, `partial_chain`, `ocsp` and `cert` are what they were (of files what was read from them, of a folder its name);
---   otherwise the handshake is a full one, as it is when the server does not know the session.
--- - `timeout`: how many seconds the handshake may take (10).
--- - `allow_truncation = true`: a connection that is cut is at its end. Others are rejected with `SSL_EOF`. It is for HTTP, which sends lengths itself.
---   What is written afterwards goes out, as after the peer's `close_notify`, and fails with the socket's own error where the peer has gone.
---@param where string|table|lwt.Socket|lwt.Channel|lwt.ssl.Stream
---@param opts table|lwt.ssl.Context|nil
---@return lwt.Promise<lwt.ssl.Stream>
---```lua
---local a, b = require "lwt.net".socketpair()
---b:write("not TLS at all\n")
---local ok, err = pcall(await, ssl.connect(a, { verify = false }))
---print(ok, err.code)   --> false SSL_PROTOCOL
---```
function M.connect(where, opts)
  opts = opts == nil and {} or opts
  local kind, below = transport.of(where)
  if kind then
    local plan = checked(2, "connect", handshake.client_plan, opts)
    return handshake.start(plan, kind, below)
  end
  if type(where) ~= "string" and type(where) ~= "table" then
    args.wrong(1, "connect", "address or stream", where)
  end
  local host = checked(1, "connect", host_of, where)
  local plan = checked(2, "connect", handshake.client_plan, opts, host)
  return dial(where, plan)
end

--- Begins TLS as the server, on a stream with a client at the other end. The options are those of `connect`, with a context for servers: `cert` and `key`
--- or `context`, `timeout`, `allow_truncation`. Call it in the task that serves the client, and not in the loop that accepts: a client that sends nothing
--- takes `timeout` seconds (10) to be dropped. Signing with an RSA key of more than 2048 bits is done on the threadpool.
---@param stream lwt.Socket|lwt.Channel|lwt.ssl.Stream
---@param opts table|lwt.ssl.Context
---@return lwt.Promise<lwt.ssl.Stream>
---```lua
---await(require "lwt.process".exec({ "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "server.key",
--- "-out", "server.pem", "-subj", "/CN=try", "-addext", "subjectAltName=DNS:localhost" }, { stderr = "null" }))
---local server = ssl.context { role = "server", cert = "server.pem", key = "server.key" }
---local a, b = require "lwt.net".socketpair()
---local accepting = ssl.accept(a, server)
---local client = await(ssl.connect(b, { ca = "server.pem", name = "localhost" }))
---local served = await(accepting)
---await(client:write("hello"))
---print(await(served:read()), served:version())   --> hello TLSv1.3
---```
function M.accept(stream, opts)
  local kind, below = transport.of(stream)
  if not kind then args.wrong(1, "accept", "stream", stream) end
  local plan = checked(2, "accept", handshake.server_plan, opts)
  return handshake.start(plan, kind, below)
end

return M
