"""A mixed, hostile load for `SOAK` seconds, 20 unless it is set, and for a third of that over the embedded store. After it the
handler is as it was before: the same descriptors and threads, and no more memory. Connections that rest for the next use come and
go: of them there is a bound.

What each client does is chosen by dice of its own with a fixed seed; how the clients meet is left to the machine.
"""

import itertools
import os
import random
import shutil
import threading
import time

import pytest

from harness import behaviours
from harness.crowd import Crowd
from harness.file_store import FileStore
from harness.http import proxied
from harness.images import MIB, png_of_size
from harness.odd_images import made_by_hand
from harness.origin import Origin
from harness.process import connections_of, connections_to, socket_pairs
from harness.redis import Redis, RedisError
from harness.waiting import eventually

SECONDS = float(os.environ.get("SOAK", "20"))
CLIENTS = 6
# Descriptors, and what the handler makes of so many: the connections of one kind that may rest.
DESCRIPTORS, RESTING = 512, 32
# As many as are started at once on any machine: of more, some would come when they are needed.
WORKERS = 8
SMALL, MIDDLE, LARGE = (png_of_size(size, seed=size) for size in (9_000, 300_000, 6 * MIB))
# What is never answered with anything but the image, unless there is too much to do.
HEALTHY = {200, 503}
FAILED = {403, 404, 502, 503, 504}


class RedisCache:
    """A Redis that stops and goes on."""

    def __init__(self, redis):
        self.redis, self.ports = redis, [redis.port]

    def _ask(self, *words):
        try:
            with self.redis.client() as client:
                client.socket.settimeout(5)
                client(*words)
        except (OSError, RedisError):
            pass

    def purge(self, url):
        self._ask("DEL", f"image-proxy:{url}")

    def poison(self, url, data):
        self._ask("SETEX", f"image-proxy:{url}", 60, data)

    def disturb(self):
        self.redis.freeze()
        time.sleep(1)
        self.redis.thaw()


class FolderCache:
    """The folder of the embedded store, that somebody removes."""

    ports = ()

    def __init__(self, files):
        self.files = files

    def purge(self, url):
        self.files.path(url).unlink(missing_ok=True)

    def poison(self, url, data):
        """In the place of the image, or over its beginning; now and then over what is known of all images."""
        path = self.files.path(url)
        for victim in [path] if data[0] < 200 else [path.parent / "index", self.files.folder / "usage"]:
            try:
                with open(victim, "r+b" if data[1] < 128 else "wb") as file:
                    file.write(data)
            except FileNotFoundError:
                pass

    def disturb(self):
        away = self.files.folder.with_name("away")
        try:
            self.files.folder.rename(away)
        except FileNotFoundError:
            return
        shutil.rmtree(away)


