"""1,000 clients ask at once for one URL that nobody has, from an origin that takes a second."""

import statistics

from .checks import CheckFailed, fetch
from .clients import Crowd, Visit, problems_of
from .images import KB
from .misses import new_place
from .stage import GATE, JSON_DATABASE, NODE_DATABASE

CLIENTS = 1000
IMAGE = 50 * KB


def measure(stage, plan, tell):
    started = [stage.proxy("stampede-proxy", "image-proxy", JSON_DATABASE),
               stage.node("stampede-node", "Node", NODE_DATABASE, GATE)]
    peers = [stage.nginx("locked", "nginx proxy_cache_lock", "locked"), *[peer for _, peer in started]]
    rows = [{"peer": peer.key, "label": peer.label, "asked": [], "leader": [], "after": [], "last": [], "seconds": [],
             "failed": None} for peer in peers]
    try:
        for number in range(plan.stampede_rounds):
            tell(f"stampede of {CLIENTS:,} clients, round {number + 1} of {plan.stampede_rounds}")
            for peer, row in zip(peers, rows):
                if row["failed"] is None:
                    _run(stage, peer, row)
    finally:
        for process, _ in started:
            stage.stop(process)
        stage.forget(JSON_DATABASE, NODE_DATABASE)
    return rows


def _run(stage, peer, row):
    body = stage.body(stage.images(IMAGE, 1)[0])
    try:
        _open_connections(peer)
        _count(stage)
    except CheckFailed as problem:
        row["failed"] = str(problem)
        return
    path = peer.path(new_place("late/image"))
    crowd = [Visit(path, memoryview(body)) for _ in range(CLIENTS)]
    row["seconds"].append(Crowd(peer.port, crowd, within=30).run())
    row["asked"].append(_count(stage))
    row["failed"] = problems_of(crowd)
    if row["failed"] is None:
        times = sorted(visit.first_byte for visit in crowd)
        row["leader"].append(times[0] * 1000)
        row["after"].append((statistics.median(times) - times[0]) * 1000)
        row["last"].append((times[-1] - times[0]) * 1000)


def _open_connections(peer):
    """One late image, so that nothing of the first request's is in the figure."""
    status, _, _ = fetch(peer, new_place("late/first"))
    if status != 200:
        raise CheckFailed(f"{peer.label}: a late image: status {status}")


def _count(stage):
    """How many images the origin was asked for since the last time."""
    direct = stage.direct()
    direct.port, direct.path = stage.late_origin.port, lambda place: f"/{place}"
    return int(fetch(direct, "count")[1])
