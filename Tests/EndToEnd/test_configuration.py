"""Configuration and the operator's commands."""

import json
import os
import shutil
import subprocess

import pytest

from harness import behaviours
from harness.handler import EXECUTABLE, SANITIZER, environment, run, write_configuration
from harness.waiting import eventually

GOOD = {"ALLOWED_HOSTS": "images.test", "CACHE": "off"}

# Each key with a value that is none, all at once.
BAD = {
    "ALLOWED_HOSTS": "http://images.test/",
    "ALLOWED_NETWORKS": "10.0.0.0/99",
    "ALLOWED_PORTS": "80,99999",
    "CACHE": "memcached://127.0.0.1",
    "CACHE_KEY": "no-place-for-the-url",
    "METADATA_KEY": "nor-here",
    "CACHE_TTL": "24x",
    "METADATA_TTL": "-1d",
    "MAX_CACHE_SIZE": "5MB!",
    "CHUNK_SIZE": "0",
    "MEMORY_CACHE_SIZE": "lots",
    "MAX_IMAGE_SIZE": "-3",
    "CONNECT_TIMEOUT": "soon",
    "FIRST_BYTE_TIMEOUT": "0s0",
    "STALL_TIMEOUT": "1y",
    "TOTAL_TIMEOUT": "abc",
    "MAX_REDIRECTS": "many",
    "WORKERS": "0",
    "CORS_ORIGIN": "not an origin",
    "ADMIN_NETWORKS": "somewhere",
    "CACHE_FORMAT": "xml",
    "MIN_TTL": "x",
    "MAX_TTL": "y",
    "NEGATIVE_TTL": "z",
    "IGNORE_ORIGIN_CACHE_CONTROL": "maybe",
    "STALE_WHILE_REVALIDATE": "w",
    "STALE_IF_ERROR": "v",
    "DIALECTS": "klingon",
    "SVG": "trust",
    "LOG_LEVEL": "loud",
    "LOG_FORMAT": "prose",
    "ALOWED_HOSTS": "a-key-that-does-not-exist",
}


@pytest.mark.parametrize("command", [["check-config"], ["serve", "--listen", "unix:/nonexistent/never.sock"]], ids=["check", "serve"])
def test_every_problem_is_shown_at_once(command, new_folder):
    done = run(*command, settings=BAD, cwd=new_folder())
    assert done.returncode == 78
    lines = done.stderr.splitlines()
    for key, value in BAD.items():
        about = [line for line in lines if f"IMAGE_PROXY_{key}" in line]
        assert about, f"nothing is said of {key} in\n{done.stderr}"
        # An address may carry a password, and a key that is misspelt may be that of a secret.
        assert key in ("CACHE", "ALOWED_HOSTS") or any(value in line for line in about), (key, about)


def test_an_authority_file_that_is_not_there_is_a_problem():
    done = run("check-config", settings={**GOOD, "CA_FILE": "/nonexistent/ca.pem"})
    assert done.returncode == 78 and "IMAGE_PROXY_CA_FILE" in done.stderr


def test_neither_hosts_nor_keys_does_not_start(new_folder):
    done = run("serve", "--listen", f"unix:{new_folder()}/never.sock", settings={"CACHE": "off"})
    assert done.returncode == 78
    assert "IMAGE_PROXY_ALLOWED_HOSTS" in done.stderr and "IMAGE_PROXY_SIGNING_KEYS" in done.stderr


def test_a_good_configuration_is_good():
    done = run("check-config", settings=GOOD)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_secret_is_not_shown():
    done = run("check-config", settings={**GOOD, "CACHE": "redis://:hunter2@127.0.0.1:99999/0", "SIGNING_KEYS": "swordfish"})
    assert "hunter2" not in done.stdout + done.stderr and "swordfish" not in done.stdout + done.stderr


def test_the_file_is_read_in_the_systemd_syntax(new_folder):
    path = new_folder() / "settings.conf"
    path.write_text('# a comment\n; another\n\nIMAGE_PROXY_ALLOWED_HOSTS="images.test, *.b.test"\n'
                    "IMAGE_PROXY_CACHE='off'\nIMAGE_PROXY_CACHE_TTL=12h\n")
    assert run("check-config", "--config", path).returncode == 0
    assert run("check-config", settings={"CONFIG": path}).returncode == 0


def test_the_environment_wins_over_the_file(new_folder):
    path = write_configuration(new_folder() / "settings.conf", {**GOOD, "WORKERS": "none"})
    assert run("check-config", "--config", path).returncode == 78
    assert run("check-config", "--config", path, settings={"WORKERS": "3"}).returncode == 0


def test_problems_of_the_file_are_shown_with_the_others(new_folder):
    path = write_configuration(new_folder() / "settings.conf", {**GOOD, "WORKERS": "none", "UNKNOWN": "1"})
    done = run("check-config", "--config", path, settings={"CACHE_TTL": "never"})
    assert done.returncode == 78
    for word in ("IMAGE_PROXY_WORKERS", "IMAGE_PROXY_UNKNOWN", "IMAGE_PROXY_CACHE_TTL", "never"):
        assert word in done.stderr


