"""What a web server, or something that pretends to be one, may send on the socket."""

import pytest

from harness import behaviours, fastcgi
from harness.fastcgi import FastCGIClient, parameters, request_bytes
from harness.http import MOUNT, proxied
from harness.images import png_of_size
from harness.waiting import eventually

BODY = png_of_size(3_000)


@pytest.fixture(scope="module")
def responder(nginx):
    return nginx.handler


@pytest.fixture(scope="module")
def query(origin):
    return proxied(origin.serve(behaviours.image(BODY))).partition("?")[2]


def is_image(answer):
    assert answer.end == (0, 0) and answer.well_formed and answer.stderr == b""
    response = answer.response()
    assert (response.status, response.body == BODY) == (200, True)
    return True


def still_serves(responder, query):
    with FastCGIClient(responder.socket_path) as client:
        return is_image(client.get(query))


def test_a_connection_that_is_not_kept_is_closed(responder, query):
    with FastCGIClient(responder.socket_path) as client:
        assert is_image(client.get(query)) and client.is_closed


def test_a_kept_connection_serves_a_thousand(responder, query):
    with FastCGIClient(responder.socket_path) as client:
        for _ in range(1000):
            assert is_image(client.get(query, keep=True))
        assert is_image(client.get(query)) and client.is_closed


def test_kinds_of_requests_alternate_on_one_connection(responder, query):
    with FastCGIClient(responder.socket_path) as client:
        for _ in range(20):
            assert is_image(client.get(query, keep=True))
            head = client.get(query, keep=True, method="HEAD").response()
            assert (head.status, head.body) == (200, b"")
            assert client.get("", keep=True).response().status == 400
            assert client.get("", keep=True, path=MOUNT + "/health").response().status == 200


@pytest.mark.parametrize("piece", [1, 2, 7, 8, 9, 100])
def test_a_request_in_pieces(responder, query, piece):
    with FastCGIClient(responder.socket_path) as client:
        client.send(request_bytes(parameters(query)), piece)
        assert is_image(client.answer())


@pytest.mark.parametrize("options", [{"padding": 255}, {"padding": 7, "piece": 1}, {"long_lengths": True}, {"piece": 3}])
def test_every_framing_of_the_parameters(responder, query, options):
    with FastCGIClient(responder.socket_path) as client:
        client.send(request_bytes(parameters(query), **options))
        assert is_image(client.answer())


def test_parameters_of_more_than_one_record(responder, query):
    with FastCGIClient(responder.socket_path) as client:
        client.send(request_bytes(parameters(query, HTTP_COOKIE="c" * 200_000)))
        assert is_image(client.answer())


def test_an_overlong_query_is_400(responder):
    with FastCGIClient(responder.socket_path) as client:
        assert client.get("url=http%3A%2F%2F127.0.0.1%2F" + "x" * 100_000).response().status in (400, 414)


@pytest.mark.parametrize("method", ["POST", "TRACE", "BREW", "", "get", "GET "])
def test_a_body_that_nobody_reads(responder, origin, query, method):
    url = origin.serve(behaviours.image(BODY))
    with FastCGIClient(responder.socket_path) as client:
        body, asks = b"b" * 60_000, proxied(url).partition("?")[2]
        client.send(request_bytes(parameters(asks, method=method, CONTENT_LENGTH=str(len(body))), body=body))
        answer = client.answer().response()
    assert (answer.status, answer.header("Allow")) == (405, "GET, HEAD")
    assert origin.requests_for(url) == []
    assert still_serves(responder, query)


def test_http_proxy_in_the_parameters_is_ignored(responder, query, canary):
    with FastCGIClient(responder.socket_path) as client:
        assert is_image(client.get(query, HTTP_PROXY=canary.base, http_proxy=canary.base))


