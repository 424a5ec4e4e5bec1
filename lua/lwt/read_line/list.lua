-- The entries of a history, in memory: kept by number, so that a place in it stays what it was when
-- entries are added at the end or dropped at the beginning. Numbers without an entry are holes.
--
-- Searching goes through entries that are joined in one string, which Lua's own `find` is fast at: a thousand
-- at a time, so that what is near is found without joining all of a long history.

local List = {}
List.__index = List

local find = string.find
local max, min = math.max, math.min

local M = {}

local SHARE = 1000 -- entries in one string

local function share_of(i) return (i - 1) // SHARE + 1 end

-- opts: max, dedupe (true: no repeat of the newest; "all": an older equal one goes; false),
-- ignore_space.
function M.new(opts)
  return setmetatable({
    items = {}, first = 1, last = 0, size = 0, numbers = nil, joined = {},
    max = opts.max or math.huge, dedupe = opts.dedupe ~= false and (opts.dedupe or true),
    ignore_space = opts.ignore_space ~= false,
  }, List)
end

function List:get(i) return self.items[i] end

-- The next number with an entry, from `i` on (nil: behind the newest), in steps of 1 or -1.
function List:step(i, step)
  i = (i or self.last + 1) + step
  while i >= self.first and i <= self.last do
    if self.items[i] then return i end
    i = i + step
  end
  return nil
end

-- What is joined of the entry's share is not right any more. (Its key is negative from the newest on.)
local function forget(list, i)
  local share = share_of(i)
  list.joined[share], list.joined[-share] = nil, nil
end

local function drop_oldest(list)
  while list.size > list.max do
    local item = list.items[list.first]
    if item then
      list.items[list.first] = nil
      list.size = list.size - 1
      forget(list, list.first)
      if list.numbers and list.numbers[item] == list.first then list.numbers[item] = nil end
    end
    list.first = list.first + 1
  end
end

-- Takes the older equal entry away, where that is wanted.
local function drop_equal(list, s)
  if list.dedupe ~= "all" then return end
  if not list.numbers then
    list.numbers = {}
    for i = list.first, list.last do
      if list.items[i] then list.numbers[list.items[i]] = i end
    end
  end
  local i = list.numbers[s]
  if i then
    list.items[i] = nil
    list.size = list.size - 1
    forget(list, i)
  end
  list.numbers[s] = list.last + 1
end

-- Whether this line is one to keep.
function List:wants(s)
  if not find(s, "%S") then return false end
  if self.ignore_space and find(s, "^%s") then return false end
  return not (self.dedupe and self.items[self.last] == s)
end

-- Adds a line at the end: its number, or nil when it is not kept.
function List:add(s)
  if not self:wants(s) then return nil end
  return self:append(s)
end

function List:append(s)
  drop_equal(self, s)
  self.last, self.size = self.last + 1, self.size + 1
  self.items[self.last] = s
  forget(self, self.last)
  drop_oldest(self)
  return self.last
end

-- Adds many, repeats of the one before left out where that is wanted.
function List:extend(entries)
  if self.dedupe == "all" then
    for _, s in ipairs(entries) do self:append(s) end
    return
  end
  local items, last, dedupe = self.items, self.last, self.dedupe
  local before = items[last]
  for i = 1, #entries do
    local s = entries[i]
    if not dedupe or s ~= before then
      last = last + 1
      items[last], before = s, s
    end
  end
  self.size, self.last, self.joined = self.size + last - self.last, last, {}
  drop_oldest(self)
end

-- Takes all of them out; numbers go on.
function List:clear()
  self.items, self.size, self.numbers, self.joined = {}, 0, nil, {}
  self.first = self.last + 1
end

-- The first and the last number of a share, in the direction.
local function bounds(list, share, direction)
  local from, to = max(list.first, (share - 1) * SHARE + 1), min(list.last, share * SHARE)
  if direction < 0 then return to, from end
  return from, to
end

-- The entries of a share in one string, each between zeros, from the oldest on (1) or from the newest (-1).
local function joined(list, share, direction)
  local all = list.joined[share * direction]
  if all then return all end
  local items, parts, n = list.items, {}, 0
  local from, to = bounds(list, share, direction)
  for i = from, to, direction do
    if items[i] then
      n = n + 1
      parts[n] = items[i]
    end
  end
  all = { text = "\0" .. table.concat(parts, "\0") .. "\0" }
  list.joined[share * direction] = all
  return all
end

-- Where in the string its entries begin, and what their numbers are; only asked where something is found.
local function places(list, share, direction)
  local all = joined(list, share, direction)
  if all.starts then return all end
  local items, starts, numbers, at = list.items, {}, {}, 2
  local from, to = bounds(list, share, direction)
  for i = from, to, direction do
    if items[i] then
      local n = #starts + 1
      starts[n], numbers[n] = at, i
      at = at + #items[i] + 1
    end
  end
  all.starts, all.numbers = starts, numbers
  return all
end

-- The last k with starts[k] <= at.
local function last_not_beyond(starts, at)
  local low, high = 0, #starts
  while low < high do
    local middle = (low + high + 1) // 2
    if starts[middle] <= at then low = middle else high = middle - 1 end
  end
  return low
end

-- Where in the string the entries from number `from` on begin (it included); nil: none is in it.
local function begin_at(all, from, direction)
  local starts, numbers = all.starts, all.numbers
  -- Numbers grow or fall with k: the first that is not before `from`.
  local low, high = 1, #numbers + 1
  while low < high do
    local middle = (low + high) // 2
    if (numbers[middle] - from) * direction >= 0 then high = middle else low = middle + 1 end
  end
  return starts[low] and starts[low] - 1
end

local function find_in(list, all, at, needle, prefix, unlike)
  local text, starts, numbers = all.text, all.starts, all.numbers
  local wanted = prefix and "\0" .. needle or needle
  while at do
    local found = find(text, wanted, at, true)
    if not found then return nil end
    local k = max(1, last_not_beyond(starts, found + #wanted - 1))
    local item = list.items[numbers[k]]
    local offset = found - starts[k] + (prefix and 1 or 0)
    local right = offset >= 0 and offset + #needle <= #item and (not prefix or offset == 0)
    if right and item ~= unlike then return numbers[k], offset end
    at = right and starts[k] + #item or found + 1
  end
end

-- The first entry with `needle` in it, from number `from` on (it included; nil: all) in `direction`,
-- and the offset there. With `prefix` it must begin so. Entries equal to `unlike` are passed over.
function List:find(needle, from, direction, prefix, unlike)
  local first, last = self.first, self.last
  if first > last then return nil end
  if direction < 0 then first, last = last, first end
  if not from or (first - from) * direction > 0 then from = first end
  for share = share_of(from), share_of(last), direction do
    if find(joined(self, share, direction).text, needle, 1, true) then
      local all = places(self, share, direction)
      local at = begin_at(all, from, direction)
      local number, offset = find_in(self, all, at, needle, prefix, unlike)
      if number then return number, offset end
    end
  end
  return nil
end

return M
