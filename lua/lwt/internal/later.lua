-- Internal: fields of a table that are in a file which is read when one of them is asked for the first time.
-- `later(M, "lwt.stream.transform", "map filter")`: that file puts them into M. (They are no functions that stand in for
-- others: a wrong argument is told by who calls, and how.) `pairs` gives them all.

local files_of = setmetatable({}, { __mode = "k" })

local function prepare(M)
  local mt, files = getmetatable(M) or {}, {}
  local otherwise = mt.__index -- a function, where there is one
  function mt.__index(t, name)
    if files[name] then
      require(files[name])
      return rawget(M, name)
    end
    if otherwise then return otherwise(t, name) end
  end
  function mt.__pairs()
    for _, file in pairs(files) do require(file) end
    return next, M
  end
  files_of[M] = files
  return setmetatable(M, mt)
end

return function(M, file, names)
  if not files_of[M] then prepare(M) end
  local files = files_of[M]
  for name in names:gmatch "%S+" do files[name] = file end
end
