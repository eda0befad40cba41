"""docs/caching.md says what is true: its table of what is sent when is what is sent."""

import re
import threading

import pytest

from harness import behaviours
from harness.documents import code, rows
from harness.handler import PROJECT
from harness.http import proxied
from harness.images import MIB, png_of_size
from harness.records import put, record
from harness.waiting import eventually
from test_readme import in_force

PAGE = (PROJECT / "docs" / "caching.md").read_text()
BODY = png_of_size(50_000, seed=15)
TAG = '"abcdef"'
FRESH = ("Cache-Control", "max-age=600")


def kept(server, url):
    server.client.get(url)
    server.stored(url)


def image(origin, *headers):
    return origin.serve(behaviours.validated(BODY, *(headers or [FRESH]), etag=TAG))


def stale(server, origin, script, **fields):
    url = origin.serve(script)
    put(server.redis, url, record(BODY, left=-10, etag="abcdef", **fields))
    return server.client.get(url)


def a_hit(server, origin, **options):
    url = image(origin)
    kept(server, url)
    return server.client.get(url, **options)


def shared(server, origin):
    gate = threading.Event()
    url = origin.serve(behaviours.gated(BODY, gate, first=1000))
    with server.client.open(proxied(url)) as leader:
        eventually(lambda: origin.requests_for(url), "the fetch begins")
        with server.client.open(proxied(url)) as follower:
            assert leader.head() == follower.head() == 200
            gate.set()
            follower.rest()
    return follower.answer


def remembered(server, origin):
    url = origin.serve(behaviours.status("404 Not Found"))
    server.client.get(url)
    return server.client.get(url)


SITUATIONS = {
    "a hit": a_hit,
    "a miss": lambda server, origin: server.client.get(image(origin)),
    "a miss that shares another's fetch": shared,
    "a miss that is too large to be kept": lambda server, origin: server.client.get(
        origin.serve(behaviours.image(png_of_size(6 * MIB), "image/png", FRESH))),
    "a miss that its origin forbids to keep": lambda server, origin: server.client.get(
        image(origin, ("Cache-Control", "no-store"))),
    "stale, and asked about in the background": lambda server, origin: stale(
        server, origin, behaviours.status("500 Oops"), swr=3600),
    "stale, and still good": lambda server, origin: stale(
        server, origin, behaviours.validated(BODY, etag=TAG, renewal=[FRESH])),
    "stale, and changed": lambda server, origin: stale(
        server, origin, behaviours.validated(png_of_size(60_000), FRESH, etag='"new"')),
    "stale, and its origin fails": lambda server, origin: stale(
        server, origin, behaviours.status("500 Oops"), sie=3600),
    "the client's copy is good": lambda server, origin: a_hit(server, origin, headers={"If-None-Match": TAG}),
    "a part of a hit": lambda server, origin: a_hit(server, origin, headers={"Range": "bytes=0-9"}),
    "a part that is not there": lambda server, origin: a_hit(server, origin, headers={"Range": "bytes=99999-"}),
    "the origin has no such image": lambda server, origin: server.client.get(
        origin.serve(behaviours.status("404 Not Found"))),
    "the same, a moment later": remembered,
    "the origin fails, and nothing is kept": lambda server, origin: server.client.get(
        origin.serve(behaviours.status("500 Oops"))),
    "refused": lambda server, origin: server.client.get("http://10.0.0.1/"),
}


def test_every_situation_is_tried():
    assert [row[0] for row in rows(PAGE, "situation")] == list(SITUATIONS)


def without_numbers(text):
    return re.sub(r"(ttl=-?|max-age=|stale-while-revalidate=)[1-9]\d*", r"\1N", text)


@pytest.mark.parametrize("row", rows(PAGE, "situation"), ids=lambda row: row[0])
def test_what_is_sent_when(front, origin, row):
    situation, status, cache_status, cache_control, others = row
    if front.kind == "cgi" and situation == "a miss that shares another's fetch":
        pytest.skip("CGI processes share through the cache alone")
    answer = SITUATIONS[situation](front, origin)
    header = getattr(answer, "getheader", None) or answer.header
    assert (str(answer.status), without_numbers(header("Cache-Status")), without_numbers(header("Cache-Control"))) == (
        status, *code(cache_status), *code(cache_control))
    # lighttpd says of itself that it serves ranges, whatever the answer is.
    named = {"Age", "ETag", "Content-Range"} | ({"Accept-Ranges"} if front.kind == "nginx" else set())
    assert {name for name in named if header(name) is not None} == set(code(others)) & named


def test_keys_and_defaults_are_the_program_s():
    effective = in_force(ALLOWED_HOSTS="images.test")
    assert set(re.findall(r"IMAGE_PROXY_[A-Z_]+", PAGE)) <= set(effective)
    for key, default, *_ in rows(PAGE, "key"):
        assert effective[code(key)[0]]["value"] == default.strip("`")


# MARK: what is for those who look inside

def test_server_timing_is_for_those_who_turn_it_on(start, origin):
    server = start(SERVER_TIMING="on")
    url = image(origin)
    phases = [dict(part.split(";dur=") for part in answer.header("Server-Timing").split(", "))
              for answer in (server.client.get(url), a_hit(server, origin))]
    assert {"cache", "dns", "connect", "tls", "ttfb", "total"} <= set(phases[0])
    assert {"cache", "total"} <= set(phases[1]) and "dns" not in phases[1]
    assert all(float(value) >= 0 for named in phases for value in named.values())


@pytest.mark.parametrize("kind", ["nginx", "lighttpd", "spawned", "cgi"])
def test_the_key_is_for_those_who_turn_it_on(start, origin, kind):
    server = start(kind, CACHE_STATUS_KEY="on", SERVER_TIMING="on")
    url = image(origin)
    for answer in (server.client.get(url), server.client.get(url)):
        assert f'; key="image-proxy:{url}"' in answer.cache_status
        assert answer.header("Server-Timing").count("cache;dur=") == 1


def test_neither_is_there_of_itself(front, origin):
    url = image(origin)
    eventually(lambda: front.client.get(url).is_hit, "a hit")
    answer = front.client.get(url)
    assert answer.values("Server-Timing") == [] and "key" not in answer.cache_status
