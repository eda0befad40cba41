"""The figures of a run as a page of Markdown."""

from .figures import MB, false_variants, find, get, growth, median, processor_total, ratio
from .images import size_text
from .plan import CONNECTIONS
from .targets import evaluate

SETTINGS = """\
- One machine, one run, loopback only; Redis, nginx and their caches on tmpfs. The rounds are interleaved: each peer
  is measured once before any is measured again. A rate is a median of rounds, a ratio that of the ratios in a round.
{rounds}\
- Load: `wrk -t1 -c{connections}`, keep-alive, 16 images of a size in turn (4 of 4 MB). wrk shares the processors with
  what it measures.
- Images: PNGs of noise. Every peer's miss and hits were compared byte for byte before it was measured, and every image
  once after. Misses one at a time, the clients of a crowd and CGI hits were all compared; misses under load before and after.
- nginx: one worker process, `sendfile on`, no access log. In front of the handler: the files in `deploy/nginx`, which have
  its cache keep open what is hit often (`open_file_cache`); `proxy_cache` does as it does by itself, and in a row of its own too.
- The handler: defaults but for what a row or a title names; the memory tier is off in the rows of Redis, so that each hit
  is one of Redis, and in all crowds of Memory. `LOG_LEVEL=warning`: no other peer writes a line for each request.
- Node: one process, `node:http` and a Redis client of 60 lines, doing what the TypeScript application did. Its size gate is
  asked before an image is stored and not before it is served: a hit before the gate is the same code, and no image of
  the hits is above it, so there is one row of Node for both.
- us: microseconds of processor time a request, user and system, of all threads, from `/proc/PID/stat`. On a busy
  machine this is the steadier figure. MB is 10^6 bytes."""


def tell(figures, chart):
    """The page; `chart` is the name of the picture beside it."""
    parts = [
        "# image-proxy, measured as a whole",
        f"{figures['date']}, `{figures['command']}`, {figures['seconds']} seconds. Made by `make bench`; do not edit.",
        f"![Hits, misses and memory beside nginx and Node]({chart})",
        "## Machine", table(["", ""], figures["machine"]), "## How", _how(figures),
        *_hits(figures.get("hits")), *_misses(figures.get("misses")), *_memory(figures.get("memory")),
        *_stampede(figures.get("stampede")), *_cgi(figures.get("cgi")), *_records(figures.get("records")),
        *_failures(figures), *_false_variants(figures), "## To reach", _targets(figures),
    ]
    return "\n\n".join(parts) + "\n"


def failures(figures):
    """What did not do what it was to be measured for, as (where, why)."""
    found = []
    for section in ("hits", "misses", "memory", "stampede", "cgi", "records"):
        content = figures.get(section) or []
        rows = content if isinstance(content, list) else [row for part in content.values() for row in part]
        found += [(f"{section}: {_name(row)}", row["failed"]) for row in rows if row.get("failed")]
    return found


def _name(row):
    more = [row["title"]] if "title" in row else []
    return ", ".join([row["label"], *more, *([size_text(row["size"])] if "size" in row else [])])


def _failures(figures):
    found = failures(figures)
    if found:
        yield "## Failed"
        yield "\n".join(f"- **{where}**: {why}" for where, why in found)


def _false_variants(figures):
    found = false_variants(figures)
    if found:
        yield "## Not what they are called"
        yield "\n".join(f"- **{peer}**: {why}. No target is judged by its rows." for peer, why in found.items())


