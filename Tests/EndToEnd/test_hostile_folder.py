"""The embedded store in a folder where somebody else has been: whatever is there, the same process goes on, images are served
and stored, nothing is written to where a link leads, and the log is no flood."""

import contextlib
import os
import subprocess
import time
from pathlib import Path

import pytest

from harness import behaviours
from harness.file_store import FileStore
from harness.front import Front
from harness.handler import SANITIZER, cgi
from harness.http import proxied
from harness.images import png_of_size
from harness.waiting import eventually
from test_embedded_store import AWAY, BACK, SMALL, fetch_and_store, health, image_is_served, is_stored_again
from test_stale import FAKETIME

EXTREMES = "".join(f"time.{cache}.{place} {number}\n" for cache in ("hit", "miss", "stale")
                   for place, number in enumerate([-2 ** 63, -1, 2 ** 63 - 1, 5]))
# The year 2262, from which to now no number of nanoseconds leads.
FAR = 9_223_372_036


@pytest.fixture
def files(new_folder):
    return FileStore(new_folder() / "cache")


@pytest.fixture
def outside(new_folder):
    """A folder beside the store's, with a file that has the name of one of the store's."""
    place = new_folder()
    (place / "index").write_text("mine")
    yield place
    assert [(path.name, path.read_text()) for path in place.iterdir()] == [("index", "mine")]


def instead(path, make):
    """Puts something in the place of a file, or of a folder with all that is in it."""
    subprocess.run(["rm", "-rf", str(path)], check=True)
    make(path)


def long(path):
    with open(path, "ab") as file:
        file.truncate(1 << 40)


def of_another_time(folder, name):
    (folder / name).mkdir(exist_ok=True, mode=0o700)
    for number in range(3):
        path = folder / name / f"{number:032x}"
        path.write_bytes(b"0\n\n")
        os.utime(path, (FAR, FAR))


def host_counts(folder, text):
    (folder / "counts").mkdir(exist_ok=True, mode=0o700)
    (folder / "counts" / os.uname().nodename).write_text(text)


INTRUSIONS = {
    "usage of all numbers": lambda folder, shard, outside: (folder / "usage").write_bytes(b"\xff" * 2048),
    "usage cut": lambda folder, shard, outside: os.truncate(folder / "usage", 3),
    "usage a pipe": lambda folder, shard, outside: instead(folder / "usage", os.mkfifo),
    "usage a folder": lambda folder, shard, outside: instead(folder / "usage", os.mkdir),
    "usage a link": lambda folder, shard, outside: instead(folder / "usage", lambda path: path.symlink_to(outside / "index")),
    "index that is long": lambda folder, shard, outside: long(shard / "index"),
    "index of all numbers": lambda folder, shard, outside: (shard / "index").write_bytes(b"imgidx1\n" + b"\xff" * 632),
    "index a pipe": lambda folder, shard, outside: instead(shard / "index", os.mkfifo),
    "index a folder": lambda folder, shard, outside: instead(shard / "index", os.mkdir),
    "index a link": lambda folder, shard, outside: instead(shard / "index", lambda path: path.symlink_to(outside / "index")),
    "images a file": lambda folder, shard, outside: instead(folder / "images", Path.touch),
    "images a link": lambda folder, shard, outside: instead(folder / "images", lambda path: path.symlink_to(outside)),
    "its folder a link": lambda folder, shard, outside: instead(shard, lambda path: path.symlink_to(outside)),
    "drafts a file": lambda folder, shard, outside: instead(folder / "drafts", Path.touch),
    "drafts a link": lambda folder, shard, outside: instead(folder / "drafts", lambda path: path.symlink_to(outside)),
    "leases a link": lambda folder, shard, outside: instead(folder / "leases", lambda path: path.symlink_to(outside)),
    "leases a file": lambda folder, shard, outside: instead(folder / "leases", Path.touch),
    "counts a pipe": lambda folder, shard, outside: instead(folder / "counts", os.mkfifo),
    "counts of all numbers": lambda folder, shard, outside: host_counts(folder, EXTREMES),
    "counts without end": lambda folder, shard, outside: (
        host_counts(folder, EXTREMES), long(folder / "counts" / os.uname().nodename)),
    "counts of another time": lambda folder, shard, outside: of_another_time(folder, "counts"),
    "drafts of another time": lambda folder, shard, outside: of_another_time(folder, "drafts"),
    "leases of another time": lambda folder, shard, outside: of_another_time(folder, "leases"),
    "removed of another time": lambda folder, shard, outside: of_another_time(folder, "removed"),
    "leases that are long": lambda folder, shard, outside: (
        of_another_time(folder, "leases"), long(folder / "leases" / f"{0:032x}")),
}


