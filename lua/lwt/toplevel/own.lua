-- What a program adds to the prompt: its commands, and the keys of its editor. Read when they are asked for.

local M = require "lwt.toplevel"

M.commands = require "lwt.toplevel.commands".own
M.editor = require "lwt.toplevel.lines".own
