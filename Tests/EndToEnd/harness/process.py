"""A child process with its log in a file, ended by its own process id and by nothing else."""

import os
import signal
import subprocess
from pathlib import Path

from .waiting import LIVENESS, NotYet, accepts, eventually


class ProcessDied(RuntimeError):
    """A process ended, or never became ready; its log is in the message."""


class ManagedProcess:
    """Starts a command that stays in the foreground. `stop()` may be called often.

    The child leads a session of its own, so that a Ctrl-C in the terminal reaches only us, and is sent SIGTERM by the
    kernel (setpriv --pdeathsig) should we be killed before we can stop it.
    """

    def __init__(self, name, command, folder, environment=None, ulimits=None):
        self.name = name
        self.command = [str(part) for part in command]
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.environment = environment
        self.ulimits = ulimits or {}
        self.log_path = self.folder / f"{name}.log"
        self.process = None

    def start(self, ready_at=None):
        guard = ["setpriv", "--pdeathsig", "TERM", "--"]
        limits = ["prlimit", *(f"--{name}={value}" for name, value in self.ulimits.items())] if self.ulimits else []
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                [*limits, *guard, *self.command],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self.environment, start_new_session=True)
        if ready_at is not None:
            self.wait_until_ready(ready_at)
        return self

    def wait_until_ready(self, address):
        def ready():
            if self.process.poll() is not None:
                raise ProcessDied(f"{self.name} ended with {self.process.returncode} at its start:\n{self.log()}")
            return accepts(address)
        try:
            eventually(ready, f"{self.name} accepts connections at {address}")
        except NotYet as problem:
            self.stop()
            raise ProcessDied(f"{problem}\n{self.log()}") from None

    @property
    def pid(self):
        return self.process.pid

    @property
    def is_running(self):
        return self.process is not None and self.process.poll() is None

    def send(self, number):
        self.process.send_signal(number)

    def wait(self, within=LIVENESS):
        """The exit status, once the process has ended of itself."""
        try:
            return self.process.wait(within)
        except subprocess.TimeoutExpired:
            raise NotYet(f"{self.name} has not ended within {within:g} s:\n{self.log()[-4000:]}") from None

    def stop(self, number=signal.SIGTERM, within=10.0):
        """Asks the process to end, insists after `within` seconds; returns its exit status."""
        if self.process is None:
            return None
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.send_signal(number)
            try:
                self.process.wait(within)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        return self.process.returncode

    def log(self):
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def __enter__(self):
        if self.process is None:
            self.start()
        return self

    def __exit__(self, *_):
        self.stop()


def not_as_root(command):
    """The command as a program meets it that refuses to be root, or would become a user who cannot read our folders: it
    keeps our access and is told another number. Where we are not root anyway, the command as it is."""
    if os.geteuid() != 0:
        return command
    # A new user namespace takes away what ends a child with its parent, so once more.
    return ["unshare", "--user", "--map-user=1", "--map-group=1", "setpriv", "--pdeathsig", "TERM", "--", *command]


def status_field(pid, field):
    """A number from /proc/PID/status: VmRSS and VmHWM in bytes, Threads as it is."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(field + ":"):
            words = line.split()
            return int(words[1]) * (1024 if words[-1] == "kB" else 1)
    raise KeyError(field)


def processor_time(pid):
    """Seconds of processor time that a process has used, in itself and in the kernel (proc(5), utime and stime)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def open_files(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def connections_to(pid, port):
    """How many connections over IPv4 a process has to a port of somebody else."""
    rows = [line.split() for line in Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]]
    return _count_descriptors(pid, {f"socket:[{row[9]}]" for row in rows if int(row[2].partition(":")[2], 16) == port})


def _count_descriptors(pid, wanted):
    """How many descriptors of a process are one of these."""
    found = 0
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        try:
            found += os.readlink(entry) in wanted
        except OSError:
            continue
    return found


def socket_pairs(pid):
    """How many pairs of Unix sockets without a name a process has: libcurl has one for each of its handles, to wake it by."""
    return _count_descriptors(pid, {f"socket:[{row[6]}]" for row in _unix_sockets(pid) if len(row) == 7}) // 2


def connections_of(pid, path):
    """How many connections a process has accepted on the Unix socket at `path`. The kernel knows that by the name under which it
    was bound: the same, with the process id behind it."""
    listening, bound = "00010000", [f"{path}.{pid}"]
    return _count_descriptors(pid, {
        f"socket:[{row[6]}]" for row in _unix_sockets(pid) if row[7:] == bound and row[3] != listening})


def _unix_sockets(pid):
    """The Unix sockets that a process can see, of everybody, each as the words of its line (proc(5), /proc/net/unix)."""
    return [line.split() for line in Path(f"/proc/{pid}/net/unix").read_text().splitlines()[1:]]


def children_of(pid):
    """The process ids whose parent is `pid`."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                status = (entry / "stat").read_text()
            except OSError:
                continue
            if int(status.rpartition(")")[2].split()[1]) == pid:
                found.append(int(entry.name))
    return found
