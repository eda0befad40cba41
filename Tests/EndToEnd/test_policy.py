"""Who may be asked for an image: by name before the network, by address when it is dialled."""

import pytest

from conftest import started
from harness import behaviours
from harness.fastcgi import FastCGIClient
from harness.handler import Handler
from harness.http import proxied
from harness.images import png_of_size

BODY = png_of_size(2_000)

# Every range of the IANA special-purpose registries, at its edges, and the ways to write one of them.
SPECIAL = """
0.0.0.0 0.255.255.255 10.0.0.0 10.255.255.255 100.64.0.0 100.127.255.255 127.0.0.1 127.255.255.255 169.254.0.0
169.254.169.254 169.254.255.255 172.16.0.0 172.31.255.255 192.0.0.0 192.0.0.255 192.0.2.1 192.88.99.2 192.168.0.0
192.168.255.255 198.18.0.0 198.19.255.255 198.51.100.1 203.0.113.1 224.0.0.1 239.255.255.255 240.0.0.1 255.255.255.255
[::] [::1] [::ffff:127.0.0.1] [::ffff:7f00:1] [::127.0.0.1] [::ffff:0:127.0.0.1] [64:ff9b::127.0.0.1] [64:ff9b::7f00:1]
[64:ff9b:1::1] [100::1] [2001::1] [2001:0:7f00:1::] [2001:2::1] [2001:10::1] [2001:db8::1] [2002:7f00:1::] [3fff::1]
[5f00::1] [fc00::1] [fdff::1] [fe80::1] [fec0::1] [ff02::1] [0:0:0:0:0:0:0:1] [::ffff:a9fe:a9fe] [2002:a9fe:a9fe::1]
""".split()

SPELLINGS = """
2130706433 0x7f000001 017700000001 0x7f.1 0177.0.0.1 127.1 127.0.1 0127.0.0.1 127.0.0.01 127.0.0.1. 127%2e0%2e0%2e1
127%2E0.0.1 127。0。0。1 127．0．0．1 １２７.0.0.1 ①②⑦.⓪.⓪.① ｌｏｃａｌｈｏｓｔ loc­alhost loca​lhost localhoſt LOCALHOST
localhost. a.localhost 4294967297 256.0.0.1 127.0.0.256 1.2.3 [::1%25lo] [fe80::1%25lo] [::ffff:①] 0x7f.0x0.0x0.0x1 [::1
""".split()


@pytest.fixture(scope="module")
def anybody(new_folder, settings, redis, databases):
    """Every name is allowed, so that only the address stands in the way; and no address is allowed but public ones."""
    open_settings = {**settings, "ALLOWED_HOSTS": "*"}
    del open_settings["ALLOWED_NETWORKS"]
    with started("nginx", new_folder(), open_settings, redis, next(databases)) as server:
        yield server


@pytest.mark.parametrize("host", SPECIAL)
def test_addresses_that_are_not_globally_reachable_are_denied(anybody, host):
    assert anybody.client.get(f"http://{host}/a.png").status == 403


@pytest.mark.parametrize("host", SPELLINGS)
def test_no_spelling_of_an_address_gets_through(anybody, canary, host):
    # The port is allowed and the canary listens there: only the host decides.
    for port in ("", f":{canary.port}"):
        assert anybody.client.get(f"http://{host}{port}/a.png").status in (400, 403)


def test_the_canary_sings_when_it_is_allowed(start, canary):
    """What the tests above rely on: with the address allowed, the same request arrives."""
    server = start(ALLOWED_HOSTS="*", ALLOWED_NETWORKS=f"127.0.0.1/32:{canary.port}")
    assert server.client.get(canary.serve(behaviours.image(BODY))).body == BODY
    assert canary.connections == 1
    canary.connections = 0


def test_a_name_that_resolves_to_a_denied_address_dials_nothing(anybody, canary):
    assert anybody.client.get(f"http://localhost:{canary.port}/a.png").status == 403


def test_a_network_is_allowed_at_its_port_only(front, origin, canary):
    assert front.client.get(origin.serve(behaviours.image(BODY))).status == 200
    assert front.client.get(canary.base + "/a.png").status == 403
    assert front.client.get("http://127.0.0.2:%d/a.png" % origin.port).status == 403


def test_a_name_of_an_allowed_network_is_reached(front, origin):
    url = origin.serve(behaviours.image(BODY)).replace("127.0.0.1", "localhost")
    assert front.client.get(url).body == BODY


@pytest.mark.parametrize("url", [
    "ftp://127.0.0.1/a.png", "file:///etc/passwd", "gopher://127.0.0.1/", "data:image/png;base64,iVBORw0KGgo=",
    "javascript:alert(1)", "unix:/run/redis.sock", "HTTPX://127.0.0.1/",
])
def test_other_schemes_are_refused(front, url):
    assert front.client.get(url).status in (400, 403)


def test_userinfo_is_refused(front, origin):
    url = origin.serve(behaviours.image(BODY)).replace("http://", "http://user:word@")
    assert front.client.get(url).status == 403
    assert front.client.get("http://127.0.0.1@elsewhere.test/a.png").status == 403


@pytest.mark.parametrize("host", ["elsewhere.test", "127.0.0.1.elsewhere.test", "localhost.elsewhere.test", "xlocalhost"])
def test_other_hosts_are_refused(front, host):
    assert front.client.get(f"http://{host}/a.png").status == 403


@pytest.mark.parametrize("host, is_allowed", [
    ("a.images.test", True), ("b.a.images.test", True), ("A.IMAGES.TEST", True), ("images.test", False),
    ("aimages.test", False), ("a.images.test.evil.test", False), ("images.test.evil.test", False),
])
def test_a_wildcard_is_for_subdomains_on_a_label_boundary(start, host, is_allowed):
    # No such name resolves: what is allowed fails at the resolver, what is not does not get so far.
    server = start(ALLOWED_HOSTS="*.images.test")
    assert (server.client.get(f"http://{host}/a.png").status == 403) == (not is_allowed)


@pytest.mark.parametrize("port", ["22", "6379", "8080", "0", "65536", "-1", "80a"])
def test_other_ports_are_refused(front, port):
    assert front.client.get(f"http://127.0.0.1:{port}/a.png").status in (400, 403)


def test_of_two_urls_none_is_fetched(front, origin, canary):
    good = origin.serve(behaviours.image(BODY))
    bad = canary.base + "/a.png"
    for pair in ((good, bad), (bad, good), (good, good)):
        path = proxied(pair[0]) + "&" + proxied(pair[1]).partition("?")[2]
        assert front.client.request("GET", path).status == 400


def test_environment_proxies_are_ignored(new_folder, settings, origin, canary):
    handler = Handler(new_folder(), **{**settings, "CACHE": "off"})
    handler.environment |= {name: canary.base for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy", "ALL_PROXY")}
    url = origin.serve(behaviours.image(BODY))
    with handler.start(), FastCGIClient(handler.socket_path) as client:
        assert client.get(proxied(url).partition("?")[2]).response().body == BODY
