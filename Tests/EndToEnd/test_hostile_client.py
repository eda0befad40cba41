"""Clients that ask for too much at once: through a web server, and at the handler's own socket, where nobody shortens it."""

import pytest

from harness import behaviours
from harness.fastcgi import FastCGIClient, parameters, request_bytes
from harness.http import proxied
from harness.images import MIB, png_of_size
from harness.waiting import eventually

BODY = png_of_size(300_000, seed=41)
LARGE = png_of_size(3 * MIB, seed=42)
CONTROL = ("Cache-Control", "max-age=3600")


def query(url):
    return proxied(url).partition("?")[2]


def ask(server, url, **params):
    """The answer at the handler's socket."""
    with FastCGIClient(server.handler.socket_path) as client:
        return client.get(query(url), **params)


@pytest.fixture(params=["hit", "miss"])
def url(request, nginx, origin):
    """An image, in the cache or not."""
    url = origin.serve(behaviours.validated(BODY, CONTROL, etag='"abc"'))
    if request.param == "hit":
        nginx.client.get(url)
        nginx.stored(url)
    return url


RANGES = {
    "1300": "bytes=" + ",".join(f"{n}-" for n in range(1300)), "1300-overlapping": "bytes=" + ",".join(["0-"] * 1300),
    "suffixes": "bytes=" + ",".join(f"-{n}" for n in range(1, 1300)), "commas": "bytes=" + "," * 50_000,
    "digits": "bytes=" + "9" * 30_000 + "-" + "9" * 30_000, "spaces": "bytes=" + " " * 60_000, "hyphens": "bytes=" + "-" * 60_000,
    "no-unit": "=" * 60_000, "bytes": "bytes=\xff\xfe-\x00", "minus": "bytes=--5", "2^64": "bytes=18446744073709551616-18446744073709551617",
}


@pytest.mark.parametrize("name", RANGES)
def test_ranges_do_not_amplify(nginx, url, name):
    """One image at most comes back, once."""
    answer = ask(nginx, url, HTTP_RANGE=RANGES[name])
    response = answer.response()
    assert answer.end == (0, 0) and response.status in (200, 416)
    assert response.body in (BODY, b"") and len(answer.stdout) < len(BODY) + 4096


TAGS = {
    "10000": ", ".join(f'"{n}"' for n in range(10_000)), "commas": "," * 60_000, "quotes": '"' * 60_000, "open": '"' + "a" * 60_000,
    "weak": "W/" * 30_000, "stars": "*, " * 20_000, "bytes": '"\xff\x00"', "empty": "", "spaces": " " * 60_000,
}


@pytest.mark.parametrize("name", TAGS)
def test_absurd_lists_of_tags_match_nothing(nginx, url, name):
    answer = ask(nginx, url, HTTP_IF_NONE_MATCH=TAGS[name])
    assert (answer.response().status, answer.response().body == BODY, answer.end) == (200, True, (0, 0))


@pytest.mark.parametrize("field, value", [
    ("HTTP_IF_MODIFIED_SINCE", "Fri, 31 Dec 9999 23:59:60 GMT"), ("HTTP_IF_MODIFIED_SINCE", "9" * 60_000),
    ("HTTP_IF_RANGE", '"' * 60_000), ("HTTP_CACHE_CONTROL", "max-age=" + "9" * 60_000), ("HTTP_CACHE_CONTROL", 'a="' * 20_000),
    ("HTTP_PRAGMA", "x" * 60_000), ("REMOTE_ADDR", ":" * 60_000), ("HTTP_X_LONG", "x" * 200_000), ("PATH_INFO", "/" * 60_000),
    ("REQUEST_METHOD", "G" * 60_000), ("SCRIPT_NAME", "\xff" * 1000), ("HTTP_HOST", "\r\nSet-Cookie: a=b"),
], ids=range(12))
def test_absurd_parameters_harm_nobody(nginx, url, field, value):
    answer = ask(nginx, url, **({"method": value} if field == "REQUEST_METHOD" else {field: value}))
    assert answer.response().status in (200, 304, 400, 405, 404) and b"Set-Cookie" not in answer.stdout
    assert ask(nginx, url).response().body == BODY


def test_ten_thousand_parameters(nginx, url):
    answer = ask(nginx, url, **{f"HTTP_X_{number}": "y" for number in range(10_000)})
    assert answer.response().body == BODY or not answer.well_formed or answer.end is None
    assert ask(nginx, url).response().body == BODY


@pytest.mark.parametrize("pairs", [1, 2])
def test_a_parameter_that_comes_twice_is_read_in_one_way(nginx, origin, canary, pairs):
    """What is checked is what is fetched, whichever of the two it is."""
    good = origin.serve(behaviours.image(BODY))
    raw = request_bytes(parameters(query(good)))
    bad = request_bytes({"QUERY_STRING": query(canary.base + "/a.png")})
    # The pairs of a second request's parameters, put into the first one's: before them, or behind.
    head, rest = raw[:16], raw[16:]
    doubled = head + bad[16:16 + 8 + int.from_bytes(bad[20:22], "big")] + rest
    if pairs == 2:
        length = int.from_bytes(rest[4:6], "big")
        doubled = head + rest[:8 + length] + bad[16:16 + 8 + int.from_bytes(bad[20:22], "big")] + rest[8 + length:]
    with FastCGIClient(nginx.handler.socket_path) as client:
        client.send(doubled)
        assert client.answer().response().status in (200, 400, 403)


@pytest.mark.figures
def test_a_client_that_never_reads_costs_no_more_than_its_share(start, origin):
    """Thirty clients that take nothing, of images too large to be kept: memory is bounded and others are served."""
    server = start(WORKERS="8", CACHE="off")
    url = origin.serve(behaviours.image(png_of_size(6 * MIB)))
    server.client.get(url)
    before = server.handler.peak_resident
    idle = []
    for _ in range(30):
        client = FastCGIClient(server.handler.socket_path)
        client.send(request_bytes(parameters(query(url))))
        idle.append(client)
    try:
        health = eventually(lambda: server.client.endpoint("health"), "others are served")
        assert health.status == 200
        assert server.handler.peak_resident - before < 64 * MIB
    finally:
        for client in idle:
            client.close()
    eventually(lambda: server.client.get(origin.serve(behaviours.image(BODY))).status == 200, "it recovers")
