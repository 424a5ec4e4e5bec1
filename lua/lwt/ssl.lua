--- TLS over any stream: sockets, channels, another TLS stream.
---
--- Safe as it is: a client verifies the chain, the dates and the name of the server's certificate; TLS
--- 1.2 and 1.3; no compression, no renegotiation. With `lwt.io` nothing more is needed than the option
--- `tls`: `lio.open_connection("example.org:443", { tls = true })`; this module is what it is made of.
---
--- What the peer or its certificate does wrong rejects with an error object, `{code=, message=, op=,
--- reason=}`: `SSL_CERT_EXPIRED`, `SSL_CERT_NOT_YET_VALID`, `SSL_CERT_NAME`, `SSL_CERT_SELF_SIGNED`,
--- `SSL_CERT_UNKNOWN_ISSUER`, `SSL_CERT_REVOKED`, `SSL_CERT_WEAK`, `SSL_CERT_PURPOSE`,
--- `SSL_CERT_CONSTRAINT`, `SSL_CERT_MISSING`, `SSL_CERT_INVALID` (anything else that is wrong with a
--- certificate), `SSL_OCSP`, `SSL_ALPN`, `SSL_ALERT` (the peer refuses; `alert` is the number),
--- `SSL_PROTOCOL`, `SSL_EOF` (cut without a goodbye); a handshake that takes too long with
--- `lwt.Timeout`. `reason` has OpenSSL's own words.

local args = require "lwt.internal.args"
local core = require "lwt.ssl.core"
local context = require "lwt.ssl.contexts"
local handshake = require "lwt.ssl.handshake"
local transport = require "lwt.ssl.transport"

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
---@field close fun(s: lwt.ssl.Stream): lwt.Promise<nil> says goodbye, waits for nobody (a second at most for the transport, and another where the peer is still sending: what it sends is dropped, so that no reset takes the last answer from it), closes what is below; also `<close>`
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
  if type(result) == "string" then
    error(("bad argument #%d to '%s' (%s)"):format(n, name, result), 3)
  end
  error(result, 0)
end

--- Makes a context. Options of both roles:
---
--- - `role`: `"client"` (default) or `"server"`.
--- - `cert`, `key`: PEM text (with `-----BEGIN`) or a file's name; `cert` may be followed by its chain,
---   in the same file or as a list; without `key` it is in the same file. As many keys as certificates
---   are pairs: an RSA and an ECDSA one, say. Files are read now, and not into Lua strings, which
---   cannot be wiped from memory. `password`: a string or a function that gives it, for an encrypted
---   key.
--- - `ca`: whom to trust: PEM text, a file, a folder as `openssl rehash` makes it, or a list of these.
---   A client's default is the system's: `SSL_CERT_FILE` and `SSL_CERT_DIR` if they are set, else
---   OpenSSL's place, else the usual ones of the system. `partial_chain = true`: what is in `ca` is
---   trusted also when it is no root.
--- - `crl`: lists of revoked certificates (PEM text, file, list): no certificate of the peer's chain may
---   be on one, and there has to be one of each of their issuers.
--- - `verify`: of a client, `false` takes any certificate, in so many words. Of a server: `"require"`
---   (or true) or `"optional"`: clients show a certificate of one of `ca`.
--- - `min_version`, `max_version`: `"TLSv1.2"` (default least), `"TLSv1.3"`. `ciphers`, `curves`: lists
---   in OpenSSL's form (TLS 1.3 suites begin with `TLS_`).
--- - `alpn`: list of protocols, the best first; a server that has none in common refuses (`SSL_ALPN`).
--- - `keylog`: a file to append to, or a function that gets each line, for Wireshark. **Who has that
---   can read everything.**
---
--- Of servers: `sni`, a function that is given the name the client wants (nil for none) and gives a
--- context (nil for this one; it may wait), or a table of contexts by name (`"*.example.org"` too);
--- `session_tickets = false`: nothing can be resumed; `ocsp`: the response to staple (DER, or a file).
--- Of clients: `ocsp = true` looks at a stapled response, `"require"` insists on one.
---
--- Raises for a bad option, and an error object for a file that cannot be read (`ENOENT` …, with
--- `path`), a key that is none or needs a password (`SSL_KEY`), is not the certificate's
--- (`SSL_KEY_MISMATCH`), or is too short (`SSL_CERT_WEAK`).
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

local function is_stream(x)
  return transport.of(x) ~= nil
end

local function host_of(addr)
  local parsed = require "lwt.net".parse_address(addr)
  return parsed.host
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

--- Connects to an address (see `lwt.net`), or begins TLS as the client on a stream: a socket, a
--- channel, another TLS stream, anything with `read` and `write` that give promises or wait. Gives the
--- stream after the handshake. When that fails, a stream that was given stays open (but what was sent
--- on it was sent), and a connection made here is closed; cancelling does the same.
---
--- `opts` are those of `ssl.context`, or `context =` one; and `name`: whom the certificate has to be
--- of, a host's name or an IP address (default: the host connected to; none at all and no `verify =
--- false` is an error); `session`: of an earlier connection, to resume it; `timeout`: seconds that the
--- handshake may take (10); `allow_truncation = true`: a connection that is cut is at its end, where
--- others fail with `SSL_EOF` (for HTTP, which tells its lengths itself).
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
  if is_stream(where) then
    local plan = checked(2, "connect", handshake.client_plan, opts)
    return handshake.start(where, plan)
  end
  if type(where) ~= "string" and type(where) ~= "table" then
    args.wrong(1, "connect", "address or stream", where)
  end
  local host = checked(1, "connect", host_of, where)
  local plan = checked(2, "connect", handshake.client_plan, opts, host)
  return dial(where, plan)
end

--- Begins TLS as the server on a stream that a client is at the other end of: as `connect`, with a
--- context for servers (or its options, and `timeout`, `allow_truncation`). Do it in the task that
--- serves the client, not where others are accepted: a client that says nothing is dropped after
--- `timeout` seconds (10). What takes an RSA key of more than 2048 bits long is done on the pool.
---@param stream lwt.Socket|lwt.Channel|lwt.ssl.Stream
---@param opts table|lwt.ssl.Context
---@return lwt.Promise<lwt.ssl.Stream>
---```lua
---await(require "lwt.process".exec { "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "server.key",
--- "-out", "server.pem", "-subj", "/CN=try", "-addext", "subjectAltName=DNS:localhost" })
---local server = ssl.context { role = "server", cert = "server.pem", key = "server.key" }
---local a, b = require "lwt.net".socketpair()
---local accepting = ssl.accept(a, server)
---local client = await(ssl.connect(b, { ca = "server.pem", name = "localhost" }))
---local served = await(accepting)
---await(client:write("hello"))
---print(await(served:read()), served:version())   --> hello TLSv1.3
---```
function M.accept(stream, opts)
  if not is_stream(stream) then args.wrong(1, "accept", "stream", stream) end
  local plan = checked(2, "accept", handshake.server_plan, opts)
  return handshake.start(stream, plan)
end

return M
