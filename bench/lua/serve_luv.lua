-- luv: servers with callbacks, and with the coroutine wrappers one writes by hand.
--
--   lua5.4 bench/lua/serve_luv.lua echo|echo_try|echo_coroutine|lines_coroutine|http|http_coroutine PORT

local uv = require "luv"

local create, resume, running, yield = coroutine.create, coroutine.resume, coroutine.running, coroutine.yield
local hello = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 11\r\n\r\nhello world"

-- read() and write() of a connection, for a coroutine.
local function wrapped(c)
  local s, queue, waiter, ended = {}, {}, nil, false
  c:read_start(function(_, data)
    if not data then ended = true end
    if waiter then
      local co = waiter
      waiter = nil
      assert(resume(co, data))
    elseif data then
      queue[#queue + 1] = data
    end
  end)
  function s.read()
    if queue[1] then return table.remove(queue, 1) end
    if ended then return nil end
    waiter = running()
    return yield()
  end
  function s.write(data)
    local co = running()
    c:write(data, function(err) assert(resume(co, err)) end)
    return yield()
  end
  return s
end

local function in_coroutine(f)
  return function(c)
    assert(resume(create(function()
      f(wrapped(c))
      c:close()
    end)))
  end
end

local H = {}

function H.echo(c)
  c:read_start(function(_, data)
    if data then c:write(data) else c:close() end
  end)
end

function H.echo_try(c)
  c:read_start(function(_, data)
    if not data then return c:close() end
    local n = c:try_write(data)
    if n ~= #data then c:write(data:sub((n or 0) + 1)) end
  end)
end

H.echo_coroutine = in_coroutine(function(s)
  for data in s.read do s.write(data) end
end)

function H.http(c)
  local buffer = ""
  c:read_start(function(_, data)
    if not data then return c:close() end
    buffer = buffer == "" and data or buffer .. data
    while true do
      local _, stop = buffer:find("\r\n\r\n", 1, true)
      if not stop then break end
      buffer = buffer:sub(stop + 1)
      c:write(hello)
    end
  end)
end

-- The lines of a connection, without their ends.
local function lines(s)
  local buffer, pos = "", 1
  return function()
    while true do
      local stop = buffer:find("\n", pos, true)
      if stop then
        local line = buffer:sub(pos, buffer:byte(stop - 1) == 13 and stop - 2 or stop - 1)
        pos = stop + 1
        return line
      end
      local data = s.read()
      if not data then return nil end
      buffer, pos = buffer:sub(pos) .. data, 1
    end
  end
end

H.lines_coroutine = in_coroutine(function(s)
  for line in lines(s) do s.write(line .. "\n") end
end)

H.http_coroutine = in_coroutine(function(s)
  for line in lines(s) do
    if line == "" then s.write(hello) end
  end
end)

local server = uv.new_tcp()
local handler = H[arg[1]]
assert(server:bind("127.0.0.1", tonumber(arg[2])))
assert(server:listen(4096, function()
  local c = uv.new_tcp()
  server:accept(c)
  c:nodelay(true)
  handler(c)
end))
uv.run()
