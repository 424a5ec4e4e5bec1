-- What a stranger meets: the README's commands and output, and links that lead somewhere.

local shell = require "spec.support.shell"

describe("the README", function()
  local text = shell.read "README.md"

  it("shows what its program prints", function()
    local program, output = text:match "```lua\n(.-)```\n.-\n```\n(.-)```"
    local dir = shell.temp_dir()
    shell.write(dir .. "/program.lua", program)
    local r = shell.run(("cd '%s' && %s program.lua"):format(dir, shell.lua))
    shell.remove_dir(dir)
    assert.equal(output, r.out, r.err)
  end)

  it("has a first program of one's own that works as pasted", function()
    local commands = text:match "```sh\n(cat > hello%.lua.-)```"
    local dir = shell.temp_dir()
    shell.run(("mkdir '%s/bin' && ln -s '%s/bin/lwt' '%s/bin/lwt'"):format(dir, shell.here, dir))
    local r = shell.run(("cd '%s'\n%s"):format(dir, commands))
    shell.remove_dir(dir)
    assert.matches("^a second ago it was .*%d\n$", r.out, r.err)
  end)

  it("names targets of make that exist", function()
    local makefile = shell.read "Makefile"
    for _, page in ipairs { "README.md", "CONTRIBUTING.md" } do
      for target in shell.read(page):gmatch "%f[%a]make ([%l-]+)%f[ `\n,)]" do
        if target ~= "says" and target ~= "is" then
          assert.truthy(("\n" .. makefile):find("\n" .. target .. ":", 1, true), "make " .. target)
        end
      end
    end
  end)
end)

describe("the documentation", function()
  local function pages()
    local out = {}
    for path in shell.run "ls *.md examples/*.md; find doc -name '*.md'".out:gmatch "[^\n]+" do out[#out + 1] = path end
    return out
  end

  local anchors = {}
  local function anchors_of(path)
    if not anchors[path] then
      anchors[path] = {}
      for heading in ("\n" .. shell.read(path)):gmatch "\n#+ ([^\n]+)" do
        anchors[path][heading:lower():gsub("[^%w _-]", ""):gsub(" ", "-")] = true
      end
    end
    return anchors[path]
  end

  it("links to nothing that is not there", function()
    local broken, there = {}, {} -- a process for each page that is linked to, not for each link
    for _, path in ipairs(pages()) do
      local dir = path:match "^(.*/)" or ""
      local text = shell.read(path):gsub("```.-```", "")
      for link in text:gmatch "%]%(([^)%s]+)%)" do
        if not link:find "^https?:" then
          local file, anchor = link:match "^([^#]*)#?(.*)$"
          local target = file == "" and path or dir .. file
          while target:find "[^/]+/%.%./" do target = target:gsub("[^/]+/%.%./", "", 1) end
          if there[target] == nil then
            there[target] = shell.run(("test -e '%s'"):format(target)).code == 0
          end
          if not there[target] then
            broken[#broken + 1] = path .. ": " .. link
          elseif anchor ~= "" and not path:find "^doc/reference/" and not anchors_of(target)[anchor] then
            broken[#broken + 1] = path .. ": " .. link
          end
        end
      end
    end
    assert.same({}, broken)
  end)

  it("begins with a `make run` that tells in few lines what it builds", function()
    local plan = shell.run("make -n all SHORT=1 BUILD=build/never").out
    local _, said = ("\n" .. plan):gsub("\necho ", "")
    assert.truthy(plan:find("-c src/core/promise.c", 1, true), plan)
    assert.is_true(said < 12, said .. " lines:\n" .. plan)
  end)

  it("names examples that are there", function()
    for _, path in ipairs(pages()) do
      for name in shell.read(path):gmatch "`(examples/[%w_/.]+)`" do
        assert.equal(0, shell.run(("test -e '%s'"):format(name)).code, path .. ": " .. name)
      end
    end
  end)
end)
