-- The region at the bottom of what is written, which is redrawn in place: what `draw` shows, progress bars,
-- a list to choose from, the line that is edited. Each is a block; the blocks stand below one another, by
-- their level. What is printed meanwhile appears above, as whole lines.
--
-- A block has a level, and a function rows(columns), which gives its rows (see cells.lua) and, if the
-- cursor is in it, { row, column }, from 1 and from 0.

local lwt = require "lwt"
local cells = require "lwt.term.cells"
local frames = require "lwt.term.frame"
local output = require "lwt.term.output"

local M = {}

local Region = {}
Region.__index = Region

local FRAME = 1 / 30 -- seconds between two redraws in a flood of output

function M.new(terminal)
  return setmetatable({
    terminal = terminal, blocks = {}, frame = frames.new(), shown = false, hides = false,
    partial = "", pending = {}, written = false, timer = false, last = -1,
  }, Region)
end

-- ---- What is shown -------------------------------------------------------------------

local function compose(region, columns, height)
  local rows, cursor = {}, nil
  if region.partial ~= "" then rows[1] = cells.row(region.partial, columns) end
  for _, block in ipairs(region.blocks) do
    local own, at = block.rows(columns)
    if at then cursor = { #rows + at[1], at[2] } end
    table.move(own, 1, #own, #rows + 1, rows)
  end
  local above = #rows - height
  if above <= 0 then return rows, cursor end
  -- Taller than the screen: the rows around the cursor, or the last ones.
  if cursor then above = math.max(0, math.min(above, cursor[1] - height)) end
  local visible = table.move(rows, above + 1, above + height, 1, {})
  if cursor then cursor = { cursor[1] - above, cursor[2] } end
  return visible, cursor
end

-- Enters and leaves the modes that go with something that is drawn. Gives what others have written and is
-- not shown yet, when nothing is drawn any more.
local function settle(region, has_cursor)
  local modes = region.terminal.modes
  local shown = region.blocks[1] ~= nil
  if shown and not region.shown then
    modes:enter "region"
    region.terminal.direct = output.attach(region)
  end
  if shown and not has_cursor and not region.hides then
    region.hides = true
    modes:enter "hidden"
  elseif region.hides and (has_cursor or not shown) then
    region.hides = false
    modes:leave "hidden"
  end
  local rest = ""
  if not shown and region.shown then
    rest = output.detach(region)
    modes:leave "region"
  end
  region.shown = shown
  return rest
end

-- The bytes that bring the screen up to date; `before` is written first, with the region out of the way.
local function update(region, before)
  local t = region.terminal
  local columns, height = t:size()
  local head = ""
  if before then head = region.frame:erase(columns) .. before end
  local rows, cursor = compose(region, columns, height)
  local rest = settle(region, cursor ~= nil)
  local body, large = region.frame:draw(rows, cursor, columns)
  region.last = lwt.now()
  local bytes = head .. body .. rest
  if (large or before) and bytes ~= "" and t:_can_synchronize() then
    bytes = "\27[?2026h" .. bytes .. "\27[?2026l"
  end
  return bytes
end

-- Brings the screen up to date: a promise.
function Region:update()
  self.terminal.modes:come_back()
  return self.terminal:_write(update(self))
end

-- After something else has been on the screen, or it is another size.
function Region:redraw()
  if not self.blocks[1] then return end
  local columns = self.terminal:size()
  self.terminal:_write(self.frame:erase(columns) .. update(self))
end

-- Out of the way; the next update brings it back.
function Region:hide()
  local columns = self.terminal:size()
  if self.shown then self.terminal:_write(self.frame:erase(columns)) end
end

-- What is shown stays, and the next thing is below it.
function Region:stop()
  if not self.shown then return end
  local columns = self.terminal:size()
  self:flush()
  local rest = output.detach(self)
  self.terminal:_write(self.frame:to_end(columns) .. (rest ~= "" and "\r\n" .. rest or ""))
  self.frame:reset()
end

-- ---- Blocks ---------------------------------------------------------------------------

local Block = {}
Block.__index = Block

-- A block, which is not shown yet.
function Region:block(level, rows)
  return setmetatable({ region = self, level = level, rows = rows }, Block)
end

function Block.__close(block)
  if block.region:has(block) then block.region:remove(block) end
end

-- Adds a block: lower levels are further up.
function Region:add(block)
  local at = #self.blocks + 1
  while at > 1 and self.blocks[at - 1].level > block.level do at = at - 1 end
  table.insert(self.blocks, at, block)
  return block
end

function Region:has(block)
  for _, other in ipairs(self.blocks) do
    if other == block then return true end
  end
  return false
end

-- Takes a block away. With `keep` the lines in it stay on the screen, above what goes on.
function Region:remove(block, keep)
  for i, other in ipairs(self.blocks) do
    if other == block then
      table.remove(self.blocks, i)
      break
    end
  end
  if keep and keep ~= "" then return self:print(keep) end
  if not self.blocks[1] then return self:finish() end
  return self:update()
end

-- Takes a block away whose rows stay on the screen: these are what it shows in the end, `text` the same for
-- when they cannot be left where they are.
function Region:leave(block, rows, text)
  local columns, height = self.terminal:size()
  local alone = self.blocks[1] == block and not self.blocks[2]
  if not alone or self.partial ~= "" or self.pending[1] or #rows > height then
    return self:remove(block, text .. "\n")
  end
  local bytes = self.frame:draw(rows, nil, columns)
  self.frame:reset()
  self.blocks[1] = nil
  return self.terminal:_write(bytes .. "\r\n" .. update(self))
end

-- Nothing is left to draw: what had no newline is plain output again.
function Region:finish()
  local rest = self.partial
  self.partial = ""
  if rest == "" then return self:update() end
  return self.terminal:_write(update(self, "") .. rest)
end

-- ---- Output above -----------------------------------------------------------------------

-- Writes what is waiting to be written above the region.
function Region:flush()
  if self.timer then
    local timer = self.timer
    self.timer = false
    timer:cancel()
  end
  if #self.pending == 0 then return end
  local text = self.partial .. table.concat(self.pending)
  local written = self.written
  self.pending, self.written = {}, false
  local lines, rest = text:match "^(.*\n)([^\n]*)$"
  self.partial = lines and rest or text
  local p
  if self.blocks[1] then
    p = self.terminal:_write(update(self, lines and lines:gsub("\r?\n", "\r\n") or nil))
  else
    self.partial = ""
    p = self.terminal:_write(update(self, "") .. text)
  end
  p:on_any(function() written:wakeup() end, function(err) written:wakeup_exn(err) end)
end

-- A promise: the text is on the screen, above the region.
function Region:print(text)
  output.collect(self) -- what was written before comes before
  self.pending[#self.pending + 1] = text
  local p
  if self.written then
    p = self.promise
  else
    p, self.written = lwt.wait()
    self.promise = p
  end
  local wait = self.last + FRAME - lwt.now()
  if wait <= 0 or not self.blocks[1] then
    self:flush()
  elseif not self.timer then
    local timer = lwt.sleep(wait)
    self.timer = timer
    timer:on_success(function()
      if self.timer ~= timer then return end
      self.timer = false
      self:flush()
    end)
  end
  return lwt.protected(p)
end

return M
