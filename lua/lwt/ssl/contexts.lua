-- Internal: contexts of lwt.ssl: the options, checked, and told to the part in C. A context does not
-- change once it is made. What is wrong with the options is raised as text without a position (the
-- public functions say whose argument it is); what is wrong with a file, as an error object.

local unview = require "lwt.core".unview
local core = require "lwt.ssl.core"

local M = {}

local Context = { __name = "lwt.ssl.context" }
Context.__index = Context
M.metatable = Context

function Context.__tostring(c) return ("lwt.ssl.context (%s): %p"):format(c.role, c) end

function M.is(x) return getmetatable(x) == Context end

local VERSIONS = { ["TLSv1"] = 1, ["TLSv1.1"] = 2, ["TLSv1.2"] = 3, ["TLSv1.3"] = 4 }

-- Option -> the types that it may have.
local OPTIONS = {
  role = "string", cert = "string table", key = "string table", password = "string function",
  ca = "string table", crl = "string table", partial_chain = "boolean",
  verify = "boolean string", min_version = "string", max_version = "string",
  ciphers = "string", curves = "string", alpn = "table", sni = "function table",
  session_tickets = "boolean", ocsp = "boolean string", keylog = "string function",
}

function M.knows(option) return OPTIONS[option] ~= nil end

local function fail(...) error((...):format(select(2, ...)), 0) end

-- What ends at a zero byte for OpenSSL and the system: behind one there would be something else than
-- what is used.
local PLAIN = {
  cert = true, key = true, ca = true, crl = true, ciphers = true, curves = true, keylog = true,
}

local function check_plain(key, value)
  if PLAIN[key] and type(value) == "string" and value:find("\0", 1, true) then
    fail("option '%s': there is a zero byte in it", key)
  end
end

local function check(opts)
  if type(opts) ~= "table" then fail("table expected, got %s", type(opts)) end
  for key, value in pairs(opts) do
    local types = OPTIONS[key]
    if not types then fail("unknown option '%s'", tostring(key)) end
    if not (" " .. types .. " "):find(" " .. type(value) .. " ", 1, true) then
      fail("option '%s': %s expected, got %s", key, types:gsub(" ", " or "), type(value))
    end
    check_plain(key, value)
  end
  for _, key in ipairs { "min_version", "max_version" } do
    if opts[key] and not VERSIONS[opts[key]] then
      fail("option '%s': no version of TLS: '%s' (\"TLSv1.2\", \"TLSv1.3\")", key, opts[key])
    end
  end
  if VERSIONS[opts.min_version or "TLSv1.2"] > VERSIONS[opts.max_version or "TLSv1.3"] then
    fail("options 'min_version' and 'max_version': no version of TLS is between them")
  end
  local role = opts.role
  if role and role ~= "client" and role ~= "server" then
    fail("option 'role': \"client\" or \"server\" expected, got '%s'", role)
  end
end

-- A string, or a list of them.
local function list_of(opts, key)
  local value = opts[key]
  if value == nil then return {} end
  if type(value) == "string" then return { value } end
  for i = 1, #value do
    if type(value[i]) ~= "string" then
      fail("option '%s': string expected in the list, got %s", key, type(value[i]))
    end
    check_plain(key, value[i])
  end
  if #value == 0 then fail("option '%s': the list is empty", key) end
  return value
end

-- ---- Certificates and keys ----------------------------------------------------------------

-- As many keys as certificates: pairs. One key: the first is its certificate, the others its chain.
local function set_identity(raw, opts)
  local certs, keys = list_of(opts, "cert"), list_of(opts, "key")
  if #certs == 0 then
    if #keys > 0 then fail("option 'key': a key without 'cert'") end
    return
  end
  if #keys == 0 then keys = { certs[1] } end -- both in one file
  local password = opts.password
  if type(password) == "string" then
    local word = password
    password = function() return word end
  end
  if #keys == 1 then
    raw:identity(certs[1], keys[1], password)
    for i = 2, #certs do raw:more_chain(certs[i]) end
    return
  end
  if #keys ~= #certs then fail("option 'key': %d keys for %d certificates", #keys, #certs) end
  for i = 1, #certs do raw:identity(certs[i], keys[i], password) end
end

-- ---- Whom to trust --------------------------------------------------------------------------

-- Where systems keep their certificates, besides the places that OpenSSL was built with.
local BUNDLES = {
  "/etc/ssl/certs/ca-certificates.crt",               -- Debian, Alpine
  "/etc/pki/tls/certs/ca-bundle.crt",                 -- RHEL, Fedora
  "/etc/ssl/ca-bundle.pem",                           -- SUSE
  "/etc/ssl/cert.pem",                                -- BSD, macOS
  "/usr/local/share/certs/ca-root-nss.crt",           -- FreeBSD
  "/opt/homebrew/etc/ca-certificates/cert.pem",
}

local function is_there(path)
  local file = io.open(path)
  if file then file:close() end
  return file ~= nil
end

