"""The commands of the pages, followed word for word: those of a page in the order of the text, on a machine that is booted for
it, where the hosts of the examples are an https origin of the test's own. docs/deployment has a test of its own."""

import re
import textwrap

import pytest

from harness.documents import MANUAL, Block, blocks, manual_blocks, pages
from harness.handler import PROJECT
from harness.http import MOUNT
from harness.images import png_of_size
from harness.machine import ScratchMachine
from test_deployment_pages import SERVICE, SHIMS, commands, package, tree  # noqa: F401 (a fixture)

CONFIGURATION = "/etc/image-proxy/image-proxy.conf"
# What makes the origin of the test reachable, beside what a page says.
OURS = "IMAGE_PROXY_ALLOWED_NETWORKS=127.0.0.2/32:443\nIMAGE_PROXY_CA_FILE=/var/trial/ca.pem\n"

# The service behind nginx, as docs/deployment has it.
INSTALLED = f"""
{"".join(commands(*step) for step in [*SERVICE, ("nginx.md", "nginx")])}
ln -sf /usr/lib/image-proxy/image-proxy /usr/local/bin/image-proxy
printf 'IMAGE_PROXY_ALLOWED_HOSTS=*.example.com\\n' >{CONFIGURATION}
cat /var/trial/ours >>{CONFIGURATION}
systemctl reload image-proxy
printf 'https://images.example.com/%s.png\\n' a b c >urls.txt
cp urls.txt urls
image-proxy sign --help >/dev/null
gzip -c /var/trial/origin/sitemap.xml >sitemap.xml.gz
cp {CONFIGURATION} image-proxy.conf
curl -fsS -o /dev/null 'http://localhost/api/image-proxy?url=https%3A%2F%2Fimages.example.com%2Fa.png'
# It goes into the cache behind the response, and its metadata last.
until [ "$(redis-cli EXISTS {{image-proxy,image-metadata}}:https://images.example.com/a.png)" = 2 ]; do sleep 0.05; done
"""
# What the TypeScript application has left in Redis, an image that it has cut among it.
SHARED = """
now=$(date +%s)000
put() {
    redis-cli SET "image-proxy:$1" "{\\"data\\":\\"$2\\",\\"contentType\\":\\"image/png\\",\\"size\\":$3,\\"cachedAt\\":$now,\\"expiresAt\\":$((now + 86400000))}" EX 86400
    redis-cli SET "image-metadata:$1" "{\\"width\\":0,\\"height\\":0,\\"contentType\\":\\"image/png\\",\\"size\\":$3,\\"cachedAt\\":$now}" EX 86400
}
put https://images.example.com/a.png "$(base64 -w 0 /var/trial/origin/a.png)" "$(stat -c %s /var/trial/origin/a.png)"
put https://images.example.com/cut.png "$(head -c 1000 /var/trial/origin/a.png | base64 -w 0)$(head -c 1000 /var/trial/origin/a.png | base64 -w 0)" 2000
"""
SIGNED = f"echo IMAGE_PROXY_SIGNING_KEYS=secret >>{CONFIGURATION}\n"
ORIGIN = '''
import http.server, ssl


class Site(http.server.SimpleHTTPRequestHandler):
    """Every path that ends in .png is the same picture; the rest is what is in the folder."""

    def translate_path(self, path):
        path = path.split("?")[0]
        return "/var/trial/origin/" + ("a.png" if path.endswith(".png") else path.strip("/"))


server = http.server.ThreadingHTTPServer(("127.0.0.2", 443), Site)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain("/var/trial/good.pem", "/var/trial/good.key")
server.socket = context.wrap_socket(server.socket, server_side=True)
server.serve_forever()
'''
TRIAL = """
export PATH=/var/trial/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
exec bash -c '
set -ex -o pipefail
cd /var/trial/project
echo 127.0.0.2 images.example.com www.example.com >>/etc/hosts
systemctl start redis-server
/usr/bin/python3 /var/trial/origin.py &
until curl -fsS --cacert /var/trial/ca.pem -o /dev/null https://images.example.com/a.png; do sleep 0.1; done
. /var/trial/stage
. /var/trial/page
echo "== to the end"
'
"""


