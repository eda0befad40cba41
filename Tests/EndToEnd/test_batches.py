"""Requests that a worker finds at once and answers together: each gets what it would get alone, and none waits for another."""

import contextlib
import fcntl
import itertools
import os
import select
import signal
import struct
import termios
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from harness import behaviours, fastcgi
from harness.fastcgi import FastCGIClient, pairs, parameters, request_bytes
from harness.handler import run
from harness.http import MOUNT, proxied
from harness.images import MIB, png_of_size
from harness.lying_redis import LyingRedis
from harness.records import HOUR, put, record
from harness.redis import Redis
from harness.waiting import eventually

# What a worker takes at once at most.
MOST = 8


def query(url):
    return proxied(url).partition("?")[2]


def asks(url, **more):
    return parameters(query(url), **more)


HEALTH = parameters("", path=MOUNT + "/health")


def armed(pid):
    """How many sockets a process waits for in epoll, each for one event (proc(5), /proc/PID/fdinfo)."""
    once = select.EPOLLIN | select.EPOLLRDHUP | select.EPOLLONESHOT
    count = 0
    for entry in Path(f"/proc/{pid}/fdinfo").iterdir():
        with contextlib.suppress(OSError):
            rows = [line.split() for line in entry.read_text().splitlines() if line.startswith("tfd:")]
            count += sum(int(row[row.index("events:") + 1], 16) & once == once for row in rows)
    return count


@contextlib.contextmanager
def standing_still(handler):
    handler.send(signal.SIGSTOP)
    os.waitid(os.P_PID, handler.pid, os.WSTOPPED)
    try:
        yield
    finally:
        handler.send(signal.SIGCONT)


class Row:
    """Connections that rest in the handler. What is asked on them while it stands still, it finds at once."""

    def __init__(self, handler, count):
        self.handler = handler
        self.others = armed(handler.pid)
        self.clients = [FastCGIClient(handler.socket_path) for _ in range(count)]

    def rest(self):
        """Waits until each connection is ready for its next request."""
        eventually(lambda: armed(self.handler.pid) >= self.others + len(self.clients), "every connection rests")

    def send(self, requests):
        """Sends one request on each connection, in this order."""
        for client, params in zip(self.clients, requests, strict=True):
            client.send(request_bytes(params, keep=True))

    def in_turn(self, requests):
        """Each request answered before the next is sent."""
        answers = []
        for client, params in zip(self.clients, requests, strict=True):
            client.send(request_bytes(params, keep=True))
            answers.append(response(client))
        self.rest()
        return answers

    def send_at_once(self, requests):
        self.rest()
        with standing_still(self.handler):
            self.send(requests)

    def at_once(self, requests):
        self.send_at_once(requests)
        return [response(client) for client in self.clients]


@pytest.fixture
def row():
    """`row(handler, count)`: connections that are closed at the end."""
    rows = []

    def make(handler, count):
        rows.append(Row(handler, count))
        return rows[-1]
    yield make
    for each in rows:
        for client in each.clients:
            client.close()


@pytest.fixture
def lying(redis, databases):
    """A Redis that says what it was asked, and may be told to lie."""
    with LyingRedis(redis, database=next(databases)) as server:
        yield server


@pytest.fixture
def gate():
    """What waits for it goes on at the end at the latest."""
    event = threading.Event()
    yield event
    event.set()


def response(client):
    """A whole answer."""
    answer = client.answer()
    assert answer.end == (0, 0) and answer.well_formed, answer
    return answer.response()


def different(count):
    """So many images, no two of them alike, whose records are short."""
    return [png_of_size(2_000 + 4_000 * number, seed=number) for number in range(count)]


def cached(redis, origin, bodies):
    """URLs of images that are in Redis. Their origins have the same."""
    urls = [origin.serve(behaviours.image(body)) for body in bodies]
    for url, body in zip(urls, bodies):
        put(redis, url, record(body, left=HOUR))
    return urls


def known(server, origin, row, count=MOST):
    """A row that asked for so many short images, their URLs, and what they are."""
    bodies = different(count)
    urls = cached(server.redis, origin, bodies)
    clients = row(server.handler, count)
    clients.in_turn([asks(url) for url in urls])
    return clients, urls, bodies


def are_hits(answers, bodies):
    assert [answer.is_hit for answer in answers] == [True] * len(bodies)
    return are_images(answers, bodies)


