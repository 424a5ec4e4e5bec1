-- lgi for these specs: LGI names the folder that `make test` has built it in (scripts/lgi.sh).
-- Gives lgi, or nil and why the specs that need it are skipped.
return function()
  local folder = os.getenv "LGI" or "build/lgi"
  if not io.open(folder .. "/lgi.lua") then
    return nil, "lgi for Lua 5.4 was not built (make lgi says why)"
  end
  package.path = folder .. "/?.lua;" .. package.path
  package.cpath = folder .. "/?.so;" .. package.cpath
  return require "lgi"
end
