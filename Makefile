# make: build; make test: specs. (The full set of targets is being laid.)
LUA ?= lua5.4
LUA_INCDIR ?= /usr/include/lua5.4
CFLAGS ?= -O2 -g
WARN = -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion
BUILD ?= build
CORE_SRC = $(wildcard src/core/*.c)
UV_SRC = $(wildcard src/uv/*.c)
CORE_OBJ = $(CORE_SRC:src/%.c=$(BUILD)/%.o)
UV_OBJ = $(UV_SRC:src/%.c=$(BUILD)/%.o)
all: $(BUILD)/lwt/core.so $(if $(UV_SRC),$(BUILD)/lwt/uv.so)
$(BUILD)/%.o: src/%.c
	@mkdir -p $(@D)
	$(CC) -std=c11 -D_GNU_SOURCE -fPIC -fvisibility=hidden $(WARN) $(CFLAGS) -I$(LUA_INCDIR) -MMD -MP -c $< -o $@
$(BUILD)/lwt/core.so: $(CORE_OBJ)
	@mkdir -p $(@D)
	$(CC) -shared $(LDFLAGS) -o $@ $^
$(BUILD)/lwt/uv.so: $(UV_OBJ)
	@mkdir -p $(@D)
	$(CC) -shared $(LDFLAGS) -o $@ $^ -luv -lpthread
-include $(CORE_OBJ:.o=.d) $(UV_OBJ:.o=.d)
ENV = LUA_PATH="lua/?.lua;lua/?/init.lua;./?.lua;;" LUA_CPATH="$(BUILD)/?.so;;"
test: all
	$(ENV) $(LUA) /usr/bin/busted $(ARGS)
clean:
	rm -rf $(BUILD)
