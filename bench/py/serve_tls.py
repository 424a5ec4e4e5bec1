"""uvloop: a server that speaks TLS. serve_tls.py echo|sink|source CERTIFICATE BYTES PORT"""
import asyncio
import ssl
import sys

import uvloop

mode, file, size, port = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
PIECE = b"x" * 65536


class Echo(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.transport.write(data)


class Sink(Echo):
    had = 0

    def data_received(self, data):
        self.had += len(data)
        if self.had >= size:
            self.had = 0
            self.transport.write(b"x")


class Source(Echo):
    owed = 0
    paused = False

    def pause_writing(self):
        self.paused = True

    def resume_writing(self):
        self.paused = False
        self.go()

    def go(self):
        while self.owed > 0 and not self.paused:
            n = min(self.owed, len(PIECE))
            self.owed -= n
            self.transport.write(PIECE[:n])

    def data_received(self, data):
        self.owed += len(data) * size
        self.go()


async def main():
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(file)
    protocol = {"echo": Echo, "sink": Sink, "source": Source}[mode]
    server = await asyncio.get_running_loop().create_server(
        protocol, "127.0.0.1", port, backlog=4096, ssl=context)
    await server.serve_forever()

uvloop.install()
asyncio.run(main())
