-- Generated tests: cases from one printed seed, each with a seed of its own. LWT_FUZZ_N says how
-- many (the daily run has a thousand or so, LWT_SPEC_FULL=1 three times as many, `LWT_FUZZ_N=100000`
-- goes on all night), LWT_FUZZ_SEED repeats a run, LWT_FUZZ_CASE runs one case alone.

local M = {}

-- A generator of its own (xorshift), so that what is tested may use math.random.
local function generator(seed)
  local s = seed * 0x9E3779B97F4A7C15 | 1
  return function(n)
    s = s ~ (s << 13)
    s = s ~ (s >> 7)
    s = s ~ (s << 17)
    return (s >> 11) % n + 1
  end
end

local function number(name)
  return math.tointeger(tonumber(os.getenv(name)))
end

-- Run `case(random, seed)`, random(n) giving 1 to n, as many times as LWT_FUZZ_N or `n` says; a third of `n` in the
-- daily run, whose seed is another each time.
function M.cases(n, case)
  local seed = number("LWT_FUZZ_SEED") or os.time()
  local only = number("LWT_FUZZ_CASE")
  if number("LWT_FUZZ_N") then
    n = number("LWT_FUZZ_N")
    io.stderr:write(("\n%d generated cases from seed %d\n"):format(n, seed))
  end
  if not number("LWT_FUZZ_N") and not os.getenv "LWT_SPEC_FULL" then n = math.max(1, n // 3) end
  for i = only or 1, only or n do
    local own = (seed * 1000003 + i) & 0x7fffffff
    local ok, err = xpcall(case, function(e)
      if type(e) == "string" then e = debug.traceback(e, 2) end
      return e
    end, generator(own), own)
    if not ok then
      io.stderr:write(("\ngenerated case %d of seed %d failed: LWT_FUZZ_SEED=%d LWT_FUZZ_CASE=%d\n")
        :format(i, seed, seed, i))
      error(err, 0)
    end
  end
end

return M
