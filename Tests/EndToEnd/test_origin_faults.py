"""An origin that lies, sends rubbish, or sends us elsewhere."""

import contextlib
import gzip
import threading

import pytest

from harness import behaviours
from harness.behaviours import head_lines, in_turn, redirect
from harness.images import png_of_size
from harness.origin import Origin
from harness.waiting import free_port

BODY = png_of_size(5_000)
OK = "HTTP/1.1 200 OK"
PNG = "Content-Type: image/png"

NEVER_WHOLE = {
    "two lengths": behaviours.lengths(BODY, len(BODY), len(BODY) - 100),
    "two lengths, the right one last": behaviours.lengths(BODY, len(BODY) - 100, len(BODY)),
    "two lengths, much too long last": behaviours.lengths(BODY, len(BODY), 10 ** 9),
    "banana": behaviours.lengths(BODY, "banana"),
    "negative": behaviours.lengths(BODY, "-5"),
    "too long": behaviours.lengths(BODY, len(BODY) + 1),
    "10^9": behaviours.lengths(BODY, 10 ** 9),
    "2^63-1": behaviours.lengths(BODY, 2 ** 63 - 1),
    "over 2^63": behaviours.lengths(BODY, 2 ** 63 + 5),
    "over 2^64": behaviours.lengths(BODY, 2 ** 64 + 5),
    "length and chunked": head_lines(OK, PNG, "Content-Length: 100", "Transfer-Encoding: chunked",
                                     body=b"0\r\n\r\n" + BODY),
    "chunk size is junk": head_lines(OK, PNG, "Transfer-Encoding: chunked", body=b"zz\r\n" + BODY),
    "chunk size is huge": head_lines(OK, PNG, "Transfer-Encoding: chunked", body=b"ffffffffffffffffff\r\n" + BODY),
    "last chunk is missing": head_lines(OK, PNG, "Transfer-Encoding: chunked", body=b"1388\r\n" + BODY + b"\r\n"),
    "no HTTP": behaviours.raw(BODY),
    "SSH": behaviours.raw(b"SSH-2.0-OpenSSH_9\r\n"),
    "HTTP/0.9": behaviours.raw(b"<html>"),
    "ICY": head_lines("ICY 200 OK", PNG, body=BODY),
    "bad status line": head_lines("HTTP/1.1 abc", PNG, body=BODY),
    "nothing": behaviours.raw(b""),
    "reset before a byte": lambda exchange: exchange.reset(),
    "reset in the head": lambda exchange: (exchange.send("HTTP/1.1 200 OK\r\nContent-Ty"), exchange.reset()),
    "header without end": behaviours.raw(b"HTTP/1.1 200 OK\r\nContent-Ty"),
    "101": head_lines("HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", body=BODY),
    "302 without a Location": head_lines("HTTP/1.1 302 Found", PNG, body=BODY),
}


@pytest.mark.parametrize("name", NEVER_WHOLE)
def test_a_lie_never_becomes_a_whole_image(front, origin, name):
    url = origin.serve(NEVER_WHOLE[name])
    answer = front.client.get(url)
    assert answer.failed_visibly(502), answer
    origin.replace(url, behaviours.image(BODY))
    again = front.client.get(url)
    assert again.body == BODY and not again.is_hit, "the lie was stored"


@pytest.mark.parametrize("name, script", [
    ("header of 512 KiB", head_lines(OK, PNG, f"Content-Length: {len(BODY)}", "X-Long: " + "x" * 524288, body=BODY)),
    ("header of 65,000 bytes", head_lines(OK, PNG, f"Content-Length: {len(BODY)}", "X-Long: " + "x" * 65000, body=BODY)),
    ("5000 headers", head_lines(OK, PNG, f"Content-Length: {len(BODY)}", *(f"X-{n}: y" for n in range(5000)), body=BODY)),
    ("folded", head_lines(OK, PNG, "X-Folded: a", " b: c", f"Content-Length: {len(BODY)}", body=BODY)),
    ("bare CR", head_lines(OK, PNG, "X-A: a\rSet-Cookie: b=c", f"Content-Length: {len(BODY)}", body=BODY)),
    ("bare LF", head_lines(OK, PNG, "X-A: a\nSet-Cookie: b=c", f"Content-Length: {len(BODY)}", body=BODY)),
    ("NUL", head_lines(OK, PNG, "X-A: a\0b", f"Content-Length: {len(BODY)}", body=BODY)),
    ("no colon", head_lines(OK, PNG, "Nonsense", f"Content-Length: {len(BODY)}", body=BODY)),
    ("type with CR", head_lines(OK, "Content-Type: image/png\rX-Injected: 1", f"Content-Length: {len(BODY)}", body=BODY)),
    ("many 103", head_lines(*["HTTP/1.1 103 Early Hints", ""] * 20, OK, PNG, f"Content-Length: {len(BODY)}", body=BODY)),
    ("two types", head_lines(OK, PNG, "Content-Type: text/html", f"Content-Length: {len(BODY)}", body=BODY)),
])
def test_odd_heads_are_an_error_or_clean(nginx, origin, name, script):
    answer = nginx.client.get(origin.serve(script))
    if answer.status == 200:
        assert answer.body == BODY and answer.header("Content-Type") == "image/png"
    else:
        assert answer.status == 502
    for header in ("Set-Cookie", "X-Injected", "X-A", "X-Folded"):
        assert answer.header(header) is None


