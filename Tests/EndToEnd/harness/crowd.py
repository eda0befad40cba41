"""Many clients at once in one thread: everybody has asked before anybody's answer is read."""

import selectors
import socket

from .handler import parse_cgi
from .http import Response
from .waiting import LIVENESS, NotYet


class Crowd:
    """`count` clients that ask for one path, each over a connection of its own."""

    def __init__(self, client, path, count, within=3 * LIVENESS):
        self.within = within
        request = f"GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n".encode()
        self.sockets = []
        for _ in range(count):
            connection = socket.create_connection(client.address, timeout=within)
            connection.sendall(request)
            self.sockets.append(connection)

    def answers(self):
        """Everybody's whole answer, once all have come."""
        received = {connection: [] for connection in self.sockets}
        with selectors.DefaultSelector() as selector:
            for connection in self.sockets:
                connection.setblocking(False)
                selector.register(connection, selectors.EVENT_READ)
            while selector.get_map():
                ready = selector.select(self.within)
                if not ready:
                    raise NotYet(f"{len(selector.get_map())} of {len(self.sockets)} clients wait for an answer")
                for key, _ in ready:
                    if data := key.fileobj.recv(1 << 18):
                        received[key.fileobj].append(data)
                    else:
                        selector.unregister(key.fileobj)
        return [self._parse(b"".join(received[connection])) for connection in self.sockets]

    @staticmethod
    def _parse(data):
        line, _, rest = data.partition(b"\r\n")
        if not line:
            return Response(0, [], b"", False)
        answer = parse_cgi(rest)
        answer.status = int(line.split()[1])
        return answer

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for connection in self.sockets:
            connection.close()