# A reload is over when whoever took requests before takes no more; a reader does not type that fast.
SYSTEMCTL = """
old() { pgrep -f "nginx: worker process$" || true; }
said() { journalctl -u image-proxy | grep -cE "Another process answers|not ready" || true; }
# The main process keeps one that answers, and has nothing left to answer itself.
settled() {
    main=$(/usr/bin/systemctl show --property MainPID --value image-proxy)
    [ "$(ls "/proc/$main/task" | wc -l)" -lt 16 ] && [ "$(pgrep -c -P "$main")" = 1 ]
}
case "$1 $2" in
"reload nginx")
    before=$(old)
    /usr/bin/systemctl "$@"
    for process in $before; do while old | grep -qx "$process"; do sleep 0.05; done; done ;;
"reload image-proxy")
    before=$(said)
    /usr/bin/systemctl "$@"
    while [ "$(said)" = "$before" ] || ! settled; do sleep 0.05; done ;;
*) exec /usr/bin/systemctl "$@" ;;
esac
"""


class Walk:
    """`stage` is what is there before, `shows` what the commands must have printed; with `applies` a block of configuration
    becomes that of the machine, and `mount` is where its pages find a proxy."""

    def __init__(self, shows, stage=INSTALLED, applies=False, mount=MOUNT):
        self.shows, self.stage, self.applies, self.mount = shows, stage, applies, mount

    def script(self, page):
        parts = manual_blocks() if page == MANUAL else blocks(page, PAGES[page])
        return "".join(filter(None, (self.part(block) for block in parts)))

    def part(self, block):
        if block.language == "sh":
            return re.sub(r"^((?:sudo [^\n]*)?\S*image-proxy serve [^\n&]*unix:(\S+)[^\n&]*)$", self.in_background, block.text,
                          flags=re.MULTILINE)
        if block.language == "conf" and self.applies:
            return f"cat >{CONFIGURATION} <<'END'\n{block.text}END\ncat /var/trial/ours >>{CONFIGURATION}\n"
        if block.language == "nginx" and block.text.startswith("include "):
            line = block.text.strip().replace("/", r"\/")
            return f"sed -i '0,/^\\s*server_name _;/s//&\\n{line}/' /etc/nginx/sites-available/default\n"
        return None

    @staticmethod
    def in_background(found):
        """The reader has another terminal."""
        return (f"{found[1]} &\nuntil curl -sS --unix-socket {found[2]} http://localhost >/dev/null 2>&1 || [ $? -ne 7 ]; do\n"
                f"kill -0 $!; sleep 0.1; done")


PAGES = pages()
WALKS = {
    "README.md": Walk(["fwd=uri-miss; fwd-status=200; stored", "image-proxy; hit"], stage=""),
    "CONTRIBUTING.md": Walk([r"image-proxy \d", "verdict +200 served"]),
    "docs/commands.md": Walk(["images  +1", "state +fresh", "memory +not in that|memory +image/png", "purged 1 images",
                              "kept +[1-9]", r"/api/image-proxy\?url=", '"reason":"denied.host"', "0 failed"]),
    "docs/configuration.md": Walk([f"{CONFIGURATION}:1", "default"]),
    "docs/embedded-store.md": Walk([], stage="useradd --system --user-group image-proxy\n"),
    "docs/operations.md": Walk(["up to 32KiB", "image_proxy_cache_gate_bytes 5242880", "^ok$", "OK", "verdict +200 served"]),
    "docs/security.md": Walk(["200 served", "403 denied.host", " 0 failed"]),
    "docs/signing.md": Walk([r"/api/image-proxy\?url=.*&s=", "HTTP/1.1 200 OK"]),
    MANUAL: Walk(["purged 1 images", "kept +[1-9]", " 0 failed"], INSTALLED + SIGNED),
    "docs/migration/camo.md": Walk(
        ["fwd=uri-miss; fwd-status=200; stored", "image-proxy; hit", "https://camo.example.com/"], INSTALLED + "redis-cli FLUSHALL\n"),
    "docs/migration/next-image.md": Walk(["Cache-Status: image-proxy", "kept +2"], applies=True, mount="/_next/image"),
    "docs/migration/typescript.md": Walk(["2 images.example.com", r"cut +1 ", "sound +yes", "200 served"], INSTALLED + SHARED, True),
}


