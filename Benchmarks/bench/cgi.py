"""Plain CGI: a process for each request. A hit from Redis, and the processor time that the whole process took."""

import os
import subprocess
import time

from harness.handler import EXECUTABLE, environment, parse_cgi
from harness.http import MOUNT

from .checks import CheckFailed, wait_until_stored
from .images import KB
from .stage import CGI_DATABASE, Peer

IMAGE = 50 * KB


def measure(stage, plan, tell):
    tell("CGI")
    row = {"key": "cgi", "label": f"image-proxy, one CGI process a request, a hit of {IMAGE // KB} KB from Redis",
           "cpu": [], "wall": [], "failed": None}
    # What it costs to start anything at all from here.
    floor = {"key": "floor", "label": "/bin/true", "cpu": [], "wall": [], "failed": None}
    name = stage.images(IMAGE, 1)[0]
    place = f"fast/{name}"
    variables = _variables(stage, place)
    try:
        _answer(stage, variables, name)
        wait_until_stored(stage, Peer("cgi", "CGI", 0, None, database=CGI_DATABASE), [name])
        for _ in range(plan.cgi_runs):
            _note(row, _answer(stage, variables, name, is_hit=True))
            _note(floor, _run(["/bin/true"], {})[1])
    except CheckFailed as problem:
        row["failed"] = str(problem)
    finally:
        stage.forget(CGI_DATABASE)
    return [row, floor]


def _variables(stage, place):
    query = Peer("cgi", "", 0, stage.asked_for).path(place).partition("?")[2]
    return {**environment(stage.settings(CGI_DATABASE)), "GATEWAY_INTERFACE": "CGI/1.1", "REQUEST_METHOD": "GET",
            "QUERY_STRING": query, "REQUEST_URI": f"{MOUNT}?{query}", "SCRIPT_NAME": MOUNT,
            "SERVER_PROTOCOL": "HTTP/1.1", "SERVER_NAME": "localhost", "SERVER_PORT": "80", "REMOTE_ADDR": "127.0.0.1"}


def _answer(stage, variables, name, is_hit=False):
    output, cost = _run([str(EXECUTABLE)], variables)
    try:
        response = parse_cgi(output)
    except AssertionError as problem:
        raise CheckFailed(f"CGI: {problem}") from None
    if response.status != 200 or response.body != stage.body(name):
        raise CheckFailed(f"CGI: status {response.status}, {len(response.body)} bytes")
    if is_hit and not response.is_hit:
        raise CheckFailed(f"CGI: no hit: {response.cache_status!r}")
    return cost


def _run(command, variables):
    """(its output, (processor ms, wall ms)) of one process, to its end."""
    start = time.perf_counter()
    process = subprocess.Popen(command, env=variables, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.DEVNULL)
    output = process.stdout.read()
    process.stdout.close()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    wall = (time.perf_counter() - start) * 1000
    if process.returncode:
        raise CheckFailed(f"{command[0]}: exit status {process.returncode}")
    return output, ((usage.ru_utime + usage.ru_stime) * 1000, wall)


def _note(row, cost):
    for name, value in zip(("cpu", "wall"), cost):
        row[name].append(value)
