"""A Redis that speaks RESP and lies: about leases, scripts, drafts, and in its own time."""

import base64
import json
import threading
import time

import pytest

from harness import behaviours
from harness.cluster import Cluster
from harness.crowd import Crowd
from harness.handler import run
from harness.http import proxied
from harness.images import MIB, png_of_size
from harness.lying_redis import LyingRedis
from harness.records import put, record
from harness.waiting import eventually

SMALL, LARGE = png_of_size(20_000, seed=21), png_of_size(3 * MIB, seed=22)
# The demand's own bounds (security.md, 3.1), in seconds: slower is a failure, not a slow pass.
FAILING, HANGING, THIRTY = 2.0, 4.0, 6.0
OK, NULL = b"+OK\r\n", b"$-1\r\n"


@pytest.fixture
def lying(redis, databases):
    """`lying(answer)`: a Redis of one's own database, but where it lies."""
    running = []

    def make(answer=lambda words: None, **options):
        running.append(LyingRedis(redis, answer, next(databases), **options))
        return running[-1]
    yield make
    for each in running:
        each.__exit__()


def is_claim(words):
    return words[0] == b"SET" and b"NX" in words


def is_lease(words):
    return len(words) > 1 and words[1].endswith(b":fetch")


def served(server, origin, body=SMALL, within=HANGING):
    """Asks for a new image; returns its URL."""
    url = origin.serve(behaviours.image(body))
    began = time.monotonic()
    answer = server.client.get(url)
    assert (answer.status, answer.body == body, answer.complete) == (200, True, True), answer.status
    assert time.monotonic() - began <= within
    return url


def all_are_served(server, urls, body):
    """At once, and within 6 s in all."""
    began = time.monotonic()
    answers = server.client.get_all(urls)
    assert [(answer.status, answer.body == body, answer.complete) for answer in answers] == [(200, True, True)] * len(urls)
    assert time.monotonic() - began <= THIRTY


def at(lying, server):
    """A client of the database that the handler uses."""
    return lying.redis.client(lying.database)


# MARK: large records

@pytest.fixture(params=["json", "raw"])
def large_hit(request, start, lying, origin):
    """A large image that has been read once before, and what stands between the handler and Redis."""
    liar = lying()
    server = start(CACHE=liar.address, CACHE_FORMAT=request.param, MEMORY_CACHE_SIZE="0")
    url = served(server, origin, LARGE)
    with at(liar, server) as client:
        eventually(lambda: client("EXISTS", f"image-proxy:{url}"), "it is stored")
        assert server.client.get(url).is_hit
        yield server, liar, client, url


BREAKS = {
    "closes": lambda reply: [reply[:1_000_000], None],
    "stalls": lambda reply: [reply[:1_000_000]],
    "drips": lambda reply: [reply[:1_000_000], *(reply[at:at + 1] for at in range(1_000_000, 1_060_000))],
    "lies": lambda reply: [reply[:1_000_000] + b"!" * (len(reply) - 1_000_002) + b"\r\n"],
}


@pytest.mark.parametrize("how", BREAKS)
def test_a_redis_that_fails_in_the_middle_of_a_large_hit(large_hit, redis, how):
    """The response that has begun is cut for all to see, and soon; those after it come from the origin."""
    server, liar, client, url = large_hit
    key = f"image-proxy:{url}".encode()
    reply = client.raw([b"GET", key])
    liar.pause = 0.001
    liar.answer = lambda words: BREAKS[how](reply) if words == [b"GET", key] else None
    answer = server.client.get(url)
    assert not answer.complete or answer.body == LARGE
    server.client.timeout = HANGING
    for _ in range(3):
        answer = server.client.get(url)
        assert (answer.status, answer.body == LARGE, answer.complete) == (200, True, True)
    liar.answer = lambda words: None
    eventually(lambda: server.client.get(url).is_hit, "the cache is used again")


@pytest.mark.parametrize("large_hit", ["json"], indirect=True)
def test_a_known_record_that_is_damaged_is_replaced(large_hit):
    server, _, client, url = large_hit
    client("SETRANGE", f"image-proxy:{url}", 700_000, "!")
    assert not server.client.get(url).complete
    answer = server.client.get(url)
    assert (answer.status, answer.body == LARGE, answer.is_hit) == (200, True, False)
    eventually(lambda: server.client.get(url).is_hit, "another has taken its place")
    assert "is damaged" in server.log()


