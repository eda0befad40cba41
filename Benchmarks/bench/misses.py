"""Misses: the first byte and the last, one request at a time, and what one costs under load."""

import itertools

from . import wrk
from .accounting import ProcessorMeter, wait_until_idle
from .checks import CheckFailed, expect_image
from .clients import ClientFailed, timed_get
from .images import KB
from .stage import GATE, JSON_DATABASE, NODE_DATABASE, UNGATED_DATABASE

DATABASES = (JSON_DATABASE, NODE_DATABASE, UNGATED_DATABASE)
LOADED_SIZE = 50 * KB

# No URL twice in a run: what was asked for once is no miss.
_numbers = itertools.count(1)


def new_place(place):
    return f"{place}?{next(_numbers)}"


def measure(stage, plan, tell):
    started = [
        stage.proxy("json", "image-proxy", JSON_DATABASE),
        stage.node("node", "Node, with its size gate", NODE_DATABASE, GATE),
        stage.node("node-ungated", "Node, before its size gate", UNGATED_DATABASE),
    ]
    peers = [stage.direct(), stage.nginx("proxy_pass", "nginx proxy_pass", "passed"), *[peer for _, peer in started]]
    try:
        rows = [row for origin in ("fast", "paced") for size in plan.miss_sizes
                for row in _timed_rows(stage, plan, origin, size, peers, tell)]
        return {"timed": rows, "loaded": _loaded_rows(stage, plan, peers[1:], tell)}
    finally:
        for process, _ in started:
            stage.stop(process)
        stage.forget(*DATABASES)


def _timed_rows(stage, plan, origin, size, peers, tell):
    name = stage.images(size, 1)[0]
    rows = [{"peer": peer.key, "label": peer.label, "origin": origin, "size": size, "first": [], "total": [],
             "failed": None} for peer in peers]
    repeats = plan.miss_repeats if origin == "fast" else plan.slow_miss_repeats
    tell(f"misses of {size:,} bytes, {origin} origin")
    # One more than is counted: the first request of a size opens connections and grows buffers.
    for number in range(repeats + 1):
        for peer, row in zip(peers, rows):
            if row["failed"] is None:
                _time_one(stage, peer, row, f"{origin}/{name}", is_counted=number > 0)
        stage.forget(*DATABASES)
    return rows


def _time_one(stage, peer, row, place, is_counted):
    try:
        first, total = timed_get(peer.port, peer.path(new_place(place)), stage.body(place.partition("/")[2]))
    except (ClientFailed, OSError) as problem:
        row["failed"] = str(problem)
        return
    if is_counted:
        row["first"].append(first)
        row["total"].append(total)
    # What is still written to the cache must not be the next peer's burden.
    wait_until_idle([pid for group in peer.pids().values() for pid in group])


def _loaded_rows(stage, plan, peers, tell):
    """Misses of 50 KB from the fast origin under the load of the hits."""
    rows = [{"peer": peer.key, "label": peer.label, "size": LOADED_SIZE, "rates": [], "cpu": {}, "failed": None}
            for peer in peers]
    for number in range(plan.miss_rounds):
        tell(f"misses of {LOADED_SIZE:,} bytes under load, round {number + 1} of {plan.miss_rounds}")
        for peer, row in zip(peers, rows):
            if row["failed"] is None:
                try:
                    _load_one(stage, peer, row)
                except (CheckFailed, wrk.LoadFailed) as problem:
                    row["failed"] = str(problem)
            stage.forget(*DATABASES)
    return rows


def _load_one(stage, peer, row):
    place = f"fast/{stage.images(LOADED_SIZE, 1)[0]}"
    expect_image(stage, peer, new_place(place))
    pids = peer.pids()
    if peer.database is not None:
        pids["redis"] = [stage.redis.pid]
    meter = ProcessorMeter(pids)
    load = wrk.ever_new(peer.port, 1, peer.path(f"{place}?{next(_numbers)}x"))
    row["rates"].append(load.rate)
    wait_until_idle([pid for group in pids.values() for pid in group])
    for role, microseconds in meter.spent().items():
        row["cpu"].setdefault(role, []).append(microseconds / load.requests)
    expect_image(stage, peer, new_place(place))
