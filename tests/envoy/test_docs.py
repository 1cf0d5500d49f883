"""The documents: what they show is loaded, and what can be configured is in them."""

import re

import pytest
import yaml

from lab.bed import Bed
from lab.envoy import Options
from lab.paths import ROOT

PAGE = (ROOT / "docs/configuration.md").read_text()
BLOCKS = [yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", PAGE, re.S)]
SMALLEST = BLOCKS[0]


@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_every_block_of_the_reference_is_a_configuration(parts, number):
    """A block that shows one part only is laid over the smallest whole."""

    def exactly(config: dict) -> None:
        config.clear()
        config.update({**SMALLEST, **BLOCKS[number]})

    with Bed(Options(plugin=exactly), parts=parts, start=False) as bed:
        checked = bed.envoy.validate()
        assert checked.returncode == 0, checked.stderr[-2000:]


def test_every_field_is_in_the_reference_and_in_its_example():
    reads = re.compile(
        r"\.(?:text|required_text|require|boolean|duration|optional_duration|choice|texts|section|section_or_empty|sections"
        r"|pairs|secret|get|has)\(\s*\"(\w+)\"|pointer\(\"(\w+)\"|patterns\(\w*&?\w+, \"(\w+)\"|read\(section, \"(\w+)\""
    )
    fields = set()
    for file in (ROOT / "src").rglob("*.rs"):
        code = file.read_text().split("#[cfg(test)]")[0]
        if file.name != "tests.rs" and "Section" in code:
            fields |= {name for groups in reads.findall(code) for name in groups if name}
    # Of what other documents are read with: a JWKS, a discovery document, claims.
    assert len(fields) > 40, sorted(fields)
    complete = yaml.safe_dump(BLOCKS[-1])
    missing = {name for name in fields if f"{name}:" not in complete or name not in PAGE}
    assert not missing
