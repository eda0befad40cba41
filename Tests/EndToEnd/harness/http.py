"""An HTTP client for assertions: it tells a whole body from a cut one, and it follows nothing."""

import concurrent.futures
import http.client
import json
import socket
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from .waiting import LIVENESS

MOUNT = "/api/image-proxy"


def proxied(url, mount=MOUNT):
    """The path and query that ask for an image."""
    return f"{mount}?url={quote(url, safe='')}"


@dataclass
class Response:
    status: int
    headers: list
    body: bytes
    # False when the connection ended before the body did.
    complete: bool

    def values(self, name):
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def header(self, name):
        """The value of a header that must not come twice; None where it is missing."""
        found = self.values(name)
        assert len(found) <= 1, f"{name} comes {len(found)} times: {found}"
        return found[0] if found else None

    def failed_visibly(self, *statuses):
        """Whether it is one of the errors, or a response that the client can see was cut."""
        return self.status in statuses or not self.complete

    @property
    def is_hit(self):
        return self.cache_status.startswith("image-proxy; hit")

    @property
    def cache_status(self):
        return self.header("Cache-Status") or ""

    def json(self):
        return json.loads(self.body)


class Client:
    """One connection for each request. `timeout` is how long the other side may be silent."""

    def __init__(self, base, timeout=LIVENESS):
        parts = urlsplit(base)
        self.address = (parts.hostname, parts.port)
        self.base = base
        self.timeout = timeout

    def get(self, url, **options):
        """The image at `url`, through the proxy."""
        return self.request("GET", proxied(url), **options)

    def get_all(self, urls):
        """The images at `urls`, all asked for at the same time, each over a connection of its own."""
        with concurrent.futures.ThreadPoolExecutor(len(urls)) as pool:
            return list(pool.map(self.get, urls))

    def head(self, url, **options):
        return self.request("HEAD", proxied(url), **options)

    def endpoint(self, name, **options):
        return self.request("GET", f"{MOUNT}/{name}", **options)

    def request(self, method, path, headers=None, body=None):
        connection = http.client.HTTPConnection(*self.address, timeout=self.timeout)
        try:
            # skip_accept_encoding: only what the test says is sent.
            connection.putrequest(method, path, skip_accept_encoding=True)
            for name, value in (headers or {}).items():
                connection.putheader(name, value)
            if body is not None:
                connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body)
            return self._read(connection)
        finally:
            connection.close()

    @staticmethod
    def _read(connection):
        try:
            answer = connection.getresponse()
        except (http.client.RemoteDisconnected, ConnectionResetError):
            # Cut so early that the web server had not sent the head yet.
            return Response(0, [], b"", False)
        try:
            body, complete = answer.read(), True
        except http.client.IncompleteRead as cut:
            body, complete = cut.partial, False
        except ConnectionError:
            body, complete = b"", False
        return Response(answer.status, answer.getheaders(), body, complete)

    def open(self, path, method="GET"):
        """A connection with the request sent, to be read by hand: `OpenResponse`."""
        return OpenResponse(self.address, method, path, self.timeout)


class OpenResponse:
    """A response that is read as the test likes, or left."""

    def __init__(self, address, method, path, timeout):
        self.connection = http.client.HTTPConnection(*address, timeout=timeout)
        self.connection.putrequest(method, path, skip_accept_encoding=True)
        self.connection.endheaders()
        self.answer = None

    def head(self):
        """Waits for the head; returns the status."""
        self.answer = self.connection.getresponse()
        return self.answer.status

    def read_exactly(self, count):
        """Waits for the next `count` bytes of the body; fewer where it ends."""
        taken = []
        while count:
            data = self.answer.read1(count)
            if not data:
                break
            taken.append(data)
            count -= len(data)
        return b"".join(taken)

    def rest(self):
        """(what was left, whether it came to its end)"""
        try:
            return self.answer.read(), True
        except http.client.IncompleteRead as cut:
            return cut.partial, False
        except ConnectionError:
            return b"", False

    def leave(self):
        """Closes the connection at once, whatever is still to come."""
        if self.connection.sock is not None:
            self.connection.sock.shutdown(socket.SHUT_RDWR)
        if self.answer is not None:
            self.answer.close()
        self.connection.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.answer is not None:
            self.answer.close()
        self.connection.close()
