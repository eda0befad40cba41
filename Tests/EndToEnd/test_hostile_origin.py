"""An origin that knows HTTP and abuses it: conditions, parts, validators, ages, and heads that never end."""

import gzip
import json

import pytest

from harness import behaviours
from harness.behaviours import head_lines
from harness.images import png_of_size
from harness.records import put, record
from harness.waiting import eventually

BODY = png_of_size(5_000, seed=31)
OTHER = png_of_size(6_000, seed=32)
OK = "HTTP/1.1 200 OK"
PNG = "Content-Type: image/png"
LENGTH = f"Content-Length: {len(BODY)}"
THIRTY_DAYS = 30 * 86400

# Statuses without a whole image, with an image behind them all the same.
NO_IMAGE = {
    "204": head_lines("HTTP/1.1 204 No Content", PNG, LENGTH, body=BODY),
    "205": head_lines("HTTP/1.1 205 Reset Content", PNG, LENGTH, body=BODY),
    "206": head_lines("HTTP/1.1 206 Partial Content", PNG, LENGTH, f"Content-Range: bytes 0-{len(BODY) - 1}/{len(BODY)}", body=BODY),
    "206-of-more": head_lines("HTTP/1.1 206 Partial Content", PNG, LENGTH, "Content-Range: bytes 0-4999/999999", body=BODY),
    "206-multipart": head_lines("HTTP/1.1 206 Partial Content", "Content-Type: multipart/byteranges; boundary=x",
                                body=b"--x\r\nContent-Type: image/png\r\n\r\n" + BODY + b"\r\n--x--"),
    "multipart": head_lines(OK, "Content-Type: multipart/x-mixed-replace; boundary=x",
                            body=b"--x\r\nContent-Type: image/png\r\n\r\n" + BODY + b"\r\n--x\r\n"),
    "300": head_lines("HTTP/1.1 300 Multiple Choices", PNG, LENGTH, body=BODY),
    "304-unconditional": head_lines("HTTP/1.1 304 Not Modified", 'ETag: "x"'),
    "304-unconditional-with-a-body": head_lines("HTTP/1.1 304 Not Modified", PNG, LENGTH, body=BODY),
    "401": head_lines("HTTP/1.1 401 Unauthorized", "WWW-Authenticate: Basic realm=x", PNG, LENGTH, body=BODY),
    "416": head_lines("HTTP/1.1 416 Range Not Satisfiable", PNG, LENGTH, body=BODY),
    "600": head_lines("HTTP/1.1 600 What", PNG, LENGTH, body=BODY), "099": head_lines("HTTP/1.1 099 What", PNG, LENGTH, body=BODY),
    "100-for-ever": head_lines(*["HTTP/1.1 100 Continue", ""] * 2000, OK, PNG, LENGTH, body=BODY),
    "101": head_lines("HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: upgrade", body=BODY),
}


@pytest.mark.parametrize("name", NO_IMAGE)
def test_what_is_no_whole_image_is_an_error(nginx, origin, name):
    url = origin.serve(NO_IMAGE[name])
    answer = nginx.client.get(url)
    assert answer.status in (502, 401) and answer.header("WWW-Authenticate") is None
    assert answer.header("Content-Type").startswith("application/problem+json")
    assert nginx.redis("EXISTS", f"image-proxy:{url}") == 0
    origin.replace(url, behaviours.image(BODY))
    # Errors other than 404 and 410 are no answer for anybody else.
    assert nginx.client.get(url).body == BODY


def stale(server, origin, script, **fields):
    """A stale record of BODY at a URL with that script."""
    url = origin.serve(script)
    put(server.redis, url, record(BODY, left=-10, etag="old", **fields))
    return url


