"""Waiting for what happens in another process: by asking again, never by sleeping for a guessed time."""

import socket
import time

# "It does not hang", not "it is fast": long enough for a busy machine with two cores.
LIVENESS = 20.0


class NotYet(AssertionError):
    """What was waited for did not happen within its bound."""


def eventually(question, what="the condition", within=LIVENESS):
    """Asks until the answer is true, and returns that answer."""
    deadline = time.monotonic() + within
    pause = 0.002
    while True:
        answer = question()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise NotYet(f"{what}: not within {within:g} s (last answer: {answer!r})")
        time.sleep(pause)
        pause = min(pause * 1.5, 0.1)


def accepts(address):
    """Whether something accepts connections at a Unix path or a (host, port)."""
    family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.settimeout(2)
        try:
            probe.connect(address)
            return True
        except OSError:
            return False


def free_port(host="127.0.0.1"):
    """A port that was free a moment ago. The kernel hands out ephemeral ports in no order, so a clash is rare."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((host, 0))
        return probe.getsockname()[1]
