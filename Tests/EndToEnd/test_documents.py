"""Every page says what is true, as far as a program can tell: links, names, tables, and each block of configuration or code. Their
commands are run by test_document_walks.py and test_deployment_pages.py. A page that nobody covers fails here."""

import json
import os
import re
import shutil
import subprocess
from urllib.parse import quote

import pytest

from harness import behaviours
from harness.documents import (MANUAL, anchors, blocks, code, links, manual_blocks, pages, prose, rows, section, target)
from harness.file_store import encode
from harness.handler import EXECUTABLE, PROJECT, run
from harness.images import png_of_size
from harness.redis import Redis
from harness.waiting import eventually
from test_deployment_pages import ELSEWHERE, JOURNEYS, PREPARED
from test_document_walks import WALKS

PAGES = pages()
BLOCKS = [block for page, text in PAGES.items() for block in blocks(page, text)]
DEPLOYMENT = "docs/deployment/"
# Pages that nobody has to follow, since they have no commands: the test that holds them to the program.
READ = {
    "CHANGELOG.md": "test_documents.py", "SECURITY.md": "test_security_page.py", "docs/README.md": "test_documents.py",
    "docs/embedded-store.md": "test_embedded_store.py", "docs/architecture.md": "test_documents.py", "docs/caching.md": "test_caching_page.py",
}


def of(language, page=None):
    found = [block for block in BLOCKS if block.language == language and page in (None, block.page)]
    return pytest.mark.parametrize("block", found, ids=lambda block: block.name)


# MARK: nothing is left out


def test_every_page_is_covered():
    followed = {page for page in PAGES if page.startswith(DEPLOYMENT)}
    assert set(PAGES) | {MANUAL} == set(WALKS) | set(READ) | followed
    here = PROJECT / "Tests" / "EndToEnd"
    assert all((here / name).exists() for name in READ.values())


def test_every_block_is_run_or_checked():
    """`sh` is followed; of the rest each language has a test below, or the test of its page."""
    checked = {"conf", "nginx", "yaml", "redis", "json", "js", "python"}
    shown = {"README.md", "docs/security.md"}
    for block in BLOCKS:
        if block.language == "sh":
            assert block.page in WALKS or block.page.startswith(DEPLOYMENT), block.name
        elif block.language == "ini":
            assert block.page == f"{DEPLOYMENT}systemd.md", block.name
        elif block.language == "text":
            assert block.page == "docs/embedded-store.md", block.name
        elif not block.language:
            assert block.page in shown, block.name
        else:
            assert block.language in checked, block.name


def test_the_pages_of_deployment_are_followed():
    pages_with_commands = {block.page.removeprefix(DEPLOYMENT) for block in BLOCKS
                           if block.page.startswith(DEPLOYMENT) and block.language == "sh"}
    assert pages_with_commands <= {page for steps in JOURNEYS.values() for page, _ in [*steps, PREPARED]} | {
        page for page, _ in ELSEWHERE}


@pytest.mark.parametrize("page", PAGES)
def test_code_is_fenced(page):
    """What is only indented would be seen by no test."""
    assert re.findall(r"\n\n {4,}\S.*", prose(PAGES[page])) == []


@pytest.mark.parametrize("page", set(PAGES) - {"README.md", "SECURITY.md", "docs/README.md"})
def test_every_page_is_in_the_table_of_pages(page):
    linked = {target("docs/README.md", link)[0] for link in links(PAGES["docs/README.md"])}
    index = PROJECT / "docs" / "deployment" / "README.md"
    assert PROJECT / page in linked or page.startswith(DEPLOYMENT) and page.rpartition("/")[2] in index.read_text()


# MARK: names


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page):
    for link in links(PAGES[page]):
        if found := target(page, link):
            path, anchor = found
            if not path.exists() and path == PROJECT / "docs" / "deployment":
                continue
            assert path.exists(), link
            assert not anchor or anchor in anchors(path.read_text()), link


@pytest.fixture(scope="module")
def keys():
    done = run("check-config", "--json", "--config", "/dev/null", settings={"ALLOWED_HOSTS": "images.test"})
    return json.loads(done.stdout)


@pytest.mark.parametrize("page", PAGES)
def test_every_key_that_is_named_exists(page, keys):
    # `_SALTS` and the like stand for the end of a key that was named before them.
    assert set(re.findall(r"IMAGE_PROXY_[A-Z_]*[A-Z]", PAGES[page])) - set(keys) <= {"IMAGE_PROXY_X", "IMAGE_PROXY_SIGNING_KEY"}


