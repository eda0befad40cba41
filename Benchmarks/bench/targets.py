"""What image-proxy wants to reach, each beside what was measured in this run."""

from dataclasses import dataclass

from .figures import MB, false_variants, find, get, growth, median, ratio
from .images import KB, size_text


@dataclass(frozen=True)
class Target:
    """`required` and `aim` are least values, or greatest ones where `is_limit`. `measured` is None without a figure."""
    title: str
    required: float
    aim: float
    measured: float
    unit: str = ""
    is_limit: bool = False
    detail: str = ""

    @property
    def verdict(self):
        if self.measured is None:
            return "not measured"
        if self._meets(self.aim):
            return "aim reached"
        return "reached" if self._meets(self.required) else "MISSED"

    def _meets(self, bound):
        return self.measured <= bound if self.is_limit else self.measured >= bound


def evaluate(figures):
    return [*_hits(figures.get("hits"), false_variants(figures)), *_misses(get(figures.get("misses"), "timed")),
            *_memory(figures.get("memory")), *_stampede(figures.get("stampede")), *_cgi(figures.get("cgi"))]


def _hits(rows, false_ones):
    def over(peer, other, size):
        # A variant that is not what its name says is not judged by its figures.
        if peer in false_ones:
            return None
        return ratio(get(find(rows, peer=peer, size=size), "rates"), get(find(rows, peer=other, size=size), "rates"))
    yield Target("10 KB hit in the memory tier, requests/s over nginx proxy_cache", 0.50, 0.70,
                 over("memory", "proxy_cache", 10 * KB))
    yield Target("50 KB hit in the memory tier over nginx proxy_cache", 0.35, 0.60,
                 over("memory", "proxy_cache", 50 * KB))
    yield Target("50 KB hit from Redis (json) over nginx proxy_cache", 0.22, 0.35, over("json", "proxy_cache", 50 * KB))
    yield Target("50 KB hit from Redis (json) over Node with nothing in front", 2, 3, over("json", "node", 50 * KB))
    yield Target("500 KB hit from Redis (json) over Node with nothing in front", 4, 6, over("json", "node", 500 * KB))
    sizes = sorted({row["size"] for row in rows or []})
    fronts = {size: over("front", "proxy_cache", size) for size in sizes}
    known = {size: value for size, value in fronts.items() if value is not None}
    yield Target("hot hit with fastcgi_cache in front over nginx proxy_cache, the lowest of the sizes", 0.90, 1.0,
                 min(known.values(), default=None), detail=_list(known))


def _misses(rows):
    totals = {}
    for origin in ("fast", "paced"):
        for size in (4 * MB, 10 * MB):
            ours = get(find(rows, peer="json", origin=origin, size=size), "total")
            value = ratio(ours, get(find(rows, peer="proxy_pass", origin=origin, size=size), "total"))
            if value is not None:
                totals[f"{origin} {size // MB} MB"] = value
    yield Target("miss, total over nginx proxy_pass, the highest of 4 and 10 MB, fast and slow origin", 1.25, 1.05,
                 max(totals.values(), default=None), is_limit=True, detail=_list(totals))
    first = median(get(find(rows, peer="json", origin="paced", size=10 * MB), "first"))
    yield Target("10 MB miss from an origin at 20 MiB/s, first byte", 5, 2, first, "ms", True)


def _memory(memory):
    def crowd(key):
        return growth(find(get(memory, "crowds"), crowd=key, peer="json"))

    def megabytes(value):
        return None if value is None else value / MB
    yield Target("resident memory of the handler, idle after its first requests, default workers", 24, 15,
                 megabytes(get(find(get(memory, "idle"), peer="handler"), "resident")), "MB", True)
    yield Target("peak above idle, 50 x 10 MB misses, slow origin and slow clients", 16, 6,
                 megabytes(crowd("slow")[0]), "MB", True)
    yield Target("peak of the handler, 50 cacheable misses of 4.9 MB at once", 96, 40,
                 megabytes(crowd("cacheable")[1]), "MB", True)
    yield Target("peak above idle, 50 x 4.9 MB hits from Redis at once, memory tier off", 40, 16,
                 megabytes(crowd("hits")[0]), "MB", True)


def _stampede(rows):
    row = find(rows, peer="stampede-proxy")
    asked = get(row, "asked")
    yield Target("1,000 clients, one missing URL that takes 1 s: requests that the origin sees (highest)", 1, 1,
                 max(asked) if asked else None, is_limit=True)
    yield Target("the same: median first byte after the leader's", 50, 10, median(get(row, "after")), "ms", True)


def _cgi(rows):
    row = find(rows, key="cgi")
    yield Target("plain CGI hit (Redis), processor time a request", 15, 5, median(get(row, "cpu")), "ms", True)


def _list(values):
    return ", ".join(f"{name if isinstance(name, str) else size_text(name)} {value:.2f}"
                     for name, value in values.items())
