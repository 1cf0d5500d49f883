"""Every block of code of every page is executed or checked by something."""

import re
from fnmatch import fnmatchcase

import pytest
from docs.checks import NAMED, checks_of
from docs.markdown import BLOCKS


@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_it_is_checked(block):
    checks = checks_of(block)
    assert checks, "nobody checks this block: name a check for it in tests/docs/checks.py"
    for check in checks:
        check(block)


def test_no_check_is_without_a_block():
    def fits(page: str, language: str, begins: str) -> bool:
        return any(
            fnmatchcase(block.page, page) and fnmatchcase(block.language, language) and re.match(begins, block.text)
            for block in BLOCKS
        )

    assert not [(page, language, begins) for page, language, begins, _ in NAMED if not fits(page, language, begins)]
