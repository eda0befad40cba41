"""Memory: idle, and the peak above idle in a crowd of large images. A fresh process for each crowd, and one crowd."""

import time

from .accounting import forget_peak, peak_resident, resident, tree, wait_until_idle, wait_until_still
from .checks import CheckFailed, expect_image, prime, record_key
from .clients import Crowd, problems_of, visits
from .images import KB, MB
from .misses import new_place
from .stage import GATE, JSON_DATABASE, NODE_DATABASE, UNGATED_DATABASE

CLIENTS = 50
CLIENT_RATE = 4 * MB
LARGE, CACHEABLE = 10 * MB, 4_900 * KB
DATABASES = (JSON_DATABASE, NODE_DATABASE, UNGATED_DATABASE)

# (key, what it is, the place asked for, the clients' rate, whether the images are in Redis before)
CROWDS = [
    ("slow", f"{CLIENTS} slow clients (4 MB/s), misses of 10 MB from an origin at 20 MiB/s, memory tier off",
     LARGE, "paced", CLIENT_RATE, False),
    ("cacheable", f"{CLIENTS} misses of 4.9 MB at once, fast origin, fast clients, memory tier off",
     CACHEABLE, "fast", None, False),
    ("hits", f"{CLIENTS} hits of 4.9 MB from Redis at once, slow clients, memory tier off", CACHEABLE, "fast",
     CLIENT_RATE, True),
]


def measure(stage, plan, tell):
    return {"idle": _idle_rows(stage, tell),
            "crowds": [_crowd_row(stage, crowd, start, tell) for crowd in CROWDS for start in _starters(stage, plan)]}


def _starters(stage, plan):
    """A function for each peer that starts it anew, and (key, label) of it."""
    made = [("json", "image-proxy", lambda: stage.proxy("json", "image-proxy", JSON_DATABASE, MEMORY_CACHE_SIZE=0)),
            ("node", "Node, with its size gate", lambda: stage.node("node", "Node", NODE_DATABASE, GATE))]
    if plan.memory_with_node_before_gate:
        made.append(("node-ungated", "Node, before its size gate",
                     lambda: stage.node("node", "Node", UNGATED_DATABASE)))
    return made


def _idle_rows(stage, tell):
    """After the first few requests of every kind, with default settings: workers, memory tier and all."""
    tell("idle memory")
    rows = []
    for key, label, start in [
        ("handler", "image-proxy", lambda: stage.proxy("idle", "image-proxy", JSON_DATABASE)),
        ("node", "Node", lambda: stage.node("idle", "Node", NODE_DATABASE, GATE)),
    ]:
        process, peer = start()
        row = {"peer": key, "label": label, "resident": None, "failed": None}
        try:
            _first_requests(stage, peer)
            row["resident"] = resident(_owner(peer))
        except CheckFailed as problem:
            row["failed"] = str(problem)
        rows.append(row)
        stage.stop(process)
        stage.forget(*DATABASES)
    return rows


def _first_requests(stage, peer):
    """Misses, then hits, of small images and a few larger ones, and a moment of rest."""
    for size in (10 * KB, 50 * KB, 500 * KB):
        prime(stage, peer, stage.images(size, 4))
    _settle(peer)


def _settle(peer):
    wait_until_idle(_owner(peer))
    time.sleep(0.5)


def _owner(peer):
    """The processes whose memory is told: the handler's, or the server's that has none."""
    return tree(peer.processes.get("handler", peer.processes["server"]))


def _crowd_row(stage, crowd, starter, tell):
    key, title, size, origin, rate, is_hit = crowd
    peer_key, label, start = starter
    tell(f"memory: {title}: {label}")
    process, peer = start()
    row = {"crowd": key, "title": title, "peer": peer_key, "label": label, "failed": None}
    names = stage.images(size, 2)
    places = [f"{origin}/{names[index % 2]}" for index in range(CLIENTS)]
    try:
        if is_hit:
            prime(stage, peer, names)
        else:
            expect_image(stage, peer, new_place(f"fast/{stage.images(50 * KB, 1)[0]}"))
            places = [new_place(place) for place in places]
        _settle(peer)
        row.update(_watch(stage, peer, visits(stage, peer, places), rate))
        if size <= GATE:
            row["stored"] = f"{_count_stored(stage, peer, set(places))} of {len(set(places))}"
    except CheckFailed as problem:
        row["failed"] = str(problem)
    finally:
        stage.stop(process)
        stage.forget(*DATABASES)
    return row


def _count_stored(stage, peer, places):
    """How many of the images came into the cache, once no more come."""
    with stage.redis.client(peer.database) as client:
        keys = [record_key(stage, place) for place in places]
        return wait_until_still(lambda: client("EXISTS", *keys), 1.0)


def _watch(stage, peer, crowd, rate):
    """Resident bytes before, at the peak and after: of the handler, of the web server before it, and of Redis."""
    groups = {"own": _owner(peer), "redis": [stage.redis.pid]}
    if "handler" in peer.processes:
        groups["server"] = tree(peer.processes["server"])
    for group in groups.values():
        forget_peak(group)
    before = {role: resident(group) for role, group in groups.items()}
    seconds = Crowd(peer.port, crowd, rate).run()
    wait_until_idle(groups["own"])
    told = {role: {"before": before[role], "peak": peak_resident(group), "after": resident(group)}
            for role, group in groups.items()}
    return {"seconds": seconds, "memory": told, "failed": problems_of(crowd)}
