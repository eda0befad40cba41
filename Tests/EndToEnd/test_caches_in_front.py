"""Caches between us and browsers: nginx's own cache of the handler, and an nginx that plays a CDN. They do what we say."""

import re
import signal
import time

import pytest

from harness import behaviours
from harness.cdn import CDN
from harness.images import png_of_size
from harness.records import put, record
from harness.waiting import eventually

BODY = png_of_size(30_000, seed=14)
TAG = '"abcdef"'


def cc(value):
    return "Cache-Control", value


def x_cache(answer):
    return answer.header("X-Cache")


class Edge:
    """A cache in front of `server`: `client` asks it."""

    def __init__(self, server, client, kind):
        self.server, self.client, self.kind = server, client, kind


@pytest.fixture(params=["fastcgi_cache", "proxy_cache"])
def edge(request, start, new_folder):
    """Each kind of cache, with settings of the handler: `edge(STALE_WHILE_REVALIDATE="0s")`."""
    running = []

    def make(**changes):
        if request.param == "fastcgi_cache":
            server = start(options={"cache": True}, **changes)
            return Edge(server, server.client, request.param)
        server = start(**changes)
        running.append(CDN(new_folder(), server.server.base).start())
        return Edge(server, running[-1].client, request.param)
    yield make
    for each in running:
        each.stop()


NO_WINDOWS = {"STALE_WHILE_REVALIDATE": "0s", "STALE_IF_ERROR": "0s"}


def test_it_keeps_what_may_be_kept(edge, origin):
    cache = edge()
    url = origin.serve(behaviours.validated(BODY, cc("max-age=600"), etag=TAG))
    answers = [cache.client.get(url) for _ in range(3)]
    assert [x_cache(answer) for answer in answers] == ["MISS", "HIT", "HIT"]
    assert [answer.body == BODY for answer in answers] == [True] * 3
    assert {answer.header("ETag") for answer in answers} == {TAG}


@pytest.mark.parametrize("directive", ["no-store", "private", "no-cache", "max-age=0"])
def test_it_keeps_nothing_that_may_not_be_kept(edge, origin, directive):
    cache = edge(**NO_WINDOWS)
    url = origin.serve(behaviours.validated(BODY, cc(directive), etag=TAG))
    answers = [cache.client.get(url) for _ in range(3)]
    assert "HIT" not in [x_cache(answer) for answer in answers]
    assert [answer.body == BODY for answer in answers] == [True] * 3
    assert len(origin.requests_for(url)) == 3


@pytest.mark.parametrize("script", [behaviours.status("500 Oops"), behaviours.status("404 Not Found")], ids=["502", "404"])
def test_it_keeps_no_errors(edge, origin, script):
    cache = edge()
    url = origin.serve(script)
    assert {x_cache(cache.client.get(url)) for _ in range(3)} <= {"MISS", "BYPASS", "EXPIRED"}


def test_it_keeps_an_image_for_what_is_left_and_then_asks_us(edge, origin):
    cache = edge(**NO_WINDOWS)
    url = origin.serve(behaviours.validated(BODY, etag=TAG, renewal=[cc("max-age=600")]))
    put(cache.server.redis, url, record(BODY, left=2, age=3600, etag="abcdef"))
    answers = [cache.client.get(url)]
    assert x_cache(answers[0]) == "MISS" and answers[0].is_hit
    eventually(lambda: answers.append(cache.client.get(url)) or origin.requests_for(url), "what was left is over")
    eventually(lambda: x_cache(cache.client.get(url)) == "HIT", "what we say of the renewed image counts")
    assert all(answer.status == 200 and answer.body == BODY for answer in answers)
    assert [request.value("If-None-Match") for request in origin.requests_for(url)] == [TAG]
    # nginx asks us in the background where its deploy file says so, and the CDN with the tag that we gave it.
    said = {x_cache(answer) for answer in answers}
    assert said & ({"REVALIDATED"} if cache.kind == "proxy_cache" else {"STALE", "UPDATING", "EXPIRED"})


def test_our_stale_while_revalidate_is_its_own_too(edge, origin):
    cache = edge()
    url = origin.serve(behaviours.validated(BODY, etag=TAG, renewal=[cc("max-age=600")]))
    put(cache.server.redis, url, record(BODY, left=-10, etag="abcdef", swr=3600))
    answers = [cache.client.get(url) for _ in range(2)]
    assert all(answer.status == 200 and answer.body == BODY for answer in answers)
    eventually(lambda: origin.requests_for(url), "we ask the origin")
    assert len(origin.requests_for(url)) == 1


