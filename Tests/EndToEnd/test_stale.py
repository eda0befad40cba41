"""What has passed its time is still of use: while it is asked about, and when its origin is in trouble.

Records are written by hand, so that they are as old as a test needs them; nobody waits for time to pass.
"""

import json
import re
import signal
import socket
import threading
import time
from pathlib import Path

import pytest

from harness import behaviours
from harness.fastcgi import FastCGIClient
from harness.handler import Handler, cgi
from harness.http import proxied
from harness.images import MIB, png_of_size
from harness.origin import Origin
from harness.records import HOUR, closing, put, record
from harness.redis import Redis
from harness.waiting import eventually

# Both caches keep images by the same rules.
STORES = ("redis", "file")
BODY = png_of_size(100_000, seed=11)
NEW = png_of_size(20_000, seed=12)
TAG = '"abcdef"'


def cc(value):
    return "Cache-Control", value


def stale(**fields):
    """A record that became stale ten seconds ago, and whose origin allows nothing unless `fields` say so."""
    return record(BODY, left=-10, **{"etag": "abcdef", **fields})


def broken(exchange):
    """Takes the request and leaves."""
    exchange.close()


@pytest.fixture
def dead_origin():
    """The base of URLs at an address where nobody listens, and will not while the test runs."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{holder.getsockname()[1]}"


@pytest.fixture
def own_origin():
    """An origin of one's own, whose breaker is nobody else's."""
    with Origin() as server:
        yield server


@pytest.fixture
def reaching(start, settings):
    """A server that may reach further origins: `reaching(base, ...)`."""
    def make(*bases, kind="nginx", **changes):
        networks = [settings["ALLOWED_NETWORKS"], *(f"127.0.0.1/32:{base.rpartition(':')[2]}" for base in bases)]
        return start(kind, ALLOWED_NETWORKS=",".join(networks), **changes)
    return make


# MARK: stale if error

FAILURES = {
    "500": behaviours.status("500 Oops"),
    "502": behaviours.status("502 Bad Gateway"),
    "503": behaviours.status("503 Service Unavailable"),
    "429": behaviours.status("429 Too Many Requests"),
    "504": behaviours.status("504 Gateway Timeout"),
    "stale-close": broken,
    "no-image": behaviours.image(b"<html>we are sorry</html>", "text/html"),
    "silent": behaviours.silent,
}


@pytest.mark.parametrize("failure", FAILURES)
def test_an_origin_in_trouble_is_stood_in_for(front, origin, failure):
    url = origin.serve(FAILURES[failure])
    put(front.redis, url, stale(sie=HOUR))
    answer = front.client.get(url)
    assert (answer.status, answer.body == BODY) == (200, True)
    assert answer.cache_status.startswith("image-proxy; ") and "fwd=stale" in answer.cache_status
    assert "stale-if-error" in answer.cache_status and "stored" not in answer.cache_status
    # `stale-warning-become`, `stale-warning-stored`: RFC 9111, 5.5 has done away with the field.
    assert answer.values("Warning") == []
    if failure.isdigit():
        assert f"fwd-status={failure}" in answer.cache_status
    assert answer.header("Cache-Control").startswith("public, max-age=0")
    assert int(answer.header("Age")) >= HOUR
    assert origin.requests_for(url)[0].value("If-None-Match") == TAG


def test_an_origin_that_is_gone_is_stood_in_for(reaching, dead_origin):
    server = reaching(dead_origin)
    url = f"{dead_origin}/image.png"
    put(server.redis, url, stale(sie=HOUR))
    for _ in range(8):
        answer = server.client.get(url)
        assert (answer.status, answer.body == BODY) == (200, True)
        assert "stale-if-error" in answer.cache_status


@pytest.mark.parametrize("fields, status", [
    ({"sie": 5}, 502),
    ({}, 502),
    ({"sie": 9}, 502),
    ({"sie": 60}, 200),
    ({"swr": 60}, 200),
], ids=["over", "none", "just-over", "within", "while-revalidating"])
def test_the_time_is_the_origin_s(nginx, origin, fields, status):
    """Each in a record of its own, with the neighbour outside the range."""
    url = origin.serve(behaviours.status("500 Oops"))
    put(nginx.redis, url, stale(**fields))
    assert nginx.client.get(url).status == status


@pytest.mark.parametrize("directive, status", [
    ("max-age=2", 200),
    ("max-age=2, stale-if-error=60", 200),
    ("max-age=2, stale-if-error=0", 502),
    ("max-age=2, must-revalidate", 502),
    ("max-age=2, proxy-revalidate", 502),
    ("max-age=2, no-cache", 502),
    ("max-age=2, s-maxage=2", 502),
    ("max-age=2, s-maxage=2, stale-if-error=60", 200),
], ids=["stale-503", "stale-sie-503", "stale-if-error-cc-response-expired", "stale-close-must-revalidate",
        "stale-close-proxy-revalidate", "stale-close-no-cache", "stale-close-s-maxage=2", "s-maxage-and-a-grant"])
def test_the_origin_may_forbid_it(start, origin, directive, status):
    """`stale-close` and its kin: by an Age, what is stored is stale from the beginning."""
    server = start(STALE_WHILE_REVALIDATE="0s")
    url = origin.serve(behaviours.in_turn(
        behaviours.validated(BODY, cc(directive), ("Age", "10"), etag=TAG), behaviours.status("503 Unavailable")))
    server.client.get(url)
    server.stored(url)
    answer = server.client.get(url)
    assert answer.status == status and len(origin.requests_for(url)) == 2
    assert ("stale-if-error" in answer.cache_status) == (status == 200)


def test_the_operator_may_forbid_it(start, origin):
    server = start(STALE_IF_ERROR="0s", STALE_WHILE_REVALIDATE="0s")
    url = origin.serve(behaviours.in_turn(
        behaviours.validated(BODY, cc("max-age=2"), ("Age", "10"), etag=TAG), behaviours.status("503 Unavailable")))
    server.client.get(url)
    server.stored(url)
    assert server.client.get(url).status == 502


@pytest.mark.parametrize("line, status", [("404 Not Found", 404), ("410 Gone", 410)])
def test_an_image_that_is_gone_is_no_error(nginx, origin, line, status):
    """The origin is well, and has spoken."""
    url = origin.serve(behaviours.status(line))
    put(nginx.redis, url, stale(sie=HOUR))
    assert nginx.client.get(url).status == status
    assert nginx.redis("EXISTS", f"image-proxy:{url}") == 0


@pytest.mark.parametrize("line", ["401 Unauthorized", "403 Forbidden", "451 Unavailable For Legal Reasons"])
def test_what_the_origin_refuses_is_not_shown_behind_its_back(nginx, origin, line):
    """RFC 9111, 4.3.3: only with a 5xx has an origin not answered the question."""
    url = origin.serve(behaviours.status(line))
    put(nginx.redis, url, stale(sie=HOUR))
    answer = nginx.client.get(url)
    assert (answer.status, answer.header("Cache-Control")) == (502, "no-store")


def test_a_stale_image_has_ranges_and_conditions(nginx, origin):
    url = origin.serve(behaviours.status("500 Oops"))
    put(nginx.redis, url, stale(sie=HOUR))
    part = nginx.client.get(url, headers={"Range": "bytes=-5"})
    assert (part.status, part.body) == (206, BODY[-5:])
    assert nginx.client.get(url, headers={"If-None-Match": TAG}).status == 304


# MARK: stale while revalidate

def test_a_stale_image_is_answered_at_once_and_asked_about_once(front, origin):
    gate = threading.Event()

    def script(exchange):
        exchange.wait_for(gate)
        exchange.head("304 Not Modified", ("ETag", TAG), cc("max-age=600"))
    url = origin.serve(script)
    put(front.redis, url, stale(swr=HOUR))
    for _ in range(5):
        answer = front.client.get(url)
        # The origin has not said a word yet.
        assert (answer.status, answer.body == BODY, answer.is_hit) == (200, True, True)
        assert int(re.search(r"ttl=(-\d+)", answer.cache_status).group(1)) <= -10
        assert answer.header("Cache-Control") == f"public, max-age=0, stale-while-revalidate={HOUR}"
    eventually(lambda: origin.requests_for(url), "the refresh begins")
    gate.set()
    eventually(lambda: "ttl=-" not in front.client.get(url).cache_status, "the refresh ends")
    assert [request.value("If-None-Match") for request in origin.requests_for(url)] == [TAG]


def test_a_changed_image_comes_after_the_stale_one(front, origin):
    """`stale-while-revalidate`"""
    url = origin.serve(behaviours.validated(NEW, cc("max-age=600"), etag='"new"'))
    put(front.redis, url, stale(swr=HOUR))
    first = front.client.get(url)
    assert first.is_hit and first.body == BODY
    eventually(lambda: front.client.get(url).body == NEW, "the new image takes its place")
    assert len(origin.requests_for(url)) == 1


def test_behind_its_window_the_client_waits_for_the_origin(nginx, origin):
    """`stale-while-revalidate-window`"""
    url = origin.serve(behaviours.validated(NEW, etag='"new"'))
    put(nginx.redis, url, stale(swr=9))
    answer = nginx.client.get(url)
    assert answer.body == NEW and "fwd=stale" in answer.cache_status


def test_a_refresh_that_fails_costs_nobody_anything(nginx, origin):
    url = origin.serve(behaviours.status("500 Oops"))
    put(nginx.redis, url, stale(swr=HOUR))
    for count in (1, 2):
        answer = nginx.client.get(url)
        assert answer.is_hit and answer.body == BODY
    eventually(lambda: origin.requests_for(url), "the refresh is tried")
    assert nginx.client.get(url).body == BODY


def test_a_refresh_waits_for_nobody_who_reads(start, origin):
    """One worker: it answers, and then refreshes."""
    server = start(WORKERS="1")
    url = origin.serve(behaviours.validated(NEW, cc("max-age=600"), etag='"new"'))
    put(server.redis, url, stale(swr=HOUR))
    assert server.client.get(url).body == BODY
    eventually(lambda: server.client.get(url).body == NEW, "the new image takes its place")


def test_what_is_hit_often_is_refreshed_before_it_is_stale(nginx, origin):
    """In the last tenth of its time; clients never meet it stale."""
    url = origin.serve(behaviours.validated(NEW, cc("max-age=600"), etag='"new"'))
    put(nginx.redis, url, record(BODY, left=HOUR, age=9 * HOUR + 60, etag="abcdef"))
    answers = [nginx.client.get(url)]
    eventually(lambda: answers.append(nginx.client.get(url)) or answers[-1].body == NEW, "the new image is there early")
    assert all(answer.is_hit and "ttl=-" not in answer.cache_status for answer in answers)
    assert len(origin.requests_for(url)) == 1


def test_what_is_hit_often_is_left_alone_while_it_is_young(nginx, origin):
    url = origin.serve(behaviours.image(NEW))
    put(nginx.redis, url, record(BODY, left=HOUR, age=HOUR, etag="abcdef"))
    assert all(nginx.client.get(url).body == BODY for _ in range(20))
    assert origin.requests_for(url) == []


# MARK: renewal in Redis

@pytest.mark.parametrize("size", [20_000, 4 * MIB])
def test_a_304_moves_no_bytes_of_the_image(new_folder, start, origin, size):
    """Redis counts what it receives: a renewal is small, however large the image is; and what is there stays, byte for byte."""
    body = png_of_size(size, seed=13)
    with Redis(new_folder()) as own:
        server = start(CACHE=own.unix_address(), STALE_WHILE_REVALIDATE="0s", STALE_IF_ERROR="0s")
        with own.client() as client:
            url = origin.serve(behaviours.validated(
                body, cc("max-age=600"), ("Age", "700"), etag=TAG, renewal=[cc("max-age=600")]))
            server.client.get(url)
            key = f"image-proxy:{url}"
            eventually(lambda: client("EXISTS", key), "the image is stored, and stale")
            before, data = closing(client, url), json.loads(client("GET", key))["data"]
            client("CONFIG", "RESETSTAT")
            answer = server.client.get(url)
            assert answer.body == body and "fwd-status=304" in answer.cache_status
            eventually(lambda: closing(client, url)["expiresAt"] > before["expiresAt"], "the record is renewed")
            received = int(re.search(r"total_net_input_bytes:(\d+)", client("INFO", "stats").decode()).group(1))
            assert received < 10_000
            after = closing(client, url)
            assert json.loads(client("GET", key))["data"] == data
            assert after["expiresAt"] - before["expiresAt"] >= 600_000 and client("PTTL", key) > 500_000
            assert {name: value for name, value in after.items() if name not in ("expiresAt", "generatedAt")} == {
                name: value for name, value in before.items() if name not in ("expiresAt", "generatedAt")}
            hit = server.client.get(url)
            assert hit.is_hit and hit.body == body
    assert [request.value("If-None-Match") for request in origin.requests_for(url)] == [None, TAG]


def test_a_renewal_does_not_bring_back_what_was_purged(nginx, origin):
    gate = threading.Event()

    def script(exchange):
        exchange.wait_for(gate)
        exchange.head("304 Not Modified", ("ETag", TAG), cc("max-age=600"))
    url = origin.serve(behaviours.in_turn(script, behaviours.image(NEW)))
    put(nginx.redis, url, stale(swr=HOUR))
    assert nginx.client.get(url).body == BODY
    eventually(lambda: origin.requests_for(url), "the refresh begins")
    nginx.redis("DEL", f"image-proxy:{url}")
    gate.set()
    assert eventually(lambda: nginx.client.get(url), "an answer").body == NEW


def test_what_is_stale_and_not_to_be_used_is_kept_for_its_validators(start, origin):
    server = start(STALE_WHILE_REVALIDATE="0s", STALE_IF_ERROR="0s")
    kept = origin.serve(behaviours.validated(BODY, cc("no-cache"), etag=TAG))
    server.client.get(kept)
    server.stored(kept)
    assert 0 < server.redis("PTTL", f"image-proxy:{kept}") <= 3_600_000


# MARK: negative answers

@pytest.mark.parametrize("line, status", [("404 Not Found", 404), ("410 Gone", 410)])
def test_a_missing_image_is_remembered_and_asked_for_again(start, origin, line, status):
    server = start(NEGATIVE_TTL="2s")
    url = origin.serve(behaviours.in_turn(behaviours.status(line), behaviours.image(BODY)))
    first = server.client.get(url)
    assert (first.status, first.header("Cache-Control")) == (status, "no-store")
    assert server.client.get(url).status == status and len(origin.requests_for(url)) == 1
    eventually(lambda: server.client.get(url).status == 200, "the time of the negative answer ends")
    assert len(origin.requests_for(url)) == 2



def test_without_a_negative_ttl_each_request_asks(start, origin):
    server = start(NEGATIVE_TTL="0s")
    url = origin.serve(behaviours.status("404 Not Found"))
    assert [server.client.get(url).status for _ in range(3)] == [404] * 3
    assert len(origin.requests_for(url)) == 3


def test_a_failure_to_connect_is_remembered_for_a_moment(reaching, own_origin):
    """Long enough for all who asked at once, and short enough that nobody notices when the origin is back."""
    server = reaching(own_origin.base, FIRST_BYTE_TIMEOUT="1s")
    url = own_origin.serve(behaviours.in_turn(behaviours.silent, behaviours.image(BODY)))
    assert server.client.get(url).status == 504
    assert server.client.get(url).status == 504 and len(own_origin.requests_for(url)) == 1
    eventually(lambda: server.client.get(url).status == 200, "the origin is asked again")


def test_an_error_of_the_origin_is_not_remembered(nginx, origin):
    url = origin.serve(behaviours.in_turn(behaviours.status("500 Oops"), behaviours.image(BODY)))
    assert [nginx.client.get(url).status for _ in range(2)] == [502, 200]


# MARK: the breaker

def test_an_origin_that_keeps_failing_is_left_alone_and_comes_back(reaching, own_origin):
    server = reaching(own_origin.base, FIRST_BYTE_TIMEOUT="500ms")
    urls = [own_origin.serve(behaviours.silent) for _ in range(30)]
    assert [server.client.get(url).status in (502, 503, 504) for url in urls] == [True] * 30
    asked = sum(len(own_origin.requests_for(url)) for url in urls)
    assert 5 <= asked < 30, "each image is another one, and most of them were not asked for"
    back = own_origin.serve(behaviours.image(BODY))
    eventually(lambda: server.client.get(back).status == 200, "a probe finds it well within seconds, however long it was away", 10)
    again = own_origin.serve(behaviours.image(NEW))
    assert server.client.get(again).body == NEW, "closed again: the next image needs no probe"


def test_a_failing_origin_takes_nobody_else_s_workers(reaching, own_origin, origin):
    server = reaching(own_origin.base, WORKERS="2", FIRST_BYTE_TIMEOUT="500ms")
    silent = [own_origin.serve(behaviours.silent) for _ in range(40)]
    well = origin.serve(behaviours.image(BODY))
    responses = [server.client.open(f"/api/image-proxy?url={url}") for url in silent]
    assert server.client.get(well).body == BODY
    assert all(response.head() in (502, 503, 504) for response in responses)
    for response in responses:
        response.leave()


def test_errors_for_single_images_open_nothing(nginx, origin):
    for _ in range(10):
        assert nginx.client.get(origin.serve(behaviours.status("500 Oops"))).status == 502
    assert nginx.client.get(origin.serve(behaviours.image(BODY))).status == 200


# MARK: clocks

@pytest.mark.parametrize("left, age, is_hit", [
    (HOUR, -30, True),
    (HOUR, -2 * HOUR, False),
    (10 * 365 * 24 * HOUR, -9 * 365 * 24 * HOUR, False),
    (-HOUR, HOUR, False),
    (-50 * 365 * 24 * HOUR, 51 * 365 * 24 * HOUR, False),
], ids=["a-little-ahead", "ahead", "years-ahead", "behind", "years-behind"])
def test_records_of_a_clock_that_jumped(start, origin, left, age, is_hit):
    """What comes from the future is as old as nobody knows: it is asked about before it is served."""
    server = start(STALE_WHILE_REVALIDATE="0s", STALE_IF_ERROR="0s")
    url = origin.serve(behaviours.validated(BODY, cc("max-age=600"), etag=TAG, renewal=[cc("max-age=600")]))
    put(server.redis, url, record(BODY, left=left, age=age, etag="abcdef"))
    answer = server.client.get(url)
    assert (answer.status, answer.body == BODY, answer.is_hit) == (200, True, is_hit)
    assert 0 <= int(answer.header("Age")) < 60 or not is_hit
    again = server.client.get(url)
    assert again.is_hit and again.body == BODY and len(origin.requests_for(url)) == (0 if is_hit else 1)


@pytest.mark.parametrize("fields", [
    {"generatedAt": -1}, {"generatedAt": 2 ** 63}, {"generatedAt": "x"}, {"swr": 2 ** 62}, {"sie": -5}, {"swr": 1.5},
    {"etag": "a\r\nX-Evil: 1"}, {"etag": 7}, {"lastModified": 10 ** 17}, {"contentTag": "\u00fc"},
], ids=str)
def test_fields_that_make_no_sense_are_as_good_as_missing(nginx, origin, fields):
    url = origin.serve(behaviours.status("500 Not Asked"))
    put(nginx.redis, url, record(BODY, left=HOUR, **fields))
    answer = nginx.client.get(url)
    assert (answer.status, answer.is_hit, answer.body == BODY) == (200, True, True)
    assert answer.values("X-Evil") == [] and 0 <= int(answer.header("Age"))


# libfaketime moves the clock of one process; what it measures durations with stays as it is.
FAKETIME = next(iter(Path("/usr/lib").glob("*/faketime/libfaketime.so.1")), None)


@pytest.mark.figures
@pytest.mark.parametrize("shift, asked", [("+30m", 1), ("-30s", 1), ("+90m", 2), ("-90m", 2), ("+20y", 2), ("-20y", 2)])
def test_a_process_whose_clock_jumped(settings, redis, databases, origin, shift, asked):
    """An hour's image: at another time it is fresh, stale, or not of this world; it is never served wrongly, and nothing fails."""
    assert FAKETIME, "needs the Debian package libfaketime"
    own = {**settings, "CACHE": redis.unix_address(next(databases)), "STALE_WHILE_REVALIDATE": "0s", "STALE_IF_ERROR": "0s"}
    url = origin.serve(behaviours.validated(BODY, cc("max-age=3600"), etag=TAG))
    query = proxied(url).partition("?")[2]
    elsewhen = {"LD_PRELOAD": str(FAKETIME), "FAKETIME": shift, "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
    assert cgi(query, own)[0].body == BODY
    there, _ = cgi(query, own, **elsewhen)
    assert (there.status, there.body == BODY, there.is_hit) == (200, True, asked == 1)
    assert len(origin.requests_for(url)) == asked
    back, _ = cgi(query, own)
    assert (back.status, back.body == BODY) == (200, True) and 0 <= int(back.header("Age"))


# A sanitizer has to be loaded before everything else, as libfaketime has.
@pytest.mark.figures
def test_a_server_whose_clock_is_another(new_folder, settings, redis, databases, origin):
    """libfaketime moves the environment, before which Swift's runtime looks for the arguments: they are found all the same, also
    by the process that takes over."""
    assert FAKETIME, "needs the Debian package libfaketime"
    url = origin.serve(behaviours.validated(BODY, cc("max-age=3600"), etag=TAG))
    own = {**settings, "CACHE": redis.unix_address(next(databases)), "STALE_WHILE_REVALIDATE": "0s", "STALE_IF_ERROR": "0s"}
    folder = new_folder()
    handler = Handler(folder, **own)
    handler.environment.update({"LD_PRELOAD": str(FAKETIME), "FAKETIME": "+90m", "FAKETIME_DONT_FAKE_MONOTONIC": "1"})

    def asked_there():
        with FastCGIClient(handler.socket_path) as client:
            return client.get(proxied(url).partition("?")[2]).response()
    assert cgi(proxied(url).partition("?")[2], own)[0].body == BODY
    with handler.start():
        assert not asked_there().is_hit
        # By its clock a file's time is over, so that the image comes anew, and into the store behind its response.
        eventually(lambda: asked_there().is_hit, "a hit")
        handler.send(signal.SIGHUP)
        handler.wait_for_log("Another process answers from now on")
        answer = asked_there()
        assert (answer.status, answer.body == BODY, answer.is_hit) == (200, True, True)
    assert len(origin.requests_for(url)) == 2


@pytest.mark.figures
def test_a_running_server_whose_clock_jumps(new_folder, settings, redis, databases, origin):
    """Whatever the time is all at once, images are served, old ones and new ones, and the log is no longer for it."""
    assert FAKETIME, "needs the Debian package libfaketime"
    folder = new_folder()
    clock = folder / "clock"
    clock.write_text("+0\n")
    handler = Handler(folder, **{**settings, "CACHE": redis.unix_address(next(databases)), "MEMORY_CACHE_SIZE": "16MiB"})
    handler.environment.update({"LD_PRELOAD": str(FAKETIME), "FAKETIME_TIMESTAMP_FILE": str(clock), "FAKETIME_NO_CACHE": "1",
                                "FAKETIME_DONT_FAKE_MONOTONIC": "1"})
    kept = origin.serve(behaviours.validated(BODY, cc("max-age=3600"), etag=TAG))

    def is_served(url):
        with FastCGIClient(handler.socket_path) as client:
            answer = client.get(proxied(url).partition("?")[2]).response()
        assert (answer.status, answer.body == BODY) == (200, True)
        return True
    with handler.start():
        assert is_served(kept)
        for shift in ("+90m", "-90m", "+20y", "-20y", "+0"):
            quiet, began = len(handler.other_lines()), time.monotonic()
            # At once, so that no half of it is read.
            (folder / "next").write_text(shift + "\n")
            (folder / "next").replace(clock)
            for _ in range(20):
                assert is_served(kept) and is_served(origin.serve(behaviours.image(BODY)))
            lines = [line for line in handler.other_lines()[quiet:] if "Image cached successfully" not in line]
            assert len(lines) <= time.monotonic() - began + 1, lines
        years = {int(line[:4]) for line in handler.log().splitlines() if line[:4].isdigit()}
        assert max(years) - min(years) >= 39, "the clock has jumped"
