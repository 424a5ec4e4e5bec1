# lwt: build, try, test, install. `make help` lists the targets.
#
# CC CFLAGS LDFLAGS LUA LUA_INCDIR LUA_VERSION LIBUV_INCDIR LIBUV_LIBDIR PREFIX DESTDIR
# INST_LIBDIR INST_LUADIR BUSTED may be set from outside and win. pkg-config, where it is
# there, only fills in what was not set.

LUA_VERSION ?= 5.4
LUA ?= lua$(LUA_VERSION)
PREFIX_GIVEN := $(filter command environment,$(firstword $(origin PREFIX)))
PREFIX ?= /usr/local
# Not every shell does this.
override PREFIX := $(patsubst ~/%,$(HOME)/%,$(PREFIX))
INST_LIBDIR ?= $(PREFIX)/lib/lua/$(LUA_VERSION)
INST_LUADIR ?= $(PREFIX)/share/lua/$(LUA_VERSION)
INST_BINDIR ?= $(PREFIX)/bin
INST_INCDIR ?= $(PREFIX)/include
INST_DATADIR ?= $(PREFIX)/share/lwt
INST_MANDIR ?= $(PREFIX)/share/man
INST_PCDIR ?= $(PREFIX)/lib/pkgconfig
INSTALL ?= install
BUILD ?= build
CFLAGS ?= -O2 -g

pkgconf = $(shell pkg-config $(1) 2>/dev/null)
ifndef LUA_INCDIR
LUA_INCDIR := $(firstword $(patsubst -I%,%,$(filter -I%,$(call pkgconf,--cflags-only-I lua$(LUA_VERSION)))) \
  $(wildcard /usr/include/lua$(LUA_VERSION)) /usr/include/lua$(LUA_VERSION))
endif
ifndef LIBUV_INCDIR
LIBUV_INCDIR := $(firstword $(patsubst -I%,%,$(filter -I%,$(call pkgconf,--cflags-only-I libuv))))
endif
ifndef LIBUV_LIBDIR
LIBUV_LIBDIR := $(firstword $(patsubst -L%,%,$(filter -L%,$(call pkgconf,--libs-only-L libuv))))
endif

VERSION := $(shell sed -n 's/^\#define LWT_VERSION "\(.*\)"/\1/p' src/lwt.h)
# WERROR=1: a warning is an error. `make lint` sees to that in a build of its own, if it was not set before.
WARN := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion $(if $(WERROR),-Werror)
ifeq ($(shell uname -s),Darwin)
LIBFLAG ?= -bundle -undefined dynamic_lookup
else
LIBFLAG ?= -shared
endif
UV_LIBS = $(if $(LIBUV_LIBDIR),-L$(LIBUV_LIBDIR) -Wl$(comma)-rpath$(comma)$(LIBUV_LIBDIR)) -luv -lpthread
comma := ,

CORE_SRC := $(sort $(wildcard src/core/*.c))
UV_SRC := $(sort $(wildcard src/uv/*.c src/uv/*/*.c))
CORE_OBJ := $(CORE_SRC:src/%.c=$(BUILD)/%.o)
UV_OBJ := $(UV_SRC:src/%.c=$(BUILD)/%.o)

# Calls of Lua's API are most of what the core does: straight, not through stubs (12 % of a spawn).
FAST := $(if $(filter Linux,$(shell uname -s)),-fno-plt)
CORE_CC = $(CC) -std=c11 -D_GNU_SOURCE -fPIC $(FAST) -fvisibility=hidden -pthread $(WARN) $(CFLAGS) $(CPPFLAGS) -I$(LUA_INCDIR)
UV_CC = $(CORE_CC) $(if $(LIBUV_INCDIR),-I$(LIBUV_INCDIR))

