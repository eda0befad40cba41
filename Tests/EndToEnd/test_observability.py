"""Statistics, metrics and the status page: true, at any time, for every process."""

import json
import re
import shutil
import socket
import subprocess

import pytest

from harness import behaviours
from harness.browser import Page, chromium
from harness.fastcgi import FastCGIClient, parameters, request_bytes
from harness.handler import PROJECT, Handler, cgi, run
from harness.http import MOUNT
from harness.waiting import eventually

# Above what is counted at once, as `Census` says.
MANY = 6000
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


def told(handler):
    answer = stats(handler)
    return tuple(answer[name] for name in ("totalImages", "totalSize", "oldestCache", "newestCache"))


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
            assert told(handler) == scanned(client)
            eventually(lambda: stats(handler)["countIsCurrent"], "a count of what is there now")

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
            eventually(lambda: told(handler) == scanned(client) and stats(handler)["countIsCurrent"], "true statistics")


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

    def told():
        found = stats(server.handler)
        return found if found["decisions"]["too_large"] == 1 else None
    found = eventually(told, "the decision on the large image")
    assert found["decisions"]["cached"] == 1 and found["failures"] == {"denied": 1}
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


def test_every_metric_is_documented_and_used_where_it_is_said(start, origin, images):
    served = start(MEMORY_CACHE_SIZE="1MiB")
    url = origin.serve(behaviours.image(images["png"].body))
    served.client.get(url)
    served.stored(url)
    names = metric_names(ask(served.handler, "metrics").body.decode())
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
        assert "Redis is away" in page.evaluate("document.getElementById('state').innerText")
        server.handler.stop()
        page.wait_for("document.getElementById('state').innerText.includes('cannot be read')")


def test_the_status_page_has_a_policy_of_its_own(served):
    answers = [ask(served.handler, "status") for _ in range(2)]
    policies = [answer.header("Content-Security-Policy") for answer in answers]
    assert policies[0] != policies[1] and "unsafe" not in policies[0] and "default-src 'none'" in policies[0]
    nonce = re.search(r"script-src 'nonce-(\w+)'", policies[0])[1]
    assert answers[0].body.decode().count(f'nonce="{nonce}"') == 2
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", answers[0].body.decode())
