-- lwt: lines of a file, many small files, copying a large one.

local lwt = require "lwt"
local fs = require "lwt.fs"
local io = require "lwt.io"
local list = require "lwt.list"
local bench = require "bench.harness"

local await = lwt.await

local W = {}

function W.lines(path)
  lwt.run(function()
    local start, n, bytes = bench.now(), 0, 0
    local ch <close> = await(io.open_file(path))
    for line in ch:lines() do
      n = n + 1
      bytes = bytes + #line
    end
    bench.report("lwt", bench.now() - start, n, { bytes = bytes })
  end)
  -- The same as text, where the rock lwt-term is built.
  local ok, text = pcall(require, "lwt.text")
  if not ok then return end
  for _, encoding in ipairs { "UTF-8", "ISO-8859-1" } do
    lwt.run(function()
      local start, n, bytes = bench.now(), 0, 0
      local t <close> = await(text.open_file(path, "r", { encoding = encoding }))
      for line in t:lines() do
        n = n + 1
        bytes = bytes + #line
      end
      bench.report("lwt_text_" .. encoding:gsub("%W", ""):lower(), bench.now() - start, n, { bytes = bytes })
    end)
  end
end

function W.files(n)
  lwt.run(function()
    local paths = {}
    for i = 1, n do paths[i] = ("%s/small/%d"):format(bench.data, i) end
    bench.time("lwt", n, function()
      await(list.iter_n(function(path)
        assert(#await(fs.read_file(path)) == 4096)
      end, paths, 64))
    end)
    bench.time("lwt_open_read_close", n, function()
      await(list.iter_n(function(path)
        local file <close> = await(fs.open(path))
        assert(#await(file:read(4096)) == 4096)
      end, paths, 64))
    end)
  end)
end

function W.copy(from)
  local to = from .. ".copy"
  os.remove(to)
  lwt.run(function()
    local bytes = 0
    local start = bench.now()
    do
      local input <close> = await(io.open_file(from, "r", { buffer_size = 65536 }))
      local output <close> = await(io.open_file(to, "w", { buffer_size = 65536 }))
      while true do
        local chunk = await(input:read(65536))
        if not chunk then break end
        await(output:write(chunk))
        bytes = bytes + #chunk
      end
    end
    bench.report("lwt", bench.now() - start, bytes)
    os.remove(to)
    bench.time("lwt_copyfile", bytes, function() await(fs.copyfile(from, to)) end)
    os.remove(to)
  end)
end

bench.main(W)
