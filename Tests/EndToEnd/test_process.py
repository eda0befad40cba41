"""The process: its socket, its workers, its end, and what it costs."""

import concurrent.futures
import os
import signal
import socket
import stat
import subprocess
import threading
import time

import pytest

from harness import behaviours
from harness.fastcgi import FastCGIClient
from harness.handler import EXECUTABLE, Handler, environment, run
from harness.http import proxied
from harness.images import MIB, png_of_size
from harness.process import open_files, processor_time
from harness.waiting import accepts, eventually, free_port

BODY = png_of_size(20_000)


def query(url):
    return proxied(url).partition("?")[2]


def test_four_workers_and_kept_connections_serve_twelve_slow_requests(start, origin):
    """nginx keeps up to 16 idle connections: none of them may hold one of the four workers."""
    server = start(WORKERS="4")
    for _ in range(3):
        gate = threading.Event()
        urls = [origin.serve(behaviours.gated(BODY, gate, first=100)) for _ in range(12)]
        with concurrent.futures.ThreadPoolExecutor(12) as pool:
            answers = [pool.submit(server.client.get, url) for url in urls]
            eventually(lambda: sum(len(origin.requests_for(url)) for url in urls) >= 4, "four are being fetched")
            gate.set()
            assert [answer.result().body == BODY for answer in answers] == [True] * 12


def test_many_connections_without_a_request_hold_no_worker(start, origin):
    server = start(WORKERS="2")
    idle = [FastCGIClient(server.handler.socket_path) for _ in range(50)]
    try:
        assert server.client.get(origin.serve(behaviours.image(BODY))).body == BODY
    finally:
        for client in idle:
            client.close()


def test_sigterm_lets_what_is_under_way_end(start, origin):
    server = start(STALL_TIMEOUT="20s")
    large = png_of_size(8 * MIB)
    small = origin.serve(behaviours.image(BODY))
    gate = threading.Event()
    url = origin.serve(behaviours.gated(large, gate, first=MIB))
    with server.client.open(proxied(url)) as response:
        assert response.head() == 200
        start_of_body = response.read_exactly(1000)
        server.client.get(small)
        server.handler.send(signal.SIGTERM)
        eventually(lambda: not accepts(server.handler.socket_path), "no new connections")
        assert server.handler.is_running
        gate.set()
        rest, complete = response.rest()
    assert complete and start_of_body + rest == large
    assert server.handler.wait(30) == 0
    assert server.redis("EXISTS", f"image-proxy:{small}") == 1, "the queue of the cache drains"
    assert not os.path.exists(server.handler.socket_path)


@pytest.mark.parametrize("kind", ["spawned"])
def test_lighttpd_ends_the_handler_it_spawned(start, origin, kind):
    server = start(kind)
    server.client.get(origin.serve(behaviours.image(BODY)))
    pid = server.handler_pid()
    server.server.stop()
    eventually(lambda: not os.path.exists(f"/proc/{pid}"), "the handler ends", within=30)


@pytest.mark.parametrize("limit, signals", [("1h", 2), ("2s", 1)], ids=["asked twice", "longer than the drain limit"])
def test_sigterm_ends_a_process_that_waits_for_ever(start, origin, limit, signals):
    server = start(DRAIN_TIMEOUT=limit, FIRST_BYTE_TIMEOUT="10m", TOTAL_TIMEOUT="10m")
    url = origin.serve(behaviours.silent)
    with server.client.open(proxied(url)) as response:
        eventually(lambda: origin.requests_for(url))
        for _ in range(signals):
            server.handler.send(signal.SIGTERM)
            eventually(lambda: not accepts(server.handler.socket_path))
        assert server.handler.wait(15) == 0
        assert response.head() in (502, 503), "nginx says that the handler has gone"


def test_an_idle_process_ends_at_once_and_with_0(start, origin):
    server = start()
    for _ in range(5):
        server.client.get(origin.serve(behaviours.image(BODY)))
    server.handler.send(signal.SIGTERM)
    assert server.handler.wait() == 0
    server_log = server.handler.log().lower()
    assert "fatal" not in server_log


def test_sigterm_right_after_the_start_is_not_lost(new_folder, settings):
    for _ in range(20):
        handler = Handler(new_folder(), **{**settings, "CACHE": "off"}).start()
        handler.send(signal.SIGTERM)
        assert handler.wait() == 0


def test_sigint_is_as_good(start):
    server = start()
    server.handler.send(signal.SIGINT)
    assert server.handler.wait() in (0, 130)


