"""Who is dialled, in a network where every address answers: what was refused there was never dialled, and what is just
outside of what must be refused is served."""

import base64
import hashlib
import hmac
import ipaddress
import os
import subprocess
from urllib.parse import quote, unquote

import pytest

from harness.everywhere import Ear, Everywhere, within
from harness.handler import EXECUTABLE, Handler, environment, parse_cgi
from harness.http import MOUNT, Client
from harness.images import png_of_size
from harness.nginx import Nginx

PUBLIC, OTHER = "1.0.0.1", "2a00:1450::77"
PORTS = (80, 443, 22, 6379, 8080)
BODY = png_of_size(3_000)
# Each connection serves one request, so that each request is heard.
IMAGE = b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(BODY) + BODY

# The special-purpose registries of IANA, and multicast, which has one of its own; of 2001::/23 what is surely not reachable.
DENIED_V4 = """
0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24 192.0.2.0/24 192.88.99.0/24
192.168.0.0/16 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 224.0.0.0/4 240.0.0.0/4
""".split()
DENIED_V6 = """
::/128 ::1/128 ::/96 ::ffff:0:0/96 ::ffff:0:0:0/96 64:ff9b:1::/48 100::/64 100:0:0:1::/64 2001::/32 2001:2::/48 2001:10::/28
2001:5::/32 2001:1ff::/32 2001:db8::/32 2002::/16 3fff::/20 5f00::/16 fc00::/7 fe80::/10 fec0::/10 ff00::/8
""".split()
PRIVATE_V4 = "0.0.0.1 10.1.2.3 100.64.0.1 127.0.0.1 169.254.169.254 172.16.0.1 192.168.0.1 198.18.0.1 224.0.0.1".split()
EMBEDDINGS = {
    "compatible": lambda v4: f"::{v4}",
    "mapped": lambda v4: f"::ffff:{v4}",
    "translated": lambda v4: f"::ffff:0:{v4}",
    "NAT64": lambda v4: f"64:ff9b::{v4}",
    "local NAT64": lambda v4: f"64:ff9b:1::{v4}",
    "6to4": lambda v4: str(ipaddress.IPv6Address(0x2002 << 112 | number(v4) << 80 | 1)),
    "Teredo": lambda v4: str(ipaddress.IPv6Address(0x20010000 << 96 | 0x08080808 << 64 | number(v4) ^ 0xffffffff)),
    "Teredo server": lambda v4: str(ipaddress.IPv6Address(0x20010000 << 96 | number(v4) << 64 | 0xf7f7f7f7)),
    "ISATAP": lambda v4: f"2a00:1450::5efe:{v4}",
    "unique ISATAP": lambda v4: f"2a00:1450::200:5efe:{v4}",
    "link-local ISATAP": lambda v4: f"fe80::5efe:{v4}",
}
NEIGHBOURS_V6 = """
2000:: 2000:ffff:ffff:ffff:ffff:ffff:ffff:ffff 2001:200:: 2001:db7:ffff:ffff:ffff:ffff:ffff:ffff 2001:db9::
2001:ffff:ffff:ffff:ffff:ffff:ffff:ffff 2003:: 3ffe:ffff:ffff:ffff:ffff:ffff:ffff:ffff 3fff:1000:: 3fff:ffff::1
2606:4700:4700::1111 2a00:1450::77 64:ff9b::1.0.0.1 64:ff9b::8.8.8.8
""".split()
CONTROLS = """
1.0.0.1 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.1 169.253.255.255 169.255.0.1 172.15.255.255
172.32.0.1 192.0.1.0 192.0.3.0 192.167.255.255 192.169.0.1 198.17.255.255 198.20.0.1 203.0.114.1 223.255.255.255
""".split()

