"""A scripted HTTP/1.1 origin on loopback: a path is served by a function that says byte for byte what is sent, and when.

It writes to the socket itself, because the interesting origins are the ones that no HTTP library would let one be.
"""

import itertools
import select
import socket
import struct
import threading
from dataclasses import dataclass, field


@dataclass
class SeenRequest:
    """One request as it arrived."""
    method: str
    target: str
    headers: list
    connection: int

    @property
    def path(self):
        return self.target.partition("?")[0]

    def values(self, name):
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def value(self, name):
        found = self.values(name)
        return found[0] if found else None


class PeerGone(Exception):
    """The proxy closed its connection."""


@dataclass
class Exchange:
    """One request and the way to answer it."""
    request: SeenRequest
    socket: socket.socket
    stopping: threading.Event
    closes: bool = False
    peer_gone: threading.Event = field(default_factory=threading.Event)

    def send(self, data):
        if isinstance(data, str):
            data = data.encode("latin-1")
        try:
            self.socket.sendall(data)
        except OSError:
            self.peer_gone.set()
            raise PeerGone from None

    def head(self, status="200 OK", *headers):
        """Sends a head made of (name, value) pairs, exactly as given."""
        lines = [f"HTTP/1.1 {status}", *(f"{name}: {value}" for name, value in headers), "", ""]
        self.send("\r\n".join(lines))

    def chunk(self, data):
        self.send(b"%x\r\n%b\r\n" % (len(data), data))

    def end_chunks(self):
        self.send(b"0\r\n\r\n")

    def close(self):
        """The connection ends after this answer, with a FIN."""
        self.closes = True

    def reset(self):
        """The connection ends now, with an RST."""
        self.closes = True
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def wait_for(self, gate):
        """Waits until the test opens the gate; ends early when the proxy leaves or the origin stops."""
        while not gate.wait(0.01):
            self._leave_if_over()

    def hold(self):
        """Says nothing more, for as long as the proxy stays."""
        while True:
            self._leave_if_over(0.05)

    def _leave_if_over(self, pause=0.0):
        if self.stopping.is_set():
            raise PeerGone
        # Not `select`: among a thousand connections a descriptor may have a number that is too large for it.
        watched = select.poll()
        watched.register(self.socket, select.POLLIN)
        if watched.poll(pause * 1000):
            try:
                gone = self.socket.recv(1, socket.MSG_PEEK) == b""
            except OSError:
                gone = True
            if gone:
                self.peer_gone.set()
                raise PeerGone


class Origin:
    """Serves scripts at paths of their own: `url = origin.serve(script)`. A script takes an `Exchange`.

    `requests` is everything that arrived, `connections` how many connections were opened.
    """

    _numbers = itertools.count(1)

    def __init__(self, host="127.0.0.1", tls=None, port=0):
        self.host = host
        self.tls = tls
        self.requests = []
        self.connections = 0
        self._scripts = {}
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._open = set()
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._listener = socket.create_server((host, port), family=family, backlog=512)
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._accept, name=f"origin-{self.port}", daemon=True)

    def start(self):
        self._thread.start()
        return self

    @property
    def authority(self):
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    @property
    def base(self):
        return f"{'https' if self.tls else 'http'}://{self.authority}"

    def serve(self, script, path=None):
        """Puts a script at a path, a new one unless it is given, and returns its URL."""
        path = path or f"/{next(self._numbers)}/image"
        self._scripts[path] = script
        return self.base + path

    def replace(self, url, script):
        """Another script for a URL that `serve` returned."""
        self._scripts[self._path(url)] = script

    def requests_for(self, url):
        return [request for request in list(self.requests) if request.path == self._path(url)]

    @staticmethod
    def _path(url):
        return "/" + url.partition("://")[2].partition("/")[2].partition("?")[0]

    def stop(self):
        self._stopping.set()
        # Wakes the accept, which a close alone does not.
        try:
            self._listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self._listener.close()
        with self._lock:
            for connection in self._open:
                try:
                    connection.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
        if self._thread.is_alive():
            self._thread.join()

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    def _accept(self):
        while not self._stopping.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._converse, args=(connection, self.connections), daemon=True).start()

    def _converse(self, connection, number):
        try:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self.tls:
                connection.settimeout(10)
                connection = self.tls.wrap_socket(connection, server_side=True)
                connection.settimeout(None)
        except OSError:
            connection.close()
            return
        with self._lock:
            self._open.add(connection)
        try:
            self._answer_all(connection, number)
        except (OSError, PeerGone):
            pass
        finally:
            with self._lock:
                self._open.discard(connection)
            connection.close()

    def _answer_all(self, connection, number):
        received = b""
        while not self._stopping.is_set():
            while b"\r\n\r\n" not in received:
                data = connection.recv(65536)
                if not data:
                    return
                received += data
            head, _, received = received.partition(b"\r\n\r\n")
            request = self._parse(head, number)
            self.requests.append(request)
            exchange = Exchange(request, connection, self._stopping)
            self._scripts.get(request.path, not_found)(exchange)
            if exchange.closes or (request.value("Connection") or "").lower() == "close":
                return

    @staticmethod
    def _parse(head, number):
        lines = head.decode("latin-1").split("\r\n")
        method, target, _ = lines[0].split(" ", 2)
        headers = [tuple(part.strip() for part in line.split(":", 1)) for line in lines[1:]]
        return SeenRequest(method, target, headers, number)


def not_found(exchange):
    exchange.head("404 Not Found", ("Content-Length", "0"))