# The rocks beside lwt: each folder of src/ with a rock.mk is one, and is built where its library is
# (see CONTRIBUTING). Its module in C is lwt.<rock>.core; its Lua modules are named in rock.mk.
ROCKS := $(patsubst src/%/rock.mk,%,$(sort $(wildcard src/*/rock.mk)))
include $(ROCKS:%=src/%/rock.mk)
HASH := \#
define look_at_rock
$(1)_SRC := $(sort $(wildcard src/$(1)/*.c src/$(1)/*/*.c))
$(1)_OBJ := $$($(1)_SRC:src/%.c=$$(BUILD)/%.o)
$(1)_LUA_SRC := $$(sort $$(shell cd lua/lwt && find $$(foreach name,$$($(1)_LUA),$$(name).lua $$(name)) -name '*.lua' 2>/dev/null))
$(1)_CFLAGS ?= $$(if $$($(1)_PKG),$$(call pkgconf,--cflags $$($(1)_PKG)))
$(1)_LDFLAGS ?= $$(if $$($(1)_PKG),$$(call pkgconf,--libs-only-L $$($(1)_PKG)))
$(1)_THERE := $$(if $$($(1)_HEADER),$$(shell echo '$$(HASH)include <$$($(1)_HEADER)>' | $$(CC) $$($(1)_CFLAGS) -E -x c - >/dev/null 2>&1 && echo yes),yes)
$(1)_CC = $$(CORE_CC) -Isrc $$($(1)_CFLAGS)
endef
$(foreach rock,$(ROCKS),$(eval $(call look_at_rock,$(rock))))
BUILT_ROCKS := $(foreach rock,$(ROCKS),$(if $($(rock)_THERE),$(rock)))
LEFT_OUT := $(filter-out $(BUILT_ROCKS),$(ROCKS))
ROCK_SRC := $(foreach rock,$(BUILT_ROCKS),$($(rock)_SRC))
ROCK_OBJ := $(foreach rock,$(BUILT_ROCKS),$($(rock)_OBJ))

# What is built and installed: without what belongs to a rock that is left out.
LUA_SRC := $(filter-out $(foreach rock,$(LEFT_OUT),$($(rock)_LUA_SRC:%=lua/lwt/%)),$(sort $(shell find lua -name '*.lua' 2>/dev/null)))
MODULES := $(if $(CORE_SRC),$(BUILD)/lwt/core.so) $(if $(UV_SRC),$(BUILD)/lwt/uv.so) \
  $(foreach rock,$(BUILT_ROCKS),$(if $($(rock)_SRC),$(BUILD)/lwt/$(rock)/core.so))

# What programs run from the checkout see: absolute, so that they may change directory.
RUN_ENV = LUA_PATH="$(CURDIR)/lua/?.lua;$(CURDIR)/lua/?/init.lua;$(CURDIR)/?.lua;;" \
  LUA_CPATH="$(abspath $(BUILD))/?.so;;" LWT_BUILD="$(abspath $(BUILD))" LUA="$(LUA)" LUA_INIT= LUA_INIT_5_4=
# The same for the specs, which look at their own processes and open terminals.
SPEC_ENV = scripts/mounted.sh env $(RUN_ENV)
BUSTED ?= $(or $(shell command -v busted 2>/dev/null),busted)
# Debian's busted is a Lua script for any Lua; LuaRocks makes a shell script that knows its own.
# A spec may take this many seconds. No spec takes one on a machine like ours: the limit is there to
# end what hangs, never to fail what is slow.
TEST_TIMEOUT = $(or $(LWT_TEST_TIMEOUT),240)
# $(1): what stands before the interpreter (valgrind, or what is loaded before it).
RUN_SPECS = LWT_TEST_TIMEOUT="$(TEST_TIMEOUT)" scripts/specs.sh $(1) \
  $(if $(shell sed -n '1{/lua/p;q}' "$(BUSTED)" 2>/dev/null),$(LUA)) $(BUSTED) --cpath="$(BUILD)/?.so" -- $(ARGS)
DEPS = @CC="$(CC)" LUA="$(LUA)" LUA_VERSION="$(LUA_VERSION)" LUA_INCDIR="$(LUA_INCDIR)" \
  LIBUV_INCDIR="$(LIBUV_INCDIR)" LIBUV_LIBDIR="$(LIBUV_LIBDIR)" BUSTED="$(BUSTED)" scripts/deps.sh
# A make of its own: what deps.sh has just installed is only seen by a fresh look.
AGAIN = +@$(MAKE) --no-print-directory

.PHONY: all help env run test lgi gtk-check check asan valgrind tsan lint format format-check docs docs-check site site-check \
  install install-files uninstall dist clean fuzz soak soak-run coverage bench bench-count rock-test
.DELETE_ON_ERROR:

all: $(MODULES)
	$(if $(LEFT_OUT),@$(foreach rock,$(LEFT_OUT),echo "lwt-$(rock) is left out: there is no $($(rock)_HEADER) ($($(rock)_NEEDS); on Debian $($(rock)_DEBIAN))";),@:)

help:
	@echo "make               build lwt.core, lwt.uv, and the rocks whose libraries are there, in $(BUILD)"
	@echo "make env           LUA_PATH and LUA_CPATH for this checkout, for eval; for a folder with PREFIX=…"
	@echo "make run           the main example; ARGS=\"-n 8 /usr/include\" mirrors another folder"
	@echo "make test          the specs, side by side; ARGS=spec/x_spec.lua runs one file"
	@echo "make check         everything a careful person would run: format-check lint docs-check test asan valgrind tsan"
	@echo "make asan          the specs under the address and undefined-behaviour sanitizers"
	@echo "make valgrind      the specs under valgrind"
	@echo "make tsan          the specs of threads under the thread sanitizer"
	@echo "make lint          warnings as errors, clang-tidy (not with NO_TIDY=1), luacheck; lua-language-server over examples/ where it is"
	@echo "make format        clang-format over src/ (format-check only looks)"
	@echo "make docs          doc/reference/ and types/ from the sources (docs-check only looks)"
	@echo "make site          the documentation as HTML in $(BUILD)/site; site-check opens it in a browser"
	@echo "make lgi           GLib, GIO and GTK for Lua 5.4 in $(LGI); gtk-check clicks on examples/downloads.lua"
	@echo "make coverage      branch coverage of src/core and src/uv"
	@echo "make fuzz          seeded random runs against models; ARGS=\"SEED COUNT\""
	@echo "make soak          everything at once, SOAK_SECONDS=600, under the address sanitizer; ARGS=SEED"
	@echo "make bench         measurements; bench-count: instructions instead of time"
	@echo "make install       into PREFIX ($(PREFIX)), below DESTDIR; uninstall takes it back"
	@echo "make dist          build/lwt-$(VERSION).tar.gz"
	@echo "make rock-test     builds, packs and installs the rock into throw-away trees"

# ---- Building ---------------------------------------------------------------

# A line for each file; the whole commands with V=1; with SHORT=1 only what is made of the files.
say = $(if $(V),,$(if $(and $(SHORT),$(filter CC,$(1))),@:,@echo "$(1) $(2)"))
Q := $(if $(V),,@)

$(CORE_OBJ): $(BUILD)/%.o: src/%.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CORE_CC) -MMD -MP -c $< -o $@

