"""Several handlers that share a Redis and know nothing else of each other, behind one nginx."""

from pathlib import Path

from .fastcgi import FastCGIClient
from .handler import Handler
from .http import MOUNT, Client
from .nginx import Nginx


class Cluster:
    """`client` speaks to nginx, which asks the handlers in turn; `handlers[0]` can be asked on its socket."""

    def __init__(self, folder, settings, redis, count=2):
        self.redis = redis
        self.handlers = [Handler(self._folder(folder, f"handler-{number}"), **settings) for number in range(count)]
        self.server = Nginx(Path(folder), [handler.socket_path for handler in self.handlers])
        self.client = Client(self.server.base)

    @staticmethod
    def _folder(folder, name):
        made = Path(folder) / name
        made.mkdir()
        return made

    def statistic(self, name):
        """A counter, over all handlers that run."""
        return sum(statistics(handler)[name] for handler in self.handlers if handler.is_running)

    def start(self):
        for handler in self.handlers:
            handler.start()
        self.server.start()
        return self

    def stop(self):
        self.server.stop()
        for handler in self.handlers:
            handler.stop()

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()


def statistics(handler):
    """The statistics of one handler, asked on its socket."""
    with FastCGIClient(handler.socket_path) as client:
        return client.get("", path=f"{MOUNT}/stats", SCRIPT_NAME=MOUNT, PATH_INFO="/stats").response().json()
