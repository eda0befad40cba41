"""A peer is measured only once it has sent the right bytes."""

import http.client

from harness.waiting import NotYet, eventually


class CheckFailed(Exception):
    """A peer did not do what it is measured for."""


def fetch(peer, place, timeout=30):
    """(status, body, headers) of one request on a connection of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", peer.port, timeout=timeout)
    try:
        connection.request("GET", peer.path(place))
        answer = connection.getresponse()
        return answer.status, answer.read(), answer.headers
    except (OSError, http.client.HTTPException) as problem:
        raise CheckFailed(f"{peer.label}: {place}: {problem!r}") from None
    finally:
        connection.close()


def expect_image(stage, peer, place):
    """One request that has to bring the image, all of it and nothing else."""
    status, body, headers = fetch(peer, place)
    name = place.partition("/")[2].partition("?")[0]
    expected = stage.body(name)
    if status != 200 or body != expected:
        same = "the right" if body == expected else "wrong"
        raise CheckFailed(f"{peer.label}: {place}: status {status}, {len(body)} {same} bytes of {len(expected)}")
    if headers.get("Content-Type") != "image/png":
        raise CheckFailed(f"{peer.label}: {place}: Content-Type {headers.get('Content-Type')!r}")


def prime(stage, peer, names):
    """Makes hits of these images, and checks the bytes of the miss and of three hits each."""
    for name in names:
        expect_image(stage, peer, f"fast/{name}")
    if peer.database is not None:
        wait_until_stored(stage, peer, names)
    for _ in range(3):
        for name in names:
            expect_image(stage, peer, f"fast/{name}")


def wait_until_stored(stage, peer, names):
    keys = [record_key(stage, f"fast/{name}") for name in names]
    with stage.redis.client(peer.database) as client:
        try:
            eventually(lambda: client("EXISTS", *keys) == len(keys), "the images are in Redis", within=10)
        except NotYet as problem:
            raise CheckFailed(f"{peer.label}: {problem}") from None


def record_key(stage, place):
    return f"image-proxy:{stage.origin_url(place)}"
