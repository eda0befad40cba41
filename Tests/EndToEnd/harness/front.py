"""A web server with the handler behind it, whichever way the two are joined."""

from pathlib import Path

from .apache import Apache
from .handler import EXECUTABLE, Handler, write_configuration
from .http import Client
from .lighttpd import Lighttpd
from .nginx import Nginx
from .process import children_of
from .supervised import SocketActivated, SpawnFCGI
from .waiting import eventually

KINDS = ("nginx", "lighttpd", "spawned", "cgi", "apache")
# Every way that deploy/ has a file for.
DEPLOYMENTS = (*KINDS, "apache-cgi", "shared-fcgid", "shared-cgi", "spawn-fcgi", "systemd")
APACHE = ("apache", "apache-cgi", "shared-fcgid", "shared-cgi")
SUPERVISORS = {"spawn-fcgi": SpawnFCGI, "systemd": SocketActivated}


class Front:
    """`client` speaks to the web server, `log()` is what the handler wrote, `redis` is the database that it uses.

    - `nginx`, `lighttpd`: the handler listens on a Unix socket, as `handler`;
    - `spawned`: lighttpd starts it; `cgi`: lighttpd starts one for each request. Both read a configuration file;
    - `apache`: as nginx; `apache-cgi`, `shared-cgi`: Apache starts one for each request, configured by the server's
      administrator or by a .htaccess alone; `shared-fcgid`: the same with processes that stay;
    - `spawn-fcgi`, `systemd`: nginx, and a handler on a socket that somebody else has made.
    """

    def __init__(self, kind, folder, settings, redis=None, root=None, ulimits=None, **server_options):
        self.kind = kind
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.settings = settings
        self.redis = redis
        self.handler = None
        socket_path = self.folder / "handler.sock"
        if kind in ("nginx", "lighttpd", "apache"):
            self.handler = Handler(self.folder, ulimits, **settings)
        elif kind in SUPERVISORS:
            self.handler = SUPERVISORS[kind](self.folder, settings)
        if kind == "nginx" or kind in SUPERVISORS:
            self.server = Nginx(self.folder, socket_path, root, **server_options)
        elif kind == "lighttpd":
            self.server = Lighttpd(self.folder, "image-proxy", socket_path, root=root, **server_options)
        elif kind in APACHE:
            configuration = write_configuration(self.folder / "image-proxy.conf", settings)
            self.server = Apache(self.folder, kind, socket_path, EXECUTABLE, configuration, root, **server_options)
        else:
            configuration = write_configuration(self.folder / "image-proxy.conf", settings)
            self.server = Lighttpd(self.folder, f"image-proxy-{kind}", executable=EXECUTABLE,
                                   configuration_file=configuration, root=root)
        self.client = Client(self.server.base)

    def start(self):
        try:
            if self.handler:
                self.handler.start()
            self.server.start()
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self):
        self.server.stop()
        if self.handler:
            self.handler.stop()

    def handler_pid(self):
        """The process that answers; none for CGI."""
        return self.handler.pid if self.handler else children_of(self.server.pid)[0]

    def log(self):
        if self.handler:
            return self.handler.log()
        path = self.server.handler_log
        return path.read_text(errors="replace") if path.exists() else ""

    def wait_for_log(self, *words):
        """The first line of the handler's log with all of these words in it."""
        return eventually(
            lambda: next((line for line in self.log().splitlines() if all(word in line for word in words)), None),
            f"a log line with {words} in\n{self.log()[-3000:]}")

    def stored(self, url):
        """Waits until the image's record is in Redis, and returns it."""
        return eventually(lambda: self.redis("GET", f"image-proxy:{url}"), f"a record of {url}")

    def metadata(self, url):
        return eventually(lambda: self.redis("GET", f"image-metadata:{url}"), f"metadata of {url}")

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()