$(UV_OBJ): $(BUILD)/%.o: src/%.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(UV_CC) -MMD -MP -c $< -o $@

$(BUILD)/lwt/core.so: $(CORE_OBJ)
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(LIBFLAG) $(CFLAGS) $(LDFLAGS) -o $@ $(CORE_OBJ)

$(BUILD)/lwt/uv.so: $(UV_OBJ)
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(LIBFLAG) $(CFLAGS) $(LDFLAGS) -o $@ $(UV_OBJ) $(UV_LIBS)

# (With -Werror the same is made.)
recorded = $(subst ','\'',$(filter-out -Werror,$($(1)_CC)) $($(1)_SRC) $($(1)_LDFLAGS) $($(1)_LIBS))
define build_rock
$$($(1)_OBJ): $$(BUILD)/%.o: src/%.c $$(BUILD)/$(1).flags
	@mkdir -p $$(@D)
	$$(call say,CC,$$<)
	$$(Q)$$($(1)_CC) -MMD -MP -c $$< -o $$@

$$(BUILD)/lwt/$(1)/core.so: $$($(1)_OBJ)
	@mkdir -p $$(@D)
	$$(call say,LD,$$@)
	$$(Q)$$(CC) $$(LIBFLAG) $$(CFLAGS) $$(LDFLAGS) -o $$@ $$($(1)_OBJ) $$($(1)_LDFLAGS) $$($(1)_LIBS)

$$(BUILD)/$(1).flags: $$(BUILD)/flags FORCE
	@echo '$$(call recorded,$(1))' | cmp -s - $$@ || { \
	  rm -f $$(filter-out $$($(1)_OBJ),$$(wildcard $$(BUILD)/$(1)/*.o $$(BUILD)/$(1)/*/*.o)) && \
	  echo '$$(call recorded,$(1))' > $$@; }
endef
$(foreach rock,$(BUILT_ROCKS),$(eval $(call build_rock,$(rock))))