@pytest.mark.parametrize("data", [
    b"\0", b"GET / HTTP/1.1\r\n\r\n", bytes(8), bytes(4096), b"\xff" * 64, fastcgi.record(99, b"x", 0),
    fastcgi.record(fastcgi.BEGIN, b""), fastcgi.begin(role=9), fastcgi.record(fastcgi.STDIN),
    fastcgi.begin() + fastcgi.record(fastcgi.PARAMS, b"\xff\xff\xff\xff"),
    fastcgi.begin() + fastcgi.record(fastcgi.PARAMS, b"\x05\x05ab"), fastcgi.begin() + fastcgi.record(fastcgi.ABORT),
    fastcgi.begin() + fastcgi.record(fastcgi.PARAMS), fastcgi.record(fastcgi.BEGIN, bytes(8), version=7),
], ids=range(14))
def test_rubbish_on_the_socket_is_survived(responder, query, data):
    with FastCGIClient(responder.socket_path) as client:
        client.send(data)
    assert still_serves(responder, query)
    assert responder.is_running


def test_half_requests_do_not_use_up_the_workers(start, query):
    server = start(WORKERS="2")
    whole = request_bytes(parameters(query))
    clients = [FastCGIClient(server.handler.socket_path) for _ in range(3)]
    for number, client in enumerate(clients):
        client.send(whole[:8 + number * 5])
    # A worker that has begun to read gives up within seconds.
    eventually(lambda: still_serves(server.handler, query), "served in spite of them", within=40)
    for client in clients:
        client.close()


def test_a_failure_in_mid_body_has_no_good_end(responder, origin):
    large = png_of_size(12_000_000)
    for script in (behaviours.cut(large, 9_000_000), behaviours.cut(large, 9_000_000, in_chunks=True)):
        with FastCGIClient(responder.socket_path) as client:
            answer = client.get(proxied(origin.serve(script)).partition("?")[2], keep=True)
            assert answer.end is None, "END_REQUEST says that all went well"
            assert not answer.well_formed
            assert client.is_closed


@pytest.mark.parametrize("address, status", [
    ("127.0.0.1", 200), ("127.9.9.9", 200), ("::1", 200), ("::ffff:127.0.0.1", 200), ("10.0.0.1", 403), ("8.8.8.8", 403),
    ("2001:db8::1", 403), ("", 403), ("localhost", 403),
])
@pytest.mark.parametrize("endpoint", ["stats", "metrics", "status"])
def test_operators_pages_are_for_loopback(responder, address, status, endpoint):
    with FastCGIClient(responder.socket_path) as client:
        answer = client.get("", path=f"{MOUNT}/{endpoint}", REMOTE_ADDR=address).response()
    assert answer.status == status


@pytest.mark.parametrize("name", ["HTTP_X_FORWARDED_FOR", "HTTP_X_REAL_IP", "HTTP_FORWARDED", "HTTP_CLIENT_IP"])
def test_who_says_that_he_comes_from_here_does_not(responder, name):
    value = "for=127.0.0.1" if name == "HTTP_FORWARDED" else "127.0.0.1"
    with FastCGIClient(responder.socket_path) as client:
        answer = client.get("", path=MOUNT + "/stats", REMOTE_ADDR="8.8.8.8", **{name: value}).response()
    assert answer.status == 403


def test_operators_pages_for_a_configured_network(start):
    server = start(ADMIN_NETWORKS="10.1.0.0/16,2001:db8::/32")
    for address, status in (("10.1.2.3", 200), ("10.2.0.1", 403), ("2001:db8::7", 200), ("2001:db9::7", 403)):
        with FastCGIClient(server.handler.socket_path) as client:
            answer = client.get("", path=MOUNT + "/stats", REMOTE_ADDR=address).response()
        assert answer.status == status, address


@pytest.mark.parametrize("path", ["/api/image-proxy", "/", "/deep/er/mount", "/imgproxy.fcgi"])
def test_any_mount_point(responder, query, path):
    with FastCGIClient(responder.socket_path) as client:
        assert is_image(client.get(query, path=path))
    health = "/health" if path == "/" else path + "/health"
    with FastCGIClient(responder.socket_path) as client:
        params = parameters("", path=health, SCRIPT_NAME=path, PATH_INFO="/health")
        client.send(request_bytes(params))
        assert client.answer().response().status == 200
