"""More than can be done at once: hits go on, the rest waits or gets 503, and afterwards all is as before."""

import contextlib
import os
import resource
import select
import threading
import time

import pytest

from harness import behaviours
from harness.crowd import Crowd
from harness.fastcgi import FastCGIClient, parameters, request_bytes
from harness.handler import Handler
from harness.http import Client, proxied
from harness.images import MIB, png_of_size
from harness.memory_group import MemoryGroup
from harness.nginx import Nginx
from harness.origin import Origin
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


def times_of_hits(server, url, count):
    """How long each of so many hits takes, one after another, in seconds, the slowest last."""
    times = []
    for _ in range(count):
        began = time.monotonic()
        answer = server.client.get(url)
        times.append(time.monotonic() - began)
        assert answer.body == BODY and answer.is_hit
    return sorted(times)


@pytest.mark.figures
@pytest.mark.parametrize("count", [200, 1000])
def test_hits_pass_a_thousand_requests_that_are_stuck(start, origin, enough_files, count):
    """Every hit is answered while others are stuck, and as fast; which takes a worker that none of those can have."""
    server = start(FIRST_BYTE_TIMEOUT="10m", TOTAL_TIMEOUT="10m", MEMORY_CACHE_SIZE="16MiB")
    url = origin.serve(behaviours.image(BODY))
    assert server.client.get(url).body == BODY
    server.stored(url)
    idle = server.handler.resident
    idle_p95 = times_of_hits(server, url, 100)[94]
    with stuck(server, origin, count) as clients:
        p95 = times_of_hits(server, url, 500)[474]
        assert p95 <= max(0.5, 20 * idle_p95)
        assert server.handler.resident - idle < 128 * MIB
        # Those who wait are told after a while; those who are being fetched for are stuck still.
        assert sum(not is_answered(client) for client in clients) >= 32
    eventually(lambda: server.client.get(origin.serve(behaviours.image(BODY))).status == 200, within=RECOVERY)


@pytest.mark.parametrize("workers", ["1", "2"])
def test_hits_pass_where_every_worker_waits_for_an_origin(start, origin, workers):
    server = start(WORKERS=workers, FIRST_BYTE_TIMEOUT="10m", TOTAL_TIMEOUT="10m", MEMORY_CACHE_SIZE="16MiB")
    url = cached(server, origin, BODY)
    with stuck(server, origin, 20) as clients:
        for _ in range(50):
            assert server.client.get(url).body == BODY
        assert not any(is_answered(client) for client in clients)


def test_abandoned_requests_give_their_places_to_others(start, origin, enough_files):
    """More than may wait have come and gone: those who come then wait for none of them."""
    server = start(WORKERS="8", FIRST_BYTE_TIMEOUT="10m", TOTAL_TIMEOUT="10m")
    with stuck(server, origin, 1000):
        pass
    url = origin.serve(behaviours.image(BODY))
    eventually(lambda: server.client.get(url).body == BODY, within=RECOVERY)


def test_a_full_queue_is_answered_with_503(start, origin, enough_files):
    server = start(WORKERS="8", FIRST_BYTE_TIMEOUT="10m", TOTAL_TIMEOUT="10m")
    server.client.timeout = 2

    def one_more():
        try:
            return server.client.get(origin.serve(behaviours.silent))
        except TimeoutError:
            # Not all who came before it had come to the queue: it had a place, and gives it back.
            return None
    with stuck(server, origin, 7 + 1024):
        refused = eventually(one_more, "the queue is full")
    assert refused.status == 503
    assert int(refused.header("Retry-After")) > 0


