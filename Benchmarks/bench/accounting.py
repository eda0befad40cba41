"""What processes cost, as the kernel counts it: processor time and resident memory, summed over a process tree."""

import os
import time
from pathlib import Path

from harness.process import children_of, status_field

MICROSECONDS_A_TICK = 1_000_000 / os.sysconf("SC_CLK_TCK")


def tree(pid):
    """The process and its descendants: nginx's master and workers, say."""
    return [pid] + [descendant for child in children_of(pid) for descendant in tree(child)]


def processor_time(pid):
    """Microseconds of user and system time, over all threads. The kernel counts in ticks of 10 ms."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * MICROSECONDS_A_TICK


class ProcessorMeter:
    """What groups of processes, {role: pids}, spend from now on."""

    def __init__(self, groups):
        self.before = {role: {pid: processor_time(pid) for pid in pids} for role, pids in groups.items()}

    def spent(self):
        """Microseconds for each role. A process that has ended (nginx's cache loader does) counts no more."""
        return {role: sum(processor_time(pid) - before for pid, before in pids.items() if _is_alive(pid))
                for role, pids in self.before.items()}


def machine_time():
    """Microseconds that all processors have spent on anything, by whomever."""
    user, nice, system, _, _, interrupts, soft_interrupts, stolen = map(
        int, Path("/proc/stat").read_text().split(None, 9)[1:9])
    return (user + nice + system + interrupts + soft_interrupts + stolen) * MICROSECONDS_A_TICK


def own_time():
    """Microseconds of this process and of the children that it has waited for, wrk among them."""
    times = os.times()
    return (times.user + times.system + times.children_user + times.children_system) * 1e6


def _is_alive(pid):
    return Path(f"/proc/{pid}").exists()


def resident(pids):
    return sum(status_field(pid, "VmRSS") for pid in pids if _is_alive(pid))


def peak_resident(pids):
    """The sum of each process's own peak since `forget_peak`."""
    return sum(status_field(pid, "VmHWM") for pid in pids if _is_alive(pid))


def forget_peak(pids):
    """Lets VmHWM begin again at what is resident now (proc(5), clear_refs)."""
    for pid in pids:
        Path(f"/proc/{pid}/clear_refs").write_text("5\n")


def wait_until_idle(pids, within=10.0):
    """Waits until the processes have stopped working: a miss goes on into the cache after its client has left."""
    wait_until_still(lambda: [processor_time(pid) for pid in pids if _is_alive(pid)], 0.05, within)


def wait_until_still(question, still, within=10.0):
    """Asks until the answer has not changed for `still` seconds, and returns it."""
    deadline = time.monotonic() + within
    answer, since = question(), time.monotonic()
    while time.monotonic() < min(deadline, since + still):
        time.sleep(still / 5)
        if answer != (answer := question()):
            since = time.monotonic()
    return answer