# Changes when the flags or the list of files do, so that everything is built again, and what
# was built of a file that is gone goes too. The first line of a build: with no compiler or header
# it says so in words.
FLAGS := $(CC) $(CFLAGS) $(CPPFLAGS) $(LDFLAGS) $(LUA_INCDIR) $(LIBUV_INCDIR) $(LIBUV_LIBDIR) $(CORE_SRC) $(UV_SRC)
$(BUILD)/flags: FORCE
	@mkdir -p $(@D)
	@echo '$(subst ','\'',$(FLAGS))' | cmp -s - $@ || { \
	  CC="$(CC)" LUA="$(LUA)" LUA_VERSION="$(LUA_VERSION)" LUA_INCDIR="$(LUA_INCDIR)" \
	  LIBUV_INCDIR="$(LIBUV_INCDIR)" LIBUV_LIBDIR="$(LIBUV_LIBDIR)" scripts/deps.sh --look build && \
	  rm -f $(filter-out $(CORE_OBJ) $(UV_OBJ),$(wildcard $(BUILD)/core/*.o $(BUILD)/uv/*.o $(BUILD)/uv/*/*.o)) && \
	  echo '$(subst ','\'',$(FLAGS))' > $@ $(if $(SHORT),&& echo "building lwt"); }
FORCE:

-include $(CORE_OBJ:.o=.d) $(UV_OBJ:.o=.d) $(ROCK_OBJ:.o=.d)

# ---- Trying and testing -----------------------------------------------------

run:
	$(DEPS) run
	$(AGAIN) all SHORT=1
	@$(RUN_ENV) $(LUA) bin/lwt examples/mirror.lua $(ARGS)

# What a shell needs to start plain lua5.4 with lwt: from this checkout, or, when PREFIX is given,
# from where `make install` puts it.
env:
ifeq ($(PREFIX_GIVEN),)
	@echo "export LUA_PATH='$(CURDIR)/lua/?.lua;$(CURDIR)/lua/?/init.lua;;' LUA_CPATH='$(abspath $(BUILD))/?.so;;'"
else
	@echo "export LUA_PATH='$(INST_LUADIR)/?.lua;$(INST_LUADIR)/?/init.lua;;' LUA_CPATH='$(INST_LIBDIR)/?.so;;'"
endif

test:
	$(DEPS) test
	$(AGAIN) all
	$(LGI_TRY)
	@$(SPEC_ENV) $(call RUN_SPECS)

# lgi (GLib's GIO and GTK for Lua) for Lua 5.4, which Debian does not have: for the specs of
# lwt.glib that need it, and for examples/downloads.lua.
export LGI ?= $(abspath $(BUILD))/lgi
lgi:
	$(DEPS) lgi
	@CC="$(CC)" LUA_INCDIR="$(LUA_INCDIR)" scripts/lgi.sh "$(LGI)"
# Without it (and with a network that does not answer) there are specs enough.
LGI_TRY = $(if $(filter glib,$(BUILT_ROCKS)),$(if $(wildcard $(LGI)/lgi.lua),,@$(MAKE) --no-print-directory lgi 2>&1 | grep -v ^make \
  || true; test -f "$(LGI)/lgi.lua" || echo "the specs of lwt.glib that need lgi are skipped"))

# Not part of `make test`: GTK, a display and who clicks on it are large things to install.
gtk-check: ARGS = spec/examples/downloads_spec.lua
gtk-check:
	$(DEPS) gtk-check
	$(AGAIN) all lgi
	@$(SPEC_ENV) LWT_GTK=1 $(call RUN_SPECS)

# What refuses memory and calls, and runs finalizers: the build under test is what they try. (Every request,
# without LWT_SPEC_STRIDE, takes hours.)
REFUSING = $(shell grep -l support.refusing -r spec --include='*_spec.lua' | sort)
check:
	$(DEPS) check
	$(AGAIN) format-check
	$(AGAIN) lint
	$(AGAIN) docs-check
	$(AGAIN) test LWT_SPEC_FULL=1 LWT_SPEC_LIMIT=14400
	$(AGAIN) asan
	$(AGAIN) asan LWT_SPEC_FULL=1 LWT_SPEC_STRIDE=5 LWT_SPEC_LIMIT=14400 ARGS="$(REFUSING)"
	$(AGAIN) valgrind
	$(AGAIN) tsan
	$(AGAIN) bench-count

