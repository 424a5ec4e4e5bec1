-- lwt: a program that does nothing but `require "lwt"`; or, with "every", each module of the rock lwt. (The rocks
-- lwt-ssl, lwt-term and lwt-glib are loaded by those who use them.)

require "lwt"
if arg[1] == "every" then
  for name in ([[barrier bytes clock condition engine fs gc io job list log mutex mvar net pool preemptive process
    react retry semaphore seq signal stream switch test throttle timer toplevel]]):gmatch "%S+" do
    require("lwt." .. name)
  end
end
