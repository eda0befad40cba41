#!/usr/bin/python3
"""What the cache in memory answers, by the rule that says what leaves it: simulated, and written to results/eviction.md.

Nothing is started and every seed is fixed: each run writes the same page, in half a minute.
"""

import itertools
import random
import sys
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from bench.policies import Everything, Fifo, Gdsf, Lru, S3Fifo, SecondHit, Sieve  # noqa: E402
from bench.report import table  # noqa: E402

RESULT = Path(__file__).resolve().parent / "results" / "eviction.md"

IMAGES, SCANNED = 30_000, 8_000
EXPONENT = 0.9
MEDIAN_SIZE, SPREAD, LARGEST = 50_000, 1.0, 5 << 20
REQUESTS = 150_000
NEXT = 10_000
SHARES = (0.01, 0.10)
# What an entry costs besides its bytes, and the largest part of the cache for one: as in MemoryTier.swift.
OVERHEAD, LARGEST_PART = 1024, 8
# What a hit in memory saves of processor time beside one from Redis, for each request and each byte: the line through
# 10 KB (44 us against 104) and 500 KB (500 against 909) of the run at commit 2e79ca3.
SAVED_A_REQUEST, SAVED_A_BYTE = 52.9, 0.000712

POLICIES = {"LRU": Lru, "FIFO": Fifo, "SIEVE": Sieve, "S3-FIFO": S3Fifo, "GDSF": Gdsf}
ADMISSIONS = {"every image": Everything, "second hit": SecondHit}
# How often the scan comes; and for the last table, after how many requests.
SCANS = (0, 1, 3)
MOMENTS = (3_000, 10_000, 40_000, REQUESTS)

HOW = f"""\
- {IMAGES:,} images, log-normal in size (median {MEDIAN_SIZE // 1000} KB, sigma {SPREAD:g}), asked for by a Zipf distribution
  with the exponent {EXPONENT}, whatever their size. {REQUESTS:,} requests come before and {REQUESTS:,} are counted. The memory
  holds 1 % or 10 % of the bytes of all images; an entry costs 1 KiB more than its bytes, and one may have an eighth.
- The scan stands between the two: {SCANNED:,} other images, each once, one after another; 2.6 times what the larger memory
  holds. Its own requests are not counted. The *next* are the first {NEXT:,} after it.
- *Second hit*: an image comes into memory with its second hit in Redis, which has what was asked for once; hits are
  remembered of the last {SecondHit.capacity}. That is what image-proxy does. *Every image*: it comes with its miss.
- *us saved* is processor time for each request beside no memory at all: {SAVED_A_REQUEST} us for each hit and
  {SAVED_A_BYTE * 1000:.2f} us for each KB of it, the line through the hits of 10 and 500 KB of a run of `make bench` (50 KB lies above it:
  105 us, not 89).
- The rules are those of their publications, over bytes: SIEVE (NSDI 2024), S3-FIFO (SOSP 2023; a tenth for the small
  queue, names for as many bytes as the main one), GDSF (Cherkasova 1998; cost 1). `bench/policies.py` has them.
- Popularity stays as it is over the whole trace, which flatters rules that count: the others forget sooner."""


@dataclass(frozen=True)
class Trace:
    """Requests that fill the cache, those of a scan, and those that are counted."""
    sizes: list
    before: list
    scan: range
    counted: list

    @classmethod
    def make(cls, seed=1):
        chance = random.Random(seed)
        sizes = [min(1 + int(chance.lognormvariate(0, SPREAD) * MEDIAN_SIZE), LARGEST) for _ in range(IMAGES + SCANNED)]
        weights = list(itertools.accumulate((rank + 1) ** -EXPONENT for rank in range(IMAGES)))
        before, counted = (chance.choices(range(IMAGES), cum_weights=weights, k=REQUESTS) for _ in range(2))
        return cls(sizes, before, range(IMAGES, IMAGES + SCANNED), counted)

    def share(self, part):
        """Bytes: a part of all images but those of the scan."""
        return int(part * sum(self.sizes[:IMAGES]))


@dataclass(frozen=True)
class Ratios:
    """Hits in a hundred: of the counted requests, of their bytes, and of the next ones; and microseconds saved."""
    requests: float
    bytes: float
    next: float
    saved: float


