"""A shared cache as RFC 9111 means it, one row a behaviour.

Where the public suite `http-tests/cache-tests` has the behaviour, the row has its id. Two things are different here: an image
has a URL of ours, whatever its origin's response is; and a request to the origin is ours alone, so nothing of the client's,
like its conditions or its cookies, is forwarded. Where a row answers otherwise than that suite would have it, or the suite leaves
it open, the row says why.

These families of the suite need more than a row, or none:
- `stale-*`, `stale-while-revalidate*`, `stale-if-error*`: in `test_stale.py`; `collapse-basic`: in `test_collapse.py`.
- `304-*-update-*` and `headers-store-*` of fields that do not bear on caching or on the image: none is kept, so none is updated.
- `partial-store-partial-*`: we ask for no part, so one that comes is an error (`status-206`).
- `vary-*` with request fields of the suite's own: what depends on them is not kept, whether they match or not.
- `cdn-*`, `surrogate-*`: the fields are not read; one row of each shows it.
- `invalidate-*`, `method-POST`: other methods than GET and HEAD get 405 and change nothing.
- those marked for browsers alone: what a private cache may do, a shared one may not.
"""

import json
import time
from dataclasses import dataclass
from email.utils import formatdate

import pytest

from harness import behaviours
from harness.front import Front
from harness.http import proxied
from harness.images import MIB, png_of_size
from harness.records import put, record
from harness.waiting import eventually

# Both caches keep images by the same rules.
STORES = ("redis", "file")
BODY = png_of_size(10_000)
OTHER = png_of_size(12_000, seed=9)
TAG = '"abcdef"'

FRESH = "the second request is a hit"
ASKED = "the second request goes to the origin, without conditions"
VALIDATED = "the second request goes to the origin, with the validators of the first answer"


@dataclass(frozen=True)
class Row:
    """What an origin says, and what becomes of a second request. A number as a value is a date, so many seconds from now."""
    id: str
    fields: list
    outcome: str
    why: str = ""


def row(id, outcome, *fields, why=""):
    return Row(id, list(fields), outcome, why)


def cc(value):
    return "Cache-Control", value


def date(seconds):
    return formatdate(time.time() + seconds, usegmt=True)


def rfc850(seconds):
    return time.strftime("%A, %d-%b-%y %H:%M:%S GMT", time.gmtime(time.time() + seconds))


def asctime(seconds):
    return time.asctime(time.gmtime(time.time() + seconds))


def dated(fields):
    """The fields as they are sent, now."""
    return [(name, date(value) if isinstance(value, int) else value() if callable(value) else value)
            for name, value in fields]


def fetched(server, url, **options):
    """An answer, once the image is in the cache: until then others may share the fetch, which makes them no hits."""
    answer = server.client.get(url, **options)
    server.stored(url)
    return answer


def hit(server, url):
    answer = server.client.get(url)
    return answer if answer.is_hit else None


def ids(rows):
    return [row.id for row in rows]


@pytest.fixture(scope="module")
def strict(new_folder, settings, redis, databases):
    """A server whose operator grants no stale use: what happens is what the origin said."""
    database = next(databases)
    changed = {**settings, "STALE_WHILE_REVALIDATE": "0s", "STALE_IF_ERROR": "0s", "CACHE": redis.unix_address(database)}
    with Front("nginx", new_folder(), changed, redis.client(database)) as server:
        yield server


# The suite has a second or two pass; here an Age makes what is short stale at once.
OLD = ("Age", "10")
LENIENT = "the suite only reports this: what is no number is stale, as RFC 9111, 4.2.1 encourages"

FRESHNESS = [
    row("freshness-none", FRESH, why="the suite allows any heuristic; ours is IMAGE_PROXY_CACHE_TTL"),
    row("freshness-max-age", FRESH, cc("max-age=3600")),
    row("freshness-max-age-0", ASKED, cc("max-age=0")),
    row("freshness-max-age-stale", ASKED, cc("max-age=2"), OLD),
    row("freshness-max-age-max", FRESH, cc("max-age=2147483648")),
    row("freshness-max-age-max-minus-1", FRESH, cc("max-age=2147483647")),
    row("freshness-max-age-max-plus", FRESH, cc("max-age=2147483649")),
    row("freshness-max-age-max-plus-1", FRESH, cc("max-age=99999999999999999999999")),
    row("freshness-max-age-age", ASKED, ("Date", 0), cc("max-age=10"), ("Age", "15")),
    row("freshness-max-age-date", ASKED, ("Date", -7200), cc("max-age=3600")),
    row("date-in-the-future", FRESH, ("Date", 7200), cc("max-age=3600"), why="apparent_age is 0 at least (4.2.3)"),
    row("freshness-max-age-expires", FRESH, cc("max-age=3600"), ("Expires", -10_000), ("Date", 0)),
    row("freshness-max-age-expires-invalid", FRESH, cc("max-age=3600"), ("Expires", "0"), ("Date", 0)),
    row("freshness-max-age-0-expires", ASKED, cc("max-age=0"), ("Expires", 10_000), ("Date", 0)),
    row("freshness-max-age-extension", FRESH, cc("foobar, max-age=3600")),
    row("freshness-max-age-case-insenstive", FRESH, cc("MaX-aGe=3600")),
    row("freshness-max-age-leading-zero", FRESH, cc("max-age=003600")),
    row("freshness-max-age-negative", ASKED, cc("max-age=-3600")),
    row("freshness-max-age-quoted", FRESH, cc('max-age="3600"')),
    row("freshness-max-age-single-quoted", ASKED, cc("max-age='3600'")),
    row("freshness-max-age-decimal-zero", ASKED, cc("max-age=3600.0"), why=LENIENT),
    row("freshness-max-age-decimal-five", ASKED, cc("max-age=3600.5"), why=LENIENT),
    row("freshness-max-age-a100", ASKED, cc("max-age=a3600"), why=LENIENT),
    row("freshness-max-age-100a", ASKED, cc("max-age=3600a"), why=LENIENT),
    row("freshness-max-age-space-before-equals", ASKED, cc("max-age =3600")),
    row("freshness-max-age-space-after-equals", ASKED, cc("max-age= 3600")),
    row("freshness-max-age-empty", ASKED, cc("max-age="), why=LENIENT),
    row("freshness-max-age-ignore-quoted", ASKED, cc('extension="max-age=3600", max-age=1'), OLD),
    row("freshness-max-age-ignore-quoted-rev", ASKED, cc('max-age=1, extension="max-age=3600"'), OLD),
    row("freshness-max-age-ignore-quoted-all", ASKED, cc('extension="max-age=3600", max-age="1"'), OLD),
    row("freshness-max-age-ignore-quoted-all-rev", ASKED, cc('max-age="1", extension="max-age=3600"'), OLD),
    row("freshness-max-age-two-fresh-stale-sameline", ASKED, cc("max-age=1800, max-age=1"), OLD,
        why="the suite only reports this: the smaller one counts"),
    row("freshness-max-age-two-fresh-stale-sepline", ASKED, cc("max-age=1800"), cc("max-age=1"), OLD, why="likewise"),
    row("freshness-max-age-two-stale-fresh-sameline", ASKED, cc("max-age=1, max-age=1800"), OLD, why="likewise"),
    row("freshness-max-age-two-stale-fresh-sepline", ASKED, cc("max-age=1"), cc("max-age=1800"), OLD, why="likewise"),
    row("freshness-s-maxage-shared", FRESH, cc("s-maxage=3600")),
    row("freshness-max-age-s-maxage-shared-longer", ASKED, cc("max-age=3600, s-maxage=1"), OLD),
    row("freshness-max-age-s-maxage-shared-longer-reversed", ASKED, cc("s-maxage=1, max-age=3600"), OLD),
    row("freshness-max-age-s-maxage-shared-longer-multiple", ASKED, cc("max-age=3600"), cc("s-maxage=1"), OLD),
    row("freshness-max-age-s-maxage-shared-shorter", FRESH, cc("max-age=1, s-maxage=3600"), OLD),
    row("freshness-max-age-s-maxage-shared-shorter-expires", FRESH, cc("max-age=1, s-maxage=3600"), OLD, ("Expires", -10)),
]

