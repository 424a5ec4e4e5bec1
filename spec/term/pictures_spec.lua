-- The guide's pictures of terminals are what programs really show on one.

local picture = require "spec.support.picture"
local pty = require "spec.support.pty"

local function program(code, columns, rows) return pty.program(code, { columns = columns, rows = rows }) end

local function shows(on, expected)
  on:wait(function() return table.concat(on.screen:rows(), "\n") == expected end, expected)
end

describe("a picture of the guide", function()
  it("shows a line that is edited, what is printed meanwhile, and the menu of completion", function()
    local on <close> = program([[
      local lwt, read_line, term = require "lwt", require "lwt.read_line", require "lwt.term"
      lwt.run(function()
        local line = read_line.start {
          prompt = { term.fg.green, "you", term.reset, "> " },
          highlight = function(text) return (text:gsub("#%w+", "\27[1;36m%0\27[m")) end,
          complete = function() return { "moment", "momentum", "mountain" } end,
        }
        line:print { term.fg.blue, "12:01 ann", term.reset, "  are you there?" }
        line:print { term.fg.yellow, "12:01 bob", term.reset, "  the build of ", term.bold, "main", term.reset,
          " is green" }
        lwt.await(line:result())
      end)]], 56, 8)
    on:expect "green"
    on:type "#lunch? yes, just a mo\t\t\t"
    shows(on, "12:01 ann  are you there?\n12:01 bob  the build of main is green\n"
      .. "you> #lunch? yes, just a moment\nmoment    momentum  mountain")
    picture.check("doc/pictures/read-line.svg", on.screen)
    on:type "\7\4"
  end)

  it("shows styles, a table and a question", function()
    local on <close> = program([[
      local lwt, term = require "lwt", require "lwt.term"
      lwt.run(function()
        lwt.await(term.print { term.bold, "3 hosts", term.reset, " answered, ", term.fg.red, "1 did not",
          term.reset, "\n\n" })
        lwt.await(term.table({ { "alpha", "12 ms", 5 }, { "beta", "230 ms", 12 }, { "gamma", "7 ms", 2 } },
          { header = { "host", "time", "jobs" } }))
        lwt.await(term.choose({ "try again", "leave it out", "stop" }, { question = "delta does not answer:" }))
      end)]], 56, 14)
    on:expect "stop"
    on:type "\27[B"
    on:wait(function()
      for y = 1, 14 do
        if on.screen:row(y):find "leave it out" and on.screen:row(y):find "^[^ ]" then return true end
      end
    end)
    picture.check("doc/pictures/terminal.svg", on.screen)
    on:kill "TERM"
  end)
end)
