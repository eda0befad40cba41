"""How much is measured: `make bench` and its two-minute sister."""

from dataclasses import dataclass

from .images import KB, MB

CONNECTIONS = 32


@dataclass(frozen=True)
class Plan:
    """Every load has an end: a number of seconds, of requests or of clients."""
    name: str
    hit_sizes: tuple
    hit_rounds: int
    hit_seconds: int
    # A load that does not count before each size, or before the first only.
    warms_each_size: bool
    # Requests for each peer and size, one after another: from the fast origin, from the slow one.
    miss_repeats: int
    slow_miss_repeats: int
    miss_rounds: int
    memory_with_node_before_gate: bool
    stampede_rounds: int
    cgi_runs: int
    miss_sizes: tuple = (50 * KB, 4 * MB, 10 * MB)


FULL = Plan(
    "full", hit_sizes=(10 * KB, 50 * KB, 500 * KB, 4 * MB), hit_rounds=14, hit_seconds=1, warms_each_size=True,
    miss_repeats=45, slow_miss_repeats=7, miss_rounds=5, memory_with_node_before_gate=True, stampede_rounds=7,
    cgi_runs=300)

QUICK = Plan(
    "quick", hit_sizes=(10 * KB, 50 * KB, 500 * KB), hit_rounds=2, hit_seconds=1, warms_each_size=False,
    miss_repeats=15, slow_miss_repeats=2, miss_rounds=1, memory_with_node_before_gate=False, stampede_rounds=1,
    cgi_runs=60)
