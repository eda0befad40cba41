"""The load generator, one thread on loopback, and what it saw."""

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

from .plan import CONNECTIONS

SCRIPT = Path(__file__).with_name("load.lua")


class LoadFailed(Exception):
    """The peer did not answer every request with 200."""


@dataclass(frozen=True)
class Load:
    requests: int
    rate: float
    p50_ms: float
    p99_ms: float


def in_turn(port, seconds, paths):
    """Asks for these paths one after another, for whole seconds."""
    return _run(port, seconds, "in-turn", *paths)


def ever_new(port, seconds, path):
    """Asks for `path` with a number behind it that grows."""
    return _run(port, seconds, "ever-new", path)


def _run(port, seconds, *arguments):
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--timeout", "10s", "-s", str(SCRIPT),
               f"http://127.0.0.1:{port}/", "--", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=seconds + 30)
    if done.returncode:
        raise LoadFailed(f"wrk: {done.stderr or done.stdout}")
    seen = json.loads(done.stdout.strip().splitlines()[-1])
    if seen["status"] or seen["broken"] or not seen["requests"]:
        raise LoadFailed(f"{seen['requests']} answers, {seen['status']} not 200, {seen['broken']} broken")
    return Load(seen["requests"], seen["requests"] * 1e6 / seen["microseconds"], seen["p50"] / 1000, seen["p99"] / 1000)