STRICT_DATE = "the suite only reports this: what is no HTTP-date is in the past (RFC 9111, 5.3)"

EXPIRES = [
    row("freshness-expires-none", FRESH, why="the suite allows any heuristic; ours is IMAGE_PROXY_CACHE_TTL"),
    row("freshness-expires-wrong-case-weekday", FRESH, ("Expires", lambda: date(3600)[:3].upper() + date(3600)[3:])),
    row("freshness-expires-wrong-case-month", FRESH, ("Expires", lambda: date(3600)[:8] + date(3600)[8:11].upper() + date(3600)[11:])),
    row("freshness-expires-wrong-case-tz", FRESH, ("Expires", lambda: date(3600).replace("GMT", "gMT"))),
    row("freshness-expires-invalid-date", FRESH, ("Expires", 3600), ("Date", "foo")),
    row("freshness-expires-age-slow-date", ASKED, ("Date", -10), ("Expires", 10), ("Age", "25")),
    row("freshness-expires-age-fast-date", ASKED, ("Date", 10), ("Expires", 20), ("Age", "15")),
    row("freshness-expires-future", FRESH, ("Expires", 3600), ("Date", 0)),
    row("freshness-expires-past", ASKED, ("Expires", -3600), ("Date", 0)),
    row("freshness-expires-present", ASKED, ("Expires", 0), ("Date", 0)),
    row("freshness-expires-no-date", FRESH, ("Expires", 3600)),
    row("freshness-expires-old-date", ASKED, ("Expires", -3600), ("Date", -10_000)),
    row("freshness-expires-age", ASKED, ("Expires", 30), ("Date", 0), ("Age", "40")),
    row("freshness-expires-far-future", FRESH, ("Expires", "Sun, 21 Nov 2286 04:46:39 GMT"), ("Date", 0)),
    row("freshness-expires-rfc850", FRESH, ("Expires", lambda: rfc850(3600)), ("Date", 0)),
    row("freshness-expires-ansi-c", FRESH, ("Expires", lambda: asctime(3600)), ("Date", 0)),
    row("freshness-expires-invalid", ASKED, ("Expires", "0"), ("Date", 0)),
    row("freshness-expires-invalid-multiple-lines", ASKED, ("Expires", 3600), ("Expires", "0"), ("Date", 0),
        why="the suite only reports this: two dates are none"),
    row("freshness-expires-invalid-utc", ASKED, ("Expires", "Thu, 18 Aug 2050 02:01:18 UTC"), why=STRICT_DATE),
    row("freshness-expires-invalid-aest", ASKED, ("Expires", "Thu, 18 Aug 2050 02:01:18 AEST"), why=STRICT_DATE),
    row("freshness-expires-invalid-2-digit-year", ASKED, ("Expires", "Thu, 18 Aug 50 02:01:18 GMT"), why=STRICT_DATE),
    row("freshness-expires-invalid-multiple-spaces", ASKED, ("Expires", "Thu, 18  Aug  2050 02:01:18 GMT"), why=STRICT_DATE),
    row("freshness-expires-invalid-date-dashes", ASKED, ("Expires", "Thu, 18-Aug-2050 02:01:18 GMT"), why=STRICT_DATE),
    row("freshness-expires-invalid-1-digit-hour", ASKED, ("Expires", "Thu, 18 Aug 2050 2:01:18 GMT"), why=STRICT_DATE),
    row("freshness-expires-invalid-no-comma", ASKED, ("Expires", "Thu 18 Aug 2050 02:01:18 GMT"), why=STRICT_DATE),
    row("freshness-expires-invalid-time-periods", ASKED, ("Expires", "Thu, 18 Aug 2050 02.01.18 GMT"), why=STRICT_DATE),
]

FIRST_AGE = "the suite only reports this: of a list the first member counts (RFC 9111, 5.1)"
NO_AGE = "the suite only reports this: what is no number of seconds is ignored (RFC 9111, 5.1)"


def aged(id, outcome, *ages, why=""):
    return row(id, outcome, ("Date", 0), cc("max-age=3600"), *(("Age", age) for age in ages), why=why)


AGE = [
    aged("age-parse-nonnumeric", FRESH, "abc", why=NO_AGE),
    aged("age-parse-negative", FRESH, "-7200", why=NO_AGE),
    aged("age-parse-float", FRESH, "7200.0", why=NO_AGE),
    aged("age-parse-large", ASKED, "2147483649"),
    aged("age-parse-larger", ASKED, "99999999999999999999999"),
    aged("age-parse-suffix", ASKED, "7200,0", why=FIRST_AGE),
    aged("age-parse-suffix-twoline", ASKED, "7200", "0", why=FIRST_AGE),
    aged("age-parse-prefix", FRESH, "0,7200", why=FIRST_AGE),
    aged("age-parse-prefix-twoline", FRESH, "0", "7200", why=FIRST_AGE),
    aged("age-parse-dup-0", FRESH, "0, 0"),
    aged("age-parse-dup-0-twoline", FRESH, "0", "0"),
    aged("age-parse-dup-old", ASKED, "7200, 7200"),
    aged("age-parse-dup-old-twoline", ASKED, "7200", "7200"),
    aged("age-parse-parameter", FRESH, "7200;foo=bar", why=NO_AGE),
]

ETAG = ("ETag", TAG)
WHOLE = "the suite omits the named fields; no field of the origin's is kept here, so the whole answer is meant"
NOT_READ = "the suite only reports this: fields for other caches than us are not read"

