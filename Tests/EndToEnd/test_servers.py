"""The deployment files: valid as they are, and right when the handler is not there."""

import os
import signal
import threading

import pytest

from harness import behaviours
from harness.front import APACHE, Front
from harness.http import MOUNT, proxied
from harness.images import MIB, png_of_size
from harness.waiting import eventually

BODY = png_of_size(9_000)


@pytest.mark.parametrize("kind", ["nginx", "lighttpd", "spawned", "cgi"])
@pytest.mark.parametrize("cache", [False, True])
def test_the_server_accepts_its_file(new_folder, kind, cache):
    options = {"cache": True} if kind == "nginx" and cache else {}
    front = Front(kind, new_folder(), {}, **options)
    done = front.server.check()
    assert done.returncode == 0, done.stdout + done.stderr
    assert "warn" not in done.stderr.lower()


def test_nginx_says_503_when_the_handler_is_down(start, origin):
    server = start()
    url = origin.serve(behaviours.image(BODY))
    assert server.client.get(url).status == 200
    server.handler.stop()
    for path in (proxied(url), "/api/image-proxy/health"):
        answer = server.client.request("GET", path)
        assert answer.status == 503 and int(answer.header("Retry-After")) > 0
        assert answer.header("Content-Type") == "application/problem+json"
        assert answer.header("Cache-Control") == "no-store"
        assert answer.json()["status"] == 503
    server.handler.start()
    assert server.client.get(url).status == 200, "no time-out of the upstream after a failure"


def test_lighttpd_is_right_again_when_the_handler_is_back(start, origin):
    server = start("lighttpd")
    url = origin.serve(behaviours.image(BODY))
    server.handler.stop()
    assert server.client.get(url).status == 503
    server.handler.start()
    eventually(lambda: server.client.get(url).status == 200, "lighttpd tries again")


def test_lighttpd_starts_a_killed_handler_again(start, origin):
    server = start("spawned")
    url = origin.serve(behaviours.image(BODY))
    assert server.client.get(url).status == 200
    os.kill(server.handler_pid(), signal.SIGKILL)
    eventually(lambda: server.client.get(url).status == 200, "a new handler")


def test_nginx_keeps_connections_to_the_handler(start, origin):
    server = start(LOG_LEVEL="info")
    url = origin.serve(behaviours.image(BODY))
    server.client.get(url)
    server.stored(url)
    before = server.handler.open_files
    for _ in range(50):
        assert server.client.get(url).status == 200
    assert server.handler.open_files <= before + 2


def test_errors_of_the_handler_pass_nginx_unchanged(nginx, origin):
    answer = nginx.client.get(origin.serve(behaviours.status("500 Oops")))
    assert answer.status == 502 and answer.json()["status"] == 502


def test_a_client_that_reads_nothing_holds_no_worker(start, origin):
    """A large hit waits in nginx: one worker serves others meanwhile."""
    server = start(WORKERS="1")
    body = png_of_size(5 * MIB)
    url = origin.serve(behaviours.image(body))
    server.client.get(url)
    server.stored(url)
    slow = [server.client.open(proxied(url)) for _ in range(3)]
    assert server.client.get(url).body == body
    for response in slow:
        assert response.head() == 200
        assert response.rest() == (body, True)
        response.leave()


@pytest.fixture
def cached(start):
    """nginx with the optional block for its own cache."""
    return start(options={"cache": True})


def x_cache(answer):
    return answer.header("X-Cache")


def test_nginx_own_cache_serves_while_the_handler_is_down(cached, origin):
    url = origin.serve(behaviours.image(BODY, "image/png", ("Cache-Control", "max-age=600")))
    assert x_cache(cached.client.get(url)) == "MISS"
    assert x_cache(cached.client.get(url)) == "HIT"
    cached.handler.stop()
    hit = cached.client.get(url)
    assert (hit.status, hit.body == BODY, x_cache(hit)) == (200, True, "HIT")


def test_head_does_not_poison_nginx_own_cache(cached, origin):
    url = origin.serve(behaviours.image(BODY, "image/png", ("Cache-Control", "max-age=600")))
    head = cached.client.head(url)
    assert (head.status, head.body) == (200, b"")
    for _ in range(2):
        answer = cached.client.get(url)
        assert (answer.status, answer.body == BODY, answer.complete) == (200, True, True)


def test_nginx_own_cache_keeps_no_error_and_no_cut_image(cached, origin):
    url = origin.serve(behaviours.in_turn(behaviours.status("500 Oops"), behaviours.image(BODY)))
    assert cached.client.get(url).status == 502
    assert cached.client.get(url).body == BODY
    large = png_of_size(12 * MIB)
    cut = origin.serve(behaviours.in_turn(behaviours.cut(large, 9 * MIB), behaviours.image(large)))
    assert not cached.client.get(cut).complete
    again = cached.client.get(cut)
    assert again.complete and again.body == large
    for endpoint in ("health", "stats"):
        cached.client.endpoint(endpoint)
        assert x_cache(cached.client.endpoint(endpoint)) != "HIT"


