"""The record in Redis is shared with a TypeScript application: what either writes is a hit for the other."""

import base64
import contextlib
import json
import subprocess
import time

import pytest

from harness import behaviours
from harness.fastcgi import FastCGIClient, parameters, request_bytes
from harness.handler import parse_cgi
from harness.http import proxied
from harness.images import MIB, png_of_size
from harness.waiting import eventually

READER = """
const record = JSON.parse(require('fs').readFileSync(0, 'utf8'));
process.stderr.write(JSON.stringify({...record, data: undefined}));
process.stdout.write(Buffer.from(record.data, 'base64'));
"""

# How that application stores an image; `chunk` is its chunked writer, which encodes each chunk by itself.
WRITER = """
const body = require('fs').readFileSync(0);
const [contentType, ttl, chunk, spaces] = process.argv.slice(1);
let data = '';
const size = Number(chunk) || Math.max(body.length, 1);
for (let at = 0; at < body.length; at += size) data += body.subarray(at, at + size).toString('base64');
const now = Date.now();
const record = {data, contentType, size: body.length, cachedAt: now, expiresAt: now + ttl * 1000};
process.stdout.write(JSON.stringify(record, null, Number(spaces)));
"""


def node(program, data, *arguments):
    return subprocess.run(["node", "-e", program, *map(str, arguments)], input=data, capture_output=True, check=True)


def written_by_node(body, content_type="image/png", ttl=86400, chunk=0, spaces=0):
    return node(WRITER, body, content_type, ttl, chunk, spaces).stdout


def put(front, url, record, ttl=86400):
    front.redis("SETEX", f"image-proxy:{url}", ttl, record)


@pytest.mark.parametrize("size", [2_000, 2_001, 2_002, MIB, 3 * MIB + 1, 5_242_880])
def test_node_reads_what_was_stored(front, origin, size):
    body = png_of_size(size)
    url = origin.serve(behaviours.image(body))
    front.client.get(url)
    done = node(READER, front.stored(url))
    assert done.stdout == body
    fields = json.loads(done.stderr)
    assert fields["contentType"] == "image/png" and fields["size"] == size
    assert fields["cachedAt"] < fields["expiresAt"]


def test_slashes_are_not_escaped_and_json_is_compact(front, origin, images):
    url = origin.serve(behaviours.image(images["jpeg"].body, "image/jpeg"))
    front.client.get(url)
    record = front.stored(url)
    assert record.startswith(b'{"data":"') and b'","contentType":"image/jpeg","size":' in record and b"\\" not in record


@pytest.mark.parametrize("chunk", [0, 3 * 1000], ids=["whole", "chunks-of-a-multiple-of-3"])
@pytest.mark.parametrize("spaces", [0, 2], ids=["compact", "indented"])
def test_what_node_wrote_is_a_hit(front, origin, images, chunk, spaces):
    image = images["jpeg"]
    url = origin.serve(behaviours.status("500 Not Asked"))
    put(front, url, written_by_node(image.body, image.content_type, chunk=chunk, spaces=spaces))
    hit = front.client.get(url)
    assert (hit.status, hit.is_hit, hit.body == image.body) == (200, True, True)
    assert hit.header("Content-Type") == "image/jpeg"
    assert hit.header("Content-Length") == str(len(image.body))
    assert origin.requests_for(url) == []


@pytest.mark.parametrize("size", [2_000, 4 * MIB + 5, 5_242_880])
def test_a_large_record_of_node_is_a_hit(front, origin, size):
    body = png_of_size(size, seed=3)
    url = origin.serve(behaviours.status("500 Not Asked"))
    put(front, url, written_by_node(body))
    hit = front.client.get(url)
    assert hit.is_hit and hit.body == body and hit.complete


def good(body, **changes):
    record = {"data": base64.b64encode(body).decode(), "contentType": "image/png", "size": len(body),
              "cachedAt": 1700000000000, "expiresAt": 4100000000000}
    record.update(changes)
    return {name: value for name, value in record.items() if value is not None}


def test_a_reader_takes_any_order_unknown_fields_and_escapes(front, origin, images):
    body = images["png"].body
    record = good(body)
    shuffled = {"etag": "\"a\\b\u00e9\"", "nested": {"a": [1, {"b": None}], "data": "no"}, "expiresAt": record["expiresAt"],
                "size": len(body), "contentType": "image/png", "cachedAt": record["cachedAt"], "data": record["data"],
                "last": True}
    text = json.dumps(shuffled, indent=1).replace("/", "\\/").replace("png\"", "\\u0070ng\"")
    url = origin.serve(behaviours.status("500 Not Asked"))
    put(front, url, text)
    hit = front.client.get(url)
    assert (hit.status, hit.is_hit, hit.body == body) == (200, True, True)


