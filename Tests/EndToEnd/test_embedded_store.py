"""The embedded store, IMAGE_PROXY_CACHE=file:/dir: what is different from Redis, and real web servers that send its files.

What is alike is tested over both: modules that name their STORES run over each.
"""

import base64
import json
import os
import re
import shutil
import signal
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from harness import behaviours
from harness.browser import Page, chromium
from harness.file_store import FileStore, is_locked
from harness.front import Front
from harness.handler import PROJECT, cgi, run
from harness.http import MOUNT, proxied
from harness.images import MIB, png_of_size
from harness.waiting import eventually

SMALL = png_of_size(3_000)
LARGE = png_of_size(600_000, seed=3)
HTML = b"<!DOCTYPE html><script>alert(1)</script>" + b" " * 2_960
AWAY = "The cache's folder cannot be used; images are served without storing them"
BACK = "The cache's folder can be used again"


@pytest.fixture
def folder(new_folder):
    return new_folder() / "cache"


@pytest.fixture
def files(folder):
    """What is in the folder, as a client of Redis would have it."""
    return FileStore(folder)


@pytest.fixture
def serve(start, folder):
    """A server over the folder."""
    return lambda kind="nginx", options=None, **changes: start(kind, options, CACHE=f"file:{folder}", **changes)


@pytest.fixture
def answer(settings, folder):
    """What a command on the folder says as JSON."""
    def ran(*arguments, **changes):
        done = run(*arguments, "--json", settings={**settings, "CACHE": f"file:{folder}", "CONFIG": "/dev/null", **changes})
        assert done.returncode == 0, (done.stdout, done.stderr)
        return json.loads(done.stdout)
    return ran


def query(url):
    return proxied(url).partition("?")[2]


def stored(files, url):
    """Waits until the image is stored, and its metadata, which come last."""
    eventually(lambda: files("EXISTS", f"image-proxy:{url}", f"image-metadata:{url}") == 2, f"{url} is stored")
    return json.loads(files("GET", f"image-proxy:{url}"))


def fetch_and_store(server, files, origin, body=SMALL, *headers):
    url = origin.serve(behaviours.image(body, "image/png", *headers))
    assert server.client.get(url).body == body
    stored(files, url)
    return url


# MARK: one file an image


def test_one_file_has_the_image_and_all_that_is_known_of_it(serve, files, origin):
    server = serve()
    url = fetch_and_store(server, files, origin, SMALL, ("ETag", '"v1"'), ("Cache-Control", "max-age=600"))
    fields = stored(files, url)
    assert (fields["contentType"], fields["size"], fields["etag"]) == ("image/png", 3_000, "v1")
    path = files.path(url)
    assert path.read_bytes().endswith(SMALL)
    assert sorted(path.name for path in files.folder.glob("images/*/*")) == sorted([path.name, "index"])
    assert path.stat().st_mode & 0o077 == 0 and files.folder.stat().st_mode & 0o077 == 0
    hit = server.client.get(url)
    assert hit.is_hit and hit.body == SMALL and hit.header("ETag") == '"v1"'


def test_a_key_template_is_the_key(serve, answer, origin):
    server = serve(CACHE_KEY="mine:{url}:v2")
    url = origin.serve(behaviours.image(SMALL))
    server.client.get(url)
    eventually(lambda: answer("stats")["totalImages"] == 1, "it is stored")
    assert server.client.get(url).is_hit
    assert answer("inspect", url, CACHE_KEY="mine:{url}:v2")["image"]["key"] == f"mine:{url}:v2"
    assert answer("inspect", url)["image"] is None
    assert answer("purge", "--all")["images"] == 0, "what another template made is not ours"


def test_here_is_where_the_configuration_is(new_folder, settings, origin):
    """Whoever uploads a folder need not know where it is."""
    home = new_folder()
    lines = {**settings, "CACHE": "file:{here}/image-proxy-cache"}
    (home / "p.conf").write_text("".join(f"IMAGE_PROXY_{name}={value}\n" for name, value in lines.items()))
    url = origin.serve(behaviours.image(SMALL))
    for expected in ("fwd=uri-miss", "hit"):
        response, log = cgi(query(url), {"CONFIG": home / "p.conf"})
        assert expected in response.cache_status and response.body == SMALL, log
    assert (home / "image-proxy-cache" / "images").is_dir()


