-- A certification authority of a spec's own, made with the `openssl` command in a folder of its own:
--
--   local ca = require "spec.support.ca".make()
--   local a = ca:issue { name = "server", san = "DNS:localhost" }   --> { cert = path, key = path }
--   ca.pem       the root's certificate
--   ca:remove()  takes all of it away

local shell = require "spec.support.shell"

local CONFIG = [[
[ca]
default_ca = d
[d]
database = %s/index.txt
new_certs_dir = %s
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

-- Runs openssl in the folder; what it says is the error when it fails.
function CA:openssl(...)
  local command = ("cd '%s' && %sopenssl "):format(self.dir, shell.plain) .. string.format(...)
  local result = shell.run(command)
  if result.code ~= 0 then error(command .. "\n" .. result.err, 2) end
  return result.out
end

function CA:path(name) return self.dir .. "/" .. name end
function CA:read(name) return shell.read(self:path(name)) end

local KEYS = {
  ec = "-algorithm EC -pkeyopt ec_paramgen_curve:P-256",
  rsa = "-algorithm RSA -pkeyopt rsa_keygen_bits:2048",
  rsa512 = "-algorithm RSA -pkeyopt rsa_keygen_bits:512",
  rsa1024 = "-algorithm RSA -pkeyopt rsa_keygen_bits:1024",
  rsa4096 = "-algorithm RSA -pkeyopt rsa_keygen_bits:4096",
}

function CA:key(name, kind)
  self:openssl("genpkey %s -out %s.key", KEYS[kind or "ec"], name)
end

local function day(offset)
  return os.date("!%Y%m%d%H%M%SZ", os.time() + offset * 86400)
end

-- A certificate: name, cn (the name), san, by (issuer's name: the root), kind (of key), from and to
-- (days from now), ext (more lines of extensions), ca (true: may issue others), md.
function CA:issue(o)
  local name, by = o.name, o.by or "ca"
  self:key(name, o.kind)
  self:openssl("req -new -config ca.cnf -key %s.key -subj '/CN=%s' -out %s.csr", name, o.cn or name,
    name)
  local ext = { "[e]", "subjectKeyIdentifier = hash", "authorityKeyIdentifier = keyid" }
  ext[#ext + 1] = o.ca and "basicConstraints = critical, CA:true" or "basicConstraints = CA:false"
  if o.san then ext[#ext + 1] = "subjectAltName = " .. o.san end
  ext[#ext + 1] = o.ext
  shell.write(self:path(name .. ".ext"), table.concat(ext, "\n") .. "\n")
  self:openssl("ca -batch -config ca.cnf -cert %s.pem -keyfile %s.key -in %s.csr -out %s.pem "
    .. "-notext -extfile %s.ext -extensions e -startdate %s -enddate %s -md %s", by, by, name, name,
    name, day(o.from or -1), day(o.to or 30), o.md or "sha256")
  return { cert = self:path(name .. ".pem"), key = self:path(name .. ".key") }
end

-- One that has signed itself.
function CA:self_signed(name, san)
  self:key(name)
  self:openssl("req -x509 -config ca.cnf -key %s.key -subj '/CN=%s' -days 30 -out %s.pem "
    .. "-addext 'subjectAltName=%s'", name, name, name, san)
  return { cert = self:path(name .. ".pem"), key = self:path(name .. ".key") }
end

-- Revoke one, or none; gives the path of the list of revocations of an issuer (the root).
function CA:crl(revoked, by)
  by = by or "ca"
  if revoked then
    self:openssl("ca -config ca.cnf -cert %s.pem -keyfile %s.key -revoke %s.pem", by, by, revoked)
  end
  local name = by == "ca" and "crl.pem" or by .. ".crl.pem"
  self:openssl("ca -config ca.cnf -cert %s.pem -keyfile %s.key -gencrl -out %s", by, by, name)
  return self:path(name)
end

-- What the responder says about a certificate, as DER: good, or revoked when crl() has done that.
function CA:ocsp(name, days)
  self:openssl("ocsp -index index.txt -rsigner ca.pem -rkey ca.key -CA ca.pem -issuer ca.pem "
    .. "-cert %s.pem -respout %s.ocsp -ndays %d", name, name, days or 1)
  return self:path(name .. ".ocsp")
end

function CA:remove() shell.remove_dir(self.dir) end

local M = {}

function M.make()
  local dir = shell.temp_dir()
  local ca = setmetatable({ dir = dir, pem = dir .. "/ca.pem" }, CA)
  shell.write(dir .. "/ca.cnf", (CONFIG:gsub("%%s", dir)))
  shell.write(dir .. "/index.txt", "")
  ca:key "ca"
  ca:openssl("req -x509 -config ca.cnf -extensions root -key ca.key -subj '/CN=Root of the spec' "
    .. "-days 300 -out ca.pem")
  return ca
end

return M
