"""Broken and odd images, made of whole ones: the same in every run, and small."""

import random
import struct
import zlib


def _chunk(kind, data, checksum=None):
    return struct.pack("!I", len(data)) + kind + data + struct.pack("!I", zlib.crc32(kind + data) if checksum is None else checksum)


def _png(width, height, *chunks, depth=8, colour=2):
    head = _chunk(b"IHDR", struct.pack("!IIBBBBB", width, height, depth, colour, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(chunks) + _chunk(b"IEND", b"")


def _gif(width, height, tail=b""):
    return b"GIF89a" + struct.pack("<HHBBB", width, height, 0, 0, 0) + tail + b";"


def _box(kind, data=b"", size=None):
    return struct.pack("!I", len(data) + 8 if size is None else size) + kind + data


def made_by_hand():
    """Each by name: sizes that are none or too many, structures without end, and two things at once."""
    script = b"*/=1;alert(document.domain)//"
    page = b"<html><script>alert(1)</script></html>"
    return {
        "png-of-nothing": _png(0, 0), "png-of-2^31": _png(2 ** 31, 2 ** 31), "png-of-2^32-1": _png(2 ** 32 - 1, 2 ** 32 - 1),
        "png-bomb": _png(50_000, 50_000, _chunk(b"IDAT", zlib.compress(bytes(1_000_000), 9))),
        "png-wrong-checksum": _png(1, 1, _chunk(b"IDAT", b"x", checksum=0)),
        "png-chunk-without-end": b"\x89PNG\r\n\x1a\n" + struct.pack("!I", 2 ** 32 - 1) + b"IHDR",
        "png-and-html": _png(1, 1, _chunk(b"tEXt", b"Comment\0" + page)), "png-then-html": _png(1, 1) + page,
        "png-signature": b"\x89PNG\r\n\x1a\n", "png-over-ftp": b"\x89PNG\n\x1a\n" + bytes(20),
        "gif-of-nothing": _gif(0, 0), "gif-and-script": b"GIF89a/*" + bytes(5) + script, "gif-and-html": _gif(1, 1, page),
        "gif-then-zip": _gif(1, 1) + b"PK\x03\x04" + bytes(40) + b"PK\x05\x06" + bytes(18), "gif88": b"GIF88a" + bytes(20),
        "jpeg-and-script": b"\xff\xd8\xff\xe0\x2f\x2a" + bytes(60) + script, "jpeg-of-markers": b"\xff\xd8" + b"\xff" * 5000,
        "jpeg-segment-of-no-length": b"\xff\xd8\xff\xe0\x00\x00" * 50, "jpeg-without-size": b"\xff\xd8\xff\xd9",
        "jpeg-of-65535": b"\xff\xd8\xff\xc0\x00\x11\x08\xff\xff\xff\xff\x03\x01\x11\x00\x02\x11\x01\x03\x11\x01\xff\xd9",
        "bmp-of-text": b"BM is how this text begins, and it is no image." * 3,
        "bmp-of-negative-size": b"BM" + struct.pack("<IHHIIiiHHIIiiII", 54, 0, 0, 54, 40, -(2 ** 31), -(2 ** 31), 1, 24, *[0] * 6),
        "ico-of-65535": b"\0\0\1\0\xff\xff" + bytes(32), "ico-beyond-its-end": b"\0\0\1\0\1\0" + b"\x10\x10\0\0\1\0\x20\0" + b"\xff" * 8,
        "tiff-circle": b"II*\0\x08\0\0\0" + b"\0\0" + struct.pack("<I", 8), "tiff-far": b"MM\0*\xff\xff\xff\xff" + bytes(8),
        "tiff-of-65535-tags": b"II*\0\x08\0\0\0\xff\xff" + b"\xff" * 200,
        "webp-of-other-length": b"RIFF\xff\xff\xff\xffWEBPVP8 " + b"\xff" * 30, "webp-of-unknown": b"RIFF\x20\0\0\0WEBPABCD" + bytes(40),
        "wav": b"RIFF\x24\0\0\0WAVEfmt " + bytes(30), "avi": b"RIFF\x24\0\0\0AVI LIST" + bytes(30),
        "mp4": _box(b"ftyp", b"isom\0\0\2\0isomiso2mp41") + _box(b"moov"), "avif-of-no-meta": _box(b"ftyp", b"avif\0\0\0\0avifmif1"),
        "avif-nested": _box(b"ftyp", b"avif\0\0\0\0avifmif1") + b"".join(struct.pack("!I", 2 ** 31 - 1) + b"meta" for _ in range(500)),
        "avif-of-empty-boxes": _box(b"ftyp", b"avif\0\0\0\0mif1") + _box(b"free") * 2000, "box-of-0": _box(b"ftyp", b"avif", size=0),
        "box-of-7": _box(b"ftyp", b"avif\0\0\0\0", size=7), "box-of-2^64": struct.pack("!I4sQ", 1, b"ftyp", 2 ** 64 - 1) + b"avif" + bytes(8),
        "jxl-signature": b"\xff\x0a", "jxl-of-ones": b"\xff\x0a" + b"\xff" * 40,
        "svg-script": b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
        "svg-event": b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>',
        "svg-external": b'<svg xmlns="http://www.w3.org/2000/svg"><image href="http://169.254.169.254/"/><use href="//x/y#z"/></svg>',
        "svg-entities": b'<!DOCTYPE svg [' + b"".join(b'<!ENTITY e%d "&e%d;&e%d;">' % (n + 1, n, n) for n in range(60)) + b']><svg/>',
        "svg-entity-of-a-file": b'<!DOCTYPE svg [<!ENTITY x SYSTEM "file:///etc/passwd">]><svg>&x;</svg>',
        "svg-in-html": b"<html><body>" + b'<svg xmlns="http://www.w3.org/2000/svg"/>', "svg-late": b"<!--" + b"-" * 5000 + b"--><svg/>",
        "svg-in-utf-16": '<svg xmlns="http://www.w3.org/2000/svg"/>'.encode("utf-16"), "pdf": b"%PDF-1.7\n" + bytes(30),
        "html-after-spaces": b" \n\t" * 200 + page, "html-bom": b"\xef\xbb\xbf" + page, "xml": b'<?xml version="1.0"?><a/>',
        "zeros": bytes(100), "one-byte": b"\x89", "mhtml": b"MIME-Version: 1.0\r\nContent-Type: multipart/related\r\n\r\n",
    }


def damaged(body, seed, count):
    """`count` ways to damage an image."""
    dice = random.Random(seed)
    for number in range(count):
        broken = bytearray(body)
        for _ in range(dice.randint(1, 6)):
            reach = min(len(broken), 96 if dice.random() < 0.7 else len(broken))
            if reach == 0:
                break
            place = dice.randrange(reach)
            kind = dice.randrange(5)
            if kind == 0:
                broken[place] = dice.choice((0, 1, 0x7F, 0x80, 0xFF))
            elif kind == 1:
                broken[place] ^= 1 << dice.randrange(8)
            elif kind == 2:
                broken[place:place] = bytes(dice.choices(range(256), k=dice.randint(1, 9)))
            elif kind == 3:
                del broken[place:place + dice.randint(1, 9)]
            elif number % 3 == 0:
                del broken[place:]
        yield bytes(broken)
