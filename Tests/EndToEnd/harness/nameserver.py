"""A name server of the test's own (RFC 1035), which gives other answers to the same question if it is told to."""

import ipaddress
import itertools
import socket
import struct
import threading

A, CNAME, AAAA = 1, 5, 28
KINDS = {A: "A", AAAA: "AAAA"}


class NameServer:
    """`names.answer("a.test", "192.0.2.1", "2001:db8::1")` sets what a name has; `names.in_turn(name, [..], [..])` what it has
    the first time that it is asked for, and the next, the last answer staying; `names.alias(name, target)` is a CNAME;
    names in `silent` are never answered.
    Names are compared in lower case. `asked` is every question as (name, kind).
    """

    _numbers = itertools.count(1)

    def __init__(self, address, port=53):
        self.asked = []
        self.silent = set()
        self._answers = {}
        self._aliases = {}
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((address, port))
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def start(self):
        self._thread.start()
        return self

    def fresh(self, *addresses):
        """A name that nobody has asked for yet, with these addresses."""
        return self.answer(f"n{next(self._numbers)}.names.test", *addresses)

    def answer(self, name, *addresses):
        self._answers[name] = [list(addresses)]
        return name

    def in_turn(self, name, *answers):
        self._answers[name] = [list(answer) for answer in answers]
        return name

    def alias(self, name, target):
        self._aliases[name] = target
        return name

    def stop(self):
        # Wakes the thread, which a close alone does not.
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self._socket.close()

    def _serve(self):
        while True:
            try:
                question, sender = self._socket.recvfrom(4096)
            except OSError:
                return
            if not question:
                return
            try:
                reply = self._reply(question)
                if self.asked[-1][0] not in self.silent:
                    self._socket.sendto(reply, sender)
            except (OSError, struct.error, IndexError):
                continue

    def _reply(self, question):
        labels, position = [], 12
        while question[position]:
            length = question[position]
            labels.append(question[position + 1:position + 1 + length].decode("latin-1"))
            position += 1 + length
        kind = struct.unpack("!H", question[position + 1:position + 3])[0]
        asked = question[12:position + 5]
        name = ".".join(labels).lower()
        self.asked.append((name, KINDS.get(kind, str(kind))))
        records = []
        owner = name
        while owner in self._aliases and len(records) < 16:
            target = self._aliases[owner]
            records.append(self._record(owner, CNAME, encoded(target)))
            owner = target
        records += [self._record(owner, kind, packed) for packed in self._addresses(owner, kind)]
        # NXDOMAIN where there is no such name at all.
        code = 0 if owner in self._answers else 3
        # A response with authority, recursion available.
        head = question[:2] + struct.pack("!HHHHH", 0x8580 | code, 1, len(records), 0, 0)
        return head + asked + b"".join(records)

    def _addresses(self, name, kind):
        answers = self._answers.get(name, [[]])
        of_kind = [ipaddress.ip_address(text) for text in answers[0]]
        # Both kinds are asked for at once: the turn is over when the second of them has been answered.
        turns = sum(1 for asked, _ in self.asked if asked == name)
        if len(answers) > 1 and turns % 2 == 0:
            answers.pop(0)
        version = {A: 4, AAAA: 6}.get(kind)
        return [address.packed for address in of_kind if address.version == version]

    @staticmethod
    def _record(name, kind, data):
        # Without a lifetime, so that nobody keeps it.
        return encoded(name) + struct.pack("!HHIH", kind, 1, 0, len(data)) + data


def encoded(name):
    return b"".join(bytes([len(label)]) + label.encode("latin-1") for label in name.split(".")) + b"\0"