@pytest.mark.parametrize("large_hit", ["json"], indirect=True)
def test_a_known_record_that_is_damaged_before_the_part_that_is_wanted_is_a_miss(large_hit):
    server, _, client, url = large_hit
    client("SETRANGE", f"image-proxy:{url}", 700_000, "!")
    answer = server.client.get(url, headers={"Range": "bytes=2000000-2000099"})
    assert answer.complete and answer.body == (LARGE if answer.status == 200 else LARGE[2_000_000:2_000_100])
    assert not answer.is_hit and "is damaged" in server.log()
    eventually(lambda: server.client.get(url).is_hit, "another has taken its place")


# MARK: leases

def test_a_redis_that_grants_every_lease(new_folder, settings, redis, lying, origin):
    """Two handlers fetch the same image at once, and store it at once: each is whole, and so is what is stored."""
    liar = lying(lambda words: OK if is_claim(words) else None)
    both = Cluster(new_folder(), {**settings, "CACHE": liar.address}, redis.client(liar.database))
    with redis.client(liar.database) as client:
        try:
            both.start()
            url = origin.serve(behaviours.image(LARGE))
            with Crowd(both.client, proxied(url), 20) as crowd:
                answers = crowd.answers()
            assert [(answer.status, answer.body == LARGE) for answer in answers] == [(200, True)] * 20
            value = eventually(lambda: client("GET", f"image-proxy:{url}"), "a record")
            assert base64.b64decode(json.loads(value)["data"], validate=True) == LARGE
            eventually(lambda: client("KEYS", "*draft-*") == [], "no draft is left")
        finally:
            both.stop()


@pytest.mark.parametrize("holder", [NULL, b":7\r\n", b"*0\r\n", b"$0\r\n\r\n"], ids=["nobody", "number", "list", "empty"])
def test_a_redis_that_never_grants_a_lease(start, lying, origin, holder):
    """Refused, and held by nobody who could be waited for."""
    server = start(CACHE=lying(lambda words: NULL if is_claim(words) else holder if is_lease(words) else None).address)
    for _ in range(3):
        served(server, origin)


@pytest.mark.parametrize("claim", [b":1\r\n", b"$2\r\nOK\r\n", b"*1\r\n$-1\r\n", b"+QUEUED\r\n"])
def test_a_claim_that_is_answered_with_something_else(start, lying, origin, claim):
    server = start(CACHE=lying(lambda words: claim if is_claim(words) else NULL if is_lease(words) else None).address)
    for _ in range(3):
        served(server, origin)


def test_a_lease_that_nobody_ever_gives_back_costs_an_image_once(start, lying, origin):
    """As a process leaves it that stands still for ever, or somebody who can write to Redis: it has no end. Waiting for it has."""
    liar = lying()
    server = start(CACHE=liar.address)
    url = origin.serve(behaviours.image(SMALL))
    with at(liar, server) as client:
        client("SET", f"{{image-proxy:{url}}}:fetch", "0123456789abcdef-0123456789abcdef")
        answer = server.client.get(url)
        assert (answer.status, answer.body == SMALL) == (200, True)
        eventually(lambda: client("EXISTS", f"image-proxy:{url}"), "it is stored all the same")
    assert server.client.get(url).is_hit
    served(server, origin)


@pytest.mark.parametrize("text", ["=", "=<html>", "=200", "=apart\r\n", "=404 Not Found", "=\0", "=" + "x" * 100_000])
def test_a_verdict_that_is_none_is_not_believed(start, lying, origin, text):
    liar = lying()
    server = start(CACHE=liar.address)
    url = origin.serve(behaviours.image(SMALL))
    with at(liar, server) as client:
        client("SET", f"{{image-proxy:{url}}}:fetch", text)
    answer = server.client.get(url)
    assert (answer.status, answer.body == SMALL) == (200, True)


# MARK: scripts and drafts

SCRIPTS = {
    "no such command": b"-ERR unknown command 'EVAL'\r\n", "not permitted": b"-NOPERM this user has no permissions\r\n",
    "busy": b"-BUSY Redis is busy running a script\r\n", "read-only": b"-READONLY You can't write against a replica\r\n",
    "zero": b":0\r\n", "two": b":2\r\n", "status": OK, "null": NULL, "string": b"$1\r\n1\r\n", "list": b"*1\r\n:1\r\n",
    "not RESP": b"1\r\n", "two answers": b":1\r\n:1\r\n", "endless line": b"-" + b"x" * 100_000,
}


