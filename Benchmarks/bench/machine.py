"""What the figures were measured on and with."""

import os
import platform
import subprocess
from pathlib import Path

from harness.handler import EXECUTABLE

from . import PROJECT


def describe():
    """(name, value) rows."""
    return [
        ("processor", f"{_cpu_model()}, {os.cpu_count()} cores"),
        ("memory", f"{os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE') / 2**30:.0f} GiB"),
        ("system", f"{_system()}, Linux {platform.release()}"),
        ("load before the run", " ".join(f"{value:.2f}" for value in os.getloadavg())),
        ("image-proxy", f"{_said(EXECUTABLE, '--version')}, commit {_commit()}"),
        ("nginx", _said("nginx", "-v")),
        ("Redis", _said("redis-server", "--version").split(" sha=")[0]),
        ("Node", _said("node", "--version")),
        ("wrk", _said("wrk", "--version").split(" Copyright")[0]),
        ("Python", platform.python_version()),
    ]


def _said(*command):
    """The first line that a command says of itself, on whichever stream."""
    try:
        done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired) as problem:
        return str(problem)
    return ((done.stdout + done.stderr).strip().splitlines() or ["?"])[0]


def _commit():
    def git(*arguments):
        return subprocess.run(["git", "-C", PROJECT, *arguments], capture_output=True, text=True).stdout.strip()
    changed = " with changes" if git("status", "--porcelain", "--untracked-files=no", "--", "Sources") else ""
    return (git("rev-parse", "--short", "HEAD") or "unknown") + changed


def _cpu_model():
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _system():
    return platform.freedesktop_os_release().get("PRETTY_NAME", "Linux")
