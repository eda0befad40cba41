"""Plain CGI, without a web server in between: one request, one answer, and the process ends."""

import json
import subprocess

import pytest

from harness import behaviours
from harness.handler import EXECUTABLE, cgi, environment
from harness.http import MOUNT, proxied
from harness.images import MIB, png_of_size


@pytest.fixture(scope="module")
def own(settings, redis, databases):
    """(settings, client of the same database)"""
    database = next(databases)
    return {**settings, "CACHE": redis.unix_address(database)}, redis.client(database)


def query(url):
    return proxied(url).partition("?")[2]


def test_the_store_has_ended_when_the_process_has(own, origin, images):
    settings, client = own
    url = origin.serve(behaviours.image(images["png"].body))
    miss, log = cgi(query(url), settings)
    assert (miss.status, miss.body == images["png"].body, miss.complete) == (200, True, True)
    assert client("EXISTS", f"image-proxy:{url}", f"image-metadata:{url}") == 2
    assert "Image cached successfully" in log
    hit, _ = cgi(query(url), settings)
    assert hit.is_hit and hit.body == images["png"].body and len(origin.requests_for(url)) == 1


def test_a_large_image_is_written_whole_and_not_stored(own, origin):
    settings, client = own
    body = png_of_size(20 * MIB)
    url = origin.serve(behaviours.image(body))
    answer, log = cgi(query(url), settings)
    assert answer.body == body and "Image too large to cache" in log
    assert client("EXISTS", f"image-proxy:{url}") == 0
    assert json.loads(client("GET", f"image-metadata:{url}"))["size"] == 20 * MIB


def test_head_errors_and_health(own, origin, images):
    settings, _ = own
    url = origin.serve(behaviours.image(images["png"].body))
    head, _ = cgi(query(url), settings, method="HEAD")
    assert (head.status, head.body) == (200, b"")
    assert cgi("", settings)[0].status == 400
    assert cgi(query("http://10.0.0.1/"), settings)[0].status == 403
    assert cgi("", settings, path=MOUNT + "/health")[0].status == 200
    assert cgi("", settings, path=MOUNT + "/stats")[0].status == 200
    assert cgi("", settings, path=MOUNT + "/stats", REMOTE_ADDR="192.0.2.1")[0].status == 403


def test_a_body_on_standard_input_is_no_trouble(own, origin, images):
    settings, _ = own
    url = origin.serve(behaviours.image(images["png"].body))
    answer, _ = cgi(query(url), settings, method="POST", stdin=b"x" * 500_000, CONTENT_LENGTH="500000")
    assert answer.status == 405 and origin.requests_for(url) == []


def test_a_bad_configuration_is_an_answer_and_a_log_line():
    """A web server shows what a CGI program says: the visitor gets no detail, the operator all of it."""
    done = subprocess.run([EXECUTABLE], capture_output=True, env={
        **environment({"WORKERS": "none"}), "GATEWAY_INTERFACE": "CGI/1.1", "REQUEST_METHOD": "GET", "QUERY_STRING": ""})
    assert done.returncode != 0 or b"Status: 500" in done.stdout
    assert b"IMAGE_PROXY_WORKERS" in done.stderr and b"IMAGE_PROXY_WORKERS" not in done.stdout


@pytest.mark.parametrize("address", ["redis://127.0.0.1:1/0", "unix:/nonexistent.sock?db=0"])
def test_without_redis(own, origin, images, address):
    settings = {**own[0], "CACHE": address}
    answer, _ = cgi(query(origin.serve(behaviours.image(images["png"].body))), settings)
    assert answer.body == images["png"].body
