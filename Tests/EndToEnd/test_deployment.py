"""Every file in deploy/, run: the same few requests through each way to deploy, as an operator would try them."""

import contextlib
import os
import re
import signal
import subprocess
import threading
import time
from pathlib import Path

import pytest

from harness import behaviours
from harness.front import APACHE, DEPLOYMENTS, Front
from harness.http import MOUNT, proxied
from harness.images import MIB, png_of_size
from harness.process import children_of, connections_to, status_field
from harness.supervised import DEPLOY, unit
from harness.waiting import eventually

BODY = png_of_size(50_000)
UNITS = [str(DEPLOY / "systemd" / name) for name in ("image-proxy.service", "image-proxy.socket", "image-proxy-status.socket")]


@pytest.fixture(scope="module", params=DEPLOYMENTS)
def deployed(request, new_folder, settings, redis, databases):
    database = next(databases)
    settings = {**settings, "CACHE": redis.unix_address(database)}
    with Front(request.param, new_folder(), settings, redis.client(database)) as front:
        yield front


@pytest.mark.parametrize("kind", DEPLOYMENTS)
def test_the_server_accepts_its_file(new_folder, kind):
    done = Front(kind, new_folder(), {}).server.check()
    assert done.returncode == 0, done.stdout + done.stderr
    assert "warn" not in done.stderr.lower()


def test_an_image_and_a_hit(deployed, origin):
    url = origin.serve(behaviours.image(BODY))
    miss = deployed.client.get(url)
    assert (miss.status, miss.body == BODY, miss.complete) == (200, True, True)
    assert miss.header("Content-Length") == str(len(BODY))
    assert miss.header("X-Content-Type-Options") == "nosniff" and not miss.is_hit
    deployed.stored(url)
    hit = deployed.client.get(url)
    assert hit.is_hit and hit.body == BODY and len(origin.requests_for(url)) == 1


def test_head_has_the_length_and_no_body(deployed, origin):
    head = deployed.client.head(origin.serve(behaviours.image(BODY)))
    assert (head.status, head.body, head.header("Content-Length")) == (200, b"", str(len(BODY)))


def test_a_range_and_what_the_client_has_already(deployed, origin):
    url = origin.serve(behaviours.image(BODY))
    deployed.client.get(url)
    deployed.stored(url)
    part = deployed.client.get(url, headers={"Range": "bytes=100-1099"})
    assert (part.status, part.body == BODY[100:1100]) == (206, True)
    assert part.header("Content-Range") == f"bytes 100-1099/{len(BODY)}" and part.header("Content-Length") == "1000"
    beyond = deployed.client.get(url, headers={"Range": f"bytes={len(BODY)}-"})
    assert (beyond.status, beyond.header("Content-Range")) == (416, f"bytes */{len(BODY)}")
    same = deployed.client.get(url, headers={"If-None-Match": part.header("ETag")})
    assert (same.status, same.body) == (304, b"")


def test_an_error_is_the_handler_s_own(deployed, origin):
    for url, status in ((origin.serve(behaviours.status("404 Not Found")), 404),
                        (origin.serve(behaviours.status("500 Oops")), 502), ("http://10.0.0.1/", 403)):
        answer = deployed.client.get(url)
        assert (answer.status, answer.json()["status"]) == (status, status)
        assert answer.header("Content-Type") == "application/problem+json"
        assert answer.header("Cache-Control") == "no-store"


@pytest.mark.parametrize("size", [100_000, 9 * MIB])
def test_a_cut_image_is_seen_to_be_cut(deployed, origin, size):
    body = png_of_size(size)
    url = origin.serve(behaviours.in_turn(behaviours.cut(body, size - 50), behaviours.image(body)))
    first = deployed.client.get(url)
    assert first.failed_visibly(500, 502, 503) and len(first.body) < size

    def is_whole():
        """A request that joins the fetch which is just failing fails with it; none gets less than the image."""
        answer = deployed.client.get(url)
        assert answer.status != 200 or (answer.complete, answer.body == body) == (True, True)
        return answer.status == 200
    eventually(is_whole, "the image, once its origin sends it")


