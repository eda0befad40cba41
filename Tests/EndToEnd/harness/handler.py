"""The executable under test: as a FastCGI responder, as one CGI request, and as an operator's command."""

import json
import os
import subprocess
from pathlib import Path

from .http import MOUNT, Response
from .process import ManagedProcess, open_files, status_field
from .waiting import LIVENESS, eventually

PROJECT = Path(__file__).resolve().parents[3]
EXECUTABLE = Path(os.environ.get("IMAGE_PROXY_EXECUTABLE", PROJECT / ".build" / "release" / "image-proxy"))


# "address" or "thread" where the executable has that sanitizer in it.
SANITIZER = os.environ.get("IMAGE_PROXY_SANITIZER")


def environment(settings):
    """What the handler sees: its settings (`ALLOWED_HOSTS="*"`) and nothing else of ours that could steer it."""
    passed = ("PATH", "HOME", "LANG", "TMPDIR", "ASAN_OPTIONS", "TSAN_OPTIONS")
    inherited = {name: os.environ[name] for name in passed if name in os.environ}
    return {**inherited, **{f"IMAGE_PROXY_{name}": str(value) for name, value in settings.items()}}


def write_configuration(path, settings):
    """The same settings as a configuration file."""
    path.write_text("".join(f"IMAGE_PROXY_{name}={value}\n" for name, value in settings.items()))
    return path


class Handler(ManagedProcess):
    """`image-proxy serve` on a Unix socket. Settings are given without their prefix: `Handler(folder, WORKERS=4)`."""

    def __init__(self, folder, ulimits=None, listen=None, **settings):
        self.socket_path = str(folder / "handler.sock")
        self.settings = settings
        command = [EXECUTABLE, "serve", "--listen", listen or f"unix:{self.socket_path}"]
        super().__init__("handler", command, folder, environment(settings), ulimits)

    def start(self):
        return super().start(ready_at=self.socket_path)

    def records(self):
        """The log lines as dictionaries; for LOG_FORMAT=json."""
        return [json.loads(line) for line in self.log().splitlines() if line.startswith("{")]

    def wait_for_log(self, *words):
        """The first log line with all of these words in it."""
        return eventually(
            lambda: next((line for line in self.log().splitlines() if all(word in line for word in words)), None),
            f"a log line with {words}")

    def other_lines(self):
        """The log lines that are not the one of each request."""
        return [line for line in self.log().splitlines() if "request finished" not in line]

    @property
    def resident(self):
        return status_field(self.pid, "VmRSS")

    @property
    def peak_resident(self):
        return status_field(self.pid, "VmHWM")

    @property
    def threads(self):
        return status_field(self.pid, "Threads")

    @property
    def open_files(self):
        return open_files(self.pid)


def run(*arguments, settings=None, within=LIVENESS, **options):
    """Runs a command of the executable to its end."""
    return subprocess.run(
        [str(EXECUTABLE), *map(str, arguments)], env=environment(settings or {}), stdin=subprocess.DEVNULL,
        capture_output=True, text=True, timeout=within, **options)


def cgi(query, settings, method="GET", path=MOUNT, within=LIVENESS, stdin=b"", program=(EXECUTABLE,), **variables):
    """One request as RFC 3875 has it, without a web server, to the executable or to what starts it. Returns (response, what was
    written to stderr)."""
    name, _, info = path[len(MOUNT):].partition("?")
    meta = {
        "GATEWAY_INTERFACE": "CGI/1.1", "REQUEST_METHOD": method, "QUERY_STRING": query,
        "REQUEST_URI": path + (f"?{query}" if query else ""), "SCRIPT_NAME": MOUNT, "PATH_INFO": name,
        "SERVER_PROTOCOL": "HTTP/1.1", "SERVER_NAME": "localhost", "SERVER_PORT": "80", "REMOTE_ADDR": "127.0.0.1",
        **variables,
    }
    done = subprocess.run([*map(str, program)], env={**environment(settings), **meta}, input=stdin,
                          capture_output=True, timeout=within)
    assert done.returncode == 0, (done.returncode, done.stderr)
    return parse_cgi(done.stdout), done.stderr.decode(errors="replace")


def parse_cgi(output):
    """A CGI or FastCGI answer (RFC 3875, 6) as a response."""
    separator = b"\r\n\r\n" if b"\r\n\r\n" in output else b"\n\n"
    head, found, body = output.partition(separator)
    assert found, f"no end of the head: {output[:200]!r}"
    headers = [tuple(part.strip() for part in line.split(":", 1)) for line in head.decode("latin-1").splitlines()]
    status = next((int(value.split()[0]) for name, value in headers if name.lower() == "status"), 200)
    headers = [(name, value) for name, value in headers if name.lower() != "status"]
    length = next((int(value) for name, value in headers if name.lower() == "content-length"), None)
    return Response(status, headers, body, length is None or length == len(body))