@pytest.mark.parametrize("kind", ["shared-cgi", "shared-fcgid"])
def test_shared_hosting_keeps_images_and_shows_nobody_its_files(new_folder, settings, origin, kind):
    configuration = (PROJECT / "deploy" / "shared-hosting" / "image-proxy.conf").read_text()
    cache = next(line.partition("=")[2] for line in configuration.splitlines() if line.startswith("IMAGE_PROXY_CACHE="))
    with Front(kind, new_folder(), {**settings, "CACHE": cache}) as server:
        files = FileStore(server.server.root / "api" / "image-proxy-cache")
        url = fetch_and_store(server, files, origin)
        assert server.client.get(url).is_hit and len(origin.requests_for(url)) == 1
        for path in [files.path(url), files.folder / "usage", files.folder]:
            shown = server.client.request("GET", f"/{path.relative_to(server.server.root)}")
            assert shown.status == 403, path


# MARK: what is wrong with a file


def test_no_damage_is_ever_served_and_clean_finds_it(serve, files, origin, answer):
    server = serve()
    url = fetch_and_store(server, files, origin)
    path = files.path(url)
    sound = path.read_bytes()
    header = len(sound) - len(SMALL)
    places = [0, 12, 20, 30, 60, 200, header, header + 1, header + 1_500, len(sound) - 1]
    damages = [sound[:place] + bytes([sound[place] ^ 1 << place % 8]) + sound[place + 1:] for place in places]
    damages += [b"", sound[:100], sound[:header], sound[:-1], sound + b"x", HTML, sound[:header] + HTML[:3_000]]
    for damaged in damages:
        path.write_bytes(damaged)
        assert answer("clean", "--dry-run")["checked"] >= 1
        found = answer("clean", "--dry-run")
        assert found["damaged"] + found["cut"] + found["foreign"] == 1, damaged[:60]
        miss = server.client.get(url)
        assert miss.body == SMALL and "fwd=uri-miss" in miss.cache_status, damaged[:60]
        eventually(lambda: path.read_bytes().endswith(SMALL) and len(path.read_bytes()) == len(sound), "the miss replaces it")
        stored(files, url)
    path.write_bytes(damages[1])
    assert answer("clean")["damaged"] == 1 and not path.exists()
    assert answer("stats")["totalImages"] == 0


def test_a_large_file_that_is_damaged_is_cut_once_and_never_whole(serve, files, origin):
    server = serve()
    url = fetch_and_store(server, files, origin, LARGE)
    path = files.path(url)
    data = bytearray(path.read_bytes())
    data[-100_000] ^= 1
    path.write_bytes(data)
    response = server.client.get(url)
    assert not response.complete
    answer = server.client.get(url)
    assert (answer.status, answer.body == LARGE, answer.is_hit) == (200, True, False)
    eventually(lambda: server.client.get(url).is_hit, "another has taken its place")


def test_what_is_found_damaged_before_any_of_it_has_gone_out_is_a_miss(serve, files, origin):
    server = serve()
    image = png_of_size(200_000, seed=7)
    url = fetch_and_store(server, files, origin, image)
    path = files.path(url)
    assert server.client.get(url).is_hit
    data = bytearray(path.read_bytes())
    data[-100] ^= 1
    path.write_bytes(data)
    answer = server.client.get(url)
    assert (answer.status, answer.body == image, answer.complete, answer.is_hit) == (200, True, True, False)
    assert "is damaged" in server.log()
    eventually(lambda: server.client.get(url).is_hit, "another has taken its place")


@pytest.mark.parametrize("make", ["html", "label", "link", "pipe", "folder"])
def test_a_poisoned_folder_serves_no_html(serve, files, origin, new_folder, make):
    server = serve()
    url = fetch_and_store(server, files, origin)
    path = files.path(url)
    path.unlink()
    if make in ("html", "label"):
        # A file that is right in every part but what it holds.
        fields = {"contentType": "text/html" if make == "label" else "image/png", "size": 3_000,
                  "cachedAt": int(time.time() * 1000), "expiresAt": int(time.time() * 1000) + 60_000}
        files("SET", f"image-proxy:{url}", json.dumps({"data": base64.b64encode(HTML).decode(), **fields}), "EX", 60)
        assert path.read_bytes().endswith(HTML)
    elif make == "link":
        target = new_folder() / "page.html"
        target.write_bytes(HTML)
        path.symlink_to(target)
    elif make == "pipe":
        os.mkfifo(path)
    else:
        path.mkdir()
    response = server.client.get(url)
    assert (response.status, response.body == SMALL, response.header("Content-Type")) == (200, True, "image/png")
    assert response.header("X-Content-Type-Options") == "nosniff"


