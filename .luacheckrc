std = "lua54"
max_line_length = 100
codes = true
exclude_files = { "build", "lwt", "types", "spec/support/typed" }
-- A method keeps the signature of its kind also where it does not use every argument.
self = false
files["spec"] = { std = "lua54+busted", max_line_length = 120 }
files["examples/tutorial/*_spec.lua"] = { std = "lua54+busted" }
files["types"] = { ignore = { "211", "212" } }
files["rockspec"] = { std = "rockspec", ignore = { "111", "112", "113" } }
files["bench"] = { max_line_length = 120 }
files["scripts/site"] = { max_line_length = 120 }
max_comment_line_length = 200
