--- Do it again when it fails, with a pause that grows.
---
--- ```lua
--- local retry = require "lwt.retry"
--- print(await(retry.run(function(n)
---   if n < 3 then error "not yet" end
---   return "attempt " .. n
--- end, { times = 5, delay = 0.001 })))      --> attempt 3
--- ```

local lwt = require "lwt"
local args = require "lwt.internal.args"
local asks_to_end = require "lwt.internal.asks_to_end"

local await, spawn = lwt.await, lwt.spawn
local getmetatable = getmetatable

local M = {}
local fatal = {
  __name = "lwt.retry.fatal",
  __tostring = function(e) return tostring(e.error) end,
}
local known = { times = "number", delay = true, retry_if = "function" }

---@class lwt.retry.Options
---@field times? integer
---@field delay? number|fun(n: integer): number
---@field retry_if? fun(err: any, n: integer): boolean

--- The delay after failed attempt `n` when none is given: drawn from 0.1 to 0.2 s after the first,
--- from twice that after each further one, and from 15 to 30 s in the end. It is drawn (jitter)
--- so that clients that failed together do not come back together.
---@param n integer
---@return number seconds
--- ```lua
--- local d = retry.default_delay(1)
--- print(d >= 0.1 and d <= 0.2)   --> true
--- ```
function M.default_delay(n)
  if type(n) ~= "number" then args.wrong(1, "default_delay", "number", n) end
  local most = math.min(30, 0.1 * 2.0 ^ n)
  return most * (0.5 + 0.5 * math.random())
end

-- The options, checked; called straight from a public function, as everything in lwt.internal.args.
local function checked(opts)
  local times, delay = opts.times or 3, opts.delay
  times = type(times) == "number" and math.tointeger(times)
  if not times or times < 1 then
    return "option 'times': must be an integer of at least 1"
  end
  if delay == nil then
    delay = M.default_delay
  elseif type(delay) == "number" then
    if not (delay >= 0 and delay < math.huge) then
      return "option 'delay': must be 0 or more, and finite"
    end
  elseif not args.is_callable(delay) then
    return "option 'delay': number or function expected, got " .. type(delay)
  end
  return nil, { times = times, delay = delay, retry_if = opts.retry_if }
end

-- What holds without options.
local usual = { times = 3, delay = function(n) return M.default_delay(n) end }

local function follow(x)
  if lwt.is_promise(x) then return await(x) end
  return x
end

-- Does this failure end it? Being cancelled is not a failure to try again after.
local function is_fatal(err, n, how)
  if getmetatable(err) == fatal then return true end
  if asks_to_end(err) then return true end
  return how.retry_if ~= nil and not follow(how.retry_if(err, n))
end

local function pause(n, how)
  local delay = how.delay
  if type(delay) ~= "number" then delay = follow(delay(n)) end
  await(lwt.sleep(delay))
end

--- Raises `err` as an error that ends a retry at once; the result is then rejected with `err`.
---@param err any
--- ```lua
--- local p = retry.run(function(n)
---   print("attempt", n)   --> attempt 1
---   retry.fatal("wrong password")
--- end)
--- print(pcall(await, p))   --> false wrong password
--- ```
function M.fatal(err)
  error(setmetatable({ error = err }, fatal), 2)
end

local function run(f, how)
  for n = 1, how.times do
    local p = spawn(f, n)
    local ok, err = pcall(await, p)
    if ok then return p end
    if is_fatal(err, n, how) or n == how.times then
      if getmetatable(err) == fatal then error(err.error, 0) end
      return p
    end
    pause(n, how)
  end
end

--- Runs `f(n)` as a task, n = 1, 2, …, until an attempt succeeds, at most `times` times (3).
--- Between two attempts it waits for `delay`: seconds, or a function of the number of the attempt
--- that has just failed (`retry.default_delay`). An error that `retry_if(err, n)` would not see
--- tried again, one that `retry.fatal` raised, `Canceled` and `Interrupted` end it at once.
--- `retry_if` and `delay` may await. Cancelling the promise cancels the attempt, or the wait.
---@generic T
---@param f async fun(n: integer): T?, ...?
---@param opts? lwt.retry.Options
---@return lwt.Promise<T> # of the first success; rejected with the last failure
--- ```lua
--- local p = retry.run(function(n)
---   if n < 3 then error("not yet") end
---   return "attempt " .. n
--- end, { times = 5, delay = 0.001 })
--- print(await(p))   --> attempt 3
--- ```
function M.run(f, opts)
  args.check_callable(1, "run", f)
  local wrong, how = nil, usual
  if opts ~= nil then wrong, how = checked(args.options(2, "run", opts, known)) end
  if wrong then args.bad(2, "run", wrong) end
  return spawn(run, f, how)
end

--- The attempts themselves, as a stream: each element is made when it is asked for, after the
--- delay that is due. It ends after a success, a fatal error, or `times` attempts. The options
--- are those of `run`.
---@param f fun(n: integer): any
---@param opts? lwt.retry.Options
---@return lwt.Stream # of `{ n =, value = }` and `{ n =, error =, fatal = }`
--- ```lua
--- local function flaky(n)
---   if n == 1 then error("not yet", 0) end
---   return "yes"
--- end
--- for a in retry.attempts(flaky, { delay = 0 }) do
---   print(a.n, a.value or a.error)   --> 1 not yet 2 yes
--- end
--- ```
function M.attempts(f, opts)
  args.check_callable(1, "attempts", f)
  local wrong, how = checked(args.options(2, "attempts", opts, known))
  if wrong then args.bad(2, "attempts", wrong) end
  local n, over = 0, false
  return require "lwt.stream".from(function()
    if over then return nil end
    if n > 0 then pause(n, how) end
    n = n + 1
    local ok, value = pcall(await, lwt.spawn(f, n))
    if ok then
      over = true
      return { n = n, value = value }
    end
    local ends = is_fatal(value, n, how)
    over = ends or n == how.times
    if getmetatable(value) == fatal then value = value.error end
    return { n = n, error = value, fatal = ends }
  end)
end

return M
