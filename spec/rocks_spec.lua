-- The rocks beside lwt: what is not installed says where it is, and a new one is laid out in one go.

local shell = require "spec.support.shell"

describe("a rock that is not installed", function()
  it("is named by the error of require", function()
    local result = shell.run(shell.lua .. [[ -e '
      require "lwt"
      package.path, package.cpath = "", ""
      print(select(2, pcall(require, "lwt.ssl")))
      print(select(2, pcall(require, "lwt.read_line")))
      print(select(2, pcall(require, "nothing.of.ours")))']])
    assert(result.code == 0, result.err)
    assert.truthy(result.out:find("the rock lwt-ssl has it:  luarocks install lwt-ssl", 1, true), result.out)
    assert.truthy(result.out:find("luarocks install lwt-term", 1, true), result.out)
    assert.falsy(result.out:match("'nothing.of.ours'.*rock lwt"))
  end)
end)

describe("scripts/new-rock.sh", function()
  it("makes a rock that is built, required, installed and listed; and left out without its library",
    function()
      local dir = shell.temp_dir()
      local result = shell.run(([[
        scripts/tree.sh '%s' && cd '%s' && make() { command make --no-print-directory "$@"; } &&
        mkdir b && for part in core uv lwt flags $(ls src/*/rock.mk | cut -d/ -f2); do
          for built in "$LWT_BUILD/$part" "$LWT_BUILD/$part.flags"; do test ! -e "$built" || cp -a "$built" b; done
        done &&
        make BUILD=b LUA='%s' >/dev/null && LUA='%s' scripts/new-rock.sh sample zz/none.h none none-dev Nothing &&
        make BUILD=b | tee out && test ! -e b/lwt/sample/core.so &&
        grep -q "^lwt-sample is left out: there is no zz/none.h (Nothing; on Debian none-dev)" out &&
        sed -i 's/^sample_HEADER.*/sample_HEADER := math.h/; s/-lnone/-lm/; s/^sample_PKG.*//' src/sample/rock.mk &&
        sed -i 's/zz.none.h/math.h/' src/sample/module.c &&
        make BUILD=b &&
        LUA_CPATH='b/?.so' LUA_PATH='lua/?.lua;lua/?/init.lua' \
          '%s' -e 'require "lwt.sample.core" require "lwt.sample"' &&
        make BUILD=b install-files PREFIX="$PWD/p" >/dev/null && find p -path '*lwt/sample*' | LC_ALL=C sort &&
        '%s' scripts/rockspec.lua && '%s' scripts/rockspec.lua --check]]):format(
        dir, dir, shell.lua, shell.lua, shell.lua, shell.lua, shell.lua))
      shell.remove_dir(dir)
      assert(result.code == 0, result.out .. result.err)
      assert.truthy(result.out:find("p/lib/lua/5.4/lwt/sample/core.so", 1, true), result.out)
      assert.truthy(result.out:find("p/share/lua/5.4/lwt/sample.lua", 1, true), result.out)
    end)
end)
