"""`make dist`: what the tarball holds, what its executable needs, and that it works from the folder as it is unpacked."""

import re
import subprocess
import tarfile

import pytest

from harness import behaviours
from harness.front import Front
from harness.handler import PROJECT, run
from harness.images import png_of_size
from harness.waiting import eventually

BODY = png_of_size(50_000)
# Everything that the executable may ask the dynamic linker for: glibc, and GCC's runtime, which is on every system.
ALLOWED = {"libc.so.6", "libm.so.6", "libpthread.so.0", "libdl.so.2", "libgcc_s.so.1",
           "ld-linux-x86-64.so.2", "ld-linux-aarch64.so.1"}
# That of RHEL 8, the oldest system that web hosts still have and that is still cared for.
GLIBC = (2, 28)


@pytest.fixture(scope="module")
def tarball():
    done = subprocess.run([PROJECT / "scripts" / "make-dist"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture(scope="module")
def unpacked(tarball, new_folder):
    folder = new_folder()
    with tarfile.open(tarball) as archive:
        archive.extractall(folder)
    [tree] = folder.iterdir()
    return tree


@pytest.fixture(scope="module")
def executable(unpacked):
    return unpacked / "api" / "image-proxy.fcgi"


def readelf(*arguments):
    return subprocess.run(["readelf", *map(str, arguments)], capture_output=True, text=True, check=True).stdout


def test_it_holds_what_the_instructions_name(unpacked):
    files = sorted(str(path.relative_to(unpacked)) for path in unpacked.rglob("*") if path.is_file())
    assert [name for name in files if not name.startswith(("docs/", "deploy/"))] == [
        "CHANGELOG.md", "CONTRIBUTING.md", "INSTALL.txt", "LICENSES.txt", "README.md", "SECURITY.md",
        "api/.htaccess", "api/image-proxy.conf", "api/image-proxy.fcgi"]
    assert (unpacked / "api" / "image-proxy.fcgi").stat().st_mode & 0o777 == 0o755
    text = (unpacked / "INSTALL.txt").read_text()
    version = run("--version").stdout.split()[-1]
    assert f"image-proxy {version} on" in text and "@" not in text
    assert unpacked.name.startswith(f"image-proxy-{version}-")


def test_its_documents_name_nothing_that_it_does_not_hold(unpacked):
    pages = {path: path.read_text() for path in unpacked.rglob("*.md")}
    links = [(path, link) for path, text in pages.items() for link in re.findall(r"\]\(([^)\s]+)\)", text) if ":" not in link]
    assert len(links) > 100
    assert [(path, link) for path, link in links if not (path.parent / link.partition("#")[0]).exists()] == []
    ours = {path: (PROJECT / path.relative_to(unpacked)).read_text() for path in pages}
    for path, text in pages.items():
        # A link that goes leaves its text.
        assert re.sub(r"\[([^\]]*)\]\([^)\s]+\)", r"\1", text) == re.sub(r"\[([^\]]*)\]\([^)\s]+\)", r"\1", ours[path]), path
    assert "docs/embedded-store.md" in pages[unpacked / "README.md"]


def test_it_needs_nothing_but_the_c_library(executable):
    needed = set(re.findall(r"\(NEEDED\).*\[(.+)\]", readelf("--dynamic", executable)))
    assert needed and needed <= ALLOWED
    versions = {tuple(map(int, version.split("."))) for version in
                re.findall(r"GLIBC_([\d.]+)", readelf("--version-info", executable))}
    assert max(versions) <= GLIBC
    # In a glibc before 2.34 threads and dlopen are found in libraries of their own.
    assert {"libpthread.so.0", "libdl.so.2"} <= needed
    assert not re.search(r"GLIBCXX|CXXABI", readelf("--version-info", executable))


def test_the_same_input_makes_the_same_bytes(tarball):
    first = open(tarball, "rb").read()
    done = subprocess.run([PROJECT / "scripts" / "make-dist"], capture_output=True, text=True, check=True)
    assert open(done.stdout.strip(), "rb").read() == first


@pytest.mark.parametrize("kind", ["shared-fcgid", "shared-cgi"])
def test_it_works_as_it_is_unpacked(kind, unpacked, new_folder, settings, redis, databases, origin):
    database = next(databases)
    settings = {**settings, "CACHE": redis.unix_address(database)}
    with Front(kind, new_folder(), settings, redis.client(database), site=unpacked / "api") as front:
        assert front.client.endpoint("health").body == b"ok\n"
        url = origin.serve(behaviours.image(BODY))
        assert front.client.get(url).body == BODY
        eventually(lambda: front.client.get(url).is_hit, "a hit")
        assert front.client.head(url).header("Content-Length") == str(len(BODY))
        assert front.client.get("http://10.0.0.1/").status == 403


def test_the_configuration_is_good_once_a_host_is_named(unpacked, executable, tmp_path):
    text = (unpacked / "api" / "image-proxy.conf").read_text()
    check = [executable, "check-config", "--config", tmp_path / "image-proxy.conf"]
    (tmp_path / "image-proxy.conf").write_text(text)
    refused = subprocess.run(check, capture_output=True, text=True)
    assert refused.returncode == 78 and "IMAGE_PROXY_ALLOWED_HOSTS" in refused.stderr
    # Every example taken in: nothing is wrong but that there are several caches.
    (tmp_path / "image-proxy.conf").write_text(re.sub(r"^#(IMAGE_PROXY_)", r"\1", text, flags=re.MULTILINE))
    examples = subprocess.run(check, capture_output=True, text=True)
    assert set(re.findall(r"IMAGE_PROXY_\w+", examples.stderr)) <= {"IMAGE_PROXY_CACHE"}, examples.stderr
    (tmp_path / "image-proxy.conf").write_text(text.replace("#IMAGE_PROXY_ALLOWED", "IMAGE_PROXY_ALLOWED"))
    good = subprocess.run(check, capture_output=True, text=True)
    assert (good.returncode, good.stderr) == (0, "")