@pytest.mark.parametrize("way", ["asked for", "redirected to"])
def test_one_slow_origin_leaves_places_to_others(start, settings, origin, way):
    """Eleven of sixteen workers are all that it gets, under whatever names it is asked; the twelve others here wait, or are told
    to come again."""
    with Origin() as slow:
        networks = f"{settings['ALLOWED_NETWORKS']},127.0.0.1/32:{slow.port}"
        server = start(WORKERS="16", ALLOWED_NETWORKS=networks, FIRST_BYTE_TIMEOUT="10m", TOTAL_TIMEOUT="10m")
        silent = [slow.serve(behaviours.silent) for _ in range(23)]
        urls = silent
        if way == "redirected to":
            # Two hosts, neither of which has too many itself.
            urls = [origin.serve(behaviours.redirect(url)) for url in silent]
            urls[::2] = [url.replace("127.0.0.1", "localhost") for url in urls[::2]]
        with contextlib.ExitStack() as stack:
            for url in urls:
                stack.enter_context(server.client.open(proxied(url)))

            def asked():
                return sum(len(slow.requests_for(url)) for url in silent)
            eventually(lambda: asked() == 11, "every place of the slow origin is taken")
            for _ in range(20):
                assert server.client.get(origin.serve(behaviours.image(BODY))).status == 200
            assert asked() == 11


def test_what_waits_too_long_for_a_worker_is_told(start, origin):
    server = start(WORKERS="1", FIRST_BYTE_TIMEOUT="10m", TOTAL_TIMEOUT="10m")
    server.client.timeout = 40
    with stuck(server, origin, 1) as clients:
        began = time.monotonic()
        answer = server.client.get(origin.serve(behaviours.image(BODY)))
        assert (answer.status, int(answer.header("Retry-After")) > 0) == (503, True)
        assert time.monotonic() - began > 14 and not is_answered(clients[0])


@contextlib.contextmanager
def silent_readers(server, url, count):
    """So many clients that asked for an image and read nothing of it; yields their connections, which are all being answered."""
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(FastCGIClient(server.handler.socket_path)) for _ in range(count)]
        for client in clients:
            client.send(request_bytes(parameters(query(url))))
        yield clients


def cached(server, origin, body):
    """The URL of an image that is in the cache."""
    url = origin.serve(behaviours.image(body))
    for _ in range(3):
        assert server.client.get(url).body == body
        server.stored(url)
    return url


def hits_pass(server, url, clients):
    """Hits are served while all of these clients are being answered too."""
    eventually(lambda: all(is_answered(client) for client in clients), "all are being answered")
    for _ in range(100):
        assert server.client.get(url).body == BODY


def test_most_workers_are_started_when_they_are_needed(start, origin):
    """A process that nobody asks anything slow has a few for each processor."""
    server = start(WORKERS="64")
    assert server.client.get(origin.serve(behaviours.image(BODY))).body == BODY
    first = min(64, 4 * max(2, os.cpu_count()))
    at_rest = server.handler.threads
    assert at_rest <= first + 16
    with stuck(server, origin, 40):
        eventually(lambda: server.handler.threads > at_rest + 40 - first, "more have come, where they are needed")
        assert server.client.get(origin.serve(behaviours.image(BODY))).body == BODY


@pytest.mark.parametrize("memory", ["0", "16MiB"])
def test_hits_pass_clients_that_read_nothing(start, origin, enough_files, memory):
    """Ten times as many as there are workers, and nobody is cut for it."""
    server = start(WORKERS="8", MEMORY_CACHE_SIZE=memory)
    large = png_of_size(4 * MIB)
    small, huge = cached(server, origin, BODY), cached(server, origin, large)
    with silent_readers(server, huge, 80) as clients:
        hits_pass(server, small, clients)
        assert server.client.get(origin.serve(behaviours.image(BODY))).body == BODY, "a miss is served too"
        for client in clients:
            assert client.answer().response().body == large
    eventually(lambda: server.handler.threads < 40, "those who came to help have left")


def test_hits_pass_more_clients_than_may_wait(start, origin, enough_files):
    """Those that have read nothing for longest are given up, by as many as there are too many."""
    server = start(WORKERS="8", MEMORY_CACHE_SIZE="16MiB")
    large = png_of_size(4 * MIB)
    small, huge = cached(server, origin, BODY), cached(server, origin, large)
    with silent_readers(server, huge, 200) as clients:
        hits_pass(server, small, clients)
        answers = [client.answer() for client in clients]
    whole = [answer for answer in answers if answer.end == (0, 0)]
    assert all(answer.response().body == large for answer in whole)
    assert all(not answer.well_formed for answer in answers if answer.end is None), "what is cut is seen to be cut"
    assert 0 < len(whole) < 200