# The interpreter itself is not instrumented: $(BUILD)/bin/preloaded loads the sanitizer's library ($(1)) before
# it, and so does $(BUILD)/bin/lua5.4, by whose name the specs start programs of their own.
preloaded = @CC="$(CC)" scripts/preloaded.sh $(1) "$(BUILD)/bin" "$(LUA)"
# Lua is found there by its name; a script of LuaRocks' that knows its own is not.
PRELOADED = $(if $(shell sed -n '1{/lua/p;q}' "$(BUSTED)" 2>/dev/null),,$(abspath $(BUILD))/bin/preloaded)
PRELOADED_ENV = LUA="$(abspath $(BUILD))/bin/$(notdir $(LUA))" PATH="$(abspath $(BUILD))/bin:$$PATH"

ASAN_BUILD := $(BUILD)/asan
ASAN_CFLAGS := -O1 -g1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=undefined
asan:
	$(DEPS) asan
	$(AGAIN) all BUILD=$(ASAN_BUILD) CFLAGS="$(ASAN_CFLAGS)"
	$(AGAIN) asan-run BUILD=$(ASAN_BUILD) CFLAGS="$(ASAN_CFLAGS)"
# Each of some thousand processes ends a third sooner when it does not look for leaks. What was freed is watched
# among 64 MB, and not 256; a report has the last 12 calls, and not 30.
ASAN_DAILY = detect_leaks=0:quarantine_size_mb=64:malloc_context_size=12
ASAN_ENV = LWT_UNDER=asan LWT_CFLAGS="$(ASAN_CFLAGS)" \
  ASAN_OPTIONS=detect_leaks=1:detect_stack_use_after_return=0:allocator_may_return_null=1$(if $(LWT_SPEC_DAILY),:$(ASAN_DAILY)) \
  LSAN_OPTIONS=suppressions=$(CURDIR)/scripts/lsan.supp:print_suppressions=0 \
  UBSAN_OPTIONS=print_stacktrace=1
asan-run:
	$(call preloaded,asan)
	@$(SPEC_ENV) $(ASAN_ENV) $(PRELOADED_ENV) $(call RUN_SPECS,$(PRELOADED))

# Lua leaves our functions by longjmp, so what is noted at their entry would grow for ever: with
# gcc it is left out, at the price of one frame per stack in a report.
TSAN_CFLAGS := -O1 -g1 -fno-omit-frame-pointer -fsanitize=thread $(if $(filter tsan,$(MAKECMDGOALS)),\
  $(shell echo | $(CC) --param=tsan-instrument-func-entry-exit=0 -x c -E - >/dev/null 2>&1 && \
  echo --param=tsan-instrument-func-entry-exit=0))
tsan:
	$(DEPS) tsan
	$(AGAIN) all BUILD=$(BUILD)/tsan CFLAGS="$(TSAN_CFLAGS)" $(if $(ARGS),,ROCKS=)
	$(AGAIN) tsan-run BUILD=$(BUILD)/tsan CFLAGS="$(TSAN_CFLAGS)" \
	  ARGS="$(or $(ARGS),$(sort $(wildcard spec/uv/threads/*_spec.lua spec/preemptive_spec.lua spec/log/worker_spec.lua)))"
tsan-run:
	$(call preloaded,tsan)
	@$(SPEC_ENV) $(PRELOADED_ENV) LWT_UNDER=tsan LWT_CFLAGS="$(CFLAGS)" \
	  TSAN_OPTIONS=suppressions=$(CURDIR)/scripts/tsan.supp:history_size=5:die_after_fork=0 \
	  $(call RUN_SPECS,$(PRELOADED))

VALGRIND ?= valgrind --quiet --error-exitcode=99 --leak-check=full --show-leak-kinds=definite,indirect \
  --errors-for-leak-kinds=definite --num-callers=30 --keep-debuginfo=yes --track-fds=no --child-silent-after-fork=yes \
  --suppressions=scripts/valgrind.supp
valgrind: TEST_TIMEOUT = $(or $(LWT_TEST_TIMEOUT),1200)
valgrind:
	$(DEPS) valgrind
	$(AGAIN) all
	@$(SPEC_ENV) LWT_UNDER=valgrind LWT_SPEC_LIMIT=7200 $(call RUN_SPECS,$(VALGRIND))