@pytest.mark.parametrize("name", SCRIPTS)
def test_scripts_that_do_not_do_what_they_say(start, lying, origin, name):
    """Small images are stored without a script, large ones are not there or are whole."""
    liar = lying(lambda words: SCRIPTS[name] if words[0] == b"EVAL" else None)
    server = start(CACHE=liar.address)
    for body in (SMALL, LARGE, SMALL):
        url = served(server, origin, body)
        again = server.client.get(url)
        assert (again.status, again.body == body, again.complete) == (200, True, True)
    with at(liar, server) as client:
        # One that has gone meanwhile is -2.
        assert [key for key in client("KEYS", "*draft-*") if client("PTTL", key) == -1] == [], "a draft for ever"
    assert server.handler.is_running


@pytest.mark.parametrize("command", [b"SETRANGE", b"EVAL", b"EXEC"])
def test_a_draft_that_goes_away_is_never_half_an_image(start, lying, redis, origin, command):
    """Evicted in between: no later write may make a whole record of what is left."""
    def forgetful(words):
        if words[0] == command:
            with redis.client(liar.database) as client:
                for key in client("KEYS", "*draft-*"):
                    client("DEL", key)
    liar = lying()
    liar.answer = forgetful
    server = start(CACHE=liar.address, CHUNK_SIZE="256KiB")
    url = served(server, origin, LARGE)
    server.wait_for_log("Failed to cache")
    with at(liar, server) as client:
        assert client("EXISTS", f"image-proxy:{url}") == 0
    assert server.client.get(url).body == LARGE


# MARK: answers out of step

def test_an_answer_too_many_is_nobodys(start, lying, origin, redis):
    """The second answer to one question must not become the answer to the next one's."""
    liar = lying()
    server = start(CACHE=liar.address, WORKERS="1")
    bodies = [png_of_size(2_000 + number, seed=number) for number in range(10)]
    urls = [origin.serve(behaviours.image(body)) for body in bodies]
    with at(liar, server) as client:
        for url, body in zip(urls, bodies):
            put(client, url, record(body, left=3600))

        def twice(words):
            with redis.client(liar.database) as own:
                return own.raw(words) * 2
        liar.answer = twice
        for url, body in [*zip(urls, bodies)] * 2:
            assert server.client.get(url).body == body


def test_an_answer_that_comes_too_late_is_nobodys(start, lying, origin):
    """A question whose answer was not waited for leaves its connection; nobody reads that answer as theirs."""
    gate = threading.Event()
    liar = lying()
    server = start(CACHE=liar.address, WORKERS="1")
    bodies = [png_of_size(3_000 + number, seed=number) for number in range(4)]
    urls = [origin.serve(behaviours.image(body)) for body in bodies]
    with at(liar, server) as client:
        for url, body in zip(urls, bodies):
            put(client, url, record(body, left=3600))

    def late(words):
        if not gate.is_set() and words[0] != b"SELECT":
            gate.wait(3)
    liar.answer = late
    assert server.client.get(urls[0]).body == bodies[0]
    gate.set()
    for url, body in zip(urls, bodies):
        assert server.client.get(url).body == body


# MARK: time

def late(words):
    """Every answer comes after 300 ms."""
    time.sleep(0.3)


def dripping(redis, liar):
    """Redis' own answers, a byte a millisecond for ten seconds, which nobody waits for."""
    liar.pause = 0.001

    def answer(words):
        with redis.client(liar.database) as client:
            reply = client.raw(words)
        return [*(reply[at:at + 1] for at in range(min(len(reply), 10_000))), reply[10_000:]]
    return answer


SLOW = {"late": lambda redis, liar: late, "dripping": dripping}