def called(text):
    """(command, options) of each line that calls the executable. It is a user's name, too."""
    text = re.sub(r"(-u|SETUSER) image-proxy\b", r"\1 user", text)
    lines = [*"\n".join(block.text for block in blocks("", text) if block.language == "sh").replace("\\\n", " ").splitlines(),
             *code(prose(text))]
    found = [re.search(r"(?:^|[ /(])image-proxy ((?!-)[a-z][a-z-]+)(?!\S)([^|]*)", line) for line in lines]
    # `image-proxy help COMMAND` is about one.
    return [(match[1], re.findall(r"(?<!\S)--[a-z-]+", match[2])) for match in found if match and match[1] != "help"]


@pytest.fixture(scope="module")
def commands():
    names = re.findall(r"^  ([a-z][a-z-]+) ", run("--help").stdout, re.MULTILINE)
    return {name: set(re.findall(r"^  (--[a-z-]+)", run(name, "--help").stdout, re.MULTILINE)) for name in names}


@pytest.mark.parametrize("page", PAGES)
def test_every_command_line_names_a_command_and_options_that_exist(page, commands):
    for name, options in called(PAGES[page]):
        assert name in commands and set(options) <= commands[name], (name, options)


def test_commands_are_called_at_all(commands):
    assert {name for page in PAGES for name, _ in called(PAGES[page])} == set(commands)
    assert {name for block in manual_blocks() for name in re.findall(r"^image-proxy ([a-z-]+)", block.text)} == set(commands)


