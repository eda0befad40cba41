"""`make deb`: lintian has nothing against the package, and it installs, runs, upgrades and goes as a package should."""

import re
import subprocess
from pathlib import Path

import pytest

from harness import behaviours
from harness.handler import PROJECT, parse_cgi, run
from harness.http import MOUNT, proxied
from harness.images import png_of_size
from harness.machine import ScratchMachine

BODY = png_of_size(20_000)
CONFIGURATION = "/etc/image-proxy/image-proxy.conf"
EXECUTABLE = "/usr/lib/image-proxy/image-proxy"
# As an upgrade that nobody watches does it.
UNATTENDED = ("--force-confdef", "--force-confold")


@pytest.fixture(scope="module")
def package():
    done = subprocess.run([PROJECT / "scripts" / "make-deb"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return Path(done.stdout.strip())


@pytest.fixture(scope="module")
def newer(package, new_folder):
    """The next version, with other defaults in its configuration file."""
    folder = new_folder()
    subprocess.run(["dpkg-deb", "--raw-extract", package, folder / "tree"], check=True)
    with open(folder / "tree" / CONFIGURATION.lstrip("/"), "a") as text:
        text.write("# New in this version.\n")
    control = folder / "tree" / "DEBIAN" / "control"
    control.write_text(re.sub(r"^Version: .*", r"\g<0>.1", control.read_text(), flags=re.MULTILINE))
    subprocess.run(["dpkg-deb", "--root-owner-group", "--build", folder / "tree", folder / "newer.deb"],
                   check=True, capture_output=True)
    return folder / "newer.deb"


@pytest.fixture
def machine(new_folder):
    with ScratchMachine(new_folder()) as machine:
        if machine.obstacle:
            pytest.skip(machine.obstacle)
        yield machine


@pytest.fixture
def installed(machine, package):
    machine.output("dpkg", "--install", machine.put(package.read_bytes(), "/var/tmp/image-proxy.deb"))
    return machine


def configure(machine, **settings):
    text = "".join(f"IMAGE_PROXY_{name}={value}\n" for name, value in settings.items())
    machine.put(text.encode(), CONFIGURATION)
    return text


def test_lintian_has_nothing_against_it(package):
    done = subprocess.run(["lintian", "--fail-on", "error,warning", "--allow-root", package], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")


def test_it_has_the_version_of_the_program(package):
    version = run("--version").stdout.split()[-1]
    assert package.name.startswith(f"image-proxy_{version}-1_")


def test_it_installs_a_user_a_configuration_units_and_a_page(installed):
    assert installed.output("getent", "passwd", "image-proxy").strip().endswith(":/nonexistent:/usr/sbin/nologin")
    assert installed.output("stat", "-c", "%a %U:%G", CONFIGURATION) == "640 root:image-proxy\n"
    assert installed.output("stat", "-c", "%a %U:%G", "/var/cache/image-proxy") == "2710 image-proxy:www-data\n"
    assert installed.output("image-proxy", "--version") == run("--version").stdout
    assert installed.output("man", "--where", "image-proxy").startswith("/usr/share/man/man1/")
    installed.output("systemd-analyze", "verify", "--man=yes", "image-proxy.service", "image-proxy.socket",
                     "image-proxy-status.socket")
    for server in ("nginx", "lighttpd", "apache"):
        assert "image-proxy.conf" in installed.output("ls", f"/usr/share/doc/image-proxy/examples/{server}")
    installed.output("test", "-e", "/usr/share/doc/image-proxy/examples/prometheus/image-proxy.rules.yml")
    installed.output("test", "-e", "/usr/share/doc/image-proxy/examples/grafana/image-proxy.json")


def test_nothing_is_enabled_before_it_is_configured(installed):
    assert installed("systemctl", "is-enabled", "image-proxy.service").stdout == b"disabled\n"
    for socket in ("image-proxy.socket", "image-proxy-status.socket"):
        assert installed("systemctl", "is-enabled", socket).stdout == b"disabled\n"
    done = installed("image-proxy", "check-config")
    assert done.returncode == 78 and b"IMAGE_PROXY_ALLOWED_HOSTS" in done.stderr


def test_it_serves_an_image_as_its_own_user(installed, settings, origin):
    configure(installed, **{**settings, "CACHE": "off", "CA_FILE": "/etc/ssl/certs/ca-certificates.crt"})
    url = origin.serve(behaviours.image(BODY))
    request = {"GATEWAY_INTERFACE": "CGI/1.1", "REQUEST_METHOD": "GET", "REQUEST_URI": proxied(url),
               "QUERY_STRING": proxied(url).partition("?")[2], "SCRIPT_NAME": MOUNT, "SERVER_PROTOCOL": "HTTP/1.1",
               "REMOTE_ADDR": "127.0.0.1"}
    done = installed("setpriv", "--reuid=image-proxy", "--regid=image-proxy", "--clear-groups", "--", EXECUTABLE,
                     environment=request)
    answer = parse_cgi(done.stdout)
    assert (answer.status, answer.body == BODY) == (200, True), done.stderr


def test_an_upgrade_keeps_an_edited_configuration(installed, newer):
    text = configure(installed, ALLOWED_HOSTS="images.test")
    installed.output("dpkg", *UNATTENDED, "--install", installed.put(newer.read_bytes(), "/var/tmp/newer.deb"))
    assert installed.output("cat", CONFIGURATION) == text
    assert installed.output("stat", "-c", "%a %U:%G", CONFIGURATION) == "640 root:image-proxy\n"


def test_an_upgrade_renews_a_configuration_that_nobody_edited(installed, newer):
    installed.output("dpkg", *UNATTENDED, "--install", installed.put(newer.read_bytes(), "/var/tmp/newer.deb"))
    assert "New in this version" in installed.output("cat", CONFIGURATION)
    assert installed.output("stat", "-c", "%a %U:%G", CONFIGURATION) == "640 root:image-proxy\n"


def test_removing_keeps_the_configuration_and_purging_leaves_nothing(installed):
    text = configure(installed, ALLOWED_HOSTS="images.test")
    owned = [path for path in installed.output("dpkg", "--listfiles", "image-proxy").splitlines() if "image-proxy" in path]
    assert CONFIGURATION in owned and EXECUTABLE in owned
    installed.output("dpkg", "--remove", "image-proxy")
    assert installed.output("cat", CONFIGURATION) == text
    assert installed("test", "-e", EXECUTABLE).returncode == 1
    installed.output("dpkg", "--purge", "image-proxy")
    assert [path for path in owned if installed("test", "-e", path).returncode == 0] == []
    left = installed.output("find", "/etc", "/lib/systemd", "/usr/lib/systemd", "/var/lib/dpkg/info", "/var/lib/systemd",
                            "/usr/lib/tmpfiles.d", "/var/cache", "-name", "*image-proxy*")
    assert left == ""


TRIAL = r"""
say() { echo "== $1"; shift; "$@" 2>&1; }
image() { curl -sS -o /dev/null -w '%{http_code} %header{cache-status}\n' \
    'http://127.0.0.1:8080/api/image-proxy?url=http%3A%2F%2F127.0.0.1%3A8081%2Fimage.png'; }
cd /var/trial
nginx -c /var/trial/nginx.conf
say active systemctl is-active image-proxy.socket image-proxy.service
systemctl enable --now image-proxy.socket image-proxy.service
say enabled systemctl is-active image-proxy.socket image-proxy.service
say user stat -c %U /proc/$(systemctl show -p MainPID --value image-proxy)
say socket stat -c '%a %U:%G' /run/image-proxy/image-proxy.sock
say fence grep -E '^(NoNewPrivs|Seccomp|CapEff):' /proc/$(systemctl show -p MainPID --value image-proxy)/status
say exposure systemd-analyze security --no-pager image-proxy.service
say image image
say cache stat -c '%a %U:%G' /var/cache/image-proxy
systemctl stop image-proxy.service
say activated image
systemctl stop image-proxy.service
systemctl enable --now image-proxy-status.socket
systemctl start image-proxy.service
status() { curl -sS -o /dev/null -w '%{http_code}\n' http://127.0.0.1:8082/api/image-proxy/stats; }
say told status
dpkg --force-confold --install /var/trial/newer.deb >&2
say "still told" status
say upgraded systemctl is-active image-proxy.socket image-proxy.service
say served image
dpkg --remove image-proxy >&2
say removed systemctl is-active image-proxy.socket image-proxy.service
left() { for path in /run/image-proxy/*.sock; do test ! -e "$path" || echo "$path"; done; }
say left left
journalctl --no-pager -u image-proxy >&2
"""

NGINX = """
user www-data;
events {}
http {
    include image-proxy.conf;
    server { listen 127.0.0.1:8080; include image-proxy-location.conf; }
    server { listen 127.0.0.1:8081; root /var/trial; }
    server { listen 127.0.0.1:8082; include status.conf; }
}
"""


def test_its_units_run_under_systemd(installed, newer):
    """In a container that is booted for it: the one place where the fence of the service is really there."""
    configure(installed, ALLOWED_HOSTS="127.0.0.1", ALLOWED_NETWORKS="127.0.0.1/32:8081",
              CACHE="file:/var/cache/image-proxy")
    for name, body in (("newer.deb", newer.read_bytes()), ("image.png", BODY), ("nginx.conf", NGINX.encode())):
        installed.put(body, f"/var/trial/{name}")
    installed.output("sh", "-c", "cp /usr/share/doc/image-proxy/examples/nginx/* /var/trial/")
    installed.output("sh", "-c", "sed -n 's/^#status //p' /var/trial/image-proxy-location.conf >/var/trial/status.conf")
    output, log = installed.boot(TRIAL)
    if not output:
        pytest.skip("systemd-nspawn does not boot here")
    said = dict(part.partition("\n")[::2] for part in output.split("== ")[1:])
    assert said["active"].split() == ["inactive", "inactive"], log
    assert said["enabled"].split() == ["active", "active"], log
    assert said["user"] == "image-proxy\n"
    assert said["socket"] == "660 root:www-data\n"
    assert said["fence"].split() == ["CapEff:", "0" * 16, "NoNewPrivs:", "1", "Seccomp:", "2"]
    # As the page says: better than what can be told from the file alone.
    claimed = re.search(r"gives it ([\d.]+) where it runs", (PROJECT / "docs" / "deployment" / "systemd.md").read_text())[1]
    assert re.search(r"Overall exposure level for image-proxy.service: ([\d.]+)", said["exposure"])[1] == claimed
    assert said["image"].startswith("200 image-proxy; fwd="), log
    # The cache of the package is one that the service may write to, and outlives it.
    for moment in ("activated", "served"):
        assert said[moment].startswith("200 image-proxy; hit"), (moment, log)
    assert said["cache"] == "2710 image-proxy:www-data\n"
    assert said["told"] == said["still told"] == "200\n", log
    assert said["upgraded"].split() == ["active", "active"], log
    assert said["removed"].split() == ["inactive", "inactive"], log
    assert said["left"] == "" and "Dependency failed" not in log
