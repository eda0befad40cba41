"""Bytes go on as they arrive, a cut image is seen to be cut, and a client that leaves takes its fetch with it."""

import threading
import time

import pytest

from harness import behaviours
from harness.http import proxied
from harness.images import MIB, png_of_size
from harness.waiting import eventually

LARGE = 20 * MIB


@pytest.fixture(scope="module")
def large():
    return png_of_size(LARGE, seed=7)


@pytest.mark.parametrize("first", [2_000, MIB])
def test_the_first_byte_comes_before_the_origin_has_sent_the_last(front, origin, large, first):
    gate = threading.Event()
    url = origin.serve(behaviours.gated(large, gate, first))
    with front.client.open(proxied(url)) as response:
        assert response.head() == 200
        start = response.read_exactly(1_000)
        assert start == large[:1_000]
        gate.set()
        rest, complete = response.rest()
    assert complete and start + rest == large
    front.wait_for_log("Image too large to cache", url)
    assert front.redis("EXISTS", f"image-proxy:{url}") == 0


def test_the_first_bytes_do_not_wait_for_a_buffer_to_fill(nginx, origin, large):
    gate = threading.Event()
    url = origin.serve(behaviours.gated(large, gate, first=3000))
    with nginx.client.open(proxied(url)) as response:
        assert response.head() == 200
        start = response.read_exactly(1000)
        assert start == large[:1000] and not gate.is_set()
        gate.set()
        rest, complete = response.rest()
    assert complete and start + rest == large


def test_a_large_image_without_a_length_streams_too(front, origin, large):
    gate = threading.Event()
    url = origin.serve(behaviours.gated(large, gate, first=8 * MIB, in_chunks=True))
    with front.client.open(proxied(url)) as response:
        assert response.head() == 200
        start = response.read_exactly(64 * 1024)
        gate.set()
        rest, complete = response.rest()
    assert complete and start + rest == large


def test_a_small_image_without_a_length_is_not_waited_for(front, origin):
    if front.kind == "cgi":
        pytest.skip("CGI has no way to say that a response without a length was cut (RFC 3875)")
    image, gate = png_of_size(20_000), threading.Event()
    url = origin.serve(behaviours.gated(image, gate, first=5_000, in_chunks=True))
    with front.client.open(proxied(url)) as response:
        assert response.head() == 200
        start = response.read_exactly(5_000)
        assert not gate.is_set()
        gate.set()
        rest, complete = response.rest()
    assert complete and start + rest == image


def test_a_slow_client_gets_every_byte(front, origin, large):
    url = origin.serve(behaviours.image(large))
    with front.client.open(proxied(url)) as response:
        assert response.head() == 200
        start = response.read_exactly(1000)
        # The proxy has the rest by now, or waits for us: either way nothing may be lost.
        other = front.client.endpoint("health")
        rest, complete = response.rest()
    assert other.status == 200 and complete and start + rest == large


@pytest.mark.parametrize("reset", [False, True], ids=["fin", "rst"])
@pytest.mark.parametrize("size, at", [(3 * MIB, 100_000), (LARGE, 9 * MIB), (40_000, 20_000)])
def test_a_cut_image_never_looks_whole(front, origin, size, at, reset):
    body = png_of_size(size)
    url = origin.serve(behaviours.cut(body, at, reset))
    answer = front.client.get(url)
    assert answer.failed_visibly(502)
    origin.replace(url, behaviours.image(body))
    again = front.client.get(url)
    assert again.body == body and again.complete and not again.is_hit


@pytest.mark.parametrize("at", [20_000, 9 * MIB])
def test_a_cut_image_without_a_length_never_looks_whole(front, origin, large, at):
    if front.kind == "cgi" and at > MIB:
        pytest.skip("CGI has no way to say that a response without a length was cut (RFC 3875)")
    url = origin.serve(behaviours.cut(large, at, in_chunks=True))
    answer = front.client.get(url)
    assert answer.failed_visibly(502)
    assert front.redis("EXISTS", f"image-proxy:{url}") == 0


@pytest.mark.parametrize("at", [0, 10_000, 9 * MIB])
def test_an_origin_that_stalls_is_given_up(front, origin, large, at):
    url = origin.serve(behaviours.stall(large, at))
    answer = front.client.get(url)
    assert answer.failed_visibly(504)
    assert at or answer.status == 504, "nothing had gone out yet"
    assert front.redis("EXISTS", f"image-proxy:{url}") == 0


