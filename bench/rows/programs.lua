-- The programs that the rows run, as { peer, command }; {row} {size} {bin} {data} … are filled in by run.lua.

local M = {
  plain = { "lua", "{lua} bench/lua/plain.lua {row} {size}" },
  limit = { "limit_c", "{lua} bench/lua/limit.lua {row} {size}" },
  luv = { "luv", "{lua} bench/lua/luv.lua {row} {size}" },
  cqueues = { "cqueues", "{lua} bench/lua/cqueues.lua {row} {size}" },
  ocaml = { "lwt_ocaml", "{bin}/lwt_bench {row} {size}" },
  node = { "node", "node bench/node/bench.mjs {row} {size}" },
  uvloop = { "uvloop", "{python} bench/py/bench.py {row} {size}" },
  -- Folders, datagrams, a child's output: a program of their own in each language.
  luv_system = { "luv", "{lua} bench/lua/luv_system.lua {row} {size}" },
  node_system = { "node", "node bench/node/system.mjs {row} {size}" },
  python_system = { "python", "{python} bench/py/system.py {row} {size}" },
  uvloop_system = { "uvloop", "{python} bench/py/system.py {row} {size}" },
  c_system = { "libuv", "{bin}/system {row} {size}" },
  lualogging = { "lualogging", "{lua} bench/lua/lualogging.lua {row} {size}" },
  python = { "python", "{python} bench/py/log.py {row} {size}" },
}

--- A workload of one of lwt's programs.
function M.lwt(program) return { "lwt", "{lua} bench/lwt/" .. program .. ".lua {row} {size}" } end

--- A workload of bare libuv.
function M.uv(arguments) return { "libuv", "{bin}/uv {row} " .. arguments } end

M.servers = {
  lwt = "{lua} bench/lwt/serve.lua", c = "{bin}/serve", luv = "{lua} bench/lua/serve_luv.lua",
  cqueues = "{lua} bench/lua/serve_cqueues.lua", copas = "{lua} bench/lua/serve_copas.lua",
  ocaml = "{bin}/lwt_serve", glib = "{lua} bench/lwt/glib.lua", node = "node bench/node/serve.mjs",
  python = "{python} bench/py/serve.py", asyncio = "{python} bench/py/serve.py asyncio", go = "{bin}/serve_go",
}

--- A server of `peer`, and the load it gets; the figure is called `name`. `more`: options of bench/c/load.c.
function M.server(load, peer, name, command, mode, more)
  return { peer, ("{bin}/load %s-t {seconds} {row}:%s %s {size} -- %s %s"):format(more and more .. " " or "", name,
    load, command, mode) }
end

--- A program that is started again and again.
function M.again(peer, name, command) return { peer, ("{bin}/again {row}:%s {size} %s"):format(name, command) } end

return M