def simulate(trace, policy, admission, scans):
    """The Ratios of one cache that the scan passes through `scans` times."""
    ask = _asker(trace.sizes, policy, admission)
    for image in itertools.chain(trace.before, *[trace.scan] * scans):
        ask(image)
    hits = [ask(image) for image in trace.counted]
    sizes = [trace.sizes[image] for image in trace.counted]
    count, hit_bytes = sum(hits), sum(itertools.compress(sizes, hits))
    saved = (count * SAVED_A_REQUEST + hit_bytes * SAVED_A_BYTE) / len(hits)
    return Ratios(100 * count / len(hits), 100 * hit_bytes / sum(sizes), 100 * sum(hits[:NEXT]) / NEXT, saved)


def next_ratio(trace, policy, admission, moment, scans):
    """Hits in a hundred of the next requests, where the scan comes after `moment` requests."""
    ask = _asker(trace.sizes, policy, admission)
    for image in itertools.chain(trace.before[:moment], *[trace.scan] * scans):
        ask(image)
    return 100 * sum(ask(image) for image in trace.counted[:NEXT]) / NEXT


def _asker(sizes, policy, admission):
    """A function that asks for an image and returns whether memory had it."""
    largest = policy.limit / LARGEST_PART

    def ask(image):
        if policy.hit(image):
            return True
        cost = sizes[image] + OVERHEAD
        if cost <= largest and admission.admits(image):
            policy.add(image, cost)
        return False
    return ask


def tell():
    trace = Trace.make()
    found = {(scans, name, admitted, part): simulate(trace, policy(trace.share(part)), admission(), scans)
             for (name, policy), (admitted, admission), part, scans in itertools.product(
                 POLICIES.items(), ADMISSIONS.items(), SHARES, SCANS)}
    return "\n\n".join([
        "# What leaves the memory first", "Simulated by `make bench-eviction`; do not edit. The figures are hits in a hundred.",
        "## How", HOW,
        "## Without a scan", _hits(trace, found),
        "## A scan", "Each image of it once:", _after(found, 1),
        f"Three times over, so that the second hit lets its images in ({SCANNED:,} are just what it remembers):",
        _after(found, 3),
        "## When the scan comes",
        f"The loss in the next {NEXT:,} requests, in points, at 10 %, where fewer requests came before it:", _moments(trace),
    ]) + "\n"


def _hits(trace, found):
    head = ["", "comes in"] + [f"{part:.0%} {what}" for part in SHARES for what in ("requests", "bytes", "us saved")]
    rows = [[name, admitted, *[f"{value:.1f}" for part in SHARES for value in _three(found[0, name, admitted, part])]]
            for name, admitted in itertools.product(POLICIES, ADMISSIONS)]
    for admitted, admission in ADMISSIONS.items():
        most = [f"{value:.1f}" for value in _three(simulate(trace, Fifo(1 << 60), admission(), 0))]
        rows.append(["no limit", admitted, *most * len(SHARES)])
    return table(head, rows)


def _three(ratios):
    return ratios.requests, ratios.bytes, ratios.saved


def _after(found, scans):
    head = ["", "comes in"] + [f"{part:.0%} {what}" for part in SHARES
                               for what in ("requests", "bytes", "next", "next without a scan")]
    return table(head, [[name, admitted, *[
        f"{value:.1f}" for part in SHARES
        for value in (found[scans, name, admitted, part].requests, found[scans, name, admitted, part].bytes,
                      found[scans, name, admitted, part].next, found[0, name, admitted, part].next)]]
        for name, admitted in itertools.product(POLICIES, ADMISSIONS)])


def _moments(trace):
    def loss(policy, moment):
        without, after = (next_ratio(trace, policy(trace.share(0.10)), Everything(), moment, scans) for scans in (0, 1))
        return f"{without - after:.1f}"
    return table(["every image comes in", *[f"after {moment:,}" for moment in MOMENTS]],
                 [[name, *[loss(policy, moment) for moment in MOMENTS]] for name, policy in POLICIES.items()])


if __name__ == "__main__":
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(tell())
    print(RESULT.read_text())
