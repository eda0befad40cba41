"""Signed URLs, behind real web servers: made by `image-proxy sign`, and by what other programs' users run."""

import base64
import hashlib
import hmac
import json
import time
from urllib.parse import quote

import pytest

from conftest import started
from harness import behaviours
from harness.handler import run
from harness.http import MOUNT, proxied
from harness.images import png_of_size

BODY = png_of_size(3_000)
KEYS = {
    "SIGNING_KEYS": "first,second",
    "DIALECTS": "own,camo,imgproxy,willnorris,thumbor",
    "IMGPROXY_KEYS": "736563726574",
    "IMGPROXY_SALTS": "68656C6C6F",
    "IMGPROXY_SOURCE_URL_ENCRYPTION_KEY": "1eb5b0e971ad7f45324c1bb15c947cb207c43152fa5c6c7f35c4f36e0c18e0f1",
}
FORMS = ["own", "camo", "camo-base64", "camo-query", "imgproxy", "imgproxy-plain", "imgproxy-encrypted", "willnorris",
         "thumbor"]
# lighttpd decodes %2F in a path before anybody sees it, and Apache refuses it: what is signed with it needs nginx.
NEEDS_NGINX = {"imgproxy-plain"}
EXPIRING = ["own", "imgproxy", "willnorris"]


def sign(url, form="own", *options, **settings):
    done = run("sign", url, "--dialect", form, "--config", "/dev/null", *options, settings={**KEYS, **settings})
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.strip()


def base64url(data):
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


@pytest.fixture(scope="module", params=["nginx", "lighttpd", "cgi", "apache", "apache-cgi", "shared-fcgid"])
def signed(request, new_folder, settings, redis, databases):
    """No list of hosts: the signature is what lets an image through."""
    merged = {name: value for name, value in {**settings, **KEYS}.items() if name != "ALLOWED_HOSTS"}
    with started(request.param, new_folder(), merged, redis, next(databases)) as server:
        yield server


@pytest.fixture
def get(signed):
    return lambda path: signed.client.request("GET", path)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("tail", ["", "?x=1&y=%20z"])
def test_every_form_is_served(signed, get, origin, form, tail):
    if signed.kind != "nginx" and form in NEEDS_NGINX:
        pytest.skip("%2F in a path")
    url = origin.serve(behaviours.image(BODY)) + tail
    answer = get(sign(url, form))
    assert (answer.status, answer.body == BODY) == (200, True)
    assert origin.requests_for(url)[0].target.endswith(tail)


def test_every_form_is_one_entry_of_the_cache(signed, get, origin):
    url = origin.serve(behaviours.image(BODY))
    assert get(sign(url)).status == 200
    signed.stored(url)
    for form in set(FORMS) - (set() if signed.kind == "nginx" else NEEDS_NGINX):
        assert get(sign(url, form)).is_hit, form
    assert len(origin.requests_for(url)) == 1


def test_every_key_verifies(get, origin):
    url = origin.serve(behaviours.image(BODY))
    assert get(sign(url, SIGNING_KEYS="second")).status == 200
    assert get(sign(url, SIGNING_KEYS="third")).status == 403


def test_a_language_s_own_hmac_signs(get, origin):
    """What docs/signing.md says to do in an application."""
    url = origin.serve(behaviours.image(BODY)) + "?a=b"
    signature = base64url(hmac.digest(b"first", url.encode(), "sha256"))
    assert get(f"{proxied(url)}&s={signature}").body == BODY
    expires = int(time.time()) + 600
    signature = base64url(hmac.digest(b"first", f"{url}\ne={expires}".encode(), "sha256"))
    assert get(f"{proxied(url)}&e={expires}&s={signature}").body == BODY


def test_what_one_dialect_has_signed_is_nothing_else_in_another(get, origin):
    """What willnorris signs is the URL with its options for a fragment. In our own form that would be the URL, for ever."""
    url = origin.serve(behaviours.image(BODY))
    expired = int(time.time()) - 60
    path = sign(url, "willnorris", "--expires", str(expired))
    signature = path[len(MOUNT) + 1:].partition("/")[0].partition(",s")[2]
    for query in (f"?url={quote(f'{url}#0x0,vu{expired}', safe='')}&s={signature}", f"/s{signature}/{url}#0x0,vu{expired}",
                  f"/s{signature}/{url}%230x0,vu{expired}", f"/s{signature}/{url}"):
        assert get(MOUNT + query).status in (400, 403), query
    assert origin.requests_for(url) == []
    failed = run("sign", f"{url}#part", "--config", "/dev/null", settings=KEYS)
    assert failed.returncode == 1 and "fragment" in failed.stderr


def test_what_is_not_signed_is_refused_and_asks_nobody(get, origin):
    url = origin.serve(behaviours.image(BODY))
    other = origin.serve(behaviours.image(BODY))
    good = sign(url)
    assert get(proxied(url)).status == 403
    assert get(good.replace(quote(url, safe=""), quote(other, safe=""))).status == 403
    assert get(f"{MOUNT}?{good.partition('?')[2]}&w=100").status == 403
    assert get(f"{good}&{good.rpartition('&')[2]}").status == 403
    assert get(f"{good}&e=9999999999").status == 403
    assert get(f"{good}%00").status in (400, 403), "lighttpd refuses it itself"
    for form in ("camo", "camo-base64", "imgproxy", "thumbor"):
        path = sign(url, form)
        start = len(MOUNT) + 1
        flipped = path[:start] + ("b" if path[start] == "a" else "a") + path[start + 1:]
        assert get(flipped).status == 403, form
        assert get(path + "?x=1").status == 403, form
        assert get(path + "0").status == 403, form
    for path in (f"{MOUNT}/unsafe/{url}", f"{MOUNT}/insecure/plain/{url}", f"{MOUNT}/0x0/{url}"):
        assert get(path).status == 403, path
    assert origin.requests_for(url) == [] and origin.requests_for(other) == []


