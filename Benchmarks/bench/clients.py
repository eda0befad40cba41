"""Clients of our own, for what wrk does not tell: one request timed in its parts, and crowds with a pace."""

import selectors
import socket
import struct
import time
import zlib
from dataclasses import dataclass, field

# setsockopt(2) number that Python has no name for: the kernel says when it received what is read (socket(7)).
SO_TIMESTAMPNS = 35


class ClientFailed(Exception):
    """A response was not what was asked for."""


def request_bytes(path):
    return f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode()


def split_head(received):
    """(status, Content-Length or None, where the body begins), or None while the head is not whole."""
    end = received.find(b"\r\n\r\n")
    if end < 0:
        return None
    lines = bytes(received[:end]).split(b"\r\n")
    length = next((int(line.split(b":")[1]) for line in lines if line.lower().startswith(b"content-length:")), None)
    return int(lines[0].split()[1]), length, end + 4


def timed_get(port, path, expected):
    """(ms to the first byte of the body, ms to the last) of one request on a new connection, bytes checked."""
    buffer = bytearray(len(expected) + 65536)
    view = memoryview(buffer)
    start = time.perf_counter()
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(request_bytes(path))
        count, head, first = 0, None, None
        while head is None or count < head[2] + len(expected):
            taken = connection.recv_into(view[count:])
            if not taken:
                break
            count += taken
            head = head or split_head(buffer[:count])
            if head and first is None and count > head[2]:
                first = time.perf_counter()
        end = time.perf_counter()
    if not head or head[0] != 200 or bytes(view[head[2]:count]) != expected:
        raise ClientFailed(f"{path}: head {head}, {count} bytes in all, {len(expected)} expected")
    return (first - start) * 1000, (end - start) * 1000


@dataclass
class Visit:
    """One client of a crowd."""
    path: str
    size: int
    checksum: int
    socket: object = None
    head: bytearray = field(default_factory=bytearray)
    status: int = 0
    taken: int = 0
    crc: int = 0
    # Seconds since the crowd came.
    first_byte: float = None
    end: float = None
    due: float = 0.0
    problem: str = None

    @property
    def is_right(self):
        return self.status == 200 and self.taken == self.size and self.crc == self.checksum


class Crowd:
    """Many clients at once, in one thread. `rate` is what each reads, in bytes a second; None is as fast as it comes.

    A paced client has a small receive buffer, since the kernel would take a whole image for it.
    """

    piece = 65536

    def __init__(self, port, visits, rate=None, within=60.0):
        self.port, self.visits, self.rate, self.within = port, visits, rate, within
        self.selector = selectors.DefaultSelector()
        self.buffer = bytearray(self.piece)

    def run(self):
        """All of it, or as much as comes `within` the bound. Returns seconds."""
        self.start, self.start_of_day = time.perf_counter(), time.time()
        for visit in self.visits:
            self._come(visit)
        waiting, self.resting = len(self.visits), []
        while waiting and time.perf_counter() - self.start < self.within:
            for key, _ in self.selector.select(self._pause()):
                waiting -= self._serve(key.data)
            self._wake()
        for visit in self.visits:
            if visit.end is None:
                visit.problem = visit.problem or f"not whole after {self.within:g} s"
                visit.socket.close()
        self.selector.close()
        return time.perf_counter() - self.start

    def _come(self, visit):
        visit.socket = socket.socket()
        if self.rate:
            visit.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32768)
        visit.socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        visit.socket.connect(("127.0.0.1", self.port))
        visit.socket.sendall(request_bytes(visit.path))
        visit.socket.setblocking(False)
        self.selector.register(visit.socket, selectors.EVENT_READ, visit)

    def _pause(self):
        if not self.resting:
            return 0.1
        return max(0.0, min(visit.due for visit in self.resting) - self._now())

    def _now(self):
        return time.perf_counter() - self.start

    def _serve(self, visit):
        """Reads once. 1 when the visit has ended, else 0."""
        try:
            count = self._receive(visit)
        except BlockingIOError:
            return 0
        except OSError as problem:
            visit.problem, count = repr(problem), 0
        if count == 0 or (visit.status and visit.taken >= visit.size):
            self.selector.unregister(visit.socket)
            visit.socket.close()
            visit.end = self._now()
            if not visit.is_right:
                visit.problem = visit.problem or f"status {visit.status}, {visit.taken} bytes of {visit.size}"
            return 1
        if self.rate:
            self._rest(visit)
        return 0

    def _receive(self, visit):
        if visit.first_byte is None:
            return self._receive_first(visit)
        count = visit.socket.recv_into(self.buffer)
        self._take(visit, memoryview(self.buffer)[:count])
        return count

    def _receive_first(self, visit):
        """The first read, with the time at which the kernel had it: the crowd is served one after another."""
        data, ancillary, _, _ = visit.socket.recvmsg(self.piece, 64)
        stamps = [struct.unpack("qq", content) for _, kind, content in ancillary if kind == SO_TIMESTAMPNS]
        stamp = stamps[0][0] + stamps[0][1] / 1e9 if stamps else time.time()
        visit.first_byte = stamp - self.start_of_day
        self._take(visit, memoryview(data))
        return len(data)

    @staticmethod
    def _take(visit, data):
        if not visit.status:
            visit.head += data
            head = split_head(visit.head)
            if head is None:
                return
            visit.status = head[0]
            data = memoryview(bytes(visit.head[head[2]:]))
        visit.taken += len(data)
        visit.crc = zlib.crc32(data, visit.crc)

    def _rest(self, visit):
        """A client that is ahead of its pace does not read until it is due."""
        visit.due = visit.taken / self.rate
        if visit.due > self._now():
            self.selector.unregister(visit.socket)
            self.resting.append(visit)

    def _wake(self):
        now = self._now()
        for visit in [visit for visit in self.resting if visit.due <= now]:
            self.resting.remove(visit)
            self.selector.register(visit.socket, selectors.EVENT_READ, visit)


def visits(stage, peer, places):
    """One visit for each place, which is `fast/NAME?...` or `paced/NAME?...`."""
    checksums = {}
    made = []
    for place in places:
        name = place.partition("/")[2].partition("?")[0]
        body = stage.body(name)
        checksums.setdefault(name, zlib.crc32(body))
        made.append(Visit(peer.path(place), len(body), checksums[name]))
    return made


def problems_of(crowd):
    """What went wrong, in one line; None when every client got the right bytes."""
    found = [visit.problem for visit in crowd if visit.problem]
    return f"{len(found)} of {len(crowd)} clients: {found[0]}" if found else None