def are_images(answers, bodies):
    seen = [(answer.status, answer.complete, answer.body == body) for answer, body in zip(answers, bodies, strict=True)]
    assert seen == [(200, True, True)] * len(bodies)
    return True


# MARK: hits

@pytest.mark.parametrize("count", [2, MOST, 20])
def test_each_gets_its_own_image(start, lying, redis, origin, row, count):
    """And they went to Redis together."""
    server = start(CACHE=lying.address)
    bodies = different(count)
    with redis.client(lying.database) as client:
        urls = cached(client, origin, bodies)
    keys = {f"image-proxy:{url}".encode() for url in urls}

    def counts():
        """How often these images were asked for, each by itself, and with others."""
        asked = [(words[0], len(keys.intersection(words))) for words in list(lying.commands)]
        return tuple(sum(number for name, number in asked if name == command) for command in (b"GET", b"MGET"))
    clients = row(server.handler, count)
    assert are_hits(clients.in_turn([asks(url) for url in urls]), bodies)
    assert counts() == (count, 0)
    assert are_hits(clients.at_once([asks(url) for url in urls]), bodies)
    alone, together = counts()
    # One that was asked for with others may be asked for again, where its worker had to leave it.
    assert together > 0 and alone < 2 * count
    assert not any(origin.requests_for(url) for url in urls)


def test_many_batches_one_after_another(start, origin, row):
    """Whose image is whose changes each time."""
    server = start()
    clients, urls, bodies = known(server, origin, row)
    for turn in range(50):
        order = [(turn * 3 + place * 5) % MOST for place in range(MOST)]
        answers = clients.at_once([asks(urls[number]) for number in order])
        assert are_hits(answers, [bodies[number] for number in order])


def test_all_ask_for_the_same_image(start, origin, row):
    server = start()
    body, = different(1)
    url, = cached(server.redis, origin, [body])
    clients = row(server.handler, MOST)
    assert are_hits(clients.in_turn([asks(url)] * MOST), [body] * MOST)
    assert are_hits(clients.at_once([asks(url)] * MOST), [body] * MOST)


@pytest.mark.parametrize("gone", [0, 3, MOST - 1])
def test_one_that_has_left_takes_nobody_with_it(start, origin, row, gone):
    server = start()
    clients, urls, bodies = known(server, origin, row)
    with standing_still(server.handler):
        clients.send([asks(url) for url in urls])
        clients.clients.pop(gone).close()
    bodies.pop(gone)
    assert are_hits([response(client) for client in clients.clients], bodies)


# MARK: all kinds together

@dataclass
class Asked:
    """A request among others, and what has to come of it."""
    params: dict
    status: int
    body: bytes = None
    is_hit: bool = False
    # What is served on its connection before.
    first: dict = None
    # What happens to the record between the two.
    change: Callable = lambda: None
    # Whether its origin waits for the gate.
    is_held: bool = False


