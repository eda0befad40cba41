"""Any number of requests for one missing image are one request to its origin, and no request is worse off for it.

Order is made, never waited for: an origin sends when the test opens its gate, and who follows shows in the statistics.
"""

import concurrent.futures
import os
import signal
import threading

import pytest

from harness import behaviours
from harness.cluster import Cluster, statistics
from harness.crowd import Crowd
from harness.fastcgi import FastCGIClient, parameters, request_bytes
from harness.handler import cgi
from harness.http import proxied
from harness.images import MIB, png_of_size
from harness.records import put, record
from harness.waiting import LIVENESS, eventually

# Both caches keep images by the same rules.
STORES = ("redis", "file")
BODY = png_of_size(100_000, seed=4)
OTHER = png_of_size(20_000, seed=5)
NO_STORE = ("Cache-Control", "no-store")
# The gates of the tests stay closed for as long as the crowd needs to gather.
PATIENT = {"FIRST_BYTE_TIMEOUT": "100s", "STALL_TIMEOUT": "100s", "TOTAL_TIMEOUT": "300s"}


@pytest.fixture
def cluster(new_folder, settings, redis, databases):
    """Two handlers behind one nginx, or more: `cluster(3, WORKERS=2)`."""
    running = []

    def make(count=2, **changes):
        database = next(databases)
        merged = {**settings, **PATIENT, "CACHE": redis.unix_address(database), **changes}
        running.append(Cluster(new_folder(), merged, redis.client(database), count))
        return running[-1].start()
    yield make
    for each in running:
        each.stop()


@pytest.fixture
def patient(start):
    """One handler behind nginx that waits for gates."""
    return start(**PATIENT)


def query(url):
    return proxied(url).partition("?")[2]


def leading(handler, origin, url):
    """A request at the handler's own socket, once it has reached the origin: the handler leads."""
    client = FastCGIClient(handler.socket_path, timeout=3 * LIVENESS)
    client.send(request_bytes(parameters(query(url))))
    eventually(lambda: origin.requests_for(url), "the fetch begins")
    return client


def wait_for_followers(handler, count):
    eventually(lambda: statistics(handler)["collapsed"] >= count, f"{count} follow")


def assert_all(answers, body, status=200):
    assert [answer.status for answer in answers] == [status] * len(answers)
    assert [answer.body == body and answer.complete for answer in answers] == [True] * len(answers)


def at_once(count, body=BODY, *headers, first=1000, in_chunks=False):
    """An image that goes on only when `count` requests for it are at the origin at the same time."""
    everybody = threading.Barrier(count)

    def script(exchange):
        framing = ("Transfer-Encoding", "chunked") if in_chunks else ("Content-Length", len(body))
        write = exchange.chunk if in_chunks else exchange.send
        exchange.head("200 OK", ("Content-Type", "image/png"), framing, *headers)
        write(body[:first])
        try:
            everybody.wait(2 * LIVENESS)
        except threading.BrokenBarrierError:
            return exchange.reset()
        write(body[first:])
        if in_chunks:
            exchange.end_chunks()
    return script


# MARK: one request

def test_a_thousand_clients_at_two_handlers(cluster, origin):
    both = cluster()
    gate = threading.Event()
    url = origin.serve(behaviours.gated(BODY, gate, first=0))
    with Crowd(both.client, proxied(url), 1000) as crowd:
        eventually(lambda: both.statistic("collapsed") >= 998, "everybody but one at each handler follows", 2 * LIVENESS)
        gate.set()
        answers = crowd.answers()
    assert_all(answers, BODY)
    assert len(origin.requests_for(url)) == 1
    assert sum("collapsed" in answer.cache_status for answer in answers) >= 490
    # Who gets the image as it arrives cannot be told what is made of its bytes.
    assert len({answer.header("ETag") for answer in answers} - {None}) == 1


def test_fifty_cgi_processes(settings, redis, databases, origin):
    own = {**settings, **PATIENT, "CACHE": redis.unix_address(next(databases))}
    gate = threading.Event()
    url = origin.serve(behaviours.gated(BODY, gate, first=0))
    with concurrent.futures.ThreadPoolExecutor(50) as pool:
        waiting = [pool.submit(cgi, query(url), own, within=3 * LIVENESS) for _ in range(50)]
        eventually(lambda: origin.requests_for(url), "one of them asks")
        gate.set()
        answers = [answer.result()[0] for answer in waiting]
    assert_all(answers, BODY)
    assert len(origin.requests_for(url)) == 1


