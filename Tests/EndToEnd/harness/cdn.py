"""An nginx with `proxy_cache` before a web server of ours, as a content delivery network is."""

import os

from .http import Client
from .process import ManagedProcess
from .waiting import free_port

FRAME = """\
{user}daemon off;
pid {folder}/cdn.pid;
error_log {folder}/error.log info;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    client_body_temp_path {folder}/temp-body;
    fastcgi_temp_path {folder}/temp-fastcgi;
    proxy_temp_path {folder}/temp-proxy;
    scgi_temp_path {folder}/temp-scgi;
    uwsgi_temp_path {folder}/temp-uwsgi;
    proxy_cache_path {folder}/cache keys_zone=cdn:1m;
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass {base};
            proxy_cache cdn;
            proxy_cache_key $request_uri;
            proxy_cache_revalidate on;
            add_header X-Cache $upstream_cache_status always;
        }}
    }}
}}
"""


class CDN(ManagedProcess):
    """`client` speaks to it; `X-Cache` says what its cache did."""

    def __init__(self, folder, base):
        self.port = free_port()
        self.configuration = folder / "cdn.conf"
        user = "user root;\n" if os.geteuid() == 0 else ""
        self.configuration.write_text(FRAME.format(user=user, folder=folder, port=self.port, base=base))
        super().__init__("cdn", ["nginx", "-e", "stderr", "-p", folder, "-c", self.configuration], folder)
        self.client = Client(f"http://127.0.0.1:{self.port}")

    def start(self):
        return super().start(ready_at=("127.0.0.1", self.port))
