"""Stands between the handler and a real Redis, and answers some commands itself: byte for byte what a test says, and when."""

import socket
import threading

from .redis import RedisClient


class LyingRedis:
    """`answer(words)` gets each command as a list of bytes. What it returns is sent in place of Redis' own answer; with None
    Redis is asked. Anything else than bytes is sent piece by piece, `pause` seconds apart; None in it closes the connection.

    `commands` is everything that was asked, `connections` how many connections were opened.
    """

    def __init__(self, redis, answer=lambda words: None, database=0, pause=0.0):
        self.redis = redis
        self.answer = answer
        self.database = database
        self.pause = pause
        self.commands = []
        self.connections = 0
        self._stopping = threading.Event()
        self._open = []
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def address(self):
        return f"redis://127.0.0.1:{self.port}/{self.database}"

    def count(self, name):
        return sum(words[0].upper() == name for words in list(self.commands))

    def _accept(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            # Answers to a pipeline go out one by one, and none waits for the acknowledgement of the one before.
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.connections += 1
            self._open.append(connection)
            threading.Thread(target=self._converse, args=(connection,), daemon=True).start()

    def _converse(self, connection):
        try:
            with RedisClient(self.redis.socket_path) as upstream, connection.makefile("rb") as reader:
                while words := self._command(reader):
                    self.commands.append(words)
                    reply = self.answer(words)
                    if reply is None:
                        reply = upstream.raw(words)
                    self._send(connection, reply)
        except (OSError, ValueError):
            pass
        finally:
            connection.close()

    def _send(self, connection, reply):
        for piece in [reply] if isinstance(reply, bytes) else reply:
            if piece is None:
                raise ConnectionAbortedError
            connection.sendall(piece)
            if self.pause and self._stopping.wait(self.pause):
                return

    @staticmethod
    def _command(reader):
        """The next command; None at the end."""
        line = reader.readline()
        if not line.startswith(b"*"):
            return None
        return [reader.read(int(reader.readline()[1:]) + 2)[:-2] for _ in range(int(line[1:]))]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._stopping.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in self._open:
            connection.close()
