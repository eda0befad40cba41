"""More than can be done at once: hits go on, the rest waits or gets 503, and afterwards all is as before."""

import contextlib
import resource
import select
import threading

import pytest

from harness import behaviours
from harness.crowd import Crowd
from harness.fastcgi import FastCGIClient, parameters, request_bytes
from harness.http import proxied
from harness.images import MIB, png_of_size
from harness.waiting import eventually

BODY = png_of_size(20_000)
RECOVERY = 5.0


@pytest.fixture
def enough_files():
    """Thousands of connections of our own."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 16_384), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def is_answered(client):
    """Whether something has come from the handler; by poll, since descriptors may be larger than select can take."""
    poll = select.poll()
    poll.register(client.socket, select.POLLIN)
    return bool(poll.poll(0))


def query(url):
    return proxied(url).partition("?")[2]


@contextlib.contextmanager
def stuck(server, origin, count):
    """So many requests that wait for origins that say nothing; yields their connections."""
    clients = []
    try:
        for _ in range(count):
            client = FastCGIClient(server.handler.socket_path)
            client.send(request_bytes(parameters(query(origin.serve(behaviours.silent)))))
            clients.append(client)
        yield clients
    finally:
        for client in clients:
            client.close()


def test_hits_pass_a_thousand_requests_that_are_stuck(start, origin, enough_files):
    """Every hit is answered while others are stuck; which takes a worker that none of those can have."""
    server = start(FIRST_BYTE_TIMEOUT="10m", TOTAL_TIMEOUT="10m", MEMORY_CACHE_SIZE="16MiB")
    url = origin.serve(behaviours.image(BODY))
    assert server.client.get(url).body == BODY
    server.stored(url)
    idle = server.handler.resident
    with stuck(server, origin, 1000) as clients:
        for _ in range(500):
            assert server.client.get(url).body == BODY
        assert server.handler.resident - idle < 128 * MIB
        answered = [client for client in clients if is_answered(client)]
        assert len(answered) < len(clients), "some are stuck still"
    eventually(lambda: server.client.get(origin.serve(behaviours.image(BODY))).status == 200, within=RECOVERY)


def test_abandoned_requests_give_their_places_to_others(start, origin, enough_files):
    """More than may wait have come and gone: those who come then wait for none of them."""
    server = start(WORKERS="8", FIRST_BYTE_TIMEOUT="10m", TOTAL_TIMEOUT="10m")
    with stuck(server, origin, 1000):
        pass
    url = origin.serve(behaviours.image(BODY))
    eventually(lambda: server.client.get(url).body == BODY, within=RECOVERY)


def test_a_full_queue_is_answered_with_503(start, origin, enough_files):
    server = start(WORKERS="8", FIRST_BYTE_TIMEOUT="10m", TOTAL_TIMEOUT="10m")
    with stuck(server, origin, 7 + 1024):
        refused = server.client.get(origin.serve(behaviours.silent))
    assert refused.status == 503
    assert int(refused.header("Retry-After")) > 0


@pytest.mark.parametrize("space", [160, 256])
def test_little_memory_is_503_and_not_a_crash(start, origin, space):
    """A crowd of images that would all be kept, larger than the address space together."""
    server = start(options={"ulimits": {"as": str(space * MIB)}})
    small = origin.serve(behaviours.image(BODY))
    assert server.client.get(small).body == BODY
    large = png_of_size(int(4.9 * MIB))
    gate = threading.Event()
    urls = [origin.serve(behaviours.gated(large, gate, first=4 * MIB)) for _ in range(80)]
    with contextlib.ExitStack() as stack:
        crowds = [stack.enter_context(Crowd(server.client, proxied(url), 1)) for url in urls]
        eventually(lambda: any(origin.requests_for(url) for url in urls))
        gate.set()
        answers = [crowd.answers()[0] for crowd in crowds]
    assert {answer.status for answer in answers} <= {200, 503}, server.log()[-2000:]
    assert all(answer.body == large for answer in answers if answer.status == 200 and answer.complete)
    assert any(answer.status == 200 for answer in answers)
    assert server.handler.is_running
    eventually(lambda: server.client.get(small).body == BODY, within=RECOVERY)


def test_many_hits_with_little_memory_are_no_crash(start, origin):
    server = start(options={"ulimits": {"as": str(160 * MIB)}}, MEMORY_CACHE_SIZE="64MiB")
    urls = [origin.serve(behaviours.image(png_of_size(3 * MIB + number))) for number in range(24)]
    for _ in range(3):
        for url in urls:
            assert server.client.get(url).status in (200, 503)
    assert server.handler.is_running
    url = origin.serve(behaviours.image(BODY))
    eventually(lambda: server.client.get(url).body == BODY, within=RECOVERY)


def test_few_files_recover(start, origin, enough_files):
    server = start(options={"ulimits": {"nofile": "64"}}, FIRST_BYTE_TIMEOUT="10m", TOTAL_TIMEOUT="10m")
    with stuck(server, origin, 200):
        pass
    url = origin.serve(behaviours.image(BODY))
    eventually(lambda: server.client.get(url).body == BODY, within=RECOVERY)
    assert server.handler.is_running