class Soak:
    """What the clients do. Every URL of an action is new, by its query: the origin's script is found by the path."""

    def __init__(self, server, origin, broken, cache):
        self.server, self.client, self.cache = server, server.client, cache
        self.origins = [origin, broken]
        self.numbers = itertools.count()
        self.done, self.served, self.overloaded, self.cut, self.poisoned = (itertools.count() for _ in range(5))
        self.small, self.middle, self.large = (origin.serve(behaviours.image(body)) for body in (SMALL, MIDDLE, LARGE))
        self.unknown_length = origin.serve(behaviours.chunked(MIDDLE))
        self.short_lived = origin.serve(behaviours.validated(
            SMALL, ("Cache-Control", "max-age=1, stale-while-revalidate=1"), etag='"a"'))
        # At an origin of their own, which is left alone when it has failed often enough: the trouble of nobody else.
        self.broken = [broken.serve(script) for script in (
            behaviours.cut(MIDDLE, 100_000), behaviours.cut(MIDDLE, 100_000, reset=True), behaviours.cut(MIDDLE, 90_000, in_chunks=True),
            behaviours.stall(MIDDLE, 1_000), behaviours.silent, behaviours.status("404 Gone"), behaviours.status("500 Oops"),
            behaviours.raw(b"SSH-2.0\r\n"), behaviours.lengths(SMALL, 5, 9_000), behaviours.encoded(SMALL),
            behaviours.redirect("http://10.0.0.1/"), behaviours.endless(SMALL))]
        self.odd = [origin.serve(behaviours.image(body)) for body in made_by_hand().values()]

    def new(self, url):
        return f"{url}?{next(self.numbers)}"

    def image(self, url, body):
        answer = self.client.get(url)
        assert answer.status in HEALTHY, (answer.status, url)
        if answer.status == 200 and not answer.complete:
            next(self.cut)
            return
        next(self.overloaded if answer.status == 503 else self.served)
        assert answer.status == 503 or answer.body == body, "other bytes than the image's"

    def hit(self, dice):
        url, body = dice.choice([(self.small, SMALL), (self.middle, MIDDLE)])
        self.image(f"{url}?hot-{dice.randrange(20)}", body)

    def miss(self, dice):
        url, body = dice.choice([(self.small, SMALL), (self.middle, MIDDLE), (self.unknown_length, MIDDLE), (self.large, LARGE)])
        self.image(self.new(url), body)

    def stale(self, dice):
        self.image(f"{self.short_lived}?{dice.randrange(5)}", SMALL)

    def stampede(self, dice):
        with Crowd(self.client, proxied(self.new(self.middle)), 12) as crowd:
            for answer in crowd.answers():
                assert answer.status in HEALTHY and (answer.status == 503 or answer.body == MIDDLE)

    def slow_client(self, dice):
        with self.client.open(proxied(self.new(self.large))) as response:
            if response.head() == 200:
                start = response.read_exactly(10_000)
                time.sleep(0.2)
                rest, complete = response.rest()
                assert start + rest == LARGE and complete

    def leaving_client(self, dice):
        response = self.client.open(proxied(self.new(dice.choice([self.middle, self.large, *self.broken]))))
        if dice.random() < 0.5:
            time.sleep(dice.random() * 0.05)
        response.leave()

    def broken_origin(self, dice):
        answer = self.client.get(self.new(dice.choice(self.broken)))
        assert answer.status in FAILED or not answer.complete, answer.status

    def odd_image(self, dice):
        answer = self.client.get(self.new(dice.choice(self.odd)))
        assert answer.status in FAILED or answer.header("X-Content-Type-Options") == "nosniff"

    def part(self, dice):
        answer = self.client.get(f"{self.middle}?hot-{dice.randrange(20)}", headers={"Range": "bytes=100-199"})
        assert answer.status in (200, 206, 503)
        assert answer.status != 206 or answer.body == MIDDLE[100:200]

    def purge(self, dice):
        self.cache.purge(f"{self.small}?hot-{dice.randrange(20)}")

    def poison(self, dice):
        next(self.poisoned)
        self.cache.poison(f"{self.middle}?hot-{dice.randrange(20)}", dice.randbytes(500))

    ACTIONS = {hit: 30, miss: 12, stale: 5, stampede: 2, slow_client: 2, leaving_client: 5, broken_origin: 4, odd_image: 4, part: 4,
               purge: 2, poison: 2}

    def run(self, seconds, seed):
        """The load, and a cache that is disturbed meanwhile."""
        end = time.monotonic() + seconds
        failures = []

        def client(number):
            dice = random.Random(seed * 1000 + number)
            actions, weights = zip(*self.ACTIONS.items())
            while time.monotonic() < end and not failures:
                action = dice.choices(actions, weights)[0]
                try:
                    action(self, dice)
                except Exception as problem:  # whatever it is, it ends the soak
                    failures.append((action.__name__, repr(problem)))
                next(self.done)

        threads = [threading.Thread(target=client, args=(number,)) for number in range(CLIENTS)]
        for thread in threads:
            thread.start()
        while time.monotonic() < end - 4 and not failures:
            time.sleep(3)
            self.cache.disturb()
        for thread in threads:
            thread.join()
        assert failures == [], self.server.log()[-5000:]

    @property
    def resting(self):
        """What waits for the next use: connections to Redis, if there is one, to each origin, and of the web server; and libcurl's
        handles."""
        pid = self.server.handler.pid
        ports = (*self.cache.ports, *(origin.port for origin in self.origins))
        return [*(connections_to(pid, port) for port in ports), connections_of(pid, self.server.handler.socket_path),
                socket_pairs(pid)]

    def at_rest(self):
        """(descriptors but those of resting connections and handles, threads, resident bytes) when nothing is under way any more."""
        handler, last = self.server.handler, []

        def steady():
            last.append((handler.open_files, handler.threads))
            return len(last) > 10 and len(set(last[-10:])) == 1
        # Longer than what was begun may take: patience of waiting requests, leases, connections that nobody uses.
        eventually(steady, "the handler is at rest", within=60)
        def counted():
            # One that rests may be closed between the two countings.
            files, resting = handler.open_files, self.resting
            return (files, resting) if handler.open_files == files else None
        files, resting = eventually(counted, "descriptors are counted")
        assert max(resting) <= RESTING and min(resting[-2:]) > 0, resting
        *connections, handles = resting
        return files - sum(connections) - 2 * handles, handler.threads, handler.resident


