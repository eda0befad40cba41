"""Statuses, headers and endpoints, as the contract names them, through every web server."""

import json
from urllib.parse import unquote

import pytest

from harness import behaviours
from harness.http import MOUNT, proxied
from harness.waiting import eventually

POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox"


def has_security_headers(response):
    assert response.header("X-Content-Type-Options") == "nosniff"
    assert response.header("Content-Security-Policy") == POLICY
    assert response.header("Cross-Origin-Resource-Policy") == "cross-origin"
    assert response.cache_status.startswith("image-proxy")
    return True


def is_problem(response, status):
    """RFC 9457, and nothing in it that a stranger should not read."""
    assert response.status == status
    assert response.header("Content-Type").partition(";")[0] == "application/problem+json"
    assert "no-store" in response.header("Cache-Control")
    body = response.json()
    assert body["status"] == status and body["title"]
    assert "127.0.0.1" not in response.body.decode()
    return has_security_headers(response)


def test_images_carry_the_security_headers(front, origin, images):
    url = origin.serve(behaviours.image(images["png"].body))
    miss = front.client.get(url)
    front.stored(url)
    for response in (miss, front.client.get(url), front.client.head(url)):
        assert has_security_headers(response)
        assert response.header("Content-Disposition") is None
        assert response.header("Access-Control-Allow-Origin") is None


def test_svg_is_fenced(front, origin, images):
    url = origin.serve(behaviours.image(images["svg"].body, "image/svg+xml"))
    miss = front.client.get(url)
    front.stored(url)
    for response in (miss, front.client.get(url)):
        assert response.status == 200 and has_security_headers(response)
        assert response.header("Content-Disposition").startswith("attachment")


def test_svg_is_refused_by_default(start, origin, images):
    server = start(SVG=None)
    url = origin.serve(behaviours.image(images["svg"].body, "image/svg+xml"))
    assert is_problem(server.client.get(url), 502)


def test_svg_from_the_cache_is_refused_too(start, origin, images):
    """Another program, or this one under another setting, may have stored it."""
    lenient, strict = start(SVG="fence"), start(SVG=None)
    url = origin.serve(behaviours.image(images["svg"].body, "image/svg+xml"))
    assert lenient.client.get(url).status == 200
    strict.redis("SETEX", f"image-proxy:{url}", 60, lenient.stored(url))
    assert strict.client.get(url).status == 502


def test_nothing_of_the_client_goes_upstream(front, origin, images):
    url = origin.serve(behaviours.image(images["png"].body))
    answer = front.client.get(url, headers={
        "Cookie": "session=1", "Authorization": "Bearer x", "Referer": "http://page.test/", "Origin": "http://page.test",
        "Proxy": "http://127.0.0.1:1", "X-Forwarded-For": "10.0.0.1", "X-Custom": "yes", "User-Agent": "browser/1"})
    assert answer.status == 200
    [seen] = origin.requests_for(url)
    for name in ("Cookie", "Authorization", "Referer", "Origin", "Proxy", "X-Forwarded-For", "X-Custom", "Range"):
        assert seen.values(name) == [], name
    assert seen.value("User-Agent") != "browser/1"
    assert seen.value("Accept-Encoding") in (None, "identity")
    assert seen.value("Host") == origin.authority


def test_nothing_of_the_origin_but_the_representation_comes_back(front, origin, images):
    url = origin.serve(behaviours.image(
        images["png"].body, "image/png", ("Set-Cookie", "a=b"), ("Server", "secret/1"), ("X-Powered-By", "x"),
        ("X-Accel-Redirect", "/secret"), ("X-Sendfile", "/etc/passwd"), ("Location", "http://elsewhere.test/"),
        ("Refresh", "0"), ("Status", "418 Teapot"), ("Access-Control-Allow-Origin", "*"), ("Link", "<x>"),
        ("Strict-Transport-Security", "max-age=1"), ("Content-Security-Policy", "default-src *")))
    answer = front.client.get(url)
    assert (answer.status, answer.body == images["png"].body) == (200, True)
    for name in ("Set-Cookie", "X-Powered-By", "X-Accel-Redirect", "X-Sendfile", "Location", "Refresh", "Link",
                 "Access-Control-Allow-Origin", "Strict-Transport-Security"):
        assert answer.header(name) is None, name
    assert "secret" not in (answer.header("Server") or "") and has_security_headers(answer)


