"""The stage of one run: Redis, the origins, the images, and the peers that are compared."""

import itertools
import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from harness.http import MOUNT
from harness.redis import Redis

from .accounting import tree
from .images import noise_png
from .servers import ORIGIN, YARDSTICK, LateOrigin, NodeServer, PlainNginx, Proxy

# Databases of the one Redis, so that no peer meets another's records.
JSON_DATABASE, RAW_DATABASE, MEMORY_DATABASE, FRONT_DATABASE, NODE_DATABASE, UNGATED_DATABASE, CGI_DATABASE = range(7)
GATE = 5 << 20
# How many images of a size are asked for in turn.
VARIETY = {True: 16, False: 4}


@dataclass
class Peer:
    """One of the things compared. `path` turns an image's name at the origin (`fast/NAME`) into what is asked for."""
    key: str
    label: str
    port: int
    path: object
    # Which processes pay: {"server": pid, "handler": pid}; Redis is the stage's.
    processes: dict = field(default_factory=dict)
    database: int = None

    def pids(self):
        return {role: tree(pid) for role, pid in self.processes.items()}


class Stage:
    def __init__(self):
        shared = Path("/dev/shm")
        # tmpfs, so that no disk is measured; a short path, since a Unix socket's may have 107 bytes.
        self.folder = Path(tempfile.mkdtemp(prefix="ip-bench-", dir=shared if shared.is_dir() else None))
        self._images = {}
        self._numbers = itertools.count(1)
        self._started = []

    def __enter__(self):
        try:
            self._start_surroundings()
        except BaseException:
            self._stop_all()
            raise
        return self

    def __exit__(self, *_):
        self._stop_all()

    def _start_surroundings(self):
        self.image_folder = self.new_folder("images")
        late_image = self.image_folder / self.images(50_000, 1)[0]
        self.redis = self.start(Redis(self.new_folder("redis"), "--maxmemory", "6gb"))
        self.origin = self.start(PlainNginx("origin", self.new_folder("origin"), ORIGIN, images=self.image_folder))
        self.late_origin = self.start(LateOrigin(self.new_folder("late"), late_image))
        self.yardstick = self.start(PlainNginx(
            "yardstick", self.new_folder("yardstick"), YARDSTICK, images=self.image_folder, origin=self.origin.port,
            late=self.late_origin.port))

    def _stop_all(self):
        for process in reversed(self._started):
            process.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def start(self, process):
        self._started.append(process)
        return process.start()

    def stop(self, process):
        self._started.remove(process)
        process.stop()

    def new_folder(self, name):
        folder = self.folder / f"{next(self._numbers)}-{name}"
        folder.mkdir()
        return folder

    # Images

    def images(self, size, count=None):
        """The names of images of this size, made when they are first asked for."""
        count = count or VARIETY[size <= 500_000]
        names = [f"{size}-{index}.png" for index in range(count)]
        for index, name in enumerate(names):
            if name not in self._images:
                self._images[name] = noise_png(size, seed=index)
                (self.image_folder / name).write_bytes(self._images[name])
        return names

    def body(self, name):
        return self._images[name]

    def origin_url(self, place):
        """`fast/NAME` or `paced/NAME` or `late/ANYTHING`, as the proxies are asked for it."""
        port = self.late_origin.port if place.startswith("late/") else self.origin.port
        return f"http://127.0.0.1:{port}/{place}"

    # Peers

    def settings(self, database, **more):
        """The handler's. No peer writes a line for each request, so the handler does not either."""
        networks = f"127.0.0.1/32:{self.origin.port},127.0.0.1/32:{self.late_origin.port}"
        return {"ALLOWED_HOSTS": "127.0.0.1", "ALLOWED_NETWORKS": networks, "LOG_LEVEL": "warning",
                "CACHE": self.redis.unix_address(database), **more}

    def direct(self):
        return Peer("direct", "the origin itself", self.origin.port, lambda place: f"/{place}")

    def nginx(self, key, label, location):
        """The nginx to be compared with: /static/, /cached/, /kept/, /passed/ or /locked/."""
        def path(place):
            return f"/{location}/{place if location == 'passed' else place.partition('/')[2]}"
        return Peer(key, label, self.yardstick.port, path, {"server": self.yardstick.pid})

    def proxy(self, key, label, database, nginx_cache=False, **settings):
        process = self.start(Proxy(self.new_folder(key), nginx_cache, **self.settings(database, **settings)))
        return process, Peer(key, label, process.port, self.asked_for, {
            "server": process.server.pid, "handler": process.handler.pid}, database)

    def node(self, key, label, database, gate=None):
        process = self.start(NodeServer(self.new_folder(key), self.redis.port, database, gate))
        return process, Peer(key, label, process.port, self.asked_for, {"server": process.pid}, database)

    def asked_for(self, place):
        return f"{MOUNT}?url={quote(self.origin_url(place), safe='')}"

    def forget(self, *databases):
        """Empties databases between measurements."""
        for database in databases:
            with self.redis.client(database) as client:
                client("FLUSHDB")
