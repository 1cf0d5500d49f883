"""What a page of docs/providers shows: one part of a configuration, and sample tokens with what becomes of them."""

import json
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import yaml

from lab.paths import ROOT

FOLDER = ROOT / "docs/providers"
# "An ID token of ana, who gets **editor**:" and "An access token of a stranger is refused (`wrong_audience`):"
_SAMPLE = re.compile(
    r"^An (ID|access) token\b((?:(?!\n\n).)*?)(?:gets \*\*(\w+)\*\*|is refused \(`(\w+)`\)):\n\n"
    r"```json\n(.*?)```",
    re.S | re.M,
)


@dataclass(frozen=True)
class Sample:
    kind: str
    of: str
    # Of the two, one.
    role: str | None
    refusal: str | None
    claims: dict

    def __str__(self) -> str:
        return f"{self.kind} token {' '.join(self.of.split())} {self.role or self.refusal}"


@dataclass(frozen=True)
class Page:
    path: Path

    @property
    def name(self) -> str:
        return self.path.stem

    @cached_property
    def text(self) -> str:
        return self.path.read_text()

    @cached_property
    def config(self) -> dict:
        """airgate's block: the one that begins with `providers`. Other YAML is of others."""
        [block] = re.findall(r"^```yaml\n(providers:\n.*?)```", self.text, re.S | re.M)
        return yaml.safe_load(block)

    @property
    def provider(self) -> dict:
        [provider] = self.config["providers"]
        return provider

    @property
    def clusters(self) -> set[str]:
        """Envoy's names for the ways to the provider."""
        parts = self.provider, self.provider.get("login", {})
        return {part[name] for part in parts for name in ("cluster", "jwks_cluster") if name in part}

    @cached_property
    def samples(self) -> list[Sample]:
        found = [
            Sample(kind, of, role or None, refusal or None, json.loads(claims))
            for kind, of, role, refusal, claims in _SAMPLE.findall(self.text)
        ]
        blocks = re.findall(r"^```json$", self.text, re.M)
        assert len(found) == len(blocks), f"{self.name}: a token without a sentence that says what it gets"
        return found

    @property
    def secrets(self) -> set[str]:
        """The variables that the block names."""
        return set(re.findall(r"'env': '(\w+)'", str(self.config)))


PAGES = [Page(path) for path in sorted(FOLDER.glob("*.md")) if path.name != "README.md"]