@pytest.mark.parametrize("query", [
    "", "url", "url=", "other=1", "url=%zz", "url=http%3A%2F%2F127.0.0.1%", "url=image.png", "url=%2Fimage.png",
    "url=%2F%2F127.0.0.1%2Fa", "url=http%3A%2F%2F", "url=http%3A%2F%2F%2Fa",
    "url=http%3A%2F%2F127.0.0.1%2Fa&url=http%3A%2F%2F127.0.0.1%2Fb", "url=http%3A%2F%2F127.0.0.1%2Fa%0D%0AX%3A1",
    "url=http%3A%2F%2F127.0.0.1%09%2Fa", "url=http%3A%2F%2F127.0.0.1%5C%40127.0.0.2%2F",
    "url=http%253A%252F%252F127.0.0.1%252Fa",
])
def test_a_request_without_one_good_url_is_bad(front, origin, query):
    before = origin.connections
    answer = front.client.request("GET", f"{MOUNT}?{query}")
    # lighttpd refuses control characters by itself.
    if front.kind != "nginx" and ("%0D" in query or "%09" in query):
        assert answer.status == 400
    else:
        assert is_problem(answer, 400)
    assert origin.connections == before


def test_a_nul_in_the_url_is_refused(front):
    # lighttpd refuses it by itself.
    assert front.client.request("GET", f"{MOUNT}?url=http%3A%2F%2F127.0.0.1%2Fa%00b").status == 400


def test_a_url_of_2000_characters_is_served_and_an_overlong_one_refused(front, origin, images):
    script = behaviours.image(images["png"].body)
    filling = "x" * (2000 - len(origin.base) - 6)
    url = origin.serve(script, f"/{filling}/{front.kind}"[:2000])
    assert front.client.get(url).status == 200
    assert front.client.get(origin.base + "/" + "y" * 65536).status in (400, 414, 431)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_other_methods_are_not_allowed_and_fetch_nothing(front, origin, images, method):
    url = origin.serve(behaviours.image(images["png"].body))
    answer = front.client.request(method, proxied(url), body=b"x=1" if method in ("POST", "PUT", "PATCH") else None)
    # lighttpd answers OPTIONS for itself, without asking the handler.
    if not (method == "OPTIONS" and front.kind != "nginx" and answer.status == 200):
        assert is_problem(answer, 405)
    assert {word.strip() for word in answer.header("Allow").split(",")} >= {"GET", "HEAD"}
    assert origin.requests_for(url) == []


@pytest.mark.parametrize("method", ["TRACE", "BREW"])
def test_methods_that_a_web_server_may_keep_for_itself_fetch_nothing(front, origin, images, method):
    """The handler's own answer to them is in test_fastcgi.py."""
    url = origin.serve(behaviours.image(images["png"].body))
    answer = front.client.request(method, proxied(url))
    assert answer.status in (400, 405, 501), answer
    assert origin.requests_for(url) == []


def test_the_next_request_after_a_refused_one_is_served(front, origin, images):
    url = origin.serve(behaviours.image(images["png"].body))
    for _ in range(3):
        front.client.request("POST", proxied(url), body=b"x" * 1000)
        assert front.client.get(url).body == images["png"].body


@pytest.mark.parametrize("line, status", [
    ("404 Not Found", 404), ("410 Gone", 410), ("500 Oops", 502), ("503 Busy", 502), ("204 No Content", 502),
    ("206 Partial Content", 502), ("304 Not Modified", 502), ("418 Teapot", 502),
])
def test_statuses_of_the_origin(front, origin, images, line, status):
    body = b"" if line[:3] in ("204", "304") else images["png"].body
    url = origin.serve(behaviours.status(line, body, ("Content-Type", "image/png"), ("WWW-Authenticate", "Basic")))
    answer = front.client.get(url)
    assert is_problem(answer, status) and answer.header("WWW-Authenticate") is None
    assert front.redis("GET", f"image-proxy:{url}") is None


@pytest.mark.parametrize("body, label", [
    (b"<!doctype html><script>alert(1)</script>", "image/png"), (b"<html>", "text/html"), (b"%PDF-1.7 x", "image/png"),
    (b"{\"a\":1}", "application/json"), (b"{\"a\":1}", "image/png"), (b"root:x:0:0:root:/root:/bin/sh\n", "image/png"),
    (b"", "image/png"), (b"alert(1)//" + b" " * 600, "image/png"), (b"alert(1)//" + b" " * 600, "text/javascript"),
], ids=["html-as-png", "html", "pdf-as-png", "json", "json-as-png", "passwd-as-png", "empty", "script-as-png", "script"])
def test_what_is_no_image_is_refused_whatever_its_label(front, origin, body, label):
    url = origin.serve(behaviours.image(body, label))
    answer = front.client.get(url)
    assert is_problem(answer, 502)
    assert front.redis("GET", f"image-proxy:{url}") is None


