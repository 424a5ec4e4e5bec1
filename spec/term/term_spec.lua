describe("lwt.term", function()
  it("is there", function() require "lwt.term.core" end)
end)
