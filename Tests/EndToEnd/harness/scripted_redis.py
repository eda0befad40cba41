"""Something that listens where Redis should be and answers whatever a test says."""

import socket
import threading


class ScriptedRedis:
    """Answers every read with `reply`; closes at once where it is None, says nothing where it is empty."""

    def __init__(self, reply):
        self.reply = reply
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
            while self.reply is not None and connection.recv(65536):
                self.commands += 1
                connection.sendall(self.reply)
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
