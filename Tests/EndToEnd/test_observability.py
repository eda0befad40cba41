"""Statistics, metrics and the status page: true, at any time, for every process."""

import json
import os
import re
import shutil
import socket
import subprocess

import pytest

from harness import behaviours
from harness.browser import Page, chromium
from harness.fastcgi import FastCGIClient, parameters, request_bytes
from harness.front import Front
from harness.handler import EXECUTABLE, PROJECT, Handler, cgi, run
from harness.http import MOUNT, proxied
from harness.redis import Redis
from harness.waiting import eventually

# Above what is counted at once, as `Census` says.
MANY = 6000
# For several walks with their rests, and a full SCAN of the test's own after each, on a busy machine.
WALKS = 120
OPERATIONS = PROJECT / "docs" / "operations.md"


def ask(handler, endpoint="stats", path=None, query=""):
    with FastCGIClient(path or handler.socket_path) as client:
        return client.get(query, path=f"{MOUNT}/{endpoint}").response()


def stats(handler, path=None):
    return json.loads(ask(handler, path=path).body)


def record(size, at=1_700_000_000_000, kind="image/png"):
    text = "A" * ((size + 2) // 3 * 4)
    return f'{{"data":"{text}","contentType":"{kind}","size":{size},"cachedAt":{at},"expiresAt":1900000000000}}'


def fill(redis, number, name="filled"):
    """Records as another program would write them, of growing size."""
    commands = b""
    for index in range(number):
        key, value = f"image-proxy:http://a.example/{name}-{index}", record(1 + index % 3000, 1_700_000_000_000 + index)
        words = ["SET", key, value, "EX", "9999"]
        commands += b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word.encode()) for word in words)
        if index % 500 == 499 or index == number - 1:
            redis.socket.sendall(commands)
            for _ in range(index % 500 + 1):
                redis._reply()
            commands = b""


def scanned(redis):
    """(images, bytes, oldest, newest) by a full SCAN."""
    records, cursor = {}, b"0"
    while True:
        cursor, keys = redis("SCAN", cursor, "MATCH", "image-proxy:*", "COUNT", 1000)
        for key in keys:
            if (value := redis("GET", key)) is not None:
                records[key] = json.loads(value)
        if cursor == b"0":
            break
    times = [found["cachedAt"] for found in records.values()]
    return len(records), sum(found["size"] for found in records.values()), min(times, default=None), max(times, default=None)


def numbers(answer):
    return tuple(answer[name] for name in ("totalImages", "totalSize", "oldestCache", "newestCache"))


def told(handler):
    return numbers(stats(handler))


@pytest.fixture
def served(start):
    """An nginx with a handler and a database of its own."""
    return start()


def test_what_is_stored_is_seen_at_once(served, origin, images):
    for name in ("png", "jpeg", "webp"):
        url = origin.serve(behaviours.image(images[name].body))
        served.client.get(url)
        served.stored(url)
        assert told(served.handler) == scanned(served.redis)
    types = stats(served.handler)["types"]
    assert {name: share["images"] for name, share in types.items()} == {"image/png": 1, "image/jpeg": 1, "image/webp": 1}
    classes = stats(served.handler)["sizeClasses"]
    assert sum(share["images"] for share in classes) == 3
    assert sum(share["bytes"] for share in classes) == stats(served.handler)["totalSize"]


def test_many_entries_are_told_without_a_scan_and_stay_true(new_folder, settings, redis, databases):
    database = next(databases)
    with redis.client(database) as client:
        fill(client, MANY)
        with Handler(new_folder(), **{**settings, "CACHE": redis.unix_address(database)}) as handler:
            eventually(lambda: stats(handler)["countIsCurrent"], "a count of what is there now", WALKS)
            assert told(handler) == scanned(client)

            calls = scans(client)
            for _ in range(20):
                stats(handler)
            # Nothing has changed, so nobody walks, however often it is asked.
            assert scans(client) == calls

            for index in range(100):
                client("DEL", f"image-proxy:http://a.example/filled-{index}")
            for index in range(100, 150):
                client("PEXPIRE", f"image-proxy:http://a.example/filled-{index}", 1)
            fill(client, 50, "new")
            eventually(lambda: (found := stats(handler))["countIsCurrent"] and numbers(found) == scanned(client),
                       "true statistics", WALKS)