def test_the_socket_is_private_and_its_queue_long(start):
    server = start()
    assert stat.S_IMODE(os.stat(server.handler.socket_path).st_mode) == 0o660
    listening = subprocess.run(["cat", "/proc/net/unix"], capture_output=True, text=True).stdout
    assert server.handler.socket_path in listening


def test_a_second_process_takes_the_socket_over(start, origin):
    server = start()
    assert server.client.get(origin.serve(behaviours.image(BODY))).status == 200
    second = Handler(server.folder, **server.settings)
    first_inode = os.stat(server.handler.socket_path).st_ino
    with second.start():
        eventually(lambda: os.stat(server.handler.socket_path).st_ino != first_inode, "the take-over")
        server.handler.send(signal.SIGTERM)
        assert server.handler.wait(30) == 0
        for _ in range(5):
            assert server.client.get(origin.serve(behaviours.image(BODY))).status == 200


def test_a_stale_socket_is_no_obstacle(new_folder, settings):
    folder = new_folder()
    handler = Handler(folder, **{**settings, "CACHE": "off"})
    with handler.start():
        handler.stop(signal.SIGKILL)
        assert os.path.exists(handler.socket_path) and not accepts(handler.socket_path)
        handler.start()


def test_tcp_on_loopback(new_folder, settings):
    port = free_port()
    handler = Handler(new_folder(), listen=f"127.0.0.1:{port}", **{**settings, "CACHE": "off"})
    handler.socket_path = ("127.0.0.1", port)
    with handler.start():
        assert accepts(("127.0.0.1", port))


def test_tcp_beyond_loopback_is_asked_for_twice(settings):
    done = run("serve", "--listen", f"0.0.0.0:{free_port()}", settings={**settings, "CACHE": "off"})
    assert done.returncode in (64, 78) and done.stderr


def inherited(folder, settings, script):
    """A handler that is given its listening socket. Returns (process, path)."""
    path = str(folder / "inherited.sock")
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(path)
    listener.listen(64)
    with listener:
        process = subprocess.Popen(["sh", "-c", script, "sh", str(EXECUTABLE)], stdin=listener,
                                   env=environment({**settings, "CACHE": "off"}))
    return process, path


@pytest.mark.parametrize("script", [
    'exec "$1"',
    'exec 3<&0 0</dev/null; LISTEN_FDS=1 LISTEN_PID=$$ exec "$1"',
], ids=["fd 0", "LISTEN_FDS"])
def test_a_socket_that_somebody_else_opened(new_folder, settings, origin, script):
    process, path = inherited(new_folder(), settings, script)
    try:
        with FastCGIClient(path) as client:
            answer = client.get(query(origin.serve(behaviours.image(BODY))))
        assert answer.response().body == BODY and answer.end == (0, 0)
    finally:
        process.terminate()
        assert process.wait(30) == 0
    assert os.path.exists(path), "the socket is not ours to remove"


def rests(pid):
    before = processor_time(pid)
    time.sleep(1)
    return processor_time(pid) - before < 0.2


def test_few_file_descriptors_are_no_crash(start, origin):
    server = start(options={"ulimits": {"nofile": "64"}})
    gate = threading.Event()
    urls = [origin.serve(behaviours.gated(BODY, gate, first=100)) for _ in range(200)]
    with concurrent.futures.ThreadPoolExecutor(200) as pool:
        answers = [pool.submit(server.client.get, url) for url in urls]
        eventually(lambda: any(origin.requests_for(url) for url in urls))
        gate.set()
        statuses = {answer.result().status for answer in answers}
    assert statuses <= {200, 503} and 200 in statuses
    assert server.handler.is_running
    eventually(lambda: server.client.get(origin.serve(behaviours.image(BODY))).status == 200, "it recovers", within=5)
    eventually(lambda: rests(server.handler.pid), "it rests")


def test_connections_that_take_every_descriptor_leave_nothing_behind(start, origin):
    """What is loaded for the first image must not be missing for good because there was no descriptor for it then."""
    server = start(options={"ulimits": {"nofile": "64"}}, CACHE="off")
    idle = [FastCGIClient(server.handler.socket_path) for _ in range(64)]
    try:
        answer = idle[0].get(query(origin.serve(behaviours.image(BODY)))).response()
        assert answer.status == 200 or (answer.status == 503 and answer.header("Retry-After"))
    finally:
        for client in idle:
            client.close()
    eventually(lambda: server.client.get(origin.serve(behaviours.image(BODY))).status == 200, "it recovers")


