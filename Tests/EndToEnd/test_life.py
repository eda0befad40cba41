"""The life of the process: reloads, what it tells its supervisor, and stops that lose nothing."""

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import threading

import pytest

from harness import behaviours
from harness.crowd import Crowd
from harness.fastcgi import FastCGIClient, parameters, request_bytes
from harness.frozen import EPOLL_WAIT, POLL, frozen, threads_in
from harness.handler import EXECUTABLE, Handler, environment
from harness.http import MOUNT, Client, proxied
from harness.images import MIB, png_of_size
from harness.nginx import Nginx
from harness.process import ManagedProcess, children_of
from harness.supervised import SocketActivated
from harness.waiting import accepts, eventually, free_port

BODY = png_of_size(20_000)
TAKEN_OVER = "Another process answers from now on"
REFUSED = "The new process is not ready"
RELOADS = 3


class Supervisor:
    """The socket that a supervisor listens on (sd_notify), by path or in the abstract namespace."""

    def __init__(self, address):
        self.address = address
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind("\0" + address[1:] if address.startswith("@") else address)
        self.socket.settimeout(20)

    def next(self, but="WATCHDOG=1"):
        """The assignments of the next message, as a dictionary."""
        while True:
            message = self.socket.recv(4096).decode()
            if message != but:
                return dict(line.split("=", 1) for line in message.splitlines())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()


@pytest.fixture
def supervisor(new_folder):
    with Supervisor(str(new_folder() / "notify")) as server:
        yield server


def handed(folder, settings, script, listener):
    """A handler that is given a listening socket by `script`, which finds it as its standard input."""
    class Handed(ManagedProcess):
        def start(self):
            with open(self.log_path, "ab") as log:
                self.process = subprocess.Popen(self.command, stdin=listener, stdout=log, stderr=log,
                                                env=self.environment, start_new_session=True)
            return self
    return Handed("handler", ["sh", "-c", script, "sh", EXECUTABLE], folder, environment(settings))


def tcp_listener():
    listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
    return listener, listener.getsockname()


def unix_listener(folder):
    path = str(folder / "handler.sock")
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(path)
    listener.listen(1024)
    return listener, path


@contextlib.contextmanager
def running(kind, folder, settings):
    """A handler that listens as `kind` says, and what nginx has to connect to."""
    how, _, family = kind.partition(", ")
    if how == "own":
        port = free_port()
        listen = f"127.0.0.1:{port}" if family == "TCP" else None
        handler = Handler(folder, listen=listen, **settings)
        if family == "TCP":
            handler.socket_path = ("127.0.0.1", port)
        with handler.start():
            yield handler, handler.socket_path
        return
    script = {"fd 0": 'exec "$1"', "LISTEN_FDS": 'exec 3<&0 0</dev/null; LISTEN_FDS=1 LISTEN_PID=$$ exec "$1"'}[how]
    listener, address = tcp_listener() if family == "TCP" else unix_listener(folder)
    with listener:
        with handed(folder, settings, script, listener).start() as handler:
            yield handler, address


def in_front(folder, address):
    """An nginx, with the address in its configuration whatever its family."""
    server = Nginx(folder, "SOCKET")
    path = folder / "image-proxy.conf"
    name = address if isinstance(address, str) else None
    path.write_text(path.read_text().replace(
        "unix:SOCKET", f"unix:{name}" if name else "{}:{}".format(*address)))
    return server


def reload(handler, times=1):
    """Reloads, and waits until another process answers."""
    for _ in range(times):
        before = handler.log().count(TAKEN_OVER)
        handler.send(signal.SIGHUP)
        eventually(lambda: handler.log().count(TAKEN_OVER) > before, f"a take-over in\n{handler.log()[-2000:]}")