# Each of them is loopback, or something private, to some reader of addresses.
SPELLINGS = """
0177.0.0.1 0x7f.0.0.1 0x7f.0.1 0x7f.1 127.0.1 127.1 0x7f000001 0X7F000001 2130706433 017700000001 00000000177.0.0.1 0 0x0 00
127.0.0.01 127.000.000.001 0127.0.0.1 4294967297 4294967295 256.256.256.256 127.0.0.256 383.0.0.1 127.0.0.1. 127.0.0.1..
127%2e0%2e0%2e1 %31%32%37.0.0.1 127.0.0.%31 127。0。0。1 127．0．0．1 127｡0｡0｡1 １２７.0.0.1 １２７。０。０。１ ①②⑦.⓪.⓪.① 𝟏𝟐𝟕.𝟎.𝟎.𝟏
loc­alhost loca​lhost localhoſt localhost LOCALHOST LocalHost localhost. a.localhost a.b.localhost. ｌｏｃａｌｈｏｓｔ ⓛⓞⓒⓐⓛⓗⓞⓢⓣ
ip6-localhost ip6-loopback 169.254.169.254 2852039166 0xA9FEA9FE 0251.0376.0251.0376 169.16689662 0xa9.254.0251.254
[::1] [::] [0:0:0:0:0:0:0:1] [0000:0000:0000:0000:0000:0000:0000:0001] [::0001] [::127.0.0.1] [::7f00:1] [::ffff:127.0.0.1]
[::ffff:7f00:1] [::FFFF:127.0.0.1] [::ffff:0:127.0.0.1] [::ffff:0:7f00:1] [64:ff9b::127.0.0.1] [64:ff9b::7f00:1] [64:ff9b:1::7f00:1]
[2002:7f00:1::] [2002:7f00:1::1] [2001::80ff:fffe] [2001:0:7f00:1::] [fe80::5efe:7f00:1] [2a00:1450::5efe:127.0.0.1] [fe80::1%25lo] [::1%25lo]
[::1%lo] [::1%251] [::①] [::ffff:①②⑦.0.0.1] [::ffff:127.1] [::ffff:0x7f.0.0.1] [::ffff:2130706433] [0:0:0:0:0:ffff:127.0.0.1] [v1.::1] [::1]. [[::1]]
""".split()
TRICKS = [
    "http://127.0.0.1\\@1.0.0.1/a", "http://1.0.0.1\\@127.0.0.1/a", "http://1.0.0.1@127.0.0.1/a", "http://1.0.0.1:80@127.0.0.1/a",
    "http://1.0.0.1#@127.0.0.1/a\\", "http://1.0.0.1%40127.0.0.1/a", "http://127.0.0.1%23@1.0.0.1/a", "http://@127.0.0.1/a",
    "http:///127.0.0.1/a", "http:127.0.0.1/a", "http:\\\\127.0.0.1/a", "http:/\\127.0.0.1/a", "//127.0.0.1/a", "HTTP://127.0.0.1/a",
    " http://127.0.0.1/a", "http://127.0.0.1 /a", "http://127.0.0.1\t/a", "http://127.0.0.1\r\n/a", "http://127.0.0.1\0.a.test/a",
    "http://127.0.0.1:80:80/a", "http://127.0.0.1:+80/a", "http://127.0.0.1: 80/a", "http://127.0.0.1:0080/a", "http://127.0.0.1:/a",
    "http://127.0.0.1?a", "http://127.0.0.1#a", "http://[::1/a", "http://::1/a", "http://::1:80/a", "ftp://127.0.0.1/a",
    "gopher://127.0.0.1:6379/_INFO", "dict://127.0.0.1:6379/INFO", "telnet://127.0.0.1/", "ldap://127.0.0.1/", "tftp://127.0.0.1/a",
    "file:///etc/passwd", "file://127.0.0.1/etc/passwd", "data:image/png;base64,iVBORw0KGgo=", "ws://127.0.0.1/a", "unix:///a",
]


def heard_as(address):
    """The address as a listener sees it, which takes a mapped one for the IPv4 address in it."""
    parsed = ipaddress.ip_address(address)
    return str(getattr(parsed, "ipv4_mapped", None) or parsed)


def number(v4):
    return int(ipaddress.IPv4Address(v4))


def edges(network):
    """First, second, last of a network."""
    network = ipaddress.ip_network(network)
    last = network.broadcast_address
    return sorted({str(network[0]), str(network[min(1, network.num_addresses - 1)]), str(last)})


