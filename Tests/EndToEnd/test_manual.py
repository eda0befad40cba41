"""docs/image-proxy.1 says what the program says: commands, options, exit statuses, examples."""

import re
import subprocess

import pytest

from harness.handler import PROJECT, run

PAGE = PROJECT / "docs" / "image-proxy.1"
TEXT = PAGE.read_text()
# `\-` is how a page writes the hyphen of an option.
PLAIN = TEXT.replace("\\-", "-")
COMMON = {"--config", "--help"}


def options(*command):
    done = run(*command, "--help")
    assert done.returncode == 0, done.stderr
    return set(re.findall(r"^  (--[a-z-]+)", done.stdout, re.MULTILINE))


def commands():
    return re.findall(r"^  ([a-z][a-z-]+) ", run("--help").stdout, re.MULTILINE)


def section(title):
    return re.search(rf"^\.SH {title}\n(.*?)(?=^\.SH |\Z)", PLAIN, re.MULTILINE | re.DOTALL)[1]


def described(text):
    """The options that have a paragraph of their own."""
    return set(re.findall(r"^\.TP\n\.BI? (--[a-z-]+)", text, re.MULTILINE))


def subsections():
    parts = re.split(r"^\.SS (.+)\n", section("COMMANDS"), flags=re.MULTILINE)
    return parts[0], dict(zip(parts[1::2], parts[2::2]))


def test_every_command_has_its_part_with_its_options():
    before, parts = subsections()
    assert list(parts) == commands(), "commands, in the order of --help"
    assert described(before) == COMMON
    assert {name: described(text) for name, text in parts.items()} == {
        name: options(name) - COMMON for name in parts}


def test_every_example_names_a_command_and_options_that_exist():
    examples = re.findall(r"^\.EX\n(.*?)^\.EE", PLAIN, re.MULTILINE | re.DOTALL)
    assert examples
    for example in examples:
        name, rest = re.match(r"image-proxy ([a-z-]+)([^|]*)", example).groups()
        assert set(re.findall(r"--[a-z-]+", rest)) <= options(name), example


def test_every_command_has_an_example():
    examples = re.findall(r"^image-proxy ([a-z-]+)", section("EXAMPLES"), re.MULTILINE)
    assert set(examples) == set(commands())


def test_every_key_that_is_named_exists():
    known = run("check-config", "--config", "/dev/null", settings={"ALLOWED_HOSTS": "images.test"}).stdout
    assert set(re.findall(r"IMAGE_PROXY_[A-Z_]+", PLAIN)) - {"IMAGE_PROXY_"} <= set(re.findall(r"^\w+", known, re.MULTILINE))


@pytest.mark.parametrize("status,arguments", [(0, ["serve", "--help"]), (64, ["serve"]), (78, ["stats"]),
                                              (1, ["serve", "--listen", "unix:/nonexistent/socket"])])
def test_the_exit_statuses_are_listed(status, arguments):
    hosts = {"ALLOWED_HOSTS": "images.test"} if status == 1 else {}
    assert run(*arguments, settings={"CONFIG": "/dev/null", **hosts}).returncode == status
    assert f".B {status}\n" in section("EXIT STATUS")


def test_it_is_a_page_without_a_fault():
    done = subprocess.run(["man", "--warnings=w", "--local-file", "--pager=cat", PAGE], capture_output=True, text=True,
                          env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "MANWIDTH": "80"})
    assert (done.returncode, done.stderr) == (0, "")
    assert "image-proxy - caching image proxy" in done.stdout.replace("‐", "-")
