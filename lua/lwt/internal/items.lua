-- Internal: an argument that is a list, a stream or an iterator.

local args = require "lwt.internal.args"

-- What gives the elements, one a call, and nil at the end. `n` and `name` are the argument's number
-- and the public function, which calls this straight.
return function(n, name, items)
  if type(items) == "table" and getmetatable(items) == nil then
    local i = 0
    return function()
      i = i + 1
      return items[i]
    end
  end
  if not args.is_callable(items) then
    args.wrong(n, name, "list, stream or iterator", items, 1)
  end
  return items
end