STORING = [
    row("cc-resp-no-store", ASKED, cc("no-store")),
    row("cc-resp-no-store-case-insensitive", ASKED, cc("No-StOrE")),
    row("cc-resp-no-store-fresh", ASKED, cc("max-age=10000, no-store"), ("Expires", 10_000), ("Date", 0)),
    row("cc-resp-no-store-validators", ASKED, cc("no-store"), ETAG),
    row("cc-resp-no-store-behind-an-open-quote", ASKED, cc('max-age=100, foo="bar, no-store'),
        why="of two readings the one that caches less counts"),
    row("cc-resp-private-shared", ASKED, cc("private, max-age=3600")),
    row("cc-resp-private-named", ASKED, cc('private="set-cookie", max-age=3600'), why=WHOLE),
    row("cc-resp-no-cache", ASKED, cc("max-age=10000, no-cache"), ("Expires", 10_000), ("Date", 0)),
    row("cc-resp-no-cache-case-insensitive", ASKED, cc("max-age=10000, No-CaChE")),
    row("cc-resp-no-cache-revalidate", VALIDATED, cc("no-cache"), ETAG),
    row("cc-resp-no-cache-revalidate-fresh", VALIDATED, cc("max-age=10000, no-cache"), ("Expires", 10_000), ETAG),
    row("headers-omit-headers-listed-in-Cache-Control-no-cache-single", VALIDATED, cc('no-cache="a"'), cc("max-age=3600"),
        ETAG, why=WHOLE),
    row("cc-resp-must-revalidate-fresh", FRESH, cc("max-age=10000, must-revalidate"), ETAG),
    row("cc-resp-must-revalidate-stale", VALIDATED, cc("max-age=2, must-revalidate"), OLD, ETAG),
    row("cc-resp-proxy-revalidate-stale", VALIDATED, cc("max-age=2, proxy-revalidate"), OLD, ETAG),
    row("cc-resp-immutable-fresh", FRESH, cc("max-age=10000, immutable"), ETAG),
    row("cc-resp-immutable-stale", VALIDATED, cc("max-age=2, immutable"), OLD, ETAG),
    row("cc-resp-public", FRESH, cc("public, max-age=3600")),
    row("pragma-response-no-cache", FRESH, ("Pragma", "no-cache"),
        why="the suite only reports this: Pragma has no meaning in a response (RFC 9111, 5.4)"),
    row("cdn-max-age-0", FRESH, cc("max-age=3600"), ("CDN-Cache-Control", "max-age=0"), why=NOT_READ),
    row("surrogate-max-age-0", FRESH, cc("max-age=3600"), ("Surrogate-Control", "max-age=0"), why=NOT_READ),
    row("pragma-response-no-cache-heuristic", FRESH, ("Last-Modified", -10_000), ("Pragma", "no-cache"), why="likewise"),
    row("pragma-response-extension", FRESH, cc("max-age=3600"), ("Pragma", "unrecognised-extension")),
    row("heuristic-200-cached", FRESH, ("Last-Modified", -86_400), ("Date", 0)),
    row("heuristic-delta-5", FRESH, ("Last-Modified", -5), ("Date", 0),
        why="the suite only reports this: IMAGE_PROXY_CACHE_TTL is for all images alike, however old"),
    row("other-heuristic-content-disposition-attachment", FRESH, ("Last-Modified", -100_000), ("Date", 0),
        ("Content-Disposition", "attachment; filename=example.txt")),
    row("headers-omit-headers-listed-in-Connection", FRESH, cc("max-age=3600"), ("Connection", "X-Frame-Options, Test-Header"),
        ("X-Frame-Options", "deny"), ("Test-Header", "1")),
    row("headers-store", FRESH, cc("max-age=3600"), ("Test-Header", "1"), ("X-Frame-Options", "deny"), ("X-XSS-Protection", "1"),
        ("Clear-Site-Data", '"cookies"'), ("Strict-Transport-Security", "max-age=9"), ("WWW-Authenticate", "Basic"),
        why="the suite only reports this: a field that is the origin's own is no business of a client of ours"),
    row("other-set-cookie", FRESH, cc("max-age=3600"), ("Set-Cookie", "a=b")),
    row("other-fresh-content-disposition-attachment", FRESH, cc("max-age=3600"), ("Content-Disposition", "attachment")),
    row("other-date-update", FRESH, cc("max-age=3600"), ("Date", -10)),
    row("conditional-etag-strong-generate", VALIDATED, cc("max-age=1"), OLD, ETAG),
    row("conditional-etag-weak-generate-weak", VALIDATED, cc("max-age=1"), OLD, ("ETag", 'W/"abcdef"')),
    row("conditional-etag-strong-generate-unquoted", ASKED, cc("max-age=1"), OLD, ("ETag", "abcdef"),
        why="the suite only reports this: what is no entity tag is none"),
    row("conditional-lm-stale", VALIDATED, cc("max-age=1"), OLD, ("Last-Modified", "Tue, 01 Jan 2019 00:00:00 GMT")),
    row("conditional-without-validators", ASKED, cc("max-age=1"), OLD,
        why="the tag that we make of the bytes means nothing to the origin"),
]

ALIKE = "our requests to origins are all alike in it, so all variants are one"
NO_VARIANTS = "the suite lets a cache keep variants by the client's fields; none of these reaches the origin here"

VARY = [
    row("vary-syntax-star", ASKED, cc("max-age=3600"), ("Vary", "*")),
    row("vary-syntax-star-star", ASKED, cc("max-age=3600"), ("Vary", "*, *")),
    row("vary-syntax-star-star-lines", ASKED, cc("max-age=3600"), ("Vary", "*"), ("Vary", "*")),
    row("vary-syntax-empty-star", ASKED, cc("max-age=3600"), ("Vary", ", *")),
    row("vary-syntax-empty-star-lines", ASKED, cc("max-age=3600"), ("Vary", ""), ("Vary", "*")),
    row("vary-syntax-star-foo", ASKED, cc("max-age=3600"), ("Vary", "*, Accept")),
    row("vary-syntax-foo-star", ASKED, cc("max-age=3600"), ("Vary", "Accept, *")),
    row("vary-match", ASKED, cc("max-age=3600"), ("Vary", "Foo"), why=NO_VARIANTS),
    row("vary-2-match", ASKED, cc("max-age=3600"), ("Vary", "Foo, Bar"), why=NO_VARIANTS),
    row("vary-3-match", ASKED, cc("max-age=3600"), ("Vary", "Foo"), ("Vary", "Bar, Baz"), why=NO_VARIANTS),
    row("vary-normalise-lang-order", ASKED, cc("max-age=3600"), ("Vary", "Accept-Language"), why=NO_VARIANTS),
    row("conditional-etag-vary-headers", ASKED, ("Expires", 1), ("Date", 0), ETAG, ("Vary", "Abc"), why=NO_VARIANTS),
    row("vary-cookie", ASKED, cc("max-age=3600"), ("Vary", "Accept-Encoding, Cookie"), why=NO_VARIANTS),
    row("vary-origin", ASKED, cc("max-age=3600"), ("Vary", "Origin"), why=NO_VARIANTS),
    row("vary-accept", FRESH, cc("max-age=3600"), ("Vary", "Accept"), why=ALIKE),
    row("vary-accept-encoding", FRESH, cc("max-age=3600"), ("Vary", "aCCept-enCoding, ACCEPT"), why=ALIKE),
    row("vary-empty", FRESH, cc("max-age=3600"), ("Vary", "")),
]


