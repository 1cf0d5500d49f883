"""docs/providers: every block is a good configuration, and the real module gives every token what its page says."""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest
import yaml
from providers.page import FOLDER, PAGES

from lab.paths import BUILD

by_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


@by_page
def test_the_block_is_a_configuration(page):
    """Without a mistake, and without a warning about who gets in."""
    config = yaml.safe_dump({"external_url": "https://airbyte.example.com", **page.config})
    secrets = dict.fromkeys(page.secrets, "A" * 43)
    ran = subprocess.run(
        [BUILD / "airgate", "check", "--json", "-"],
        input=config, capture_output=True, text=True, timeout=30, env={**os.environ, **secrets},
    )  # fmt: skip
    report = json.loads(ran.stdout)
    said = json.dumps(report)
    assert ran.returncode == 0, said
    assert not re.search(r'"path": "(providers|access|session)', said), said


@by_page
def test_the_sample_tokens_get_what_is_said(gateway, page):
    gateway.become(page)
    fates = {str(sample): gateway.fate(sample) for sample in page.samples}
    assert fates == {str(sample): (sample.role, sample.refusal) for sample in page.samples}


@by_page
def test_a_page_says_what_everybody_asks(page):
    assert re.match(r"# .*\n\nBy its documentation; not tried", page.text), "says first what was not tried"
    assert len(page.samples) >= 2
    for heading in ("At ", "airgate", "What a token says", "Groups", "Refresh", "Signing out", "Traps"):
        assert re.search(rf"^## {heading}", page.text, re.M), f"nothing about {heading}"


def test_every_page_is_in_the_index_and_every_link_leads_somewhere():
    index = (FOLDER / "README.md").read_text()
    assert {page.path.name for page in PAGES} <= set(re.findall(r"\]\(([\w-]+\.md)\)", index))
    for path in [*FOLDER.glob("*.md"), FOLDER.parent / "saml.md"]:
        for link in re.findall(r"\]\((?!https)([^)]+)", path.read_text()):
            file, _, anchor = link.partition("#")
            target = path.parent / file if file else path
            assert target.exists() and (not anchor or anchor in headings(target)), f"{path.name}: {link}"


def headings(page: Path) -> set[str]:
    """As links name them: in small letters, hyphens for spaces, no other signs."""
    titles = re.findall(r"^#+ (.*)", page.read_text(), re.M)
    return {re.sub(r"[^\w -]", "", title).lower().replace(" ", "-") for title in titles}