COV_CFLAGS := -O0 -g --coverage -include scripts/coverage.h
coverage:
	$(DEPS) test
	@find $(BUILD)/cov -name '*.gcda' -delete 2>/dev/null || true
	$(AGAIN) all BUILD=$(BUILD)/cov CFLAGS="$(COV_CFLAGS)"
	$(AGAIN) coverage-run BUILD=$(BUILD)/cov CFLAGS="$(COV_CFLAGS)"
coverage-run: TEST_TIMEOUT = $(or $(LWT_TEST_TIMEOUT),1200)
coverage-run:
	@$(SPEC_ENV) LWT_UNDER=coverage $(call RUN_SPECS)
	@$(LUA) scripts/coverage.lua $(BUILD) core uv

# Runs $(1), which belongs to another part of the tree, or says plainly that it is not there.
script = @test -f $(1) || { echo "make $@: there is no $(1) in this checkout" >&2; exit 1; }

fuzz:
	$(DEPS) test
	$(call script,spec/fuzz.lua)
	$(AGAIN) all
	@$(RUN_ENV) $(LUA) spec/fuzz.lua $(ARGS)
	@$(RUN_ENV) $(LUA) spec/fuzz_channel.lua $(ARGS)
	@$(RUN_ENV) $(LUA) spec/fuzz_line.lua $(ARGS)

soak:
	$(DEPS) asan
	$(AGAIN) all BUILD=$(ASAN_BUILD) CFLAGS="$(ASAN_CFLAGS)"
	$(AGAIN) soak-run BUILD=$(ASAN_BUILD) CFLAGS="$(ASAN_CFLAGS)"
soak-run:
	$(call preloaded,asan)
	@$(RUN_ENV) $(ASAN_ENV) $(PRELOADED_ENV) SOAK_SECONDS="$(SOAK_SECONDS)" $(LUA) spec/soak.lua $(ARGS)

# ONLY=echo runs one row; QUICK=1 ROUNDS=5 PEERS=luv,node: see bench/README.md
BENCH_ENV = CC="$(CC)" LUA_INCDIR="$(LUA_INCDIR)" LIBUV_INCDIR="$(LIBUV_INCDIR)" LIBUV_LIBDIR="$(LIBUV_LIBDIR)" \
  BUILD="$(BUILD)" ONLY="$(ONLY)" QUICK="$(QUICK)" ROUNDS="$(ROUNDS)" PEERS="$(PEERS)" CLOCK="$(CLOCK)"
bench:
	$(DEPS) bench
	$(AGAIN) all
	@$(RUN_ENV) $(BENCH_ENV) bench/setup.sh
	@$(RUN_ENV) $(BENCH_ENV) $(LUA) bench/run.lua $(ARGS)

bench-count:
	$(DEPS) valgrind
	$(AGAIN) all
	@$(RUN_ENV) $(BENCH_ENV) bench/setup.sh --count
	@$(RUN_ENV) $(BENCH_ENV) $(LUA) bench/count.lua $(ARGS)

# ---- Reading ----------------------------------------------------------------