def test_it_answers_conditions_and_ranges_of_what_it_keeps(edge, origin):
    cache = edge()
    url = origin.serve(behaviours.validated(BODY, cc("max-age=600"), etag=TAG))
    assert cache.client.get(url).body == BODY
    not_modified = cache.client.get(url, headers={"If-None-Match": TAG})
    assert (not_modified.status, not_modified.body, not_modified.header("ETag")) == (304, b"", TAG)
    part = cache.client.get(url, headers={"Range": "bytes=100-199"})
    assert (part.status, part.body) == (206, BODY[100:200])
    assert part.header("Content-Range") == f"bytes 100-199/{len(BODY)}"
    assert cache.client.get(url, headers={"Range": f"bytes={len(BODY)}-"}).status == 416
    assert {x_cache(answer) for answer in (not_modified, part)} == {"HIT"}
    assert len(origin.requests_for(url)) == 1


def test_a_condition_or_a_range_that_misses_poisons_nothing(edge, origin):
    cache = edge()
    for headers in ({"Range": "bytes=0-9"}, {"If-None-Match": TAG}, {"If-None-Match": "*"}, {"Range": "bytes=999999-"}):
        url = origin.serve(behaviours.validated(BODY, cc("max-age=600"), etag=TAG))
        cache.client.get(url, headers=headers)
        answer = cache.client.get(url)
        assert (answer.status, answer.body == BODY, answer.complete) == (200, True, True), headers


def test_head_poisons_nothing(edge, origin):
    cache = edge()
    url = origin.serve(behaviours.validated(BODY, cc("max-age=600"), etag=TAG))
    assert cache.client.head(url).body == b""
    for _ in range(2):
        answer = cache.client.get(url)
        assert (answer.status, answer.body == BODY, answer.complete) == (200, True, True)


@pytest.mark.parametrize("age, left, swr", [(0, 100, 0), (50, 50, 0), (3600, 10, 0), (3600, 10, 60), (100, 10, 3600), (100, -5, 60)])
def test_nobody_keeps_an_image_for_longer_than_its_origin_allows(start, origin, age, left, swr):
    """Our `max-age` is what is left, and `Age` is there too. A cache that does not look at `Age`, as nginx, keeps the image
    for what is left; one that does (RFC 9111, 4.2) for less, and never for longer."""
    server = start()
    url = origin.serve(behaviours.status("500 Not Asked"))
    put(server.redis, url, record(BODY, left=left, age=age, etag="abcdef", swr=swr))
    allowed = time.time() + left + swr + 1
    answer = server.client.get(url)
    said = {name: int(value) for name, value in re.findall(r"([a-z-]+)=(\d+)", answer.header("Cache-Control"))}
    assert answer.is_hit and int(answer.header("Age")) >= age
    fresh, stale = said["max-age"], said.get("stale-while-revalidate", 0)
    assert fresh == 0 if left < 0 else left - 2 <= fresh <= left
    # Of what is stale already nginx keeps nothing.
    assert time.time() + (fresh + stale if fresh else 0) <= allowed
    assert time.time() + max(0, fresh + stale - int(answer.header("Age"))) <= allowed


def test_nginx_serves_stale_what_may_be_and_nothing_else(start, origin):
    """The deploy file leaves it to what we send, so that the origin's `must-revalidate` reaches nginx."""
    server = start(options={"cache": True})
    permitted, forbidden = (origin.serve(behaviours.status("500 Not Asked")) for _ in range(2))
    put(server.redis, permitted, record(BODY, left=3, etag="abcdef", swr=3600))
    put(server.redis, forbidden, record(BODY, left=3, etag="abcdef", mustRevalidate=True))
    answers = [server.client.get(url) for url in (permitted, forbidden)]
    assert ["must-revalidate" in answer.header("Cache-Control") for answer in answers] == [False, True]
    server.handler.stop(signal.SIGKILL)
    eventually(lambda: x_cache(server.client.get(permitted)) == "STALE", "nginx stands in for the handler")
    assert server.client.get(permitted).body == BODY
    eventually(lambda: server.client.get(forbidden).status == 503, "nginx has nothing to say")


def test_nginx_keeps_the_file_open_of_no_image_that_has_changed(start, origin):
    """Its deploy file keeps open what is hit again and again, in each of its processes."""
    server = start(options={"cache": True, "workers": 2}, **NO_WINDOWS)
    changed = png_of_size(len(BODY), seed=15)
    url = origin.serve(behaviours.validated(changed, cc("max-age=600"), etag='"another"'))
    put(server.redis, url, record(BODY, left=2, etag="abcdef"))
    while not origin.requests_for(url):
        assert server.client.get(url).body in (BODY, changed)
    eventually(lambda: x_cache(server.client.get(url)) == "HIT", "nginx keeps the image as it is now")
    assert {server.client.get(url).body == changed for _ in range(60)} == {True}
    assert len(origin.requests_for(url)) == 1
