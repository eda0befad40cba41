"""A raw FastCGI client (the specification's sections 3 and 5), for what no web server would send."""

import socket
import struct
from dataclasses import dataclass

from .handler import parse_cgi
from .http import MOUNT
from .waiting import LIVENESS

BEGIN, ABORT, END, PARAMS, STDIN, STDOUT, STDERR = 1, 2, 3, 4, 5, 6, 7
KEEP_CONNECTION = 1


def record(kind, content=b"", request=1, padding=0, version=1):
    return struct.pack("!BBHHBx", version, kind, request, len(content), padding) + content + bytes(padding)


def begin(keep=False, role=1, request=1):
    return record(BEGIN, struct.pack("!HB5x", role, KEEP_CONNECTION if keep else 0), request)


def pairs(parameters, long_lengths=False):
    """Name-value pairs; a length of 128 and more takes four bytes, and any length may."""
    def length(count):
        return struct.pack("!I", count | 0x80000000) if long_lengths or count > 127 else bytes([count])
    encoded = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in parameters.items()]
    return b"".join(length(len(name)) + length(len(value)) + name + value for name, value in encoded)


def parameters(query, method="GET", path=MOUNT, **more):
    """What a web server would say of a request."""
    return {
        "GATEWAY_INTERFACE": "CGI/1.1", "REQUEST_METHOD": method, "QUERY_STRING": query,
        "REQUEST_URI": path + (f"?{query}" if query else ""), "SCRIPT_NAME": path, "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1", **more,
    }


def request_bytes(params, keep=False, body=b"", padding=0, long_lengths=False, piece=65535):
    """A whole request: the pairs in records of at most `piece` bytes."""
    encoded = pairs(params, long_lengths)
    pieces = [encoded[start:start + piece] for start in range(0, len(encoded), piece)]
    bodies = [record(STDIN, body)] if body else []
    return b"".join([begin(keep), *(record(PARAMS, part, padding=padding) for part in pieces), record(PARAMS), *bodies,
                     record(STDIN)])


@dataclass
class Answer:
    """What came back on a connection until its END_REQUEST, or until it was closed."""
    stdout: bytes
    stderr: bytes
    # (application status, protocol status); None when there was no END_REQUEST.
    end: tuple
    # False when a record that is none came, which is how a response is aborted.
    well_formed: bool

    def response(self):
        return parse_cgi(self.stdout)


class FastCGIClient:
    """One connection to the handler's socket, a path or a (host, port)."""

    def __init__(self, address, timeout=LIVENESS):
        self.socket = socket.socket(socket.AF_UNIX if isinstance(address, str) else socket.AF_INET, socket.SOCK_STREAM)
        self.socket.settimeout(timeout)
        self.socket.connect(address)
        self.reader = self.socket.makefile("rb")

    def send(self, data, piece=None):
        """Sends the bytes, `piece` of them with each write where that is given."""
        for start in range(0, len(data), piece or len(data)):
            self.socket.sendall(data[start:start + (piece or len(data))])

    def get(self, query, keep=False, **more):
        self.send(request_bytes(parameters(query, **more), keep))
        return self.answer()

    def record(self):
        """The next record as (type, content), or None at the end of the connection."""
        try:
            head = self.reader.read(8)
        except ConnectionError:
            return None
        if len(head) < 8:
            return None
        version, kind, _, length, padding = struct.unpack("!BBHHBx", head)
        content = self.reader.read(length)
        self.reader.read(padding)
        return (kind if version == 1 else None), content

    def answer(self):
        stdout, stderr, end, well_formed = [], [], None, True
        while (received := self.record()) is not None:
            kind, content = received
            if kind == STDOUT:
                stdout.append(content)
            elif kind == STDERR:
                stderr.append(content)
            elif kind == END:
                end = struct.unpack("!IB", content[:5])
                break
            elif kind is None:
                well_formed = False
                break
        return Answer(b"".join(stdout), b"".join(stderr), end, well_formed)

    @property
    def is_closed(self):
        """Whether the handler has closed the connection; waits for it."""
        try:
            return self.reader.read(1) == b""
        except ConnectionError:
            return True

    def close(self):
        self.reader.close()
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
