"""Memory in front of Redis: Redis has the last word, and while it is silent memory speaks for it."""

import pytest

from harness import behaviours
from harness.images import png_of_size
from harness.redis import Redis
from harness.waiting import eventually

# A record that is read in one piece, and one that is streamed.
SIZES = [20_000, 400_000]
# A copy is compared with Redis every half second; this is a limit on silence.
GONE = 5.0


@pytest.fixture
def own_redis(new_folder):
    with Redis(new_folder()) as server:
        yield server


@pytest.fixture
def handlers(start, own_redis):
    """Two handlers, each behind its own nginx, that share a Redis."""
    return [start(CACHE=own_redis.unix_address(), MEMORY_CACHE_SIZE="16MiB") for _ in range(2)]


@pytest.fixture(params=SIZES)
def image(request, origin):
    """(url, body)"""
    body = png_of_size(request.param, seed=request.param)
    return origin.serve(behaviours.image(body)), body


def value_reads(client):
    """How often Redis was asked for a whole value."""
    line = next((line for line in client("INFO", "commandstats").decode().splitlines() if ":calls=" in line
                 and line.startswith("cmdstat_get:")), "calls=0,")
    return int(line.partition("calls=")[2].partition(",")[0])


def in_memory(server, redis, url, body):
    """Asks until the image comes without Redis having been asked for it."""
    with redis.client() as client:
        def answered_from_memory():
            before = value_reads(client)
            hit = server.client.get(url)
            assert (hit.is_hit, hit.body == body) == (True, True)
            return value_reads(client) == before
        eventually(answered_from_memory, "the image is in memory")


def test_what_is_deleted_in_redis_is_gone_everywhere(handlers, own_redis, origin, image):
    url, body = image
    assert not handlers[0].client.get(url).is_hit
    with own_redis.client() as client:
        eventually(lambda: client("EXISTS", f"image-proxy:{url}"), "the record is stored")
        for server in handlers:
            in_memory(server, own_redis, url, body)
        assert len(origin.requests_for(url)) == 1

        def is_missed(server):
            # The miss of either would store it again, and hide whether the other one noticed.
            client("DEL", f"image-proxy:{url}")
            answer = server.client.get(url)
            assert answer.body == body
            return not answer.is_hit
        for server in handlers:
            eventually(lambda: is_missed(server), "a miss", within=GONE)


def test_while_redis_is_frozen_what_is_in_memory_is_a_hit(handlers, own_redis, origin, image):
    url, body = image
    server = handlers[0]
    server.client.get(url)
    with own_redis.client() as client:
        eventually(lambda: client("EXISTS", f"image-proxy:{url}"), "the record is stored")
    in_memory(server, own_redis, url, body)
    own_redis.freeze()

    def is_noticed():
        hit = server.client.get(url)
        assert (hit.is_hit, hit.body == body) == (True, True)
        return "degraded" in server.client.endpoint("health").body.decode()
    eventually(is_noticed, "health tells that Redis is away")
    for _ in range(10):
        hit = server.client.get(url)
        assert (hit.is_hit, hit.body == body) == (True, True)
    assert len(origin.requests_for(url)) == 1