@pytest.fixture
def own_origins():
    """A sound one and a broken one."""
    with Origin() as sound, Origin() as broken:
        yield sound, broken


@pytest.mark.figures
def test_soak(start, new_folder, own_origins):
    with Redis(new_folder(), "--maxmemory", "64mb", "--maxmemory-policy", "allkeys-lru") as redis:
        soak(start, own_origins, RedisCache(redis), SECONDS, CACHE=redis.tcp_address())


@pytest.mark.figures
def test_soak_of_the_embedded_store(start, new_folder, own_origins):
    files = FileStore(new_folder() / "cache")
    soak(start, own_origins, FolderCache(files), SECONDS / 3, CACHE=f"file:{files.folder}", FILE_CACHE_SIZE="64MiB")


def soak(start, origins, cache, seconds, **settings):
    server = start(
        options={"ulimits": {"nofile": DESCRIPTORS}}, MEMORY_CACHE_SIZE="8MiB",
        ALLOWED_NETWORKS=",".join(f"127.0.0.1/32:{origin.port}" for origin in origins),
        FIRST_BYTE_TIMEOUT="500ms", STALL_TIMEOUT="500ms", TOTAL_TIMEOUT="3s", MAX_IMAGE_SIZE="8MiB", WORKERS=WORKERS,
        **settings)
    soak = Soak(server, *origins, cache)
    # Until everything that is made once has been made, and memory has been as full as it gets.
    soak.run(max(10, seconds / 4), seed=1)
    files, threads, resident = soak.at_rest()
    warm = next(soak.done)
    soak.run(seconds, seed=2)
    files_after, threads_after, resident_after = soak.at_rest()
    print(f"\n{next(soak.done) - warm - 1} actions in {seconds:g} s: descriptors {files} -> {files_after} and {soak.resting} at rest, "
          f"threads {threads} -> {threads_after}, resident {resident / MIB:.1f} -> {resident_after / MIB:.1f} MiB, peak "
          f"{server.handler.peak_resident / MIB:.1f} MiB")
    assert files_after <= files + 5 and threads_after <= threads + 2
    assert resident_after < resident * 1.15 + 8 * MIB
    served, overloaded, cut, poisoned = (next(counter) for counter in (soak.served, soak.overloaded, soak.cut, soak.poisoned))
    print(f"{served} images served, {overloaded} turned away, {cut} cut, {poisoned} damaged")
    assert overloaded < served / 20, "whoever turns everybody away has nothing to lose"
    # A large image that is damaged while it goes out is cut, once; nothing else is.
    assert cut <= poisoned
    for origin in origins:
        origin.requests.clear()
    assert server.client.get(soak.new(soak.small)).body == SMALL