def test_mod_cgi(start, origin):
    server = start("cgi", **PATIENT)
    gate = threading.Event()
    url = origin.serve(behaviours.gated(BODY, gate, first=0))
    with Crowd(server.client, proxied(url), 20) as crowd:
        eventually(lambda: origin.requests_for(url), "one of them asks")
        gate.set()
        assert_all(crowd.answers(), BODY)
    assert len(origin.requests_for(url)) == 1


@pytest.mark.parametrize("line, status", [("404 Not Found", 404), ("410 Gone", 410)])
def test_a_missing_image_is_asked_for_once(cluster, origin, line, status):
    both = cluster()
    gate = threading.Event()

    def script(exchange):
        exchange.wait_for(gate)
        behaviours.status(line)(exchange)
    url = origin.serve(script)
    with Crowd(both.client, proxied(url), 50) as crowd:
        eventually(lambda: both.statistic("collapsed") >= 48, "everybody but one at each handler follows")
        gate.set()
        assert {answer.status for answer in crowd.answers()} == {status}
    assert len(origin.requests_for(url)) == 1


def test_a_stale_image_is_validated_once(cluster, origin):
    both = cluster(STALE_WHILE_REVALIDATE="0s")
    gate = threading.Event()

    def script(exchange):
        exchange.wait_for(gate)
        exchange.head("304 Not Modified", ("ETag", '"a"'), ("Cache-Control", "max-age=60"))
    url = origin.serve(script)
    put(both.redis, url, record(BODY, left=-10, etag="a"))
    with Crowd(both.client, proxied(url), 50) as crowd:
        eventually(lambda: both.statistic("collapsed") >= 48, "everybody but one at each handler follows")
        gate.set()
        assert_all(crowd.answers(), BODY)
    assert [request.value("If-None-Match") for request in origin.requests_for(url)] == ['"a"']


def test_parts_and_conditions_share_the_fetch(patient, origin):
    gate = threading.Event()
    url = origin.serve(behaviours.gated(BODY, gate, first=0))
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        whole = pool.submit(patient.client.get, url)
        eventually(lambda: origin.requests_for(url), "the fetch begins")
        part = pool.submit(patient.client.get, url, headers={"Range": "bytes=-10"})
        condition = pool.submit(patient.client.get, url, headers={"If-None-Match": "*"})
        wait_for_followers(patient.handler, 2)
        gate.set()
        assert whole.result().body == BODY
        assert (part.result().status, part.result().body) == (206, BODY[-10:])
        assert (condition.result().status, condition.result().body) == (304, b"")
    assert len(origin.requests_for(url)) == 1


# MARK: leaders that fail

def test_a_leader_that_is_killed(cluster, origin):
    """Its own clients get their image too: they have got nothing yet, so nginx asks the other handler."""
    both = cluster()
    gate = threading.Event()
    url = origin.serve(behaviours.gated(BODY, gate, first=0))
    leader = leading(both.handlers[0], origin, url)
    with Crowd(both.client, proxied(url), 40) as crowd:
        eventually(lambda: both.statistic("collapsed") >= 39, "all follow but the one who waits for the other handler")
        os.kill(both.handlers[0].pid, signal.SIGKILL)
        both.handlers[0].wait()
        eventually(lambda: len(origin.requests_for(url)) > 1, "the other handler takes over")
        gate.set()
        assert_all(crowd.answers(), BODY)
    leader.close()
    assert len(origin.requests_for(url)) == 2


def test_a_leader_that_stands_still(cluster, origin):
    both = cluster()
    gate = threading.Event()
    url = origin.serve(behaviours.gated(BODY, gate, first=0))
    stopped, other = both.handlers
    leader = leading(stopped, origin, url)
    os.kill(stopped.pid, signal.SIGSTOP)
    try:
        with FastCGIClient(other.socket_path, timeout=3 * LIVENESS) as client:
            client.send(request_bytes(parameters(query(url))))
            eventually(lambda: len(origin.requests_for(url)) == 2, "the other handler takes over")
            gate.set()
            assert client.answer().response().body == BODY
    finally:
        os.kill(stopped.pid, signal.SIGCONT)
    # It wakes up with a lease that is not its own any more, and does no harm.
    assert leader.answer().response().body == BODY
    leader.close()

    # It goes into the cache behind its response; until it is there, it is served from the fetch.
    def is_hit():
        with FastCGIClient(other.socket_path) as client:
            return client.get(query(url)).response().is_hit
    eventually(is_hit, "the image of the other handler is in the cache")
    assert len(origin.requests_for(url)) == 2