def test_who_asks_before_anybody_has_counted_gets_an_estimate(new_folder, settings, redis, databases):
    """Plain CGI: nobody counts beforehand, so that the first answer is always the estimate; and who was asked counts."""
    database = next(databases)
    settings = {**settings, "CACHE": redis.unix_address(database)}
    with redis.client(database) as client:
        fill(client, MANY)

        def asked():
            answer, _ = cgi("", settings, path=f"{MOUNT}/stats")
            assert answer.status == 200
            return answer.json()
        first = asked()
        assert first["countIsEstimate"] and not first["countIsCurrent"]
        images, size, oldest, newest = scanned(client)
        assert 0.5 * images <= first["totalImages"] <= 1.5 * images and 0.5 * size <= first["totalSize"] <= 1.5 * size
        assert oldest <= first["oldestCache"] <= first["newestCache"] <= newest
        found = eventually(lambda: (answer := asked())["countIsCurrent"] and answer, "a count", WALKS)
        assert not found["countIsEstimate"]
        assert numbers(found) == scanned(client)

        # No sample of Prometheus' can say that it is an estimate.
        client("FLUSHDB")
        fill(client, MANY)
        text, _ = cgi("", settings, path=f"{MOUNT}/metrics")
        assert b"\nimage_proxy_cache_images{" not in text.body and b"\nimage_proxy_redis_memory_used_bytes " in text.body


@pytest.fixture
def full_redis(new_folder):
    """Starts a Redis of a policy, with room for a few MiB more than it needs for itself."""
    running = []

    def make(policy, room):
        server = Redis(new_folder(), "--maxmemory-policy", policy).start()
        running.append(server)
        with server.client() as client:
            used = int(re.search(rb"used_memory:(\d+)", client("INFO", "memory"))[1])
            client("CONFIG", "SET", "maxmemory", used + room)
        return server
    yield make
    for server in running:
        server.stop()


# Fewer than are counted at once, and more.
@pytest.mark.parametrize("policy, room, number", [
    ("allkeys-lru", 4 << 20, 4000), ("volatile-ttl", 4 << 20, 4000), ("allkeys-lru", 15 << 20, 8000)])
