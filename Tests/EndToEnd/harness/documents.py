"""The pages of the project as a reader has them: headings, fenced blocks, tables, links."""

import re
from dataclasses import dataclass
from pathlib import Path

from .handler import PROJECT

FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
MANUAL = "docs/image-proxy.1"


@dataclass(frozen=True)
class Block:
    """A fenced block; `number` is its place among those of its page."""
    page: str
    number: int
    language: str
    text: str

    @property
    def name(self):
        return f"{self.page}:{self.number}"


def pages():
    """Every page that is written for people who run or change the program, by its path."""
    found = [*PROJECT.glob("*.md"), *(PROJECT / "docs").rglob("*.md")]
    return {str(path.relative_to(PROJECT)): path.read_text() for path in sorted(found)}


def blocks(page, text):
    """The fenced blocks of a page, in order, without the indentation that a list gives them."""
    return [Block(page, number, language, re.sub(rf"^{indent}", "", body, flags=re.MULTILINE))
            for number, (indent, language, body) in enumerate(FENCE.findall(text), 1)]


def manual_blocks():
    """The examples of the manual page."""
    text = (PROJECT / MANUAL).read_text().replace("\\-", "-")
    return [Block(MANUAL, number, "sh", body)
            for number, body in enumerate(re.findall(r"^\.EX\n(.*?)^\.EE", text, re.MULTILINE | re.DOTALL), 1)]


def prose(text):
    """What is left without the fenced blocks."""
    return FENCE.sub("", text)


def section(text, title):
    """The text below a heading, up to the next one of the same rank or a higher one."""
    rank, below = re.search(rf"^(#+) {re.escape(title)}\n(.*)", text, re.MULTILINE | re.DOTALL).groups()
    return re.split(rf"^#{{1,{len(rank)}}} ", below, maxsplit=1, flags=re.MULTILINE)[0]


def rows(text, heading):
    """The cells of the table that has `heading` as its first column."""
    table = re.search(rf"^\| {heading} \|.*\n\|[ |-]+\|\n((?:\|.*\n)+)", text, re.MULTILINE).group(1)
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in table.splitlines()]


def code(cell):
    """What stands in backticks."""
    return re.findall(r"`([^`\n]+)`", cell)


def anchors(text):
    """The anchors that GitHub makes of the headings of a page."""
    headings = re.findall(r"^#+ (.+)$", prose(text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def links(text):
    """Where the links of a page lead."""
    return re.findall(r"\]\(([^)\s]+)\)", text)


def target(page, link):
    """(path of the file, anchor) that a link of a page leads to; None for another site."""
    if link.startswith(("https://", "http://")):
        return None
    path, _, anchor = link.partition("#")
    return ((PROJECT / page).parent / path).resolve() if path else PROJECT / page, anchor
