-- Internal: the error for a method that is called on a promise and belongs to the promise's value:
-- `lio.open_connection(address):read_line()`. Only for the methods that there are of that kind, for the
-- fields of what a file or a program gives, and for the elements of a list: any other field of a
-- promise is nil as usual.

local names = {}
for _, list in ipairs {
  "read read_line read_exactly read_until read_char read_into lines chars", -- channels, sockets, files
  "write write_line write_char write_from writev flush close abort shutdown",
  "position set_position length pread pwrite stat sync seek truncate lock unlock",
  "send recv accept address getsockname getpeername connections fileno", -- sockets, servers
  "status kill rusage", -- processes
  "get next peek take put use acquire release with", -- streams, mvars, pools, locks
} do
  for name in list:gmatch "%S+" do names[name] = true end
end

-- Of the fields of `fs.stat`'s table and of a program's status, those that programs ask for first. Not
-- all of them: others (`type`, `mode` …) are names that code looks up in any object, to see what it is.
local fields = { size = true, mtime = true, code = true, signal = true }

local told = {} -- by name: the function that says so

local function missing(_, name)
  if fields[name] or math.type(name) == "integer" then
    local key = fields[name] and "." .. name or ("[%d]"):format(name)
    error(("attempt to index a promise: await it first, (await(promise))%s"):format(key), 2)
  end
  if not names[name] then return nil end
  local f = told[name]
  if not f then
    f = function()
      error(("attempt to call '%s' of a promise: await it first, (await(promise)):%s(...)"):format(
        name, name), 2)
    end
    told[name] = f
  end
  return f
end

-- `methods` are those of promises.
return function(methods) setmetatable(methods, { __index = missing }) end