def neighbours(networks):
    """The addresses just before and just behind each network, as far as they are in no other."""
    parsed = [ipaddress.ip_network(text) for text in networks]
    found = set()
    for network in parsed:
        for value in (int(network[0]) - 1, int(network.broadcast_address) + 1):
            if 0 < value < 2**32:
                address = ipaddress.ip_address(value)
                if not any(address in other for other in parsed):
                    found.add(str(address))
    return sorted(found)


def authority(address, port=80):
    host = f"[{address}]" if ":" in address else address
    return host if port == 80 else f"{host}:{port}"


@pytest.fixture(scope="module")
def network(new_folder):
    if os.geteuid() != 0:
        pytest.skip("only root can make a network where every address answers")
    made = Everywhere(new_folder())
    if made.obstacle:
        made.stop()
        pytest.skip(f"no network can be made here: {made.obstacle}")
    yield made
    made.stop()


class Routes(dict):
    """What is answered at a path, whatever the address; anything else is an image."""

    def put(self, response):
        """A path that nobody has asked for yet: who asks for one again may share what the first one gets."""
        path = f"/r{len(self)}"
        self[path] = response
        return path


@pytest.fixture(scope="module")
def routes():
    return Routes()


@pytest.fixture(scope="module")
def world(network, routes):
    """Everything outside of the handler."""
    ear = Ear(network, PORTS, lambda target: routes.get(target, IMAGE))
    yield ear
    ear.stop()


@pytest.fixture(scope="module")
def start_inside(network, new_folder):
    """Starts a handler in the network and nginx before it, with a client's socket out here."""
    running = []

    def make(**settings):
        folder = new_folder()
        settings = {"ALLOWED_HOSTS": "*", "CACHE": "off", "MEMORY_CACHE_SIZE": "0", "CONNECT_TIMEOUT": "2s",
                    "FIRST_BYTE_TIMEOUT": "5s", **settings}
        handler = within(network, Handler(folder, **settings)).start()
        running.append(handler)
        server = Nginx(folder, handler.socket_path).start()
        running.append(server)
        return Client(server.base)
    yield make
    for process in reversed(running):
        process.stop()


@pytest.fixture(scope="module")
def client(start_inside, world):
    return start_inside()


@pytest.fixture
def dialled(world):
    """Who was dialled since the last time that this was asked: `dialled()` is a list of (address, port)."""
    world.heard()
    return world.heard


def refused(client, dialled, url):
    """Whether it was refused, and nobody was dialled: an address that answers would have been heard."""
    status = client.get(url).status
    assert status in (400, 403), (url, status)
    assert dialled() == [], url
    return True


def served(client, dialled, url, address, port=80):
    answer = client.get(url)
    assert (answer.status, answer.body == BODY) == (200, True), (url, answer.status, answer.body[:300])
    assert dialled()[-1] == (heard_as(address), port), url
    return True


def test_every_address_answers_here(network, dialled):
    """What all that follows rests on: whoever dials without asking is heard, also at what is denied."""
    for address in [edge for net in DENIED_V4 + DENIED_V6 for edge in edges(net)]:
        parsed = ipaddress.ip_address(address)
        # Multicast, broadcast, and what needs the name of an interface: the kernel makes no connection to these.
        parsed = getattr(parsed, "ipv4_mapped", None) or parsed
        if parsed.is_multicast or str(parsed).startswith("0.") or str(parsed) in ("127.255.255.255", "255.255.255.255"):
            continue
        if parsed.version == 6 and parsed.is_link_local:
            continue
        assert network.answers(address, 6379), address
        # To dial :: is to dial ::1.
        assert dialled() == [(heard_as("::1" if address == "::" else address), 6379)]


@pytest.mark.parametrize("net", DENIED_V4 + DENIED_V6)
def test_special_purpose_networks_are_not_dialled(client, network, dialled, net):
    for address in edges(net):
        for port in (80, 443):
            assert refused(client, dialled, f"http://{authority(address, port)}/a.png")
        # By name nothing is known until it is dialled.
        assert refused(client, dialled, f"http://{network.names.fresh(address)}/a.png")


