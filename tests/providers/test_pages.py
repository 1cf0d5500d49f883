"""docs/providers: every block is a good configuration, and the real module gives every token what its page says."""

import json
import os
import re
import secrets
import subprocess

import pytest
import yaml
from providers.page import PAGES

from lab.paths import BUILD

by_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


@by_page
def test_the_block_is_a_configuration(page):
    """Without a mistake, and without a warning about who gets in."""
    config = yaml.safe_dump({"external_url": "https://airbyte.example.com", **page.config})
    environment = {name: secrets.token_urlsafe(32) for name in page.secrets}
    ran = subprocess.run(
        [BUILD / "airgate", "check", "--json", "-"],
        input=config, capture_output=True, text=True, timeout=30, env={**os.environ, **environment},
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
