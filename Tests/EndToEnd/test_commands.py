"""The operator's commands on a cache that real servers use: inspect, purge, warm, clean."""

import base64
import json
import os
import pty
import re
import signal
import subprocess
import threading
import time
from urllib.parse import quote

import pytest

from harness import behaviours
from harness.documents import section
from harness.handler import EXECUTABLE, PROJECT, environment, run
from harness.http import MOUNT
from harness.images import png_of_size
from harness.lying_redis import LyingRedis
from harness.waiting import LIVENESS, eventually, free_port

DAY = 86_400_000
BOTH_STORES = pytest.mark.stores("redis", "file")
BODY = png_of_size(3_000)
# Longer than what is read in one piece.
LARGE = png_of_size(900_000)


@pytest.fixture
def cache(redis, databases):
    """A database of one's own: `cache.address` for settings, `cache("GET", key)` to look into it."""
    database = next(databases)
    client = redis.client(database)
    client.address = redis.unix_address(database)
    yield client
    client.close()


@pytest.fixture
def command(settings, cache):
    """Runs a command on that database: `command("purge", url, status=0, IGNORE="x")` gives what it printed."""
    def ran(*arguments, status=0, **changes):
        merged = {**settings, "CACHE": cache.address, "CONFIG": "/dev/null", **changes}
        done = run(*arguments, settings={name: value for name, value in merged.items() if value is not None})
        assert done.returncode == status, (done.returncode, done.stdout, done.stderr)
        return done
    return ran


@pytest.fixture
def answer(command):
    """What a command says as JSON."""
    return lambda *arguments, **options: json.loads(command(*arguments, "--json", **options).stdout)


