"""The main job: an image comes through, is stored, and comes from the cache the next time, byte for byte."""

import base64
import json
import time

import pytest

from harness import behaviours
from harness.images import png_of_size
from harness.waiting import eventually

FORMATS = ["png", "jpeg", "gif", "webp", "webp-lossless", "webp-alpha", "avif", "ico", "bmp", "svg", "tiff", "heic"]
# Both are registered or in wide use for the one format.
ALSO_CALLED = {"image/x-icon": {"image/x-icon", "image/vnd.microsoft.icon"}, "image/heic": {"image/heic", "image/heif"}}


@pytest.mark.parametrize("name", FORMATS)
def test_miss_then_hit_byte_for_byte(front, origin, images, name):
    image = images[name]
    types = ALSO_CALLED.get(image.content_type, {image.content_type})
    url = origin.serve(behaviours.image(image.body, image.content_type))

    miss = front.client.get(url)
    assert (miss.status, miss.body == image.body, miss.complete) == (200, True, True)
    assert miss.header("Content-Type") in types
    assert miss.header("Content-Length") == str(len(image.body))
    assert "fwd=uri-miss" in miss.cache_status

    record = json.loads(front.stored(url))
    assert list(record)[:5] == ["data", "contentType", "size", "cachedAt", "expiresAt"]
    assert base64.b64decode(record["data"], validate=True) == image.body
    assert record["contentType"] in types and record["size"] == len(image.body)
    assert record["expiresAt"] - record["cachedAt"] == 24 * 3600 * 1000
    assert abs(record["cachedAt"] / 1000 - time.time()) < 600
    assert 0 < front.redis("PTTL", f"image-proxy:{url}") <= 24 * 3600 * 1000

    hit = front.client.get(url)
    assert hit.is_hit and (hit.status, hit.body == image.body) == (200, True)
    assert hit.header("Content-Type") == miss.header("Content-Type")
    assert hit.header("Content-Length") == str(len(image.body))
    assert len(origin.requests_for(url)) == 1


@pytest.mark.parametrize("name", FORMATS)
def test_metadata_has_the_real_dimensions(front, origin, images, name):
    image = images[name]
    url = origin.serve(behaviours.image(image.body, image.content_type))
    assert front.client.get(url).status == 200
    metadata = json.loads(front.metadata(url))
    assert (metadata["width"], metadata["height"]) == (image.width, image.height)
    assert metadata["contentType"] in ALSO_CALLED.get(image.content_type, {image.content_type})
    assert metadata["size"] == len(image.body)
    assert abs(metadata["cachedAt"] / 1000 - time.time()) < 600
    assert 6 * 86400 < front.redis("TTL", f"image-metadata:{url}") <= 7 * 86400


@pytest.mark.parametrize("framing", [behaviours.chunked, behaviours.until_close], ids=["chunked", "until-close"])
def test_an_image_without_a_length(front, origin, images, framing):
    image = images["jpeg"]
    url = origin.serve(framing(image.body, image.content_type))
    miss = front.client.get(url)
    assert (miss.status, miss.body == image.body, miss.complete) == (200, True, True)
    front.stored(url)
    hit = front.client.get(url)
    assert hit.is_hit and hit.body == image.body and len(origin.requests_for(url)) == 1


@pytest.mark.parametrize("size, is_stored", [(5_242_880, True), (5_242_881, False)], ids=["at", "above"])
def test_the_size_gate(front, origin, size, is_stored):
    body = png_of_size(size)
    url = origin.serve(behaviours.image(body))
    miss = front.client.get(url)
    assert (miss.status, miss.body == body, miss.complete) == (200, True, True)
    # Written after the store, or in its place: from here on nothing more will happen to this image.
    line = front.wait_for_log("Image cached successfully" if is_stored else "Image too large to cache", url)
    assert str(size) in line and "5.00" in line and "sizeMB" in line
    assert json.loads(front.metadata(url))["size"] == size
    record = front.redis("GET", f"image-proxy:{url}")
    if is_stored:
        assert base64.b64decode(json.loads(record)["data"], validate=True) == body
    else:
        assert record is None
    again = front.client.get(url)
    assert again.body == body and again.is_hit == is_stored
    assert len(origin.requests_for(url)) == (1 if is_stored else 2)


def test_head_has_the_head_of_get_and_no_body(front, origin, images):
    url = origin.serve(behaviours.image(images["png"].body))
    cold = front.client.head(url)
    assert (cold.status, cold.body) == (200, b"")
    full = front.client.get(url)
    assert full.body == images["png"].body, "the HEAD left its empty body behind"
    front.stored(url)
    warm = front.client.head(url)
    assert (warm.status, warm.body, warm.is_hit) == (200, b"", True)
    assert warm.header("Content-Type") == "image/png"
    assert warm.header("Content-Length") == str(len(images["png"].body))


def test_a_hit_from_the_memory_tier(start, origin, images):
    server = start(MEMORY_CACHE_SIZE="64MiB")
    url = origin.serve(behaviours.image(images["png"].body))
    server.client.get(url)
    server.stored(url)
    # It keeps what is asked for often.
    for _ in range(10):
        assert server.client.get(url).is_hit
    server.redis("FLUSHDB")
    hit = server.client.get(url)
    assert hit.is_hit and hit.body == images["png"].body and len(origin.requests_for(url)) == 1


def test_without_a_cache_every_request_goes_upstream(start, origin, images):
    server = start(CACHE="off", MEMORY_CACHE_SIZE="0")
    url = origin.serve(behaviours.image(images["png"].body))

    def is_asked_again():
        answer = server.client.get(url)
        assert (answer.status, answer.body == images["png"].body, answer.is_hit) == (200, True, False)
        return len(origin.requests_for(url)) > 1
    # Who asks while the first fetch is ending may still share it.
    eventually(is_asked_again, "the origin is asked again")
