"""Threads of a running process that stand still while the others go on: as a worker does that is stuck in the kernel or in a
library."""

import ctypes
import os
from contextlib import contextmanager
from pathlib import Path

PTRACE_DETACH, PTRACE_SEIZE, PTRACE_INTERRUPT = 17, 0x4206, 0x4207
WALL = 0x40000000
# System calls that a worker waits in, by their numbers on the machines that this is built for.
EPOLL_WAIT = {"x86_64": {232, 281}, "aarch64": {22}}[os.uname().machine]
POLL = {"x86_64": {7, 271}, "aarch64": {73}}[os.uname().machine]


def threads_in(pid, calls):
    """The threads of a process that wait in one of these system calls; but those of libraries, which have names of their own."""
    found = []
    name = Path(f"/proc/{pid}/comm").read_text()
    for task in Path(f"/proc/{pid}/task").iterdir():
        try:
            number = (task / "syscall").read_text().split()[0]
            is_ours = (task / "comm").read_text() == name
        except (OSError, IndexError):
            continue
        if is_ours and number.isdigit() and int(number) in calls:
            found.append(int(task.name))
    return found


def _ptrace(request, thread):
    library = ctypes.CDLL(None, use_errno=True)
    library.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
    library.ptrace.restype = ctypes.c_long
    if library.ptrace(request, thread, None, None) == -1:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), f"ptrace {request:#x}")


@contextmanager
def frozen(*threads):
    """These threads stand still meanwhile. Only the Python thread that froze them can let them go."""
    stopped = []
    try:
        for thread in threads:
            _ptrace(PTRACE_SEIZE, thread)
            _ptrace(PTRACE_INTERRUPT, thread)
            os.waitpid(thread, WALL)
            stopped.append(thread)
        yield
    finally:
        for thread in stopped:
            _ptrace(PTRACE_DETACH, thread)