@pytest.mark.parametrize("row", ROWS := [*FRESHNESS, *EXPIRES, *AGE, *STORING, *VARY], ids=ids(ROWS))
def test_what_the_origin_says_decides(strict, origin, row):
    url = origin.serve(lambda exchange: behaviours.image(BODY, "image/png", *dated(row.fields))(exchange))
    first = strict.client.get(url) if row.outcome == ASKED else fetched(strict, url)
    answers = [first, strict.client.get(url)]
    assert [answer.status for answer in answers] == [200, 200]
    assert [answer.body == BODY for answer in answers] == [True, True]
    asked = origin.requests_for(url)
    conditions = [request.value("If-None-Match") or request.value("If-Modified-Since") for request in asked]
    outcome = FRESH if len(asked) == 1 else VALIDATED if conditions[1] else ASKED
    assert (conditions[0], outcome) == (None, row.outcome), (answers[1].cache_status, row.why)
    assert answers[1].is_hit == (row.outcome == FRESH)


@pytest.mark.parametrize("row", [row for row in ROWS if row.outcome == FRESH], ids=lambda row: row.id)
def test_nothing_of_the_origin_s_head_comes_back(strict, origin, row):
    url = origin.serve(lambda exchange: behaviours.image(BODY, "image/png", *dated(row.fields))(exchange))
    for answer in (fetched(strict, url), strict.client.get(url)):
        for name in ("Set-Cookie", "Expires", "Pragma", "CDN-Cache-Control", "Surrogate-Control", "Content-Disposition", "Test-Header",
                     "X-Frame-Options", "X-XSS-Protection", "Clear-Site-Data", "Strict-Transport-Security", "WWW-Authenticate"):
            assert answer.values(name) == []


@pytest.mark.parametrize("interim", ["102 Processing", "103 Early Hints"], ids=["interim-102", "interim-103"])
def test_interim_responses_are_nothing_to_anybody(strict, origin, interim):
    """The suite calls it optimal to pass them on, which FastCGI cannot; what stands in them is not of the image."""
    def script(exchange):
        exchange.head(interim, ("Cache-Control", "no-store"), ("ETag", '"interim"'), ("Link", "</style.css>; rel=preload"))
        behaviours.image(BODY, "image/png", cc("max-age=3600"), ETAG)(exchange)
    url = origin.serve(script)
    for answer in (fetched(strict, url), strict.client.get(url)):
        assert (answer.status, answer.body == BODY, answer.header("ETag"), answer.values("Link")) == (200, True, TAG, [])
    assert answer.is_hit and len(origin.requests_for(url)) == 1


def test_a_query_is_part_of_the_url(strict, origin):
    """`query-args-different`, `query-args-same`"""
    url = origin.serve(behaviours.image(BODY, "image/png", cc("max-age=3600")))
    assert [fetched(strict, url + query).is_hit for query in ("?a=1", "?a=2", "", "?a=1")] == [False, False, False, True]


def test_other_methods_change_nothing(strict, origin):
    """`invalidate-POST` and its kin, `method-POST`: the suite has what is stored forgotten when its origin accepted the method."""
    url = origin.serve(behaviours.image(BODY, "image/png", cc("max-age=3600")))
    fetched(strict, url)
    for method in ("POST", "PUT", "DELETE", "M-SEARCH"):
        assert strict.client.request(method, proxied(url), body=b"abc").status in (400, 405)
    assert strict.client.get(url).is_hit
    assert [request.method for request in origin.requests_for(url)] == ["GET"]


@pytest.mark.parametrize("directives", ["", ", public", ", must-revalidate", ", s-maxage=3600"], ids=[
    "other-authorization", "other-authorization-public", "other-authorization-must-revalidate", "other-authorization-smaxage"])
def test_who_asks_is_nothing_to_the_origin(strict, origin, directives):
    """The suite forbids the first of these. Here no credentials reach the origin, so its answer is nobody's own."""
    url = origin.serve(behaviours.image(BODY, "image/png", cc("max-age=3600" + directives)))
    fetched(strict, url, headers={"Authorization": "Basic FOO", "Cookie": "a=b"})
    assert strict.client.get(url).is_hit and strict.client.get(url, headers={"Cookie": "other-cookie"}).is_hit
    assert [request.values("Authorization") + request.values("Cookie") for request in origin.requests_for(url)] == [[]]


@pytest.mark.parametrize("directives, is_passed_on", [
    ("max-age=3600, must-revalidate", True), ("max-age=3600, proxy-revalidate", True), ("no-cache", True), ("max-age=3600", False),
])
def test_what_is_said_to_every_cache_is_passed_on(front, origin, directives, is_passed_on):
    """RFC 9111, 5.2. Of `no-cache` nothing is left but that."""
    url = origin.serve(behaviours.validated(BODY, cc(directives), etag=TAG))
    for answer in (fetched(front, url), front.client.get(url), front.client.get(url, headers={"If-None-Match": TAG})):
        assert ("must-revalidate" in answer.header("Cache-Control")) == is_passed_on
        assert ("stale-while-revalidate" in answer.header("Cache-Control")) != is_passed_on
        assert (max_age(answer) == 0) == (directives == "no-cache")


# MARK: the operator's bounds

@pytest.mark.parametrize("settings_changed, fields, least, most", [
    ({"MIN_TTL": "1h"}, [cc("max-age=1")], 3590, 3600),
    ({"MIN_TTL": "1h"}, [cc("max-age=0")], 3590, 3600),
    ({"MIN_TTL": "1h"}, [cc("max-age=7200")], 7190, 7200),
    ({"MAX_TTL": "10m"}, [cc("max-age=7200")], 590, 600),
    ({"MAX_TTL": "10m"}, [], 590, 600),
    ({"CACHE_TTL": "2h"}, [], 7190, 7200),
    ({"CACHE_TTL": "2h"}, [cc("max-age=600")], 590, 600),
    ({"IGNORE_ORIGIN_CACHE_CONTROL": "on", "CACHE_TTL": "2h"}, [cc("no-store, private, max-age=1")], 7190, 7200),
    ({"IGNORE_ORIGIN_CACHE_CONTROL": "on", "CACHE_TTL": "2h"}, [("Vary", "*"), ("Age", "9999")], 7190, 7200),
], ids=lambda value: "+".join(value) if isinstance(value, dict) else None)
def test_the_operator_has_the_last_word(start, origin, settings_changed, fields, least, most):
    server = start(**settings_changed)
    url = origin.serve(behaviours.image(BODY, "image/png", *fields))
    for answer in (fetched(server, url), server.client.get(url)):
        assert least <= max_age(answer) <= most
    assert answer.is_hit and len(origin.requests_for(url)) == 1


@pytest.mark.parametrize("directive", ["no-store", "private", "no-cache"])
def test_min_ttl_brings_nothing_into_the_cache_that_does_not_belong_there(start, origin, directive):
    server = start(MIN_TTL="1h")
    url = origin.serve(behaviours.image(BODY, "image/png", cc(directive)))
    assert not any(server.client.get(url).is_hit for _ in range(2))


def max_age(answer):
    return int(answer.header("Cache-Control").partition("max-age=")[2].partition(",")[0])


# MARK: statuses of origins

@dataclass(frozen=True)
class StatusRow:
    id: str
    line: str
    status: int
    asked: int
    why: str = ""


