"""Plain CGI: a process for each request. The processor time of the whole process, from what is started to a hit."""

import os
import subprocess
import time
from dataclasses import dataclass

from harness.handler import EXECUTABLE, environment, parse_cgi
from harness.http import MOUNT

from .checks import CheckFailed, wait_until_stored
from .images import KB
from .stage import CGI_DATABASE, Peer

IMAGE = 50 * KB


@dataclass(frozen=True)
class _Start:
    """One kind of process. `over` is the key of the one to which it adds something; `check` judges what it wrote."""
    key: str
    label: str
    command: list
    variables: dict
    check: object
    over: str = None


def measure(stage, plan, tell):
    tell("CGI")
    name = stage.images(IMAGE, 1)[0]
    starts = _starts(stage, name)
    rows = {start.key: {"key": start.key, "label": start.label, "over": start.over, "cpu": [], "wall": [],
                        "failed": None} for start in starts}
    try:
        for start in starts:
            _attempt(rows[start.key], lambda: _prime(stage, start, name))
        # One of each in turn.
        for _ in range(plan.cgi_runs):
            for start in starts:
                _attempt(rows[start.key], lambda: _run_once(start, rows[start.key]))
    finally:
        stage.forget(CGI_DATABASE)
    return list(rows.values())


def _starts(stage, name):
    """From nothing to a hit."""
    image = Peer("cgi", "", 0, stage.asked_for).path(f"fast/{name}").partition("?")[2]
    program, redis = [str(EXECUTABLE)], stage.settings(CGI_DATABASE)
    files = {**redis, "CACHE": f"file:{stage.new_folder('cgi')}"}

    def hit(output):
        _expect(output, 200, stage.body(name), is_hit=True)
    return [
        _Start("floor", "/bin/true", ["/bin/true"], {}, lambda _: None),
        _Start("version", "image-proxy --version: the process, its libraries, Swift's runtime", [*program, "--version"], {},
               _expect_version, "floor"),
        _Start("refused", "image-proxy, a CGI request without a URL, no cache: configuration and a 400", program,
               _variables({**redis, "CACHE": "off"}, ""), lambda output: _expect(output, 400), "version"),
        _Start("file", f"image-proxy, one CGI process a request, a hit of {IMAGE // KB} KB from the embedded store", program,
               _variables(files, image), hit, "refused"),
        _Start("cgi", f"image-proxy, one CGI process a request, a hit of {IMAGE // KB} KB from Redis", program,
               _variables(redis, image), hit, "refused"),
    ]


def _variables(settings, query):
    return {**environment(settings), "GATEWAY_INTERFACE": "CGI/1.1", "REQUEST_METHOD": "GET",
            "QUERY_STRING": query, "REQUEST_URI": f"{MOUNT}?{query}", "SCRIPT_NAME": MOUNT,
            "SERVER_PROTOCOL": "HTTP/1.1", "SERVER_NAME": "localhost", "SERVER_PORT": "80", "REMOTE_ADDR": "127.0.0.1"}


def _attempt(row, step):
    """A kind that fails is out, and the table says why."""
    if row["failed"] is None:
        try:
            step()
        except CheckFailed as problem:
            row["failed"] = str(problem)


def _prime(stage, start, name):
    """The miss that makes hits of the others. A process ends when its image is stored."""
    if start.key in ("file", "cgi"):
        _expect(_run(start)[0], 200, stage.body(name))
    if start.key == "cgi":
        wait_until_stored(stage, Peer("cgi", "CGI", 0, None, database=CGI_DATABASE), [name])


def _run_once(start, row):
    output, processor, wall = _run(start)
    start.check(output)
    row["cpu"].append(processor)
    row["wall"].append(wall)


def _run(start):
    """(its output, processor ms, wall ms) of one process, to its end."""
    begin = time.perf_counter()
    process = subprocess.Popen(start.command, env=start.variables, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.DEVNULL)
    output = process.stdout.read()
    process.stdout.close()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    wall = (time.perf_counter() - begin) * 1000
    if process.returncode:
        raise CheckFailed(f"{' '.join(start.command)}: exit status {process.returncode}")
    return output, (usage.ru_utime + usage.ru_stime) * 1000, wall


def _expect_version(output):
    if not output.startswith(b"image-proxy "):
        raise CheckFailed(f"--version: {output[:80]!r}")


def _expect(output, status, body=None, is_hit=False):
    try:
        response = parse_cgi(output)
    except AssertionError as problem:
        raise CheckFailed(f"CGI: {problem}") from None
    if response.status != status or body not in (None, response.body):
        raise CheckFailed(f"CGI: status {response.status}, {len(response.body)} bytes")
    if is_hit and not response.is_hit:
        raise CheckFailed(f"CGI: no hit: {response.cache_status!r}")
