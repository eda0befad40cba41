"""A real Apache with one of the project's own configurations from deploy/; only paths are put in."""

import shutil
import subprocess
from pathlib import Path

from .process import ManagedProcess, not_as_root
from .waiting import free_port

DEPLOY = Path(__file__).resolve().parents[3] / "deploy"
MODULES = Path("/usr/lib/apache2/modules")

FRAME = """\
ServerRoot "{folder}"
ServerName localhost
Listen 127.0.0.1:{port}
PidFile "{folder}/apache.pid"
DefaultRuntimeDir "{folder}"
ErrorLog "{folder}/error.log"
DocumentRoot "{root}"
TypesConfig /dev/null
# As Debian's conf-enabled/security.conf has it: else Apache echoes TRACE, with the client's cookies.
TraceEnable Off
{modules}
# One process, so that a test knows what it meets.
StartServers 1
ServerLimit 1
ThreadsPerChild 32
MaxRequestWorkers 32
MinSpareThreads 1
MaxSpareThreads 32
# A response that was cut short ends only with this.
KeepAliveTimeout 1
<Directory "/">
    AllowOverride None
    Require all denied
</Directory>
<Directory "{root}">
    # As web hosts have it.
    AllowOverride All
    Require all granted
</Directory>
{project}
"""

COMMON = ("mpm_event", "authz_core", "alias", "env", "mime", "dir", "rewrite")
CGID = 'ScriptSock "{folder}/cgid.sock"\n'
FCGID = 'FcgidIPCDir "{folder}/fcgid"\nFcgidProcessTableFile "{folder}/fcgid/table"\n'

# The modules that each kind needs beyond the common ones, and what its configuration says of them.
KINDS = {
    "apache": (("proxy", "proxy_fcgi"), ""),
    "apache-cgi": (("cgid",), CGID),
    "shared-fcgid": (("fcgid",), FCGID),
    "shared-cgi": (("cgid",), CGID),
}


class Apache(ManagedProcess):
    """Apache in the foreground. Of the kinds, `apache` speaks to a handler at `handler_socket`, `apache-cgi` runs
    `executable`, and the two shared ones serve a folder as one uploads it to a web host: `site` if there is one already,
    else one that is made of `executable` and `configuration_file`. `handover` is the folder of the cache whose files
    Apache sends itself. `referer` limits whose pages may show images."""

    def __init__(self, folder, kind, handler_socket=None, executable=None, configuration_file=None, root=None, site=None,
                 handover=None, referer=False):
        self.port = free_port()
        self.base = f"http://127.0.0.1:{self.port}"
        self.root = root or folder / "root"
        self.root.mkdir(parents=True, exist_ok=True)
        self.configuration = folder / "apache.conf"
        self.handler_log = folder / "error.log"
        (folder / "fcgid").mkdir(exist_ok=True)
        if kind.startswith("shared"):
            self._upload(site or self._unpacked(folder / "unpacked", executable), configuration_file, referer)
            project = ""
        else:
            project = self._installed(kind, handler_socket, executable, configuration_file)
            if referer:
                project += (DEPLOY / "apache" / "image-proxy-referer.conf").read_text()
        modules, settings = KINDS[kind]
        if handover:
            modules += ("xsendfile",)
            project = project.replace("#handover ", "").replace("/var/cache/image-proxy", str(handover))
        loads = "\n".join(f'LoadModule {name}_module "{MODULES}/mod_{name}.so"' for name in (*COMMON, *modules))
        self.configuration.write_text(FRAME.format(
            folder=folder, port=self.port, root=self.root, modules=loads, project=settings.format(folder=folder) + project))
        server = ["apache2", "-f", str(self.configuration)]
        self.check_command = not_as_root([*server, "-t"])
        super().__init__("apache", not_as_root([*server, "-D", "FOREGROUND"]), folder)

    @staticmethod
    def _installed(kind, handler_socket, executable, configuration_file):
        """A file for /etc/apache2, with our paths."""
        name = "image-proxy.conf" if kind == "apache" else f"image-proxy-{kind.removeprefix('apache-')}.conf"
        text = (DEPLOY / "apache" / name).read_text()
        paths = {
            "/run/image-proxy/image-proxy.sock": handler_socket,
            '"/usr/lib/image-proxy/image-proxy"': f'"{executable}"',
            '"/usr/lib/image-proxy"': f'"{Path(executable).parent}"' if executable else None,
            "/etc/image-proxy/image-proxy.conf": configuration_file,
        }
        for installed, ours in paths.items():
            text = text.replace(installed, str(ours))
        return text

    @staticmethod
    def _unpacked(folder, executable):
        """What `make dist` puts into a tarball, as far as Apache sees it."""
        folder.mkdir()
        shutil.copy(DEPLOY / "shared-hosting" / ".htaccess", folder)
        shutil.copy(executable, folder / "image-proxy.fcgi")
        return folder

    def _upload(self, site, configuration_file, referer):
        """FTP would do it so: the folder, and then what the user has written in it."""
        shutil.copytree(site, self.root / "api")
        shutil.copy(configuration_file, self.root / "api" / "image-proxy.conf")
        if referer:
            rules = self.root / "api" / ".htaccess"
            rules.write_text(rules.read_text().replace("\n#referer ", "\n"))

    def check(self):
        """What `apache2 -t` says of the configuration."""
        return subprocess.run(self.check_command, capture_output=True, text=True)

    def start(self):
        return super().start(ready_at=("127.0.0.1", self.port))

    def log(self):
        return super().log() + (self.handler_log.read_text(errors="replace") if self.handler_log.exists() else "")
