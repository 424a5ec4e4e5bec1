-- Bytes as hexadecimal text, in the manner of `hexdump -C`.

local M = {}

local function row(offset, bytes)
  local hex = {}
  for i = 1, #bytes do hex[i] = ("%02x"):format(bytes:byte(i)) end
  local left = table.concat(hex, " ", 1, math.min(#hex, 8))
  local right = table.concat(hex, " ", math.min(#hex, 8) + 1)
  local text = bytes:gsub("[^\32-\126]", ".")
  return ("%08x  %-23s  %-23s  |%s|\n"):format(offset, left, right, text)
end

function M.dump(data)
  local rows = {}
  for at = 1, #data, 16 do rows[#rows + 1] = row(at - 1, data:sub(at, at + 15)) end
  return table.concat(rows)
end

return M
