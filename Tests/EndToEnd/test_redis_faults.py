"""The cache is optional: whatever Redis does, the image comes; and the cache is used again when Redis is back."""

import itertools
import socket
import time

import pytest

from harness import behaviours
from harness.images import MIB, png_of_size
from harness.redis import Redis
from harness.scripted_redis import ScriptedRedis
from harness.waiting import eventually, free_port

BODY = png_of_size(20_000)

# The demand's own bounds (security.md, 3.1), in seconds: slower is a failure, not a slow pass.
FAILING, HANGING, THIRTY = 2.0, 4.0, 6.0


@pytest.fixture
def own_redis(new_folder):
    with Redis(new_folder()) as server:
        yield server


def image_is_served(server, origin, within):
    url = origin.serve(behaviours.image(BODY))
    began = time.monotonic()
    answer = server.client.get(url)
    assert (answer.status, answer.body == BODY, answer.complete) == (200, True, True)
    assert time.monotonic() - began <= within
    return True


def thirty_are_served(server, origin):
    """At once, and within 6 s in all."""
    urls = [origin.serve(behaviours.image(BODY)) for _ in range(30)]
    began = time.monotonic()
    answers = server.client.get_all(urls)
    assert [(answer.status, answer.body == BODY) for answer in answers] == [(200, True)] * 30
    assert time.monotonic() - began <= THIRTY
    return True


def caching_again(server, origin, redis):
    """Asks for new images until one of them is stored: within 15 s."""
    def stored():
        url = origin.serve(behaviours.image(BODY))
        server.client.get(url)
        with redis.client() as client:
            try:
                return eventually(lambda: client("EXISTS", f"image-proxy:{url}"), within=0.5)
            except AssertionError:
                return False
    return eventually(stored, "caching again", within=15)


@pytest.mark.parametrize("address", ["unix", "tcp"])
def test_redis_dies_and_comes_back(start, origin, own_redis, address):
    server = start(CACHE=own_redis.unix_address() if address == "unix" else own_redis.tcp_address())
    assert caching_again(server, origin, own_redis)
    own_redis.kill()
    for _ in range(3):
        assert image_is_served(server, origin, FAILING)
    health = server.client.endpoint("health")
    assert health.status == 200 and "degraded" in health.body.decode()
    own_redis.start()
    assert caching_again(server, origin, own_redis)
    eventually(lambda: "degraded" not in server.client.endpoint("health").body.decode(), "health is ok again")


def test_redis_is_down_at_the_start(start, origin, own_redis):
    own_redis.kill()
    server = start(CACHE=own_redis.tcp_address())
    assert image_is_served(server, origin, FAILING)
    own_redis.start()
    assert caching_again(server, origin, own_redis)


@pytest.mark.parametrize("address", ["unix", "tcp"])
def test_a_frozen_redis_holds_nobody_up(start, origin, own_redis, address):
    server = start(CACHE=own_redis.unix_address() if address == "unix" else own_redis.tcp_address())
    assert image_is_served(server, origin, HANGING)
    own_redis.freeze()
    assert image_is_served(server, origin, HANGING)
    assert thirty_are_served(server, origin)
    assert server.client.endpoint("stats").status in (200, 503)
    own_redis.thaw()
    assert caching_again(server, origin, own_redis)


def test_a_frozen_redis_does_not_hold_up_cgi(start, origin, own_redis):
    server = start("cgi", CACHE=own_redis.unix_address())
    own_redis.freeze()
    assert image_is_served(server, origin, HANGING)


def test_a_full_redis_still_reads(start, origin, own_redis):
    server = start(CACHE=own_redis.unix_address())
    stored = origin.serve(behaviours.image(BODY))
    server.client.get(stored)
    with own_redis.client() as client:
        eventually(lambda: client("EXISTS", f"image-proxy:{stored}"))
        client("CONFIG", "SET", "maxmemory-policy", "noeviction")
        client("CONFIG", "SET", "maxmemory", "1")
        assert image_is_served(server, origin, FAILING)
        assert server.client.get(stored).is_hit, "reads go on when only writes fail"
        client("CONFIG", "SET", "maxmemory", "0")
    assert caching_again(server, origin, own_redis)


