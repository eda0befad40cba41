"""README.md says what is true, beyond what test_documents.py holds every page to: keys, defaults, commands, paths, fields."""

import json
import re

from harness.documents import blocks, code, pages, prose, rows, section as section_of
from harness.handler import PROJECT, run

README = (PROJECT / "README.md").read_text()
CHANGELOG = (PROJECT / "CHANGELOG.md").read_text()

SHELL = "\n".join(block.text for block in blocks("README.md", README) if block.language == "sh")
# Without it, or a signing key in its place, there is no configuration at all.
HOSTS = "IMAGE_PROXY_ALLOWED_HOSTS"


def section(title):
    return section_of(README, title)


def in_force(**settings):
    done = run("check-config", "--json", "--config", "/dev/null", settings=settings)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def options(*command):
    done = run(*command, "--help")
    assert done.returncode == 0, done.stderr
    return re.findall(r"^  (--[a-z-]+)", done.stdout, re.MULTILINE)


def commands():
    return re.findall(r"^  ([a-z][a-z-]+) ", run("--help").stdout, re.MULTILINE)


def test_the_configuration_table_is_the_program_s():
    effective = {**in_force(ALLOWED_HOSTS="images.test"), HOSTS: in_force(SIGNING_KEYS="unused")[HOSTS]}
    assert all(setting["origin"] == "default" for setting in effective.values())
    documented = rows(section("Configuration"), "key")
    assert [code(key) for key, *_ in documented] == [[key] for key in effective], "keys, in the order of check-config"
    assert {code(key)[0]: default.strip("`") for key, default, *_ in documented} == {
        key: setting["value"] for key, setting in effective.items()}


def test_the_configuration_that_is_shown_is_good(new_folder):
    lines = re.search(r"<<'END'\n(.*?)END\n", SHELL, re.DOTALL).group(1)
    path = new_folder() / "image-proxy.conf"
    path.write_text(lines)
    done = run("check-config", "--config", path)
    assert (done.returncode, done.stderr) == (0, "")


def test_every_command_is_there_with_its_options():
    documented = {code(name)[0].removeprefix("image-proxy "): set(code(flags))
                  for name, flags, *_ in rows(section("Command line"), "command")}
    assert set(documented) == set(commands())
    for command, flags in documented.items():
        assert flags | {"--config", "--help"} == set(options(command)), command


def test_version_is_the_one_that_the_program_has():
    version = run("--version").stdout.split()[-1]
    assert re.findall(r"version (\d+\.\d+\.\d+)", README) == [version]


def test_the_include_line_is_the_one_that_the_deploy_file_says():
    lines = [block.text.strip() for block in blocks("README.md", README) if block.language == "nginx"]
    text = (PROJECT / "deploy" / "nginx" / "image-proxy-location.conf").read_text()
    assert lines and all(line in text for line in lines)


def test_the_deploy_files_and_the_pages_mean_the_same_paths():
    text = "\n".join(pages().values())
    for path in sorted((PROJECT / "deploy").rglob("*.conf")):
        for named in re.findall(r"(?<!\w)/(?:usr/lib|etc|run)/image-proxy/[\w.-]*\w", path.read_text()):
            assert named in text, (path, named)


def test_every_make_target_exists_and_is_documented():
    targets = set(re.findall(r"^([a-z-]+):", (PROJECT / "Makefile").read_text(), re.MULTILINE)) - {"help"}
    assert {code(row[0])[0].removeprefix("make ") for row in rows(section("Building and testing"), "command")} == targets
    called = re.findall(r"^make ([a-z-]+)", "\n".join([SHELL, *code(prose(README)), *code(CHANGELOG)]), re.MULTILINE)
    assert called and set(called) <= targets


def test_the_statistics_have_the_fields_that_are_listed(nginx):
    listed = [name for names, *_ in rows(section("Statistics"), "field") for name in code(names)]
    assert sorted(listed) == sorted(nginx.client.endpoint("stats").json())


def test_the_header_fields_that_every_response_has_are_shown(nginx):
    shown = next(block.text for block in blocks("README.md", section("Security model")) if not block.language)
    answer = nginx.client.endpoint("health")
    for line in shown.splitlines():
        name, _, value = line.partition(": ")
        assert answer.header(name) == value


def test_the_log_is_shown_as_it_is():
    shown = next(block.text for block in blocks("README.md", section("Log")) if not block.language)
    log = section_of((PROJECT / "docs" / "operations.md").read_text(), "The log")
    messages, keys = ({name for names, *_ in rows(log, heading) for name in code(names)} for heading in ("message", "key"))
    for line in shown.splitlines():
        message, fields = re.fullmatch(r"\S+Z \w+ (.*?)((?: [\w.]+=\S+)+)", line).groups()
        assert message in messages and set(re.findall(r" ([\w.]+)=", fields)) <= keys
    # What monitoring of the TypeScript application knows.
    assert {"Image cached successfully", "Image too large to cache", "url", "size", "sizeMB"} <= set(code(section("Log")))
