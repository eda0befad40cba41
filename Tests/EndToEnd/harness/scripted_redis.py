"""Something that listens where Redis should be and answers whatever a test says."""

import re
import socket
import threading


class ScriptedRedis:
    """Answers each command with `reply`, and `closes` after the first; closes at once where it is None, says nothing where it
    is empty. `commands` is how many have come."""

    def __init__(self, reply, closes=False):
        self.reply = reply
        self.closes = closes
        self.commands = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._open = []
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def address(self):
        return f"redis://127.0.0.1:{self.port}/0"

    def _accept(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._open.append(connection)
            threading.Thread(target=self._converse, args=(connection,), daemon=True).start()

    def _converse(self, connection):
        try:
            while self.reply is not None and (data := connection.recv(65536)):
                count = len(re.findall(rb"^\*\d+\r$", data, re.MULTILINE))
                self.commands += count
                connection.sendall(self.reply if self.closes else self.reply * count)
                if self.closes:
                    break
        except OSError:
            pass
        connection.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in self._open:
            connection.close()
