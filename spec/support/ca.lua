-- A certification authority of a spec's own, made with the `openssl` command in a folder of its own:
--
--   local ca = require "spec.support.ca".make()
--   local a = ca:issue { name = "server", san = "DNS:localhost" }   --> { cert = path, key = path }
--   ca.pem       the root's certificate
--   ca:remove()  takes all of it away
--
-- Starting programs takes most of the time of these specs: a shell runs several at once.

local core = require "spec.support.core"
local shell = require "spec.support.shell"

local CONFIG = [[
[ca]
default_ca = d
[d]
database = index.txt
new_certs_dir = .
rand_serial = yes
default_md = sha256
policy = p
unique_subject = no
default_crl_days = 30
[p]
commonName = supplied
[req]
distinguished_name = dn
prompt = no
[dn]
CN = nobody
[root]
basicConstraints = critical, CA:true
keyUsage = critical, keyCertSign, cRLSign, digitalSignature
subjectKeyIdentifier = hash
]]

local CA = {}
CA.__index = CA

-- Runs shell commands, each after the one before it has succeeded. What they say is the error when one fails.
local function run(...)
  local command = table.concat({ ... }, " && ")
  local result = shell.run(command)
  if result.code ~= 0 then error(command .. "\n" .. result.err, 2) end
  return result.out
end

-- Runs openssl in the folder, once for each text of arguments.
function CA:openssl(...)
  local commands = { ("cd '%s'"):format(self.dir) }
  for _, arguments in ipairs { ... } do commands[#commands + 1] = "openssl " .. arguments end
  return run(table.unpack(commands))
end

function CA:path(name) return self.dir .. "/" .. name end
function CA:read(name) return shell.read(self:path(name)) end

-- `long`: one that lwt.ssl uses on the pool. To make a really long one takes seconds.
local RSA = { rsa1024 = 1024, rsa = 2048, long = core.count(2056, 4096) }

local function new_key(name, kind)
  local how = kind and ("rsa:%d"):format(RSA[kind]) or "ec -pkeyopt ec_paramgen_curve:P-256"
  return ("-newkey %s -nodes -keyout %s.key"):format(how, name)
end

local function day(offset)
  return os.date("!%Y%m%d%H%M%SZ", os.time() + offset * 86400)
end

-- Key and certificate by one program, which keeps no record of what it has issued, for the responder.
local function at_once(o, by, ext)
  local command = { ("req -x509 -config ca.cnf -CA %s.pem -CAkey %s.key %s -subj '/CN=%s' -days 30 -out %s.pem"):format(
    by, by, new_key(o.name, o.kind), o.cn or o.name, o.name) }
  for line in table.concat(ext, "\n"):gmatch "[^\n]+" do command[#command + 1] = ("-addext '%s'"):format(line) end
  return table.concat(command, " ")
end

local modern = shell.run("openssl version").out:match "^OpenSSL [3-9]" ~= nil -- has `req -CA`

-- A certificate: name, cn (the name), san, by (issuer's name: the root), kind (of an RSA key), from and
-- to (days from now), ext (more lines of extensions), ca (true: may issue others), known (true: to the
-- responder).
function CA:issue(o)
  local name, by = o.name, o.by or "ca"
  local ext = { "subjectKeyIdentifier = hash", "authorityKeyIdentifier = keyid" }
  ext[#ext + 1] = o.ca and "basicConstraints = critical, CA:true" or "basicConstraints = CA:false"
  if o.san then ext[#ext + 1] = "subjectAltName = " .. o.san end
  ext[#ext + 1] = o.ext
  local identity = { cert = self:path(name .. ".pem"), key = self:path(name .. ".key") }
  if modern and not o.from and not o.known then
    self:openssl(at_once(o, by, ext))
    return identity
  end
  shell.write(self:path(name .. ".ext"), "[e]\n" .. table.concat(ext, "\n") .. "\n")
  self:openssl(
    ("req -new -config ca.cnf %s -subj '/CN=%s' -out %s.csr"):format(new_key(name, o.kind), o.cn or name, name),
    ("ca -batch -config ca.cnf -cert %s.pem -keyfile %s.key -in %s.csr -out %s.pem "
    .. "-notext -extfile %s.ext -extensions e -startdate %s -enddate %s"):format(by, by, name, name,
      name, day(o.from or -1), day(o.to or 30)))
  return identity
end

-- One that has signed itself.
function CA:self_signed(name, san)
  self:openssl(("req -x509 -config ca.cnf %s -subj '/CN=%s' -days 30 -out %s.pem "
    .. "-addext 'subjectAltName=%s'"):format(new_key(name), name, name, san))
  return { cert = self:path(name .. ".pem"), key = self:path(name .. ".key") }
end

-- Revoke one, or none; gives the path of the list of revocations of an issuer (the root).
function CA:crl(revoked, by)
  by = by or "ca"
  local name = by == "ca" and "crl.pem" or by .. ".crl.pem"
  local as = ("ca -config ca.cnf -cert %s.pem -keyfile %s.key "):format(by, by)
  local list = as .. "-gencrl -out " .. name
  if revoked then
    self:openssl(as .. ("-revoke %s.pem"):format(revoked), list)
  else
    self:openssl(list)
  end
  return self:path(name)
end

-- What the responder says about a certificate, as DER: good, or revoked when crl() has done that.
function CA:ocsp(name, days)
  self:openssl(("ocsp -index index.txt -rsigner ca.pem -rkey ca.key -CA ca.pem -issuer ca.pem "
    .. "-cert %s.pem -respout %s.ocsp -ndays %d"):format(name, name, days or 1))
  return self:path(name .. ".ocsp")
end

function CA:remove() shell.remove_dir(self.dir) end

local M = {}

function M.make()
  local dir = run("mktemp -d"):gsub("\n$", "")
  local ca = setmetatable({ dir = dir, pem = dir .. "/ca.pem" }, CA)
  shell.write(dir .. "/ca.cnf", CONFIG)
  shell.write(dir .. "/index.txt", "")
  ca:openssl(("req -x509 -config ca.cnf -extensions root %s -subj '/CN=Root of the spec' "
    .. "-days 300 -out ca.pem"):format(new_key "ca"))
  return ca
end

return M