def test_an_origin_that_never_answers_is_504(front, origin):
    began = time.monotonic()
    assert front.client.get(origin.serve(behaviours.silent)).status == 504
    # FIRST_BYTE_TIMEOUT is 2 s: the rest is for a machine that has much to do.
    assert 1.9 < time.monotonic() - began < 10


def test_a_drip_ends_at_the_total_timeout(start, origin, images):
    server = start(TOTAL_TIMEOUT="3s")
    url = origin.serve(behaviours.drip(images["png"].body, 10 * MIB))
    answer = server.client.get(url)
    assert answer.failed_visibly(504)


@pytest.mark.parametrize("in_chunks", [True, False], ids=["chunked", "until-close"])
def test_an_endless_image_is_ended_at_the_limit(start, origin, images, in_chunks):
    server = start(MAX_IMAGE_SIZE="8MiB")
    left = threading.Event()

    def script(exchange):
        try:
            behaviours.endless(images["png"].body, in_chunks=in_chunks)(exchange)
        finally:
            left.set()
    answer = server.client.get(origin.serve(script))
    assert answer.failed_visibly(502)
    assert len(answer.body) <= 8 * MIB
    assert left.wait(20), "the connection to the origin stayed open"


def test_an_image_that_promises_too_much_is_refused_before_a_byte(start, origin, images):
    server = start(MAX_IMAGE_SIZE="1MiB")
    body = png_of_size(MIB + 1)
    assert server.client.get(origin.serve(behaviours.image(body))).status == 502
    assert server.client.get(origin.serve(behaviours.image(png_of_size(MIB)))).status == 200


@pytest.mark.parametrize("size", [4 * MIB, 9_000_000])
def test_a_client_that_leaves_in_mid_body_ends_the_fetch(front, origin, size):
    """And half of an image that would have been kept is not."""
    gone, body = threading.Event(), png_of_size(size)

    def script(exchange):
        exchange.head("200 OK", ("Content-Type", "image/png"), ("Content-Length", size))
        try:
            exchange.send(body[:size // 2])
            for start in range(size // 2, size):
                exchange.send(body[start:start + 1])
                exchange.stopping.wait(0.01)
        finally:
            gone.set()
    url = origin.serve(script)
    response = front.client.open(proxied(url))
    assert response.head() == 200 and response.read_exactly(1000)
    response.leave()
    assert gone.wait(15), "the fetch went on without a client"
    assert front.client.endpoint("health").status == 200
    origin.replace(url, behaviours.image(body))
    again = front.client.get(url)
    assert again.complete and again.body == body and not again.is_hit


def test_a_client_that_leaves_before_the_first_byte_ends_the_fetch(start, origin):
    # nginx only: lighttpd does not tell a handler that has sent nothing yet.
    server = start(FIRST_BYTE_TIMEOUT="100s", TOTAL_TIMEOUT="100s", WORKERS="2")
    gone = []

    def script(exchange):
        try:
            exchange.hold()
        finally:
            gone.append(exchange.peer_gone.is_set())
    url = origin.serve(script)
    response = server.client.open(proxied(url))
    eventually(lambda: origin.requests_for(url), "the fetch begins")
    response.leave()
    assert eventually(lambda: gone, "the fetch ends") == [True]


def test_requests_whose_client_has_left_are_not_fetched(start, origin, images):
    """What waits for a worker is looked at again when its turn comes."""
    server = start(WORKERS="1")
    gate = threading.Event()
    blocking = origin.serve(behaviours.gated(images["png"].body, gate, first=0))
    abandoned = [origin.serve(behaviours.image(images["png"].body)) for _ in range(20)]
    with server.client.open(proxied(blocking)) as first:
        eventually(lambda: origin.requests_for(blocking), "the only worker is busy")
        waiting = [server.client.open(proxied(url)) for url in abandoned]
        for response in waiting:
            response.leave()
        gate.set()
        assert first.head() == 200
    fresh = origin.serve(behaviours.image(images["png"].body))
    assert server.client.get(fresh).status == 200
    fetched = sum(len(origin.requests_for(url)) for url in abandoned)
    assert fetched <= 2, f"{fetched} of 20 abandoned requests were fetched"
