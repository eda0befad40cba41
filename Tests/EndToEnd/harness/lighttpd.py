"""A real lighttpd with one of the project's own configurations from deploy/lighttpd; only paths are put in."""

import subprocess
from pathlib import Path

from .process import ManagedProcess
from .waiting import free_port

DEPLOY = Path(__file__).resolve().parents[3] / "deploy" / "lighttpd"

FRAME = """\
server.port = {port}
server.bind = "127.0.0.1"
server.document-root = "{root}"
server.pid-file = "{folder}/lighttpd.pid"
# A response that was cut short ends only with this.
server.max-keep-alive-idle = 1
server.upload-dirs = ( "{folder}" )
index-file.names = ( "index.html" )
mimetype.assign = ( ".html" => "text/html; charset=utf-8" )
{project}
"""


class Lighttpd(ManagedProcess):
    """lighttpd in the foreground. `variant` is the deploy file:

    - `image-proxy`: the handler listens at `handler_socket`, started by somebody else;
    - `image-proxy-spawned`: lighttpd starts `executable`, which reads `configuration_file`;
    - `image-proxy-cgi`: a process of `executable` for each request.

    `referer` adds the file that limits whose pages may show images. `handover` is the folder of the cache whose files
    lighttpd sends itself.
    """

    def __init__(self, folder, variant, handler_socket=None, executable=None, configuration_file=None, root=None,
                 referer=False, handover=None):
        self.port = free_port()
        self.base = f"http://127.0.0.1:{self.port}"
        self.root = root or folder / "empty"
        self.root.mkdir(parents=True, exist_ok=True)
        self.handler_log = folder / "handler.log"
        self.configuration = folder / "lighttpd.conf"
        text = (DEPLOY / f"{variant}.conf").read_text()
        if referer:
            text += (DEPLOY / "image-proxy-referer.conf").read_text()
        if handover:
            text = text.replace("#handover ", "").replace("/var/cache/image-proxy", str(handover))
        paths = {
            "/run/image-proxy/image-proxy.sock": handler_socket,
            "/run/lighttpd/image-proxy.sock": folder / "spawned.sock",
            "/usr/lib/image-proxy/image-proxy": executable,
            "/etc/image-proxy/image-proxy.conf": configuration_file,
            "/var/log/lighttpd/image-proxy.log": self.handler_log,
        }
        for installed, ours in paths.items():
            text = text.replace(f'"{installed}"', f'"{ours}"')
        self.configuration.write_text(FRAME.format(port=self.port, root=self.root, folder=folder, project=text))
        super().__init__("lighttpd", ["lighttpd", "-D", "-f", self.configuration], folder)

    def check(self):
        """What `lighttpd -tt` says of the configuration."""
        return subprocess.run(["lighttpd", "-tt", "-f", self.configuration], capture_output=True, text=True)

    def start(self):
        return super().start(ready_at=("127.0.0.1", self.port))
