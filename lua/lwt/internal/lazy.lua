-- Internal: a module that is loaded when something of it is used for the first time.
-- `local printer = require "lwt.internal.lazy" "lwt.toplevel.printer"` stands in for the module, which is a
-- table: for those that many runs of a program never come to.

return function(name)
  return setmetatable({}, { __index = function(stand_in, key)
    local module = require(name)
    setmetatable(stand_in, { __index = module })
    return module[key]
  end })
end