def test_a_304_with_a_body_is_a_renewal_and_its_body_is_nobodys(start, origin):
    """RFC 9110, 15.4.5: a 304 ends with its head. What follows must not be the next answer on that connection."""
    server = start(WORKERS="1", STALE_WHILE_REVALIDATE="0s")
    smuggled = b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nContent-Length: %d\r\n\r\n" % len(OTHER) + OTHER

    def script(exchange):
        exchange.head("304 Not Modified", ("ETag", '"old"'), ("Content-Length", len(BODY)), ("Cache-Control", "max-age=60"))
        exchange.send(smuggled)
    for _ in range(5):
        url = stale(server, origin, script)
        answer = server.client.get(url)
        assert (answer.status, answer.body == BODY) == (200, True)
        assert server.client.get(origin.serve(behaviours.image(BODY))).body == BODY


@pytest.mark.parametrize("fields", [
    [("ETag", '"other"')], [("ETag", 'W/"old"'), ("ETag", '"other"')], [("Last-Modified", "Fri, 31 Dec 9999 23:59:60 GMT")],
    [("ETag", '"old'), ("Cache-Control", "max-age=" + "9" * 400)], [("Age", "9" * 400)], [("Expires", "-1")], [("Vary", "*")],
    [("Cache-Control", "no-store")],
], ids=lambda fields: fields[-1][0] + "-" + fields[-1][1][:12])
def test_a_304_that_says_odd_things_serves_the_image_all_the_same(start, origin, fields):
    """What it renews, if anything, is the record that is there; and for no longer than the bound."""
    server = start(STALE_WHILE_REVALIDATE="0s")
    url = stale(server, origin, lambda exchange: exchange.head("304 Not Modified", *fields))
    for _ in range(2):
        answer = server.client.get(url)
        assert answer.status == 502 or (answer.status, answer.body == BODY) == (200, True)
    if server.redis("EXISTS", f"image-proxy:{url}"):
        assert 0 < server.redis("TTL", f"image-proxy:{url}") <= THIRTY_DAYS + 86400


@pytest.mark.parametrize("line", [
    'ETag: "a\rSet-Cookie: b=c"', 'ETag: "a\nSet-Cookie: b=c"', 'ETag: "a\0b"', 'ETag: "a\x7fb"', "ETag: " + '"x"' * 5000, "ETag: unquoted",
    'ETag: "' + "x" * 5000 + '"', 'ETag: "\xff\xfe"', 'ETag: ""', "Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT\rSet-Cookie: b=c",
    "Last-Modified: Fri, 31 Dec 9999 23:59:60 GMT", "Last-Modified: 0", "Last-Modified: " + "9" * 3000,
    'ETag: "a", "b"', "ETag: W/W/\"a\"", 'ETag: "a"\r\nETag: "b"',
], ids=range(16))
def test_a_validator_is_never_a_line_more(start, origin, line):
    """Neither to the client, nor into Redis, nor back to the origin when the image is stale."""
    server = start(STALE_WHILE_REVALIDATE="0s")
    url = origin.serve(head_lines(OK, PNG, LENGTH, "Cache-Control: max-age=60", line, body=BODY))
    answer = server.client.get(url)
    assert answer.status == 502 or answer.body == BODY
    if answer.status == 200:
        server.stored(url)
        hit = server.client.get(url)
        assert hit.body == BODY and hit.header("Set-Cookie") is None and len(hit.header("ETag") or "") < 200
        fields = json.loads(server.redis("GET", f"image-proxy:{url}"))
        fields["expiresAt"] = 1
        put(server.redis, url, json.dumps(fields, separators=(",", ":")))
        assert server.client.get(url).body == BODY
        for seen in origin.requests_for(url):
            assert seen.value("Set-Cookie") is None
            for name, value in seen.headers:
                assert value.isprintable() and len(value) < 300, (name, value)
    assert answer.header("Set-Cookie") is None


