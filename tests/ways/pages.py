"""What the pages show: their blocks of configuration, and the rows of their tables."""

import re
from pathlib import Path

import yaml

from lab.paths import ROOT

FROM_HAPROXY = ROOT / "docs/from-haproxy.md"
FROM_OAUTH2_PROXY = ROOT / "docs/from-oauth2-proxy.md"
FROM_NATIVE_ENVOY = ROOT / "docs/from-native-envoy.md"
PAGES = [FROM_HAPROXY, FROM_OAUTH2_PROXY, FROM_NATIVE_ENVOY]

# What the smallest useful configuration has; a block that shows a part is laid over it.
_REST = {
    "external_url": "https://airbyte.example.com",
    "providers": [{"name": "corp", "issuer": "https://idp.example.com", "cluster": "idp", "audiences": ["airbyte"]}],
    "access": {"default_role": "none"},
}


def blocks(page: Path) -> list:
    """Its YAML, as it is written."""
    return [yaml.safe_load(text) for text in re.findall(r"```yaml\n(.*?)```", page.read_text(), re.S)]


def configurations(page: Path) -> list[dict]:
    """Its blocks for airgate, each made whole."""
    return [{**_REST, **block} for block in blocks(page) if isinstance(block, dict) and {*block} & {*_REST, "session"}]


def rows(page: Path, *head: str) -> list[list[str]]:
    """The rows of all its tables that have this head."""
    found = re.findall(r"^(\|.*\n)\|[-|]+\|\n((?:\|.*\n)+)", page.read_text(), re.M)
    return [_cells(line) for top, body in found if _cells(top) == [*head] for line in body.splitlines()]


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split("|")]