@pytest.mark.parametrize("body, encoding", [
    (gzip.compress(BODY), "gzip"), (gzip.compress(gzip.compress(BODY)), "gzip, gzip"), (BODY, "br"), (BODY, "junk"),
    (gzip.compress(bytes(10_000_000)), "gzip"),
], ids=["gzip", "twice", "br", "junk", "bomb"])
def test_an_encoding_that_was_not_asked_for_is_refused(front, origin, body, encoding):
    url = origin.serve(behaviours.image(body, "image/png", ("Content-Encoding", encoding)))
    assert front.client.get(url).status == 502
    assert front.redis("EXISTS", f"image-proxy:{url}") == 0


@pytest.mark.parametrize("codings", [["gzip"], ["gzip, chunked"], ["gzip", "chunked"], ["chunked", "chunked"], ["identity"]], ids=str)
@pytest.mark.parametrize("body", [gzip.compress(BODY), BODY], ids=["packed", "a lie"])
def test_a_transfer_coding_that_was_not_asked_for_is_refused(front, origin, codings, body):
    """One libcurl undoes it, without a bound, and the next one takes what comes for the image."""
    lines = [OK, PNG, *(f"Transfer-Encoding: {coding}" for coding in codings)]
    framed = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body) if "chunked" in codings[-1] else body
    url = origin.serve(head_lines(*lines, body=framed))
    answer = front.client.get(url)
    assert answer.status == 502, answer
    assert front.redis("EXISTS", f"image-proxy:{url}") == 0


def test_identity_is_no_encoding(front, origin):
    url = origin.serve(behaviours.image(BODY, "image/png", ("Content-Encoding", "identity")))
    assert front.client.get(url).body == BODY


