-- Growth of the log: its sections, levels, rules, loggers (see growth.lua).

local log = require "lwt.log"

return function(g)
  local id = g.id

  -- n sections, and a logger that takes all. Loggers at work need a loop that turns: see `turns`.
  local function sections(n)
    local x = { l = log.make { output = id }, sections = {}, was = log.default() }
    for i = 1, n do x.sections[i] = log.section("growth" .. i) end
    x.s = x.sections[1]
    log.set_default(x.l)
    return x
  end
  local function operation(name, act, options)
    options = options or {}
    options.most = 1000 -- (sections are there for good)
    options.after = function(x)
      log.set_default(x.was)
      log.reset_rules()
      if x.path then os.remove(x.path) end
    end
    g.operation("log: " .. name, sections, act, options)
  end

  local levels = { "debug", "info", "notice", "warning", "error", "fatal" }
  operation("debug … fatal, log, error_of, of a section and of the main one", function(x)
    for _, level in ipairs(levels) do
      log[level]("said %d", 1)
      x.s[level](x.s, "said %d", 1)
    end
    log.log("error", "x")
    x.s:log("error", "x")
    log.error_of("no", "x")
    x.s:error_of("no", "x")
    g.turns(3)
  end)
  operation("with, with_fields, section", function(x)
    log.with_fields({ a = 1 }, function() log.error "more" end)
    log.with({ b = 2 }):error "more"
    x.s:with({ b = 2 }):error "more"
    log.section "growth1"
    g.turns(3)
  end)
  operation("is, level, set_level, reset_level of a section", function(x)
    x.s:is "info"
    x.s:set_level(x.s:level())
    x.s:reset_level()
  end)
  operation("is, level, set_level, reset_level", function()
    log.is "info"
    log.set_level(log.level())
    log.reset_level()
  end, { linear = "every section is told", slow = true })
  operation("load_rules, add_rule, reset_rules", function()
    log.load_rules "growth.* -> debug; warning"
    log.add_rule("growth1", "info")
    log.reset_rules()
  end, { linear = "a rule is for every section", slow = true })
  operation("make, is, is_closed, close; default, set_default, buffered", function()
    local l = log.make { output = id }
    local b = log.buffered(l, 10)
    log.is_closed(b)
    b:close()
    log.close(l)
    log.default():set_default()
    g.turns(3)
  end)
  operation("broadcast, dispatch, lualogging, from_lualogging, capture", function(x)
    log.broadcast { x.l }
    log.dispatch(function() return x.l end)
    log.lualogging("growth1"):info "x"
    log.from_lualogging { log = id }
    log.capture()()
    g.turns(3)
  end)

  g.system("log: channel, json, file, syslog", function(n)
    local x = sections(n)
    x.path = os.tmpname()
    x.r, x.w = require "lwt.io".pipe()
    return x
  end, function(x)
    log.channel { channel = x.w }:close():await()
    log.json { channel = x.w }:close():await()
    log.file { path = x.path, mode = "truncate" }:await():close():await()
    log.syslog { paths = { "/none/such" } }:close():await()
  end, { after = function(x)
    log.set_default(x.was)
    os.remove(x.path)
  end })
end
