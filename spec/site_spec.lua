-- The site as a reader has it: pages from a folder, without a server and without a network. LWT_SITE
-- names the folder: `make site-check` builds it and runs this.

local shell = require "spec.support.shell"
local skip = require "spec.support.skip"

local SITE = os.getenv "LWT_SITE"

local function there(command) return shell.run("command -v " .. command).code == 0 end

local function pages()
  local out = {}
  for path in shell.run("cd '" .. SITE .. "' && find . -name '*.html' | LC_ALL=C sort").out:gmatch("%./([^\n]+)") do
    out[#out + 1] = path
  end
  return out
end

local function folder_of(path) return path:match("^(.*/)") or "" end

local function resolve(folder, link)
  local parts = {}
  for part in (folder .. link):gmatch("[^/]+") do
    if part == ".." then table.remove(parts) elseif part ~= "." then parts[#parts + 1] = part end
  end
  return table.concat(parts, "/")
end

-- Opens a page and gives its text after its scripts have run, and what they wrote to the console.
local profile
local function open(address)
  local root = shell.run("id -u").out == "0\n" and "--no-sandbox " or ""
  local result = shell.run(("timeout 120 chromium --headless %s--disable-gpu --disable-dev-shm-usage "
    .. "--user-data-dir='%s' --enable-logging=stderr --virtual-time-budget=20000 --dump-dom 'file://%s/%s'")
    :format(root, profile, SITE, address))
  local console = {}
  for line in result.err:gmatch("[^\n]+") do
    if line:find("CONSOLE", 1, true) then console[#console + 1] = line end
  end
  return result.out, table.concat(console, "\n")
end

describe("the site", function()
  if not SITE then
    it("is built and opened by make site-check", function()
      skip.here "make site-check builds the site and runs this"
    end)
    return
  end

  it("has a page for each page of the documentation, each example, and the search", function()
    local have = {}
    for _, path in ipairs(pages()) do have[path] = true end
    for _, path in ipairs { "index", "search", "doc/tutorial", "doc/guide/02-tasks", "doc/cookbook/time",
      "doc/reference/lwt.io", "doc/editors", "examples/echo.lua", "examples/tutorial/1-rooms.lua" } do
      assert.is_true(have[path .. ".html"], path)
    end
    for path in shell.run("find doc -name '*.md'").out:gmatch("([^\n]+)%.md") do
      assert.is_true(have[path .. ".html"], path)
    end
  end)

  it("has no link that leads nowhere, and none to a style or script elsewhere", function()
    local ids, texts, broken = {}, {}, {}
    for _, path in ipairs(pages()) do
      local text = shell.read(SITE .. "/" .. path)
      texts[path], ids[path] = text, {}
      for id in text:gmatch('%sid="([^"]+)"') do ids[path][id] = true end
    end
    local count = 0
    for path, text in pairs(texts) do
      for tag, name, link in text:gmatch('<(%a+)[^>]-%s(%a+)="([^"]*)"') do
        local is_link = name == "href" or name == "src"
        if is_link and (tag == "script" or tag == "link") and link:match("^%a+://") then
          broken[#broken + 1] = path .. ": loads " .. link
        end
      end
      for link in text:gmatch('<a[^>]-%shref="([^"]*)"') do
        local file, anchor = link:match("^([^#?]*)[^#]*#?(.*)$")
        if not link:match("^%a+:") then
          count = count + 1
          local target = file == "" and path or resolve(folder_of(path), file)
          local known = ids[target]
          if not known and not shell.run(("test -f '%s/%s'"):format(SITE, target)).code == 0 then
            broken[#broken + 1] = path .. ": " .. link
          elseif known and anchor ~= "" and not known[anchor] then
            broken[#broken + 1] = path .. ": " .. link
          elseif not known and target:match("%.html$") then
            broken[#broken + 1] = path .. ": " .. link
          end
        end
      end
    end
    assert.same({}, broken)
    assert.is_true(count > 1000, count)
  end)

  describe("in a browser", function()
    setup(function() profile = shell.temp_dir() end)
    teardown(function() shell.remove_dir(profile) end)

    local function opens(address, text)
      if not there "chromium" then skip.here "chromium is not installed" end
      local dom, console = open(address)
      assert.equal("", console)
      assert.truthy(dom:find(text, 1, true), dom:sub(1, 2000))
    end

    for address, text in pairs {
      ["index.html"] = "Promises and tasks for Lua 5.4", ["doc/tutorial.html"] = "in six steps",
      ["doc/guide/04-scopes.html"] = "tasks that end together", ["doc/cookbook/network.html"] = "Half-close",
      ["doc/reference/lwt.html"] = "lwt.with_timeout", ["examples/tutorial/1-rooms.lua.html"] = "establish_server",
    } do
      it("opens " .. address .. " without an error", function() opens(address, text) end)
    end

    it("finds what is searched, without a server", function()
      if not there "chromium" then skip.here "chromium is not installed" end
      local dom, console = open "search.html?q=debounce"
      assert.equal("", console)
      local results = dom:match('<ul class="search.-</ul>') or ""
      assert.truthy(results:find("cookbook/time.html", 1, true), results)
      dom = open "search.html?q=nosuchwordanywhere"
      assert.falsy(dom:find("cookbook/time.html#", 1, true))
    end)
  end)
end)