STATUSES = [
    StatusRow("status-200-fresh", "200 OK", 200, 1),
    StatusRow("status-203-fresh", "203 Non-Authoritative Information", 200, 1),
    StatusRow("status-404-fresh", "404 Not Found", 404, 1),
    StatusRow("status-410-fresh", "410 Gone", 410, 1),
    StatusRow("status-204-fresh", "204 No Content", 502, 2, "there is no image in it"),
    StatusRow("status-206", "206 Partial Content", 502, 2, "we ask for no part, so a part is an error"),
    StatusRow("status-299-fresh", "299 Whatever", 502, 2, "an unknown status is no image"),
    StatusRow("status-400-fresh", "400 Bad Request", 502, 2, "no answer for clients, whose request it was not"),
    StatusRow("status-403-fresh", "403 Forbidden", 502, 2, "likewise"),
    StatusRow("status-451-fresh", "451 Unavailable For Legal Reasons", 502, 2, "likewise"),
    StatusRow("status-500-fresh", "500 Internal Server Error", 502, 2, "a 5xx is never kept as an answer"),
    StatusRow("status-502-fresh", "502 Bad Gateway", 502, 2, "likewise"),
    StatusRow("status-503-fresh", "503 Service Unavailable", 502, 2, "likewise"),
    StatusRow("status-504-fresh", "504 Gateway Timeout", 502, 2, "likewise"),
    StatusRow("status-599-fresh", "599 Whatever", 502, 2, "likewise"),
    StatusRow("status-304-unasked", "304 Not Modified", 502, 2, "an answer to a question that was not put"),
]


@pytest.mark.parametrize("row", STATUSES, ids=ids(STATUSES))
def test_statuses(strict, origin, row):
    body = b"" if row.line[:3] in ("204", "304") else BODY
    url = origin.serve(behaviours.status(row.line, body, ("Content-Type", "image/png"), cc("max-age=3600")))
    answers = [strict.client.get(url) for _ in range(2)]
    assert [answer.status for answer in answers] == [row.status] * 2
    assert len(origin.requests_for(url)) == row.asked, row.why
    if row.status != 200:
        assert answers[1].header("Cache-Control") == "no-store" and answers[1].is_hit == (row.asked == 1)


def test_redirects_are_followed_anew_when_the_image_is_stale(strict, origin):
    """`redirect-fresh-301`: the suite keeps a redirect itself; here what it leads to is kept, under the URL asked for."""
    target = origin.serve(behaviours.image(BODY, "image/png", cc("max-age=3600")))
    url = origin.serve(behaviours.redirect(target, "301 Moved Permanently"))
    assert fetched(strict, url).body == strict.client.get(url).body == BODY
    assert (len(origin.requests_for(url)), len(origin.requests_for(target))) == (1, 1)


# MARK: conditions of clients

@dataclass(frozen=True)
class ConditionRow:
    id: str
    etag: str
    last_modified: str
    request: dict
    status: int
    why: str = ""


LM = "Tue, 01 Jan 2019 00:00:00 GMT"
LATER = "Wed, 02 Jan 2019 00:00:00 GMT"
EARLIER = "Mon, 31 Dec 2018 23:59:59 GMT"


def inm(id, etag, value, status, why=""):
    return ConditionRow(id, etag, None, {"If-None-Match": value}, status, why)


def ims(id, last_modified, value, status, why=""):
    return ConditionRow(id, None, last_modified, {"If-Modified-Since": value}, status, why)


CONDITIONS = [
    inm("conditional-etag-strong-respond", TAG, TAG, 304),
    inm("conditional-etag-strong-differs", TAG, '"other"', 200),
    inm("conditional-etag-weak-respond", 'W/"abcdef"', 'W/"abcdef"', 304),
    inm("conditional-etag-weak-comparison", TAG, 'W/"abcdef"', 304),
    inm("conditional-etag-weak-comparison-reversed", 'W/"abcdef"', TAG, 304),
    inm("conditional-etag-strong-respond-multiple-first", TAG, '"abcdef", "1234", "5678"', 304),
    inm("conditional-etag-strong-respond-multiple-second", TAG, '"1234", "abcdef", "5678"', 304),
    inm("conditional-etag-strong-respond-multiple-last", TAG, '"1234", "5678", W/"abcdef"', 304),
    inm("conditional-etag-multiple-none", TAG, '"1234", "5678"', 200),
    inm("conditional-etag-comma-in-a-tag", '"a,b"', '"x", "a,b"', 304),
    inm("conditional-etag-star", TAG, "*", 304),
    inm("conditional-etag-star-without-a-tag", None, "*", 304),
    inm("conditional-etag-quoted-respond-unquoted", TAG, "abcdef", 200, "the suite only reports this: no entity tag"),
    inm("conditional-etag-unquoted-respond-unquoted", "abcdef", "abcdef", 200, "likewise"),
    inm("conditional-etag-unquoted-respond-quoted", "abcdef", TAG, 200, "likewise"),
    inm("conditional-etag-weak-respond-lowercase", 'w/"abcdef"', 'w/"abcdef"', 200, "likewise: W is case-sensitive"),
    inm("conditional-etag-weak-respond-backslash", 'W\\"abcdef"', 'W\\"abcdef"', 200, "likewise"),
    inm("conditional-etag-weak-respond-omit-slash", 'W"abcdef"', 'W"abcdef"', 200, "likewise"),
    inm("conditional-etag-strong-respond-obs-text", '"abcdef\xfc"', '"abcdef\xfc"', 200,
        "the suite only reports this: bytes that are not ASCII go neither to clients nor into Redis"),
    ConditionRow("conditional-etag-precedence", TAG, LM, {"If-None-Match": TAG, "If-Modified-Since": EARLIER}, 304),
    ConditionRow("conditional-etag-precedence-reversed", TAG, LM, {"If-None-Match": '"x"', "If-Modified-Since": LATER}, 200),
    ims("conditional-lm-fresh", LM, LM, 304),
    ims("conditional-lm-fresh-earlier", LM, LATER, 304),
    ims("conditional-lm-changed", LM, EARLIER, 200),
    ims("conditional-lm-fresh-rfc850", LM, "Tuesday, 01-Jan-19 00:00:00 GMT", 304),
    ims("conditional-lm-fresh-asctime", LM, "Tue Jan  1 00:00:00 2019", 304),
    ims("conditional-lm-invalid", LM, "yesterday", 200),
    ims("conditional-lm-fresh-no-lm", None, LATER, 200,
        "the suite calls 304 optimal here; a Date is no promise that the image has not changed"),
]


@pytest.mark.parametrize("is_hit", [True, False], ids=["hit", "miss"])
@pytest.mark.parametrize("row", CONDITIONS, ids=ids(CONDITIONS))
def test_conditions_of_clients(strict, origin, row, is_hit):
    url = origin.serve(behaviours.validated(BODY, cc("max-age=3600"), etag=row.etag, last_modified=row.last_modified))
    if is_hit:
        fetched(strict, url)
    answer = strict.client.get(url, headers=row.request)
    assert answer.status == row.status, row.why
    assert answer.is_hit == is_hit and answer.body == (BODY if row.status == 200 else b"")
    strict.stored(url)
    # `conditional-etag-forward`, `conditional-etag-forward-unquoted`: nothing of the client's goes upstream, and a miss brings the whole image into the cache.
    sent = origin.requests_for(url)
    assert [request.values("If-None-Match") + request.values("If-Modified-Since") for request in sent] == [[]]
    assert strict.client.get(url).is_hit and len(origin.requests_for(url)) == 1


