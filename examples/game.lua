-- A small game for the terminal: catch the stars, keep away from the rocks.
--
--   lua5.4 examples/game.lua              play: a and d (or the arrows) move, p pauses,
--                                         s is slow motion, q quits
--   lua5.4 examples/game.lua --frames N   N frames without a terminal, played by a script, as
--                                         fast as the machine can; prints how it ended
--
-- What to look at: every actor is a task that sleeps on the game's clock, so pausing and slowing
-- the game is one call each. A scene is a scope: leaving it cancels its actors, wherever they are.
-- The host owns the loop: a frame lets the tasks run with lwt.step, and draws.

local lwt = require "lwt"
local clock = require "lwt.clock"
local condition = require "lwt.condition"

local await = lwt.await

local WIDTH, HEIGHT, FPS = 40, 16, 60
local SLOW = 0.3

local function options(words)
  local opts, i = { seed = os.time() }, 1
  while words[i] do
    local value = math.tointeger(tonumber(words[i + 1]))
    if words[i] == "--frames" and value and value > 0 then
      opts.frames = value
    elseif words[i] == "--seed" and value then
      opts.seed = value
    else
      io.stderr:write("usage: game.lua [--frames N] [--seed N]\n")
      os.exit(2)
    end
    i = i + 2
  end
  if opts.frames then opts.seed = 1 end
  return opts
end

-- The world ------------------------------------------------------------------------------

local game = {
  clock = clock.create(),
  keys = condition.create(), -- broadcasts each key
  hit = condition.create(), -- signalled when a rock meets the player
  things = {}, -- what is drawn: { x, y, sign }
  slow = false,
  score = 0,
  best = 0,
  text = "",
  running = true,
}

-- An actor's place in the world, for as long as the actor's block lasts.
local function thing(x, y, sign)
  local t = setmetatable({ x = x, y = y, sign = sign }, {
    __close = function(t) game.things[t] = nil end,
  })
  game.things[t] = true
  return t
end

-- The actors: tasks of the scene's scope ---------------------------------------------------

local function rock(player)
  local me <close> = thing(math.random(WIDTH), 1, "o")
  local pace = 0.06 + 0.1 * math.random()
  while me.y <= HEIGHT do
    await(game.clock:sleep(pace))
    me.y = me.y + 1
    if me.y == player.y and me.x == player.x then game.hit:signal() end
  end
end

local function star(player)
  local me <close> = thing(math.random(WIDTH), 1, "*")
  while me.y <= HEIGHT do
    await(game.clock:sleep(0.2))
    me.y, me.sign = me.y + 1, me.sign == "*" and "+" or "*"
    if me.y == player.y and math.abs(me.x - player.x) <= 1 then
      game.score = game.score + 10
      return
    end
  end
end

local function rain(scene, player)
  while true do
    await(game.clock:sleep(0.25))
    scene:spawn(math.random() < 0.7 and rock or star, player)
  end
end

local function steer(player)
  while true do
    local key = await(game.keys:wait())
    local dx = key == "a" and -1 or key == "d" and 1 or 0
    player.x = math.max(1, math.min(WIDTH, player.x + dx))
  end
end

local function blink(text)
  while true do
    game.text = text
    await(game.clock:sleep(0.5))
    game.text = ""
    await(game.clock:sleep(0.5))
  end
end

-- The scenes: each returns the next one -------------------------------------------------------

local scenes = {}

local function wait_for(wanted)
  repeat local key = await(game.keys:wait()) until key == wanted
end

function scenes.title(scene)
  scene:spawn(blink, "STARS AND ROCKS: space starts")
  wait_for(" ")
  return "play"
end

