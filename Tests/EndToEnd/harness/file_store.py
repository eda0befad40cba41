"""The embedded store as its files are, behind the few commands of Redis that tests look into a cache with.

So a test says `GET image-proxy:URL` and means the record, wherever it is. What is written here is what the program reads, and
the other way round: both follow the layout that docs/embedded-store.md describes.
"""

import base64
import hashlib
import json
import os
import secrets
import shutil
import time
from fnmatch import fnmatchcase
from pathlib import Path

IMAGES, METADATA, LEASE = "image-proxy:", "image-metadata:", ":fetch"
MASK = (1 << 64) - 1
MARK = b"imgraw1\n"
FOREVER = 253402300799000


def byte_sum(data):
    """The sum that stands in a header."""
    state = 0x9E3779B97F4A7C15
    whole = len(data) // 8 * 8
    words = [int.from_bytes(data[place:place + 8], "little") for place in range(0, whole, 8)]
    for word in [*words, int.from_bytes(data[whole:], "little"), len(data)]:
        state = (state ^ word) * 0x9FB21C651E98DF25 & MASK
        state ^= state >> 32
    return state ^ state >> 29


def encode(description, record, metadata):
    """A header; `record` and `metadata` are texts, or nothing."""
    text = json.dumps(description, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"
    text += record + f"{len(record):08x}".encode() + MARK if record else b"\n"
    text += (metadata or b"") + b"\n"
    key = json.dumps(description["key"], ensure_ascii=False).encode()
    length = -(-(44 + len(key) + 1024 + 776) // 1024) * 1024
    header = f"imgfile1 {length:08x} {len(text):08x} {byte_sum(text):016x}\n".encode() + text
    assert len(header) <= length
    return header.ljust(length)


class Entry:
    """One file, read."""

    def __init__(self, path):
        whole = path.read_bytes()
        mark, length, used, total = whole[:43].split(b" ")
        text = whole[44:44 + int(used, 16)]
        assert mark == b"imgfile1" and byte_sum(text) == int(total, 16), path
        description, record, metadata, rest = text.split(b"\n")
        assert rest == b""
        self.description = json.loads(description)
        self.record = record[:-8 - len(MARK) + 1] or None
        self.metadata = metadata or None
        self.body = whole[int(length, 16):]
        name = self.description.get("body")
        if name is not None:
            self.body = (path.parents[2] / "bodies" / path.name[:2] / f"{path.name}-{int(name, 16):x}").read_bytes()

    @property
    def is_expired(self):
        return self.description["expiresAt"] <= time.time() * 1000


class FileStore:
    """A folder; `store("GET", "image-proxy:http://...")` as a client of Redis has it."""

    def __init__(self, folder):
        self.folder = Path(folder)

    def __call__(self, command, *words):
        words = [word.decode() if isinstance(word, bytes) else str(word) for word in words]
        return getattr(self, f"do_{command.lower()}")(*words)

    def path(self, url):
        name = hashlib.sha256((IMAGES + url).encode()).hexdigest()[:32]
        return self.folder / "images" / name[:2] / name

    def lease_path(self, url):
        return self.folder / "leases" / self.path(url).name

    def entry(self, url):
        """What there is of a source; nothing where it has expired, or is damaged."""
        path = self.path(url)
        try:
            entry = Entry(path) if path.is_file() else None
        except (ValueError, AssertionError, FileNotFoundError):
            return None
        return entry if entry and not entry.is_expired else None

    def entries(self):
        paths = [path for path in self.folder.glob("images/*/*") if len(path.name) == 32]
        return [entry for entry in map(Entry, paths) if not entry.is_expired]

    def _write(self, url, description, record, metadata, body):
        path = self.path(url)
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.folder.chmod(0o700)
        draft = path.with_suffix(".draft")
        draft.write_bytes(encode(description, record, metadata) + body)
        draft.rename(path)

    def _put_image(self, url, text, expiry):
        """A record as it stands in Redis, taken apart. One that cannot be is written as it is: damaged."""
        fields = json.loads(text)
        body = base64.b64decode(fields.pop("data"))
        known = self.entry(url)
        self._write(url, {
            "key": IMAGES + url, "generation": secrets.token_hex(8), "expiresAt": int(time.time() * 1000) + expiry,
            "size": fields["size"], "sum": f"{byte_sum(body):016x}",
        }, json.dumps(fields, separators=(",", ":")).encode(), known and known.metadata, body)

    def _put_metadata(self, url, text, expiry):
        known = self.entry(url)
        if known and known.record:
            return self._write(url, known.description, known.record, text.encode(), known.body)
        self._write(url, {
            "key": IMAGES + url, "generation": secrets.token_hex(8), "expiresAt": int(time.time() * 1000) + expiry,
            "size": 0, "sum": "0" * 16}, None, text.encode(), b"")

    @staticmethod
    def _lease_url(key):
        """The source of a lease's key; nothing where it is none."""
        return key[len("{" + IMAGES):-len("}" + LEASE)] if key.startswith("{" + IMAGES) and key.endswith(LEASE) else None

    # MARK: commands

    def do_get(self, key):
        if key.startswith(METADATA):
            entry = self.entry(key[len(METADATA):])
            return entry.metadata if entry else None
        if url := self._lease_url(key):
            path = self.lease_path(url)
            until, text, _ = path.read_bytes().split(b"\n", 2) if path.is_file() else (b"0", None, b"")
            return text if int(until) > time.time() * 1000 else None
        entry = self.entry(key[len(IMAGES):])
        if entry is None or entry.record is None:
            return None
        return b'{"data":"' + base64.b64encode(entry.body) + b'",' + entry.record[1:]

    def do_set(self, key, value, unit="EX", expiry=FOREVER // 1000):
        milliseconds = int(expiry) * (1000 if unit == "EX" else 1)
        if url := self._lease_url(key):
            path = self.lease_path(url)
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            path.write_text(f"{int(time.time() * 1000) + milliseconds}\n{value}\n{IMAGES}{url}")
        elif key.startswith(METADATA):
            self._put_metadata(key[len(METADATA):], value, milliseconds)
        else:
            self._put_image(key[len(IMAGES):], value, milliseconds)

    def do_setex(self, key, seconds, value):
        self.do_set(key, value, "EX", seconds)

    def do_exists(self, *keys):
        return sum(self.do_get(key) is not None for key in keys)

    def do_strlen(self, key):
        return len(self.do_get(key) or b"")

    def do_del(self, *keys):
        found = self.do_exists(*keys)
        for key in keys:
            if url := self._lease_url(key):
                self.lease_path(url).unlink(missing_ok=True)
            elif key.startswith(IMAGES):
                self.path(key[len(IMAGES):]).unlink(missing_ok=True)
        return found

    def do_pttl(self, key):
        entry = self.entry(key.partition(":")[2])
        return int(entry.description["expiresAt"] - time.time() * 1000) if self.do_get(key) is not None else -2

    def do_ttl(self, key):
        return max(self.do_pttl(key) // 1000, -2)

    def do_keys(self, pattern):
        keys = []
        for entry in self.entries():
            key = entry.description["key"]
            keys += [key] if entry.record else []
            keys += [METADATA + key[len(IMAGES):]] if entry.metadata else []
        for path in self.folder.glob("leases/*"):
            until, _, key = path.read_text().split("\n", 2)
            keys += ["{" + key + "}" + LEASE] if int(until) > time.time() * 1000 else []
        return [key.encode() for key in keys if fnmatchcase(key, pattern)]

    def do_dbsize(self):
        return len(self.do_keys("*"))

    def do_flushdb(self):
        for path in self.folder.glob("images/*/*"):
            path.unlink()

    def close(self):
        """As a client of Redis has it."""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class FileStores:
    """Folders by number, as a Redis has databases."""

    def __init__(self, folder):
        self.folder = folder

    def client(self, database=0):
        return FileStore(self.folder / str(database))

    def unix_address(self, database=0):
        """The value of IMAGE_PROXY_CACHE."""
        return f"file:{self.folder / str(database)}"

    tcp_address = unix_address

    def __enter__(self):
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.folder, ignore_errors=True)


def is_locked(path):
    """Whether a process that lives has locked a file."""
    identity = f":{os.stat(path).st_ino} "
    return any(identity in line for line in Path("/proc/locks").read_text().splitlines())
