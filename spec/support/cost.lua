-- What a function costs, without a clock: the instructions of Lua's machine that it executes. (What
-- it does in C is not among them, and neither is what other coroutines do.)
return function(f, ...)
  local hundreds = 0
  debug.sethook(function() hundreds = hundreds + 1 end, "", 100)
  local ok, err = pcall(f, ...)
  debug.sethook()
  if not ok then error(err, 0) end
  return hundreds
end
