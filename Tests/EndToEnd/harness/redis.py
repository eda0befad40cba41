"""A real redis-server, and a client of our own that is small enough to trust."""

import signal
import socket

from .process import ManagedProcess
from .waiting import eventually, free_port


class RedisError(Exception):
    """An error reply."""


class RedisClient:
    """Speaks RESP2 over one connection: `client("SET", "key", b"value")`. Strings come back as bytes."""

    def __init__(self, address, database=0, timeout=10.0):
        family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_STREAM)
        self.socket.settimeout(timeout)
        self.socket.connect(address)
        self.reader = self.socket.makefile("rb")
        if database:
            self("SELECT", database)

    def __call__(self, *words):
        self._send(words)
        return self._reply()

    def raw(self, words):
        """The reply as it came."""
        self._send(words)
        return b"".join(self._lines())

    def _send(self, words):
        encoded = [word if isinstance(word, bytes) else str(word).encode() for word in words]
        parts = [b"*%d\r\n" % len(encoded)]
        for word in encoded:
            parts += [b"$%d\r\n" % len(word), word, b"\r\n"]
        self.socket.sendall(b"".join(parts))

    def _lines(self):
        line = self.reader.readline()
        if not line.endswith(b"\r\n"):
            raise ConnectionError("Redis closed the connection")
        yield line
        count = int(line[1:-2]) if line[:1] in b"$*" else -1
        if count >= 0 and line[:1] == b"$":
            yield self.reader.read(count + 2)
        elif line[:1] == b"*":
            for _ in range(count):
                yield from self._lines()

    def _reply(self):
        line = self.reader.readline()
        if not line.endswith(b"\r\n"):
            raise ConnectionError("Redis closed the connection")
        kind, rest = line[:1], line[1:-2]
        if kind == b"+":
            return rest.decode()
        if kind == b"-":
            raise RedisError(rest.decode())
        if kind == b":":
            return int(rest)
        if kind == b"$":
            return None if rest == b"-1" else self.reader.read(int(rest) + 2)[:-2]
        if kind == b"*":
            return None if rest == b"-1" else [self._reply() for _ in range(int(rest))]
        raise ConnectionError(f"not RESP: {line!r}")

    def close(self):
        self.reader.close()
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Redis(ManagedProcess):
    """redis-server on a Unix socket and a TCP port, without persistence. It can be stopped, frozen and started again."""

    def __init__(self, folder, *arguments):
        self.socket_path = str(folder / "redis.sock")
        self.port = free_port()
        super().__init__("redis", [
            "redis-server", "--bind", "127.0.0.1", "--port", self.port, "--unixsocket", self.socket_path,
            "--unixsocketperm", "700", "--save", "", "--appendonly", "no", "--daemonize", "no", "--databases", "4096",
            "--dir", folder, *arguments], folder)

    def start(self):
        super().start(ready_at=self.socket_path)
        eventually(self._answers, "redis answers PING")
        return self

    def _answers(self):
        try:
            with self.client() as client:
                return client("PING") == "PONG"
        except RedisError as refusal:
            # A server with a password answers too.
            return str(refusal).startswith("NOAUTH")
        except OSError:
            return False

    def client(self, database=0):
        return RedisClient(self.socket_path, database)

    def unix_address(self, database=0):
        """The value of IMAGE_PROXY_CACHE for the Unix socket."""
        return f"unix:{self.socket_path}?db={database}"

    def tcp_address(self, database=0):
        return f"redis://127.0.0.1:{self.port}/{database}"

    def freeze(self):
        """The kernel goes on accepting for it; nothing answers."""
        self.send(signal.SIGSTOP)

    def thaw(self):
        self.send(signal.SIGCONT)

    def kill(self):
        self.stop(signal.SIGKILL)
