-- Which rock has a module that is not there: the last of package.searchers adds a line that says so
-- to the error of `require`.

local ROCK_OF = {
  text = "term", term = "term", read_line = "term", ssl = "ssl", glib = "glib",
}

local function search(name)
  local part = name:match("^lwt%.([%w_]+)")
  local rock = part and ROCK_OF[part]
  if not rock then return nil end
  if name == ("lwt.%s.core"):format(rock) then
    return ("\n\tthe rock lwt-%s was installed without what it has in C"):format(rock)
  end
  return ("\n\tthe rock lwt-%s has it:  luarocks install lwt-%s"):format(rock, rock)
end

table.insert(package.searchers, search)

return ROCK_OF