@pytest.mark.parametrize("lines", [
    ["Age: " + "9" * 400], ["Age: -1"], ["Age: 9223372036854775807", "Cache-Control: max-age=9223372036854775807"],
    ["Cache-Control: max-age=" + "9" * 400], ["Cache-Control: s-maxage=18446744073709551617, stale-if-error=" + "9" * 30],
    ["Expires: Fri, 31 Dec 9999 23:59:60 GMT", "Date: Mon, 01 Jan 0001 00:00:00 GMT"], ["Expires: " + "9" * 400],
    ["Date: Fri, 31 Dec 9999 23:59:60 GMT", "Expires: Mon, 01 Jan 0001 00:00:00 GMT"], ["Cache-Control: " + "," * 20_000],
    ["Cache-Control: " + 'a="' * 5_000], ["Cache-Control: max-age=60"] * 500, ["Vary: " + "a," * 5_000],
], ids=range(12))
def test_time_has_bounds(start, origin, lines):
    server = start()
    url = origin.serve(head_lines(OK, PNG, LENGTH, *lines, body=BODY))
    for _ in range(2):
        answer = server.client.get(url)
        assert (answer.status, answer.body == BODY) == (200, True)
        if age := answer.header("Age"):
            assert 0 <= int(age) <= 2 ** 31
    if server.redis("EXISTS", f"image-proxy:{url}"):
        assert 0 < server.redis("TTL", f"image-proxy:{url}") <= THIRTY_DAYS + 86400
    assert server.handler.is_running


def test_trailers_are_no_headers(nginx, origin):
    def script(exchange):
        exchange.head("200 OK", ("Content-Type", "image/png"), ("Transfer-Encoding", "chunked"), ("Trailer", "Set-Cookie, ETag"))
        exchange.chunk(BODY)
        exchange.send(b'0\r\nSet-Cookie: a=b\r\nETag: "trailer"\r\nCache-Control: no-store\r\n\r\n')
    url = origin.serve(script)
    for _ in range(2):
        answer = nginx.client.get(url)
        assert answer.status == 502 or (answer.body == BODY and answer.header("Set-Cookie") is None)
        assert answer.header("ETag") != '"trailer"'


def test_a_head_that_drips_is_given_up(start, origin):
    """A byte now and then is no sign of life."""
    server = start(FIRST_BYTE_TIMEOUT="1s", TOTAL_TIMEOUT="4s")

    def script(exchange):
        exchange.send("HTTP/1.1 200 OK\r\nX: ")
        while not exchange.stopping.wait(0.05):
            exchange.send("x")
    assert server.client.get(origin.serve(script)).status == 504


def test_chunks_of_one_byte_are_an_image(nginx, origin):
    url = origin.serve(behaviours.chunked(BODY, size=1))
    assert nginx.client.get(url).body == BODY


@pytest.mark.parametrize("encoding", ["gzip", "identity, gzip", "GZIP", "x-gzip", "deflate", "compress", "zstd", "gzip\t", "\"gzip\""])
def test_no_encoding_gets_through(nginx, origin, encoding):
    url = origin.serve(behaviours.image(gzip.compress(BODY), "image/png", ("Content-Encoding", encoding)))
    assert nginx.client.get(url).status == 502


def test_gzip_without_a_word_is_no_image(nginx, origin):
    assert nginx.client.get(origin.serve(behaviours.image(gzip.compress(BODY)))).status == 502


def test_a_redirect_body_without_end_is_not_read(start, origin):
    """The place is known from the head; what comes behind it interests nobody."""
    server = start(TOTAL_TIMEOUT="100s")
    target = origin.serve(behaviours.image(BODY))
    gone = []

    def script(exchange):
        exchange.head("302 Found", ("Location", target), ("Transfer-Encoding", "chunked"))
        try:
            while not exchange.stopping.is_set():
                exchange.chunk(bytes(65536))
        finally:
            gone.append(True)
    assert server.client.get(origin.serve(script)).body == BODY
    eventually(lambda: gone, "the connection is closed")


def test_an_error_body_without_end_is_not_read(nginx, origin):
    def script(exchange):
        exchange.head("500 Oops", ("Transfer-Encoding", "chunked"))
        while not exchange.stopping.is_set():
            exchange.chunk(bytes(65536))
    assert nginx.client.get(origin.serve(script)).status == 502