def test_closed_standard_descriptors_are_not_given_to_connections(new_folder, settings):
    """Else log lines would be written to whatever has the number of standard error."""
    path = str(new_folder() / "handler.sock")
    process = subprocess.Popen(
        ["sh", "-c", 'exec 0<&- 1>&- 2>&-; exec "$@"', "sh", EXECUTABLE, "serve", "--listen", f"unix:{path}"],
        env=environment({**settings, "CACHE": "off"}))
    try:
        eventually(lambda: os.path.exists(path))
        assert {os.readlink(f"/proc/{process.pid}/fd/{number}") for number in range(3)} == {"/dev/null"}
    finally:
        process.terminate()
        assert process.wait(30) == 0


def test_256_at_once(start, origin):
    server = start()
    urls = [origin.serve(behaviours.image(BODY)) for _ in range(256)]
    with concurrent.futures.ThreadPoolExecutor(256) as pool:
        answers = list(pool.map(server.client.get, urls))
    statuses = [answer.status for answer in answers]
    assert set(statuses) <= {200, 429, 503, 504} and statuses.count(200) >= 64
    assert all(answer.body == BODY for answer in answers if answer.status == 200)
    assert server.client.get(origin.serve(behaviours.image(BODY))).status == 200


@pytest.mark.figures
def test_nothing_leaks(start, origin, images):
    """2,000 requests, after so many that everything has been needed once."""
    server = start()

    def mixed():
        for number in range(60):
            server.client.get(origin.serve(behaviours.image(png_of_size(5_000 + number))))
            server.client.get(origin.serve(behaviours.status("404 Gone")))
            server.client.get(origin.serve(behaviours.cut(BODY, 100)))
            server.client.get("http://10.0.0.1/")
            server.client.head(origin.serve(behaviours.image(BODY)))
    for _ in range(2):
        mixed()
    files = server.handler.open_files
    resident = server.handler.resident
    for _ in range(7):
        mixed()
    eventually(lambda: server.handler.open_files <= files + 5, "the files are closed")
    assert server.handler.resident < resident * 1.1


@pytest.mark.figures
def test_memory_does_not_follow_the_size_of_the_image(start, origin):
    server = start()
    for _ in range(3):
        server.client.get(origin.serve(behaviours.image(BODY)))
    idle = server.handler.peak_resident
    large = png_of_size(60 * MIB)
    assert server.client.get(origin.serve(behaviours.image(large))).body == large
    assert server.handler.peak_resident - idle < 16 * MIB
    assert open_files(server.handler.pid) < 100


@pytest.mark.figures
def test_memory_of_twenty_misses_and_of_an_image_without_end(start, origin):
    server = start(STALL_TIMEOUT="20s")
    for _ in range(3):
        server.client.get(origin.serve(behaviours.image(BODY)))
    idle = server.handler.peak_resident
    endless = behaviours.endless(BODY)
    # It ends at MAX_IMAGE_SIZE, 100 MiB.
    assert server.client.get(origin.serve(endless)).failed_visibly(502)
    assert server.handler.peak_resident - idle < 16 * MIB
    large, gate = png_of_size(int(4.9 * MIB)), threading.Event()
    urls = [origin.serve(behaviours.gated(large, gate, first=4 * MIB)) for _ in range(20)]
    with concurrent.futures.ThreadPoolExecutor(21) as pool:
        answers = [pool.submit(server.client.get, url) for url in urls]
        last = pool.submit(server.client.get, origin.serve(endless))
        eventually(lambda: all(origin.requests_for(url) for url in urls), "all are being fetched")
        gate.set()
        assert all(answer.result().body == large for answer in answers) and last.result().failed_visibly(502)
    # For each its bytes, base64 and JSON.
    assert server.handler.peak_resident - idle < 20 * 3 * 5 * MIB


# In a mount namespace of its own, where nothing can be written anywhere.
READ_ONLY = """
set -e
mount --make-rprivate /
for place in / /tmp /var /run /home /dev/shm; do
    mount --bind "$place" "$place"
    mount -o remount,bind,ro "$place"
    if touch "$place/written" 2>/dev/null; then exit 1; fi
done
exec "$@"
"""


def test_a_read_only_system_is_enough(new_folder, settings, origin):
    if os.geteuid() != 0:
        pytest.skip("only root can make a system read-only")
    port = free_port()
    handler = Handler(new_folder(), listen=f"127.0.0.1:{port}", **{**settings, "CACHE": "off"})
    handler.command = ["unshare", "--mount", "sh", "-c", READ_ONLY, "sh", *handler.command]
    handler.socket_path = ("127.0.0.1", port)
    with handler.start(), FastCGIClient(handler.socket_path) as client:
        assert client.get(query(origin.serve(behaviours.image(BODY)))).response().body == BODY