@pytest.mark.parametrize("kind", ["own, Unix", "own, TCP", "fd 0, Unix", "fd 0, TCP", "LISTEN_FDS, Unix"])
def test_reloads_under_load_lose_no_request(new_folder, settings, origin, kind):
    """10,000 requests and more: wrk goes on until the reloads are done and as many have been answered."""
    assert shutil.which("wrk"), "needs the Debian package wrk"
    folder = new_folder()
    with running(kind, folder, {**settings, "CACHE": "off", "MEMORY_CACHE_SIZE": "16MiB", "LOG_LEVEL": "notice"}) as (
            handler, address):
        with in_front(folder, address).start() as nginx:
            url = origin.serve(behaviours.image(BODY))
            assert Client(nginx.base).get(url).status == 200
            total, reloads = 0, 0
            while total < 10_000 or reloads < RELOADS:
                load = subprocess.Popen(["wrk", "-t1", "-c16", "-d3s", nginx.base + proxied(url)],
                                        stdout=subprocess.PIPE, text=True)
                if reloads < RELOADS:
                    reload(handler)
                    reloads += 1
                said = load.communicate()[0]
                assert "Non-2xx" not in said and "Socket errors" not in said, (said, nginx.error_log()[-2000:])
                total += int(re.search(r"(\d+) requests in", said)[1])
        assert "connect() failed" not in nginx.error_log()
        assert handler.is_running, "it keeps its process identifier"


def test_what_was_under_way_ends_whole_in_the_old_process(start, origin):
    server = start(STALL_TIMEOUT="20s")
    gate = threading.Event()
    large = png_of_size(8 * MIB)
    with server.client.open(proxied(origin.serve(behaviours.gated(large, gate, first=MIB)))) as response:
        assert response.head() == 200
        begun = response.read_exactly(1000)
        reload(server.handler)
        assert server.client.get(origin.serve(behaviours.image(BODY))).body == BODY, "the new one answers meanwhile"
        gate.set()
        rest, complete = response.rest()
    assert complete and begun + rest == large
    eventually(lambda: len(children_of(server.handler.pid)) == 1)
    assert server.client.get(origin.serve(behaviours.image(BODY))).body == BODY


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGHUP], ids=["stop", "reload"])
def test_requests_that_wait_for_anothers_fetch_are_answered_at_the_end(start, origin, end):
    server = start(STALL_TIMEOUT="20s", FIRST_BYTE_TIMEOUT="20s")
    gate = threading.Event()
    url = origin.serve(behaviours.gated(BODY, gate, first=0))
    with Crowd(server.client, proxied(url), 30) as crowd:
        eventually(lambda: origin.requests_for(url))
        eventually(lambda: server.client.endpoint("stats").json()["collapsed"] >= 29, "the others follow")
        server.handler.send(end)
        if end == signal.SIGTERM:
            eventually(lambda: not accepts(server.handler.socket_path))
        else:
            eventually(lambda: TAKEN_OVER in server.log())
        gate.set()
        answers = crowd.answers()
    assert [answer.status for answer in answers] == [200] * 30
    assert all(answer.complete and answer.body == BODY for answer in answers)
    assert len(origin.requests_for(url)) == 1
    if end == signal.SIGTERM:
        assert server.handler.wait(30) == 0
        assert server.redis("EXISTS", f"image-proxy:{url}") == 1


def test_a_reload_takes_in_the_configuration(new_folder, settings, origin):
    folder = new_folder()
    file = folder / "my.conf"
    url = origin.serve(behaviours.image(BODY))
    file.write_text("IMAGE_PROXY_ALLOWED_HOSTS=elsewhere.example\n")
    handler = Handler(folder, **{name: value for name, value in {**settings, "CACHE": "off"}.items()
                                 if name != "ALLOWED_HOSTS"})
    handler.command += ["--config", str(file)]

    def status():
        with FastCGIClient(handler.socket_path) as client:
            return client.get(proxied(url).partition("?")[2]).response().status
    with handler.start():
        assert status() == 403
        file.write_text("IMAGE_PROXY_ALLOWED_HOSTS=127.0.0.1\n")
        reload(handler)
        assert status() == 200
        file.write_text("IMAGE_PROXY_ALLOWED_HOSTS=127.0.0.1\nIMAGE_PROXY_WORKERS=none\n")
        handler.send(signal.SIGHUP)
        handler.wait_for_log(REFUSED)
        assert "IMAGE_PROXY_WORKERS" in handler.log(), "it says what is wrong"
        assert status() == 200 and handler.is_running
        file.write_text("IMAGE_PROXY_ALLOWED_HOSTS=elsewhere.example\n")
        reload(handler)
        assert status() == 403
    assert handler.stop() == 0