@pytest.mark.parametrize("form", EMBEDDINGS)
def test_private_addresses_in_others_are_not_dialled(client, network, dialled, form):
    for v4 in PRIVATE_V4:
        address = EMBEDDINGS[form](v4)
        assert refused(client, dialled, f"http://{authority(address)}/a.png")
        assert refused(client, dialled, f"http://{network.names.fresh(address)}/a.png")


@pytest.mark.parametrize("address", sorted({*CONTROLS, *neighbours(DENIED_V4), *NEIGHBOURS_V6}))
def test_neighbours_are_served(client, network, dialled, address):
    assert served(client, dialled, f"http://{authority(address)}/a.png", address)
    assert served(client, dialled, f"http://{authority(address, 443)}/a.png", address, 443)
    assert served(client, dialled, f"http://{network.names.fresh(address)}/a.png", address)


@pytest.mark.parametrize("host", SPELLINGS)
def test_no_spelling_is_dialled(client, dialled, host):
    for port in ("", ":443", ":6379"):
        assert refused(client, dialled, f"http://{host}{port}/a.png")


@pytest.mark.parametrize("url", TRICKS)
def test_no_trick_is_dialled(client, dialled, url):
    assert refused(client, dialled, url)


def test_ports_that_are_not_allowed_are_not_dialled(client, dialled):
    for port in (22, 6379, 8080):
        assert refused(client, dialled, f"http://{PUBLIC}:{port}/a.png")


# MARK: Names

def test_the_answer_of_a_name_server_is_kept(client, network, dialled):
    """For those who come at the same time, too: each of them has a connection of its own, and none of them asks."""
    name = network.names.fresh(PUBLIC)
    assert served(client, dialled, f"http://{name}/a.png", PUBLIC)
    before = [kind for asked, kind in network.names.asked if asked == name]
    assert "A" in before
    answers = client.get_all([f"http://{name}/{number}.png" for number in range(8)])
    assert [answer.body == BODY for answer in answers] == [True] * 8
    assert dialled() == [(PUBLIC, 80)] * 8
    assert [kind for asked, kind in network.names.asked if asked == name] == before


def test_only_public_answers_of_a_name_are_dialled(client, network, dialled):
    for private in ("127.0.0.1", "10.0.0.1", "169.254.169.254", "::1", "fd00::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1"):
        for addresses in ((private, PUBLIC), (PUBLIC, private), (private, OTHER), (OTHER, private, PUBLIC)):
            answer = client.get(f"http://{network.names.fresh(*addresses)}/a.png")
            assert (answer.status, answer.body == BODY) == (200, True), addresses
            assert {address for address, _ in dialled()} <= {PUBLIC, OTHER}, addresses


def test_aliases_are_followed_to_where_they_lead(client, network, dialled):
    names = network.names
    names.alias("public.alias.test", names.fresh(PUBLIC))
    assert served(client, dialled, "http://public.alias.test/a.png", PUBLIC)
    for number, private in enumerate(("127.0.0.1", "10.0.0.1", "::1", "fd00::1")):
        names.alias(f"a{number}.alias.test", f"b{number}.alias.test")
        names.alias(f"b{number}.alias.test", names.fresh(private))
        assert refused(client, dialled, f"http://a{number}.alias.test/a.png")
    names.alias("local.alias.test", names.answer("localhost", "127.0.0.1", "::1"))
    assert refused(client, dialled, "http://local.alias.test/a.png")


def one_request(network, url, **settings):
    """A CGI process of its own, which has not asked for any name yet."""
    query = f"url={quote(url, safe='')}"
    meta = {"GATEWAY_INTERFACE": "CGI/1.1", "REQUEST_METHOD": "GET", "QUERY_STRING": query, "SCRIPT_NAME": "/p",
            "REQUEST_URI": f"/p?{query}", "SERVER_PROTOCOL": "HTTP/1.1", "REMOTE_ADDR": "127.0.0.1"}
    done = subprocess.run(network.inside([EXECUTABLE]), env={**environment({"ALLOWED_HOSTS": "*", "CACHE": "off", **settings}), **meta},
                          stdin=subprocess.DEVNULL, capture_output=True, timeout=30)
    assert done.returncode == 0, done.stderr
    return parse_cgi(done.stdout)


