"""Every block of code of every page is executed or checked by something."""

import re
from fnmatch import fnmatchcase

import pytest
from docs.checks import NAMED, checks_of
from docs.markdown import BLOCKS, PAGES


@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_it_is_checked(block):
    checks = checks_of(block)
    assert checks, "nobody checks this block: name a check for it in tests/docs/checks.py"
    for check in checks:
        check(block)


def test_no_check_is_without_a_block():
    """... of those whose page there is."""

    def fits(page: str, language: str, begins: str) -> bool:
        return any(
            fnmatchcase(block.page, page) and fnmatchcase(block.language, language) and re.match(begins, block.text)
            for block in BLOCKS
        )

    here = [entry[:3] for entry in NAMED if any(fnmatchcase(page.name, entry[0]) for page in PAGES)]
    assert not [entry for entry in here if not fits(*entry)]