def test_a_file_that_is_named_must_be_there(new_folder):
    done = run("check-config", "--config", new_folder() / "missing.conf", settings=GOOD)
    assert done.returncode == 78 and "missing.conf" in done.stderr


@pytest.mark.skipif(SANITIZER == "thread", reason="what is copied is the script that starts the executable")
def test_a_file_beside_the_executable_is_found(new_folder):
    folder = new_folder()
    shutil.copy2(EXECUTABLE, folder / "image-proxy")
    write_configuration(folder / "image-proxy.conf", {**GOOD, "WORKERS": "none"})
    done = subprocess.run([folder / "image-proxy", "check-config"], env=environment({}), capture_output=True, text=True)
    assert done.returncode == 78 and "IMAGE_PROXY_WORKERS" in done.stderr


@pytest.mark.parametrize("arguments", [[], ["nonsense"], ["serve", "--nonsense"], ["serve", "--listen"], ["stats", "--x"],
                                       ["serve", "--listen", "nowhere"]])
def test_wrong_usage_is_64_with_usage_on_stderr(arguments):
    done = run(*arguments, settings=GOOD)
    assert (done.returncode, done.stdout) == (64, "")
    assert "image-proxy" in done.stderr


@pytest.mark.parametrize("arguments", [["--help"], ["serve", "--help"], ["stats", "--help"], ["check-config", "--help"]])
def test_help_is_data(arguments):
    done = run(*arguments)
    assert (done.returncode, done.stderr) == (0, "") and "image-proxy" in done.stdout


def test_version():
    done = run("--version")
    assert done.returncode == 0 and any(character.isdigit() for character in done.stdout) and done.stderr == ""


def test_stats_agree_with_redis_and_with_the_endpoint(nginx, origin, images):
    nginx.redis("FLUSHDB")
    for name in ("png", "webp", "avif"):
        url = origin.serve(behaviours.image(images[name].body, images[name].content_type))
        nginx.client.get(url)
        nginx.stored(url)
    done = run("stats", "--json", settings=nginx.settings)
    assert done.returncode == 0, done.stderr
    stats = json.loads(done.stdout)
    records = [json.loads(nginx.redis("GET", key)) for key in nginx.redis("KEYS", "image-proxy:*")]
    assert stats["totalImages"] == len(records) == 3
    assert stats["totalSize"] == sum(record["size"] for record in records)
    assert stats["oldestCache"] == min(record["cachedAt"] for record in records)
    assert stats["newestCache"] == max(record["cachedAt"] for record in records)
    endpoint = nginx.client.endpoint("stats").json()
    assert {name: endpoint[name] for name in ("totalImages", "totalSize", "oldestCache", "newestCache")} == {
        name: stats[name] for name in ("totalImages", "totalSize", "oldestCache", "newestCache")}
    plain = run("stats", settings=nginx.settings)
    assert plain.returncode == 0 and "3" in plain.stdout


def test_stats_without_redis_is_a_failure_and_not_zeros(nginx):
    done = run("stats", "--json", settings={**nginx.settings, "CACHE": "redis://127.0.0.1:1/0"})
    assert (done.returncode, done.stdout) == (1, "") and done.stderr


def test_a_closed_pipe_is_no_crash(nginx):
    done = subprocess.run(["sh", "-c", '"$1" stats --json | true', "sh", str(EXECUTABLE)],
                          env=environment(nginx.settings), capture_output=True, text=True)
    assert "fatal" not in done.stderr.lower()


def test_one_line_for_each_request_in_json(start, origin, images):
    server = start(LOG_FORMAT="json")
    url = origin.serve(behaviours.image(images["png"].body), "/logged/image") + "?token=secret-in-query"
    server.client.get(url)
    server.client.get("http://10.0.0.1/")
    server.wait_for_log("Image cached successfully")
    eventually(lambda: server.log().count("request finished") == 2, "both requests are in the log")
    lines = [line for line in server.log().splitlines() if line]
    for line in lines:
        json.loads(line)
    finished = [json.loads(line) for line in lines if "finished" in line]
    assert len(finished) == 2
    text = json.dumps(finished)
    assert "127.0.0.1" in text and "403" in text and "200" in text
    assert "secret-in-query" not in server.log()


def test_a_hostile_url_cannot_forge_a_log_line(start):
    server = start()
    server.client.get("http://a.test/x\n2026-01-01 Image cached successfully url=forged")
    server.client.get("http://a.test/\x1b[31mred")
    server.client.endpoint("health")
    assert "\x1b" not in server.log()
    assert not any(line.startswith("2026-01-01 Image cached") for line in server.log().splitlines())


def test_the_process_does_not_write_where_it_stands(new_folder, settings):
    folder = new_folder()
    run("check-config", settings=GOOD, cwd=folder)
    assert os.listdir(folder) == []