@pytest.mark.parametrize("what", ["misses", "small", "large"])
@pytest.mark.parametrize("how", SLOW)
def test_a_slow_redis_holds_nobody_up(start, lying, redis, origin, how, what):
    """Neither those whose image it does not have, nor those whose image it has, small and large; and few of them ask it."""
    liar = lying()
    server = start(CACHE=liar.address)
    # Large is what is streamed.
    body = png_of_size(300_000) if what == "large" else SMALL
    urls = [origin.serve(behaviours.image(body)) for _ in range(30)]
    if what != "misses":
        with at(liar, server) as client:
            for url in urls:
                put(client, url, record(body, left=3600))
    liar.answer = SLOW[how](redis, liar)
    all_are_served(server, urls, body)
    asked = len(liar.commands)
    for url in urls:
        answer = server.client.get(url)
        assert (answer.status, answer.body == body, answer.complete) == (200, True, True)
    # A byte a millisecond is fast enough for nothing.
    if (how, what) != ("dripping", "misses"):
        assert len(liar.commands) - asked < 30, "it is probed, and not asked by each of them"


def test_large_values_hold_nobody_up(start, lying, origin):
    """Redis says that each image is 64 MiB long, and sends them."""
    large = [b"$%d\r\n" % (64 * MIB)] + [bytes(MIB)] * 64
    liar = lying(lambda words: {b"GETRANGE": b"$1\r\n}\r\n", b"GET": large}.get(words[0]))
    server = start(CACHE=liar.address)
    all_are_served(server, [origin.serve(behaviours.image(SMALL)) for _ in range(30)], SMALL)


CLOSES = {"at once": [None], "in mid-answer": [b"$100\r\nabc", None]}


@pytest.mark.parametrize("how", CLOSES)
def test_a_redis_that_closes_is_used_again_when_it_no_longer_does(start, lying, origin, how):
    liar = lying(lambda words: CLOSES[how])
    server = start(CACHE=liar.address)
    for _ in range(3):
        served(server, origin, within=FAILING)
    liar.answer = lambda words: None
    url = served(server, origin, within=FAILING)
    eventually(lambda: server.client.get(url).is_hit, "caching again", within=15)


@pytest.mark.parametrize("code", [b"READONLY", b"MISCONF", b"OOM", b"NOPERM"])
def test_refused_writes_leave_reads(start, lying, origin, code):
    """What is cached is served; and a write is tried once a second, not by each request."""
    liar = lying(lambda words: b"-%s no\r\n" % code if words[0] in (b"SET", b"EVAL", b"MULTI") else None)
    server = start(CACHE=liar.address)
    url = origin.serve(behaviours.image(SMALL))
    with at(liar, server) as client:
        put(client, url, record(SMALL, left=3600))
    began = time.monotonic()
    for _ in range(20):
        served(server, origin, within=FAILING)
        assert server.client.get(url).is_hit
    assert liar.count(b"SET") <= 2 + 2 * (time.monotonic() - began)
    assert server.client.endpoint("health").body.startswith(b"ok")
    assert "Redis is away" not in server.log()


def test_trouble_is_not_paid_by_each_request(start, lying, origin):
    """While Redis says nothing it is probed now and then, and never asked by a request."""
    stopped = threading.Event()
    liar = lying(lambda words: stopped.wait(30) and None)
    server = start(CACHE=liar.address)
    served(server, origin)
    asked = len(liar.commands)
    for _ in range(100):
        served(server, origin)
    # Of the first request's trouble there is one failure; from then on there are probes, half a second apart or more.
    assert asked <= 4 and len(liar.commands) - asked < 60, (asked, len(liar.commands))
    stopped.set()


HANGS = {
    # It is well for whoever asks after an image without a URL.
    "all but probes": lambda words: words[0] != b"SELECT" and words[1:2] != [b"image-proxy:"],
    # As with CLIENT PAUSE.
    "writes": lambda words: words[0] in (b"SET", b"PSETEX", b"EVAL", b"MULTI"),
}


@pytest.mark.parametrize("hangs", HANGS.values(), ids=HANGS)
def test_a_redis_that_answers_probes_alone_is_asked_less_and_less(start, lying, origin, hangs):
    """Every second request paid for that once."""
    stopped = threading.Event()
    liar = lying(lambda words: stopped.wait(60) and None if hangs(words) else None)
    server = start(CACHE=liar.address)
    began = time.monotonic()
    for _ in range(20):
        served(server, origin)
        time.sleep(0.3)
    asked = sum(hangs(words) and (words[0] == b"GETRANGE" or is_claim(words)) for words in liar.commands)
    passed = time.monotonic() - began
    stopped.set()
    # The pauses are half a second, one, two, and from then on four.
    assert 2 <= asked <= 4 + passed / 4, (asked, passed)
    assert server.log().count("Redis is away") == 1


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_slowness_is_paid_once_by_a_request(start, lying, origin, method):
    """Who has waited for a look-up that took longer than half of the timeout is not made to wait for a lease as well."""
    liar = lying(lambda words: time.sleep(0.6) if words[0] == b"GETRANGE" else None)
    server = start(CACHE=liar.address, CACHE_TIMEOUT="1s")
    for status in (200, 404):
        url = origin.serve(behaviours.image(SMALL) if status == 200 else behaviours.status(f"{status} Oops"))
        assert server.client.request(method, proxied(url)).status == status
    assert [words for words in liar.commands if is_lease(words)] == []


