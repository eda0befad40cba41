"""What the program says of its own decisions: `explain` and `selftest`."""

import json

import pytest

from harness import behaviours
from harness.handler import run
from harness.images import png_of_size

BODY = png_of_size(3_000)


@pytest.fixture
def explain(settings):
    def explained(url, *options, **changes):
        merged = {name: value for name, value in {**settings, **changes}.items() if value is not None}
        done = run("explain", url, "--json", "--config", "/dev/null", *options, settings=merged)
        assert (done.returncode, done.stderr) == (0, ""), done.stderr
        return json.loads(done.stdout)
    return explained


def test_an_image_that_would_be_served(explain, origin):
    url = origin.serve(behaviours.image(BODY, "image/png", ("Cache-Control", "max-age=600")))
    found = explain(url)
    assert (found["status"], found["reason"], found["type"], found["length"]) == (200, None, "image/png", len(BODY))
    assert (found["admission"], found["stored"]) == ("admitted", True) and 0 < found["freshSeconds"] <= 600
    assert found["cacheKey"] == f"image-proxy:{url}"
    (hop,) = found["hops"]
    assert (hop["host"], hop["hostRule"], hop["connected"], hop["status"]) == ("127.0.0.1", "127.0.0.1", "127.0.0.1", 200)
    (address,) = hop["addresses"]
    assert address["allowed"] and f"127.0.0.1/32:{origin.port}" in address["rule"]


def test_each_redirect_is_a_hop(explain, origin):
    last = origin.serve(behaviours.image(BODY))
    first = origin.serve(behaviours.redirect(last))
    found = explain(first)
    assert [hop["url"] for hop in found["hops"]] == [first, last]
    assert found["hops"][0]["location"] == last and found["status"] == 200


def test_a_redirect_to_what_is_denied(explain, origin, canary):
    found = explain(origin.serve(behaviours.redirect(canary.base + "/a.png")))
    assert (found["status"], found["reason"]) == (403, "denied.redirect-port")
    assert len(found["hops"]) == 2 and found["hops"][1]["connected"] is None


@pytest.mark.parametrize("url, reason, rule", [
    ("http://10.0.0.1/", "denied.address", "RFC 1918"), ("http://[::1]/", "denied.address", "Loopback"),
    ("http://[64:ff9b::7f00:1]/", "denied.address", "embeds 127.0.0.1"), ("http://localhost/", "denied.address", "Loopback"),
    ("http://[4000::1]/", "denied.address", "2000::/3"), ("http://8.8.8.8:8080/", "denied.port", "port"),
])
def test_what_is_denied_and_by_which_rule(explain, url, reason, rule):
    found = explain(url, ALLOWED_HOSTS="*", ALLOWED_NETWORKS=None)
    assert (found["status"], found["reason"]) == (403, reason)
    (hop,) = found["hops"]
    assert hop["addresses"] and all(rule in address["rule"] and not address["allowed"] for address in hop["addresses"])


@pytest.mark.parametrize("url, status, reason", [
    ("http://elsewhere.test/", 403, "denied.host"), ("ftp://127.0.0.1/", 403, "denied.scheme"),
    ("http://u:p@127.0.0.1/", 403, "denied.userinfo"), ("http://127.1/", 400, "bad-request.malformed"),
])
def test_what_is_refused_before_the_network(explain, url, status, reason):
    found = explain(url)
    assert (found["status"], found["reason"]) == (status, reason)
    assert all(hop["addresses"] == [] for hop in found["hops"])


@pytest.mark.parametrize("url, problem", [
    ("http://127.1/", "canonical"), ("http://example.com./", "canonical"), ("http://[::1%25lo]/", "canonical"),
    ("http://a.test:080/", "port"), ("http:/a.test/", "//"), ("http://a.test\\@b.test/", "backslash"), ("ftp://a.test/", "scheme"),
    ("http://u:p@a.test/", "@"), ("http://a.test/" + "a" * 9_000, "longer"),
])
def test_what_is_wrong_with_a_url_is_said(explain, url, problem):
    assert problem in explain(url)["problem"]
    assert explain("http://a.test/")["problem"] is None


@pytest.mark.parametrize("script, status, reason", [
    (behaviours.status("404 Not Found"), 404, "upstream.status-404"),
    (behaviours.status("500 Oops"), 502, "upstream.status-5xx"),
    (behaviours.image(b"<html>no image</html>"), 502, "upstream.not-an-image"),
])
def test_what_an_origin_does_wrong(explain, origin, script, status, reason):
    found = explain(origin.serve(script))
    assert (found["status"], found["reason"], found["type"]) == (status, reason, None)


def test_what_is_not_stored_and_why(explain, origin):
    url = origin.serve(behaviours.image(BODY))
    assert explain(url, MAX_CACHE_SIZE="3000")["stored"] is True
    for changes in ({"MAX_CACHE_SIZE": "2999"}, {"CACHE": "off"}):
        found = explain(url, **changes)
        assert (found["admission"], found["stored"]) == ("refused", False)
    found = explain(origin.serve(behaviours.chunked(BODY)))
    assert (found["admission"], found["stored"]) == ("by-size", None)
    assert explain("http://10.0.0.1/")["admission"] is None
    found = explain(origin.serve(behaviours.image(BODY, "image/png", ("Cache-Control", "no-store"))))
    assert (found["admission"], found["stored"]) == ("refused", False) and "no-store" in found["storageRule"]


def test_only_the_beginning_of_an_image_is_read(explain, origin):
    """An image that never comes to its end is explained all the same."""
    assert explain(origin.serve(behaviours.cut(png_of_size(500_000), 100_000)))["type"] == "image/png"


def test_the_text_says_the_same(settings, origin):
    url = origin.serve(behaviours.image(BODY))
    done = run("explain", url, "--config", "/dev/null", settings={**settings, "SIGNING_KEYS": "a"})
    assert (done.returncode, done.stderr) == (0, "")
    for words in (url, "image/png", "200 served", "needed", "\nadmission   stored in the cache: 3000 bytes", f"image-proxy:{url}", "127.0.0.1: allowed"):
        assert words in done.stdout


def test_what_an_origin_writes_does_not_move_the_cursor(settings, origin):
    url = origin.serve(behaviours.redirect("http://a.test/\u00a0\u009b31m"))
    done = run("explain", url, "--config", "/dev/null", settings=settings)
    assert "\u009b" not in done.stdout


def test_selftest_finds_nothing():
    done = run("selftest")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith(" checked, 0 failed\n") and len(done.stdout.splitlines()) == 1
    found = json.loads(run("selftest", "--json").stdout)
    assert found["checked"] > 500 and found["failed"] == 0 and found["failures"] == []