def test_requests_for_one_image_at_once(front, origin):
    """All get it, whoever asks the origin."""
    gate = threading.Event()
    url = origin.serve(behaviours.gated(BODY, gate, first=100))
    responses = [front.client.open(proxied(url)) for _ in range(8)]
    eventually(lambda: origin.requests_for(url), "the fetch begins")
    gate.set()
    for response in responses:
        assert response.head() == 200
        assert response.rest() == (BODY, True)
        response.leave()


@pytest.mark.parametrize("kind, options", [
    ("nginx", {"on": ("limit", "referer")}), ("nginx", {"on": ("limit", "referer", "cache")}),
    *((kind, {"referer": True}) for kind in ("lighttpd", *APACHE)),
])
def test_the_server_accepts_its_limits(new_folder, kind, options):
    done = Front(kind, new_folder(), {}, **options).server.check()
    assert done.returncode == 0, done.stdout + done.stderr
    assert "warn" not in done.stderr.lower()


def test_nginx_limits_the_rate_of_a_client(start, origin):
    server = start(options={"on": ("limit",)})
    url = origin.serve(behaviours.image(BODY))
    # The burst passes whole; of what follows at once, only what the rate allows.
    statuses = [server.client.get(url).status for _ in range(200)]
    assert set(statuses) == {200}
    assert any(server.client.get(url).status == 429 for _ in range(2_000))


@pytest.mark.parametrize("kind, options", [
    ("nginx", {"on": ("referer",)}), *((kind, {"referer": True}) for kind in ("lighttpd", *APACHE)),
])
@pytest.mark.parametrize("referer, is_allowed", [
    (None, True), ("https://www.example.com/page", True), ("https://example.com.evil.test/", False),
    ("https://evil.test/www.example.com/", False), ("https://evil.test/", False),
])
def test_whose_pages_may_show_images(start, origin, kind, options, referer, is_allowed):
    server = start(kind, options=options)
    assert_shown(server, origin, referer, is_allowed)


OF_APACHE = [
    ("", True), ("a word without a page", True), ("HTTPS://WWW.Example.COM", True), ("http://a.b.example.com:8080/page", True),
    ("http://127.0.0.1/page", True), ("https://127.0.0.1:8080", True), ("http://127.0.0.1.evil.test/", False),
    ("http://evil.test/?http://127.0.0.1/", False), ("http://evil127.0.0.1/", False), ("http://127.0.0.1@evil.test/", False),
    ("https://evil-example.com/", False), ("https://evil.test/.example.com/", False), ("https://evil.test?.example.com/", False),
    ("https://www.example.com@evil.test/", False), ("https://wwwXexampleXcom/", False), ("https://", False),
]


@pytest.mark.parametrize("kind", APACHE)
def test_whose_pages_may_show_images_of_apache(start, origin, kind):
    """Also those of the server itself, by the name that it was asked by."""
    server = start(kind, options={"referer": True})
    for referer, is_allowed in OF_APACHE:
        assert_shown(server, origin, referer, is_allowed)


def assert_shown(server, origin, referer, is_allowed):
    url = origin.serve(behaviours.image(BODY))
    answer = server.client.get(url, headers={} if referer is None else {"Referer": referer})
    assert (answer.status, answer.body == BODY) == ((200, True) if is_allowed else (403, False)), referer
    assert bool(origin.requests_for(url)) == is_allowed


@pytest.mark.parametrize("kind", [kind for kind in APACHE if kind.startswith("shared")])
def test_the_name_of_the_program_is_no_way_around_it(start, origin, kind):
    """On a web host it is an address, too."""
    server = start(kind, options={"referer": True})
    url = origin.serve(behaviours.image(BODY))
    for name in ("", ".fcgi"):
        for beneath in ("", "/", "/health"):
            path = proxied(url).replace(MOUNT, f"{MOUNT}{name}{beneath}")
            answer = server.client.request("GET", path, headers={"Referer": "https://evil.test/"})
            assert answer.status == 403 and not origin.requests_for(url), path


@pytest.mark.parametrize("kind", ["apache", "apache-cgi"])
def test_whose_pages_may_show_images_is_of_no_other_address(start, kind):
    server = start(kind, options={"referer": True})
    (server.server.root / "page.html").write_text("a page")
    assert server.client.request("GET", "/page.html", headers={"Referer": "https://evil.test/"}).status == 200


@pytest.mark.parametrize("kind", ["apache", "apache-cgi"])
def test_what_apache_denies_anyway_stays_denied(start, kind):
    server = start(kind, options={"referer": True})
    assert server.client.endpoint("health").status == 200
    server.server.stop()
    configuration = server.server.configuration
    configuration.write_text(configuration.read_text().replace("Require all granted", "Require all denied"))
    server.server.start()
    for referer in ("", "https://www.example.com/"):
        assert server.client.endpoint("health", headers={"Referer": referer}).status == 403
