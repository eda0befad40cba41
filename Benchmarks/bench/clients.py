"""Clients of our own, for what wrk does not tell: one request timed in its parts, and crowds with a pace."""

import select
import socket
import struct
import time
from dataclasses import dataclass, field

# setsockopt(2) number that Python has no name for: the kernel says when it received what is read (socket(7)).
SO_TIMESTAMPNS = 35


class ClientFailed(Exception):
    """A response was not what was asked for."""


def request_bytes(path):
    return f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode()


def split_head(received, count):
    """Of the first `count` bytes (status, where the body begins); None while the head is not whole."""
    end = received.find(b"\r\n\r\n", 0, count)
    return None if end < 0 else (int(received[9:12]), end + 4)


def timed_get(port, path, expected):
    """(ms to the first byte of the body, ms to the last) of one request on a new connection, bytes checked."""
    buffer = bytearray(len(expected) + 65536)
    view = memoryview(buffer)
    start = time.perf_counter()
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(request_bytes(path))
        count, head, first = 0, None, None
        while head is None or count < head[1] + len(expected):
            taken = connection.recv_into(view[count:])
            if not taken:
                break
            count += taken
            head = head or split_head(buffer, count)
            if head and first is None and count > head[1]:
                first = time.perf_counter()
        end = time.perf_counter()
    if not head or head[0] != 200 or bytes(view[head[1]:count]) != expected:
        raise ClientFailed(f"{path}: head {head}, {count} bytes in all, {len(expected)} expected")
    return (first - start) * 1000, (end - start) * 1000


@dataclass
class Visit:
    """One client of a crowd."""
    path: str
    expected: memoryview
    socket: object = None
    # What came of the head while it was not whole.
    begun: bytearray = field(default_factory=bytearray)
    status: int = 0
    taken: int = 0
    is_right: bool = True
    # Seconds since the crowd came.
    first_byte: float = None
    end: float = None
    due: float = 0.0
    problem: str = None

    @property
    def is_whole(self):
        return self.status and self.taken >= len(self.expected)


class Crowd:
    """Many clients at once, in one thread. `rate` is what each reads, in bytes a second; None is as fast as it comes.

    A paced client has a small receive buffer, since the kernel would take a whole image for it. What is read is compared
    where it lies: the processor time of the clients is taken from what they measure.
    """

    piece = 65536

    def __init__(self, port, visits, rate=None, within=60.0):
        self.port, self.visits, self.rate, self.within = port, visits, rate, within
        self.poll, self.by_descriptor = select.epoll(), {}
        self.buffer = bytearray(self.piece)

    def run(self):
        """All of it, or as much as comes `within` the bound. Returns seconds."""
        self.start, self.start_of_day = time.perf_counter(), time.time()
        for visit in self.visits:
            self._come(visit)
        waiting, self.resting = len(self.visits), []
        while waiting and time.perf_counter() - self.start < self.within:
            for descriptor, _ in self.poll.poll(self._pause()):
                waiting -= self._serve(self.by_descriptor[descriptor])
            self._wake()
        for visit in self.visits:
            if visit.end is None:
                visit.problem = visit.problem or f"not whole after {self.within:g} s"
                visit.socket.close()
        self.poll.close()
        return time.perf_counter() - self.start

    def _come(self, visit):
        visit.socket = socket.socket()
        if self.rate:
            visit.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32768)
        visit.socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        visit.socket.connect(("127.0.0.1", self.port))
        visit.socket.sendall(request_bytes(visit.path))
        visit.socket.setblocking(False)
        self.by_descriptor[visit.socket.fileno()] = visit
        self.poll.register(visit.socket, select.EPOLLIN)

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
        if count == 0 or visit.is_whole:
            visit.socket.close()
            visit.end = self._now()
            if visit.status != 200 or not visit.is_whole or not visit.is_right:
                visit.problem = visit.problem or self._wrong(visit)
            return 1
        if self.rate:
            self._rest(visit)
        return 0

    @staticmethod
    def _wrong(visit):
        other = "" if visit.is_right else ", other bytes than expected"
        return f"status {visit.status}, {visit.taken} bytes of {len(visit.expected)}{other}"

    def _receive(self, visit):
        if visit.first_byte is None:
            count = self._receive_first(visit)
        else:
            count = visit.socket.recv_into(self.buffer)
        self._take(visit, self.buffer, count)
        return count

    def _receive_first(self, visit):
        """The first read, with the time at which the kernel had it: the crowd is served one after another."""
        count, ancillary, _, _ = visit.socket.recvmsg_into([self.buffer], 64)
        stamps = [struct.unpack("qq", content) for _, kind, content in ancillary if kind == SO_TIMESTAMPNS]
        stamp = stamps[0][0] + stamps[0][1] / 1e9 if stamps else time.time()
        visit.first_byte = stamp - self.start_of_day
        return count

    @staticmethod
    def _take(visit, received, count):
        """Judges the first `count` bytes of what was received."""
        start = 0
        if not visit.status:
            if visit.begun:
                visit.begun += memoryview(received)[:count]
                received, count = visit.begun, len(visit.begun)
            head = split_head(received, count)
            if head is None:
                visit.begun = visit.begun or received[:count]
                return
            visit.status, start = head
        part = visit.expected[visit.taken:visit.taken + count - start]
        visit.is_right = visit.is_right and len(part) == count - start and received.startswith(part, start)
        visit.taken += count - start

    def _rest(self, visit):
        """A client that is ahead of its pace does not read until it is due."""
        visit.due = visit.taken / self.rate
        if visit.due > self._now():
            self.poll.unregister(visit.socket)
            self.resting.append(visit)

    def _wake(self):
        now = self._now()
        for visit in [visit for visit in self.resting if visit.due <= now]:
            self.resting.remove(visit)
            self.poll.register(visit.socket, select.EPOLLIN)


def visits(stage, peer, places):
    """One visit for each place, which is `fast/NAME?...` or `paced/NAME?...`."""
    names = [place.partition("/")[2].partition("?")[0] for place in places]
    return [Visit(peer.path(place), memoryview(stage.body(name))) for place, name in zip(places, names)]


def problems_of(crowd):
    """What went wrong, in one line; None when every client got the right bytes."""
    found = [visit.problem for visit in crowd if visit.problem]
    return f"{len(found)} of {len(crowd)} clients: {found[0]}" if found else None