def asked(kind, redis, origin, gate, number):
    body, other = png_of_size(3_000 + 5_000 * number, seed=number), png_of_size(4_000, seed=100 + number)
    longer = png_of_size(200_000, seed=200 + number)
    url, = cached(redis, origin, [body])
    known = asks(url)

    def held(exchange):
        exchange.wait_for(gate)
        behaviours.image(body)(exchange)

    def becomes(text):
        return lambda: put(redis, url, text)

    def becomes_a_list():
        redis("DEL", f"image-proxy:{url}")
        redis("LPUSH", f"image-proxy:{url}", "x")

    match kind:
        case "hit": return Asked(known, 200, body, True)
        case "head": return Asked(asks(url, method="HEAD"), 200, b"", True, first=known)
        case "range": return Asked(asks(url, HTTP_RANGE="bytes=100-299"), 206, body[100:300], True, first=known)
        case "denied": return Asked(asks("http://10.0.0.1/image.png"), 403, first=HEALTH)
        case "bad": return Asked(parameters(""), 400, first=HEALTH)
        case "post": return Asked(asks(url, method="POST"), 405, first=known)
        case "health": return Asked(HEALTH, 200, b"ok\n")
        case "slow": return Asked(asks(origin.serve(held)), 200, body, first=HEALTH, is_held=True)
        case "purged": return Asked(known, 200, body, change=lambda: redis("DEL", f"image-proxy:{url}"))
        case "list": return Asked(known, 200, body, change=becomes_a_list)
        case "damaged": return Asked(known, 200, body, change=becomes(record(body, left=HOUR)[:len(body) // 2]))
        case "longer": return Asked(known, 200, longer, True, change=becomes(record(longer, left=HOUR)))
        case "another": return Asked(known, 200, other, True, change=becomes(record(other, left=HOUR)))
        case "stale":
            origin.replace(url, held)
            return Asked(known, 200, body, True, change=becomes(record(body, left=-10, swr=HOUR)))


MIXES = {
    "requests": ["hit", "slow", "denied", "bad", "head", "health", "post", "hit"],
    "records": ["hit", "slow", "list", "damaged", "longer", "purged", "another", "hit"],
    "waits": ["hit", "stale", "slow", "range", "purged", "hit", "stale", "hit"],
}


@pytest.mark.parametrize("memory", ["0", None], ids=["redis-alone", "with-memory"])
@pytest.mark.parametrize("order", [1, -1], ids=["forwards", "backwards"])
@pytest.mark.parametrize("mix", MIXES)
def test_each_gets_what_it_would_get_alone(start, origin, row, gate, mix, order, memory):
    """And nobody waits for an origin that is not theirs."""
    server = start(MEMORY_CACHE_SIZE=memory, FIRST_BYTE_TIMEOUT="10m", TOTAL_TIMEOUT="10m")
    all_asked = [asked(kind, server.redis, origin, gate, number) for number, kind in enumerate(MIXES[mix])][::order]
    clients = row(server.handler, len(all_asked))
    clients.in_turn([each.first or each.params for each in all_asked])
    for each in all_asked:
        each.change()
    clients.send_at_once([each.params for each in all_asked])
    # Those that no gate is closed for come while it is.
    for each, client in sorted(zip(all_asked, clients.clients), key=lambda pair: pair[0].is_held):
        if each.is_held:
            gate.set()
        answer = response(client)
        assert (answer.status, answer.is_hit) == (each.status, each.is_hit), each
        assert each.body is None or answer.body == each.body, each


def test_what_was_purged_is_gone_from_memory_too(start, settings, redis, databases, origin, row):
    cache = redis.unix_address(database := next(databases))
    server = start(CACHE=cache, MEMORY_CACHE_SIZE=None)
    old, new = different(2 * MOST)[:MOST], different(2 * MOST)[MOST:]
    with redis.client(database) as client:
        urls = cached(client, origin, old)
        for url, body in zip(urls, new):
            origin.replace(url, behaviours.image(body))
        clients = row(server.handler, MOST)
        clients.in_turn([asks(url) for url in urls])
        for _ in range(3):
            assert are_hits(clients.at_once([asks(url) for url in urls]), old)
        for url in urls[:2]:
            client("DEL", f"image-proxy:{url}")
        for url in urls[2:4]:
            assert run("purge", url, settings={**settings, "CACHE": cache, "CONFIG": "/dev/null"}).returncode == 0
    # A copy in memory may be served for half a second more.
    time.sleep(1)
    answers = clients.at_once([asks(url) for url in urls])
    assert are_images(answers[:4], new[:4]) and not any(answer.is_hit for answer in answers[:4])
    assert are_hits(answers[4:], old[4:])


# MARK: web servers that take their time

def waiting_bytes(client):
    """How much has come that was not read."""
    return struct.unpack("i", fcntl.ioctl(client.socket, termios.FIONREAD, bytes(4)))[0]


@pytest.mark.parametrize("place", [0, 3, MOST - 1])
@pytest.mark.parametrize("size, unread", [(4 * MIB, 0), (90_000, 3)], ids=["large", "short"])
def test_one_that_reads_nothing_keeps_nobody_waiting(start, origin, row, size, unread, place):
    """Of a large image, and of a short one where nothing of those before was read either."""
    server = start()
    bodies, body, before = different(MOST - 1), png_of_size(size, seed=50), png_of_size(45_000, seed=51)
    urls, (url, url_before) = cached(server.redis, origin, bodies), cached(server.redis, origin, [body, before])
    urls.insert(place, url)
    clients = row(server.handler, MOST)
    clients.in_turn([asks(url) for url in urls])
    reads_nothing = clients.clients[place]
    for number in range(1, unread + 1):
        reads_nothing.send(request_bytes(asks(url_before), keep=True))
        eventually(lambda: waiting_bytes(reads_nothing) > number * len(before), "it is answered")
        clients.rest()
    clients.send_at_once([asks(url) for url in urls])
    others = [client for client in clients.clients if client is not reads_nothing]
    assert are_hits([response(client) for client in others], bodies)
    assert are_hits([response(reads_nothing) for _ in range(unread + 1)], [before] * unread + [body])


# MARK: a Redis that fails in the middle

FAULTS = {
    "closes": lambda reply: [None],
    "closes in mid-answer": lambda reply: [reply[:len(reply) // 2], None],
    "closes behind it": lambda reply: [reply, None],
    "not RESP": lambda reply: b"HTTP/1.1 400 Bad Request\r\n\r\n",
    "an integer": lambda reply: b":7\r\n",
    "a status": lambda reply: b"+OK\r\n",
    "a list": lambda reply: b"*2\r\n$1\r\na\r\n$1\r\nb\r\n",
    "no string": lambda reply: b"$-1\r\n",
    "an empty string": lambda reply: b"$0\r\n\r\n",
    "negative length": lambda reply: b"$-5\r\nabc\r\n",
    "length 2^63": lambda reply: b"$9223372036854775807\r\nabc\r\n",
    "longer than asked for": lambda reply: b"$300000\r\n" + bytes(300_000) + b"\r\n",
    "too short a length": lambda reply: b"$100\r\n" + reply.partition(b"\r\n")[2],
    "an error": lambda reply: b"-ERR no\r\n",
    "endless line": lambda reply: b"-" + b"x" * 100_000,
    "damaged": lambda reply: reply[:1000] + b"!" + reply[1001:],
}


class Fault:
    """Spoils one of the values that are asked for together next, when those before it have been sent."""

    def __init__(self, server, place, spoil):
        self.server = server
        self.place = place
        self.spoil = spoil
        self.is_over = False

    def __call__(self, words):
        if words[0] != b"MGET" or self.is_over:
            return None
        self.is_over = True
        return self.values(words)

    def values(self, words):
        with self.server.redis.client(self.server.database) as client:
            values = [b"$%d\r\n%s\r\n" % (len(value), value) for value in client(*words)]
        yield b"*%d\r\n" % len(values) + b"".join(values[:self.place])
        spoilt = self.spoil(values[self.place])
        yield from [spoilt] if isinstance(spoilt, bytes) else spoilt
        yield b"".join(values[self.place + 1:])


@pytest.fixture
def eight_hits(start, lying, redis, origin, row):
    """What stands between the handler and Redis, the handler's process, a row that asked for eight short images, and these."""
    server = start(CACHE=lying.address)
    bodies = different(MOST)
    with redis.client(lying.database) as client:
        urls = cached(client, origin, bodies)
    clients = row(server.handler, MOST)
    requests = [asks(url) for url in urls]
    assert are_hits(clients.in_turn(requests), bodies)
    return lying, server.handler, clients, requests, bodies


def goes_on(handler, clients, requests, bodies):
    """The cache is used again, by the process that was there before."""
    pid = handler.pid
    eventually(lambda: all(answer.is_hit for answer in clients.at_once(requests)), "hits again")
    assert are_hits(clients.at_once(requests), bodies)
    assert handler.is_running and handler.pid == pid


@pytest.mark.parametrize("place", [0, 1, MOST - 1])
@pytest.mark.parametrize("how", FAULTS)
def test_redis_fails_in_the_middle_of_a_series(eight_hits, how, place):
    lying, handler, clients, requests, bodies = eight_hits
    lying.answer = Fault(lying, place, FAULTS[how])
    assert are_images(clients.at_once(requests), bodies)
    lying.answer = lambda words: None
    goes_on(handler, clients, requests, bodies)


WHOLES = {
    "twice": lambda reply: reply * 2,
    "one too many": lambda reply: b"*9" + reply[2:] + b"$1\r\na\r\n",
    "one too few": lambda reply: b"*7" + reply[2:],
    "none": lambda reply: b"*0\r\n",
    "null": lambda reply: b"*-1\r\n",
    "refuses": lambda reply: b"-ERR no\r\n",
    "not permitted": lambda reply: b"-NOPERM this user has no permissions to run the 'mget' command\r\n",
    "several slots": lambda reply: b"-CROSSSLOT Keys in request don't hash to the same slot\r\n",
    "loading": lambda reply: b"-LOADING Redis is loading the dataset in memory\r\n",
    "endless line": lambda reply: b"-" + b"x" * 100_000,
}

# What Redis may have against MGET.
REFUSALS = {"refuses", "not permitted", "several slots", "loading"}


@pytest.mark.parametrize("how", WHOLES)
def test_the_answer_to_a_series_is_wrong_as_a_whole(eight_hits, how):
    lying, handler, clients, requests, bodies = eight_hits

    def answer(words):
        if words[0] != b"MGET":
            return None
        with lying.redis.client(lying.database) as client:
            return WHOLES[how](client.raw(words))
    lying.answer = answer
    for _ in range(3):
        assert are_images(clients.at_once(requests), bodies)
    lying.answer = lambda words: None
    goes_on(handler, clients, requests, bodies)
    notices = [line for line in handler.other_lines() if "Redis refuses MGET" in line]
    assert len(notices) == (how in REFUSALS)


@pytest.mark.parametrize("place", [0, 1, MOST - 1])
def test_redis_says_nothing_more_in_the_middle_of_a_series(eight_hits, gate, place):
    lying, handler, clients, requests, bodies = eight_hits
    lying.answer = Fault(lying, place, lambda reply: gate.wait(60) and reply)
    assert are_images(clients.at_once(requests), bodies)
    gate.set()
    goes_on(handler, clients, requests, bodies)


def test_redis_is_late_with_each_of_a_series(eight_hits):
    lying, handler, clients, requests, bodies = eight_hits
    lying.answer = lambda words: time.sleep(0.3)
    assert are_images(clients.at_once(requests), bodies)
    lying.answer = lambda words: None
    goes_on(handler, clients, requests, bodies)


@pytest.mark.parametrize("trouble", ["frozen", "dead"])
def test_redis_is_away_when_a_series_is_due(start, origin, row, new_folder, trouble):
    with Redis(new_folder()) as own:
        server = start(CACHE=own.unix_address())
        bodies = different(MOST)
        with own.client() as client:
            urls = cached(client, origin, bodies)
            clients, requests = row(server.handler, MOST), [asks(url) for url in urls]
            assert are_hits(clients.in_turn(requests), bodies)
        with standing_still(server.handler):
            clients.send(requests)
            own.freeze() if trouble == "frozen" else own.kill()
        assert are_images([response(client) for client in clients.clients], bodies)
        own.thaw() if trouble == "frozen" else own.start()
        goes_on(server.handler, clients, requests, bodies)


# MARK: half-sent requests

def nothing_came(client):
    """Neither an answer nor the end."""
    return select.select([client.socket], [], [], 0)[0] == []


@pytest.mark.parametrize("keeps", [False, True], ids=["new", "kept"])
@pytest.mark.parametrize("count", [2, 20])
def test_half_sent_requests_hold_nobody_up(start, origin, row, count, keeps):
    """Others are answered while those are open still; and each of those when its rest has come."""
    server = start()
    body, = different(1)
    url, = cached(server.redis, origin, [body])
    halves = row(server.handler, count)
    whole = request_bytes(asks(url), keep=True)
    middle = len(whole) // 2
    if keeps:
        assert are_hits(halves.in_turn([asks(url)] * count), [body] * count)
    with standing_still(server.handler):
        for client in halves.clients:
            client.send(whole[:middle])
    with FastCGIClient(server.handler.socket_path) as client:
        assert are_hits([client.get(query(url)).response()], [body])
    assert all(nothing_came(client) for client in halves.clients), "their time is up before others are answered"
    for client in halves.clients:
        client.send(whole[middle:])
    assert are_hits([response(client) for client in halves.clients], [body] * count)


def test_a_half_sent_request_among_others_holds_nobody_up(start, origin, row):
    server = start()
    clients, urls, bodies = known(server, origin, row)
    half, *others = clients.clients
    whole = request_bytes(asks(urls[0]), keep=True)
    with standing_still(server.handler):
        half.send(whole[:100])
        for client, url in zip(others, urls[1:], strict=True):
            client.send(request_bytes(asks(url), keep=True))
    assert are_hits([response(client) for client in others], bodies[1:])
    assert nothing_came(half)
    half.send(whole[100:])
    assert are_hits([response(half)], bodies[:1])


@pytest.mark.parametrize("at", [1, 8, 16, 20, 200, -17, -9, -8, -1])
def test_a_request_whose_rest_comes_later(start, origin, row, at):
    server = start()
    body, = different(1)
    url, = cached(server.redis, origin, [body])
    client, = row(server.handler, 1).clients
    whole = request_bytes(asks(url), keep=True)
    for _ in range(3):
        client.send(whole[:at])
        with FastCGIClient(server.handler.socket_path) as other:
            assert are_hits([other.get(query(url)).response()], [body])
        client.send(whole[at:])
        assert are_hits([response(client)], [body])


@pytest.mark.parametrize("count", [1, 2, 20])
def test_half_a_body_holds_nobody_up(start, origin, row, count):
    """It belongs to a method that is not allowed; what comes behind it on the connection is another request."""
    server = start()
    body, = different(1)
    url, = cached(server.redis, origin, [body])
    posts = row(server.handler, count)
    whole = request_bytes(asks(url, method="POST", CONTENT_LENGTH="20000"), keep=True, body=bytes(20_000))
    for client in posts.clients:
        client.send(whole[:-10_000])
    with FastCGIClient(server.handler.socket_path) as client:
        assert are_hits([client.get(query(url)).response()], [body])
    assert all(nothing_came(client) for client in posts.clients), "their time is up before others are answered"
    for client in posts.clients:
        client.send(whole[-10_000:])
    assert [response(client).status for client in posts.clients] == [405] * count
    assert are_hits(posts.at_once([asks(url)] * count), [body] * count)


def test_a_request_too_long_to_be_looked_at_among_others(start, origin, row):
    """It has come whole, and is answered as the others are."""
    server = start()
    clients, urls, bodies = known(server, origin, row)
    requests = [asks(url, HTTP_COOKIE="c" * (60_000 if number % 2 else 0)) for number, url in enumerate(urls)]
    assert are_hits(clients.at_once(requests), bodies)


# Records that end in an empty FCGI_STDIN, which ends no request: the program goes on reading.
FALSE_ENDS = {
    "nothing before it": fastcgi.record(fastcgi.STDIN),
    "another's": fastcgi.begin() + fastcgi.record(fastcgi.PARAMS, pairs({"A": "B"})) + fastcgi.record(fastcgi.STDIN, request=2),
    "a second's": fastcgi.begin() + fastcgi.begin(request=3) + fastcgi.record(fastcgi.STDIN, request=3),
    "management": fastcgi.record(9, request=0) + fastcgi.record(fastcgi.STDIN, request=0),
}
# For how many seconds the program waits for the rest of a request.
RECEIVING = 5.0


@pytest.mark.parametrize("name", FALSE_ENDS)
def test_what_only_looks_like_a_whole_request_holds_nobody_up(start, origin, row, name):
    """Neither those that come together with it nor, where there are as many as workers that run, those that come later."""
    server = start()
    clients, urls, bodies = known(server, origin, row)
    looks_whole, *others = clients.clients
    began = time.monotonic()
    with standing_still(server.handler):
        looks_whole.send(FALSE_ENDS[name])
        for client, url in zip(others, urls[1:], strict=True):
            client.send(request_bytes(asks(url), keep=True))
    assert are_hits([response(client) for client in others], bodies[1:])
    for client in row(server.handler, 20).clients:
        client.send(FALSE_ENDS[name])
    with FastCGIClient(server.handler.socket_path) as client:
        assert are_hits([client.get(query(urls[0])).response()], bodies[:1])
    assert time.monotonic() - began < RECEIVING


def test_rubbish_among_others(start, origin, row):
    server = start()
    clients, urls, bodies = known(server, origin, row)
    rubbish = [b"\0", bytes(4096), fastcgi.record(fastcgi.STDIN),
               fastcgi.begin() + fastcgi.record(fastcgi.PARAMS, pairs({"A": "B"})[:3]) + fastcgi.record(fastcgi.STDIN)]
    with standing_still(server.handler):
        for client, data in zip(clients.clients, rubbish):
            client.send(data)
        for client, url in list(zip(clients.clients, urls))[len(rubbish):]:
            client.send(request_bytes(asks(url), keep=True))
    assert are_hits([response(client) for client in clients.clients[len(rubbish):]], bodies[len(rubbish):])
    assert server.handler.is_running


# MARK: the end

@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGHUP], ids=["stop", "reload"])
@pytest.mark.parametrize("count", [MOST, 20])
def test_no_request_is_lost_at_the_end(start, origin, row, count, end):
    """Hits, and every third an image that its origin has to be asked for."""
    server = start()
    clients, urls, bodies = known(server, origin, row, count)
    for url in urls[::3]:
        server.redis("DEL", f"image-proxy:{url}")
    with standing_still(server.handler):
        clients.send([asks(url) for url in urls])
        server.handler.send(end)
    assert are_images([response(client) for client in clients.clients], bodies)
    if end == signal.SIGTERM:
        assert server.handler.wait() == 0
