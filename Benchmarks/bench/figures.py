"""Reading the figures of a run: medians, ratios, and the row that is meant."""

import statistics

MB = 1_000_000


def median(values):
    return statistics.median(values) if values else None


def ratio(values, base):
    """The median of the ratios of what was measured in the same round, one minute's noise being on both sides."""
    pairs = [value / other for value, other in zip(values or [], base or []) if other]
    return median(pairs)


def find(rows, **wanted):
    """The row with these values that did not fail; None where there is none."""
    for row in rows or []:
        if not row.get("failed") and all(row.get(name) == value for name, value in wanted.items()):
            return row
    return None


def get(row, name):
    return row.get(name) if row else None


def processor_total(row):
    """Microseconds a request, over all processes that answer."""
    medians = [median(values) for values in (get(row, "cpu") or {}).values()]
    return sum(medians) if medians else None


def growth(row):
    """(bytes above idle at the peak, bytes at the peak) of a crowd's own process; Nones where not measured."""
    if not row:
        return None, None
    own = row["memory"]["own"]
    return own["peak"] - own["before"], own["peak"]


def false_variants(figures):
    """{peer: why} of the variants that did not do what they are called, whose figures would otherwise mislead."""
    found = {}
    for peer in ("memory", "front"):
        reads = [median(row["redis_commands"]) for row in figures.get("hits") or []
                 if row["peer"] == peer and not row["failed"]]
        if reads and max(reads) > 0.2:
            found[peer] = f"Redis was read {max(reads):.1f} times a request"
    raw = [row["value"] for row in figures.get("records") or [] if row["peer"] == "raw" and not row["failed"]]
    if raw and max(raw) > 1.1:
        found["raw"] = f"Redis holds {max(raw):.2f} bytes for each byte of an image"
    return found