def test_endpoints_and_nothing_else_beneath_the_mount(deployed):
    assert deployed.client.endpoint("health").body == b"ok\n"
    assert deployed.client.endpoint("stats").json()["cacheAvailable"] is True
    assert deployed.client.request("POST", proxied("http://127.0.0.1/"), body=b"").status == 405
    assert deployed.client.request("GET", MOUNT + "/../image-proxy.conf").status in (400, 403, 404)
    assert deployed.client.request("GET", MOUNT + "er").status == 404


def test_apache_says_503_when_the_handler_is_down_and_is_right_again(start, origin):
    server = start("apache")
    url = origin.serve(behaviours.image(BODY))
    server.handler.stop()
    assert server.client.get(url).status == 503
    server.handler.start()
    assert server.client.get(url).status == 200, "no time-out after a failure"


@pytest.mark.parametrize("kind", [kind for kind in APACHE if kind.startswith("shared")])
def test_the_configuration_on_a_web_host_is_not_shown(start, kind):
    server = start(kind)
    for name in ("image-proxy.conf", ".htaccess"):
        answer = server.client.request("GET", f"/api/{name}")
        assert answer.status == 403 and b"IMAGE_PROXY" not in answer.body


def test_fcgid_keeps_its_process(start):
    server = start("shared-fcgid")
    eventually(lambda: server.client.endpoint("stats").json()["requests"] > 2, "a process that has answered others")


def two_children(process):
    found = children_of(process.pid)
    return found if len(found) == 2 else None


def test_multiwatch_starts_a_killed_handler_again(start, origin):
    """Nobody notices but those whose image it was sending."""
    server = start("spawn-fcgi", STALL_TIMEOUT="30s")
    url = origin.serve(behaviours.image(BODY))
    handlers = eventually(lambda: two_children(server.handler), "two handlers")
    large, gate = png_of_size(9 * MIB), threading.Event()
    with contextlib.ExitStack() as stack:
        responses = []

        def fetching():
            return [connections_to(pid, origin.port) for pid in handlers]

        def both_fetch():
            under_way = origin.serve(behaviours.gated(large, gate, first=MIB))
            responses.append(stack.enter_context(server.client.open(proxied(under_way))))
            assert responses[-1].head() == 200
            return all(fetching())
        eventually(both_fetch, "both send an image")
        lost = fetching()[0]
        os.kill(handlers[0], signal.SIGKILL)
        killed = time.monotonic()
        server.client.timeout = 2
        for _ in range(50):
            answer = server.client.get(url)
            assert (answer.status, answer.body == BODY) == (200, True), "the other one answers meanwhile"
        renewed = eventually(lambda: two_children(server.handler), "a new handler", 5 - (time.monotonic() - killed))
        assert handlers[0] not in renewed
        gate.set()
        ends = [response.rest() for response in responses]
        assert sum(not is_complete for _, is_complete in ends) == lost
        assert all(rest == large for rest, is_complete in ends if is_complete)
    # A child that is still becoming the handler would miss the signal.
    eventually(lambda: all(status_field(pid, "Threads") > 8 for pid in renewed), "its workers")
    assert server.handler.stop(within=40) == 0


def test_the_units_are_valid(tmp_path):
    """systemd-analyze wants the program to be where the unit says: an empty one is put there, in a root of its own."""
    root = tmp_path / "root"
    program = root / unit("image-proxy.service")["ExecStart"].lstrip("/")
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    folder = tmp_path / "units"
    folder.mkdir()
    for path in UNITS:
        text = Path(path).read_text().replace("ExecStart=/usr", f"ExecStart={root}/usr")
        (folder / Path(path).name).write_text(text)
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", *sorted(map(str, folder.iterdir()))],
                          capture_output=True, text=True)
    assert (done.returncode, done.stderr.strip()) == (0, "")


def test_the_service_is_fenced_in():
    """As well as its own comment says."""
    claimed = float(re.search(r"systemd 252 says ([\d.]+) \(OK\)", Path(UNITS[0]).read_text())[1])
    done = subprocess.run(["systemd-analyze", "security", "--offline=true", "--no-pager",
                           f"--threshold={claimed * 10:.0f}", UNITS[0]], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