function scenes.play(scene)
  local player <close> = thing(WIDTH // 2, HEIGHT, "@")
  game.score, game.text = 0, ""
  scene:spawn(steer, player)
  scene:spawn(rain, scene, player)
  await(game.hit:wait())
  return "over"
end

function scenes.over(scene)
  game.best = math.max(game.best, game.score)
  scene:spawn(blink, ("%d points, best %d: space goes on"):format(game.score, game.best))
  wait_for(" ")
  return "title"
end

-- One scene after another. When a scene's body has ended, it cancels its scope: whatever its actors
-- were waiting for, they are gone before the next scene begins.
local function direct()
  local name = "title"
  while true do
    game.scene = name
    name = await(lwt.scope(function(scene)
      local following = scenes[name](scene)
      scene:cancel()
      return following
    end))
  end
end

-- The host ---------------------------------------------------------------------------------

local function press(key)
  if key == "q" then
    game.running = false
  elseif key == "p" then
    if game.clock:is_paused() then game.clock:resume() else game.clock:pause() end
  elseif key == "s" then
    game.slow = not game.slow
    game.clock:set_rate(game.slow and SLOW or 1)
  elseif not game.clock:is_paused() then
    game.keys:broadcast(key)
  end
end

local function picture()
  local rows = {}
  for y = 1, HEIGHT do
    rows[y] = {}
    for x = 1, WIDTH do rows[y][x] = " " end
  end
  for t in pairs(game.things) do
    if rows[t.y] then rows[t.y][t.x] = t.sign end
  end
  for y = 1, HEIGHT do rows[y] = "|" .. table.concat(rows[y]) .. "|" end
  local state = game.clock:is_paused() and "paused" or game.slow and "slow" or ""
  rows[#rows + 1] = ("%-34s%8s"):format(("%d points"):format(game.score), state)
  rows[#rows + 1] = ("%-42s"):format(game.text)
  return rows
end

-- A frame: whatever is ready runs, for at most 4 of its 16.7 milliseconds.
local function frame()
  lwt.step(0.004)
  return picture()
end

local function without_terminal(frames)
  -- The host's own engine: time passes by a frame at a time, and there is nothing outside.
  local time = 0
  require "lwt.engine".set {
    now = function() return time end,
    wait = function() end,
  }
  game.clock = clock.create()
  local script = { [30] = " ", [300] = "s", [420] = "s", [480] = "p", [540] = "p" }
  lwt.async(direct)
  local rows
  for n = 1, frames do
    time = n / FPS
    press(script[n] or n % 7 == 0 and (n // 140 % 2 == 0 and "a" or "d") or n % 90 == 0 and " ")
    rows = frame()
  end
  print(table.concat(rows, "\n"))
  print(("%d frames, clock %.2f, scene %s, %d points, best %d"):format(frames,
    game.clock:now(), game.scene, game.score, game.best))
end

local function read_keys()
  local stdin = require "lwt.io".stdin
  local arrows = { C = "d", D = "a" } -- of ESC [ C and ESC [ D
  while true do
    local key = await(stdin:read_char())
    if not key then return press("q") end
    if key == "\27" and await(stdin:read_char()) == "[" then
      key = arrows[await(stdin:read_char())]
    end
    press(key)
  end
end

local function in_terminal()
  os.execute("stty -echo -icanon min 1 time 0")
  io.write("\27[?25l\27[2J")
  local restore <close> = setmetatable({}, {
    __close = function()
      io.write("\27[?25h\27[2J\27[H")
      os.execute("stty sane")
    end,
  })
  lwt.async(read_keys)
  lwt.async(direct)
  local due = lwt.now()
  while game.running do
    io.write("\27[H", table.concat(frame(), "\n"))
    io.flush()
    -- The rest of the frame is for the keyboard; a frame that came too late is left out.
    due = math.max(due + 1 / FPS, lwt.now())
    lwt.run(lwt.sleep, due - lwt.now())
  end
  return restore
end

local opts = options(arg)
math.randomseed(opts.seed)
if opts.frames then
  without_terminal(opts.frames)
else
  local ok, err = pcall(in_terminal)
  if not ok and err ~= lwt.Interrupted then error(err, 0) end
end
