"""What an image takes in Redis: bytes of the value, and bytes of memory, for each byte of the image."""

from .checks import CheckFailed, prime, record_key
from .images import KB, MB
from .stage import GATE, JSON_DATABASE, NODE_DATABASE, RAW_DATABASE

SIZES = (50 * KB, 500 * KB, 4 * MB)


def measure(stage, plan, tell):
    tell("bytes in Redis")
    started = [stage.proxy("json", "image-proxy, json", JSON_DATABASE, CACHE_FORMAT="json"),
               stage.proxy("raw", "image-proxy, raw", RAW_DATABASE, CACHE_FORMAT="raw"),
               stage.node("node", "Node", NODE_DATABASE, GATE)]
    try:
        return [_row(stage, peer, size) for size in SIZES for _, peer in started]
    finally:
        for process, _ in started:
            stage.stop(process)
        stage.forget(JSON_DATABASE, RAW_DATABASE, NODE_DATABASE)


def _row(stage, peer, size):
    name = stage.images(size, 1)[0]
    row = {"peer": peer.key, "label": peer.label, "size": size, "failed": None}
    try:
        prime(stage, peer, [name])
        with stage.redis.client(peer.database) as client:
            key = record_key(stage, f"fast/{name}")
            row["value"] = client("STRLEN", key) / size
            row["memory"] = client("MEMORY", "USAGE", key) / size
    except CheckFailed as problem:
        row["failed"] = str(problem)
    return row
