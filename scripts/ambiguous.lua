-- Writes src/term/ambiguous.h from Unicode's EastAsianWidth.txt (Debian's package unicode-data):
--
--   lua5.4 scripts/ambiguous.lua > src/term/ambiguous.h

local path = arg[1] or "/usr/share/unicode/EastAsianWidth.txt"
local ranges = {}
for line in io.lines(path) do
  local first, last = line:match("^(%x+)%.*(%x*);A")
  if first then
    first = tonumber(first, 16)
    last = tonumber(last, 16) or first
    local before = ranges[#ranges]
    if before and before[2] + 1 == first then
      before[2] = last
    else
      ranges[#ranges + 1] = { first, last }
    end
  end
end

print [[
/* ambiguous.h: characters that take two columns in East Asian fonts and one in others.
** Written by scripts/ambiguous.lua from Unicode 15's EastAsianWidth.txt. */
static const struct {
  int32_t first, last;
} ambiguous[] = {]]
local items = {}
for i, range in ipairs(ranges) do items[i] = ("{0x%X, 0x%X},"):format(range[1], range[2]) end
local row = "   "
for _, item in ipairs(items) do
  if #row + #item + 1 > 90 then
    print(row)
    row = "   "
  end
  row = row .. " " .. item
end
print(row)
print "};"
