"""uvloop: servers. serve.py echo|echo_streams|http PORT"""
import asyncio
import sys

import uvloop

HELLO = (b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
         b"Content-Length: 11\r\n\r\nhello world")
mode, port = sys.argv[1], int(sys.argv[2])


class Echo(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.transport.write(data)


class Http(Echo):
    buffer = b""

    def data_received(self, data):
        self.buffer += data
        while (stop := self.buffer.find(b"\r\n\r\n")) >= 0:
            self.buffer = self.buffer[stop + 4:]
            self.transport.write(HELLO)


async def echo(reader, writer):
    while data := await reader.read(4096):
        writer.write(data)
        await writer.drain()
    writer.close()


async def main():
    loop = asyncio.get_running_loop()
    if mode == "echo_streams":
        server = await asyncio.start_server(echo, "127.0.0.1", port, backlog=4096)
    else:
        server = await loop.create_server({"echo": Echo, "http": Http}[mode],
                                          "127.0.0.1", port, backlog=4096)
    await server.serve_forever()

uvloop.install()
asyncio.run(main())
