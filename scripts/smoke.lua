-- A small program that an installed lwt must be able to run: what is tried after each way of
-- installing it. Run as `lwt scripts/smoke.lua` or, with the modules on the path, by `lua5.4`.

local lwt = require "lwt"

local function main()
  local io = require "lwt.io"
  local fs = require "lwt.fs"
  local await = lwt.await

  local a, b = lwt.sleep(0.01), lwt.fulfilled("now")
  assert(await(lwt.choose { a, b }) == "now")

  local server = await(io.establish_server("127.0.0.1:0", function(ch)
    for line in ch:lines() do await(ch:write_line(line:upper())) end
  end))
  local reply = await(lwt.with_timeout(5, function()
    local ch <close> = await(io.open_connection(server:address()))
    await(ch:write_line("hello"))
    return await(ch:read_line())
  end))
  assert(reply == "HELLO", reply)
  await(server:shutdown())

  await(io.with_temp_dir(function(dir)
    await(fs.write_file(dir .. "/x", "some bytes"))
    assert(await(fs.read_file(dir .. "/x")) == "some bytes")
  end))
  print("smoke: ok")
end

if lwt.current() then main() else lwt.run(main) end