def test_a_client_that_is_given_up_sees_it(start, origin, enough_files):
    """Without a length only the sign that the response is not whole tells, and there was no room for it when it was due."""
    server = start(options={"buffers": False}, WORKERS="8", MEMORY_CACHE_SIZE="16MiB")
    large = png_of_size(20 * MIB)
    huge = cached(server, origin, png_of_size(4 * MIB))
    url = origin.serve(behaviours.chunked(large, size=MIB))
    with server.client.open(proxied(url)) as slow:
        assert slow.head() == 200
        slow.read_exactly(1000)
        with silent_readers(server, huge, 200):
            server.wait_for_log("client-gone", "cache.status=miss")
            rest, is_complete = slow.rest()
    assert not is_complete and len(rest) < len(large)


@pytest.mark.figures
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


@pytest.mark.figures
def test_a_control_group_with_little_memory_is_503_and_not_an_end(new_folder, settings, origin):
    """A limit of what is resident, at which the kernel ends a process instead of refusing it memory."""
    group = MemoryGroup(96 * MIB)
    if group.obstacle:
        pytest.skip(f"no control group can be made here: {group.obstacle}")
    folder = new_folder()
    handler = Handler(folder, **{**settings, "CACHE": "off"})
    handler.command = group.inside(handler.command)
    large = png_of_size(int(4.9 * MIB))
    gate = threading.Event()
    try:
        with handler.start(), Nginx(folder, handler.socket_path) as server, contextlib.ExitStack() as stack:
            client = Client(server.base)
            urls = [origin.serve(behaviours.gated(large, gate, first=4 * MIB)) for _ in range(60)]
            crowds = [stack.enter_context(Crowd(client, proxied(url), 2)) for url in urls]
            eventually(lambda: any(origin.requests_for(url) for url in urls))
            gate.set()
            answers = [answer for crowd in crowds for answer in crowd.answers()]
            assert {answer.status for answer in answers} <= {200, 503}, handler.log()[-2000:]
            assert all(answer.body == large for answer in answers if answer.status == 200 and answer.complete)
            assert any(answer.status == 200 for answer in answers)
            assert handler.is_running and group.kills == 0
            url = origin.serve(behaviours.image(BODY))
            eventually(lambda: client.get(url).body == BODY, within=RECOVERY)
    finally:
        handler.stop()
        group.stop()


@pytest.mark.figures
def test_many_hits_with_little_memory_are_no_crash(start, origin):
    server = start(options={"ulimits": {"as": str(160 * MIB)}}, MEMORY_CACHE_SIZE="64MiB")
    urls = [origin.serve(behaviours.image(png_of_size(3 * MIB + number))) for number in range(24)]
    for _ in range(3):
        for url in urls:
            assert server.client.get(url).status in (200, 503)
    assert server.handler.is_running
    url = origin.serve(behaviours.image(BODY))
    eventually(lambda: server.client.get(url).body == BODY, within=RECOVERY)


def test_those_who_queue_for_too_long_are_told(start, origin, enough_files):
    """Every place is taken for minutes: whoever comes then is not left waiting for as long as a web server waits."""
    server = start(options={"ulimits": {"nofile": "64"}}, FIRST_BYTE_TIMEOUT="10m", TOTAL_TIMEOUT="10m")
    began, quiet = time.monotonic(), len(server.handler.other_lines())
    with stuck(server, origin, 40):
        with Crowd(server.client, proxied(origin.serve(behaviours.image(BODY))), 20) as crowd:
            answers = crowd.answers()
        assert {answer.status for answer in answers} == {503}
        assert all(int(answer.header("Retry-After")) > 0 for answer in answers)
        assert "reason=overloaded" in server.log()
        assert len(server.handler.other_lines()) - quiet <= time.monotonic() - began + 1, "one line a second at most"
    url = origin.serve(behaviours.image(BODY))
    eventually(lambda: server.client.get(url).body == BODY, within=RECOVERY)


def test_few_files_recover(start, origin, enough_files):
    server = start(options={"ulimits": {"nofile": "64"}}, FIRST_BYTE_TIMEOUT="10m", TOTAL_TIMEOUT="10m")
    with stuck(server, origin, 200):
        pass
    url = origin.serve(behaviours.image(BODY))
    eventually(lambda: server.client.get(url).body == BODY, within=RECOVERY)
    assert server.handler.is_running