def test_a_process_that_is_slow(cluster, origin):
    """The other handler loses its patience, and asks once for all who wait there."""
    both = cluster()
    gate = threading.Event()
    url = origin.serve(behaviours.gated(BODY, gate, first=0))
    leader = leading(both.handlers[0], origin, url)
    with Crowd(both.client, proxied(url), 40) as crowd:
        eventually(lambda: both.statistic("collapsed") >= 39, "all follow but the one who waits for the other handler")
        eventually(lambda: len(origin.requests_for(url)) > 1, "the other handler asks too")
        gate.set()
        assert_all(crowd.answers(), BODY)
    assert leader.answer().response().body == BODY
    leader.close()
    assert len(origin.requests_for(url)) == 2


def test_cgi_processes_that_wait_for_one_that_is_killed(start, origin):
    server = start(**PATIENT)
    gate = threading.Event()
    url = origin.serve(behaviours.gated(BODY, gate, first=0))
    leader = leading(server.handler, origin, url)
    with concurrent.futures.ThreadPoolExecutor(5) as pool:
        waiting = [pool.submit(cgi, query(url), server.settings, within=3 * LIVENESS) for _ in range(5)]
        server.handler.send(signal.SIGKILL)
        eventually(lambda: len(origin.requests_for(url)) > 1, "one of the others takes over")
        gate.set()
        assert_all([answer.result()[0] for answer in waiting], BODY)
    leader.close()
    assert len(origin.requests_for(url)) == 2


@pytest.mark.parametrize("first", [0, 50_000], ids=["before-the-first-byte", "in-mid-body"])
def test_a_leader_whose_client_leaves(patient, origin, first):
    gate = threading.Event()
    url = origin.serve(behaviours.gated(BODY, gate, first))
    leader = patient.client.open(proxied(url))
    eventually(lambda: origin.requests_for(url), "the fetch begins")
    with patient.client.open(proxied(url)) as follower:
        wait_for_followers(patient.handler, 1)
        leader.leave()
        gate.set()
        assert follower.head() == 200
        assert follower.rest() == (BODY, True)
    assert len(origin.requests_for(url)) <= 2
    if first:
        assert len(origin.requests_for(url)) == 1


def test_a_leader_whose_origin_fails_in_mid_body(patient, origin):
    """What has begun is cut, visibly; whoever comes then begins anew."""
    gate = threading.Event()

    def cut(exchange):
        exchange.head("200 OK", ("Content-Type", "image/png"), ("Content-Length", len(BODY)))
        exchange.send(BODY[:50_000])
        exchange.wait_for(gate)
        exchange.reset()
    url = origin.serve(behaviours.in_turn(cut, behaviours.image(BODY)))
    with patient.client.open(proxied(url)) as leader, patient.client.open(proxied(url)) as follower:
        assert leader.head() == follower.head() == 200
        gate.set()
        for response in (leader, follower):
            body, complete = response.rest()
            assert not complete and BODY.startswith(body)
    assert patient.client.get(url).body == BODY


def test_a_leader_whose_origin_answers_with_an_error(patient, origin):
    """A 5xx is nobody else's answer: those who waited ask for themselves, all at once."""
    gate = threading.Event()
    numbers = []

    def script(exchange):
        numbers.append(exchange)
        if len(numbers) > 1:
            return behaviours.image(BODY)(exchange)
        exchange.wait_for(gate)
        behaviours.status("500 Oops")(exchange)
    url = origin.serve(script)
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        leader = pool.submit(patient.client.get, url)
        eventually(lambda: origin.requests_for(url), "the fetch begins")
        followers = [pool.submit(patient.client.get, url) for _ in range(3)]
        wait_for_followers(patient.handler, 3)
        gate.set()
        assert leader.result().status == 502
        assert {follower.result().status for follower in followers} <= {200, 502}
    assert patient.client.get(url).body == BODY


# MARK: what is not shared

@pytest.mark.parametrize("kind", ["no-store", "private", "vary", "too-large", "too-large-without-a-length"])
def test_what_may_not_be_shared_is_fetched_by_all_at_once(start, origin, kind):
    """Nobody waits for another's answer to be over: the origin goes on only when all are there."""
    size, field, in_chunks = {
        "no-store": (100_000, NO_STORE, False), "private": (100_000, ("Cache-Control", "private"), False),
        "vary": (100_000, ("Vary", "Cookie"), False), "too-large": (2 * MIB, ("X", "y"), False),
        "too-large-without-a-length": (4 * MIB, ("X", "y"), True)}[kind]
    body = png_of_size(size, seed=6)
    server = start(**PATIENT, MAX_CACHE_SIZE="1MiB", WORKERS="32")
    url = origin.serve(at_once(12, body, field, first=3 * MIB if in_chunks else 1000, in_chunks=in_chunks))
    with Crowd(server.client, proxied(url), 12) as crowd:
        assert_all(crowd.answers(), body)
    assert len(origin.requests_for(url)) == 12
    assert server.redis("EXISTS", f"image-proxy:{url}") == 0