def test_a_public_address_that_is_down_is_no_denial(network):
    """What was not dialled says nothing about the origin."""
    for addresses, status in ((("10.0.0.1", PUBLIC), 502), ((PUBLIC, "10.0.0.1"), 502), (("10.0.0.1",), 403)):
        url = f"http://{network.names.fresh(*addresses)}:81/a.png"
        assert one_request(network, url, ALLOWED_PORTS="81").status == status, addresses


def test_a_name_that_changes_is_judged_by_what_is_dialled(client, network, world, dialled):
    names = network.names
    name = names.in_turn("turncoat.test", [PUBLIC], ["127.0.0.1"])
    assert one_request(network, f"http://{name}/a.png").body == BODY
    assert dialled() == [(PUBLIC, 80)]
    assert one_request(network, f"http://{name}/a.png").status == 403
    assert dialled() == []
    # One process that asks again and again, by whatever it remembers of the first answer.
    name = names.in_turn("turning.test", [PUBLIC], ["127.0.0.1"], [PUBLIC], ["10.0.0.1"])
    for number in range(8):
        assert client.get(f"http://{name}/{number}.png").status in (200, 403)
    assert set(dialled()) <= {(PUBLIC, 80)}


def test_a_name_that_changes_between_hops(client, network, routes, dialled):
    name = network.names.in_turn("hopping.test", [PUBLIC], ["127.0.0.1"])
    routes["/hop"] = redirect(302, f"http://{name}:443/b.png")
    assert client.get(f"http://{name}/hop").status in (200, 403)
    assert {address for address, _ in dialled()} == {PUBLIC}


# MARK: Redirects

def redirect(code, *locations):
    fields = "".join(f"Location: {location}\r\n" for location in locations)
    return f"HTTP/1.1 {code} Elsewhere\r\nConnection: close\r\nContent-Length: 0\r\n{fields}\r\n".encode()


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_redirects_to_public_places_are_followed(client, routes, dialled, code):
    for location, address, port in (
            ("http://11.0.0.1/b.png", "11.0.0.1", 80), (f"http://[{OTHER}]/b.png", OTHER, 80), ("/b.png", PUBLIC, 80),
            ("b.png?c=d", PUBLIC, 80), ("?c", PUBLIC, 80), ("//11.0.0.2/b.png", "11.0.0.2", 80),
            ("//11.0.0.2:443/b.png", "11.0.0.2", 443), ("../../b.png", PUBLIC, 80)):
        path = routes.put(redirect(code, location))
        assert served(client, dialled, f"http://{PUBLIC}{path}", address, port)


@pytest.mark.parametrize("code", [300, 301, 302, 303, 304, 305, 306, 307, 308])
def test_redirects_to_private_places_are_not(client, network, routes, dialled, code):
    targets = ["http://127.0.0.1/b", "//127.0.0.1/b", "http://10.0.0.1/b", f"http://{PUBLIC}:6379/b", "http://[::1]/b",
               f"http://{network.names.fresh('127.0.0.1')}/b", "ftp://11.0.0.1/b", "file:///etc/passwd", "gopher://127.0.0.1:6379/_a",
               "dict://127.0.0.1:6379/a", "data:image/png;base64,iVBORw0KGgo=", "\\\\127.0.0.1/b", "http:\\\\127.0.0.1/b",
               "///127.0.0.1/b", "http://user@127.0.0.1/b", "HTTP:127.0.0.1/b"]
    for target in targets:
        answer = client.get(f"http://{PUBLIC}" + routes.put(redirect(code, target)))
        assert answer.status in (400, 403, 502), (target, answer.status)
        assert dialled() == [(PUBLIC, 80)], target


