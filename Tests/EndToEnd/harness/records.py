"""Records of images as they stand in Redis, written by hand: of any age, so that no test has to wait for one to become stale."""

import base64
import json
import time

HOUR = 3600


def record(body, left, age=HOUR, content_type="image/png", **fields):
    """An image that came `age` seconds ago and is fresh for `left` more, or has been stale for as long where that is less
    than 0. `fields` are further ones: `etag`, `weakEtag`, `contentTag`, `lastModified` (Unix seconds), `swr`, `sie`."""
    now = int(time.time() * 1000)
    return json.dumps({
        "data": base64.b64encode(body).decode(), "contentType": content_type, "size": len(body),
        "cachedAt": now - age * 1000, "expiresAt": now + left * 1000, "generatedAt": now - age * 1000, **fields,
    }, separators=(",", ":"))


def put(redis, url, text, expiry=10 * HOUR):
    redis("SET", f"image-proxy:{url}", text, "EX", expiry)


def closing(redis, url):
    """The fields of a record as it is now, without the image."""
    fields = json.loads(redis("GET", f"image-proxy:{url}"))
    del fields["data"]
    return fields
