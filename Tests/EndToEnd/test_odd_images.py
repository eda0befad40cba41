"""What is served: images and nothing else, as what they are and behind a fence, however broken or doubly made they are."""

import zlib

import pytest

from harness import behaviours
from harness.odd_images import damaged, made_by_hand

BY_HAND = made_by_hand()

# How each type begins: what is served as one must begin so.
BEGINNINGS = {
    "image/png": [b"\x89PNG\r\n\x1a\n"], "image/jpeg": [b"\xff\xd8\xff"], "image/gif": [b"GIF87a", b"GIF89a"],
    "image/webp": [b"RIFF"], "image/bmp": [b"BM"], "image/x-icon": [b"\0\0\1\0"], "image/vnd.microsoft.icon": [b"\0\0\1\0"],
    "image/tiff": [b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"], "image/jxl": [b"\xff\x0a", b"\0\0\0\x0cJXL "],
}
NEVER = {
    "png-over-ftp", "gif88", "bmp-of-text", "wav", "avi", "mp4", "svg-in-html", "pdf", "html-after-spaces", "html-bom", "xml", "zeros",
    "one-byte", "mhtml", "box-of-7",
}


def is_image_or_refused(answer, body):
    """Every answer is the whole image under the type that its bytes show, fenced in, or 502."""
    if answer.status == 502:
        return answer.header("Content-Type").startswith("application/problem+json")
    kind = answer.header("Content-Type")
    beginnings = BEGINNINGS.get(kind)
    assert (answer.status, answer.body == body, answer.complete) == (200, True, True)
    assert body.startswith(tuple(beginnings)) if beginnings else (
        kind == "image/svg+xml" or kind in ("image/avif", "image/heic", "image/heif") and body[4:8] == b"ftyp"), kind
    assert answer.header("X-Content-Type-Options") == "nosniff" and "sandbox" in answer.header("Content-Security-Policy")
    assert (answer.header("Content-Disposition") == "attachment") == (kind == "image/svg+xml")
    return True


@pytest.mark.parametrize("label", ["image/png", "text/html"])
@pytest.mark.parametrize("name", BY_HAND)
def test_what_was_made_by_hand(nginx, origin, name, label):
    body = BY_HAND[name]
    url = origin.serve(behaviours.image(body, label))
    for _ in range(2):
        answer = nginx.client.get(url)
        assert is_image_or_refused(answer, body)
        if name in NEVER:
            assert answer.status == 502
    assert nginx.handler.is_running


def test_svg_of_any_kind_is_refused_by_default(start, origin):
    server = start(SVG=None)
    for name in [name for name in BY_HAND if name.startswith("svg")]:
        assert server.client.get(origin.serve(behaviours.image(BY_HAND[name], "image/svg+xml"))).status == 502, name


FORMATS = ["png", "jpeg", "gif", "webp", "webp-lossless", "webp-alpha", "ico", "bmp", "tiff", "avif", "heic", "svg"]


@pytest.mark.parametrize("name", FORMATS)
def test_damaged_images(nginx, origin, images, name):
    image = images[name]
    for body in damaged(image.body, seed=zlib.crc32(name.encode()), count=40):
        url = origin.serve(behaviours.image(body, image.content_type))
        assert is_image_or_refused(nginx.client.get(url), body)
    assert nginx.handler.is_running