def test_a_304_has_what_a_200_would_have(front, origin):
    """`conditional-304-etag`, and RFC 9110, 15.4.5"""
    url = origin.serve(behaviours.validated(BODY, cc("max-age=3600"), etag=TAG, last_modified=LM))
    fetched(front, url)
    whole, answer = front.client.get(url), front.client.get(url, headers={"If-None-Match": TAG})
    assert (answer.status, answer.body, answer.header("Content-Length") or "0") == (304, b"", "0")
    for name in ("ETag", "Last-Modified"):
        assert answer.header(name) == whole.header(name) != None
    assert max_age(answer) > 3500 and int(answer.header("Age")) >= 0 and answer.is_hit
    assert answer.values("Content-Range") == []


def test_an_image_without_validators_gets_a_tag_of_its_bytes(front, origin):
    urls = [origin.serve(behaviours.image(body)) for body in (BODY, BODY, png_of_size(10_000, seed=5))]
    for url in urls:
        fetched(front, url)
    tags = [front.client.get(url).header("ETag") for url in urls]
    assert tags[0] == tags[1] != tags[2] and all(tag.startswith('"') for tag in tags)
    answer = front.client.get(urls[0], headers={"If-None-Match": tags[0]})
    assert (answer.status, answer.header("ETag")) == (304, tags[0])


# MARK: ranges

SIZE = len(BODY)
# (id, Range, If-Range, the bytes that come: None is all of them with 200, an empty range is 416)
RANGES = [
    ("partial-store-complete-reuse-partial", "bytes=0-1", None, range(0, 2)),
    ("first-byte", "bytes=0-0", None, range(0, 1)),
    ("partial-store-complete-reuse-partial-no-last", "bytes=1-", None, range(1, SIZE)),
    ("all-of-it", "bytes=0-", None, range(0, SIZE)),
    ("partial-store-complete-reuse-partial-suffix", "bytes=-1", None, range(SIZE - 1, SIZE)),
    ("last-byte", f"bytes={SIZE - 1}-", None, range(SIZE - 1, SIZE)),
    ("last-byte-named", f"bytes={SIZE - 1}-{SIZE - 1}", None, range(SIZE - 1, SIZE)),
    ("middle", "bytes=4000-5999", None, range(4000, 6000)),
    ("over-the-end", "bytes=9990-20000", None, range(9990, SIZE)),
    ("over-the-end-by-far", "bytes=0-99999999999999999999999999", None, range(0, SIZE)),
    ("suffix-of-all", f"bytes=-{SIZE}", None, range(0, SIZE)),
    ("suffix-of-more", f"bytes=-{SIZE + 1}", None, range(0, SIZE)),
    ("behind-the-end", f"bytes={SIZE}-", None, range(0)),
    ("far-behind-the-end", "bytes=99999999999999999999999999-", None, range(0)),
    ("suffix-of-nothing", "bytes=-0", None, range(0)),
    ("backwards", "bytes=5-4", None, None),
    ("several", "bytes=0-1,4-5", None, None),
    ("overlapping", "bytes=0-,0-,0-,0-", None, None),
    ("other-unit", "pixels=0-1", None, None),
    ("unit-in-capitals", "BYTES=0-1", None, range(0, 2)),
    ("no-numbers", "bytes=-", None, None),
    ("malformed", "bytes=a-b", None, None),
    ("signed", "bytes=+1-2", None, None),
    ("if-range-strong", "bytes=0-1", TAG, range(0, 2)),
    ("if-range-weak", "bytes=0-1", 'W/"abcdef"', None),
    ("if-range-other", "bytes=0-1", '"other"', None),
    ("if-range-date", "bytes=0-1", LM, range(0, 2)),
    ("if-range-later-date", "bytes=0-1", LATER, None),
    ("if-range-other-behind-the-end", f"bytes={SIZE}-", '"other"', None),
]


@pytest.mark.parametrize("is_hit", [True, False], ids=["hit", "miss"])
@pytest.mark.parametrize("field, if_range, part", [row[1:] for row in RANGES], ids=[row[0] for row in RANGES])
def test_ranges(strict, origin, field, if_range, part, is_hit):
    """Several ranges get the whole image, which RFC 9110, 14.2 allows: they invite amplification, and no browser asks."""
    url = origin.serve(behaviours.validated(BODY, cc("max-age=3600"), etag=TAG, last_modified=LM))
    if is_hit:
        fetched(strict, url)
    headers = {"Range": field} if if_range is None else {"Range": field, "If-Range": if_range}
    answer = strict.client.get(url, headers=headers)
    assert_part(answer, part)
    assert answer.is_hit == is_hit
    assert [request.values("Range") for request in origin.requests_for(url)] == [[]]
    strict.stored(url)
    # A miss fills the cache whole while the part is served.
    whole = strict.client.get(url)
    assert whole.is_hit and whole.body == BODY and len(origin.requests_for(url)) == 1


def assert_part(answer, part):
    if part is None:
        assert (answer.status, answer.body == BODY, answer.values("Content-Range")) == (200, True, [])
        assert answer.header("Accept-Ranges") == "bytes"
    elif len(part) == 0:
        assert (answer.status, answer.header("Content-Range")) == (416, f"bytes */{SIZE}")
        assert BODY not in answer.body
    else:
        assert (answer.status, answer.body) == (206, BODY[part.start:part.stop])
        assert answer.header("Content-Range") == f"bytes {part.start}-{part.stop - 1}/{SIZE}"
        assert answer.header("Content-Length") == str(len(part)) and answer.header("ETag") == TAG


@pytest.mark.parametrize("is_hit", [True, False], ids=["hit", "miss"])
def test_a_part_behind_every_web_server(front, origin, is_hit):
    url = origin.serve(behaviours.validated(BODY, cc("max-age=3600"), etag=TAG))
    if is_hit:
        fetched(front, url)
    assert_part(front.client.get(url, headers={"Range": "bytes=10-99"}), range(10, 100))
    front.stored(url)
    assert_part(front.client.get(url, headers={"Range": f"bytes={SIZE}-"}), range(0))
    assert len(origin.requests_for(url)) == 1


@pytest.mark.parametrize("start_of_part, end", [(0, 1), (3 * MIB - 1, 3 * MIB + 2), (4 * MIB, 5 * MIB), (MIB - 7, 5 * MIB - 1)])
def test_a_part_of_a_record_that_is_streamed(strict, origin, start_of_part, end):
    """A hit that is read from Redis in pieces: base64 has no boundary where bytes have one."""
    body = png_of_size(5 * MIB)
    url = origin.serve(behaviours.image(body))
    fetched(strict, url)
    answer = strict.client.get(url, headers={"Range": f"bytes={start_of_part}-{end - 1}"})
    assert (answer.status, answer.is_hit, answer.body == body[start_of_part:end]) == (206, True, True)


@pytest.mark.parametrize("in_chunks, size, ranged", [(True, 20_000, True), (True, MIB, False), (False, 6 * MIB, False)],
                         ids=["short-without-length", "long-without-length", "too-large"])