@pytest.mark.parametrize("host", SPELLINGS)
def test_no_spelling_is_dialled_in_a_redirect(client, routes, dialled, host):
    for prefix in ("http://", "//"):
        answer = client.get(f"http://{PUBLIC}" + routes.put(redirect(302, f"{prefix}{host}/b.png")))
        assert answer.status in (400, 403, 502), answer.status
        assert dialled() == [(PUBLIC, 80)], prefix


def test_a_second_hop_is_judged_as_the_first(client, routes, dialled):
    def two_hops(place):
        second = routes.put(redirect(307, place))
        return f"http://{PUBLIC}" + routes.put(redirect(302, f"http://11.0.0.1{second}"))
    assert served(client, dialled, two_hops("http://11.0.0.2/b.png"), "11.0.0.2")
    assert client.get(two_hops("http://127.0.0.1/b.png")).status == 403
    assert dialled() == [(PUBLIC, 80), ("11.0.0.1", 80)]


def test_of_two_places_none_is_private(client, routes, dialled):
    for locations in (("http://11.0.0.1/b.png", "http://127.0.0.1/b.png"), ("http://127.0.0.1/b.png", "http://11.0.0.1/b.png"),
                      ("http://127.0.0.1/b.png", "http://127.0.0.1/b.png")):
        assert client.get(f"http://{PUBLIC}" + routes.put(redirect(302, *locations))).status in (200, 403, 502)
        assert "127.0.0.1" not in [address for address, _ in dialled()]


# MARK: Names

def test_a_name_server_that_says_nothing_is_504(start_inside, network, dialled):
    client = start_inside(CONNECT_TIMEOUT="1s")
    client.timeout = 10
    network.names.silent.add("silent.names.test")
    assert (client.get("http://silent.names.test/a.png").status, dialled()) == (504, [])
    assert (client.get("http://nobody.names.test/a.png").status, dialled()) == (502, [])
    assert served(client, dialled, f"http://{network.names.fresh(PUBLIC)}/a.png", PUBLIC, 80)


# MARK: The operator's exceptions

@pytest.fixture(scope="module")
def excepted(start_inside, world):
    return start_inside(ALLOWED_NETWORKS="10.1.2.0/24:8080,192.168.5.5/32,fd00:1::/64:8080")


def test_an_exception_is_for_its_network_and_its_port(excepted, network, routes, dialled):
    names = network.names
    # A mapped address dials the IPv4 address in it, which is allowed here.
    assert served(excepted, dialled, "http://[::ffff:10.1.2.3]:8080/a.png", "10.1.2.3", 8080)
    for address, port in (("10.1.2.0", 8080), ("10.1.2.255", 8080), ("192.168.5.5", 80), ("192.168.5.5", 443),
                          ("fd00:1::", 8080), ("fd00:1::ffff:ffff:ffff:ffff", 8080), (PUBLIC, 80)):
        assert served(excepted, dialled, f"http://{authority(address, port)}/a.png", address, port)
        assert served(excepted, dialled, f"http://{names.fresh(address)}:{port}/a.png", address, port)
        path = routes.put(redirect(302, f"http://{authority(address, port)}/b.png"))
        assert served(excepted, dialled, f"http://11.0.0.9{path}", address, port)
    for address, port in (("10.1.2.3", 80), ("10.1.2.3", 443), ("10.1.2.3", 6379), ("10.1.1.255", 8080), ("10.1.3.0", 8080),
                          ("192.168.5.4", 80), ("192.168.5.6", 80), ("192.168.5.5", 8080), ("fd00:1::1", 80),
                          ("fd00:1:0:1::", 8080), ("fd00:0:ffff:ffff::", 8080), (PUBLIC, 8080), ("127.0.0.1", 8080),
                          ("::ffff:10.1.2.3", 443), ("::ffff:192.168.5.6", 80), ("64:ff9b::a01:203", 8080)):
        assert refused(excepted, dialled, f"http://{authority(address, port)}/a.png")
        assert refused(excepted, dialled, f"http://{names.fresh(address)}:{port}/a.png")
        path = routes.put(redirect(302, f"http://{authority(address, port)}/b.png"))
        assert excepted.get(f"http://11.0.0.9{path}").status == 403
        assert dialled() == [("11.0.0.9", 80)]


