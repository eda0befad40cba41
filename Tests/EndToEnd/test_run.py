"""`make run`: what it shows is true, and it takes everything away again."""

import json
import os
import re
import signal
import subprocess
from pathlib import Path

import pytest

from harness.handler import PROJECT
from harness.http import Client
from harness.process import children_of
from harness.waiting import eventually


@pytest.fixture
def run(tmp_path):
    """Starts scripts/run without a terminal: `run("nginx")` gives (process, function that reads its output)."""
    started = []

    def start(*arguments):
        log = tmp_path / "output"
        with open(log, "wb") as output:
            process = subprocess.Popen([PROJECT / "scripts" / "run", *arguments], stdin=subprocess.DEVNULL,
                                       stdout=output, stderr=output, start_new_session=True)
        started.append(process)
        return process, log.read_text
    yield start
    for process in started:
        if process.poll() is None:
            process.terminate()
            process.wait(30)


def announced(read, process):
    """(gallery's base, folder) once they are printed"""
    def printed():
        assert process.poll() is None, read()
        return re.search(r"gallery +(http://\S+?)/\n", read()) and re.search(r" in (/\S+)\. ", read())
    eventually(printed, "the gallery is announced", within=60)
    return re.search(r"gallery +(http://\S+?)/\n", read()).group(1), re.search(r" in (/\S+)\. ", read()).group(1)


def gallery(client):
    page = client.request("GET", "/")
    assert page.status == 200 and page.header("Content-Type").startswith("text/html")
    text = page.body.decode()
    assert not re.search(r"(src|href)=[\"']?(https?:)?//", text), "the page needs something else"
    return json.loads(re.search(r"const gallery = (.*);", text).group(1))


@pytest.mark.parametrize("server", ["nginx", "lighttpd"])
def test_every_picture_is_a_miss_and_then_a_hit(run, server):
    process, read = run("--server", server)
    base, folder = announced(read, process)
    client = Client(base)
    images = gallery(client)["images"]
    assert len(images) >= 10
    for image in images:
        miss = client.request("GET", image["path"])
        assert miss.status == 200 and "uri-miss" in miss.cache_status, image
        if len(miss.body) <= 5 * 1024 * 1024:
            eventually(lambda: client.request("GET", image["path"]).is_hit, "a hit")
    output = eventually(lambda: "Image too large to cache" in read() and read(), "the log is shown")
    assert "Image cached successfully" in output
    path = re.search(r"an image +http://[^/]+(/\S+)", output).group(1)
    assert client.request("GET", path).is_hit
    assert client.endpoint("health").status == 200 and client.endpoint("stats").json()["totalImages"] == len(images) - 1

    pieces = children_of(process.pid)
    assert len(pieces) == 3
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 0
    assert not any(os.path.exists(f"/proc/{pid}") for pid in pieces) and not Path(folder).exists()


def test_it_ends_by_itself(run):
    process, read = run("--for", "1")
    assert process.wait(60) == 0, read()
    assert "stopping" in read()


def test_a_piece_that_dies_is_named_and_ends_it_all(run):
    process, read = run()
    _, folder = announced(read, process)
    pieces = {Path(f"/proc/{pid}/comm").read_text().strip(): pid for pid in children_of(process.pid)}
    os.kill(pieces["redis-server"], signal.SIGKILL)
    assert process.wait(30) == 1
    assert "redis has ended" in read() and not Path(folder).exists()
    assert not any(os.path.exists(f"/proc/{pid}") for pid in pieces.values())


def test_an_unknown_server_is_refused(run):
    process, read = run("--server", "apache")
    assert process.wait(30) == 2 and "apache" in read()