@pytest.mark.parametrize("line", ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"])
@pytest.mark.parametrize("form", ["absolute", "path", "relative", "network"])
def test_redirects_are_followed(nginx, origin, line, form):
    target = origin.serve(behaviours.image(BODY))
    path = target.removeprefix(origin.base)
    location = {"absolute": target, "path": path, "relative": "../" + path[1:], "network": "//" + target[7:]}[form]
    url = origin.serve(redirect(location, line))
    answer = nginx.client.get(url)
    assert (answer.status, answer.body == BODY) == (200, True)
    nginx.stored(url)
    assert nginx.client.get(url).is_hit


def test_three_redirects_are_followed_and_four_are_not(front, origin):
    url = origin.serve(behaviours.image(BODY))
    for _ in range(3):
        url = origin.serve(redirect(url))
    assert front.client.get(url).body == BODY
    assert front.client.get(origin.serve(redirect(url))).status == 502


def test_a_redirect_loop_ends(front, origin):
    url = origin.serve(behaviours.status("500 Later"))
    origin.replace(url, redirect(url))
    assert front.client.get(url).status == 502
    assert len(origin.requests_for(url)) == 4


@pytest.mark.parametrize("location", [
    "file:///etc/passwd", "gopher://127.0.0.1/x", "ftp://127.0.0.1/a.png", "dict://127.0.0.1/d", "ldap://127.0.0.1/",
    "data:image/png;base64,iVBORw0KGgo=", "javascript:alert(1)", "http://user:word@127.0.0.1/a.png",
    "http://[::1]/a.png", "http://10.0.0.1/a.png", "http://169.254.169.254/latest/meta-data/",
    "http://elsewhere.test/a.png",
])
def test_a_redirect_to_what_is_not_allowed_is_refused(front, origin, location):
    assert front.client.get(origin.serve(redirect(location))).status == 403


@pytest.mark.parametrize("location", ["http://0x7f.1/a.png", "http://127.1/", "http://[::1%25lo]/", "http:///a", "http://a b/",
                                      "http://127.0.0.1\\@127.0.0.2/", "http://127.0.0.1:99999/", ""])
def test_a_redirect_to_what_is_no_url_is_refused(nginx, origin, location):
    assert nginx.client.get(origin.serve(redirect(location))).status in (403, 502)


def test_a_redirect_to_an_address_that_is_not_allowed_dials_nothing(front, origin, canary):
    first = origin.serve(redirect(canary.base + "/a.png"))
    assert front.client.get(first).status == 403
    second = origin.serve(redirect(first))
    assert front.client.get(second).status == 403


def test_two_locations_are_no_way_round(nginx, origin, canary):
    good = origin.serve(behaviours.image(BODY))
    for pair in ((good, canary.base), (canary.base, good)):
        url = origin.serve(behaviours.status("302 Found", b"", *(("Location", value) for value in pair)))
        assert nginx.client.get(url).status in (200, 403, 502)


def test_the_origin_refuses_connections(start):
    port = free_port()
    server = start(ALLOWED_NETWORKS=f"127.0.0.1/32:{port}")
    server.client.timeout = 10
    assert server.client.get(f"http://127.0.0.1:{port}/a.png").status == 502


def test_a_name_that_does_not_resolve(start):
    server = start(ALLOWED_HOSTS="nothing.invalid")
    server.client.timeout = 10
    assert server.client.get("http://nothing.invalid/a.png").status in (502, 504)


def test_connections_to_the_origin_are_used_again(nginx, origin):
    urls = [origin.serve(behaviours.image(BODY)) for _ in range(30)]
    before = origin.connections
    for url in urls:
        assert nginx.client.get(url).status == 200
    assert origin.connections - before < 30


def test_each_of_several_origins_keeps_its_connection(start):
    """One after the other, as the images of a page come that are of several hosts."""
    with contextlib.ExitStack() as stack:
        origins = [stack.enter_context(Origin()) for _ in range(4)]
        server = start(ALLOWED_NETWORKS=",".join(f"127.0.0.1/32:{other.port}" for other in origins))
        for _ in range(10):
            for other in origins:
                assert server.client.get(other.serve(behaviours.image(BODY))).status == 200
        assert [other.connections for other in origins] == [1, 1, 1, 1]


def test_a_kept_connection_that_the_origin_has_closed_costs_nobody_an_image(nginx, origin):
    def closing(exchange):
        behaviours.image(BODY)(exchange)
        exchange.close()  # without having said so in the head
    for _ in range(10):
        answer = nginx.client.get(origin.serve(closing))
        assert (answer.status, answer.body == BODY) == (200, True)


@pytest.mark.parametrize("at_once", [True, False], ids=["at-once", "later"])
def test_an_uninvited_second_answer_is_nobodys(start, origin, at_once):
    # A server of its own: a connection that is out of step would answer other tests.
    server = start(WORKERS="1")
    other = png_of_size(2_000, seed=9)
    uninvited = b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nContent-Length: %d\r\n\r\n" % len(other) + other
    for number in range(5):
        gate, sent = threading.Event(), threading.Event()

        def generous(exchange):
            exchange.head("200 OK", ("Content-Type", "image/png"), ("Content-Length", len(BODY)))
            exchange.send(BODY + (uninvited if at_once else b""))
            if not at_once:
                exchange.wait_for(gate)
                exchange.send(uninvited)
            sent.set()
        assert server.client.get(origin.serve(generous)).body == BODY
        gate.set()
        assert sent.wait(20)
        for size in (1_500, 1_600):
            mine = png_of_size(size, seed=number)
            assert server.client.get(origin.serve(behaviours.image(mine))).body == mine


def test_an_error_is_not_kept_as_the_answer(front, origin):
    url = origin.serve(in_turn(behaviours.status("500 Oops"), behaviours.image(BODY)))
    assert front.client.get(url).status == 502
    assert front.redis("EXISTS", f"image-proxy:{url}") == 0
