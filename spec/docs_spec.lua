-- Every code block of the README and of doc/ is run as a reader would, and the reference is what
-- the sources say.

local lwt, lio, process = require "lwt", require "lwt.io", require "lwt.process"
local list = require "lwt.list"
local shell = require "spec.support.shell"

local BLOCK = shell.here .. "/spec/support/block.lua"

-- { { line =, info =, text = } } of the ```lua blocks in a Markdown text.
local function blocks_of(text)
  local out, block, number = {}, nil, 0
  for line in (text .. "\n"):gmatch("(.-)\n") do
    number = number + 1
    if block then
      if line:match("^%s*```%s*$") then
        block.text = table.concat(block.lines, "\n") .. "\n"
        out[#out + 1] = block
        block = nil
      else
        block.lines[#block.lines + 1] = line
      end
    else
      local info = line:match("^%s*```%s*(.*)$")
      if info then block = { line = number + 1, info = info:gsub("%s+$", ""), lines = {} } end
    end
  end
  assert(not block, "a code block is not closed")
  return out
end

-- One process for each block, and no shell: there are hundreds of them. Gives a promise.
local function run(block, page)
  return lio.with_temp_dir(function(dir)
    local path = shell.write(os.tmpname(), block.text)
    local child = process.open({ shell.lua, BLOCK, path, page },
      { cwd = dir, stdin = "null", stdout = "null", stderr = "pipe", timeout = 120 })
    local text = child.stderr:read():await()
    os.remove(path)
    return child:status():await().code == 0, (text:gsub("block:(%d+):", function(n)
      return ("line %d of the page:"):format(block.line + n - 1)
    end))
  end)
end

local function run_block(block, page) return lwt.run(run(block, page)) end

-- The blocks of a page that are marked as Lua. They run when the first result is asked for, two at
-- a time: most of them wait for a clock.
local function blocks_that_run(path)
  local page, blocks = path:match("^doc/reference/(lwt[%w_.]*)%.md$") or "", {}
  for _, block in ipairs(blocks_of(shell.read(path))) do
    if block.info == "lua" then blocks[#blocks + 1] = block end
  end
  local results
  return blocks, function(i)
    results = results or lwt.run(list.map_n(function(block)
      return { run(block, page):await() }
    end, blocks, 2))
    return table.unpack(results[i])
  end
end

local function pages()
  local out = {}
  local found = shell.run("ls README.md CONTRIBUTING.md; find doc -name '*.md' | LC_ALL=C sort").out
  for path in found:gmatch("[^\n]+") do out[#out + 1] = path end
  return out
end

describe("the documentation", function()
  -- Hundreds of processes: once is enough, so not again under a sanitizer.
  for _, path in ipairs(os.getenv("LWT_UNDER") and {} or pages()) do
    local blocks, result = blocks_that_run(path)
    for i, block in ipairs(blocks) do
      it(("holds at %s:%d"):format(path, block.line), function()
        local ok, text = result(i)
        assert(ok, text)
      end)
    end
  end

  it("shows pictures that are there", function()
    local shown = 0
    for _, path in ipairs(pages()) do
      for picture in shell.read(path):gmatch("!%b[](%b())") do
        local file = (path:match("^(.*/)") or "") .. picture:sub(2, -2)
        local content = shell.read(file)
        assert.truthy(content:find("<svg", 1, true) or content:sub(1, 8) == "\137PNG\r\n\26\n",
          path .. ": " .. picture)
        shown = shown + 1
      end
    end
    assert.is_true(shown >= 4)
  end)

  it("opts out of nothing but by the words `lua norun`", function()
    for _, path in ipairs(pages()) do
      for _, block in ipairs(blocks_of(shell.read(path))) do
        local word, rest = block.info:match("^(%S*)%s*(.*)$")
        if word == "lua" and rest ~= "" then assert.equal("norun", rest, path .. ":" .. block.line) end
      end
    end
  end)
end)

describe("the runner of code blocks", function()
  local function verdict(text, page)
    return run_block({ text = text, line = 1 }, page or "")
  end

  it("accepts what is true", function()
    local ok, text = verdict("print(1, 'a')   --> 1 a\nprint(await(lwt.fulfilled(2)))  --> 2\n")
    assert(ok, text)
  end)

  it("refuses a wrong value, a line that prints nothing, and an error, naming the line", function()
    local ok, text = verdict("\nprint(1)   --> 2\n")
    assert.falsy(ok)
    assert.truthy(text:find("line 2 of the page: printed: 1", 1, true), text)
    ok, text = verdict("if false then print(1) end --> 1\n")
    assert.falsy(ok)
    assert.truthy(text:find("printed: nothing", 1, true), text)
    ok, text = verdict("local x = 1\nerror('no')\n")
    assert.falsy(ok)
    assert.truthy(text:find("line 2 of the page: no", 1, true), text)
  end)

  it("takes what callbacks print in the order of time, and several lines for one", function()
    local ok, text = verdict([[
local p, r = lwt.wait()
p:on_success(print)
r:wakeup(1, 2)   --> 1 2
for i = 3, 4 do print(i) end  --> 3
                              --> 4
]])
    assert(ok, text)
    ok, text = verdict([[
lwt.spawn(function()
  lwt.yield()
  print "later"   --> later
end)
print "now"       --> now
lwt.yield()
]])
    assert(ok, text)
  end)

  it("refuses callbacks that print something else", function()
    local ok, text = verdict("lwt.fulfilled(1):on_success(print)   --> 2\n")
    assert.falsy(ok)
    assert.truthy(text:find("printed: 1", 1, true), text)
  end)

  it("runs a block that calls lwt.run as a plain chunk", function()
    local ok, text = verdict("print(lwt.run(function() return 3 end))  --> 3\n")
    assert(ok, text)
  end)
end)

describe("the reference", function()
  it("is what the sources say, whole, and about nothing that does not exist", function()
    local result = shell.run(shell.lua .. " scripts/docs.lua --check")
    assert(result.code == 0, result.err)
  end)

  it("shows every entry on a page, those that share a last name too", function()
    local ok, missing = true, {}
    local source = require "scripts.docs.read".read()
    for _, module in ipairs(require "scripts.docs.pages".by_module(source)) do
      local text = shell.read("doc/reference/" .. module.name .. ".md")
      for _, entry in ipairs(module.entries) do
        local short = module.name == "lwt.io" and "lio" or module.name:match("[^.]+$")
        local heading = ("\n### %s.%s"):format(short, entry.name)
        if not text:find(heading .. "(", 1, true) and not text:find(heading .. "\n", 1, true) then
          ok, missing[#missing + 1] = false, heading:sub(6)
        end
      end
    end
    assert(ok, "on no page: " .. table.concat(missing, ", "))
    for _, name in ipairs { "Canceled", "Timeout", "EOF", "Closed", "Interrupted" } do
      assert(source.by_name["lwt." .. name], name)
    end
  end)

  it("is missed by name when it is not there", function()
    local dir = shell.temp_dir()
    local result = shell.run(([[scripts/tree.sh '%s' && cd '%s' &&
      sed -i 's/^@function lwt.pick(.*\*\/$/*\//; /^@function lwt.pick(/d' src/core/*.c &&
      %s scripts/docs.lua --check]]):format(dir, dir, shell.lua))
    shell.remove_dir(dir)
    assert.equal(1, result.code)
    assert.truthy(result.err:find("lwt.pick: a public function without an entry", 1, true), result.err)
  end)
end)

-- An object of each type whose functions the reference shows as methods.
local samples = {}

function samples.make()
  local io, net = lio, require "lwt.net"
  local stream, react = require "lwt.stream", require "lwt.react"
  local p, r = lwt.wait()
  local _, pusher = stream.create_bounded(1)
  local event, signal = react.E.create(), react.S.create(1)
  local tty
  pcall(function() tty = net.tty(0) end) -- where there is a terminal
  local of = {
    Promise = p, Resolver = r, Key = lwt.new_key(), Hook = lwt.on_iteration("enter", print),
    Barrier = require "lwt.barrier".create(1), Bytes = require "lwt.bytes".create(1),
    Clock = require "lwt.clock".create(), Condition = require "lwt.condition".create(),
    File = lwt.run(require "lwt.fs".open("README.md")), Channel = io.of_bytes("x"),
    Mutex = require "lwt.mutex".create(), Mvar = require "lwt.mvar".create(),
    Listener = lwt.run(net.tcp_listen("127.0.0.1:0")), Logger = require "lwt.log".null,
    Udp = net.udp("127.0.0.1:0"), Tty = tty, Pool = require "lwt.pool".create(1, print),
    ThreadChannel = require "lwt.preemptive".channel(1),
    Process = lwt.run(function() return process.open { "true" } end),
    Event = event, Notifier = event:notify(print), Signal = signal, Step = react.Step.create(),
    Semaphore = require "lwt.semaphore".create(1), Seq = require "lwt.seq".empty,
    SignalHandler = require "lwt.signal".on("WINCH", print), Stream = stream.of_list {},
    StreamPusher = pusher, Switch = require "lwt.switch".create(),
    TextChannel = require "lwt.text".make(io.of_bytes("x")),
    Throttle = require "lwt.throttle".create(1, 1), Timer = require "lwt.timer".create(1, print),
  }
  local has_term, term = pcall(require, "lwt.term")
  if has_term then
    local _, output = io.pipe()
    of.Terminal = term.open(io.of_bytes "", output)
    of.Bar, of.Spinner = of.Terminal:progress(), of.Terminal:spinner()
    of.TerminalGuard = of.Terminal:raw_mode()
    local read_line = require "lwt.read_line"
    of.Line = read_line.start { term = of.Terminal }
    of.LineHistory = read_line.history()
    of.LineEditor = require("lwt.read_line.editor").new { maps = {} }
  end
  lwt.run(lwt.scope(function(s) of.Scope = s end))
  of.Socket = lwt.run(net.tcp_connect(of.Listener:address()))
  of.Hook:remove()
  of.Notifier:stop()
  of.SignalHandler:stop()
  lwt.run(function()
    of.Process:status():await()
    for _, name in ipairs { "File", "Listener", "Socket", "Udp" } do of[name]:close() end
  end)
  return of
end

describe("the reference's methods", function()
  it("are there, on an object of their type", function()
    local of, missing, shown = samples.make(), {}, 0
    for path in shell.run("ls doc/reference/lwt*.md").out:gmatch("[^\n]+") do
      local text = shell.read(path) .. "\n### "
      for entry in text:gmatch("As a method: (`.-)\n### ") do
        local receiver, method = entry:match("^`([%w_]+):([%w_]+)%(")
        local type_name = entry:match("%- `" .. receiver .. "` %(`lwt%.(%a+)[<`|]")
        assert(type_name, path .. ": " .. entry:match("^`.-`") .. " has a receiver without a type")
        local object = of[type_name]
        if object == nil then
          assert.equal("Tty", type_name, path)
        else
          local ok, f = pcall(function() return object[method] end)
          if not (ok and type(f) == "function") then
            missing[#missing + 1] = ("%s.%s"):format(type_name, method)
          end
          shown = shown + 1
        end
      end
    end
    assert.same({}, missing)
    assert.is_true(shown > 250, shown)
  end)
end)