def test_the_client_is_not_told_which_rule_it_was(get, origin):
    url = origin.serve(behaviours.image(BODY))
    expired = sign(url, "own", "--expires", "1000000000")
    unsigned, late = get(proxied(url)), get(expired)
    assert (unsigned.status, late.status) == (403, 403)
    assert unsigned.json() == late.json()


@pytest.mark.parametrize("form", EXPIRING)
def test_it_expires(signed, get, origin, form):
    url = origin.serve(behaviours.image(BODY))
    assert get(sign(url, form, "--expires", "1h")).status == 200
    assert get(sign(url, form, "--expires", str(int(time.time()) - 2))).status == 403
    signed.wait_for_log("denied.signature-expired")
    assert len(origin.requests_for(url)) == 1


def test_a_signature_is_no_way_round_the_addresses(get, canary):
    for form in FORMS:
        refused = (403, 404) if form in NEEDS_NGINX else (403,)
        assert get(sign(canary.base + "/a.png", form)).status in refused, form
    assert get(sign("http://localhost:%d/" % canary.port)).status == 403


def test_options_that_would_change_the_image_are_said_to_be_unknown(get, origin):
    url = origin.serve(behaviours.image(BODY))
    path = f"/rs:fit:100:100/{base64url(url.encode())}"
    key, salt = bytes.fromhex(KEYS["IMGPROXY_KEYS"]), bytes.fromhex(KEYS["IMGPROXY_SALTS"])
    imgproxy = f"/{base64url(hmac.digest(key, salt + path.encode(), 'sha256'))}{path}"
    image = f"300x200/{url}"
    thumbor = f"/{base64.urlsafe_b64encode(hmac.new(b'first', image.encode(), hashlib.sha1).digest()).decode()}/{image}"
    for signed_path in (imgproxy, thumbor):
        assert get(MOUNT + signed_path).status == 400
    assert origin.requests_for(url) == []


def test_endpoints_need_no_signature(signed):
    assert signed.client.endpoint("health").status == 200
    assert signed.client.endpoint("stats").status == 200


def test_an_image_may_have_the_name_of_an_endpoint(get, origin):
    url = origin.serve(behaviours.image(BODY)) + "/stats"
    assert get(sign(url, "thumbor")).body != b"" and get(sign(url, "thumbor")).status in (200, 404)
    assert origin.requests_for(url)


def test_a_list_of_hosts_still_counts(start, origin):
    server = start(**KEYS, ALLOWED_HOSTS="images.test")
    assert server.client.request("GET", sign(origin.serve(behaviours.image(BODY)))).status == 403


def test_a_dialect_that_is_off_is_not_understood(start, origin):
    server = start(SIGNING_KEYS="first", ALLOWED_HOSTS=None)
    url = origin.serve(behaviours.image(BODY))
    for form in set(FORMS) - {"own"}:
        assert server.client.request("GET", sign(url, form)).status in (400, 403), form
    assert server.client.request("GET", sign(url)).status == 200


def test_sign_says_what_it_made():
    done = run("sign", "https://a.test/b.png", "--json", "--base", "https://img.test/p/", "--expires", "1700000000",
               "--config", "/dev/null", settings=KEYS)
    assert json.loads(done.stdout) == {
        "url": "https://img.test/p?url=https%3A%2F%2Fa.test%2Fb.png&e=1700000000&s="
        + base64url(hmac.digest(b"first", b"https://a.test/b.png\ne=1700000000", "sha256")),
        "dialect": "own", "expires": 1700000000}


@pytest.mark.parametrize("arguments, settings, status", [
    ([], KEYS, 64), (["a", "b"], KEYS, 64), (["https://a.test/", "--dialect", "none"], KEYS, 64),
    (["https://a.test/", "--expires", "soon"], KEYS, 64), (["https://a.test/", "--expires", "-1"], KEYS, 64),
    (["ftp://a.test/"], KEYS, 1), (["a.png"], KEYS, 1),
    (["https://a.test/", "--dialect", "camo", "--expires", "1h"], KEYS, 1),
    (["https://a.test/ä", "--dialect", "willnorris"], KEYS, 1),
    (["https://a.test/"], {"ALLOWED_HOSTS": "*"}, 78),
])
def test_sign_says_why_it_cannot(arguments, settings, status):
    done = run("sign", *arguments, "--config", "/dev/null", settings=settings)
    assert (done.returncode, done.stdout) == (status, "") and done.stderr


def test_keys_are_never_shown():
    done = run("check-config", "--config", "/dev/null", settings=KEYS)
    assert done.returncode == 0
    for secret in ("first", "second", "736563726574", "68656C6C6F", KEYS["IMGPROXY_SOURCE_URL_ENCRYPTION_KEY"]):
        assert secret not in done.stdout
