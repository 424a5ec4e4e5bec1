-- Internal: what TLS streams tell of their connections.

local args = require "lwt.internal.args"

local M = {}

-- Asked of the part in C, under the same name or another.
local ASKED = {
  peer_certificate = "certificate", verify_result = "checked", alpn = "alpn", version = "version",
  cipher = "cipher", sni = "sni", session = "session", is_reused = "is_reused",
  is_stapled = "is_stapled",
}

-- Gives streams these methods; `check(s, name)` raises where s is no stream.
function M.show(Stream, check)
  for name, asked in pairs(ASKED) do
    Stream[name] = function(s)
      check(s, name)
      local conn = s.conn
      local told = s.gone and { false } or table.pack(pcall(conn[asked], conn))
      if told[1] then return table.unpack(told, 2, told.n) end
      if s.gone then error(("'%s' on a closed TLS stream"):format(name), 2) end
      error(told[2], 0)
    end
  end

  function Stream.export_keying_material(s, label, n, about)
    check(s, "export_keying_material")
    if s.gone then error("'export_keying_material' on a closed TLS stream", 2) end
    local ok, key = pcall(s.conn.export, s.conn, label, n, about)
    if not ok then args.pass_on(key, "export_keying_material") end
    return key
  end
end

return M