@pytest.mark.parametrize("field, size", [(NO_STORE, 100_000), (("X", "y"), 2 * MIB)], ids=["no-store", "too-large"])
def test_other_processes_are_not_held_up_either(cluster, origin, field, size):
    both = cluster(MAX_CACHE_SIZE="1MiB", WORKERS="32")
    body = png_of_size(size, seed=7)
    url = origin.serve(at_once(12, body, field))
    with Crowd(both.client, proxied(url), 12) as crowd:
        assert_all(crowd.answers(), body)
    assert len(origin.requests_for(url)) == 12


def test_cgi_processes_are_not_held_up_either(settings, redis, databases, origin):
    own = {**settings, **PATIENT, "CACHE": redis.unix_address(next(databases))}
    url = origin.serve(at_once(8, BODY, NO_STORE))
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        waiting = [pool.submit(cgi, query(url), own, within=3 * LIVENESS) for _ in range(8)]
        assert_all([answer.result()[0] for answer in waiting], BODY)
    assert len(origin.requests_for(url)) == 8


def test_different_images_do_not_wait_for_each_other(start, origin):
    server = start(**PATIENT, WORKERS="32")
    script = at_once(8)
    urls = [origin.serve(script) for _ in range(8)]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        assert_all(list(pool.map(server.client.get, urls)), BODY)


def test_without_a_cache_requests_are_shared_in_the_process(start, origin):
    server = start(**PATIENT, CACHE="off")
    gate = threading.Event()
    url = origin.serve(behaviours.gated(BODY, gate, first=0))
    with Crowd(server.client, proxied(url), 10) as crowd:
        wait_for_followers(server.handler, 9)
        gate.set()
        assert_all(crowd.answers(), BODY)
    assert len(origin.requests_for(url)) == 1


# MARK: pace

@pytest.mark.parametrize("kind", ["nginx", "lighttpd"])
def test_followers_get_the_image_as_it_arrives(start, origin, kind):
    server = start(kind, **PATIENT)
    body, half = png_of_size(MIB, seed=8), MIB // 2
    gate = threading.Event()
    url = origin.serve(behaviours.gated(body, gate, first=half))
    with server.client.open(proxied(url)) as leader, server.client.open(proxied(url)) as follower:
        for response in (leader, follower):
            assert response.head() == 200
        starts = [response.read_exactly(half) for response in (leader, follower)]
        assert not gate.is_set()
        with server.client.open(proxied(url)) as late:
            assert late.head() == 200
            starts.append(late.read_exactly(half))
            gate.set()
            for response, start_of_body in zip((leader, follower, late), starts):
                rest, complete = response.rest()
                assert complete and start_of_body + rest == body
    assert len(origin.requests_for(url)) == 1


def test_a_slow_leader_does_not_hold_up_a_fast_follower(patient, origin):
    body = png_of_size(4 * MIB, seed=9)
    gate = threading.Event()
    url = origin.serve(behaviours.gated(body, gate, first=1000))
    slow = leading(patient.handler, origin, url)
    with patient.client.open(proxied(url)) as fast:
        assert fast.head() == 200
        gate.set()
        assert fast.rest() == (body, True)
    assert slow.answer().response().body == body
    slow.close()
    assert len(origin.requests_for(url)) == 1


def test_a_slow_follower_does_not_hold_up_the_others(patient, origin):
    body = png_of_size(4 * MIB, seed=10)
    gate = threading.Event()
    url = origin.serve(behaviours.gated(body, gate, first=1000))
    with patient.client.open(proxied(url)) as leader:
        assert leader.head() == 200
        slow = FastCGIClient(patient.handler.socket_path, timeout=3 * LIVENESS)
        slow.send(request_bytes(parameters(query(url))))
        wait_for_followers(patient.handler, 1)
        with patient.client.open(proxied(url)) as fast:
            wait_for_followers(patient.handler, 2)
            gate.set()
            assert leader.rest() == (body, True)
            assert fast.head() == 200 and fast.rest() == (body, True)
        assert slow.answer().response().body == body
        slow.close()
    assert len(origin.requests_for(url)) == 1


def test_slow_clients_hold_no_worker_while_an_image_arrives(start, origin):
    """Followers wait without a worker: with two of them, many can wait, and others are served."""
    server = start(**PATIENT, WORKERS="2")
    gate = threading.Event()
    url = origin.serve(behaviours.gated(BODY, gate, first=1000))
    with Crowd(server.client, proxied(url), 60) as crowd:
        wait_for_followers(server.handler, 59)
        assert server.client.get(origin.serve(behaviours.image(OTHER))).body == OTHER
        gate.set()
        assert_all(crowd.answers(), BODY)
    assert len(origin.requests_for(url)) == 1
