"""The processes that are measured, and those that they need: each real, on loopback, in a folder of its own."""

import os

from harness.handler import Handler
from harness.nginx import Nginx
from harness.process import ManagedProcess
from harness.waiting import free_port

from . import BENCHMARKS

PEERS = BENCHMARKS / "peers"

# What every nginx here shares. 32 connections and a stampede of 1,000 clients fit; keep-alive never ends in a run.
COMMON = """\
{user}daemon off;
worker_processes 1;
worker_rlimit_nofile 16384;
pid {folder}/nginx.pid;
error_log {folder}/error.log warn;
events {{ worker_connections 8192; }}
http {{
    access_log off;
    sendfile on;
    keepalive_requests 100000000;
    default_type image/png;
    client_body_temp_path {folder}/temp-body;
    fastcgi_temp_path {folder}/temp-fastcgi;
    proxy_temp_path {folder}/temp-proxy;
    scgi_temp_path {folder}/temp-scgi;
    uwsgi_temp_path {folder}/temp-uwsgi;
{body}
}}
"""

ORIGIN = """\
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        add_header Cache-Control "public, max-age=86400";
        location /fast/ {{ alias {images}/; }}
        # 20 MiB/s for each connection, in steps of about 10 ms.
        location /paced/ {{ alias {images}/; limit_rate 20m; sendfile_max_chunk 210k; }}
    }}
"""

YARDSTICK = """\
    proxy_cache_path {folder}/cache levels=1:2 keys_zone=images:10m max_size=1g inactive=1d use_temp_path=off;
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    upstream origin {{ server 127.0.0.1:{origin}; keepalive 64; }}
    upstream late {{ server 127.0.0.1:{late}; keepalive 64; }}
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        location /static/ {{ alias {images}/; add_header Cache-Control "public, max-age=86400"; }}
        location /cached/ {{ proxy_pass http://origin/fast/; proxy_cache images; }}
        location /kept/ {{ proxy_pass http://origin/fast/; proxy_cache images; open_file_cache max=200 inactive=60s; }}
        location /passed/ {{ proxy_pass http://origin/; }}
        location /locked/ {{ proxy_pass http://late/; proxy_cache images; proxy_cache_lock on; }}
    }}
"""


class PlainNginx(ManagedProcess):
    """nginx with a server of its own: the origin, or the one to be compared with."""

    def __init__(self, name, folder, server, **values):
        self.port = free_port()
        super().__init__(name, ["nginx", "-e", "stderr", "-p", folder, "-c", folder / "nginx.conf"], folder)
        write_nginx(folder, server.format(folder=folder, port=self.port, **values))

    def start(self):
        return super().start(ready_at=("127.0.0.1", self.port))


def write_nginx(folder, body):
    user = "user root;\n" if os.geteuid() == 0 else ""
    (folder / "nginx.conf").write_text(COMMON.format(user=user, folder=folder, body=body))


FRONT = """\
    include image-proxy.conf;
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        include image-proxy-location.conf;
    }}
"""


class FrontNginx(Nginx):
    """nginx as in deploy/nginx, its own cache on or off, in the surroundings of the nginx that it is compared with."""

    def __init__(self, folder, handler_socket, cache=False):
        super().__init__(folder, handler_socket, cache=cache)
        write_nginx(folder, FRONT.format(port=self.port))


class Proxy:
    """The handler with nginx in front."""

    def __init__(self, folder, nginx_cache=False, **settings):
        self.handler = Handler(folder / "handler", **settings)
        self.server = FrontNginx(folder / "nginx", self.handler.socket_path, nginx_cache)
        self.port = self.server.port

    def start(self):
        self.handler.start()
        self.server.start()
        return self

    def stop(self):
        self.server.stop()
        self.handler.stop()


class NodeServer(ManagedProcess):
    """The plain Node server; `gate` as its usage says."""

    def __init__(self, folder, redis_port, database, gate=None):
        self.port = free_port()
        limit = [gate] if gate else []
        super().__init__("node", ["node", PEERS / "node-server.js", self.port, redis_port, database, *limit], folder)

    def start(self):
        return super().start(ready_at=("127.0.0.1", self.port))


class LateOrigin(ManagedProcess):
    """An origin that sends `image` a second late, and counts."""

    delay = 1.0

    def __init__(self, folder, image):
        self.port = free_port()
        super().__init__("late-origin", ["/usr/bin/python3", PEERS / "late_origin.py", self.port, self.delay, image],
                         folder)

    def start(self):
        return super().start(ready_at=("127.0.0.1", self.port))
