"""What every test starts from: one Redis, one honest origin, and a web server of each kind with the handler behind it."""

import itertools
import os
import shutil
import signal
import tempfile
from pathlib import Path

import pytest

from harness.certificates import Certificates
from harness.file_store import FileStores
from harness.front import DEPLOYMENTS, KINDS, Front
from harness.handler import EXECUTABLE, SANITIZER
from harness.images import every_format
from harness.origin import Origin
from harness.process import ManagedProcess
from harness.redis import Redis


def pytest_collection_modifyitems(session, config, items):
    if not EXECUTABLE.exists():
        pytest.exit(f"there is no {EXECUTABLE}: run `make build` first, or set IMAGE_PROXY_EXECUTABLE", returncode=2)
    if SANITIZER:
        reason = pytest.mark.skip(reason=f"measures or limits what {SANITIZER} sanitizing changes")
        for item in items:
            if item.get_closest_marker("figures"):
                item.add_marker(reason)
        config.hook.pytest_deselected(items=[item for item in items if is_of_another_deployment(item)])
        items[:] = [item for item in items if not is_of_another_deployment(item)]


def is_of_another_deployment(item):
    """Whether a test runs over several ways to deploy, and this is not the first: the handler is the same in all."""
    parameters = item.callspec.params.values() if hasattr(item, "callspec") else ()
    kinds = {value for value in parameters if isinstance(value, str)} & set(DEPLOYMENTS)
    return bool(kinds) and "nginx" not in kinds


def pytest_generate_tests(metafunc):
    """A module that names its `STORES` runs over each of them; a test that is marked `stores` over those it names."""
    mark = metafunc.definition.get_closest_marker("stores")
    names = mark.args if mark else getattr(metafunc.module, "STORES", ())
    if names and "store" in metafunc.fixturenames:
        metafunc.parametrize("store", names, indirect=True, scope="session")


def pytest_configure(config):
    config.addinivalue_line("markers", "stores(*names): over which caches a test runs: redis, file")
    end_as_interrupted()


def end_as_interrupted():
    """SIGTERM ends the tests as Ctrl-C does: what they started is stopped and removed. A shell that runs them in the background
    has them ignore Ctrl-C, and what they start would inherit that."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.default_int_handler)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A failure shows the end of the log of each process that the test used."""
    outcome = yield
    if not outcome.get_result().failed:
        return
    for name, value in getattr(item, "funcargs", {}).items():
        for process in [value, getattr(value, "handler", None), getattr(value, "server", None)]:
            if isinstance(process, ManagedProcess):
                outcome.get_result().sections.append((f"log of {process.name} ({name})", process.log()[-3000:]))


@pytest.fixture(scope="session")
def workspace():
    """A folder with a short path, since a Unix socket's path may have 107 bytes."""
    folder = Path(tempfile.mkdtemp(prefix="image-proxy-"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def new_folder(workspace):
    numbers = itertools.count(1)

    def make():
        folder = workspace / str(next(numbers))
        folder.mkdir()
        return folder
    return make


@pytest.fixture(scope="session")
def store(request):
    """Where images are cached: in Redis, or in files. `STORE=file` runs over the embedded store whatever makes sense there."""
    return getattr(request, "param", os.environ.get("STORE", "redis"))


@pytest.fixture(scope="session")
def redis(store, new_folder):
    """Redis, or what stands for it where the test runs over the embedded store."""
    with Redis(new_folder()) if store == "redis" else FileStores(new_folder()) as server:
        yield server


@pytest.fixture(scope="session")
def databases():
    """Numbers of databases that nobody else uses, so that no test meets another's entries."""
    return itertools.count()


@pytest.fixture(scope="session")
def origin():
    with Origin() as server:
        yield server


@pytest.fixture(scope="session")
def images(new_folder):
    return every_format(new_folder())


@pytest.fixture(scope="session")
def certificates(new_folder):
    return Certificates(new_folder())


@pytest.fixture(scope="session")
def tls_origins(certificates):
    """An https origin for each certificate, by the certificate's name."""
    origins = {name: Origin(tls=certificates.context(name)).start() for name in certificates.names}
    yield origins
    for server in origins.values():
        server.stop()


@pytest.fixture(scope="session")
def settings(origin, tls_origins, certificates):
    """Settings that let the handler reach the origins of the tests and nothing else, and give up early."""
    allowed = [f"127.0.0.1/32:{server.port}" for server in [origin, *tls_origins.values()]]
    return {
        "ALLOWED_HOSTS": "127.0.0.1,localhost",
        "ALLOWED_NETWORKS": ",".join(allowed),
        "CA_FILE": certificates.ca_file,
        "MEMORY_CACHE_SIZE": "0",
        "FIRST_BYTE_TIMEOUT": "2s",
        "STALL_TIMEOUT": "2s",
        "SVG": "fence",
    }


def started(kind, folder, settings, redis, database, **options):
    settings = {**settings, "CACHE": settings.get("CACHE", redis.unix_address(database))}
    return Front(kind, folder, settings, redis.client(database), **options)


@pytest.fixture(scope="session", params=KINDS)
def front(request, new_folder, settings, redis, databases):
    """Each way to run behind a web server, in turn: nginx, lighttpd, spawned by lighttpd, plain CGI, Apache."""
    with started(request.param, new_folder(), settings, redis, next(databases)) as server:
        yield server


@pytest.fixture(scope="session")
def nginx(new_folder, settings, redis, databases):
    """For what does not depend on the web server."""
    with started("nginx", new_folder(), settings, redis, next(databases)) as server:
        yield server


@pytest.fixture
def start(new_folder, settings, redis, databases):
    """Starts a server of one's own, with other settings: `start(WORKERS=4)`, `start("lighttpd")`. A setting of None is
    left out."""
    running = []

    def make(kind="nginx", options=None, **changes):
        merged = {name: value for name, value in {**settings, **changes}.items() if value is not None}
        server = started(kind, new_folder(), merged, redis, next(databases), **(options or {}))
        running.append(server)
        return server.start()
    yield make
    for server in running:
        server.stop()


@pytest.fixture
def canary():
    """An origin at an address that is not allowed: a connection to it is a hole."""
    with Origin() as server:
        yield server
        assert server.connections == 0, "the handler dialled an address that is not allowed"
