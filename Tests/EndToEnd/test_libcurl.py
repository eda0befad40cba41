"""libcurl is whichever the machine has: with that of RHEL 9, no rule is dropped because it lacks an option."""

import re
import subprocess
from pathlib import Path

import pytest

from harness import behaviours
from harness.front import Front
from harness.images import png_of_size

BODY = png_of_size(20_000)


@pytest.fixture(scope="module")
def old_libcurl(new_folder):
    """A folder for LD_LIBRARY_PATH."""
    folder = new_folder()
    known = subprocess.run(["/sbin/ldconfig", "-p"], capture_output=True, text=True, check=True).stdout
    real = re.search(r"libcurl\.so\.4 .*=> (\S+)", known)[1]
    name = folder / "libcurl-real.so"
    # Linked against an empty library of that name, since the real one calls itself libcurl.so.4.
    build("-o", name, f"-Wl,-soname,{name.name}", "-x", "c", "/dev/null")
    source = Path(__file__).parent / "harness" / "old_libcurl.c"
    build("-o", folder / "libcurl.so.4", source, "-Wl,--no-as-needed", name)
    name.unlink()
    name.symlink_to(real)
    return folder


def build(*arguments):
    subprocess.run(["gcc", "-shared", "-fPIC", "-Wall", "-Werror", *map(str, arguments)], check=True)


@pytest.fixture(params=["this machine's", "RHEL 9's"])
def front(request, new_folder, settings, redis):
    """One worker, so that each request could use the connection of the one before."""
    front = Front("nginx", new_folder(), {**settings, "CACHE": "off", "WORKERS": "1"})
    front.is_old = request.param.startswith("RHEL")
    if front.is_old:
        front.handler.environment["LD_LIBRARY_PATH"] = str(request.getfixturevalue("old_libcurl"))
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