# MARK: Signatures that others have published, for hosts that have an address only here

GOPHER = "http://golang.org/doc/gopher/frontpage.png"
CURIOSITY = "http://example.com/images/curiosity.jpg"
SIGNED = {
    "camo": "/0f6def1cb147b0e84f39cbddc5ea10c80253a6f3/" + GOPHER.encode().hex(),
    "camo, query": "/0f6def1cb147b0e84f39cbddc5ea10c80253a6f3?url=" + quote(GOPHER, safe=""),
    "go-camo": "/D23vHLFHsOhPOcvdxeoQyAJTpvM/aHR0cDovL2dvbGFuZy5vcmcvZG9jL2dvcGhlci9mcm9udHBhZ2UucG5n",
    "camo, default key": "/265feda3c54706fa6299c86bb17f21c23776ccf2/" + b"http://example.org/".hex(),
    "willnorris": "/sNDx5zZHx7QfE8E-ijowRreq6CJJBZjwiRfOVk_mkfQQ=/http://test/image",
}
# The signature is right, and what is asked for is not made here.
CHANGES = {
    "imgproxy": "/oKfUtW34Dvo2BGQehJFR4Nr0_rIjOtdtzJ3QFsUcXH8/rs:fill:300:400:0/g:sm/aHR0cDovL2V4YW1w/bGUuY29tL2ltYWdl/"
                "cy9jdXJpb3NpdHku/anBn.png",
    "willnorris": "/r90,sZGTzEm32o4iZ7qcChls3EVYaWyrDd9u0etySo0-WkF8=/http://test/image",
    "willnorris, two": "/400x400,q40,s0sR2kjyfiF1RQRj4Jm2fFa3_6SDFqdAaDEmy1oD2U-4=/https://octodex.github.com/images/codercat.jpg",
    "thumbor": "/8ammJH8D-7tXy6kU3lTvoXlhu4o=/300x200/my.server.com/some/path/to/image.jpg",
    "thumbor, crop": "/B35oBEIwztbc3jm7vsdqLez2C78=/10x10:200x200/300x200/my.server.com/some/path/to/image.jpg",
    "imagor": "/cST4Ko5_FqwT3BDn-Wf4gO3RFSk=/500x500/top/raw.githubusercontent.com/cshum/imagor/master/testdata/gopher.png",
}
# What is only ciphertext was published, without a signature around it.
ENCRYPTED = "/enc/p5VjorNdhs7mRRw8gA9TWoRlGci3l1kuzqN43UQlRaRIQ0qtBKW3qFABIsx-ZRz_cVc8iVTYbhsNsxNBL1BHaQ"


def imgproxy(path):
    code = hmac.new(b"secret", b"hello" + path.encode(), hashlib.sha256).digest()
    return "/" + base64.urlsafe_b64encode(code).decode().rstrip("=") + path


def thumbor(path):
    code = hmac.new(b"my-security-key", path.encode(), hashlib.sha1).digest()
    return f"/{base64.urlsafe_b64encode(code).decode()}/{path}"


def own(url):
    code = hmac.new(b"test", url.encode(), hashlib.sha256).digest()
    return f"?url={quote(url, safe='')}&s=" + base64.urlsafe_b64encode(code).decode().rstrip("=")


OURS = {"imgproxy, encrypted": imgproxy(ENCRYPTED), "imgproxy, plain": imgproxy("/plain/" + quote(CURIOSITY, safe="")),
        "imgproxy": imgproxy("/aHR0cDovL2V4YW1w/bGUuY29tL2ltYWdl/cy9jdXJpb3NpdHku/anBn"),
        "thumbor": thumbor("my.server.com/a.jpg"), "own": own(GOPHER)}