def test_a_bad_configuration_leaves_the_first_process_alone(start, origin):
    server = start("nginx")
    beside = server.folder / "unreadable.conf"
    server.handler.stop()
    beside.write_text("")
    server.handler.command += ["--config", str(beside)]
    server.handler.process = None
    server.handler.start()
    beside.unlink()
    server.handler.send(signal.SIGHUP)
    server.handler.wait_for_log(REFUSED)
    assert children_of(server.handler.pid) == []
    assert server.client.get(origin.serve(behaviours.image(BODY))).status == 200


@pytest.mark.parametrize("family", ["Unix", "TCP"])
def test_the_status_listener_goes_along(new_folder, settings, family):
    folder = new_folder()
    port = free_port()
    address = str(folder / "status socket") if family == "Unix" else ("127.0.0.1", port)
    handler = Handler(folder, **{**settings, "CACHE": "off"})
    handler.command += ["--status-listen", f"unix:{address}" if family == "Unix" else f"127.0.0.1:{port}"]
    with handler.start():
        for _ in range(3):
            reload(handler)
            eventually(lambda: is_keeper(handler))
            assert accepts(address)
        handler.send(signal.SIGTERM)
        assert handler.wait() == 0
    assert not accepts(address)
    assert family == "TCP" or not os.path.exists(address)


def test_the_status_socket_of_systemd_goes_along(new_folder, settings):
    """Known by its name, and not taken for one more socket for everything."""
    folder = new_folder()
    status = str(folder / "status.sock")
    handler = SocketActivated(folder, {**settings, "CACHE": "off"})
    handler.command[2:2] = [f"--listen={status}", "--fdname=image-proxy.socket:status"]

    def asked(path, query, name=""):
        with FastCGIClient(path) as client:
            return client.get(query, path=MOUNT + name).response().status
    with handler.start():
        for _ in range(2):
            for path in (handler.socket_path, status):
                assert asked(path, "", "/health") == 200
            image = "url=http%3A%2F%2F10.0.0.1%2F"
            assert (asked(handler.socket_path, image), asked(status, image)) == (403, 404)
            reload(handler)
            eventually(lambda: is_keeper(handler))


def test_a_stop_during_a_reload_ends_everybody(start, origin):
    """The old process ends what it has, the new one too, and the status is that of a stop."""
    server = start(STALL_TIMEOUT="20s")
    gates = [threading.Event(), threading.Event()]
    bodies = []
    with contextlib.ExitStack() as stack:
        for gate in gates:
            url = origin.serve(behaviours.gated(png_of_size(2 * MIB), gate, first=MIB))
            response = stack.enter_context(server.client.open(proxied(url)))
            assert response.head() == 200
            bodies.append((response, response.read_exactly(1000)))
            if gate is gates[0]:
                reload(server.handler)
        child, = children_of(server.handler.pid)
        server.handler.send(signal.SIGTERM)
        eventually(lambda: not accepts(server.handler.socket_path))
        for gate in gates:
            gate.set()
        for response, begun in bodies:
            rest, complete = response.rest()
            assert complete and len(begun + rest) == 2 * MIB
    assert server.handler.wait(30) == 0
    assert not os.path.exists(f"/proc/{child}")
    assert not os.path.exists(server.handler.socket_path)