@pytest.mark.parametrize("page", PAGES)
def test_every_file_of_the_project_that_is_named_exists(page):
    text = PAGES[page]
    named = set(re.findall(r"(?<![\w./])(?:deploy|scripts|Sources|Tests|Benchmarks)/[\w./+-]*\w", text))
    assert [name for name in sorted(named) if not (PROJECT / name).exists()] == []
    targets = set(re.findall(r"^([a-z-]+):", (PROJECT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"`make ([a-z-]+)", text)) <= targets


@pytest.mark.parametrize("page", PAGES)
def test_it_names_no_place_of_one_machine(page):
    assert re.findall(r"(?<![\w.])/(?:work|home|root|Users)/\S*", PAGES[page]) == []


def test_the_architecture_names_types_that_are_there():
    sources = "\n".join(path.read_text() for path in (PROJECT / "Sources").rglob("*.swift"))
    types = set(re.findall(r"\b(?:class|struct|enum|protocol) (\w+)", sources))
    modules = {path.name for path in (PROJECT / "Sources").iterdir()}
    # Those of others: libfcgi, Swift, the kernel's words.
    others = {"FCGX_Request", "RawSpan", "Mutex"}
    named = {name for name in code(prose(PAGES["docs/architecture.md"])) if re.fullmatch(r"[A-Z][A-Za-z]*[a-z][A-Za-z]*", name)}
    assert len(named) > 30 and named - types - modules <= others


# MARK: configuration


@of("conf")
def test_a_configuration_is_good(block, tmp_path):
    path = tmp_path / "image-proxy.conf"
    path.write_text(block.text)
    done = run("check-config", "--config", path)
    assert (done.returncode, done.stderr) == (0, "")
    # Nothing in it is passed over.
    assert done.stdout.count(f"({path}:") == len(block.text.splitlines())


def test_the_tables_of_keys_are_the_program_s():
    done = subprocess.run([PROJECT / "scripts" / "document-configuration", "--check", EXECUTABLE], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, ""), "run scripts/document-configuration"


def test_a_row_that_is_out_of_date_is_said(tmp_path):
    """The check above can fail."""
    scripts, docs = tmp_path / "scripts", tmp_path / "docs"
    scripts.mkdir(), docs.mkdir()
    shutil.copy(PROJECT / "scripts" / "document-configuration", scripts)
    page = docs / "configuration.md"

    def check(text, *options):
        page.write_text(text)
        return subprocess.run([scripts / "document-configuration", *options, EXECUTABLE], capture_output=True, text=True)
    text = PAGES["docs/configuration.md"]
    old = text.replace("| `5MiB` |", "| `4MiB` |")
    for wrong in (old, text.replace("`IMAGE_PROXY_SVG`", "`IMAGE_PROXY_PNG`", 1)):
        done = check(wrong, "--check")
        assert done.returncode == 1 and done.stderr
        assert page.read_text() == wrong
    assert check(old).returncode == 0 and page.read_text() == text


SITE = """
pid {folder}/nginx.pid; error_log stderr; events {{}}
http {{ include {folder}/http.conf; server {{ listen 127.0.0.1:1; {block} }} }}
"""


@of("nginx")
def test_what_goes_into_nginx_is_valid(block, tmp_path):
    shutil.copy(PROJECT / "deploy" / "nginx" / "image-proxy.conf", tmp_path / "http.conf")
    (tmp_path / "snippets").mkdir()
    shutil.copy(PROJECT / "deploy" / "nginx" / "image-proxy-location.conf", tmp_path / "snippets")
    shutil.copy("/etc/nginx/fastcgi_params", tmp_path)
    (tmp_path / "nginx.conf").write_text(SITE.format(folder=tmp_path, block=block.text))
    done = subprocess.run(["nginx", "-t", "-e", "stderr", "-p", tmp_path, "-c", tmp_path / "nginx.conf"],
                          env={"PATH": os.environ["PATH"] + ":/usr/sbin"}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@of("yaml")
@pytest.mark.skipif(shutil.which("promtool") is None, reason="needs Debian's prometheus")
def test_what_goes_into_prometheus_is_valid(block, tmp_path):
    rules = PROJECT / "deploy" / "prometheus" / "image-proxy.rules.yml"
    (tmp_path / "prometheus.yml").write_text(block.text.replace("/etc/prometheus/image-proxy.rules.yml", str(rules)))
    done = subprocess.run(["promtool", "check", "config", tmp_path / "prometheus.yml"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@of("redis")
def test_what_goes_into_redis_is_valid(block, new_folder):
    folder = new_folder()
    (folder / "redis.conf").write_text(block.text)
    with Redis(folder) as server:
        with server.client() as client:
            for line in block.text.splitlines():
                if line and not line.startswith("#"):
                    name, value = line.split(" ", 1)
                    assert client("CONFIG", "SET", name, value.strip('"')) == "OK"
    # As a file: it is read, and the server ends for want of a socket.
    done = subprocess.run(["redis-server", folder / "redis.conf", "--port", "0", "--unixsocket", "/nonexistent/x"],
                          capture_output=True, text=True, timeout=20)
    assert "Failed opening Unix socket" in done.stdout, done.stdout + done.stderr


@of("json")
def test_records_are_json_in_the_order_that_is_kept(block):
    record = json.loads(block.text)
    assert list(record)[:5] in (["data", "contentType", "size", "cachedAt", "expiresAt"],
                                ["width", "height", "contentType", "size", "cachedAt"])


@of("text", "docs/embedded-store.md")
def test_a_file_of_the_embedded_store_begins_as_it_is_shown(block, settings, origin, tmp_path):
    url = origin.serve(behaviours.image(png_of_size(4_000), "image/png", ("ETag", '"abc"')))
    (tmp_path / "list").write_text(url + "\n")
    done = run("warm", tmp_path / "list", settings={**settings, "CONFIG": "/dev/null", "CACHE": f"file:{tmp_path}/store"})
    assert done.returncode == 0, done.stderr
    file = next(path for path in (tmp_path / "store" / "images").rglob("*") if path.is_file() and path.name != "index")
    found = [line.decode(errors="replace") for line in file.read_bytes().split(b"\n")[:4]]
    shown = block.text.splitlines()
    assert len(shown) == 4
    for line in (shown[0], found[0]):
        assert re.fullmatch(r"imgfile1( [0-9a-f]+){3}", line)
    for ours, theirs in zip(shown[1:], found[1:]):
        assert set(re.findall(r'"(\w+)":', ours)) <= set(re.findall(r'"(\w+)":', theirs)), theirs
    # And every number in it is right, the sum too.
    description, record, metadata = shown[1:]
    record = record.removesuffix("imgraw1").encode()[:-8]
    assert encode(json.loads(description), record, metadata.encode()).decode().rstrip() == block.text.rstrip()
    assert json.loads(record)["size"] == json.loads(description)["size"] == json.loads(metadata)["size"]


# MARK: code


SOURCE = "https://images.example.com/ü b.png?c=d&e"


def node(module, expression):
    done = subprocess.run(["node", "--input-type=module", "-e", f"{module}\nconsole.log({expression})"], capture_output=True,
                          text=True, env={"PATH": os.environ["PATH"], "KEY": "secret", "IMAGE_PROXY_SIGNING_KEY": "secret"})
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def signed():
    return run("sign", SOURCE, settings={"SIGNING_KEYS": "secret", "CONFIG": "/dev/null"}).stdout.strip()


def test_javascript_signs_as_the_program_does():
    found = [block for block in BLOCKS if block.language == "js" and "createHmac" in block.text]
    assert {block.page for block in found} == {"docs/signing.md", "docs/migration/next-image.md"}
    for block in found:
        name = re.search(r"export function (\w+)", block.text)[1]
        assert node(block.text, f"{name}({json.dumps(SOURCE)})") == signed()


@of("python")
def test_python_signs_as_the_program_does(block):
    scope = {}
    os.environ["KEY"] = "secret"
    try:
        exec(block.text, scope)
    finally:
        del os.environ["KEY"]
    assert scope["signed"](SOURCE) == signed()


def test_the_loader_of_next_image_asks_for_the_image(nginx, origin):
    settings, loader = [block.text for block in BLOCKS if block.page == "docs/migration/next-image.md" and block.language == "js"][:2]
    url = origin.serve(behaviours.image(png_of_size(4_000))) + "?a=b&c"
    script = loader.replace("export default ", "")
    asked = node(script, f"imageLoader({{ src: {json.dumps(url)}, width: 640 }})")
    assert asked == f"/api/image-proxy?url={quote(url, safe='')}"
    assert nginx.client.request("GET", asked).status == 200
    assert node(script, "imageLoader({ src: '/logo.png', width: 640 })") == "/logo.png"
    config = json.loads(node("const module = {};\n" + settings, "JSON.stringify(module.exports)"))
    assert config["images"]["loaderFile"] == "./image-loader.js"


# MARK: tables


def test_the_log_has_no_message_that_is_not_explained():
    """Every message in the sources, and no other."""
    sources = "\n".join(path.read_text() for path in (PROJECT / "Sources").rglob("*.swift"))
    said = re.findall(r'\blogger\.(?:trace|debug|info|notice|warning|error|critical)\(\s*"([^"\\]+)"', sources)
    assert len(said) > 15
    explained = [name for names, *_ in rows(section(PAGES["docs/operations.md"], "The log"), "message") for name in code(names)]
    assert sorted(explained) == sorted(set(said))


def test_the_log_has_no_key_that_is_not_explained():
    keys = (PROJECT / "Sources" / "ProxyServer" / "Observability" / "LogKeys.swift").read_text()
    named = set(re.findall(r'static let \w+ = "([\w.]+)"', keys))
    explained = {name for names, *_ in rows(section(PAGES["docs/operations.md"], "The log"), "key") for name in code(names)}
    assert named <= explained


def test_the_log_is_as_it_is_shown(start, origin, images):
    server = start(LOG_FORMAT="json", MAX_CACHE_SIZE="100")
    server.client.get(origin.serve(behaviours.image(images["png"].body)))
    server.client.get("http://10.0.0.1/")
    server.wait_for_log("Image too large to cache")
    log = section(PAGES["docs/operations.md"], "The log")
    listed = {name for names, *_ in rows(log, "key") for name in code(names)}
    levels = {name: level for names, level, _ in rows(log, "message") for name in code(names)}
    lines = [json.loads(line) for line in server.log().splitlines() if line]
    assert {key for line in lines for key in line} - {"time", "level", "message"} <= listed
    assert all(line["level"] == levels[line["message"]] for line in lines)


def test_every_alert_is_explained():
    rules = (PROJECT / "deploy" / "prometheus" / "image-proxy.rules.yml").read_text()
    explained = [code(name)[0] for name, *_ in rows(PAGES["docs/operations.md"], "alert")]
    assert explained == re.findall(r"- alert: (\w+)", rules)


def test_every_command_has_its_part(commands):
    page = PAGES["docs/commands.md"]
    assert set(re.findall(r"^## (.+)$", page, re.MULTILINE)) - {"On the cache"} == set(commands)


@of("", "docs/security.md")
def test_the_header_fields_that_every_response_has_are_shown(block, nginx):
    answer = nginx.client.endpoint("health")
    for line in block.text.splitlines():
        name, _, value = line.partition(": ")
        assert answer.header(name) == value


def test_what_a_redis_user_must_be_allowed_is_enough(redis, settings, origin, new_folder, tmp_path):
    """The rights that the page gives, on everything that a server and the commands do."""
    rights = re.search(r"ACL SETUSER image-proxy (.*)", PAGES["docs/operations.md"])[1].replace("'", "").split()
    with Redis(new_folder()) as server, server.client() as client:
        assert client("ACL", "SETUSER", "image-proxy", *rights) == "OK"
        url = origin.serve(behaviours.image(png_of_size(3_000_000)))
        tagged = url + "?{tag}"
        (tmp_path / "list").write_text(f"{url}\n{tagged}\n")
        mine = {**settings, "CONFIG": "/dev/null", "CACHE": f"redis://image-proxy:correct-horse@127.0.0.1:{server.port}/0"}
        for words in (["warm", tmp_path / "list"], ["stats"], ["inspect", url], ["inspect", tagged], ["clean"], ["purge", "--all"]):
            done = run(*words, settings=mine)
            assert done.returncode == 0 and "NOPERM" not in done.stdout + done.stderr, (words, done.stdout, done.stderr)
        eventually(lambda: not [key for key in client("KEYS", "*") if b"http" in key], "everything is purged")
        assert [entry for entry in client("ACL", "LOG")] == []
