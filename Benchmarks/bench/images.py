"""Images that no compression makes smaller: valid PNGs of noise, of an exact size."""

import random
import struct
import zlib

KB = 1000
MB = 1000 * KB


def noise_png(size, seed):
    """A valid PNG of exactly `size` bytes. The same seed makes the same image."""
    width = 64
    noise = random.Random(seed)
    # A row is a filter byte and three bytes a pixel. Stored, not deflated: 5 bytes for each 64 KiB.
    row = 1 + 3 * width
    height = (size - 200) * 65535 // 65540 // row
    rows = b"".join(b"\0" + noise.randbytes(row - 1) for _ in range(height))
    pieces = [
        b"\x89PNG\r\n\x1a\n",
        _chunk(b"IHDR", struct.pack("!IIBBBBB", width, height, 8, 2, 0, 0, 0)),
        _chunk(b"IDAT", zlib.compress(rows, 0)),
        _chunk(b"IEND", b""),
    ]
    # The last few bytes go into a private chunk, which readers skip.
    missing = size - sum(map(len, pieces)) - 12
    if missing < 0:
        raise ValueError(f"no PNG of this form has {size} bytes")
    pieces.insert(2, _chunk(b"fiLl", noise.randbytes(missing)))
    return b"".join(pieces)


def _chunk(kind, content):
    return struct.pack("!I", len(content)) + kind + content + struct.pack("!I", zlib.crc32(kind + content))


def size_text(size):
    return f"{size / MB:g} MB" if size >= MB else f"{size / KB:g} KB"
