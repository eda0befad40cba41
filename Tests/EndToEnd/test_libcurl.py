"""libcurl is whichever the machine has: with those of RHEL 9 and 8, no rule is dropped because they lack an option."""

import re
import subprocess
import threading
from pathlib import Path

import pytest

from harness import behaviours
from harness.front import Front
from harness.images import png_of_size

BODY = png_of_size(20_000)


def old_libcurl(folder, release):
    """A folder for LD_LIBRARY_PATH."""
    known = subprocess.run(["/sbin/ldconfig", "-p"], capture_output=True, text=True, check=True).stdout
    real = re.search(r"libcurl\.so\.4 .*=> (\S+)", known)[1]
    name = folder / "libcurl-real.so"
    # Linked against an empty library of that name, since the real one calls itself libcurl.so.4.
    build("-o", name, f"-Wl,-soname,{name.name}", "-x", "c", "/dev/null")
    source = Path(__file__).parent / "harness" / "old_libcurl.c"
    build("-o", folder / "libcurl.so.4", f"-DRHEL={release}", source, "-Wl,--no-as-needed", name)
    name.unlink()
    name.symlink_to(real)
    return folder


def build(*arguments):
    subprocess.run(["gcc", "-shared", "-fPIC", "-Wall", "-Werror", *map(str, arguments)], check=True)


@pytest.fixture(params=["this machine's", "RHEL 9's", "RHEL 8's"])
def front(request, new_folder, settings, redis):
    """One worker, so that each request could use the connection of the one before."""
    front = Front("nginx", new_folder(), {**settings, "CACHE": "off", "WORKERS": "1"})
    front.is_old = request.param.startswith("RHEL")
    if front.is_old:
        front.handler.environment["LD_LIBRARY_PATH"] = str(old_libcurl(new_folder(), request.param[5]))
    with front:
        yield front


def test_a_connection_is_used_again_only_where_its_peer_is_judged_again(front, origin):
    before = origin.connections
    for _ in range(4):
        assert front.client.get(origin.serve(behaviours.image(BODY))).body == BODY
    assert origin.connections - before == (4 if front.is_old else 1)


def test_the_rules_hold(front, origin, canary):
    """An address that is not allowed, directly and at a redirect; a scheme that is not http."""
    closed = canary.serve(behaviours.image(BODY))
    assert front.client.get(closed).status == 403
    assert front.client.get(origin.serve(behaviours.redirect(closed))).status == 403
    assert front.client.get(origin.serve(behaviours.redirect("file:///etc/passwd"))).status in (403, 502)
    assert front.client.get("ftp://127.0.0.1/").status == 403


def test_a_slow_image_comes_and_a_silent_origin_is_given_up(front, origin):
    gate = threading.Event()
    url = origin.serve(behaviours.gated(BODY, gate, 1000))
    timer = threading.Timer(0.3, gate.set)
    timer.start()
    assert front.client.get(url).body == BODY
    timer.join()
    assert front.client.get(origin.serve(behaviours.silent)).status == 504


def test_bytes_without_a_head_are_no_image(front, origin):
    """HTTP/0.9, which libcurl takes unless it is told not to, and could not be told before 7.64."""
    assert front.client.get(origin.serve(behaviours.raw(BODY))).status == 502


def test_a_name_is_resolved(front, origin):
    """By a thread of libcurl's, while which there is nothing to wait for."""
    url = origin.serve(behaviours.image(BODY)).replace("127.0.0.1", "localhost")
    assert front.client.get(url).body == BODY
