#!/bin/sh
# preloaded.sh SANITIZER FOLDER LUA: makes FOLDER/preloaded, which runs a command with the sanitizer's library
# loaded before it, and FOLDER/<name of LUA>, which runs the interpreter so. What a Lua program starts begins
# without that library, unless it is started by this name again: a shell with it takes six times as long.
set -eu
lua=$(command -v "$3")
mkdir -p "$2"
bin=$(cd "$2" && pwd)
library=$(${CC:-cc} -print-file-name="lib$1.so")
${CC:-cc} -shared -fPIC -x c -o "$bin/forget.so" - <<'END'
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>

/* Not in a shell: it may be what starts the interpreter (LuaRocks' scripts). This may come before the
** sanitizer has begun, so nothing is called that it has functions of its own for. */
__attribute__((constructor)) static void forget(void) {
  const char *name = program_invocation_short_name;
  if (name[0] == 'l' && name[1] == 'u' && name[2] == 'a') unsetenv("LD_PRELOAD");
}
END
cat >"$bin/preloaded" <<END
#!/bin/sh
LD_PRELOAD="$library $bin/forget.so\${LD_PRELOAD:+ \$LD_PRELOAD}" exec "\$@"
END
cat >"$bin/${lua##*/}" <<END
#!/bin/sh
exec $bin/preloaded $lua "\$@"
END
chmod +x "$bin/preloaded" "$bin/${lua##*/}"
