"""SECURITY.md names tests that exist, and every row of its tables names one."""

import re
from pathlib import Path

import pytest

from harness.handler import PROJECT

PAGE = (PROJECT / "SECURITY.md").read_text()
HERE = Path(__file__).parent
NAMED = sorted(set(re.findall(r"`(test_\w+\.py)(?:::(\w+))?`", PAGE)))


@pytest.mark.parametrize("file, name", NAMED)
def test_a_test_that_is_named_exists(file, name):
    assert not name or f"\ndef {name}(" in (HERE / file).read_text()
    assert (HERE / file).exists()


def test_every_row_names_a_test():
    below = PAGE[PAGE.index("## Decisions"):PAGE.index("## Proof")]
    rows = [line for line in below.splitlines() if line.startswith("| ") and not line.startswith(("| ---", "| fault", "| decision"))]
    assert len(rows) > 60
    assert [row for row in rows if "`test_" not in row] == []


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\(([^)#]+)", PAGE))))
def test_a_file_that_is_linked_exists(link):
    assert (PROJECT / link).exists()


@pytest.mark.parametrize("target", re.findall(r"`make ([a-z-]+)`", PAGE))
def test_a_command_is_a_target(target):
    assert re.search(rf"^{target}:", (PROJECT / "Makefile").read_text(), re.MULTILINE)
