"""A control group with little memory, below the one that we are in."""

import os
from pathlib import Path


class MemoryGroup:
    """`obstacle` says why there is none; None where it works. `inside(command)` runs a command in it."""

    def __init__(self, limit):
        self.folder = None
        self.obstacle = None
        try:
            self._make(limit)
        except (OSError, LookupError) as problem:
            self.stop()
            self.obstacle = str(problem)

    def _make(self, limit):
        parent, limit_file = self._parent()
        folder = parent / f"image-proxy-test-{os.getpid()}"
        folder.mkdir()
        self.folder = folder
        (folder / limit_file).write_text(str(limit))

    @staticmethod
    def _parent():
        """The group that we are in, and the name of the file with its limit."""
        for line in Path("/proc/self/cgroup").read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            if "memory" in controllers.split(","):
                return Path("/sys/fs/cgroup/memory" + path), "memory.limit_in_bytes"
            if not controllers and Path("/sys/fs/cgroup" + path, "memory.max").exists():
                return Path("/sys/fs/cgroup" + path), "memory.max"
        raise LookupError("no control group of ours has memory")

    def inside(self, command):
        join = 'echo $$ >"$1/cgroup.procs" && shift && exec "$@"'
        return ["sh", "-c", join, "sh", str(self.folder), *map(str, command)]

    @property
    def kills(self):
        """How many processes the kernel has ended for want of memory."""
        for name in ("memory.events", "memory.oom_control"):
            if (self.folder / name).exists():
                for line in (self.folder / name).read_text().splitlines():
                    if line.startswith("oom_kill "):
                        return int(line.split()[1])
        raise LookupError("the group does not count them")

    def stop(self):
        if self.folder:
            self.folder.rmdir()
            self.folder = None
