"""Every link leads somewhere, and every page can be found."""

import re

import pytest
from docs.markdown import PAGES, Page

from lab.paths import ROOT

INDEX = Page(ROOT / "docs/README.md")
BY_NAME = {page.name: page for page in PAGES}


def leads_to(page: Page, link: str) -> Page | None:
    """The page that a link of this page leads to, if it is one of ours."""
    file = (page.path.parent / link.partition("#")[0]).resolve() if link.partition("#")[0] else page.path
    return BY_NAME.get(str(file.relative_to(ROOT))) if file.is_relative_to(ROOT) else None


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_every_link_leads_somewhere(page):
    wrong = []
    for link in page.links:
        if re.match(r"(https?|mailto):", link):
            continue
        file, _, anchor = link.partition("#")
        target = page.path.parent / file if file else page.path
        if not target.exists():
            wrong.append(link)
        elif anchor and not ((there := leads_to(page, link)) and anchor in there.anchors):
            wrong.append(link)
    assert not wrong


def test_every_page_of_docs_and_every_folder_is_in_the_index():
    listed = {there.name for link in INDEX.links if (there := leads_to(INDEX, link))}
    pages = {page.name for page in PAGES if page.path.parent in (INDEX.path.parent, ROOT) or page.path.name == "README.md"}
    missing = pages - listed - {INDEX.name}
    assert not missing


def test_every_page_can_be_reached_from_the_first():
    first = BY_NAME["README.md"]
    reached, ways = {first.name}, [first]
    while ways:
        page = ways.pop()
        for link in page.links:
            if not re.match(r"(https?|mailto):", link) and (there := leads_to(page, link)) and there.name not in reached:
                reached.add(there.name)
                ways.append(there)
    lost = {*BY_NAME} - reached
    assert not lost


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_tables_have_as_many_cells_as_heads(page):
    """GitHub drops a cell too many, and so would nobody see it."""
    wrong = []
    for table in re.findall(r"(?:^ *\|.*\n)+", page.prose, re.M):
        counts = {len(re.findall(r"(?<!\\)\|", re.sub(r"`[^`]*`", "", row))) for row in table.splitlines()}
        if len(counts) > 1:
            wrong.append(table.partition("\n")[0])
    assert not wrong


def test_every_picture_is_shown_and_small():
    shown = {(page.path.parent / link).resolve() for page in PAGES for link in page.links if not re.match(r"https?:", link)}
    for picture in (ROOT / "docs/images").iterdir():
        assert picture in shown, f"nobody shows {picture.name}"
        assert picture.stat().st_size < 120_000, picture.name
