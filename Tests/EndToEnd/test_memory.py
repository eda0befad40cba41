"""Memory in front of Redis: Redis has the last word, and while it is silent memory speaks for it."""

import time

import pytest

from harness import behaviours
from harness.handler import run
from harness.http import proxied
from harness.images import png_of_size
from harness.redis import Redis
from harness.waiting import eventually

# A record that is read in one piece, and one that is streamed.
SIZES = [20_000, 400_000]
# What was purged is served by nobody for longer than so many seconds.
PROMISED = 1.0


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


# What takes an image away, told (a handler of its own that shares the Redis, that Redis, the URL, its origin).
NEW = png_of_size(60_000, seed=1)
UNSTORABLE = behaviours.validated(NEW, etag='"old"', renewal=[("Cache-Control", "no-store")])


def purged_by_the_command(server, redis, url, origin):
    assert run("purge", url, settings={**server.settings, "CONFIG": "/dev/null"}).returncode == 0


def deleted_in_redis(server, redis, url, origin):
    with redis.client() as client:
        assert client("DEL", f"image-proxy:{url}") == 1


def forgotten_by_another_process(server, redis, url, origin):
    """Its origin confirms the image, and no longer lets it be kept."""
    origin.replace(url, UNSTORABLE)
    server.client.request("GET", proxied(url), headers={"Cache-Control": "no-cache"})
    with redis.client() as client:
        eventually(lambda: not client("EXISTS", f"image-proxy:{url}"), "the record is gone")


def replaced_by_another_process(server, redis, url, origin):
    with redis.client() as client:
        record = client("GET", f"image-proxy:{url}")
        assert server.client.request("GET", proxied(url), headers={"Cache-Control": "no-cache"}).body == NEW
        eventually(lambda: client("GET", f"image-proxy:{url}") != record, "the new record")


@pytest.mark.parametrize("purge", [purged_by_the_command, deleted_in_redis, forgotten_by_another_process,
                                   replaced_by_another_process], ids=lambda purge: purge.__name__)
def test_what_was_purged_is_served_by_no_process_a_second_later(start, handlers, own_redis, origin, image, purge):
    """The image would be fresh for a day, and every process has it in memory."""
    url, body = image
    origin.replace(url, behaviours.image(body, "image/png", ("ETag", '"old"')))
    other = start(CACHE=own_redis.unix_address(), CLIENT_NO_CACHE="on")
    assert not handlers[0].client.get(url).is_hit
    with own_redis.client() as client:
        eventually(lambda: client("EXISTS", f"image-proxy:{url}"), "the record is stored")
    for server in handlers:
        in_memory(server, own_redis, url, body)
    assert len(origin.requests_for(url)) == 1
    origin.replace(url, behaviours.image(NEW))
    purge(other, own_redis, url, origin)
    time.sleep(PROMISED)
    for server in handlers:
        assert server.client.get(url).body == NEW


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
