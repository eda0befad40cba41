"""docs/deployment, followed word for word: the commands of each page, in the order of the text, on a machine that is booted
for it. And what a program can tell of the pages without that: links, names, options."""

import io
import re
import subprocess
import tarfile

import pytest

from harness.handler import EXECUTABLE, PROJECT, run
from harness.images import png_of_size
from harness.machine import ScratchMachine
from harness.supervised import DEPLOY

FOLDER = PROJECT / "docs" / "deployment"
PAGES = {path.name: path.read_text() for path in sorted(FOLDER.glob("*.md"))}
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)

# What a reader does from top to bottom: (page, heading).
PREPARED = ("README.md", "Before any of them")
SERVICE = [PREPARED, ("systemd.md", "systemd")]
JOURNEYS = {
    "nginx": [*SERVICE, ("nginx.md", "nginx")],
    "nginx's own cache": [*SERVICE, ("nginx.md", "nginx"), ("nginx.md", "nginx's own cache in front")],
    "nginx and the status socket": [*SERVICE, ("nginx.md", "nginx"), ("systemd.md", "The status socket")],
    "nginx, which sends large hits": [*SERVICE, ("nginx.md", "nginx"), ("nginx.md", "Files of the embedded store")],
    "lighttpd": [*SERVICE, ("lighttpd.md", "A handler that is a service")],
    "lighttpd, which sends large hits": [*SERVICE, ("lighttpd.md", "A handler that is a service"),
                                         ("lighttpd.md", "Large hits of the embedded store")],
    "lighttpd, spawned": [PREPARED, ("lighttpd.md", "A handler that lighttpd starts")],
    "lighttpd, CGI": [PREPARED, ("lighttpd.md", "Plain CGI")],
    "Apache": [*SERVICE, ("apache.md", "A handler that is a service")],
    "Apache, which sends large hits": [*SERVICE, ("apache.md", "A handler that is a service"),
                                       ("apache.md", "Large hits of the embedded store")],
    "Apache, CGI": [PREPARED, ("apache.md", "Plain CGI")],
    "spawn-fcgi": [PREPARED, ("spawn-fcgi.md", "spawn-fcgi and multiwatch"), ("nginx.md", "nginx")],
    "Debian": [("debian.md", "The Debian package")],
}
# Run by a test of its own.
ELSEWHERE = {("shared-hosting.md", "Shared hosting")}

# There is no network: packages are there already, and what has to be built was.
SHIMS = {
    "sudo": 'case $1 in -u) user=$2; shift 2; exec runuser -u "$user" -- "$@" ;; *) exec "$@" ;; esac',
    "make": 'case $1 in build|deb|run) ;; *) exit 1 ;; esac',
    "apt-get": """shift
for word; do case $word in
    -*) ;;
    *.deb) dpkg --install "$word" ;;
    *) dpkg-query --status "$word" >/dev/null ;;
esac; done""",
}
TRIAL = """
export PATH=/var/trial/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
set -ex
cd /var/trial/project
systemctl start redis-server
/usr/bin/python3 -m http.server --bind 127.0.0.1 --directory /var/trial/origin 8081 &
{page}
image() {{ curl -sS -o /var/trial/seen -w '%{{http_code}} %header{{cache-status}} %header{{x-cache}}' \\
    'http://127.0.0.1/api/image-proxy?url=http%3A%2F%2F127.0.0.1%3A8081%2Fimage.png'; }}
set +e
for attempt in $(seq 50); do said=$(image); case $said in *hit*|*HIT*) break ;; esac; sleep 0.2; done
systemctl status --no-pager nginx lighttpd apache2 image-proxy >&2
cmp /var/trial/seen /var/trial/origin/image.png && printf '\\n== %s\\n' "$said"
find /var/cache/image-proxy/bodies -type f -printf '== a file for %g\\n'
"""


def sections(text):
    """What stands below each heading, up to the next one."""
    parts = re.split(r"^#+ (.+)\n", FENCE.sub(lambda block: block[0].replace("\n#", "\n\0#"), text), flags=re.MULTILINE)
    return {title: body.replace("\0", "") for title, body in zip(parts[1::2], parts[2::2])}


def commands(page, title):
    return "".join(body for language, body in FENCE.findall(sections(PAGES[page])[title]) if language == "sh")


