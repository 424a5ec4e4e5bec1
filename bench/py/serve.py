"""asyncio: servers. serve.py [asyncio] echo|echo_streams|lines|http PORT: on uvloop, or asyncio's own loop"""
import asyncio
import sys

HELLO = (b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
         b"Content-Length: 11\r\n\r\nhello world")
mode, port = sys.argv[-2], int(sys.argv[-1])


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


async def lines(reader, writer):
    while line := await reader.readline():
        writer.write(line.rstrip(b"\r\n") + b"\n")
        await writer.drain()
    writer.close()


async def main():
    loop = asyncio.get_running_loop()
    streams = {"echo_streams": echo, "lines": lines}
    if mode in streams:
        server = await asyncio.start_server(streams[mode], "127.0.0.1", port, backlog=4096)
    else:
        server = await loop.create_server({"echo": Echo, "http": Http}[mode],
                                          "127.0.0.1", port, backlog=4096)
    await server.serve_forever()

if sys.argv[1] != "asyncio":
    import uvloop
    uvloop.install()
asyncio.run(main())
