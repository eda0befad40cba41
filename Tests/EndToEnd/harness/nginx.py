"""A real nginx with the project's own configuration from deploy/nginx; only paths are put in."""

import os
import subprocess
from pathlib import Path

from .process import ManagedProcess, ProcessDied
from .waiting import free_port

DEPLOY = Path(__file__).resolve().parents[3] / "deploy" / "nginx"

FRAME = """\
{user}daemon off;
master_process on;
worker_processes {workers};
pid {folder}/nginx.pid;
error_log {folder}/error.log info;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    client_body_temp_path {folder}/temp-body;
    fastcgi_temp_path {folder}/temp-fastcgi;
    proxy_temp_path {folder}/temp-proxy;
    scgi_temp_path {folder}/temp-scgi;
    uwsgi_temp_path {folder}/temp-uwsgi;
    types {{ text/html html; image/svg+xml svg; }}
    include image-proxy.conf;
    server {{
        listen 127.0.0.1:{port} backlog=1024;
        server_name localhost;
        root {root};
        index index.html;
        include image-proxy-location.conf;
    }}
}}
"""


class Nginx(ManagedProcess):
    """nginx in the foreground, as root or as anybody.

    `buffers=False` makes it pass on what it gets, and no faster than its client reads.
    `cache` turns on nginx's own cache, and `on` names other blocks to turn on ("limit", "referer", "status"): as the deploy
    files say how.
    `handover` is the folder of the cache whose files nginx sends itself.
    `handler_socket` is a path, or a list of the paths of several handlers, which take turns.
    """

    scheme = "http"

    def __init__(self, folder, handler_socket, root=None, cache=False, workers=1, on=(), buffers=True, handover=None):
        self.port = free_port()
        self.base = f"http://127.0.0.1:{self.port}"
        self.root = root or folder / "empty"
        self.root.mkdir(parents=True, exist_ok=True)
        self.configuration = folder / "nginx.conf"
        self._render(folder, handler_socket, {*on, *(["cache"] if cache else [])}, workers, buffers, handover)
        # -e: the compiled-in path of the first messages is not ours to write to.
        super().__init__("nginx", ["nginx", "-e", "stderr", "-p", folder, "-c", self.configuration], folder)

    def _render(self, folder, handler_socket, on, workers, buffers, handover):
        sockets = handler_socket if isinstance(handler_socket, list) else [handler_socket]
        paths = {
            "server unix:/run/image-proxy/image-proxy.sock max_fails=0;": " ".join(
                f"server unix:{path} max_fails=0;" for path in sockets),
            "/run/image-proxy/status.sock": str(folder / "status.sock"),
            "/var/cache/nginx": str(folder / "cache"),
        }
        (folder / "cache").mkdir(parents=True, exist_ok=True)
        for name in ("image-proxy.conf", "image-proxy-location.conf"):
            text = (DEPLOY / name).read_text()
            for installed, ours in paths.items():
                text = text.replace(installed, ours)
            if not buffers:
                text = text.replace("fastcgi_pass image_proxy;", "fastcgi_pass image_proxy; fastcgi_buffering off;")
            for block in on:
                text = text.replace(f"#{block} ", "")
            if handover and name == "image-proxy-location.conf":
                text = text.replace("fastcgi_ignore_headers X-Accel-Redirect ", "fastcgi_ignore_headers ")
                snippet = (DEPLOY / "image-proxy-handover.conf").read_text()
                text += snippet.replace("alias /var/cache/image-proxy", f"alias {handover}")
            (folder / name).write_text(text)
        # The folder is private to us: the worker processes stay who we are.
        user = "user root;\n" if os.geteuid() == 0 else ""
        self.configuration.write_text(FRAME.format(
            user=user, workers=workers, folder=folder, port=self.port, root=self.root))

    def check(self):
        """What `nginx -t` says of the configuration."""
        return subprocess.run([*self.command, "-t"], capture_output=True, text=True)

    def start(self):
        return super().start(ready_at=("127.0.0.1", self.port))

    def error_log(self):
        path = self.folder / "error.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def wait_until_ready(self, address):
        try:
            super().wait_until_ready(address)
        except ProcessDied as problem:
            raise ProcessDied(f"{problem}\n{self.error_log()}") from None
