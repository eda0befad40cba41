"""The handler as somebody else starts it, on a socket that is made for it; with the project's own files from deploy/."""

from pathlib import Path

from .handler import EXECUTABLE, environment
from .process import ManagedProcess, not_as_root

DEPLOY = Path(__file__).resolve().parents[3] / "deploy"


class SpawnFCGI(ManagedProcess):
    """deploy/spawn-fcgi/image-proxy-run: spawn-fcgi and multiwatch."""

    def __init__(self, folder, settings):
        self.socket_path = str(folder / "handler.sock")
        script = folder / "image-proxy-run"
        text = (DEPLOY / "spawn-fcgi" / "image-proxy-run").read_text()
        paths = {
            "/run/image-proxy/image-proxy.sock": self.socket_path,
            "/run/image-proxy": str(folder),
            "/usr/lib/image-proxy/image-proxy": str(EXECUTABLE),
        }
        for installed, ours in paths.items():
            text = text.replace(installed, ours)
        script.write_text(text)
        script.chmod(0o755)
        super().__init__("handler", not_as_root([script]), folder, environment(settings))

    def start(self):
        return super().start(ready_at=self.socket_path)


class SocketActivated(ManagedProcess):
    """The two units of deploy/systemd as systemd-socket-activate has them: the socket of the one, the command of the
    other. It makes the socket, starts the handler on the first connection and hands it over (sd_listen_fds)."""

    def __init__(self, folder, settings):
        self.socket_path = str(folder / "handler.sock")
        command = unit("image-proxy.service")["ExecStart"].replace("/usr/lib/image-proxy/image-proxy", str(EXECUTABLE))
        assert unit("image-proxy.socket")["ListenStream"] == "/run/image-proxy/image-proxy.sock"
        passed = environment(settings)
        super().__init__("handler", [
            "systemd-socket-activate", f"--listen={self.socket_path}", *(f"--setenv={name}" for name in passed),
            *command.split()], folder, passed)

    def start(self):
        return super().start(ready_at=self.socket_path)


def unit(name):
    """The settings of a unit file; the last of two."""
    lines = (DEPLOY / "systemd" / name).read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))