@pytest.mark.parametrize("labels", [
    ["application/octet-stream"], ["text/html"], ["image/jpeg"], ["image/png, text/html"], [], [""], ["text/html", "image/gif"],
], ids=str)
def test_a_wrong_label_never_reaches_the_client(front, origin, images, labels):
    """A type is what the bytes are; refusing the contradiction is as good."""
    fields = [("Content-Type", label) for label in labels]
    url = origin.serve(behaviours.status("200 OK", images["gif"].body, *fields))
    answer = front.client.get(url)
    if answer.status == 200:
        assert answer.header("Content-Type") == "image/gif" and answer.body == images["gif"].body
        assert has_security_headers(answer)
    else:
        assert is_problem(answer, 502)


def test_health(front):
    answer = front.client.endpoint("health")
    assert answer.status == 200 and "ok" in answer.body.decode()
    assert "no-store" in answer.header("Cache-Control")


def test_stats_agree_with_redis(start, front, origin, images):
    # A server of its own: what another test has asked for may come into the cache behind its response, and so after this.
    server = start(front.kind)
    bodies = [images[name].body for name in ("png", "jpeg", "gif")]
    urls = [origin.serve(behaviours.image(body)) for body in bodies]
    for url in urls:
        server.client.get(url)
    records = [json.loads(server.stored(url)) for url in urls]
    answer = server.client.endpoint("stats")
    assert answer.status == 200 and answer.header("Content-Type").startswith("application/json")

    # Looking through the cache costs Redis time, so that an answer may be a second old.
    def stats_become(*expected):
        def agree():
            stats = server.client.endpoint("stats").json()
            return tuple(stats[name] for name in ("totalImages", "totalSize", "oldestCache", "newestCache")) == expected
        return eventually(agree, f"stats of {expected}")

    times = [record["cachedAt"] for record in records]
    assert stats_become(3, sum(map(len, bodies)), min(times), max(times))
    server.redis("DEL", f"image-proxy:{urls[0]}")
    assert stats_become(2, sum(map(len, bodies[1:])), min(times[1:]), max(times[1:]))
    server.redis("FLUSHDB")
    assert stats_become(0, 0, None, None)


def test_an_endpoint_that_is_none(front):
    # Any path may be the mount point, so this may also be an image without a url.
    assert front.client.endpoint("nothing").status in (400, 404)


def test_cors_is_sent_as_configured(start, origin, images):
    server = start(CORS_ORIGIN="https://site.test")
    url = origin.serve(behaviours.image(images["png"].body))
    assert server.client.get(url).header("Access-Control-Allow-Origin") == "https://site.test"


ODD = ["a b", " ", "\u00fc", "\U0001f600", "{a}", "[a]", "a|b", 'a"b', "<a>", "a^b", "a`b", "a'b", "a\\b", "a;b", "a%20b", "a%2fb",
       "a%0d%0aX-Evil:%201", "a%250d%250ab", "%", "%zz", "%c3%28", "a\x7f", "a\u2028b", "a\r\nX-Evil: 1", "a\tb", "+"]


@pytest.mark.parametrize("odd", ODD, ids=map(repr, ODD))
def test_odd_characters_in_a_path_are_asked_for_as_they_are_or_refused(front, origin, odd):
    """The origin has nothing there, and says so: what it was asked for is what counts, and that it was one request."""
    before = len(origin.requests)
    answer = front.client.get(f"{origin.base}/odd/{odd}/image")
    seen = [request for request in origin.requests[before:] if request.target.startswith("/odd/")]
    assert (answer.status, len(seen)) in ((400, 0), (404, 1)), answer
    for request in seen:
        assert unquote(request.target) == unquote(f"/odd/{odd}/image") and request.target.isascii()
        assert {name for name, _ in request.headers} == {"Host", "User-Agent", "Accept", "Accept-Encoding"}


def test_a_fragment_stays_here_and_a_query_goes_upstream(front, origin, images):
    url = origin.serve(behaviours.image(images["png"].body))
    assert front.client.get(url + "?w=1&h=a%2Fb#part").status == 200
    [seen] = origin.requests_for(url)
    assert seen.target.endswith("?w=1&h=a%2Fb")
