"""https origins: a chain that is right, and one that is wrong in one way each."""

import ssl

import pytest

from harness import behaviours
from harness.images import png_of_size
from harness.origin import Origin
from harness.waiting import eventually

BODY = png_of_size(30_000)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_good_chain(front, tls_origins, host):
    url = tls_origins["good"].serve(behaviours.image(BODY)).replace("127.0.0.1", host)
    answer = front.client.get(url)
    assert (answer.status, answer.body == BODY) == (200, True)
    front.stored(url)
    assert front.client.get(url).is_hit


@pytest.mark.parametrize("name", ["self-signed", "expired", "wrong-name"])
def test_a_bad_chain_is_502_and_sends_no_request(front, tls_origins, name):
    origin = tls_origins[name]
    url = origin.serve(behaviours.image(BODY))
    assert front.client.get(url).status == 502
    assert origin.requests_for(url) == []


def test_a_bad_chain_behind_a_redirect_is_502(front, origin, tls_origins):
    target = tls_origins["expired"].serve(behaviours.image(BODY))
    assert front.client.get(origin.serve(behaviours.redirect(target))).status == 502


def test_a_redirect_from_http_to_https_is_followed(front, origin, tls_origins):
    target = tls_origins["good"].serve(behaviours.image(BODY))
    assert front.client.get(origin.serve(behaviours.redirect(target))).body == BODY


def test_without_the_authority_the_good_chain_is_bad(start, tls_origins):
    server = start(CA_FILE=None)
    assert server.client.get(tls_origins["good"].serve(behaviours.image(BODY))).status == 502


def test_http_spoken_on_the_tls_port_and_the_other_way_round(front, origin, tls_origins):
    plain = tls_origins["good"].serve(behaviours.image(BODY)).replace("https:", "http:")
    assert front.client.get(plain).status == 502
    # The origin waits for the end of a head that never comes.
    encrypted = origin.serve(behaviours.image(BODY)).replace("http:", "https:")
    assert front.client.get(encrypted).status in (502, 504)


def test_an_end_that_may_be_a_cut_is_not_kept(front, origin, tls_origins):
    """With neither a length nor chunks, and the connection just ends: whoever sits in between can end it (RFC 9112, 9.8)."""
    def ends(exchange):
        exchange.head("200 OK", ("Content-Type", "image/png"))
        exchange.send(BODY[:20_000])
        exchange.close()
    for end, is_kept in ((tls_origins["good"], False), (origin, True)):
        url = end.serve(ends)
        assert front.client.get(url).body == BODY[:20_000]
        if is_kept:
            eventually(lambda: front.client.get(url).is_hit, "HTTP says that this is its end, and whole")
        else:
            front.client.get(url)
            assert len(end.requests_for(url)) == 2


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_old_protocols_are_refused(start, certificates):
    context = certificates.context("good")
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = ssl.TLSVersion.TLSv1
    context.maximum_version = ssl.TLSVersion.TLSv1_1
    with Origin(tls=context) as old:
        server = start(ALLOWED_NETWORKS=f"127.0.0.1/32:{old.port}")
        assert server.client.get(old.serve(behaviours.image(BODY))).status == 502


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["1.2", "1.3"])
def test_a_session_is_resumed_by_the_next_connection(start, certificates, version):
    context = certificates.context("good")
    context.minimum_version = context.maximum_version = version
    resumed = []

    def script(exchange):
        resumed.append(exchange.socket.session_reused)
        behaviours.image(BODY, "image/png", ("Connection", "close"))(exchange)
        exchange.close()
        # Without a word of farewell OpenSSL forgets the session, and libcurl takes no ticket that would bring it back in 1.2.
        exchange.socket.unwrap()
    with Origin(tls=context) as origin:
        server = start(ALLOWED_NETWORKS=f"127.0.0.1/32:{origin.port}")
        for _ in range(4):
            assert server.client.get(origin.serve(script)).body == BODY
        assert origin.connections == 4
    assert resumed == [False, True, True, True]