def tree(package):
    """The project as one who deploys it sees it: deploy/, and what was built."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as archive:
        archive.add(DEPLOY, "deploy")
        archive.add(EXECUTABLE, ".build/release/image-proxy")
        if package:
            archive.add(package, f".build/packages/{package.name}")
    return data.getvalue()


@pytest.fixture(scope="module")
def package():
    done = subprocess.run([PROJECT / "scripts" / "make-deb"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return PROJECT / done.stdout.strip()


@pytest.mark.parametrize("journey", JOURNEYS)
def test_who_follows_the_pages_gets_an_image_and_a_hit(journey, new_folder, request):
    with ScratchMachine(new_folder()) as machine:
        if machine.obstacle:
            pytest.skip(machine.obstacle)
        package = request.getfixturevalue("package") if journey == "Debian" else None
        machine.put(tree(package), "/var/trial/tree.tar")
        machine.output("sh", "-c", "mkdir /var/trial/project && tar -xf /var/trial/tree.tar -C /var/trial/project")
        machine.put(png_of_size(200_000 if "large" in journey else 20_000), "/var/trial/origin/image.png")
        for name, text in SHIMS.items():
            machine.output("chmod", "+x", machine.put(f"#!/bin/sh -e\n{text}\n".encode(), f"/var/trial/bin/{name}"))
        page = "".join(commands(*step) for step in JOURNEYS[journey])
        # The origin of the test in the place of the one that the page names.
        named = "IMAGE_PROXY_ALLOWED_HOSTS=images.example.com"
        assert named in page
        page = page.replace(named, r"IMAGE_PROXY_ALLOWED_HOSTS=127.0.0.1\nIMAGE_PROXY_ALLOWED_NETWORKS=127.0.0.1\/32:8081")
        output, log = machine.boot(TRIAL.format(page=page))
        if not output and not log:
            pytest.skip("systemd-nspawn does not boot here")
            # nginx's own cache repeats what the handler said when it was asked.
        hit = "200 image-proxy; fwd=uri-miss.* HIT$" if "own cache" in journey else "200 image-proxy; hit"
        assert re.search(f"^== {hit}", output, re.MULTILINE), output + log
        # A hit that the handler has told the web server the file of.
        assert ("== a file for www-data\n" in output) == ("large" in journey), output


def test_every_command_is_part_of_a_journey():
    shown = {(page, title) for page, text in PAGES.items() for title in sections(text) if commands(page, title)}
    assert shown == {step for steps in JOURNEYS.values() for step in steps} | ELSEWHERE


def test_every_deploy_file_is_named():
    linked = {(FOLDER / target).resolve() for text in PAGES.values() for target in re.findall(r"\]\(([^)\s]+)\)", text)}
    packaging = DEPLOY / "debian"
    for path in sorted(DEPLOY.rglob("*")):
        if path.is_file() and packaging not in path.parents:
            assert path.resolve() in linked, path


def test_the_example_configuration_shows_the_defaults(tmp_path):
    text = (DEPLOY / "image-proxy.conf").read_text()
    settings = dict(re.findall(r"^#(IMAGE_PROXY_\w+)=(.*)", text, re.MULTILINE))
    hosts = settings.pop("IMAGE_PROXY_ALLOWED_HOSTS")
    lines = run("check-config", settings={"ALLOWED_HOSTS": hosts, "CONFIG": "/dev/null"}).stdout.splitlines()
    effective = {key: value for key, value in (re.match(r"(\w+) +(.*)  \(", line).groups() for line in lines)}
    assert {key: value or "none" for key, value in settings.items()} == {key: effective.get(key) for key in settings}


def test_what_goes_into_a_drop_in_is_valid(tmp_path):
    blocks = [body for language, body in FENCE.findall(PAGES["systemd.md"]) if language == "ini"]
    assert blocks
    service = (DEPLOY / "systemd" / "image-proxy.service").read_text()
    (tmp_path / "image-proxy.service").write_text(service.replace("/usr/lib/image-proxy/image-proxy", str(EXECUTABLE)))
    (tmp_path / "image-proxy.socket").write_text((DEPLOY / "systemd" / "image-proxy.socket").read_text())
    folder = tmp_path / "image-proxy.service.d"
    folder.mkdir()
    for number, block in enumerate(blocks):
        (folder / f"{number}.conf").write_text(block)
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", tmp_path / "image-proxy.service"],
                          capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