def test_a_wrong_password_is_a_miss(start, origin, new_folder):
    with Redis(new_folder(), "--requirepass", "right") as redis:
        server = start(CACHE=f"redis://:wrong@127.0.0.1:{redis.port}/0")
        assert image_is_served(server, origin, FAILING)
        assert "wrong" not in "".join(line for line in server.log().splitlines() if "redis" in line.lower())
        right = start(CACHE=f"redis://:right@127.0.0.1:{redis.port}/0")
        url = origin.serve(behaviours.image(BODY))
        right.client.get(url)
        eventually(lambda: right.client.get(url).is_hit, "a hit with the right password")


REPLIES = {
    "LOADING": b"-LOADING Redis is loading the dataset in memory\r\n",
    "READONLY": b"-READONLY You can't write against a read only replica.\r\n",
    "OOM": b"-OOM command not allowed when used memory > 'maxmemory'.\r\n",
    "MISCONF": b"-MISCONF Redis is configured to save RDB snapshots\r\n",
    "NOAUTH": b"-NOAUTH Authentication required.\r\n",
    "max clients": b"-ERR max number of clients reached\r\n",
    "BUSY": b"-BUSY Redis is busy running a script.\r\n",
    "MOVED": b"-MOVED 3999 127.0.0.1:1\r\n",
    "MASTERDOWN": b"-MASTERDOWN Link with MASTER is down\r\n",
    "WRONGTYPE": b"-WRONGTYPE Operation against a key\r\n",
    "an integer": b":7\r\n",
    "a list": b"*2\r\n$1\r\na\r\n$1\r\nb\r\n",
    "OK to everything": b"+OK\r\n",
    "not RESP": b"HTTP/1.1 400 Bad Request\r\n\r\n",
    "negative length": b"$-5\r\nabc\r\n",
    "length 2^63": b"$9223372036854775807\r\nabc\r\n",
    "length beyond 2^64": b"$99999999999999999999999\r\nabc\r\n",
    "nested lists": b"*1\r\n" * 2000,
    "two answers for one": b"$-1\r\n$2\r\nab\r\n",
    "half an answer": b"$100\r\nabc",
    "nothing": b"",
    "closes at once": None,
    "closes in mid-answer": b"$100\r\nabc",
    "closes after an answer": b"$-1\r\n",
}


@pytest.mark.parametrize("name", REPLIES)
def test_whatever_redis_answers_the_image_comes(start, origin, name):
    with ScriptedRedis(REPLIES[name], closes=name.startswith("closes")) as redis:
        server = start(CACHE=redis.address)
        within = HANGING if name in ("half an answer", "nothing") else FAILING
        for _ in range(10):
            assert image_is_served(server, origin, within)
        # Of a Redis that is well, a miss asks about ten, and what is done now and then asks a few.
        assert redis.commands < 200, "a storm of retries"


def test_an_address_that_drops_connections_holds_nobody_up(start, origin):
    """A listener whose backlog is full: a connect neither succeeds nor fails."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        address = listener.getsockname()
        fillers = []
        for _ in range(4):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(address)
            fillers.append(filler)
        server = start(CACHE=f"redis://127.0.0.1:{address[1]}/0")
        assert thirty_are_served(server, origin)
        assert image_is_served(server, origin, HANGING)
        for filler in fillers:
            filler.close()


def test_a_redis_without_an_address_is_no_flood_of_log_lines(start, origin):
    server = start(CACHE="redis://no-such-host.invalid:6379/0")
    for _ in range(100):
        assert image_is_served(server, origin, FAILING)
    assert len([line for line in server.log().splitlines() if "request finished" not in line]) < 20


def test_a_store_that_fails_is_one_warning_and_no_failed_request(start, origin):
    server = start(CACHE=f"redis://127.0.0.1:{free_port()}/0")
    assert image_is_served(server, origin, FAILING)
    warnings = eventually(lambda: [line for line in server.log().splitlines() if "warning" in line.lower()], "a warning")
    assert len(warnings) <= 2


@pytest.mark.figures
def test_what_waits_for_the_cache_has_a_bound(start, origin, own_redis):
    """With Redis frozen and many large images, memory stays bounded: 40 x 4 MiB would be 160 MiB and 213 as base64."""
    server = start(CACHE=own_redis.unix_address())
    body = png_of_size(4 * MIB)
    server.client.get(origin.serve(behaviours.image(body)))
    own_redis.freeze()
    for _ in itertools.repeat(None, 40):
        assert server.client.get(origin.serve(behaviours.image(body))).body == body
    assert server.handler.peak_resident < 200 * MIB
