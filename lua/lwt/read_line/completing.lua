-- When completion is asked for, and what is done with the answer: the program's function may take its time;
-- typing goes on meanwhile, and the answer is dropped when the line has changed.

local lwt = require "lwt"
local lazy = require "lwt.internal.lazy"
local completion = lazy "lwt.read_line.completion"
local keymap = lazy "lwt.read_line.keymap"

local Completing = {}
Completing.__index = Completing

local M = {}

-- `asked`: the promise of an answer; `found`: the last answer, while it is of use.
function M.new(session, complete)
  return setmetatable({ session = session, complete = complete }, Completing)
end

local function failed(self, err)
  warn("lwt.read_line: complete failed: ", tostring(err))
  self.session.editor:bell()
end

-- Calls done(completion) when the words are there, if the line is still the same then.
local function ask(self, done)
  local session, ed = self.session, self.session.editor
  if not self.complete or session.opts.mask then return ed:_call "tab-insert" end
  local text, cursor = ed.buffer, ed.point
  local p = lwt.spawn(function()
    local list = self.complete(text, cursor)
    if lwt.is_promise(list) then return lwt.await(list) end
    return list
  end)
  self.asked = p
  p:on_any(function(list)
    if self.asked ~= p then return end
    self.asked = nil
    if ed.buffer ~= text or ed.point ~= cursor or session.over then return end
    local ok, found = pcall(completion.new, list, text, cursor)
    if not ok then failed(self, found) else done(found) end
    session:post(function() session:serve() end)
  end, function(err)
    if self.asked ~= p then return end
    self.asked = nil
    if rawequal(err, lwt.Canceled) or session.over then return end
    failed(self, err)
    session:post(function() session:serve() end)
  end)
end

-- A key has come: the answer to an older question is not wanted any more.
function Completing:moved_on()
  local p = self.asked
  self.asked = nil
  if p then p:cancel() end
end

-- ---- The menu -----------------------------------------------------------------------------------

local function close(self)
  self.session.view.completion, self.session.view.message, self.found = nil, nil, nil
end

-- The steps that keys make in a menu of so many rows, once one is selected.
local function step_of(name, rows)
  if name == "down" then return 1 elseif name == "up" then return -1 end
  if name == "right" then return rows elseif name == "left" then return -rows end
  return nil
end

-- The same of commands, whatever keys they are bound to.
local STEPS = { complete = 1, ["menu-complete"] = 1, ["menu-complete-backward"] = -1 }

local function read_menu(self, found, typed)
  local ed = self.session.editor
  ed.reader = function(_, key)
    local name = keymap.name(key)
    local step = STEPS[ed:_bound(name)]
    if not step and found.selected then
      step = step_of(name, found:rows_at((self.session.terminal:size())))
    end
    if step then
      found:cycle(ed, step)
      return read_menu(self, found, typed)
    end
    local selected = found.selected
    close(self)
    if name == "escape" or name == "ctrl-g" then
      if selected then found:restore(ed, typed) end
      return
    end
    if name == "enter" and selected then return found:take(ed) end
    return "again"
  end
end

local function open(self, found)
  self.found = found
  self.session.view.message, self.session.view.completion = nil, found
  read_menu(self, found, found.text:sub(found.start + 1, found.stop))
end

local YES = { y = true, Y = true, space = true, tab = true }
local NO = { n = true, N = true, backspace = true, ["ctrl-g"] = true }

-- Shows the words; when they are many, asks before.
local function show(self, found)
  if not found:is_many() then return open(self, found) end
  local ed = self.session.editor
  self.session.view.message = ("Display all %d possibilities? (y or n)"):format(#found.items)
  ed.reader = function(_, key)
    local name = keymap.name(key)
    self.session.view.message = nil
    if YES[name] then return open(self, found) end
    close(self)
    if not NO[name] then return "again" end
  end
end

-- ---- Commands -----------------------------------------------------------------------------------

-- Tab: what is certain; the next one shows the words; then they are gone through.
function Completing:tab()
  local ed = self.session.editor
  local found = self.found
  if found and found:fits(ed) then return show(self, found) end
  self.found = nil
  ask(self, function(new)
    local how = new:insert_common(ed)
    if how == "none" or how == "same" then ed:bell() end
    self.found = (how == "more" or how == "same") and new or nil
  end)
end

function Completing:list()
  ask(self, function(new)
    if #new.items == 0 then return self.session.editor:bell() end
    show(self, new)
  end)
end

function Completing:cycle(step)
  local ed = self.session.editor
  ask(self, function(new)
    if #new.items == 0 then return ed:bell() end
    if #new.items == 1 then
      new:insert_common(ed)
      return
    end
    open(self, new)
    new:cycle(ed, step)
  end)
end

return M
