"""README.md says what is true, as far as a program can tell: keys, defaults, commands, links, files, fields."""

import json
import re

import pytest

from harness import behaviours
from harness.handler import PROJECT, run

README = (PROJECT / "README.md").read_text()
CHANGELOG = (PROJECT / "CHANGELOG.md").read_text()

FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PROSE = FENCE.sub("", README)
SHELL = "\n".join(body for language, body in FENCE.findall(README) if language == "sh")
# Without it, or a signing key in its place, there is no configuration at all.
HOSTS = "IMAGE_PROXY_ALLOWED_HOSTS"


def section(title):
    """The text below a heading, up to the next one of the same rank or a higher one."""
    rank, text = re.search(rf"^(#+) {re.escape(title)}\n(.*)", README, re.MULTILINE | re.DOTALL).groups()
    return re.split(rf"^#{{1,{len(rank)}}} ", text, maxsplit=1, flags=re.MULTILINE)[0]


def rows(text, heading):
    """The cells of the table that has `heading` as its first column."""
    table = re.search(rf"^\| {heading} \|.*\n\|[ |-]+\|\n((?:\|.*\n)+)", text, re.MULTILINE).group(1)
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in table.splitlines()]


def code(cell):
    """What stands in backticks."""
    return re.findall(r"`([^`\n]+)`", cell)


def slug(heading):
    """The anchor that GitHub makes of a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


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


def test_every_key_that_is_named_exists():
    known = {*in_force(ALLOWED_HOSTS="images.test"), "IMAGE_PROXY_"}
    assert set(re.findall(r"IMAGE_PROXY_[A-Z_]*", README + CHANGELOG)) <= known


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


def test_every_command_line_names_a_command_and_options_that_exist():
    lines = [*SHELL.replace("\\\n", " ").splitlines(), *code(PROSE), *code(CHANGELOG)]
    found = [re.search(r"(?:^|/| )image-proxy ([a-z][a-z-]+)(.*)", line) for line in lines]
    called = [(match[1], re.findall(r"--[a-z-]+", match[2])) for match in found if match]
    assert len(called) >= 5
    for command, flags in called:
        assert command in commands() and set(flags) <= set(options(command)), (command, flags)


def test_version_is_the_one_that_the_program_has():
    version = run("--version").stdout.split()[-1]
    assert re.findall(r"version (\d+\.\d+\.\d+)", README) == [version]


@pytest.mark.parametrize("text", [README, CHANGELOG], ids=["README", "CHANGELOG"])
def test_links_lead_somewhere(text):
    anchors = {slug(heading) for heading in re.findall(r"^#+ (.+)$", text, re.MULTILINE)}
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if target.startswith("https://"):
            continue
        path, _, anchor = target.partition("#")
        assert (PROJECT / path).exists(), target
        assert path or anchor in anchors, target


def test_every_file_of_the_project_that_is_named_exists():
    named = set(re.findall(r"\b(?:deploy|scripts|Sources|Tests)/[\w./+-]*\w", README + CHANGELOG))
    assert named
    assert [name for name in sorted(named) if not (PROJECT / name).exists()] == []


def test_the_include_line_is_the_one_that_the_deploy_file_says():
    lines = [body.strip() for language, body in FENCE.findall(README) if language == "nginx"]
    text = (PROJECT / "deploy" / "nginx" / "image-proxy-location.conf").read_text()
    assert lines and all(line in text for line in lines)


def test_the_deploy_files_and_the_page_mean_the_same_paths():
    for path in sorted((PROJECT / "deploy").rglob("*.conf")):
        for named in re.findall(r"(?<!\w)/(?:usr/lib|etc|run)/image-proxy/[\w.-]*\w", path.read_text()):
            assert named in README, (path, named)


def test_every_make_target_exists_and_is_documented():
    targets = set(re.findall(r"^([a-z-]+):", (PROJECT / "Makefile").read_text(), re.MULTILINE)) - {"help"}
    assert {code(row[0])[0].removeprefix("make ") for row in rows(section("Building and testing"), "command")} == targets
    called = re.findall(r"^make ([a-z-]+)", "\n".join([SHELL, *code(PROSE), *code(CHANGELOG)]), re.MULTILINE)
    assert called and set(called) <= targets


def test_the_statistics_have_the_fields_that_are_listed(nginx):
    listed = [name for names, *_ in rows(section("Statistics"), "field") for name in code(names)]
    assert sorted(listed) == sorted(nginx.client.endpoint("stats").json())


def test_the_log_has_no_key_that_is_not_listed(start, origin, images):
    server = start(LOG_FORMAT="json", MAX_CACHE_SIZE="100")
    server.client.get(origin.serve(behaviours.image(images["png"].body)))
    server.client.get("http://10.0.0.1/")
    server.wait_for_log("Image too large to cache")
    listed = {name for names, *_ in rows(section("Log"), "key") for name in code(names)}
    lines = [json.loads(line) for line in server.log().splitlines() if line]
    seen = {key for line in lines if line["message"] not in ("Ready", "Stopping", "Stopped") for key in line}
    assert seen - {"time", "level", "message"} <= listed
    messages = {name for names, *_ in rows(section("Log"), "message") for name in code(names)} | {"request finished"}
    assert {line["message"] for line in lines} <= messages


def test_the_header_fields_that_every_response_has_are_shown(nginx):
    shown = next(body for language, body in FENCE.findall(section("Security model")) if not language)
    answer = nginx.client.endpoint("health")
    for line in shown.splitlines():
        name, _, value = line.partition(": ")
        assert answer.header(name) == value


def test_it_names_no_place_of_one_machine():
    for text in (README, CHANGELOG):
        assert re.findall(r"(?<![\w.])/(?:work|home|root|Users)/\S*", text) == []
