"""The figures of a run as a picture: how fast hits are and what they cost, then first bytes and memory."""

import math

from .figures import MB, false_variants, find, get, growth, median, processor_total, ratio
from .images import size_text
from .plan import CONNECTIONS
from .svg import Picture

WIDTH, MARGIN = 980, 28
LABEL = 268
RATE_X, RATE_WIDTH = MARGIN + LABEL, 250
COST_X, COST_WIDTH = 690, 190
ROW, BAR = 23, 15

FAMILIES = [("nginx", "nginx"), ("proxy", "image-proxy"), ("redis", "Redis"), ("node", "Node")]
# What is drawn of the rows, each with the colour of whose work it is.
FAMILY = {"static": "nginx", "proxy_cache": "nginx", "proxy_cache_open": "nginx", "proxy_pass": "nginx",
          "locked": "nginx", "node": "node", "node-ungated": "node", "stampede-node": "node"}


def draw(figures):
    picture = Picture(WIDTH)
    _title(picture, figures)
    if figures.get("hits"):
        _hits(picture, figures["hits"], false_variants(figures))
    _pairs(picture, figures)
    picture.y += 14
    return picture.source("image-proxy beside nginx and Node: cache hits, processor time, first bytes and memory")


def family(peer):
    return FAMILY.get(peer, "proxy")


def _title(picture, figures):
    picture.text(MARGIN, 44, "image-proxy, measured as a whole", "title")
    machine = dict(figures["machine"])
    picture.text(MARGIN, 66, f"{figures['date']} · {machine['processor']} · {machine['system']} · "
                 f"wrk, {CONNECTIONS} connections, medians", "quiet")
    x = WIDTH - MARGIN - 330
    for style, name in FAMILIES:
        picture.bar(x, 34, 11, 11, style)
        picture.text(x + 16, 44, name)
        x += 40 + 7.2 * len(name)
    picture.y = 84


def _hits(picture, rows, false_ones):
    picture.y += 22
    picture.text(MARGIN, picture.y, "Cache hits", "heading")
    picture.text(RATE_X, picture.y, "requests a second, over nginx proxy_cache", "quiet")
    picture.text(COST_X, picture.y, "microseconds of processor a request", "quiet")
    for size in sorted({row["size"] for row in rows}):
        _hit_size(picture, size, [row for row in rows if row["size"] == size], false_ones)


def _hit_size(picture, size, rows, false_ones):
    base = get(find(rows, peer="proxy_cache"), "rates")
    shares = [ratio(row["rates"], base) or 0 for row in rows]
    full = max([1.0, *shares])
    # Node's 500 KB would leave nothing to see of the others: the scale ends at the dearest that is not Node.
    dearest = max([processor_total(row) or 0 for row in rows if family(row["peer"]) != "node"], default=0) or 1
    picture.y += 26
    picture.text(MARGIN, picture.y, size_text(size), "strong")
    picture.y += 8
    top = picture.y
    for row, share in zip(rows, shares):
        _hit_row(picture, row, share / full, dearest, row["peer"] in false_ones)
    picture.rule(RATE_X + RATE_WIDTH / full, top - 2, picture.y - 4)


def _hit_row(picture, row, share, dearest, is_false):
    y, middle = picture.y, picture.y + 12
    label = row["label"] + (" *" if is_false else "")
    picture.text(RATE_X - 10, middle, label, "end" + (" strong" if family(row["peer"]) == "proxy" else ""))
    if row["failed"]:
        picture.text(RATE_X, middle, "failed its check", "quiet")
    else:
        picture.bar(RATE_X, y, RATE_WIDTH, BAR, "track")
        picture.bar(RATE_X, y, share * RATE_WIDTH, BAR, family(row["peer"]), row["label"])
        picture.text(RATE_X + RATE_WIDTH + 8, middle, f"{median(row['rates']):,.0f}/s")
        _cost(picture, row, dearest)
    picture.y += ROW


def _cost(picture, row, dearest):
    """A stacked bar: the web server's part, the handler's, Redis's. One too long for its place is cut, and shows it."""
    x, total = COST_X, processor_total(row)
    scale = COST_WIDTH / max(dearest, 1)
    for role, values in row["cpu"].items():
        style = {"handler": "proxy", "redis": "redis"}.get(role, "node" if family(row["peer"]) == "node" else "nginx")
        width = min(median(values) * scale, COST_X + COST_WIDTH - x)
        if width > 0.5:
            picture.bar(x, picture.y, width, BAR, style, f"{role}: {median(values):.0f} us")
            x += width
    if total > dearest * 1.001:
        picture.cut(COST_X + COST_WIDTH - 14, picture.y, BAR)
    picture.text(COST_X + COST_WIDTH + 8, picture.y + 12, f"{total:,.0f}")


def _pairs(picture, figures):
    """First bytes on the left, memory on the right, both on scales of powers of ten."""
    top = picture.y + 34
    left, right = _first_bytes(figures), _memories(figures)
    half = (WIDTH - 3 * MARGIN) / 2
    bottoms = [top]
    for x, panels in ((MARGIN, left), (2 * MARGIN + half, right)):
        y = top
        for panel in panels:
            y = _panel(picture, x, y, half, *panel) + 26
        bottoms.append(y - 26 if panels else top)
    picture.y = max(bottoms) + (10 if left or right else -34)
    if figures.get("hits") and false_variants(figures):
        picture.text(MARGIN, picture.y + 10, "* did not do what it is called in this run: see the table", "quiet")
        picture.y += 22


def _first_bytes(figures):
    """(title, unit, [(label, family, value)]) of each panel."""
    rows = [row for row in get(figures.get("misses"), "timed") or [] if row["origin"] == "paced"]
    largest = [row for row in rows if row["size"] == max(row["size"] for row in rows)]
    if largest:
        yield (f"Miss of {size_text(largest[0]['size'])}, origin at 20 MiB/s: first byte", "ms",
               [(row["label"], family(row["peer"]), None if row["failed"] else median(row["first"])) for row in largest
                if row["peer"] != "direct"])
    stampede = figures.get("stampede")
    if stampede:
        yield ("1,000 clients, one missing image: origin requests", "",
               [(row["label"], family(row["peer"]), None if row["failed"] else max(row["asked"])) for row in stampede])


def _memories(figures):
    for key, title in (("slow", "50 slow clients, misses of 10 MB: memory above idle"),
                       ("hits", "50 hits of 4.9 MB from Redis: memory above idle")):
        rows = [row for row in get(figures.get("memory"), "crowds") or []
                if row["crowd"] == key]
        if rows:
            yield title, "MB", [(row["label"], family(row["peer"]), None if row["failed"] else growth(row)[0] / MB)
                                for row in rows]


def _panel(picture, x, y, width, title, unit, values):
    picture.text(x, y, title, "heading")
    picture.text(x, y + 17, "scale of powers of ten", "quiet")
    y += 28
    label, space = 178, width - 178 - 74
    least = 0.5
    most = max([10, *(value for _, _, value in values if value is not None)])
    for name, style, value in values:
        picture.text(x + label - 8, y + 12, name, "end" + (" strong" if style == "proxy" else ""))
        if value is None:
            picture.text(x + label, y + 12, "failed its check", "quiet")
            y += ROW
            continue
        share = math.log(max(value, least) / least) / math.log(most / least)
        picture.bar(x + label, y, space, BAR, "track")
        picture.bar(x + label, y, share * space, BAR, style)
        picture.text(x + label + space + 8, y + 12, f"{value:,.{1 if value < 100 and unit else 0}f} {unit}")
        y += ROW
    return y
