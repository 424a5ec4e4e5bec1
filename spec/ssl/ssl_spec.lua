describe("lwt.ssl", function()
  it("is there", function() require "lwt.ssl.core" end)
end)