def follow(walk, script, folder, certificates, package=None):
    """Boots a machine, runs the script after the stage of the walk, and holds what it printed to what the walk shows."""
    with ScratchMachine(folder) as machine:
        if machine.obstacle:
            pytest.skip(machine.obstacle)
        machine.put(tree(package), "/var/trial/tree.tar")
        machine.output("sh", "-c", "mkdir /var/trial/project && tar -xf /var/trial/tree.tar -C /var/trial/project")
        machine.put(png_of_size(20_000), "/var/trial/origin/a.png")
        machine.put(SITEMAP.encode(), "/var/trial/origin/sitemap.xml")
        machine.put(GALLERY.format(mount=walk.mount).encode(), "/var/trial/origin/gallery.html")
        machine.put(ORIGIN.encode(), "/var/trial/origin.py")
        machine.put(OURS.encode(), "/var/trial/ours")
        for name in ("ca.pem", "good.pem", "good.key"):
            machine.put((certificates.folder / name).read_bytes(), f"/var/trial/{name}")
        for name, text in {**SHIMS, "systemctl": SYSTEMCTL}.items():
            machine.output("chmod", "+x", machine.put(f"#!/bin/sh -e\n{text}\n".encode(), f"/var/trial/bin/{name}"))
        machine.put(walk.stage.encode(), "/var/trial/stage")
        machine.put(script.encode(), "/var/trial/page")
        output, log = machine.boot(TRIAL)
    if not output and not log:
        pytest.skip("systemd-nspawn does not boot here")
    assert output.endswith("== to the end\n"), output[-2000:] + log[-4000:]
    for shown in walk.shows:
        assert re.search(shown, output, re.MULTILINE), (shown, output, log[-2000:])


@pytest.mark.parametrize("page", WALKS)
def test_who_follows_a_page_gets_to_its_end(page, new_folder, certificates):
    follow(WALKS[page], WALKS[page].script(page), new_folder(), certificates)


def test_who_follows_what_the_package_says_has_it_running(new_folder, certificates, package):
    text = (PROJECT / "deploy" / "debian" / "image-proxy.README.Debian").read_text()
    shown = re.findall(r"^ {7}(\S.*)$", text, re.MULTILINE) + re.findall(r"^(?:After|The log)[^:]*: +(.*)$", text, re.MULTILINE)
    assert len(shown) >= 8
    place = next(index for index, line in enumerate(shown) if "nginx -t" in line)
    installed = Walk(["^ok$", "notice Ready"], f"""
dpkg --install .build/packages/{package.name}
sed -i 's/^#IMAGE_PROXY_ALLOWED_HOSTS=.*/IMAGE_PROXY_ALLOWED_HOSTS=images.example.com/' {CONFIGURATION}
systemctl start nginx
""")
    included = installed.part(Block("", 1, "nginx", "include snippets/image-proxy-location.conf;\n"))
    script = "\n".join([*shown[:place], included, *shown[place:]]).replace("journalctl", "journalctl --no-pager")
    follow(installed, script + "\n", new_folder(), certificates, package)


SITEMAP = textwrap.dedent("""\
    <?xml version="1.0"?>
    <urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9" xmlns:image="http://www.google.com/schemas/sitemap-image/1.1">
    <url><loc>https://www.example.com/</loc><image:image><image:loc>https://images.example.com/s.png</image:loc></image:image></url>
    </urlset>
    """)
GALLERY = """<!doctype html><title>Gallery</title><img src="https://images.example.com/g.png">
<img src="{mount}?url=https%3A%2F%2Fimages.example.com%2Fp.png&amp;w=640&amp;q=75">
"""