JOBS := $(shell getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)
C_FILES = $(sort $(wildcard src/*.h src/*/*.h src/*/*.c src/*/*/*.h src/*/*/*.c examples/*/*.c))
lint:
	$(DEPS) lint
	$(AGAIN) all $(if $(WERROR),,BUILD=$(BUILD)/lint CFLAGS=-O2 WERROR=1)
	@$(LUA) scripts/layers.lua $(BUILD)$(if $(WERROR),,/lint)
	@luacheck -q lua bin/lwt spec examples scripts $(wildcard bench) $(wildcard rockspec/*.rockspec)
	@scripts/typecheck.sh examples
	@$(if $(NO_TIDY),:,printf '%s\n' $(CORE_SRC) $(UV_SRC) $(ROCK_SRC)) | xargs -r -P $(JOBS) -n 4 scripts/tidy.sh -std=c11 -D_GNU_SOURCE \
	  -I$(LUA_INCDIR) -include scripts/tidy.h $(if $(LIBUV_INCDIR),-I$(LIBUV_INCDIR)) -Isrc $(foreach rock,$(BUILT_ROCKS),$($(rock)_CFLAGS)) --

format:
	$(DEPS) format
	@clang-format -i $(C_FILES)

format-check:
	$(DEPS) format
	@clang-format --dry-run -Werror $(C_FILES)

docs:
	$(DEPS) docs
	$(AGAIN) all
	@$(RUN_ENV) $(LUA) scripts/docs.lua

docs-check:
	$(DEPS) docs
	$(AGAIN) all
	@$(RUN_ENV) $(LUA) scripts/docs.lua --check

# The documentation as a folder of HTML pages that needs no server: $(BUILD)/site/index.html.
SITE := $(BUILD)/site
site:
	$(DEPS) site
	@rm -rf $(SITE) $(BUILD)/site-pages
	@$(LUA) scripts/site/stage.lua $(BUILD)/site-pages
	@LWT_VERSION="$(VERSION)" sphinx-build -q -W --keep-going -b html -c scripts/site \
	  -d $(BUILD)/site-trees $(BUILD)/site-pages $(SITE)
	@echo "$(SITE)/index.html"

# Not part of `make test`: a browser is a large thing to install.
site-check: ARGS = spec/site_spec.lua
site-check:
	$(DEPS) site-check
	$(AGAIN) all site
	@$(SPEC_ENV) LWT_SITE="$(abspath $(SITE))" $(call RUN_SPECS)

# ---- Giving away ------------------------------------------------------------

DEST_LIB = $(DESTDIR)$(INST_LIBDIR)/lwt
DEST_LUA = $(DESTDIR)$(INST_LUADIR)/lwt
DEST_TYPES = $(DESTDIR)$(INST_DATADIR)/types
TYPES := $(sort $(shell find types -type f 2>/dev/null))
install: all
	$(AGAIN) install-files

install-files: # puts what was built in place, and builds nothing
	$(INSTALL) -d "$(DEST_LIB)" "$(DEST_LUA)" "$(DESTDIR)$(INST_BINDIR)" "$(DESTDIR)$(INST_INCDIR)" \
	  "$(DESTDIR)$(INST_MANDIR)/man1" "$(DESTDIR)$(INST_PCDIR)"
	for f in $(MODULES:$(BUILD)/lwt/%=%); do $(INSTALL) -D -m 755 "$(BUILD)/lwt/$$f" "$(DEST_LIB)/$$f" || exit 1; done
	for f in $(LUA_SRC:lua/lwt/%=%); do $(INSTALL) -D -m 644 "lua/lwt/$$f" "$(DEST_LUA)/$$f" || exit 1; done
	$(INSTALL) -m 755 bin/lwt "$(DESTDIR)$(INST_BINDIR)/lwt"
	$(INSTALL) -m 644 src/lwt.h "$(DESTDIR)$(INST_INCDIR)/lwt.h"
	$(INSTALL) -m 644 doc/lwt.1 "$(DESTDIR)$(INST_MANDIR)/man1/lwt.1"
	for f in $(TYPES:types/%=%); do $(INSTALL) -D -m 644 "types/$$f" "$(DEST_TYPES)/$$f" || exit 1; done
	printf '%s\n' 'Name: lwt' 'Description: promises and tasks for Lua $(LUA_VERSION): the header for modules in C' \
	  'Version: $(VERSION)' 'Cflags: -I$(INST_INCDIR)' > "$(DESTDIR)$(INST_PCDIR)/lwt.pc"
	chmod 644 "$(DESTDIR)$(INST_PCDIR)/lwt.pc"

uninstall:
	rm -f $(MODULES:$(BUILD)/lwt/%="$(DEST_LIB)/%") $(LUA_SRC:lua/lwt/%="$(DEST_LUA)/%") $(TYPES:types/%="$(DEST_TYPES)/%") \
	  "$(DESTDIR)$(INST_BINDIR)/lwt" "$(DESTDIR)$(INST_INCDIR)/lwt.h" "$(DESTDIR)$(INST_MANDIR)/man1/lwt.1" \
	  "$(DESTDIR)$(INST_PCDIR)/lwt.pc"
	@for d in "$(DEST_LIB)" "$(DEST_LUA)" "$(DESTDIR)$(INST_DATADIR)"; do \
	  test ! -d "$$d" || find "$$d" -depth -type d -exec rmdir {} + 2>/dev/null || true; done

dist:
	@scripts/dist.sh "$(VERSION)" build

rock-test:
	$(DEPS) rock
	@LUA="$(LUA)" LUA_VERSION="$(LUA_VERSION)" scripts/rock-test.sh

clean:
	rm -rf $(BUILD)
