"""Cache hits: requests a second and what one costs, for each peer and size, in interleaved rounds."""

import os
import random
import re

from . import wrk
from .accounting import ProcessorMeter, machine_time, own_time
from .checks import CheckFailed, expect_image, prime
from .stage import (FRONT_DATABASE, GATE, JSON_DATABASE, MEMORY_DATABASE, NODE_DATABASE, RAW_DATABASE)

MEMORY_TIER = "64MiB"


def start_peers(stage):
    """The peers in the order in which they are shown, and the processes to be stopped again."""
    started = [
        stage.proxy("front", "image-proxy, fastcgi_cache in front", FRONT_DATABASE, nginx_cache=True,
                    MEMORY_CACHE_SIZE=MEMORY_TIER),
        stage.proxy("memory", "image-proxy, memory tier", MEMORY_DATABASE, MEMORY_CACHE_SIZE=MEMORY_TIER),
        stage.proxy("raw", "image-proxy, Redis raw", RAW_DATABASE, MEMORY_CACHE_SIZE=0, CACHE_FORMAT="raw"),
        stage.proxy("json", "image-proxy, Redis json", JSON_DATABASE, MEMORY_CACHE_SIZE=0, CACHE_FORMAT="json"),
        stage.node("node", "Node, nothing in front", NODE_DATABASE, GATE),
    ]
    peers = [stage.nginx("static", "nginx, static file", "static"),
             stage.nginx("proxy_cache", "nginx proxy_cache", "cached"),
             stage.nginx("proxy_cache_open", "nginx proxy_cache, files kept open", "kept")]
    return [process for process, _ in started], peers + [peer for _, peer in started]


def measure(stage, plan, tell):
    processes, peers = start_peers(stage)
    try:
        return [row for size in plan.hit_sizes for row in _measure_size(stage, plan, size, peers, tell)]
    finally:
        for process in processes:
            stage.stop(process)
        stage.forget(FRONT_DATABASE, MEMORY_DATABASE, RAW_DATABASE, JSON_DATABASE, NODE_DATABASE)


def _measure_size(stage, plan, size, peers, tell):
    names = stage.images(size)
    rows = [_HitRow(stage, peer, size, names) for peer in peers]
    for row in rows:
        row.attempt(lambda: row.prime(plan.warms_each_size or size == plan.hit_sizes[0]))
    for number in range(plan.hit_rounds):
        tell(f"hits of {size:,} bytes, round {number + 1} of {plan.hit_rounds}")
        for row in _order(rows, number):
            row.attempt(lambda: row.run(plan.hit_seconds))
    for row in rows:
        row.attempt(row.check_again)
    return [row.result for row in rows]


def _order(rows, number):
    """Another in each round, since it makes a difference after whom somebody comes, and the same in each run."""
    return random.Random(number).sample(rows, len(rows))


class _HitRow:
    """One peer at one size."""

    def __init__(self, stage, peer, size, names):
        self.stage, self.peer, self.names = stage, peer, names
        self.paths = [peer.path(f"fast/{name}") for name in names]
        self.result = {"peer": peer.key, "label": peer.label, "size": size, "rates": [], "p50": [], "p99": [],
                       "cpu": {}, "redis_commands": [], "elsewhere": [], "failed": None}

    def attempt(self, step):
        """A peer that fails is out, and the table says why."""
        if self.result["failed"] is None:
            try:
                step()
            except (CheckFailed, wrk.LoadFailed) as problem:
                self.result["failed"] = str(problem)

    def prime(self, is_warmed):
        prime(self.stage, self.peer, self.names)
        if is_warmed:
            wrk.in_turn(self.peer.port, 1, self.paths)

    def check_again(self):
        for name in self.names:
            expect_image(self.stage, self.peer, f"fast/{name}")

    def run(self, seconds):
        pids = self.peer.pids()
        if self.peer.database is not None:
            pids["redis"] = [self.stage.redis.pid]
        meter = ProcessorMeter(pids)
        commands, elsewhere = self._redis_commands(), machine_time() - own_time()
        load = wrk.in_turn(self.peer.port, seconds, self.paths)
        spent = meter.spent()
        elsewhere = machine_time() - own_time() - elsewhere - sum(spent.values())
        self.result["elsewhere"].append(max(elsewhere, 0) / (seconds * 1e6 * os.cpu_count()))
        self.result["rates"].append(load.rate)
        self.result["p50"].append(load.p50_ms)
        self.result["p99"].append(load.p99_ms)
        self.result["redis_commands"].append((self._redis_commands() - commands) / load.requests)
        for role, microseconds in spent.items():
            self.result["cpu"].setdefault(role, []).append(microseconds / load.requests)

    def _redis_commands(self):
        with self.stage.redis.client() as client:
            text = client("INFO", "commandstats").decode()
        return sum(int(calls) for name, calls in re.findall(r"cmdstat_(\w+):calls=(\d+)", text)
                   if name in ("get", "getrange", "mget", "hgetall", "hmget", "strlen"))