def test_the_verdict_is_left_behind_the_response(start, lying, origin):
    """Who asks for what is not there does not wait until Redis knows that, too."""
    answered = threading.Event()
    liar = lying(lambda words: answered.wait(60) and None if words[0] == b"EVAL" else None)
    server = start(CACHE=liar.address, CACHE_TIMEOUT="10s")
    url = origin.serve(behaviours.status("404 Not Found"))
    began = time.monotonic()
    assert server.client.get(url).status == 404
    assert time.monotonic() - began < HANGING
    answered.set()
    eventually(lambda: server.client.get(url).cache_status == "image-proxy; hit; detail=negative", "it is left all the same")
    assert len(origin.requests_for(url)) == 1


@pytest.mark.figures
@pytest.mark.parametrize("size", [64 * MIB, 512 * 1024 * 1024 - 1], ids=["64-MiB", "512-MiB"])
def test_a_value_that_is_too_large_is_not_read(start, lying, origin, size):
    liar = lying()
    server = start(CACHE=liar.address)
    url = origin.serve(behaviours.image(SMALL))
    with at(liar, server) as client:
        client("SETRANGE", f"image-proxy:{url}", size - 1, "}")
        before = server.handler.peak_resident
        server.client.timeout = HANGING
        assert server.client.get(url).body == SMALL
        assert server.handler.peak_resident - before < 16 * MIB
        client("DEL", f"image-proxy:{url}")


# MARK: what is served from Redis

HTML = b"<!doctype html><html><script>alert(document.domain)</script></html>" + b" " * 200
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'


def raw_record(body, content_type="image/png", size=None):
    fields = json.dumps({"contentType": content_type, "size": len(body) if size is None else size,
                         "cachedAt": 1700000000000, "expiresAt": 4100000000000}, separators=(",", ":")).encode()
    return body + fields + b"%08x" % len(fields) + b"imgraw1\n"


POISONED = {
    "html-json": record(HTML, left=3600), "html-raw": raw_record(HTML),
    "html-as-html-json": record(HTML, left=3600, content_type="text/html"),
    "html-as-html-raw": raw_record(HTML, "text/html"),
    "image-as-html-json": record(SMALL, left=3600, content_type="text/html"),
    "image-as-html-raw": raw_record(SMALL, "text/html"),
    "svg-json": record(SVG, left=3600, content_type="image/svg+xml"), "svg-raw": raw_record(SVG, "image/svg+xml"),
    "svg-as-png-json": record(SVG, left=3600), "svg-as-png-raw": raw_record(SVG),
    "type-of-two-lines-raw": raw_record(SMALL, "image/png\r\nSet-Cookie: a=b"),
    "long-html-json": record(HTML + b" " * 400_000, left=3600), "long-html-raw": raw_record(HTML + b" " * 400_000),
    "raw-too-small": raw_record(SMALL, size=len(SMALL) - 1), "raw-too-large": raw_record(SMALL, size=len(SMALL) + 1),
    "raw-cut": raw_record(SMALL)[100:], "raw-without-a-head": b"imgraw1\n", "raw-length": b"ffffffffimgraw1\n",
}


@pytest.mark.parametrize("name", POISONED)
def test_a_poisoned_record_serves_nothing_but_the_image(start, origin, name):
    server = start(SVG=None)
    url = origin.serve(behaviours.image(SMALL))
    put(server.redis, url, POISONED[name])
    for _ in range(2):
        answer = server.client.get(url)
        assert (answer.status, answer.body == SMALL) == (200, True)
        assert answer.header("Content-Type") == "image/png" and answer.header("Set-Cookie") is None
        assert answer.header("X-Content-Type-Options") == "nosniff"