def test_a_second_signal_ends_the_keeper_and_its_child(start, origin):
    server = start(FIRST_BYTE_TIMEOUT="10m", TOTAL_TIMEOUT="10m")
    reload(server.handler)
    url = origin.serve(behaviours.silent)
    with server.client.open(proxied(url)):
        eventually(lambda: origin.requests_for(url))
        child, = children_of(server.handler.pid)
        server.handler.send(signal.SIGTERM)
        eventually(lambda: not accepts(server.handler.socket_path))
        server.handler.send(signal.SIGTERM)
        assert server.handler.wait() == 0
        eventually(lambda: not os.path.exists(f"/proc/{child}"))


def test_the_crash_of_the_process_that_answers_is_that_of_the_first(start):
    """So that whoever supervises the one starts it again."""
    server = start()
    reload(server.handler)
    keeper = eventually(lambda: is_keeper(server.handler) and server.handler)
    os.kill(children_of(keeper.pid)[0], signal.SIGKILL)
    assert keeper.wait() not in (0, 64, 78)


def test_the_process_that_answers_ends_with_its_keeper(start):
    server = start()
    reload(server.handler)
    eventually(lambda: is_keeper(server.handler))
    child, = children_of(server.handler.pid)
    server.handler.stop(signal.SIGKILL)
    eventually(lambda: not os.path.exists(f"/proc/{child}"), "the child ends")


def is_keeper(handler):
    """Whether the first process has executed itself: it has the variable in its environment, as none that we start."""
    with open(f"/proc/{handler.pid}/environ", "rb") as environment:
        return b"SUCCESSION=" in environment.read()


@pytest.mark.figures
def test_a_kept_process_is_small_and_holds_the_sockets_alone(start, origin):
    server = start()
    for _ in range(20):
        server.client.get(origin.serve(behaviours.image(BODY)))
    before = server.handler.open_files
    reload(server.handler, times=3)
    eventually(lambda: is_keeper(server.handler))
    eventually(lambda: len(children_of(server.handler.pid)) == 1, "the others have ended")
    assert server.handler.open_files <= before
    assert server.handler.resident < 16 * MIB


# What a supervisor is told

@pytest.mark.parametrize("abstract", [False, True], ids=["path", "abstract"])
def test_a_supervisor_is_told(new_folder, settings, abstract):
    folder = new_folder()
    with Supervisor(f"@image-proxy-test-{os.getpid()}" if abstract else str(folder / "notify")) as supervisor:
        handler = Handler(folder, **{**settings, "CACHE": "off"})
        handler.environment["NOTIFY_SOCKET"] = supervisor.address
        with handler.start():
            assert supervisor.next()["READY"] == "1"
            for _ in range(2):
                handler.send(signal.SIGHUP)
                reloading = supervisor.next()
                assert reloading["RELOADING"] == "1" and int(reloading["MONOTONIC_USEC"]) > 0
                assert supervisor.next()["READY"] == "1"
                eventually(lambda: is_keeper(handler))
            handler.send(signal.SIGTERM)
            assert supervisor.next()["STOPPING"] == "1"
            assert handler.wait() == 0


def test_a_supervisor_that_has_gone_is_no_obstacle(new_folder, settings):
    folder = new_folder()
    handler = Handler(folder, **{**settings, "CACHE": "off"})
    handler.environment["NOTIFY_SOCKET"] = str(folder / "nobody")
    with handler.start():
        reload(handler)
    assert handler.stop() == 0


def test_the_watchdog_is_fed_also_after_a_reload(new_folder, settings, supervisor):
    handler = Handler(new_folder(), **{**settings, "CACHE": "off"})
    handler.environment.update(NOTIFY_SOCKET=supervisor.address, WATCHDOG_USEC="600000")
    with handler.start():
        assert supervisor.next()["READY"] == "1"
        for _ in range(3):
            assert supervisor.next(but=None) == {"WATCHDOG": "1"}
        reload(handler)
        eventually(lambda: is_keeper(handler))
        while supervisor.next(but=None) != {"READY": "1", "STATUS": "Serving"}:
            pass
        for _ in range(3):
            assert supervisor.next(but=None) == {"WATCHDOG": "1"}


