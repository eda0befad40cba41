"""Small real images of every format for the tests, made by Debian's tools, with what an independent tool says of each."""

import io
import re
import struct
import subprocess
import zlib
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw

MIB = 1024 * 1024


@dataclass(frozen=True)
class TestImage:
    """`width` and `height` were read by a tool that is not ours; `name` is the format."""
    __test__ = False
    name: str
    content_type: str
    body: bytes
    width: int
    height: int


def drawing(width, height, mode="RGB"):
    """A picture in which no two corners look alike."""
    picture = Image.linear_gradient("L").resize((width, height)).convert("RGB")
    pen = ImageDraw.Draw(picture)
    pen.ellipse((width // 4, height // 4, width // 2, height // 2), fill=(220, 60, 40))
    pen.line((0, 0, width, height), fill=(30, 120, 220), width=3)
    return picture.convert(mode)


def _saved(picture, **options):
    buffer = io.BytesIO()
    picture.save(buffer, **options)
    return buffer.getvalue()


def _by_pillow(body):
    with Image.open(io.BytesIO(body)) as picture:
        return picture.size


def _by_heif_info(path):
    text = subprocess.run(["heif-info", path], capture_output=True, text=True, check=True).stdout
    width, height = re.search(r"image: (\d+)x(\d+)", text).groups()
    return int(width), int(height)


def _by_rsvg(path):
    return _by_pillow(subprocess.run(["rsvg-convert", path], capture_output=True, check=True).stdout)


SVG = b"""<?xml version="1.0" encoding="UTF-8"?>
<!-- a comment before the root -->
<svg xmlns="http://www.w3.org/2000/svg" width="320" height="180" viewBox="0 0 32 18">
  <rect width="32" height="18" fill="#234"/><circle cx="16" cy="9" r="6" fill="#fc3"/>
</svg>
"""


def heif(folder, extension, picture):
    """An AVIF or HEIC of a picture, which Debian's Pillow does not write. Returns its path."""
    source, target = folder / f"{extension}-source.png", folder / f"picture.{extension}"
    source.write_bytes(_saved(picture, format="PNG"))
    subprocess.run(["heif-enc", "-q", "50", source, "-o", target], check=True, capture_output=True)
    return target


def every_format(folder):
    """One `TestImage` for each format that the contract names, by its name."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    made = [
        ("png", "image/png", _saved(drawing(61, 47, "RGBA"), format="PNG")),
        ("jpeg", "image/jpeg", _saved(drawing(333, 221), format="JPEG", progressive=True, quality=80)),
        ("gif", "image/gif", _saved(drawing(97, 31), format="GIF")),
        ("webp", "image/webp", _saved(drawing(129, 65), format="WEBP", quality=70)),
        ("webp-lossless", "image/webp", _saved(drawing(77, 55), format="WEBP", lossless=True)),
        ("webp-alpha", "image/webp", _saved(drawing(81, 43, "RGBA"), format="WEBP", quality=70)),
        ("ico", "image/x-icon", _saved(drawing(48, 48, "RGBA"), format="ICO", sizes=[(48, 48)])),
        ("bmp", "image/bmp", _saved(drawing(53, 71), format="BMP")),
        ("tiff", "image/tiff", _saved(drawing(45, 91), format="TIFF")),
    ]
    images = [TestImage(name, kind, body, *_by_pillow(body)) for name, kind, body in made]
    for name in ("avif", "heic"):
        path = heif(folder, name, drawing(144, 80))
        images.append(TestImage(name, f"image/{name}", path.read_bytes(), *_by_heif_info(path)))
    svg = folder / "picture.svg"
    svg.write_bytes(SVG)
    images.append(TestImage("svg", "image/svg+xml", SVG, *_by_rsvg(svg)))
    return {image.name: image for image in images}


def png_of_size(size, seed=0):
    """A valid PNG of exactly `size` bytes: what is missing goes into a private chunk that readers skip."""
    small = _saved(drawing(64, 64), format="PNG")
    end = small.index(b"IEND") - 4
    filling = size - len(small) - 12
    assert filling >= 0, f"a PNG of {size} bytes is too small for this drawing"
    # Neither all zeros nor periodic in a power of two: a piece that is lost, doubled or swapped shows.
    pattern = (b"%08d|" % seed) + bytes(range(251))
    data = (pattern * (filling // len(pattern) + 1))[:filling]
    chunk = struct.pack("!I", filling) + b"fiLl" + data + struct.pack("!I", zlib.crc32(b"fiLl" + data))
    return small[:end] + chunk + small[end:]
