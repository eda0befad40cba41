"""A network in which every address answers: what is refused there was refused by the handler, since nothing else would."""

import ctypes
import ipaddress
import os
import socket
import subprocess
import threading
from contextlib import contextmanager
from pathlib import Path

from .nameserver import NameServer
from .process import ManagedProcess
from .waiting import LIVENESS

CLONE_NEWNET = 0x40000000
# Held in a namespace of its own for as long as the process lives: with it everything of the network is gone.
HOLD = """
set -e
ip link set lo up
# Every address is this machine's own.
ip route add local 0.0.0.0/0 dev lo
ip -6 route add local ::/0 dev lo
echo ready
exec sleep infinity
"""
# Who is asked for names is said in files that only the command sees.
INSIDE = """
set -e
mount --make-rprivate /
mount --bind "$1" /etc/resolv.conf
mount --bind "$2" /etc/nsswitch.conf
mount --bind "$3" /etc/hosts
shift 3
exec "$@"
"""


class Everywhere:
    """Made by root alone. `obstacle` says why there is none; None where it works.

    `with network.entered():` makes sockets of it in this thread, `network.inside(command)` runs a command in it.
    `network.names` is the name server that the handler asks there.
    """

    def __init__(self, folder):
        self.folder = Path(folder)
        self.names = None
        self.holder = subprocess.Popen(
            ["unshare", "--net", "--mount", "setpriv", "--pdeathsig", "TERM", "--", "sh", "-c", HOLD],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)
        works = self.holder.stdout.readline() == "ready\n"
        self.obstacle = None if works else self.holder.communicate()[1].strip() or "no reason given"
        if self.obstacle is None:
            self._configure_names()

    # What the handler sees in /etc, in the order of INSIDE.
    FILES = {
        "resolv.conf": "nameserver 127.0.0.53\noptions timeout:1 attempts:2\n",
        "nsswitch.conf": "hosts: files dns\n",
        "hosts": "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n",
    }

    def _configure_names(self):
        for name, text in self.FILES.items():
            (self.folder / name).write_text(text)
        with self.entered():
            self.names = NameServer("127.0.0.53").start()

    @contextmanager
    def entered(self):
        """What this thread opens belongs to the network. Threads that it starts belong to it too."""
        home = os.open(f"/proc/self/task/{threading.get_native_id()}/ns/net", os.O_RDONLY)
        there = os.open(f"/proc/{self.holder.pid}/ns/net", os.O_RDONLY)
        try:
            enter(there)
            yield
        finally:
            enter(home)
            os.close(home)
            os.close(there)

    def inside(self, command):
        """The command, to be run in the network."""
        files = [str(self.folder / name) for name in self.FILES]
        return ["nsenter", f"--net=/proc/{self.holder.pid}/ns/net", "unshare", "--mount", "sh", "-c", INSIDE, "sh", *files,
                *map(str, command)]

    def answers(self, address, port):
        """Whether a connection to the address can be made there by somebody who asks nobody."""
        with self.entered():
            with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as probe:
                probe.settimeout(5)
                try:
                    probe.connect((address, port))
                    return True
                except OSError:
                    return False

    def stop(self):
        if self.names:
            self.names.stop()
        if self.holder.poll() is None:
            self.holder.terminate()
            self.holder.wait()
        self.holder.stdout.close()
        self.holder.stderr.close()


def enter(descriptor):
    """Moves this thread, and no other, into a network namespace."""
    if ctypes.CDLL(None, use_errno=True).setns(descriptor, CLONE_NEWNET) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), "setns")


class Ear:
    """Listens on ports of every address of a network. `heard()` is every connection that has been made since it was
    asked last, as (address that was dialled, port). Answers one request on each by `script(target)`, which returns the bytes of a response.
    """

    # What is dialled by nobody but the ear itself.
    MARK = "9.9.9.9"

    def __init__(self, network, ports, script):
        self._network = network
        self._ports = ports
        self._log = []
        self._changed = threading.Condition()
        self._script = script
        self._listeners = []
        with network.entered():
            for port in ports:
                # One socket for both families.
                listener = socket.socket(socket.AF_INET6)
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
                listener.bind(("::", port))
                listener.listen(512)
                self._listeners.append(listener)
            for listener in self._listeners:
                threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def heard(self):
        """What has been heard since this was asked last, with all that was dialled before now: the connections to a port come
        in their order."""
        for port in self._ports:
            assert self._network.answers(self.MARK, port)
        marks = {(self.MARK, port) for port in self._ports}
        with self._changed:
            assert self._changed.wait_for(lambda: marks <= set(self._log), LIVENESS), "what was dialled is not heard"
            heard = [entry for entry in self._log if entry not in marks]
            self._log.clear()
        return heard

    def _accept(self, listener):
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            address, port = connection.getsockname()[:2]
            parsed = ipaddress.IPv6Address(address)
            with self._changed:
                self._log.append((str(parsed.ipv4_mapped or parsed), port))
                self._changed.notify_all()
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection):
        received = b""
        with connection:
            try:
                while b"\r\n\r\n" not in received:
                    data = connection.recv(65536)
                    if not data:
                        return
                    received += data
                connection.sendall(self._script(received.split(b" ", 2)[1].decode("latin-1")))
            except (OSError, IndexError):
                return

    def stop(self):
        for listener in self._listeners:
            try:
                listener.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            listener.close()


def within(network, process):
    """A process that was made and not yet started, to run in the network."""
    assert isinstance(process, ManagedProcess)
    process.command = network.inside(process.command)
    return process