def test_a_part_of_a_miss_that_may_not_be_kept_whole(strict, origin, in_chunks, size, ranged):
    """What would have to be read in vain is not: the whole image comes, as RFC 9110, 14.2 allows."""
    body = png_of_size(size)
    url = origin.serve(behaviours.chunked(body) if in_chunks else behaviours.image(body))
    answer = strict.client.get(url, headers={"Range": "bytes=10-99"})
    assert (answer.status, answer.body) == ((206, body[10:100]) if ranged else (200, body))


# MARK: HEAD

def test_head_is_answered_from_the_cache(front, origin):
    url = origin.serve(behaviours.validated(BODY, cc("max-age=3600"), etag=TAG))
    fetched(front, url)
    get, head = front.client.get(url), front.client.head(url)
    assert (head.status, head.body, head.is_hit) == (200, b"", True)
    for name in ("Content-Type", "Content-Length", "ETag", "Accept-Ranges"):
        assert head.header(name) == get.header(name) != None
    assert len(origin.requests_for(url)) == 1


def test_head_has_conditions_and_no_ranges(strict, origin):
    url = origin.serve(behaviours.validated(BODY, cc("max-age=3600"), etag=TAG))
    fetched(strict, url)
    assert strict.client.head(url, headers={"If-None-Match": TAG}).status == 304
    head = strict.client.head(url, headers={"Range": "bytes=0-9"})
    assert (head.status, head.header("Content-Length")) == (200, str(SIZE))


def test_a_head_that_misses_keeps_nothing(strict, origin):
    """`method-HEAD`: a HEAD asks for no bytes, so it has none for the cache."""
    url = origin.serve(behaviours.validated(BODY, cc("max-age=3600"), etag=TAG))
    head = strict.client.head(url)
    assert (head.status, head.header("ETag"), head.header("Content-Length")) == (200, TAG, str(SIZE))
    assert not strict.client.get(url).is_hit


@pytest.mark.parametrize("line", ["404 Not Found", "410 Gone"])
def test_what_a_head_has_heard_of_is_known_to_all(front, origin, line):
    url = origin.serve(behaviours.status(line))
    answers = [front.client.head(url), front.client.get(url), front.client.head(url)]
    assert {answer.status for answer in answers} == {int(line[:3])}
    assert [answer.is_hit for answer in answers] == [False, True, True] and len(origin.requests_for(url)) == 1


@pytest.mark.parametrize("script, is_hit, is_kept", [
    (behaviours.validated(b"", etag=TAG, renewal=[cc("max-age=60")]), True, True),
    (behaviours.validated(OTHER, cc("max-age=60"), etag='"new"'), False, True),
    (behaviours.status("410 Gone", b""), None, False),
], ids=["head-304", "head-200-freshness-update", "head-410-update"])
def test_a_head_for_what_is_stale(strict, origin, script, is_hit, is_kept):
    """`head-writethrough`: the suite only reports what goes upstream. It is a GET with the validators, whose body is not read:
    so a 304 renews the image, and another image stays with its origin until somebody wants its bytes."""
    url = origin.serve(script)
    put(strict.redis, url, record(BODY, left=-10, etag="abcdef"))
    head = strict.client.head(url)
    assert head.body == b"" and [request.value("If-None-Match") for request in origin.requests_for(url)] == [TAG]
    assert strict.redis("EXISTS", f"image-proxy:{url}") == is_kept
    answer = strict.client.get(url)
    assert answer.status == head.status
    if is_hit is not None:
        assert answer.is_hit == is_hit and answer.header("ETag") == head.header("ETag")


# MARK: what a client asks of caches

@pytest.mark.parametrize("field", [
    cc("no-cache"), cc("max-age=0"), cc("max-age=1"), cc("max-age=600"), cc("no-store"), cc("min-fresh=99999"),
    cc("only-if-cached"), ("Pragma", "no-cache"), ("Pragma", "unrecognised-extension"),
], ids=["ccreq-no-cache", "ccreq-ma0", "ccreq-ma1", "ccreq-magreaterage", "ccreq-no-store", "ccreq-min-fresh", "ccreq-oic-hit",
        "pragma-request-no-cache", "pragma-request-extension"])
def test_clients_do_not_command_the_cache(strict, origin, field):
    """The suite has caches obey. Here each reload would become a request to somebody else's server, so the operator decides."""
    url = origin.serve(behaviours.validated(BODY, cc("max-age=3600"), ("Age", "1800"), etag=TAG))
    fetched(strict, url)
    assert strict.client.get(url, headers=dict([field])).is_hit and len(origin.requests_for(url)) == 1


def test_nor_do_they_get_less(strict, origin):
    """`ccreq-oic`, `ccreq-max-stale`: the suite would have 504 for the one, and the stale image for the other."""
    url = origin.serve(behaviours.validated(BODY, cc("max-age=3600"), etag='"new"'))
    assert strict.client.get(url, headers=dict([cc("only-if-cached")])).body == BODY
    put(strict.redis, url, record(OTHER, left=-10, etag="abcdef"))
    assert strict.client.get(url, headers=dict([cc("max-stale=1000")])).body == BODY


@pytest.mark.parametrize("field", [cc("no-cache"), cc("max-age=0"), ("Pragma", "no-cache")],
                         ids=["ccreq-no-cache", "ccreq-ma0", "pragma-request-no-cache"])
@pytest.mark.parametrize("validator", [{"etag": TAG}, {"last_modified": LM}], ids=["ccreq-no-cache-etag", "ccreq-no-cache-lm"])
def test_clients_are_heard_where_the_operator_wants_it(start, origin, field, validator):
    server = start(CLIENT_NO_CACHE="on")
    url = origin.serve(behaviours.validated(BODY, cc("max-age=3600"), **validator))
    fetched(server, url)
    answer = server.client.get(url, headers=dict([field]))
    assert (answer.status, answer.body == BODY, answer.is_hit) == (200, True, False)
    name = "If-None-Match" if "etag" in validator else "If-Modified-Since"
    assert [request.value(name) for request in origin.requests_for(url)] == [None, *validator.values()]
    assert server.client.get(url).is_hit


# MARK: renewal

@pytest.mark.parametrize("field", [cc("max-age=7200"), ("Expires", 7200)], ids=["Cache-Control", "Expires"])
@pytest.mark.parametrize("tags", [{"etag": "abcdef"}, {"weakEtag": "abcdef"}, {"lastModified": 1546300800}],
                         ids=["304-etag-update-stored", "304-weak-etag", "304-lm-update-stored"])
def test_a_304_renews_what_is_kept(strict, origin, tags, field):
    etag = {"etag": TAG, "weakEtag": 'W/"abcdef"'}.get(next(iter(tags)))
    url = origin.serve(behaviours.validated(
        OTHER, etag=etag, last_modified=None if etag else LM, renewal=dated([field])))
    put(strict.redis, url, record(BODY, left=-10, **tags))
    answer = strict.client.get(url)
    assert (answer.status, answer.body == BODY) == (200, True)
    assert "fwd=stale" in answer.cache_status and "fwd-status=304" in answer.cache_status
    assert 7190 <= max_age(answer) <= 7200 and int(answer.header("Age")) < 10
    again = strict.client.get(url)
    assert again.is_hit and again.body == BODY and len(origin.requests_for(url)) == 1