def started(settings, cache, *arguments, **changes):
    """A command on that database that goes on while the test does."""
    return subprocess.Popen(
        [EXECUTABLE, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=environment({**settings, "CACHE": cache.address, "CONFIG": "/dev/null", **changes}))


def record(body=BODY, age=0, **changes):
    """A record as the TypeScript application writes it, `age` milliseconds ago."""
    now = int(time.time() * 1000)
    fields = {"data": base64.b64encode(body).decode(), "contentType": "image/png", "size": len(body),
              "cachedAt": now - age, "expiresAt": now - age + 30 * DAY, **changes}
    return json.dumps({name: value for name, value in fields.items() if value is not None}, separators=(",", ":"))


def metadata(body=BODY, age=0, **changes):
    now = int(time.time() * 1000)
    return json.dumps({"width": 64, "height": 64, "contentType": "image/png", "size": len(body), "cachedAt": now - age,
                       **changes})


def put(cache, url, age=0, body=BODY):
    cache("SET", f"image-proxy:{url}", record(body, age), "EX", 3600)
    cache("SET", f"image-metadata:{url}", metadata(body, age), "EX", 3600)


def lease_key(url):
    return f"{{image-proxy:{url}}}:fetch"


def keys(cache):
    return sorted(key.decode() for key in cache("KEYS", "*"))


def stored_keys(cache):
    """Those of images and metadata, without the leases that come and go and what servers count."""
    return [key for key in keys(cache) if key.startswith(("image-proxy:http", "image-metadata:http"))]


# What others may have in the same Redis, some of it named as if to look like ours.
OTHERS = {
    "session:1": "x", "image-proxy:settings": "x", "image-proxy:": "x", "image-metadata:": "x", "image-proxies:http://h/": "x",
    "{image-proxy:http://h/}:lock": "x", "my-image-proxy:http://h/": "x", "{image-proxy:settings}:fetch": "x",
}


# MARK: inspect


def test_inspect_says_what_a_server_has_stored(start, cache, answer, command, origin):
    server = start(CACHE=cache.address)
    url = origin.serve(behaviours.image(LARGE, "image/png", ("Cache-Control", "max-age=600"), ("ETag", '"v1"')))
    server.client.get(url)
    eventually(lambda: cache("EXISTS", f"image-proxy:{url}", f"image-metadata:{url}") == 2, "both are stored")
    eventually(lambda: not cache("EXISTS", lease_key(url)), "the lease is given back")
    found = answer("inspect", url)
    image = found["image"]
    assert (image["sound"], image["damage"], image["contentType"], image["size"]) == (True, None, "image/png", len(LARGE))
    assert (image["state"], image["format"], image["etag"]) == ("fresh", "json", '"v1"')
    assert 0 < image["freshSeconds"] <= 600 and image["bytes"] == cache("STRLEN", f"image-proxy:{url}")
    assert image["expiresInMilliseconds"] > 0
    assert (found["metadata"]["width"], found["metadata"]["size"]) == (64, len(LARGE))
    assert found["lease"] is None
    text = command("inspect", url).stdout
    for words in (url, "fresh for", '"v1"', "64x64", "too large for it", f"image-proxy:{url}"):
        assert words in text
    assert "small enough for it" in command("inspect", url, MEMORY_CACHE_SIZE="64MiB").stdout


def test_inspect_asks_a_server_for_its_memory(start, cache, answer, command, origin):
    server = start(CACHE=cache.address, MEMORY_CACHE_SIZE="64MiB")
    mount = server.server.base + MOUNT
    url = origin.serve(behaviours.image(BODY)) + "?a=b%20c&d"
    server.client.get(url)
    eventually(lambda: cache("EXISTS", f"image-proxy:{url}"), "it is stored")
    assert answer("inspect", url)["memory"] is None
    assert answer("inspect", url, "--server", mount)["memory"] == {"inMemory": False}
    # With the second hit it is in memory.
    for _ in range(2):
        assert server.client.get(url).is_hit
    found = answer("inspect", url, "--server", mount + "/")
    assert found["memory"] == {"inMemory": True, "size": len(BODY), "cachedAt": found["image"]["cachedAt"],
                               "expiresAt": found["image"]["expiresAt"], "current": True}
    assert "as in the cache" in command("inspect", url, "--server", mount).stdout
    # Nobody may serve what another program has replaced.
    cache("SET", f"image-proxy:{url}", record(LARGE), "EX", 60)
    assert answer("inspect", url, "--server", mount)["memory"]["current"] is False


def test_inspect_says_which_server_does_not_answer(command, cache, origin):
    url = "http://127.0.0.1/a"
    closed = f"http://127.0.0.1:{free_port()}/api/image-proxy"
    assert closed in command("inspect", url, "--server", closed, status=1).stderr
    other = origin.serve(behaviours.image(b"[]", "application/json"))
    assert "does not say" in command("inspect", url, "--server", other, status=1).stderr
    command("inspect", url, "--server", "/api/image-proxy", status=64)


@BOTH_STORES
def test_inspect_of_what_is_not_there(answer):
    assert answer("inspect", "http://127.0.0.1/none") == {
        "url": "http://127.0.0.1/none", "image": None, "metadata": None, "lease": None, "memory": None}


@pytest.mark.parametrize("changes,damage", [({"size": 2_999}, "sizeMismatch"), ({"contentType": "text/html"}, "not-an-image"),
                                            ({"data": "!" * 4000}, "base64"), ({"size": None}, "missingField")])
def test_inspect_finds_damage(cache, answer, changes, damage):
    url = "http://127.0.0.1/a"
    cache("SET", f"image-proxy:{url}", record(**changes), "EX", 60)
    found = answer("inspect", url)
    assert (found["image"]["sound"], found["image"]["damage"]) == (False, damage)


def test_inspect_finds_damage_in_the_midst_of_a_large_record(cache, answer):
    url = "http://127.0.0.1/a"
    text = record(LARGE)
    cache("SET", f"image-proxy:{url}", text[:500_000] + "!" + text[500_001:], "EX", 60)
    found = answer("inspect", url)["image"]
    assert (found["sound"], found["damage"], found["size"]) == (False, "base64", len(LARGE))


@BOTH_STORES
def test_inspect_tells_stale_from_fresh_and_shows_leases(cache, answer):
    url = "http://127.0.0.1/a"
    cache("SET", f"image-proxy:{url}", record(age=31 * DAY), "EX", 60)
    cache("SET", lease_key(url), "=404", "PX", 30_000)
    found = answer("inspect", url)
    assert (found["image"]["state"], found["lease"]["verdict"]) == ("stale", "404") and found["image"]["freshSeconds"] < 0
    cache("SET", lease_key(url), "token", "PX", 5_000)
    assert answer("inspect", url)["lease"]["verdict"] is None


@pytest.mark.parametrize("arguments,status", [(["inspect"], 64), (["inspect", "a", "b"], 64), (["inspect", "ftp://h/"], 1),
                                              (["clean", "x"], 64), (["warm", "a", "b"], 64), (["warm", "/nonexistent"], 1)])
def test_what_cannot_be_understood(command, arguments, status):
    assert command(*arguments, status=status).stdout == ""


@pytest.mark.parametrize("arguments", [["inspect", "http://127.0.0.1/"], ["purge", "--all"], ["clean"], ["warm", "/dev/null"]])
def test_without_a_cache_there_is_nothing_to_do(command, arguments):
    assert "IMAGE_PROXY_CACHE is off" in command(*arguments, status=1, CACHE="off").stderr
    assert "Redis" in command(*arguments, status=1, CACHE="unix:/nonexistent/redis.sock").stderr


# MARK: stats


@BOTH_STORES
def test_stats_counts_what_is_there_and_what_hosts_have_done(start, cache, answer, command, origin):
    for number in range(3):
        put(cache, f"http://127.0.0.1/{number}")
    server = start(CACHE=cache.address)
    url = origin.serve(behaviours.image(LARGE))
    server.client.get(url)
    eventually(lambda: cache("EXISTS", f"image-proxy:{url}"), "it is stored")
    assert server.client.get(url).is_hit

    def told():
        found = answer("stats")
        return found if found["hosts"] and found["hosts"][0]["requests"] == 2 else None
    found = eventually(told, "the server has published what it has counted")
    assert (found["totalImages"], found["totalSize"]) == (4, 3 * len(BODY) + len(LARGE))
    host = found["hosts"][0]
    assert (host["hits"], host["misses"], host["hitRate"], host["bytesSaved"]) == (1, 1, 0.5, len(LARGE))
    text = command("stats").stdout
    for words in ("image/png", "4 images", "up to 4KiB", "up to 1MiB", host["name"], "50.0 %"):
        assert words in text


def test_without_a_cache_nothing_is_in_it(answer):
    found = answer("stats", CACHE="off")
    assert (found["totalImages"], found["hosts"]) == (0, [])


# MARK: purge


@BOTH_STORES
def test_a_purge_is_seen_by_every_process_within_a_second(start, cache, answer, origin):
    servers = [start(CACHE=cache.address, MEMORY_CACHE_SIZE="64MiB") for _ in range(2)]
    url = origin.serve(behaviours.in_turn(behaviours.image(BODY), behaviours.image(LARGE)))
    servers[0].client.get(url)
    eventually(lambda: cache("EXISTS", f"image-proxy:{url}", f"image-metadata:{url}") == 2, "both are stored")
    for server in servers:
        # With the second hit it is in memory.
        for _ in range(3):
            assert server.client.get(url).is_hit
    # The lease may just have been given back, or not.
    found = answer("purge", url)
    assert (found["complete"], found["images"], found["metadata"], found["drafts"]) == (True, 1, 1, 0)
    assert stored_keys(cache) == []
    time.sleep(1)
    # The image would be fresh for a day: who did not follow would serve it for as long.
    for server in servers:
        assert server.client.get(url).body == LARGE
    assert len(origin.requests_for(url)) == 2


def test_all_of_ours_goes_and_nothing_of_others(cache, answer):
    for key, value in OTHERS.items():
        cache("SET", key, value)
    cache("RPUSH", "image-proxy:list", "x")
    urls = [f"http://127.0.0.1/{number}" for number in range(1_200)] + ["http://127.0.0.1/{tag}"]
    for url in urls:
        put(cache, url)
    cache("SET", lease_key(urls[0]), "=404", "PX", 60_000)
    cache("SET", lease_key("http://127.0.0.1/only-a-verdict"), "=404", "PX", 60_000)
    cache("SET", "fetch:image-proxy:http://127.0.0.1/{tag}", "token", "PX", 60_000)
    cache("SET", "{image-proxy:http://127.0.0.1/x}:draft-1f", "x", "PX", 60_000)
    before = keys(cache)
    expected = {"complete": True, "images": 1_201, "metadata": 1_201, "leases": 3, "drafts": 1}
    assert answer("purge", "--all", "--dry-run") == {"dryRun": True, **expected}
    assert keys(cache) == before
    assert answer("purge", "--all") == {"dryRun": False, **expected}
    assert keys(cache) == sorted([*OTHERS, "image-proxy:list"])
    assert answer("purge", "--all")["images"] == 0


def test_keys_of_another_template_are_not_ours(cache, answer):
    put(cache, "http://127.0.0.1/a")
    assert answer("purge", "--all", CACHE_KEY="mine:{url}", METADATA_KEY="my-metadata:{url}")["images"] == 0
    cache("SET", "http://127.0.0.1/b", record())
    assert answer("purge", "--all", CACHE_KEY="{url}")["images"] == 1
    assert keys(cache) == ["image-proxy:http://127.0.0.1/a"]


SPREAD = ["http://images.example.com/a", "https://Images.Example.com:8443/b?c", "http://a.images.example.com/a",
          "http://images.example.com.evil.test/", "http://evilimages.example.com/", "http://example.com/images.example.com"]


@BOTH_STORES
@pytest.mark.parametrize("option,value,gone", [
    ("--host", "images.example.com", [0, 1]), ("--host", "*.images.example.com", [2]), ("--host", "*.example.com", [0, 1, 2, 4]),
    ("--host", "nobody.test", []), ("--prefix", "http://images.example.com/", [0]),
    ("--prefix", "https://images.example.com:8443/b", [1]), ("--prefix", "http://images.example.com/b", []),
])
def test_some_are_purged(cache, command, answer, option, value, gone):
    for url in SPREAD:
        put(cache, url)
        cache("SET", lease_key(url), "token", "PX", 60_000)
    dry = command("purge", option, value, "--dry-run")
    assert sorted(dry.stdout.splitlines()) == sorted(SPREAD[index] for index in gone)
    assert f"would purge {len(gone)} images" in dry.stderr
    found = answer("purge", option, value)
    assert (found["images"], found["metadata"], found["leases"]) == (len(gone),) * 3
    kept = [url for index, url in enumerate(SPREAD) if index not in gone]
    assert keys(cache) == sorted(name for url in kept for name in (
        f"image-proxy:{url}", f"image-metadata:{url}", lease_key(url)))


def test_what_is_old_is_purged(cache, answer, command):
    old, young = "http://127.0.0.1/old", "http://127.0.0.1/young"
    put(cache, old, age=2 * 3_600_000)
    put(cache, young)
    cache("SET", lease_key(young), "token", "PX", 60_000)
    cache("SET", "image-metadata:http://127.0.0.1/too-large", metadata(age=2 * 3_600_000), "EX", 60)
    cache("SET", "image-proxy:http://127.0.0.1/damaged", "{}", "EX", 60)
    assert answer("purge", "--older-than", "3h")["images"] == 0
    assert answer("purge", "--older-than", "1h", "--host", "elsewhere.test")["images"] == 0
    found = answer("purge", "--older-than", "1h", "--host", "127.0.0.1")
    assert (found["images"], found["metadata"], found["leases"]) == (1, 2, 0)
    assert keys(cache) == sorted([f"image-proxy:{young}", f"image-metadata:{young}", lease_key(young),
                                  "image-proxy:http://127.0.0.1/damaged"])


@pytest.mark.parametrize("arguments", [
    [], ["http://h/", "--all"], ["--all", "--host", "h"], ["--host", "*"], ["--host", "http://h/"], ["--prefix", "https://h"],
    ["--older-than", "5"], ["--older-than", "0"], ["--all", "--older-than", "1h"], ["http://h/", "http://h/2"],
    ["http://h/", "--older-than", "1h"],
])
def test_what_is_not_clear_is_not_purged(cache, command, arguments):
    put(cache, "http://h/")
    assert command("purge", *arguments, status=64).stdout == ""
    assert cache("DBSIZE") == 2


# MARK: clean


def test_clean_removes_what_is_of_no_use_and_nothing_else(cache, answer, command):
    host = "http://127.0.0.1"
    good = [f"{host}/good", f"{host}/large"]
    for key, value in OTHERS.items():
        cache("SET", key, value)
    put(cache, good[0])
    put(cache, good[1], body=LARGE)
    cache("SET", f"image-proxy:{host}/indented", json.dumps(json.loads(record()), indent=2), "EX", 60)
    cache("SET", f"image-metadata:{host}/too-large-to-cache", metadata(age=30 * DAY, size=99_000_000), "EX", 60)
    cache("SET", f"image-metadata:{host}/young", metadata(), "EX", 60)
    cache("SET", lease_key(good[0]), "token", "PX", 5_000)
    cache("SET", lease_key(good[1]), "=404", "PX", 3_600_000)
    cache("SET", f"{{image-proxy:{host}/x}}:draft-1f", "x", "PX", 60_000)
    kept = set(keys(cache))

    chunks = "".join(base64.b64encode(LARGE[at:at + 100_000]).decode() for at in range(0, len(LARGE), 100_000))
    text = record(LARGE)
    bad = {
        f"image-proxy:{host}/cut": record(size=2_999), f"image-proxy:{host}/chunks": record(LARGE, data=chunks),
        f"image-proxy:{host}/half": record()[:2_000], f"image-proxy:{host}/empty": "",
        f"image-proxy:{host}/midst": text[:500_000] + "!" + text[500_001:],
        f"image-proxy:{host}/html": record(b"<html>no image at all"), f"image-metadata:{host}/bad": "{",
        f"image-proxy:{host}/foreign": '{"image":"x"}', f"image-proxy:{host}/list": '["x"]',
        f"image-metadata:{host}/orphan": metadata(age=30 * DAY),
        f"{{image-proxy:{host}/x}}:draft-2f": "x", lease_key(f"{host}/dead"): "token",
        lease_key(f"{host}/verdict"): "=404",
    }
    for key, value in bad.items():
        cache("SET", key, value)
    cache("RPUSH", f"image-proxy:{host}/no-string", "x")
    expected = {"complete": True, "checked": len(kept) - len(OTHERS) + len(bad) + 1, "cut": 2, "damaged": 5, "foreign": 3,
                "orphan": 1, "draft": 1, "lease": 2, "bytes": sum(map(len, bad.values()))}
    assert answer("clean", "--dry-run") == {"dryRun": True, **expected}
    assert set(keys(cache)) == kept | set(bad) | {f"image-proxy:{host}/no-string"}
    assert answer("clean") == {"dryRun": False, **expected}
    assert set(keys(cache)) == kept
    done = command("clean")
    assert f"{len(kept) - len(OTHERS)} looked at" in done.stdout and "0 bytes removed" not in done.stdout.split("keys")[0]


def test_clean_leaves_what_a_server_has_stored(start, cache, answer, origin, images):
    server = start(CACHE=cache.address)
    for image in images.values():
        server.client.get(origin.serve(behaviours.image(image.body, image.content_type)))
    for size in (1_048_576, 3_000_001, 5_242_880):
        server.client.get(origin.serve(behaviours.image(png_of_size(size))))
    count = len(images) + 3
    eventually(lambda: len(stored_keys(cache)) == 2 * count, "all are stored")
    eventually(lambda: not any(key.endswith(":fetch") for key in keys(cache)), "the leases are given back")
    found = answer("clean")
    assert found["checked"] == 2 * count and found["bytes"] == 0
    assert len(stored_keys(cache)) == 2 * count


def test_raw_records_are_read_to_their_end(start, cache, answer, origin):
    server = start(CACHE=cache.address, CACHE_FORMAT="raw")
    url = origin.serve(behaviours.image(LARGE))
    server.client.get(url)
    eventually(lambda: cache("EXISTS", f"image-proxy:{url}"), "it is stored")
    assert (answer("inspect", url)["image"]["format"], answer("clean")["bytes"]) == ("raw", 0)


# MARK: stopping, and how far it is

# Several steps of a walk, of 250 keys each.
MANY = 1_200


@pytest.fixture
def halting(cache, redis):
    """A way to that database on which the third SCAN waits: `halting.reached` is set then, and `halting.gate` lets it go
    on."""
    scans, reached, gate = [], threading.Event(), threading.Event()

    def answer(words):
        if words[0] == b"SCAN":
            scans.append(words)
            if len(scans) == 3:
                reached.set()
                gate.wait(LIVENESS)
    database = int(cache.address.partition("=")[2])
    with LyingRedis(redis, answer, database) as between:
        between.reached, between.gate = reached, gate
        yield between
        gate.set()


def fill(cache):
    value = record().encode()
    cache("EVAL", "for i = 1, tonumber(ARGV[1]) do redis.call('SET', 'image-proxy:http://127.0.0.1/' .. i, ARGV[2], 'EX', 3600) end",
          0, MANY, value)


LONG = [("stats",), ("purge", "--all"), ("purge", "--older-than", "1ms"), ("clean",), ("clean", "--dry-run")]


@pytest.mark.parametrize("signal_number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("words", LONG, ids=" ".join)
def test_ctrl_c_ends_a_walk_between_two_steps(settings, cache, halting, words, signal_number):
    fill(cache)
    process = started(settings, cache, *words, "--json", CACHE=halting.address)
    assert halting.reached.wait(LIVENESS)
    interrupt(process, signal_number)
    halting.gate.set()
    output, _ = process.communicate(timeout=LIVENESS)
    assert process.returncode == 130
    left = cache("DBSIZE")
    if words[0] == "stats":
        assert output == "", "half of the numbers would be wrong numbers"
    else:
        found = json.loads(output)
        assert found["complete"] is False
        # What it says is what it did: everything is looked at, or removed, or as it was.
        purged = found.get("images", 0)
        assert (0 < purged < MANY and left == MANY - purged) if words[0] == "purge" else (
            left == MANY and 0 < found["checked"] < MANY)
    assert all(cache("STRLEN", key) for key in keys(cache)), "nothing is half there"


@pytest.mark.parametrize("words", LONG, ids=" ".join)
def test_a_second_ctrl_c_ends_a_walk_at_once(settings, cache, halting, words):
    fill(cache)
    process = started(settings, cache, *words, CACHE=halting.address)
    assert halting.reached.wait(LIVENESS)
    interrupt(process)
    process.send_signal(signal.SIGINT)
    # Redis has not answered yet.
    process.communicate(timeout=LIVENESS)
    assert process.returncode == 130


@pytest.mark.parametrize("words", LONG, ids=" ".join)
def test_a_walk_has_a_bar_on_a_terminal(settings, cache, halting, words):
    fill(cache)
    output, shown = on_a_terminal(settings, cache, *words, CACHE=halting.address, then=lambda seen: (
        eventually(lambda: b" keys" in seen(), "the bar is drawn while it works"), halting.gate.set()))
    assert re.search(rb"\[#*\.*\] \d+%  \d+ of 1200 keys|\d+ of 2400 keys", shown)
    assert shown.endswith(b"\r\x1b[K") or b"would purge" in shown, "the bar is taken away"
    assert b"\x1b" not in output and output


def test_without_a_terminal_a_walk_says_now_and_then_how_far_it_is(settings, cache, halting):
    fill(cache)
    process = started(settings, cache, "clean", CACHE=halting.address)
    assert halting.reached.wait(LIVENESS)
    # A line comes when the last one, or the beginning, is some seconds ago.
    time.sleep(5.5)
    halting.gate.set()
    output, errors = process.communicate(timeout=LIVENESS)
    assert process.returncode == 0 and "1200 looked at" in output
    assert re.fullmatch(r"(\d+ of 2400 keys\n)+", errors)


def on_a_terminal(settings, cache, *arguments, then=lambda seen: None, **changes):
    """Runs a command whose standard error is a terminal. Returns (output, what the terminal was shown); `then` is called
    meanwhile, with a function that gives what was shown by then."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [EXECUTABLE, *arguments], stdout=subprocess.PIPE, stderr=theirs,
        env=environment({**settings, "CACHE": cache.address, "CONFIG": "/dev/null", **changes}))
    os.close(theirs)
    shown = []

    def watch():
        try:
            while data := os.read(ours, 4096):
                shown.append(data)
        except OSError:
            pass
    watcher = threading.Thread(target=watch)
    watcher.start()
    then(lambda: b"".join(shown))
    output, _ = process.communicate(timeout=LIVENESS)
    watcher.join()
    os.close(ours)
    assert process.returncode == 0
    return output, b"".join(shown)


# MARK: help


@pytest.mark.parametrize("words", [["help"], ["--help"], ["-h"]])
def test_help_shows_every_command(command, words):
    shown = command(*words).stdout
    assert all(f"\n  {name} " in shown for name in ("serve", "stats", "purge", "warm", "check-config"))


@pytest.mark.parametrize("words", [["help", "purge"], ["purge", "--help"], ["purge", "-h"], ["purge", "--nonsense", "-h"]])
def test_help_on_a_command(command, words):
    shown = command(*words).stdout
    assert shown.startswith("usage: image-proxy purge ") and "  --older-than T  those" in shown


def test_help_on_nothing_known(command):
    assert "there is no command prune" in command("help", "prune", status=64).stderr


# MARK: the page


PAGE = (PROJECT / "docs" / "commands.md").read_text()


def test_the_page_lists_what_there_is(answer):
    kinds = re.findall(r"^\| `(\w+)` \|", section(PAGE, "clean"), re.MULTILINE)
    assert kinds == [name for name in answer("clean") if name not in ("dryRun", "complete", "checked", "bytes")]


# MARK: warm


def write(path, lines):
    path.write_text("\n".join(lines) + "\n")
    return path


@BOTH_STORES
def test_a_list_is_warmed_and_then_hit(start, cache, answer, origin, tmp_path):
    server = start(CACHE=cache.address)
    bodies = [BODY, LARGE, png_of_size(5_242_880), png_of_size(4_000)]
    urls = [origin.serve(behaviours.image(body)) for body in bodies]
    missing = origin.base + "/missing"
    unstorable = origin.serve(behaviours.image(BODY, "image/png", ("Cache-Control", "no-store")))
    too_large = origin.serve(behaviours.image(png_of_size(5_242_881)))
    denied = "http://elsewhere.test/a"
    wanted = write(tmp_path / "list", ["# images", *urls, urls[0], "", unstorable, too_large, missing, denied, "nonsense"])
    found = answer("warm", wanted, status=1)
    assert {name: found[name] for name in ("complete", "images", "kept", "keptBytes", "fresh", "notKept", "failed")} == {
        "complete": True, "images": 9, "kept": 4, "keptBytes": sum(map(len, bodies)), "fresh": 0, "notKept": 2, "failed": 3}
    assert {failure["url"]: failure["reason"] for failure in found["failures"]} == {
        missing: "upstream.status-404", denied: "denied.host", "nonsense": "bad-request.malformed"}
    for url, body in zip(urls, bodies):
        hit = server.client.get(url)
        assert hit.is_hit and hit.body == body
    again = answer("warm", write(wanted, urls))
    assert (again["fresh"], again["kept"], again["failed"]) == (4, 0, 0)
    assert [len(origin.requests_for(url)) for url in urls] == [1] * 4


def test_an_image_that_a_server_is_fetching_is_not_fetched_twice(start, settings, cache, origin, tmp_path):
    server = start(CACHE=cache.address)
    gate = threading.Event()
    url = origin.serve(behaviours.gated(BODY, gate, 100))
    client = threading.Thread(target=server.client.get, args=(url,))
    client.start()
    eventually(lambda: cache("EXISTS", lease_key(url)) and origin.requests_for(url), "a server fetches it")
    before = calls_of_set(cache)
    process = started(settings, cache, "warm", write(tmp_path / "list", [url]), "--json")
    # It asks for the lease over and over.
    eventually(lambda: calls_of_set(cache) > before + 5, "the command waits")
    gate.set()
    output, _ = process.communicate(timeout=LIVENESS)
    client.join()
    assert json.loads(output)["kept"] == 1 and len(origin.requests_for(url)) == 1


def calls_of_set(cache):
    found = re.search(rb"cmdstat_set:calls=(\d+)", cache("INFO", "commandstats"))
    return int(found[1]) if found else 0


@BOTH_STORES
def test_a_stale_image_is_asked_about_again(cache, answer, origin, tmp_path):
    def script(exchange):
        if exchange.request.value("If-None-Match") == '"v1"':
            exchange.head("304 Not Modified", ("Cache-Control", "max-age=600"), ("ETag", '"v1"'))
        else:
            behaviours.image(BODY, "image/png", ("Cache-Control", "max-age=0"), ("ETag", '"v1"'))(exchange)
    url = origin.serve(script)
    wanted = write(tmp_path / "list", [url])
    assert answer("warm", wanted)["kept"] == 1
    assert answer("inspect", url)["image"]["state"] != "fresh"
    assert answer("warm", wanted)["kept"] == 1
    assert answer("inspect", url)["image"]["state"] == "fresh"


def test_no_signature_is_needed(cache, answer, origin, tmp_path):
    wanted = write(tmp_path / "list", [origin.serve(behaviours.image(BODY))])
    assert answer("warm", wanted, SIGNING_KEYS="secret")["kept"] == 1
    assert answer("warm", write(wanted, [origin.serve(behaviours.image(BODY))]), SIGNING_KEYS="a", ALLOWED_HOSTS=None)["kept"] == 1


def test_a_page_is_warmed(cache, answer, origin):
    urls = [origin.serve(behaviours.image(BODY)) for _ in range(4)]
    paths = [url[len(origin.base):] for url in urls]
    page = f"""<!doctype html><title><img src="/title"></title><!-- <img src="/comment"> -->
        <img src="{paths[0]}"><img src="data:image/png;base64,AA" srcset="{urls[1]} 1x, /none.png 2x">
        <picture><source srcset="{paths[2]}"></picture>
        <img src="/api/image-proxy?url={quote(urls[3], safe='')}&amp;x=1">""".encode()
    found = answer("warm", origin.serve(behaviours.image(page, "text/html")), status=1)
    assert (found["images"], found["kept"], found["ignored"]) == (5, 4, 1)
    assert [failure["url"] for failure in found["failures"]] == [origin.base + "/none.png"]
    assert stored_keys(cache) == sorted([*(f"image-proxy:{url}" for url in urls), *(f"image-metadata:{url}" for url in urls)])


def test_a_page_from_a_file_needs_a_base(cache, answer, origin, tmp_path):
    url = origin.serve(behaviours.image(BODY))
    page = write(tmp_path / "page.html", [f'<img src="{url[len(origin.base):]}">'])
    assert answer("warm", page)["ignored"] == 1
    assert answer("warm", page, "--base", origin.base)["kept"] == 1


def sitemap(urls):
    return ("<?xml version='1.0'?><urlset>" + "".join(f"<url><loc>{url}</loc></url>" for url in urls) + "</urlset>").encode()


def test_an_index_of_sitemaps_is_followed(cache, answer, origin):
    urls = [origin.serve(behaviours.image(BODY)) for _ in range(3)]
    maps = [origin.serve(behaviours.image(sitemap(part), "application/xml")) for part in (urls[:2], urls[2:])]
    moved = origin.serve(behaviours.redirect(maps[1]))
    index = "".join(f"<sitemap><loc>{url}</loc></sitemap>" for url in [maps[0], moved, origin.base + "/no.xml"])
    found = answer("warm", origin.serve(behaviours.image(f"<sitemapindex>{index}</sitemapindex>".encode(), "text/xml")), status=1)
    assert (found["complete"], found["images"], found["kept"], found["failed"]) == (True, 3, 3, 1)
    assert found["failures"] == [{"url": origin.base + "/no.xml", "reason": "upstream.status-404"}]


def test_a_document_may_not_lead_inside(command, origin, canary):
    """The operator names the first host alone; what it redirects or refers to is judged like any other source."""
    inside = canary.serve(behaviours.image(sitemap([]), "text/xml"))
    index = origin.serve(behaviours.image(f"<sitemapindex><loc>{inside}</loc></sitemapindex>".encode(), "text/xml"))
    assert "denied" in command("warm", index, status=1).stdout
    assert "denied" in command("warm", origin.serve(behaviours.redirect(inside)), status=1).stderr


def test_a_list_from_standard_input(settings, cache, origin):
    urls = [origin.serve(behaviours.image(BODY)) for _ in range(2)]
    done = subprocess.run([EXECUTABLE, "warm"], input="\n".join(urls), text=True, capture_output=True, timeout=LIVENESS,
                          env=environment({**settings, "CACHE": cache.address, "CONFIG": "/dev/null"}))
    assert done.returncode == 0 and cache("DBSIZE") == 4
    # No terminal: a line an image, and no control characters.
    assert sorted(done.stderr.splitlines()) == sorted(f"kept {len(BODY)}  {url}" for url in urls)


def test_images_are_fetched_at_the_same_time_but_no_more_than_asked(settings, cache, origin, tmp_path):
    gate = threading.Event()
    urls = [origin.serve(behaviours.gated(BODY, gate, 100)) for _ in range(6)]
    wanted = write(tmp_path / "list", urls)
    process = started(settings, cache, "warm", wanted, "--concurrency", "3", "--json")
    asked = lambda: sum(len(origin.requests_for(url)) for url in urls)
    eventually(lambda: asked() == 3, "three are asked for")
    gate.set()
    output, _ = process.communicate(timeout=LIVENESS)
    assert json.loads(output)["kept"] == 6 and asked() == 6


def test_no_more_are_asked_for_in_a_second_than_asked(settings, cache, answer, origin, tmp_path):
    times = []

    def script(exchange):
        times.append(time.monotonic())
        behaviours.image(BODY)(exchange)
    urls = [origin.serve(script) for _ in range(5)]
    wanted = write(tmp_path / "list", urls)
    started = time.monotonic()
    assert answer("warm", wanted, "--rate", "4", "--concurrency", "5")["kept"] == 5
    # The first has its turn at once, each other a quarter of a second after the one before: never early, however slow the machine is.
    assert all(time - started > number / 4 for number, time in enumerate(sorted(times)))
    # What is fresh is not asked for, and waits for nothing.
    assert answer("warm", wanted, "--rate", "0.001")["fresh"] == 5


@pytest.mark.parametrize("option,value", [("--concurrency", "0"), ("--concurrency", "65"), ("--rate", "0"), ("--rate", "nan"),
                                          ("--as", "pdf"), ("--base", "/x")])
def test_settings_of_warm_are_checked(command, option, value):
    command("warm", "/dev/null", option, value, status=64)


def interrupt(process, number=signal.SIGINT):
    """Sends a Ctrl-C, or another signal, and waits until the command says that it stops."""
    process.send_signal(number)
    lines = iter(process.stderr.readline, "")
    assert any("stopping" in line for line in lines)


def test_ctrl_c_ends_what_was_begun_and_the_rest_is_resumed(settings, cache, answer, origin, tmp_path):
    gate = threading.Event()
    urls = [origin.serve(behaviours.image(BODY)), origin.serve(behaviours.gated(BODY, gate, 100)),
            *(origin.serve(behaviours.image(BODY)) for _ in range(3))]
    wanted, log = write(tmp_path / "list", urls), tmp_path / "done"
    process = started(settings, cache, "warm", wanted, "--concurrency", "1", "--resume", log, "--json")
    eventually(lambda: origin.requests_for(urls[1]), "the second is asked for")
    interrupt(process)
    gate.set()
    output, _ = process.communicate(timeout=LIVENESS)
    found = json.loads(output)
    assert (process.returncode, found["complete"]) == (130, False)
    assert found["kept"] == 2, "what was begun is ended, and nothing else is begun"
    assert log.read_text().splitlines() == urls[:found["kept"]]
    assert cache("EXISTS", f"image-proxy:{urls[1]}") == 1
    again = answer("warm", wanted, "--resume", log)
    assert (again["skipped"], again["kept"], again["complete"]) == (found["kept"], 5 - found["kept"], True)
    assert not log.exists(), "all is done"
    assert [len(origin.requests_for(url)) for url in urls] == [1] * 5


@pytest.mark.parametrize("words", [("explain",), ("warm",)])
def test_ctrl_c_ends_what_only_reads_at_once(settings, cache, origin, words):
    """Nothing was begun that would have to be ended well."""
    url = origin.serve(behaviours.gated(BODY, threading.Event(), 0))
    process = started(settings, cache, *words, url, STALL_TIMEOUT="60s", FIRST_BYTE_TIMEOUT="60s")
    eventually(lambda: origin.requests_for(url), "it is asked for")
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=LIVENESS)
    assert (process.returncode, output) == (-signal.SIGINT, "") and cache("DBSIZE") == 0


def test_a_second_ctrl_c_ends_at_once(settings, cache, origin, tmp_path):
    url = origin.serve(behaviours.gated(BODY, threading.Event(), 100))
    process = started(settings, cache, "warm", write(tmp_path / "list", [url]), STALL_TIMEOUT="60s", FIRST_BYTE_TIMEOUT="60s")
    eventually(lambda: origin.requests_for(url), "it is asked for")
    interrupt(process)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=LIVENESS)
    assert process.returncode == 130 and cache("EXISTS", f"image-proxy:{url}") == 0


def test_a_failure_is_tried_again(cache, answer, origin, tmp_path):
    good = origin.serve(behaviours.image(BODY))
    late = origin.serve(behaviours.in_turn(behaviours.status("500 Not Yet"), behaviours.image(BODY)))
    wanted, log = write(tmp_path / "list", [good, late]), tmp_path / "done"
    assert answer("warm", wanted, "--resume", log, status=1)["failed"] == 1
    assert log.read_text().splitlines() == [good]
    # The failure is everybody's for a moment.
    eventually(lambda: cache("EXISTS", lease_key(late)) == 0, "the verdict has gone")
    again = answer("warm", wanted, "--resume", log)
    assert (again["skipped"], again["kept"]) == (1, 1) and not log.exists()


def test_a_terminal_has_a_bar(settings, cache, origin, tmp_path):
    urls = [origin.serve(behaviours.image(BODY)) for _ in range(3)]
    output, shown = on_a_terminal(settings, cache, "warm", write(tmp_path / "list", urls))
    assert b"of 3 images" in shown and b"\n" not in shown.replace(b"\r\n", b"")
    assert b"\x1b" not in output and b"kept      3, " in output