@pytest.mark.parametrize("fields", [
    {"etag": 'a"\r\nSet-Cookie: b=c'}, {"etag": "a\0b"}, {"etag": "x" * 600}, {"weakEtag": "\u00e9"}, {"contentTag": ""},
    {"lastModified": 2 ** 62}, {"lastModified": -(2 ** 62)}, {"generatedAt": 2 ** 62}, {"generatedAt": -1}, {"swr": 2 ** 62},
    {"sie": -5}, {"swr": "many"}, {"etag": None}, {"etag": {"a": []}},
])
def test_poisoned_fields_are_no_headers(start, origin, fields):
    """Of a fresh record and of a stale one, whose validators would go to the origin."""
    server = start()
    for left in (3600, -10):
        url = origin.serve(behaviours.image(SMALL))
        put(server.redis, url, record(SMALL, left=left, **fields))
        answer = server.client.get(url)
        assert (answer.status, answer.body == SMALL) == (200, True)
        assert answer.header("Set-Cookie") is None and int(answer.header("Age")) >= 0
        eventually(lambda: left > 0 or origin.requests_for(url), "it is asked about")
        for seen in origin.requests_for(url):
            assert {name for name, _ in seen.headers} <= {
                "Host", "User-Agent", "Accept", "Accept-Encoding", "If-None-Match", "If-Modified-Since"}


# MARK: numbers

LARGEST, LEAST = 2 ** 63 - 1, -(2 ** 63)
NUMBERS = [LARGEST, LEAST, LEAST + 1, -1]


def bulk(*texts):
    return b"*%d\r\n" % len(texts) + b"".join(b"$%d\r\n%s\r\n" % (len(text), text) for text in map(str.encode, map(str, texts)))


def is_said(number):
    """Of everything that is counted, so many."""
    extremes = [text for cache in ("hit", "miss", "stale") for place, count in enumerate([LEAST, -1, LARGEST, 5])
                for text in (f"time.{cache}.{place}", count)]

    def answer(words):
        if words[0] in (b"DBSIZE", b"STRLEN", b"EXISTS", b"PTTL"):
            return b":%d\r\n" % number
        if words[0] == b"ZREVRANGE":
            return bulk("host", "other")
        if words[0] == b"HGETALL":
            return bulk(*extremes) if b"counts:" in words[1] else bulk(
                *(text for name in ("countedAt", "endedAt", "work", "images", "bytes", "oldest", "newest", "firstExpiry")
                  for text in (name, number)), "stamp", "a", "type image/png", f"{number} {number}", "size 3", f"{number} {number}")
        if words[0] == b"INFO":
            text = "".join(f"{name}:{number}\r\n" for name in (
                "used_memory", "used_memory_peak", "maxmemory", "evicted_keys", "expired_keys"))
            return b"$%d\r\n%s\r\n" % (len(text), text.encode())
        return None
    return answer


@pytest.mark.parametrize("number", NUMBERS)
def test_numbers_that_cannot_be_end_no_process(start, lying, settings, origin, number):
    liar = lying(is_said(number))
    server = start(CACHE=liar.address)
    pid = server.handler.pid
    url = served(server, origin)
    with at(liar, server) as client:
        eventually(lambda: client("EXISTS", f"image-proxy:{url}"), "it is stored")
        # Records as somebody else lays them out are counted by both of their ends.
        client("SET", "image-proxy:http://a.example/other", '{"size":1,"data":"AAAA"}')
    for _ in range(2):
        for page in ("stats", "metrics", "metrics?scope=all", "status", "health"):
            assert server.client.endpoint(page).status in (200, 503), page
    # A count begins in the background, where the numbers ask for one.
    eventually(lambda: liar.count(b"SCAN") > 0 or liar.count(b"DBSIZE") > 3, "it is counted")
    served(server, origin)
    assert (server.handler.is_running, server.handler.pid) == (True, pid)
    for words in (["stats"], ["clean", "--dry-run"], ["clean"], ["inspect", url], ["purge", "--all", "--dry-run"], ["purge", url]):
        done = run(*words, "--json", settings={**settings, "CACHE": liar.address, "CONFIG": "/dev/null"})
        assert done.returncode in (0, 1), (words, done.returncode, done.stderr[-500:])