def test_a_304_that_says_nothing_renews_for_as_long_as_before(strict, origin):
    url = origin.serve(behaviours.validated(b"", etag=TAG))
    put(strict.redis, url, record(BODY, left=-10, age=3610, etag="abcdef"))
    assert 3590 <= max_age(strict.client.get(url)) <= 3600


def test_a_changed_image_takes_the_place_of_the_stale_one(strict, origin):
    new = png_of_size(12_000, seed=2)
    url = origin.serve(behaviours.validated(new, cc("max-age=3600"), etag='"new"'))
    put(strict.redis, url, record(BODY, left=-10, etag="abcdef"))
    answer = strict.client.get(url)
    assert answer.body == new and "fwd=stale" in answer.cache_status
    again = eventually(lambda: hit(strict, url), "the new image is in the cache")
    assert again.body == new and again.header("ETag") == '"new"'
    assert [request.value("If-None-Match") for request in origin.requests_for(url)] == [TAG]


def test_a_condition_of_the_client_meets_the_renewed_image(strict, origin):
    """`conditional-lm-stale`: 304 from the origin to us, and from us to the client."""
    url = origin.serve(behaviours.validated(b"", etag=TAG, renewal=[cc("max-age=60")]))
    put(strict.redis, url, record(BODY, left=-10, etag="abcdef"))
    answer = strict.client.get(url, headers={"If-None-Match": TAG})
    assert (answer.status, answer.body) == (304, b"")
    assert len(origin.requests_for(url)) == 1


def test_a_304_for_another_image_renews_nothing(strict, origin):
    """RFC 9111, 4.3.4"""
    url = origin.serve(behaviours.status("304 Not Modified", b"", ("ETag", '"other"'), cc("max-age=3600")))
    put(strict.redis, url, record(BODY, left=-10, etag="abcdef"))
    strict.client.get(url)
    assert not strict.client.get(url).is_hit


@pytest.mark.parametrize("field", [cc("no-store"), cc("private, max-age=60"), ("Vary", "Cookie"), ("Vary", "*")],
                         ids=["no-store", "private", "vary-cookie", "vary-star"])
def test_a_304_may_say_that_it_is_for_the_last_time(strict, origin, field):
    """RFC 9111, 4.3.4 and 3: what the 304 says is of the image, which may then be kept by nobody."""
    url = origin.serve(behaviours.validated(OTHER, field, etag=TAG))
    put(strict.redis, url, record(BODY, left=-10, etag="abcdef"))
    answer = strict.client.get(url)
    assert (answer.status, answer.body == BODY, answer.header("Cache-Control")) == (200, True, "private, no-store")
    assert answer.cache_status == "image-proxy; fwd=stale; fwd-status=304"
    eventually(lambda: strict.redis("EXISTS", f"image-proxy:{url}") == 0, "the image is forgotten behind its response")
    assert strict.client.get(url).body == OTHER
    assert [request.value("If-None-Match") for request in origin.requests_for(url)] == [TAG, None]


def test_an_image_that_is_gone_is_forgotten(strict, origin):
    url = origin.serve(behaviours.status("404 Not Found"))
    put(strict.redis, url, record(BODY, left=-10, etag="abcdef"))
    assert strict.client.get(url).status == 404
    assert strict.redis("EXISTS", f"image-proxy:{url}") == 0


@pytest.mark.parametrize("directives", ["no-store", "no-store, max-age=0"],
                         ids=["cc-resp-no-store-old-new", "cc-resp-no-store-old-max-age"])
def test_what_may_no_longer_be_kept_is_passed_on(strict, origin, directives):
    """The suite only reports what happens to the older one; it is stale and was replaced."""
    new = png_of_size(12_000, seed=3)
    url = origin.serve(behaviours.image(new, "image/png", cc(directives)))
    put(strict.redis, url, record(BODY, left=-10, etag="abcdef"))
    assert [strict.client.get(url).body == new for _ in range(2)] == [True, True]


# MARK: what is said

@pytest.mark.parametrize("field", [cc("max-age=3600"), ("Expires", 3600)],
                         ids=["other-age-update-max-age", "other-age-update-expires"])
def test_age_counts_on(strict, origin, field):
    url = origin.serve(behaviours.image(BODY, "image/png", ("Age", "100"), *dated([field, ("Date", 0)])))
    for answer in (fetched(strict, url), strict.client.get(url)):
        assert 100 <= int(answer.header("Age")) <= 130 and 3470 <= max_age(answer) <= 3500
    # What is written behind the first response must not come after this.
    eventually(lambda: strict.redis("EXISTS", f"image-metadata:{url}"), "its metadata is written")
    put(strict.redis, url, record(BODY, left=1000, age=500))
    answer = strict.client.get(url)
    assert 500 <= int(answer.header("Age")) <= 530 and 970 <= max_age(answer) <= 1000


def test_every_header_that_the_page_names(front, origin):
    url = origin.serve(behaviours.validated(BODY, cc("max-age=3600, stale-while-revalidate=60"), etag=TAG, last_modified=LM))
    miss = fetched(front, url)
    assert miss.cache_status == "image-proxy; fwd=uri-miss; fwd-status=200; stored"
    hit = front.client.get(url)
    for answer in (miss, hit):
        assert (answer.status, answer.body == BODY) == (200, True)
        assert (answer.header("ETag"), answer.header("Last-Modified")) == (TAG, LM)
        assert answer.header("Accept-Ranges") == "bytes"
        assert answer.header("Cache-Control") == f"public, max-age={max_age(answer)}, stale-while-revalidate=60"
        assert 3580 <= max_age(answer) <= 3600 and 0 <= int(answer.header("Age")) <= 20
        assert answer.values("Vary") == [] and answer.values("Server-Timing") == []
    assert hit.cache_status == f"image-proxy; hit; ttl={max_age(hit)}" and "key=" not in hit.cache_status


def test_what_may_not_be_kept_is_kept_by_nobody(front, origin):
    url = origin.serve(behaviours.validated(BODY, cc("no-store"), etag=TAG))
    answer = front.client.get(url)
    assert answer.header("Cache-Control") == "private, no-store"
    assert answer.values("ETag") + answer.values("Age") == []
    assert answer.cache_status == "image-proxy; fwd=uri-miss; fwd-status=200"


def typescript(left):
    fields = json.loads(record(BODY, left))
    del fields["generatedAt"]
    return json.dumps(fields)


def test_the_fixed_lifetime_of_the_typescript_application(start, origin):
    """Its records have no validators and no windows: fresh until `expiresAt`, and then as good as gone."""
    server = start()
    url = origin.serve(behaviours.image(OTHER))
    put(server.redis, url, typescript(left=60))
    hit = server.client.get(url)
    assert hit.is_hit and hit.body == BODY and 50 <= max_age(hit) <= 60
    old = origin.serve(behaviours.image(OTHER))
    put(server.redis, old, typescript(left=-1))
    answer = server.client.get(old)
    assert not answer.is_hit and answer.body == OTHER
    eventually(lambda: server.client.get(old).is_hit, "the new image takes its place")