def table(head, rows):
    """The first column is text, the others are numbers."""
    lines = [head, ["---"] + ["---:" if any(head) else "---"] * (len(head) - 1), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


def _number(value, form="{:,.0f}"):
    return "" if value is None else form.format(value)


def _two(value):
    """Two figures that matter, without an exponent."""
    size = value or 0
    return _number(value, "{:,.2f}" if size < 10 else "{:,.1f}" if size < 100 else "{:,.0f}")


def _how(figures):
    return SETTINGS.format(connections=CONNECTIONS, rounds=_rounds(figures)) + _noise(figures.get("hits"))


def _noise(rows):
    shares = [share for row in rows or [] for share in row["elsewhere"]]
    if not shares:
        return ""
    return (f"\n- During the hits {median(shares):.0%} of the processors' time (median; at most {max(shares):.0%}) went to "
            "the rest of the machine.")


def _rounds(figures):
    """How often each part was measured, as far as it was."""
    misses = figures.get("misses") or {}

    def count(rows, name, **wanted):
        return max((len(row[name]) for row in rows or [] if wanted.items() <= row.items()), default=0)
    parts = [("hits", count(figures.get("hits"), "rates")),
             ("misses one at a time from the fast origin", count(misses.get("timed"), "total", origin="fast")),
             ("from the slow one", count(misses.get("timed"), "total", origin="paced")),
             ("misses under load", count(misses.get("loaded"), "rates")),
             ("stampede", count(figures.get("stampede"), "asked")),
             ("CGI", count(figures.get("cgi"), "cpu"))]
    told = ", ".join(f"{name} {rounds}" for name, rounds in parts if rounds)
    return ((f"- Rounds: {told}.\n" if told else "")
            + "- Memory and Redis bytes are one sample each, not medians: one process, one crowd, one image.\n")


def _hits(rows):
    if not rows:
        return
    yield "## Hits"
    for size in sorted({row["size"] for row in rows}):
        yield f"### {size_text(size)}"
        base = get(find(rows, peer="proxy_cache", size=size), "rates")
        node = get(find(rows, peer="node", size=size), "rates")
        yield table(
            ["", "requests/s", "over proxy_cache", "over Node", "us server", "us handler", "us Redis", "us in all",
             "p50 ms", "p99 ms"],
            [_hit_cells(row, base, node) for row in rows if row["size"] == size])


def _hit_cells(row, base, node):
    if row["failed"]:
        return [row["label"], "failed"] + [""] * 8
    cpu = {role: median(values) for role, values in row["cpu"].items()}
    return [row["label"], _number(median(row["rates"])), _number(ratio(row["rates"], base), "{:.2f}"),
            _number(ratio(row["rates"], node), "{:.2f}"), _number(cpu.get("server")), _number(cpu.get("handler")),
            _number(cpu.get("redis")), _number(processor_total(row)), _two(median(row["p50"])),
            _two(median(row["p99"]))]


def _misses(misses):
    if not misses:
        return
    yield "## Misses"
    yield ("One request at a time on a new connection, ms, medians. First is the first byte of the body. The slow "
           "origin sends 20 MiB/s.")
    rows = misses["timed"]
    for origin, title in (("fast", "Fast origin"), ("paced", "Slow origin")):
        yield f"### {title}"
        sizes = sorted({row["size"] for row in rows})
        peers = list(dict.fromkeys((row["peer"], row["label"]) for row in rows))
        head = [""] + [f"{size_text(size)} {what}" for size in sizes for what in ("first", "total", "over proxy_pass")]
        yield table(head, [[label, *_miss_cells(rows, peer, origin, sizes)] for peer, label in peers])
    yield f"### 50 KB, fast origin, {CONNECTIONS} connections"
    base = get(find(misses["loaded"], peer="proxy_pass"), "rates")
    yield table(["", "requests/s", "over proxy_pass", "us server", "us handler", "us Redis", "us in all"],
                 [_loaded_cells(row, base) for row in misses["loaded"]])
    yield "What is still done for the cache after the response is in the microseconds."


def _miss_cells(rows, peer, origin, sizes):
    for size in sizes:
        row = find(rows, peer=peer, origin=origin, size=size)
        if row is None:
            yield from ("failed", "", "")
            continue
        base = get(find(rows, peer="proxy_pass", origin=origin, size=size), "total")
        yield from (_two(median(row["first"])), _two(median(row["total"])),
                    _number(ratio(row["total"], base), "{:.2f}"))


def _loaded_cells(row, base):
    if row["failed"]:
        return [row["label"], "failed"] + [""] * 5
    cpu = {role: median(values) for role, values in row["cpu"].items()}
    return [row["label"], _number(median(row["rates"])), _number(ratio(row["rates"], base), "{:.2f}"),
            _number(cpu.get("server")), _number(cpu.get("handler")), _number(cpu.get("redis")),
            _number(processor_total(row))]


def _memory(memory):
    if not memory:
        return
    yield "## Memory"
    yield ("Resident MB (VmRSS), and the peak (VmHWM) of a process started for that crowd. What nginx writes to "
           "temporary files is not in it.")
    yield table(["idle, after the first requests", "MB"],
                 [[row["label"], _megabytes(row["resident"])] for row in memory["idle"]])
    for key in dict.fromkeys(row["crowd"] for row in memory["crowds"]):
        rows = [row for row in memory["crowds"] if row["crowd"] == key]
        yield table([rows[0]["title"], "idle", "peak", "above idle", "after", "nginx above idle", "Redis above idle",
                      "images then in Redis", "s"],
                     [_crowd_cells(row) for row in rows])


def _crowd_cells(row):
    if row["failed"]:
        return [row["label"], "failed"] + [""] * 7
    own = row["memory"]["own"]

    def above(role):
        figures = row["memory"].get(role)
        return _megabytes(figures["peak"] - figures["before"]) if figures else ""
    above_idle, peak = growth(row)
    return [row["label"], _megabytes(own["before"]), _megabytes(peak), _megabytes(above_idle),
            _megabytes(own["after"]), above("server"), above("redis"), row.get("stored", ""), f"{row['seconds']:.1f}"]


def _megabytes(count):
    return _number(count and count / MB, "{:,.1f}")


def _stampede(rows):
    if not rows:
        return
    yield "## Stampede"
    yield ("1,000 clients, one URL of 50 KB that nobody has, an origin that takes 1 s. ms, medians of rounds; the "
           "kernel's time stamps of arrival.")
    yield table(["", "requests at the origin", "the leader's first byte", "median first byte after it",
                  "last first byte after it", "all served, s"], [_stampede_cells(row) for row in rows])


def _stampede_cells(row):
    if row["failed"]:
        return [row["label"], "failed", "", "", "", ""]
    times = [_two(median(row[name])) for name in ("leader", "after", "last", "seconds")]
    return [row["label"], _number(max(row["asked"])), *times]


def _cgi(rows):
    if not rows:
        return
    yield "## Plain CGI"
    yield "A process for each request, one of each kind in turn; medians. What a row adds is to the row that it names."
    names = {"floor": "/bin/true", "version": "--version", "refused": "the 400"}
    yield table(["a process for each request", "runs", "processor ms", "wall ms", "adds, processor ms"],
                [_cgi_cells(row, find(rows, key=row.get("over")), names.get(row.get("over"))) for row in rows])


def _cgi_cells(row, base, base_name):
    if row["failed"]:
        return [row["label"], "failed", "", "", ""]
    processor = median(row["cpu"])
    adds = f"{_two(processor - median(base['cpu']))} to {base_name}" if base and base["cpu"] else ""
    return [row["label"], len(row["cpu"]), _two(processor), _two(median(row["wall"])), adds]


def _records(rows):
    if not rows:
        return
    yield "## Redis bytes for each byte of an image"
    yield table(["", "image", "STRLEN", "MEMORY USAGE"],
                 [[row["label"], size_text(row["size"]), _number(row.get("value"), "{:.3f}"),
                   _number(row.get("memory"), "{:.3f}")] for row in rows])


def _targets(figures):
    rows = []
    for target in evaluate(figures):
        sign = "<= " if target.is_limit else ""
        unit = f" {target.unit}" if target.unit else ""
        title = target.title + (f" ({target.detail})" if target.detail else "")
        rows.append([title, f"{sign}{target.required:g}{unit}", f"{sign}{target.aim:g}{unit}",
                     _two(target.measured) + (unit if target.measured is not None else ""), f"**{target.verdict}**"])
    return table(["", "at least", "aim", "measured", ""], rows)