# MARK: its size


def overfilled(serve, files, origin):
    """A server that was asked for 40 images, with room for some; and their sources."""
    server = serve(FILE_CACHE_SIZE="1MiB")
    body = png_of_size(60_000)
    urls = [origin.serve(behaviours.image(body)) for _ in range(40)]
    for url in urls:
        assert server.client.get(url).body == body
    stored(files, urls[-1])
    return server, urls


def test_it_stays_within_its_size(serve, files, answer, origin):
    """Which go is tested where the times of use can be set: FileTierTests."""
    server, urls = overfilled(serve, files, origin)
    eventually(lambda: sum(path.stat().st_size for path in files.folder.glob("images/*/*") if len(path.name) == 32) <= MIB,
               "room is made")
    found = answer("stats")
    # Metadata that came when their image had gone again are no image.
    assert found["totalImages"] == sum(entry.record is not None for entry in files.entries())
    assert 0 < found["totalImages"] < 20 and found["totalSize"] == 60_000 * found["totalImages"]
    assert server.client.get(urls[-1]).is_hit


def metric(server, name, query=""):
    found = re.search(rf"^{name} (\S+)$", server.client.request("GET", f"{MOUNT}/metrics{query}").body.decode(), re.MULTILINE)
    return int(found[1])


def test_the_room_that_it_takes_up_is_told(serve, files, answer, origin, settings, folder):
    server, _ = overfilled(serve, files, origin)

    def on_disk():
        return [path.stat() for path in files.folder.glob("images/*/*") if len(path.name) == 32]
    eventually(lambda: sum(status.st_size for status in on_disk()) <= MIB, "room is made")
    seen = server.client.endpoint("stats").json()
    room = seen["folder"]
    assert (seen["cacheKind"], seen["cacheProblem"], seen["redis"], room["problem"]) == ("folder", None, None, None)
    assert room["maxBytes"] == MIB and room["files"] == len(on_disk())
    assert room["usedBytes"] == sum(-(-status.st_size // 4096) * 4096 for status in on_disk())
    disk = os.statvfs(files.folder)
    assert abs(room["diskFreeBytes"] - disk.f_bavail * disk.f_frsize) < 1 << 30
    # Each image was stored, is there or has made room.
    assert seen["folderEvictions"] == 40 - seen["totalImages"] > 0
    told = answer("stats")
    assert {name: told["folder"][name] for name in ("usedBytes", "files", "problem")} == {
        name: room[name] for name in ("usedBytes", "files", "problem")}
    eventually(lambda: answer("stats")["hosts"][0]["folderEvictions"] == seen["folderEvictions"], "the sums of the host")
    text = run("stats", settings={**settings, "CACHE": f"file:{folder}", "FILE_CACHE_SIZE": "1MiB", "CONFIG": "/dev/null"}).stdout
    assert f"bytes on the disk  {room['usedBytes']} of 1MiB" in re.sub(" +", " ", text).replace("disk ", "disk  ")
    assert "can be written to" in text and f"{seen['folderEvictions']} images" in text
    for name, value in [("used_bytes", room["usedBytes"]), ("limit_bytes", MIB), ("files", room["files"]), ("writable", 1)]:
        assert metric(server, f"image_proxy_folder_{name}") == value
    for query in ("", "?scope=host", "?scope=all"):
        assert metric(server, "image_proxy_folder_evictions_total", query) == seen["folderEvictions"]


@pytest.mark.skipif(shutil.which("promtool") is None, reason="needs Debian's prometheus")
def test_its_metrics_are_what_prometheus_takes(serve, files, origin):
    server = serve()
    fetch_and_store(server, files, origin)
    text = server.client.endpoint("metrics").body
    done = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True)
    assert done.returncode == 0 and not done.stderr, (done.stdout, done.stderr)


def test_looking_is_no_use(serve, files, folder, settings, answer, origin):
    """What was not asked for longest goes first, whoever walks through the images."""
    server = serve()
    url = fetch_and_store(server, files, origin, LARGE)
    path = files.path(url)
    long_ago = time.time() - 10 * 86_400
    os.utime(path, (long_ago, path.stat().st_mtime))
    used = path.stat().st_atime_ns
    # To others its bytes are as they were: a kernel that notes every use would note this one.
    for words in (["stats"], ["inspect", url], ["clean"], ["clean", "--dry-run"], ["purge", "--older-than", "30d"],
                  ["purge", "--all", "--dry-run"]):
        answer(*words)
        assert path.stat().st_atime_ns == used, words
    assert server.client.endpoint("stats").json()["totalImages"] == 1 and path.stat().st_atime_ns == used
    assert server.client.get(url).is_hit and path.stat().st_atime_ns > used


# MARK: many processes


def test_statistics_are_those_of_all_processes(serve, files, folder, settings, answer, origin):
    server = serve()
    for _ in range(2):
        fetch_and_store(server, files, origin)
    for _ in range(2):
        response, log = cgi(query(origin.serve(behaviours.image(SMALL))), {**settings, "CACHE": f"file:{folder}"})
        assert response.body == SMALL, log
    assert answer("stats")["totalImages"] == 4
    seen = server.client.endpoint("stats").json()
    assert (seen["totalImages"], seen["totalSize"], seen["cacheAvailable"], seen["redis"]) == (4, 12_000, True, None)
    # Processes add what they have counted once a second, or at their end.
    eventually(lambda: server.client.endpoint("stats").json()["host"]["stored"] == 4, "the counts of this host")
    assert answer("purge", "--all")["images"] == 4
    seen = server.client.endpoint("stats").json()
    assert (seen["totalImages"], seen["totalSize"], seen["oldestCache"]) == (0, 0, None)


def slowly(body, at):
    """Sends as much as `at` in small pieces, so that it is written while it comes, and then falls silent."""
    def script(exchange):
        exchange.head("200 OK", ("Content-Type", "image/png"), ("Content-Length", len(body)))
        for start in range(0, at, 20_000):
            exchange.send(body[start:start + 20_000])
            exchange.stopping.wait(0.01)
        exchange.hold()
    return script


def test_a_writer_that_is_killed_in_mid_store_leaves_nothing_that_counts(serve, files, folder, settings, answer, origin):
    server = serve(CHUNK_SIZE="30000", FIRST_BYTE_TIMEOUT="60s", STALL_TIMEOUT="60s")
    url = origin.serve(behaviours.in_turn(slowly(LARGE, 400_000), behaviours.image(LARGE)))
    with ThreadPoolExecutor(1) as pool:
        pool.submit(lambda: server.client.get(url))
        draft = eventually(
            lambda: next((path for path in files.folder.glob("drafts/*") if path.stat().st_size > 200_000), None), "a draft")
        lease = files.lease_path(url)
        assert is_locked(draft) and is_locked(lease)
        server.handler.send(signal.SIGKILL)
        eventually(lambda: not is_locked(draft) and not is_locked(lease), "the kernel ends the locks")
    assert files("GET", f"image-proxy:{url}") is None and answer("stats")["totalImages"] == 0
    # Nobody waits for the dead.
    response, log = cgi(query(url), {**settings, "CACHE": f"file:{folder}"})
    assert response.body == LARGE, log
    assert files("EXISTS", f"image-proxy:{url}") == 1 and not lease.exists()
    assert answer("clean")["draft"] == 0, "as long as it may be new it stays"
    os.utime(draft, (time.time() - 100, time.time() - 100))
    assert answer("clean")["draft"] == 1 and not draft.exists()
    assert len(origin.requests_for(url)) == 2


# MARK: disks


def image_is_served(server, origin):
    url = origin.serve(behaviours.image(SMALL))
    answer = server.client.get(url)
    assert (answer.status, answer.body == SMALL, answer.complete) == (200, True, True)
    return url


def health(server):
    return server.client.endpoint("health").body.decode().strip()


def is_stored_again(server, files, origin):
    url = image_is_served(server, origin)
    try:
        return eventually(lambda: files("EXISTS", f"image-proxy:{url}"), within=1)
    except AssertionError:
        return False


@pytest.fixture
def small_disk(new_folder):
    """A file system of 2 MiB."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a file system")
    place = new_folder()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(place)], capture_output=True, text=True)
    if done.returncode != 0:
        pytest.skip(f"no file system can be mounted here: {done.stderr}")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def free(folder):
    """Bytes that anybody may still write there."""
    room = os.statvfs(folder)
    return room.f_bavail * room.f_frsize


def test_a_disk_that_is_full_costs_the_cache_alone(start, small_disk, origin):
    files = FileStore(small_disk / "cache")
    server = start(CACHE=f"file:{files.folder}")
    old = fetch_and_store(server, files, origin)
    filler = filled(small_disk)
    image_is_served(server, origin)
    eventually(lambda: health(server) == "degraded", "it is noticed")
    seen = server.client.endpoint("stats").json()
    assert seen["cacheAvailable"] and "No space left" in seen["cacheProblem"]
    # A page of what is written and given up again may come and go.
    eventually(lambda: server.client.endpoint("stats").json()["folder"]["diskFreeBytes"] == free(small_disk) < 64 << 10,
               "it is as full as the system says")
    assert metric(server, "image_proxy_folder_writable") == 0 and metric(server, "image_proxy_cache_failures_total") > 0
    for _ in range(3):
        image_is_served(server, origin)
    assert server.client.get(old).is_hit, "what is there is served"
    assert server.log().count(AWAY) == 1
    filler.unlink()
    eventually(lambda: is_stored_again(server, files, origin), "images are stored again")
    assert health(server) == "ok" and server.log().count(BACK) == 1
    assert server.client.endpoint("stats").json()["cacheProblem"] is None
    eventually(lambda: not list(files.folder.glob("drafts/*")), "nothing is left of what was not written")


def filled(folder):
    """Takes all that a disk has left."""
    path = folder / "filler"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT)
    try:
        while True:
            os.write(descriptor, bytes(4096))
    except OSError:
        os.close(descriptor)
    return path


@pytest.mark.skipif(chromium() is None, reason="needs Debian's chromium")
def test_the_status_page_says_first_that_the_disk_is_full(start, small_disk, new_folder, origin):
    files = FileStore(small_disk / "cache")
    server = start(CACHE=f"file:{files.folder}")
    fetch_and_store(server, files, origin)
    text = "document.getElementById('{}').innerText"
    with Page(new_folder() / "profile", 390) as page:
        page.open(server.server.base + MOUNT + "/status")
        page.wait_for("document.getElementById('state') && document.getElementById('state').className == 'good'")
        # A GiB will not find room on two MiB.
        assert "will be full before the cache has reached its limit, 1 GiB" in page.evaluate(text.format("state"))
        shown = page.evaluate(text.format("shared"))
        assert shown.startswith("Folder of the cache") and "of 1 GiB, files: 1, given up for room: 0" in shown
        filler = filled(small_disk)
        image_is_served(server, origin)
        page.wait_for("document.getElementById('state').className == 'bad'")
        assert "Nothing can be written to the cache's folder (write: No space left on device)" in page.evaluate(
            text.format("state"))
        assert page.evaluate("document.documentElement.scrollWidth") <= 390 and page.problems == []
        filler.unlink()
        page.wait_for("!document.getElementById('state').innerText.includes('No space left')")


@pytest.mark.skipif(chromium() is None, reason="needs Debian's chromium")
def test_the_status_page_says_that_the_folder_is_not_used(serve, folder, new_folder):
    folder.mkdir()
    folder.chmod(0o777)
    server = serve()
    seen = server.client.endpoint("stats").json()
    assert not seen["cacheAvailable"] and "can be written to by everybody" in seen["cacheProblem"] and seen["folder"] is None
    with Page(new_folder() / "profile", 390) as page:
        page.open(server.server.base + MOUNT + "/status")
        page.wait_for("document.getElementById('state') && document.getElementById('state').className == 'bad'")
        assert "The cache's folder cannot be used" in page.evaluate("document.getElementById('state').innerText")
        assert "Redis" not in page.evaluate("document.body.innerText")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390 and page.problems == []


def test_a_folder_that_is_read_only_is_read(start, small_disk, origin):
    files = FileStore(small_disk / "cache")
    server = start(CACHE=f"file:{files.folder}")
    old = fetch_and_store(server, files, origin)
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    image_is_served(server, origin)
    eventually(lambda: health(server) == "degraded", "it is noticed")
    assert server.client.get(old).is_hit
    subprocess.run(["mount", "-o", "remount,rw", str(small_disk)], check=True)
    eventually(lambda: is_stored_again(server, files, origin), "images are stored again")
    assert (health(server), server.log().count(AWAY), server.log().count(BACK)) == ("ok", 1, 1)


def test_a_folder_that_vanishes_is_made_again(serve, files, origin):
    server = serve()
    old = fetch_and_store(server, files, origin)
    away = files.folder.with_name("away")
    files.folder.rename(away)
    miss = server.client.get(old)
    assert miss.body == SMALL and "fwd=uri-miss" in miss.cache_status
    stored(files, old)
    assert server.client.get(old).is_hit and health(server) == "ok"


def test_a_folder_that_cannot_be_made_is_said_once(start, origin, new_folder):
    server = start(CACHE=f"file:{new_folder() / 'missing' / 'cache'}")
    for _ in range(3):
        image_is_served(server, origin)
    eventually(lambda: health(server) == "degraded", "it is noticed")
    assert server.log().count(AWAY) == 1


def test_a_folder_that_everybody_can_write_to_is_refused(start, origin, new_folder):
    place = new_folder()
    place.chmod(0o777)
    server = start(CACHE=f"file:{place}")
    image_is_served(server, origin)
    eventually(lambda: health(server) == "degraded", "it is noticed")
    assert "can be written to by everybody" in server.log() and list(place.iterdir()) == []


# MARK: the web server sends the files


@pytest.fixture(params=["nginx", "lighttpd", "apache"])
def pair(request, new_folder, settings, folder):
    """The same folder behind the same web server twice: one sends large hits itself, the other has them from the handler."""
    handover = "x-accel-redirect:/image-proxy-files/" if request.param == "nginx" else "x-sendfile"
    common = {**settings, "CACHE": f"file:{folder}", "CORS_ORIGIN": "https://www.example.com"}
    with Front(request.param, new_folder(), {**common, "HANDOVER": handover}, handover=folder) as sending, \
            Front(request.param, new_folder(), common) as passing:
        yield sending, passing


def comparable(response):
    """What must be alike. The time goes on between two requests."""
    fields = {name.lower(): value for name, value in response.headers}
    for name in ("date", "server", "connection", "age", "cache-control", "cache-status", "transfer-encoding"):
        fields.pop(name, None)
    return response.status, sorted(fields.items()), response.body, response.complete


def test_a_hit_that_the_web_server_sends_is_the_same(pair, files, origin):
    sending, passing = pair
    body = png_of_size(400_000, seed=8)
    url = fetch_and_store(sending, files, origin, body, ("ETag", '"v1"'), ("Last-Modified", "Wed, 21 Oct 2015 07:28:00 GMT"),
                          ("Cache-Control", "max-age=600"))
    assert len(list(files.folder.glob("bodies/*/*"))) == 1
    conditions = [
        {}, {"If-None-Match": '"v1"'}, {"If-None-Match": '"v0"'}, {"If-Modified-Since": "Wed, 21 Oct 2015 07:28:00 GMT"},
        {"If-Modified-Since": "Tue, 20 Oct 2015 07:28:00 GMT"}, {"Range": "bytes=10-19"}, {"Range": "bytes=-5"},
        {"Range": "bytes=999999-"}, {"Range": "bytes=1-2", "If-Range": '"v1"'}, {"Range": "bytes=1-2", "If-Range": '"v0"'},
        {"If-Modified-Since": time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(
            next(files.folder.glob("bodies/*/*")).stat().st_mtime)), "If-None-Match": '"v0"'},
    ]
    for condition in conditions:
        ours = sending.client.request("GET", proxied(url), headers=condition)
        theirs = passing.client.request("GET", proxied(url), headers=condition)
        assert comparable(ours) == comparable(theirs), condition
        assert ours.cache_status.startswith("image-proxy; hit") and ours.cache_status[:24] == theirs.cache_status[:24]
        if ours.status != 416:
            assert "max-age=" in ours.header("Cache-Control") and int(ours.header("Age")) >= 0
    whole = sending.client.get(url)
    assert whole.status == 200 and whole.body == body and whole.complete
    assert whole.header("Content-Length") == "400000" and whole.header("X-Content-Type-Options") == "nosniff"
    assert whole.header("Content-Security-Policy") and whole.header("Cross-Origin-Resource-Policy") == "cross-origin"
    assert whole.header("Access-Control-Allow-Origin") == "https://www.example.com"
    assert whole.header("X-Accel-Redirect") is None and whole.header("X-Sendfile") is None
    head = sending.client.head(url)
    assert (head.status, head.body, head.header("Content-Length")) == (200, b"", "400000")


def test_the_handler_sends_no_byte_of_it(pair, files, origin):
    sending, _ = pair
    url = fetch_and_store(sending, files, origin, LARGE)
    small = fetch_and_store(sending, files, origin, SMALL)
    # Other bytes in the file, as nobody would have them, show who has read it.
    path = next(files.folder.glob("bodies/*/*"))
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    assert sending.client.get(url).body == bytes(data)
    assert sending.client.get(small).is_hit and files.path(small).read_bytes().endswith(SMALL)
    # A client may have the file before the handler has ended its part.
    eventually(lambda: sending.client.endpoint("stats").json()["bytesServed"] >= 2 * len(LARGE), "it counts")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder to another group")
def test_the_group_of_the_folder_reaches_the_bodies_and_nothing_else(serve, files, folder, origin):
    """As docs/embedded-store.md has it made: the group is the web server's, of which the handler is none."""
    group = 33
    folder.mkdir()
    os.chown(folder, 0, group)
    folder.chmod(0o2710)
    server = serve(HANDOVER="x-sendfile")
    # Two folders of bodies at least: the second is made in one that was there.
    for seed in range(3):
        fetch_and_store(server, files, origin, png_of_size(200_000, seed=seed))
    for path in folder.rglob("*"):
        status, is_body = path.stat(), path.parts[len(folder.parts)] == "bodies"
        assert status.st_gid == group or not is_body, path
        assert status.st_mode & 0o077 == (0o000 if not is_body else 0o010 if path.is_dir() else 0o040), path
    assert len(list(folder.glob("bodies/*/*"))) == 3 and not list(folder.glob("drafts/*"))


def test_a_purge_while_a_file_is_being_sent_is_harmless(pair, files, answer, origin):
    sending, _ = pair
    body = png_of_size(4_000_000, seed=9)
    url = fetch_and_store(sending, files, origin, body)
    path = next(files.folder.glob("bodies/*/*"))
    with sending.client.open(proxied(url)) as response:
        assert response.head() == 200
        first = response.read_exactly(10_000)
        assert answer("purge", url)["images"] == 1
        rest, complete = response.rest()
        assert first + rest == body and complete
    assert "fwd=uri-miss" in sending.client.get(url).cache_status
    # Who was told of it just before may still open it; later it is gone.
    assert path.exists()
    stored(files, url)
    for mark in files.folder.glob("removed/*"):
        os.utime(mark, (time.time() - 100, time.time() - 100))
    assert answer("clean")["orphan"] == 0
    assert not path.exists() and len(list(files.folder.glob("bodies/*/*"))) == 1
    assert sending.client.get(url).body == body


def test_nobody_else_is_given_the_files(pair, files, origin):
    sending, _ = pair
    url = fetch_and_store(sending, files, origin, LARGE)
    name = "/".join(next(files.folder.glob("bodies/*/*")).parts[-2:])
    assert sending.client.request("GET", f"/image-proxy-files/{name}").status == 404
    # An origin's own words are no command.
    hostile = origin.serve(behaviours.image(SMALL, "image/png", ("X-Accel-Redirect", f"/image-proxy-files/{name}"),
                                            ("X-Sendfile", str(files.folder / "bodies" / name))))
    assert sending.client.get(hostile).body == SMALL and url


def test_what_is_handed_over_and_what_is_not_are_both_read(serve, files, origin, folder):
    """The setting may change over the same folder."""
    sending = serve("nginx", {"handover": folder}, HANDOVER="x-accel-redirect:/image-proxy-files/")
    first = fetch_and_store(sending, files, origin, LARGE)
    passing = serve()
    second = fetch_and_store(passing, files, origin, LARGE)
    for server in (sending, passing):
        for url in (first, second):
            hit = server.client.get(url)
            assert hit.is_hit and hit.body == LARGE