@pytest.fixture(scope="module")
def signed(start_inside, network, world):
    """No list of hosts: the signature is what lets an image through."""
    for name in ("golang.org", "example.org", "example.com", "octodex.github.com", "test", "my.server.com",
                 "raw.githubusercontent.com"):
        network.names.answer(name, PUBLIC)
    return start_inside(
        ALLOWED_HOSTS="*", SIGNING_KEYS="first,test,secretkey,c0ffee,my-security-key,mysecret,0x24FEEDFACEDEADBEEFCAFE",
        DIALECTS="own,camo,imgproxy,willnorris,thumbor", IMGPROXY_KEYS="616161,736563726574", IMGPROXY_SALTS="626262,68656C6C6F",
        IMGPROXY_SOURCE_URL_ENCRYPTION_KEY="1eb5b0e971ad7f45324c1bb15c947cb207c43152fa5c6c7f35c4f36e0c18e0f1")


@pytest.mark.parametrize("path", [*SIGNED.values(), *OURS.values()], ids=[*SIGNED, *(f"our {name}" for name in OURS)])
def test_published_signatures_let_through_what_they_sign_and_nothing_else(signed, dialled, path):
    answer = signed.request("GET", MOUNT + path)
    assert (answer.status, answer.body == BODY, dialled()) == (200, True, [(PUBLIC, 80)])
    for position in range(1, len(path)):
        for other in ("A", "b", "/", "%41", ""):
            changed = path[:position] + other + path[position + 1:]
            answer = signed.request("GET", MOUNT + changed)
            assert answer.status in (200, 400, 403, 404), (changed, answer.status)
            # Other ways to write the same: digits in capitals, padding, bits that mean nothing, slashes that nginx merges.
            assert answer.status != 200 or same(path, changed), changed
    dialled()


def same(path, changed):
    """Whether two paths differ in nothing that is signed."""
    def plain(text):
        text = unquote(text).replace("=/", "/").replace("//", "/")
        return text.lower() if text[1:41].isalnum() else text
    return plain(path) == plain(changed)


@pytest.mark.parametrize("name", CHANGES)
def test_published_signatures_of_changes_are_right_and_refused(signed, dialled, name):
    path = CHANGES[name]
    assert (signed.request("GET", MOUNT + path).status, dialled()) == (400, [])
    signature = path[1:].partition("/")[0]
    broken = path.replace(signature, signature[::-1])
    assert (signed.request("GET", MOUNT + broken).status, dialled()) == (403, [])


def test_a_signature_counts_once(signed, dialled):
    """CVE-2026-53501: a signature that is taken off wherever it stands."""
    path = thumbor("my.server.com/a.jpg")
    signature = path[1:].partition("/")[0]
    for changed in (f"/{signature}{path}", f"/{signature}/my.server.com/{signature}/a.jpg", f"/{signature}/my.server.com/a.jpg{signature}",
                    f"/{signature}/{signature}my.server.com/a.jpg", f"/{signature}/300x{signature}200/my.server.com/a.jpg",
                    f"/p{path}{path}", f"/unsafe/my.server.com/a.jpg", f"/{signature}/unsafe/my.server.com/a.jpg"):
        assert (signed.request("GET", MOUNT + changed).status, dialled()) == (403, []), changed


def test_a_parameter_more_is_no_signed_url(signed, dialled):
    path = OURS["own"]
    evil = "url=" + quote("http://11.0.0.1/b.png", safe="")
    signature = path.partition("&")[2]
    for changed in (f"{path}&{evil}", f"?{evil}&{path[1:]}", f"{path}&{signature}", f"{path}&s=", f"{path}&x=1", f"{path}&e=9999999999",
                    path.partition("&")[0], path.replace("&", ";"), path.replace("%3A", "%253A"), f"{path}%00", f"{path}&URL=a"):
        assert (signed.request("GET", MOUNT + changed).status, dialled()) == (403, []), changed


def test_the_installed_executable_says_the_same(network):
    """`explain` and `selftest`, where every address answers."""
    settings = environment({"ALLOWED_HOSTS": "*", "CACHE": "off"})
    done = subprocess.run(network.inside([EXECUTABLE, "selftest"]), env=settings, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    name = network.names.fresh("10.9.8.7")
    done = subprocess.run(network.inside([EXECUTABLE, "explain", f"http://{name}/a.png"]), env=settings, capture_output=True, text=True)
    assert "10.9.8.7" in done.stdout and "10.0.0.0/8" in done.stdout, done.stdout + done.stderr
