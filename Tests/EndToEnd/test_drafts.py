"""An image of some megabytes on its way into Redis: a draft that nobody takes for the image, and that goes by itself."""

import contextlib
import json
import signal
import threading
import time

import pytest

from harness import behaviours
from harness.http import proxied
from harness.images import MIB, png_of_size
from harness.lying_redis import LyingRedis
from harness.redis import Redis
from harness.waiting import eventually, free_port

SIZE = 4 * MIB
BODY = png_of_size(SIZE, seed=4)
# Four chunks of 3 KiB.
SMALL = png_of_size(12_000)
# How long a draft may outlive its process.
PATIENCE = 10 * 60 * 1000
FRAMINGS = pytest.mark.parametrize("in_chunks", [False, True], ids=["of a known length", "chunked"])


def drafts(server):
    return server.redis("KEYS", "*:draft-*")


def draft_of(server, url):
    """Waits for the draft of this image, the only one there is; returns its key."""
    key, = eventually(lambda: drafts(server), "a draft")
    assert url.encode() in key
    return key


def written(server, key):
    """How much of the value is there: of a known length it is allocated at once, and NULs until it is written."""
    value = server.redis("GET", key)
    end = value.find(b"\0")
    return len(value) if end < 0 else end


@contextlib.contextmanager
def arriving(start, origin, in_chunks=False, cut=False, parts=4, **settings):
    """An image of which two parts have come, the others behind gates: (server, URL, gates, response)."""
    # The test may take its time over each part.
    server = start(STALL_TIMEOUT="60s", TOTAL_TIMEOUT="120s", CHUNK_SIZE="256KiB", **settings)
    gates = [threading.Event() for _ in range(parts)]
    url = origin.serve(behaviours.stepwise(BODY, gates, in_chunks=in_chunks, cut=cut))
    with server.client.open(proxied(url)) as response:
        gates[0].set()
        assert response.head() == 200 and response.read_exactly(1000)
        # What has come within 50 ms is kept back until it is known to be all, or more comes.
        time.sleep(0.1)
        gates[1].set()
        yield server, url, gates, response


@FRAMINGS
def test_an_image_that_arrives_is_a_draft_that_grows_and_expires(start, origin, in_chunks):
    with arriving(start, origin, in_chunks=in_chunks, parts=8) as (server, url, gates, response):
        before = 0
        for gate in gates[2:-1]:
            gate.set()
            key = draft_of(server, url)
            before = eventually(lambda: (now := written(server, key)) > before and now, "the draft grows")
            assert before < SIZE * 4 / 3
            assert 0 < server.redis("PTTL", key) <= PATIENCE
            assert server.redis("EXISTS", f"image-proxy:{url}") == 0
        gates[-1].set()
        assert response.rest()[1]
    assert json.loads(server.stored(url))["size"] == SIZE
    # A rename: there is no moment in which both are there.
    assert drafts(server) == []
    hit = server.client.get(url)
    assert hit.is_hit and hit.body == BODY


@FRAMINGS
def test_a_draft_goes_with_the_image_that_is_cut(start, origin, in_chunks):
    with arriving(start, origin, in_chunks=in_chunks, cut=True) as (server, url, gates, response):
        draft_of(server, url)
        for gate in gates:
            gate.set()
        assert not response.rest()[1]
    eventually(lambda: drafts(server) == [], "the draft is gone")
    assert server.redis("EXISTS", f"image-proxy:{url}") == 0


def test_a_draft_goes_with_the_image_that_turns_out_too_large_to_be_kept(start, origin):
    with arriving(start, origin, in_chunks=True, MAX_CACHE_SIZE="2560KiB") as (server, url, gates, response):
        draft_of(server, url)
        gates[2].set()
        eventually(lambda: drafts(server) == [], "the draft is gone before the image has come to its end")
        gates[3].set()
        assert response.rest()[1]
    server.wait_for_log("Image too large to cache", url)
    assert drafts(server) == []
    assert server.redis("EXISTS", f"image-proxy:{url}") == 0


@FRAMINGS
def test_what_a_killed_process_leaves_is_a_draft_that_expires(start, origin, in_chunks):
    with arriving(start, origin, in_chunks=in_chunks) as (server, url, gates, response):
        draft_of(server, url)
        server.handler.stop(signal.SIGKILL)
        assert not response.rest()[1]
    left = server.redis("KEYS", f"*{url}*")
    assert f"image-proxy:{url}".encode() not in left
    assert [key for key in left if b":draft-" in key] == drafts(server) != []
    # The lease of the dead process is among them.
    for key in left:
        assert 0 < server.redis("PTTL", key) <= PATIENCE
    origin.replace(url, behaviours.image(BODY))
    server.handler.start()
    again = server.client.get(url)
    assert (again.status, again.is_hit, again.complete, again.body == BODY) == (200, False, True, True)
    server.stored(url)
    hit = server.client.get(url)
    assert hit.is_hit and hit.body == BODY


# MARK: slots

TEMPLATES = ["image-proxy:{url}", "{images}:{url}", "a{:{url}", "{url}:{v2}", "{}:{url}", "a:{url}}"]
QUERIES = ["a", "{", "a{b", "{tag}", "{a}{b}", "{{tag}}", "}{tag}", "{}", "{}{tag}", "}", "}{", "a}b{}"]


@pytest.fixture(scope="module")
def node(new_folder):
    """A cluster of one node, which has all slots."""
    # Unless it is told another, the port of its bus is 10,000 above its own, and may be none.
    arguments = ["--cluster-enabled", "yes", "--cluster-port", free_port(), "--databases", "1"]
    with Redis(new_folder(), *arguments) as server, server.client() as client:
        client("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
        eventually(lambda: b"cluster_state:ok" in client("CLUSTER", "INFO"), "the cluster is up")
        server.slot = lambda key: client("CLUSTER", "KEYSLOT", key)
        yield server


def draft_for(liar, key):
    """The draft that a script has been asked to put in the place of this key."""
    scripts = [words[3:3 + int(words[2])] for words in list(liar.commands) if words[0] == b"EVAL"]
    return next((keys[0] for keys in scripts if len(keys) == 2 and keys[1] == key), None)


def has_companions(key):
    """Whether something can be put around the key that leaves it in its slot (CacheKey.companion)."""
    opening = key.find(b"{")
    return b"}" not in key or -1 < opening < key.find(b"}", opening) - 1


@pytest.mark.parametrize("template", TEMPLATES)
def test_a_draft_is_in_the_slot_of_its_image(start, origin, node, template):
    """Where there is no key for it in that slot, the cluster takes no large image, and its clients get it all the same."""
    with LyingRedis(node) as liar:
        server = start(CACHE=liar.address, CACHE_KEY=template, CHUNK_SIZE="3KiB")
        for query in QUERIES:
            url = f"{origin.serve(behaviours.image(SMALL))}?{query}"
            key = template.replace("{url}", url).encode()
            assert server.client.get(url).body == SMALL
            draft = eventually(lambda: draft_for(liar, key), "the draft is to take its place")
            assert b"draft-" in draft
            assert node.slot(draft) == node.slot(key) or not has_companions(key)
            again = server.client.get(url)
            assert (again.status, again.complete, again.body == SMALL) == (200, True, True)
