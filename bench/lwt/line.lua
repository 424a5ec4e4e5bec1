-- lwt.read_line with a line of so many characters, for typist; keys from a paste; text channels.

local lwt = require "lwt"
local lio = require "lwt.io"
local read_line = require "lwt.read_line"
local term = require "lwt.term"
local text = require "lwt.text"
local bench = require "bench.harness"

local await = lwt.await

local W = {}

-- For typist, which types; c/edit.c has the same line.
function W.edit(_, size)
  local parts = {}
  for i = 0, tonumber(size) - 1 do parts[i + 1] = i % 7 == 6 and " " or string.char(97 + i % 26) end
  lwt.run(function() return read_line.read_line { prompt = "> ", initial = table.concat(parts) } end)
end

-- Bytes to keys: of a paste, which is one key, and of what is typed, which is one each.
function W.keys(n)
  local body = ("some words, and more of them\r"):rep(n // 29 + 1):sub(1, n)
  for who, bytes in pairs { lwt_paste = "\27[200~" .. body .. "\27[201~", lwt_typed = body } do
    lwt.run(function()
      local r, w = lio.pipe()
      local t = term.open(r, w)
      bench.time(who, n, function()
        local writing = lwt.spawn(function()
          await(w:write(bytes))
          await(w:close())
        end)
        while await(t:read_key()) do end
        await(writing)
      end)
    end)
  end
end

-- A file read by lines: as bytes, and as text.
function W.text_lines(path)
  lwt.run(function()
    for who, open in pairs { lwt_bytes = lio.open_file, lwt = text.open_file } do
      local ch <close> = await(open(path, "r"))
      local n = 0
      local start = bench.now()
      for _ in ch:lines() do n = n + 1 end
      bench.report(who, bench.now() - start, n)
    end
  end)
end

bench.main(W)