def damaged(body):
    whole = json.dumps(good(body))
    data = good(body)["data"]
    return {
        "chunks-that-do-not-join": json.dumps(good(
            body, data="".join(base64.b64encode(body[at:at + 1000]).decode() for at in range(0, len(body), 1000)))),
        "cut": whole[:len(whole) // 2],
        "cut-in-the-data-but-whole-json": json.dumps(good(body, data=data[:len(data) // 2 // 4 * 4])),
        "empty": "",
        "null": "null",
        "no-json": "<html>",
        "array": "[" * 100_000,
        "list": "[1,2]",
        "no-data": json.dumps(good(body, data=None)),
        "data-is-a-number": json.dumps(good(body, data=5)),
        "junk-in-base64": json.dumps(good(body, data=data[:100] + "!*?%" + data[104:])),
        "url-safe-base64-of-other-bytes": json.dumps(good(body, data="-_" + data[2:])),
        "size-too-small": json.dumps(good(body, size=len(body) - 1)),
        "size-too-large": json.dumps(good(body, size=len(body) + 1)),
        "size-is-a-word": json.dumps(good(body, size="many")),
        "size-negative": json.dumps(good(body, size=-1)),
        "size-beyond-64-bits": json.dumps(good(body, size=2 ** 70)),
        "type-html": json.dumps(good(body, contentType="text/html")),
        "type-with-line-break": json.dumps(good(body, contentType="image/png\r\nX-Injected: 1")),
        "type-missing": json.dumps(good(body, contentType=None)),
        "bad-utf8": whole.encode().replace(b"image/png", b"image/\xff\xfe"),
        "trailing": whole + "}",
        "lone-surrogate-escape": whole.replace("image/png", "image/\\ud800"),
    }


@pytest.mark.parametrize("name", sorted(damaged(b"x" * 3000)))
def test_a_damaged_record_is_a_miss_and_is_replaced(front, origin, name):
    body = png_of_size(3_001)
    url = origin.serve(behaviours.image(body))
    bad = damaged(body)[name]
    bad = bad if isinstance(bad, bytes) else bad.encode()
    put(front, url, bad)
    answer = front.client.get(url)
    assert (answer.status, answer.is_hit, answer.body == body) == (200, False, True)
    assert answer.header("X-Injected") is None

    def replaced():
        record = front.redis("GET", f"image-proxy:{url}")
        return record != bad and base64.b64decode(json.loads(record)["data"], validate=True) == body
    eventually(replaced, "the record is replaced")
    assert front.client.get(url).is_hit


def test_a_damaged_record_counts_once(start, origin, images):
    server = start()
    damaged_records = lambda: server.client.endpoint("stats").json()["damagedRecords"]
    for count in (1, 2):
        url = origin.serve(behaviours.image(images["png"].body))
        put(server, url, "{")
        assert server.client.get(url).status == 200
        assert damaged_records() == count


@pytest.mark.parametrize("size", [3_000, 3_000_000])
def test_records_in_any_layout_are_in_the_statistics(start, origin, size):
    server = start()
    body = png_of_size(size)
    layouts = [json.dumps(good(body)), json.dumps(good(body), indent=1).replace("/", "\\/"),
               json.dumps(dict(reversed(good(body).items())), separators=(",", ":")), json.dumps({"a": [1], **good(body), "b": {}})]
    for number, text in enumerate(layouts):
        put(server, f"{origin.base}/{number}", text)
    stats = server.client.endpoint("stats").json()
    assert (stats["totalImages"], stats["totalSize"]) == (len(layouts), len(layouts) * size)
    assert stats["oldestCache"] == stats["newestCache"] == good(body)["cachedAt"]


def test_a_record_that_has_expired_by_its_own_word_is_not_fresh(front, origin, images):
    """Redis' clock and the field need not agree: the application may have set a longer TTL."""
    body = images["png"].body
    url = origin.serve(behaviours.image(body))
    put(front, url, json.dumps(good(b"\x89PNG old", expiresAt=1700000001000)))
    answer = front.client.get(url)
    assert answer.status == 200 and answer.body == body and not answer.is_hit


def test_a_key_of_the_wrong_type_is_a_miss(front, origin, images):
    url = origin.serve(behaviours.image(images["png"].body))
    front.redis("LPUSH", f"image-proxy:{url}", "x")
    answer = front.client.get(url)
    assert (answer.status, answer.body == images["png"].body, answer.is_hit) == (200, True, False)


def test_keys_are_as_configured(start, origin, images):
    server = start(CACHE_KEY="mine:{url}:v2", METADATA_KEY="about:{url}", CACHE_TTL="90s", METADATA_TTL="3m")
    url = origin.serve(behaviours.image(images["png"].body))
    server.client.get(url)
    eventually(lambda: server.redis("EXISTS", f"mine:{url}:v2", f"about:{url}") == 2, "both keys")
    assert 0 < server.redis("TTL", f"mine:{url}:v2") <= 90 < server.redis("TTL", f"about:{url}") <= 180
    assert server.client.get(url).is_hit
    with_others = [key for key in server.redis("KEYS", "image-*") if url.encode() in key]
    assert with_others == []


@pytest.mark.parametrize("chunk", ["1025", "1MiB", "3KiB"])
def test_every_chunk_size_gives_one_valid_base64(start, origin, chunk):
    server = start(CHUNK_SIZE=chunk)
    body = png_of_size(2 * MIB + 1)
    url = origin.serve(behaviours.image(body))
    server.client.get(url)
    data = json.loads(server.stored(url))["data"]
    assert data == base64.b64encode(body).decode()


def test_bytes_in_a_url_are_no_redis_command(front, origin, images):
    """The key is one argument, whatever is in it; what would end one is refused."""
    def foreign():
        return {key for key in front.redis("KEYS", "*") if b"image-" not in key}
    before = foreign()
    origin.serve(behaviours.image(images["png"].body), "/a*3")
    url = origin.base + "/a*3?$3%20SET%20$1%20x{b}[c]*1%20FLUSHALL;"
    answer = front.client.get(url)
    assert (answer.status, answer.body) == (200, images["png"].body)
    eventually(lambda: front.redis("EXISTS", f"image-proxy:{url}"), "the key is the URL, to the letter")
    for end in ("\r\n", "\n", "\0"):
        answer = front.client.get(f"{origin.base}/a*3{end}*3{end}$3{end}SET{end}$1{end}x{end}$1{end}1{end}")
        assert answer.status == 400
    assert foreign() == before


@pytest.mark.parametrize("length", [100, 7_900])
def test_whatever_is_in_redis_expires_and_has_a_short_key(start, origin, length):
    """But for the number of what was stored: one key for all images. 8,000 characters of a URL are the most that are taken."""
    server = start()
    for size in (20_000, 3 * MIB):
        body = png_of_size(size)
        path = f"/{size}/"
        url = origin.serve(behaviours.image(body), path + "x" * (length - len(origin.base + path)))
        with FastCGIClient(server.handler.socket_path) as client:
            assert client.get(proxied(url).partition("?")[2]).response().body == body
        assert len(url) == length and server.stored(url)
    eventually(lambda: len(server.redis("KEYS", "image-metadata:*")) == 2, "metadata is stored")
    keys = [key for key in server.redis("KEYS", "*") if not key.endswith(b"}:stores")]
    assert len(keys) >= 4 and max(map(len, keys)) < 8192
    # What is gone by now has expired.
    assert [key for key in keys if server.redis("PTTL", key) == -1] == []


def test_a_large_hit_waits_for_a_slow_client(start, origin):
    """The time limit of the cache is Redis' own: a client that takes its time between two pieces is not cut short."""
    server = start(CACHE_TIMEOUT="100ms")
    body = png_of_size(4 * MIB)
    url = origin.serve(behaviours.image(body))
    server.client.get(url)
    server.stored(url)
    for pause in [0, 1]:
        # The first reading checks the record, the second knows it.
        with FastCGIClient(server.handler.socket_path) as client:
            client.send(request_bytes(parameters(proxied(url).partition("?")[2])))
            _, start_of_answer = client.record()
            time.sleep(pause)
            answer = client.answer()
        assert answer.end == (0, 0)
        assert parse_cgi(start_of_answer + answer.stdout).body == body


@pytest.mark.figures
def test_memory_of_hits_that_wait_for_slow_clients(start, origin):
    """The largest record, from Redis to clients who all have the beginning and take no more: a part of it is held for each."""
    server = start()
    body, count = png_of_size(5 * MIB), 12
    urls = [origin.serve(behaviours.status("500 Not Asked")) for _ in range(2)]
    for url, image in zip(urls, [body[:3_000], body]):
        put(server, url, json.dumps(good(image), separators=(",", ":")))
    assert server.client.get(urls[0]).is_hit
    before = server.handler.peak_resident
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(FastCGIClient(server.handler.socket_path)) for _ in range(count)]
        for client in clients:
            client.send(request_bytes(parameters(proxied(urls[1]).partition("?")[2])))
        starts = [client.record()[1] for client in clients]
        answers = [client.answer() for client in clients]
    for beginning, answer in zip(starts, answers):
        hit = parse_cgi(beginning + answer.stdout)
        assert hit.is_hit and hit.body == body
    assert server.handler.peak_resident - before < count * len(body) / 4
