"""An origin that takes its time: every image comes after a delay, to any number of clients at once, and is counted.

    late_origin.py PORT DELAY FILE

GET /count says how many images were asked for since the last GET /count.
"""

import asyncio
import sys
from pathlib import Path


class LateOrigin:
    def __init__(self, delay, body):
        self.delay = delay
        self.body = body
        self.asked = 0

    async def converse(self, reader, writer):
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                await self._answer(head.split(b" ", 2)[1], writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _answer(self, target, writer):
        if target == b"/count":
            content_type, body = b"text/plain", b"%d" % self.asked
            self.asked = 0
        else:
            self.asked += 1
            await asyncio.sleep(self.delay)
            content_type, body = b"image/png", self.body
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: %b\r\nContent-Length: %d\r\n"
                     b"Cache-Control: public, max-age=86400\r\n\r\n" % (content_type, len(body)))
        writer.write(body)
        await writer.drain()


async def main(port, delay, path):
    origin = LateOrigin(float(delay), Path(path).read_bytes())
    server = await asyncio.start_server(origin.converse, "127.0.0.1", int(port), backlog=4096)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
