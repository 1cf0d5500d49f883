"""What pages name in passing is there: targets of make, commands, files."""

import re
from functools import cache

import pytest
from docs.commands import SUBCOMMANDS, TARGETS
from docs.markdown import PAGES

from lab.paths import ROOT

# What a file of the repository begins with, when it is named by its path.
_OURS = ("docs", "envoy-example", "benches", "fuzz", "filters", "scripts", "src", "tests", ".ci")
_SOURCE = r"[\w.-]+\.(?:py|rs|mjs|sh|tsv|cfg|lock)"


@cache
def names_of_files() -> set[str]:
    folders = [ROOT / name for name in _OURS]
    return {path.name for folder in folders if folder.exists() for path in folder.rglob("*") if "node_modules" not in path.parts} | {
        path.name for path in ROOT.iterdir()
    }


# The changelog names what has gone, too.
by_page = pytest.mark.parametrize("page", [page for page in PAGES if page.name != "CHANGELOG.md"], ids=str)


@by_page
def test_targets_are_in_the_makefile(page):
    named = {target for code in page.code for target in re.findall(r"^make ((?:[a-z][a-z-]*\s*)+)", code)}
    missing = {word for words in named for word in words.split()} - TARGETS
    assert not missing


@by_page
def test_commands_are_commands(page):
    named = {command for code in page.code for command in re.findall(r"^airgate ([a-z-]+)", code)}
    missing = named - SUBCOMMANDS
    assert not missing


@by_page
def test_files_are_there(page):
    wrong = []
    for code in page.code:
        # A path of the repository, or of the page's folder; `…`, `<…>` and `{…}` stand for something else.
        if re.fullmatch(rf"(?:{'|'.join(map(re.escape, _OURS))})/[\w.*/-]*", code):
            if not [*ROOT.glob(code.rstrip("/")), *page.path.parent.glob(code.rstrip("/"))]:
                wrong.append(code)
        elif re.fullmatch(r"(?:\.\./|\./)*" + _SOURCE, code) and code.rpartition("/")[2] not in names_of_files():
            wrong.append(code)
    assert not wrong


def test_tests_that_the_page_on_request_reading_names_are_there():
    text = (ROOT / "docs/request-reading.md").read_text()
    rows = [line.split(" | ") for line in text.splitlines() if line.startswith("| ") and line.endswith(" |")]
    named = {name for row in rows for name in re.findall(r"`([a-z]\w+)`", row[-1])}
    files = [*(ROOT / "src").rglob("*.rs"), *(ROOT / "tests/envoy").rglob("*.py")]
    tests = {name for file in files for name in re.findall(r"(?:fn|def) (\w+)\(", file.read_text())}
    assert len(named) > 30 and not named - tests