@pytest.mark.parametrize("name", INTRUSIONS)
def test_whatever_is_in_the_folder_the_process_goes_on(start, files, outside, origin, name):
    server = start(CACHE=f"file:{files.folder}", FILE_CACHE_SIZE="1MiB")
    pid = server.handler.pid
    url = fetch_and_store(server, files, origin)
    INTRUSIONS[name](files.folder, files.path(url).parent, outside)
    for _ in range(2):
        answer = server.client.get(url)
        assert (answer.status, answer.body == SMALL, answer.header("Content-Type")) == (200, True, "image/png")
    # What writes to the same folder as before, to all of them, and makes room.
    eventually(lambda: server.client.get(url).is_hit, "a hit")
    body = png_of_size(60_000)
    for _ in range(20):
        assert server.client.get(origin.serve(behaviours.image(body))).body == body
    eventually(lambda: is_stored_again(server, files, origin), "images are stored")
    for page in ("stats", "metrics", "metrics?scope=all", "status"):
        assert server.client.endpoint(page).status == 200
    assert server.client.endpoint("stats").json()["totalSize"] < 2 << 20
    assert (server.handler.is_running, server.handler.pid, health(server)) == (True, pid, "ok")
    assert server.log().count(AWAY) <= 1


@pytest.fixture
def powerless(new_folder, settings, files):
    """A server that may do no more to files than their permissions say, also where root runs the tests."""
    server = Front("nginx", new_folder(), {**settings, "CACHE": f"file:{files.folder}"})
    if os.geteuid() == 0:
        server.handler.command[:0] = ["setpriv", "--bounding-set", "-dac_override,-dac_read_search", "--"]
    with server:
        yield server


def test_a_file_that_may_not_be_read_is_a_miss_and_is_replaced(powerless, files, origin):
    url = fetch_and_store(powerless, files, origin)
    path = files.path(url)
    for forbidden in [[path], [path.parent / "index"], [files.folder / "usage"], [path, path.parent / "index", files.folder / "usage"]]:
        for each in forbidden:
            # An index that was removed in the turn before may not be there again yet.
            with contextlib.suppress(FileNotFoundError):
                each.chmod(0)
        answer = powerless.client.get(url)
        assert (answer.status, answer.body == SMALL) == (200, True)
        eventually(lambda: path.stat().st_mode & 0o600 == 0o600 and powerless.client.get(url).is_hit, "it is replaced")
        eventually(lambda: is_stored_again(powerless, files, origin), "images are stored")
    assert health(powerless) == "ok" and powerless.log().count(AWAY) == 0


def test_a_folder_that_may_not_be_passed_through_is_said_once(powerless, files, origin):
    url = fetch_and_store(powerless, files, origin)
    files.folder.chmod(0)
    try:
        until = time.monotonic() + 3
        while time.monotonic() < until:
            image_is_served(powerless, origin)
            assert powerless.client.get(url).body == SMALL
        assert health(powerless) == "degraded"
        assert (powerless.log().count(AWAY), powerless.log().count(BACK), powerless.log().count("is damaged")) == (1, 0, 0)
    finally:
        files.folder.chmod(0o700)
    eventually(lambda: is_stored_again(powerless, files, origin), "images are stored again")
    assert (powerless.log().count(AWAY), powerless.log().count(BACK)) == (1, 1)


def test_one_folder_of_images_that_may_not_be_written_to_is_no_flood_of_log_lines(powerless, files, origin):
    """Each try fails, and each probe succeeds: the rest of the store can be used."""
    url = fetch_and_store(powerless, files, origin)
    shard = files.path(url).parent
    shard.chmod(0)
    try:
        until = time.monotonic() + 5
        while time.monotonic() < until:
            assert powerless.client.get(url).body == SMALL
            time.sleep(0.05)
        assert powerless.log().count(AWAY) == 1 and powerless.log().count(BACK) <= 1
        assert powerless.log().count("is damaged") <= 6, "once a second"
    finally:
        shard.chmod(0o700)
    eventually(lambda: powerless.client.get(url).is_hit, "a hit")


@pytest.mark.parametrize("shift", ["+90m", "-90m", "+20y", "-20y"])
@pytest.mark.skipif(SANITIZER is not None, reason="a sanitizer has to be loaded before everything else, as libfaketime has")
def test_a_clock_that_jumps_forth_and_back(files, settings, origin, shift):
    """An hour's image, stored now and looked at from another time, and the other way round."""
    assert FAKETIME, "needs the Debian package libfaketime"
    own = {**settings, "CACHE": f"file:{files.folder}", "STALE_WHILE_REVALIDATE": "0s", "STALE_IF_ERROR": "0s"}
    url = origin.serve(behaviours.image(SMALL, "image/png", ("Cache-Control", "max-age=3600")))
    elsewhen = {"LD_PRELOAD": str(FAKETIME), "FAKETIME": shift, "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
    for there in ({}, elsewhen, {}, elsewhen):
        answer, log = cgi(proxied(url).partition("?")[2], own, **there)
        assert (answer.status, answer.body == SMALL) == (200, True) and int(answer.header("Age") or 0) >= 0, log
    answer, log = cgi(proxied(url).partition("?")[2], own)
    again, log = cgi(proxied(url).partition("?")[2], own)
    assert answer.body == SMALL and again.is_hit, log
