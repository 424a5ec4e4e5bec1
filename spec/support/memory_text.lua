-- What memory.c runs for lwt.text: every function gives what it always gives, or "not enough memory",
-- and the next time what it always gives.

local lwt, lio, text = require "lwt", require "lwt.io", require "lwt.text"
local await = lwt.await

local long = ("naïve ﬁ 日本 e\u{301} ΟΔΟΣ \xFF 👍🏽 "):rep(40)
local marks = "a" .. ("\u{301}\u{323}"):rep(40)

local function channel(encoding, read)
  return function()
    local ch = text.make(lio.of_bytes(text.encode("één\ntwee\ndrie", encoding)), { encoding = encoding })
    local list = {}
    for i = 1, 4 do list[i] = await(ch[read](ch)) or "" end
    return table.concat(list, "|")
  end
end

local tries = {
  function() return text.upper(long) end,
  function() return text.lower(long) end,
  function() return text.fold(long) end,
  function() return text.normalize(long, "NFKC") end,
  function() return text.normalize(long, "NFKD") end,
  function() return text.normalize(marks, "NFC") end,
  function() return text.pad("日", 3000, { fill = "─" }) end,
  function() return text.truncate(long, 100) end,
  function() return table.concat(text.wrap(long, 7), "\n") end,
  function()
    local list = {}
    for cluster in text.graphemes("ne\u{301}日👍🏽") do list[#list + 1] = cluster end
    return table.concat(list, "|")
  end,
  function() return text.decode(text.encode(long, "UTF-16"), "UTF-16") end,
  function() return text.decode(text.encode(long, "ASCII"), "ASCII") end,
  function() return text.decode(long, "UTF-8") end,
  function() return text.decode(text.encode("日本 abc", "ISO-2022-JP"), "ISO-2022-JP") end,
  function()
    local _, err = pcall(text.decode, "ab\xFF", "UTF-8", { strict = true })
    return err.at or error(err, 0)
  end,
  channel("UTF-8", "read_line"), channel("UTF-16", "read_line"), channel("GB18030", "read_char"),
}

local expected = {}
lwt.run(function()
  for i, f in ipairs(tries) do expected[i] = f() end
end)

local function is_memory(err)
  return tostring(err):find("not enough memory", 1, true) or type(err) == "table" and err.code == "ENOMEM"
end

return function(armed)
  lwt.run(function()
    for i, f in ipairs(tries) do
      collectgarbage() -- so that the strings are made anew
      armed(true)
      local ok, value = pcall(f)
      armed(false)
      if ok and value ~= expected[i] then error(("%d gave %q"):format(i, value)) end
      if not ok and not is_memory(value) then error(("%d raised %s"):format(i, tostring(value))) end
      if f() ~= expected[i] then error(("%d does not work any more"):format(i)) end
    end
  end)
end