-- What is trusted unless `ca` says otherwise: the variables' places, else OpenSSL's own, else
-- where systems are known to keep them.
local function system_certificates()
  local file, folder, file_variable, folder_variable = core.defaults()
  local file_given, folders_given = os.getenv(file_variable), os.getenv(folder_variable)
  if file_given == "" then file_given = nil end
  if folders_given == "" then folders_given = nil end
  if file_given or folders_given then
    local found = {}
    if file_given then found[1] = file_given end
    for path in (folders_given or ""):gmatch("[^:]+") do found[#found + 1] = path end
    return found
  end
  -- Nothing of a hashed folder is read before a certificate is looked up, whereas a bundle takes a tenth of a second.
  if core.is_hashed(folder) then return { folder } end
  if is_there(file) then return { file } end
  for _, path in ipairs(BUNDLES) do
    if is_there(path) then return { path } end
  end
  fail("there are no system certificates: looked at %s, %s, %s; give 'ca'", folder, file,
    table.concat(BUNDLES, ", "))
end

local known -- the places, looked for once

local function set_trust(raw, opts, role)
  local given = opts.ca ~= nil
  local verifies = role == "client" and opts.verify ~= false
  if given then
    for _, source in ipairs(list_of(opts, "ca")) do raw:trust(source) end
  elseif verifies then
    known = known or system_certificates()
    for _, source in ipairs(known) do raw:trust(source) end
  end
  for _, source in ipairs(list_of(opts, "crl")) do raw:revoked(source) end
  if opts.partial_chain then raw:trust_partial() end
end

local function set_verify(raw, opts, role)
  local verify = opts.verify
  if role == "client" then
    if type(verify) == "string" then fail("option 'verify': boolean expected of a client") end
    raw:verify(verify == false and "off" or "require")
    return verify == false
  end
  if verify == true or verify == "require" then
    verify = "require"
  elseif verify == false or verify == nil then
    verify = "off"
  elseif verify ~= "optional" then
    fail("option 'verify': \"optional\" or \"require\" expected, got '%s'", verify)
  end
  if verify ~= "off" and not opts.ca then
    fail("option 'verify': whose certificates? give 'ca'")
  end
  raw:verify(verify)
end

-- ---- The rest ---------------------------------------------------------------------------------

local function set_alpn(raw, opts)
  if not opts.alpn then return end
  local wire = {}
  for _, name in ipairs(list_of(opts, "alpn")) do
    if #name == 0 or #name > 255 then
      fail("option 'alpn': a name of 1 to 255 bytes expected")
    end
    wire[#wire + 1] = string.char(#name) .. name
  end
  wire = table.concat(wire)
  if #wire > 65535 then fail("option 'alpn': too long") end
  raw:alpn(wire)
end

local function set_algorithms(raw, opts)
  raw:protocols(opts.min_version, opts.max_version)
  if opts.ciphers then
    local old, new = {}, {}
    for name in opts.ciphers:gmatch("[^:]+") do
      local list = name:match("^TLS_") and new or old
      list[#list + 1] = name
    end
    if #old + #new == 0 then fail("option 'ciphers': there is none in it") end
    for _, list in ipairs { old, new } do
      if #list > 0 and not raw:ciphers(table.concat(list, ":")) then
        fail("option 'ciphers': OpenSSL takes none of '%s'", table.concat(list, ":"))
      end
    end
  end
  if opts.curves and not raw:curves(opts.curves) then
    fail("option 'curves': OpenSSL does not take '%s'", opts.curves)
  end
end

local function set_ocsp(raw, opts, role)
  local ocsp = opts.ocsp
  if not ocsp then return end
  if role == "server" then
    if type(ocsp) ~= "string" then fail("option 'ocsp': a response (DER, or a file) expected") end
    raw:ocsp(ocsp)
  elseif ocsp == true or ocsp == "require" then
    raw:ocsp(ocsp == true and "ask" or "require")
  else
    fail("option 'ocsp': true or \"require\" expected of a client")
  end
end

-- What a server does with the name that a client wants: a function that gives a context, or a
-- table of them by name, where "*.example.org" stands for one label more.
local function chooser(sni)
  if type(sni) == "function" then return sni end
  local by_name = {}
  for name, context in pairs(sni) do
    if type(name) ~= "string" then fail("option 'sni': a name expected, got %s", type(name)) end
    context = unview(context)
    if not M.is(context) or context.role ~= "server" then
      fail("option 'sni': a server's context expected for '%s'", name)
    end
    by_name[name:lower()] = context
  end
  return function(name)
    if not name then return nil end
    name = name:lower():gsub("%.$", "")
    return by_name[name] or by_name[name:gsub("^[^.]*", "*")]
  end
end

local function set_keylog(raw, context, keylog)
  if not keylog then return end
  raw:keylog(keylog)
  if type(keylog) == "function" then context.keylog = keylog end
end

-- How a client verifies: a session that was made otherwise is not resumed. What `ca`, `crl` and `cert`
-- have brought is known to the part in C, which has read it.
local function set_rules(raw, opts)
  raw:rules(("%s %s %s"):format(opts.verify ~= false, opts.partial_chain == true,
    opts.ocsp or false))
end

-- A context of these options; `role` wins over theirs where there is none.
function M.make(opts, role)
  check(opts)
  role = opts.role or role or "client"
  local raw = core.context(role == "server")
  local context = setmetatable({ raw = raw, role = role }, Context)
  context.plan = { context = context } -- of a server's connection without options of its own (handshake.lua)
  set_algorithms(raw, opts)
  set_identity(raw, opts)
  if role == "server" and not opts.cert and not opts.sni then
    fail("a server needs a certificate: give 'cert' and 'key'")
  end
  context.unverified = set_verify(raw, opts, role)
  set_trust(raw, opts, role)
  set_alpn(raw, opts)
  set_ocsp(raw, opts, role)
  set_keylog(raw, context, opts.keylog)
  if opts.sni then
    if role == "client" then fail("option 'sni': of servers; a client says 'name'") end
    context.sni = chooser(opts.sni)
    raw:ask_name()
  end
  if role == "server" then
    raw:tickets(opts.session_tickets ~= false)
  else
    set_rules(raw, opts)
  end
  return context
end

local default

-- The context of clients without options. Made once: it is the most expensive part of a connection.
function M.default()
  default = default or M.make({}, "client")
  return default
end

return M