def test_what_redis_evicts_is_not_counted(full_redis, new_folder, settings, policy, room, number):
    redis = full_redis(policy, room)
    with redis.client() as client, Handler(new_folder(), **{**settings, "CACHE": redis.unix_address()}) as handler:
        fill(client, number)

        def is_true():
            answer = stats(handler)
            return answer["countIsCurrent"] and numbers(answer) == scanned(client) and answer
        answer = eventually(is_true, "true statistics of a Redis that evicts", WALKS)
        assert answer["redis"]["evictionPolicy"] == policy
        before = answer["redis"]["evictedKeys"]
        assert number // 4 < answer["totalImages"] < number and before > 0
        # And again, while it counts and evicts at the same time.
        fill(client, number // 4, "more")
        answer = eventually(is_true, "true statistics after more was evicted", WALKS)
        assert answer["redis"]["evictedKeys"] > before


def test_what_expires_unnoticed_is_not_counted_as_current(new_folder, settings):
    """Redis looks at a few keys at a time for those whose time is over, and counts the others until it comes to them."""
    # Redis 7 lets nobody stop that, unless its configuration does.
    with Redis(new_folder(), "--enable-debug-command", "local") as redis, redis.client() as client:
        fill(client, MANY)
        client("DEBUG", "SET-ACTIVE-EXPIRE", 0)
        client("PEXPIRE", "image-proxy:http://a.example/filled-7", 6000)
        with Handler(new_folder(), **{**settings, "CACHE": redis.unix_address()}) as handler:
            counted = eventually(lambda: (found := stats(handler))["countIsCurrent"] and found, "a count", WALKS)
            assert counted["totalImages"] in (MANY, MANY - 1)
            eventually(lambda: stats(handler)["totalImages"] == MANY - 1, "the one whose time is over is gone", WALKS)
            assert stats(handler)["redis"]["expiredKeys"] == 1


def scans(client):
    line = re.search(rb"cmdstat_scan:calls=(\d+)", client("INFO", "commandstats"))
    return int(line[1]) if line else 0


def test_the_counters_of_all_processes_come_together(new_folder, settings, redis, databases, origin, images):
    database = next(databases)
    settings = {**settings, "CACHE": redis.unix_address(database)}
    url = origin.serve(behaviours.image(images["png"].body))
    with Handler(new_folder(), **settings) as one, Handler(new_folder(), **settings) as other:
        for handler in (one, other, other):
            with FastCGIClient(handler.socket_path) as client:
                assert client.get(f"url={url}").response().status == 200
        answer, _ = cgi(f"url={url}", settings)
        assert answer.status == 200

        def sums():
            found = stats(one)
            return found["host"]["hits"] + found["host"]["misses"] == 4 and found["allHosts"]["hosts"] == 1
        eventually(sums, "the counters of two processes that stay and of one that has ended")
        assert stats(one)["hits"] + stats(one)["misses"] == 1
        text = ask(one, "metrics", query="scope=host").body.decode()
        counted = re.findall(r'^image_proxy_requests_total\{cache="(?:hit|miss)"\} (\d+)$', text, re.MULTILINE)
        assert sum(map(int, counted)) == 4
    with redis.client(database) as client:
        assert all(client("PTTL", key) > 0 for key in client("KEYS", "{image-proxy:}:*") if not key.endswith(b":stores"))


@pytest.mark.stores("redis", "file")
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a process another host's name")
def test_hosts_are_told_apart_and_added_up(new_folder, settings, redis, databases, origin, images):
    settings = {**settings, "CACHE": redis.unix_address(next(databases))}
    url = origin.serve(behaviours.image(images["png"].body))
    with Handler(new_folder(), **settings) as handler:
        with FastCGIClient(handler.socket_path) as client:
            assert client.get(f"url={url}").response().status == 200
        eventually(lambda: stats(handler)["host"]["misses"] == 1, "the counters of this host")
        for _ in range(2):
            answer, log = cgi(f"url={url}", settings, program=["unshare", "--uts", "sh", "-c", 'hostname other && exec "$0"', EXECUTABLE])
            assert answer.status == 200, log
        found = eventually(lambda: (found := stats(handler))["allHosts"]["hosts"] == 2 and found, "the other host")
        assert (found["host"]["name"], found["host"]["hits"]) == (socket.gethostname(), 0)
        assert (found["allHosts"]["hits"], found["allHosts"]["misses"]) == (2, 1)
        told = json.loads(run("stats", "--json", settings={**settings, "CONFIG": "/dev/null"}).stdout)["hosts"]
        assert {host["name"]: (host["hits"], host["misses"]) for host in told} == {"other": (2, 0), socket.gethostname(): (0, 1)}
        text = {scope: ask(handler, "metrics", query=f"scope={scope}").body.decode() for scope in ("process", "host", "all")}
        counted = {scope: re.search(r'^image_proxy_requests_total\{cache="hit"\} (\d+)$', page, re.MULTILINE)[1]
                   for scope, page in text.items()}
        assert counted == {"process": "0", "host": "0", "all": "2"}


def test_decisions_and_bytes(start, origin, images):
    server = start(MAX_CACHE_SIZE="1KiB")
    small, large = images["gif"].body[:1024], images["png"].body + bytes(2000)
    assert len(small) <= 1024
    url = origin.serve(behaviours.image(small))
    server.client.get(url)
    server.stored(url)
    server.client.get(url)
    server.client.get(origin.serve(behaviours.image(large)))
    server.client.get("http://10.0.0.1/x")

    # An answer is counted when it has gone out, and a decision follows it; the list is read after the counters.
    def told():
        found = stats(server.handler)
        seen = found["hits"] + found["misses"], sum(found["decisions"].values()), len(found["failures"]), len(found["recent"])
        return found if seen == (3, 2, 1, 2) else None
    found = eventually(told, "what has become of three images and a refused request")
    assert (found["decisions"]["cached"], found["decisions"]["too_large"]) == (1, 1)
    assert found["failures"] == {"denied": 1}
    assert found["bytesSaved"] == len(small) and found["hitRate"] == pytest.approx(1 / 3)
    assert {decision["decision"] for decision in found["recent"]} == {"cached", "too_large"}


@pytest.mark.skipif(shutil.which("promtool") is None, reason="needs Debian's prometheus")
def test_the_metrics_are_what_prometheus_takes(served, origin, images):
    served.client.get(origin.serve(behaviours.image(images["png"].body)))
    served.client.get("http://10.0.0.1/x")
    answer = ask(served.handler, "metrics")
    assert answer.header("Content-Type").startswith("text/plain; version=0.0.4")
    done = subprocess.run(["promtool", "check", "metrics"], input=answer.body, capture_output=True)
    assert done.returncode == 0 and not done.stderr, (done.stdout, done.stderr)


@pytest.mark.skipif(shutil.which("promtool") is None, reason="needs Debian's prometheus")
def test_the_alert_rules_are_what_prometheus_takes():
    rules = PROJECT / "deploy" / "prometheus" / "image-proxy.rules.yml"
    done = subprocess.run(["promtool", "check", "rules", str(rules)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def metric_names(text):
    return set(re.findall(r"^# TYPE (\S+) ", text, re.MULTILINE))


def test_every_metric_is_documented_and_used_where_it_is_said(start, new_folder, settings, origin, images):
    served = start(MEMORY_CACHE_SIZE="1MiB")
    url = origin.serve(behaviours.image(images["png"].body))
    served.client.get(url)
    served.stored(url)
    names = metric_names(ask(served.handler, "metrics").body.decode())
    # What the embedded store has in the place of Redis.
    with Handler(new_folder(), **{**settings, "CACHE": f"file:{new_folder()}"}) as handler:
        folders = metric_names(ask(handler, "metrics").body.decode())
    assert {name for name in folders ^ names} == {name for name in folders | names if re.match("image_proxy_(redis|folder|memory_cache)_", name)}
    names |= folders
    assert set(re.findall(r"^\| `(image_proxy_\w+)`", OPERATIONS.read_text(), re.MULTILINE)) == names
    suffixes = r"(?:_bucket|_sum|_count)?"
    for path in ("prometheus/image-proxy.rules.yml", "grafana/image-proxy.json"):
        used = set(re.findall(r"\bimage_proxy_\w+", (PROJECT / "deploy" / path).read_text()))
        assert used
        for name in used:
            assert name in names or re.sub(suffixes + "$", "", name) in names, (path, name)
    json.loads((PROJECT / "deploy" / "grafana" / "image-proxy.json").read_text())


def test_counters_of_others_fail_loudly_without_redis(new_folder, settings):
    with Handler(new_folder(), **{**settings, "CACHE": "redis://127.0.0.1:1/0"}) as handler:
        assert ask(handler, "metrics", query="scope=host").status == 503
        assert ask(handler, "metrics", query="scope=nonsense").status == 404
        text = ask(handler, "metrics").body.decode()
        assert "\nimage_proxy_cache_available 0\n" in text
        assert stats(handler)["cacheAvailable"] is False and stats(handler)["host"] is None


def test_what_is_in_memory_is_told_while_redis_is_away(new_folder, settings, origin, images):
    with Redis(new_folder()) as redis, Handler(
            new_folder(), **{**settings, "CACHE": redis.unix_address(), "MEMORY_CACHE_SIZE": "1MiB"}) as handler:
        url, body = origin.serve(behaviours.image(images["png"].body)), images["png"].body

        def is_in_memory():
            with FastCGIClient(handler.socket_path) as client:
                assert client.get(f"url={url}").response().body == body
            return stats(handler)["process"]["memoryCacheImages"] == 1
        eventually(is_in_memory, "the image in memory")
        redis.kill()
        eventually(lambda: not stats(handler)["cacheAvailable"], "the news of Redis")
        process = stats(handler)["process"]
        assert (process["memoryCacheImages"], process["memoryCacheBytes"] >= len(body)) == (1, True)
        assert "\nimage_proxy_memory_cache_images 1\n" in ask(handler, "metrics").body.decode()


def test_the_status_listener_answers_while_every_worker_is_busy(new_folder, settings, redis, databases, origin):
    folder = new_folder()
    path = str(folder / "status.sock")
    options = {**settings, "CACHE": redis.unix_address(next(databases)), "WORKERS": "1", "FIRST_BYTE_TIMEOUT": "20s",
               "TOTAL_TIMEOUT": "20s", "STATUS_LISTEN": f"unix:{path}"}
    with socket.create_server(("127.0.0.1", 0)) as silent, Handler(folder, **{
            **options, "ALLOWED_NETWORKS": f"127.0.0.1/32:{silent.getsockname()[1]}"}) as handler:
        with FastCGIClient(handler.socket_path) as held:
            held.send(request_bytes(parameters(f"url=http://127.0.0.1:{silent.getsockname()[1]}/x.png")))
            accepted, _ = silent.accept()
            with accepted:
                # The only worker waits for an origin that says nothing.
                assert ask(handler, "health", path).body == b"ok\n"
                assert stats(handler, path)["cacheAvailable"]
                assert ask(handler, "metrics", path).status == ask(handler, "status", path).status == 200
                with FastCGIClient(path) as client:
                    assert client.get("url=http://127.0.0.1/x.png").response().status == 404


def test_a_web_server_passes_the_four_names_to_the_status_listener(new_folder, settings, redis, databases):
    """The location in deploy/nginx that is off, turned on; and one worker, which waits."""
    folder = new_folder()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        options = {**settings, "CACHE": redis.unix_address(next(databases)), "WORKERS": "1", "FIRST_BYTE_TIMEOUT": "20s",
                   "ALLOWED_NETWORKS": f"127.0.0.1/32:{port}", "STATUS_LISTEN": f"unix:{folder}/status.sock"}
        with Front("nginx", folder, options, on=["status"]) as front:
            with front.client.open(proxied(f"http://127.0.0.1:{port}/x.png")):
                accepted, _ = silent.accept()
                with accepted:
                    assert front.client.endpoint("health").body == b"ok\n"
                    assert front.client.endpoint("stats").json()["cacheAvailable"] is True
                    assert front.client.endpoint("metrics").status == front.client.endpoint("status").status == 200


def test_a_status_address_for_everybody_has_to_be_asked_for(settings):
    done = run("serve", "--listen", "127.0.0.1:1", "--status-listen", "0.0.0.0:9001", settings=settings)
    assert done.returncode == 64 and "--allow-remote" in done.stderr
    done = run("serve", "--listen", "127.0.0.1:1", settings={**settings, "STATUS_LISTEN": "0.0.0.0:9001"})
    assert done.returncode == 78 and "--allow-remote" in done.stderr


@pytest.mark.skipif(chromium() is None, reason="needs Debian's chromium")
@pytest.mark.parametrize("width, dark", [(1280, False), (390, True)])
def test_the_status_page_in_a_browser(served, origin, images, new_folder, width, dark):
    hostile = origin.serve(behaviours.image(images["png"].body)) + "/<img src=x onerror=alert(1)>" + "y" * 300
    for url in (origin.serve(behaviours.image(images["jpeg"].body)), hostile):
        served.client.get(url)
    folder = new_folder()
    with Page(folder / "profile", width, dark=dark) as page:
        page.open(served.server.base + MOUNT + "/status")
        page.wait_for("document.body && Number(document.body.dataset.polls) >= 3")
        page.wait_for("document.querySelectorAll('#recent tbody tr').length > 0")
        assert page.evaluate("document.getElementById('state').className") == "good"
        assert page.evaluate("document.querySelectorAll('img').length") == 0
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        # The plots are there, and are drawn with numbers.
        assert page.evaluate("document.querySelectorAll('svg path').length") >= 8
        assert not page.evaluate("document.body.innerHTML.includes('NaN') || document.body.innerText.includes('undefined')")
        picture = page.screenshot(folder / "page.png")
        assert picture.stat().st_size > 10_000
        assert page.problems == []
        allowed = (served.server.base + MOUNT + "/status", served.server.base + MOUNT + "/stats", "data:,", "about:blank")
        assert set(page.requests) <= set(allowed)


@pytest.mark.skipif(chromium() is None, reason="needs Debian's chromium")
def test_the_status_page_says_first_what_is_wrong(start, new_folder):
    server = start(CACHE="redis://127.0.0.1:1/0")
    server.client.get("http://127.0.0.1/")
    with Page(new_folder() / "profile", 1280) as page:
        page.open(server.server.base + MOUNT + "/status")
        page.wait_for("document.getElementById('state') && document.getElementById('state').className == 'bad'")
        assert "Redis is away (cannot connect to Redis: Connection refused)" in page.evaluate("document.getElementById('state').innerText")
        assert page.evaluate("document.getElementById('contents').innerText").endswith("Not known while Redis is away.")
        assert "Memory of Redis" in page.evaluate("document.getElementById('shared').innerText")
        server.handler.stop()
        page.wait_for("document.getElementById('state').innerText.includes('cannot be read')")


@pytest.mark.skipif(chromium() is None, reason="needs Debian's chromium")
def test_the_status_page_plots_the_errors_of_origins_by_class(served, origin, new_folder):
    failing = [origin.serve(behaviours.status("500 Oops")), origin.serve(behaviours.image(b"<html>", "text/html"))]
    with Page(new_folder() / "profile", 390) as page:
        page.open(served.server.base + MOUNT + "/status")
        page.wait_for("document.body && Number(document.body.dataset.polls) >= 1")
        for url in [*failing, failing[0]]:
            assert served.client.get(url).status == 502
        legend = "Array.from(document.querySelectorAll('#upstream .legend > span'), entry => entry.innerText).join()"
        page.wait_for(legend + " == 'status 5xx 2,not an image 1'")
        page.wait_for("Array.from(document.querySelectorAll('#upstream path.first, #upstream path.second')).every("
                      "path => path.getAttribute('d').includes('L'))")
        assert "requests failed because of their origins, most of them: status 5xx" in page.evaluate(
            "document.getElementById('state').innerText")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390 and page.problems == []


def test_the_status_page_has_a_policy_of_its_own(served):
    answers = [ask(served.handler, "status") for _ in range(2)]
    policies = [answer.header("Content-Security-Policy") for answer in answers]
    assert policies[0] != policies[1] and "unsafe" not in policies[0] and "default-src 'none'" in policies[0]
    nonce = re.search(r"script-src 'nonce-(\w+)'", policies[0])[1]
    assert answers[0].body.decode().count(f'nonce="{nonce}"') == 2
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", answers[0].body.decode())