def test_the_watchdog_is_fed_while_every_worker_waits_for_a_slow_origin(start, origin, supervisor):
    server = start(WORKERS="2", FIRST_BYTE_TIMEOUT="10m", TOTAL_TIMEOUT="10m", options=None)
    server.handler.stop()
    server.handler.environment.update(NOTIFY_SOCKET=supervisor.address, WATCHDOG_USEC="300000")
    server.handler.process = None
    server.handler.start()
    urls = [origin.serve(behaviours.silent) for _ in range(4)]
    with contextlib.ExitStack() as stack:
        for url in urls:
            stack.enter_context(server.client.open(proxied(url)))
        eventually(lambda: sum(len(origin.requests_for(url)) for url in urls) >= 2)
        for _ in range(10):
            while supervisor.next(but=None) != {"WATCHDOG": "1"}:
                pass
    assert "stuck" not in server.log()


def fed(supervisor):
    """How many signs of life have come that nobody has read."""
    count = 0
    supervisor.socket.setblocking(False)
    try:
        while True:
            count += supervisor.socket.recv(4096) == b"WATCHDOG=1"
    except BlockingIOError:
        return count
    finally:
        supervisor.socket.settimeout(20)


LIMITS = {"WORKERS": "1", "CACHE": "off", "TOTAL_TIMEOUT": "1s", "FIRST_BYTE_TIMEOUT": "1s", "STALL_TIMEOUT": "1s"}


def serves(handler, origin):
    with FastCGIClient(handler.socket_path) as client:
        answer = client.get(proxied(origin.serve(behaviours.image(BODY))).partition("?")[2])
        return answer.response().body == BODY


def test_where_nobody_takes_up_work_the_supervisor_is_told_nothing(new_folder, settings, origin, supervisor):
    """The thread of the only worker stands still in earnest, and goes on afterwards."""
    handler = Handler(new_folder(), **{**settings, **LIMITS})
    handler.environment.update(NOTIFY_SOCKET=supervisor.address, WATCHDOG_USEC="600000")
    with handler.start():
        [worker] = eventually(lambda: threads_in(handler.pid, EPOLL_WAIT))
        with frozen(worker):
            eventually(lambda: "No worker gets on" in handler.log(), "that is seen", within=120)
            fed(supervisor)
            with pytest.raises(TimeoutError):
                supervisor.socket.settimeout(1.5)
                supervisor.socket.recv(4096)
        eventually(lambda: fed(supervisor), "it gets on again")
        assert serves(handler, origin)


@pytest.mark.skipif("SOAK" not in os.environ, reason="takes longer than anything may take: a part of `make soak`")
def test_a_worker_that_is_stuck_is_noticed(new_folder, settings, origin):
    """One that stands still in the middle of a fetch, for longer than all limits of ours together, is told by name, once."""
    url = origin.serve(behaviours.silent)
    with Handler(new_folder(), **{**settings, **LIMITS}).start() as handler, FastCGIClient(handler.socket_path) as client:
        client.send(request_bytes(parameters(proxied(url).partition("?")[2])))
        eventually(lambda: origin.requests_for(url))
        [worker] = eventually(lambda: threads_in(handler.pid, POLL))
        with frozen(worker):
            line = eventually(lambda: next((line for line in handler.log().splitlines() if "A worker is stuck" in line), None),
                              "that is seen", within=200)
            assert "activity=fetch" in line and "source.host=127.0.0.1" in line
        assert client.answer().response().status == 504
        assert serves(handler, origin)
        assert handler.log().count("A worker is stuck") == 1
