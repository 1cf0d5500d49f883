"""The project's Markdown: its pages, and in each the blocks of code, links, headings and words in code."""

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from lab.paths import ROOT

_FOLDERS = ("docs", "envoy-example", "benches", "filters", "fuzz", "scripts", "tests")
_FOREIGN = ("node_modules", "target")
_FENCE = re.compile(r"^( *)(```+)([^`]*)$")


@dataclass(frozen=True)
class Block:
    page: str  # from the repository's root
    line: int  # of its fence
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}:{self.language or 'plain'}"

    @property
    def folder(self) -> Path:
        return (ROOT / self.page).parent


@dataclass(frozen=True)
class Page:
    path: Path

    def __str__(self) -> str:
        return self.name

    @property
    def name(self) -> str:
        return str(self.path.relative_to(ROOT))

    @property
    def blocks(self) -> list[Block]:
        found, numbered = [], iter(enumerate(self.path.read_text().split("\n"), 1))
        for number, line in numbered:
            if not (fence := _FENCE.match(line)):
                continue
            indent, ticks, language = fence.groups()
            inside = []
            for _, line in numbered:
                if line.strip() == ticks:
                    break
                inside.append(line.removeprefix(indent))
            else:
                raise AssertionError(f"{self.name}:{number}: a block that never ends")
            found.append(Block(self.name, number, language.strip(), "\n".join(inside) + "\n"))
        return found

    @property
    def prose(self) -> str:
        """Without its blocks."""
        lines, inside = [], False
        for line in self.path.read_text().split("\n"):
            fence = bool(_FENCE.match(line))
            if not fence and not inside:
                lines.append(line)
            inside ^= fence
        return "\n".join(lines)

    @property
    def links(self) -> list[str]:
        """Where its links and pictures lead."""
        text = self.prose
        return re.findall(r"\]\(([^)\s]+)(?:\s+\"[^\"]*\")?\)", text) + re.findall(r"(?:src|srcset|href)=\"([^\"]+)\"", text)

    @property
    def anchors(self) -> set[str]:
        """As GitHub makes them of headings."""
        seen: Counter[str] = Counter()
        found = set()
        for title in re.findall(r"^#+ (.*)", self.prose, re.M):
            title = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", title)
            anchor = re.sub(r"[^\w -]", "", title).lower().replace(" ", "-")
            found.add(f"{anchor}-{seen[anchor]}" if seen[anchor] else anchor)
            seen[anchor] += 1
        return found

    @property
    def code(self) -> list[str]:
        """What stands in backticks in its text."""
        return re.findall(r"(?<!`)`([^`\n]+(?:\n[^`\n]+)?)`(?!`)", self.prose)


def _pages() -> list[Page]:
    paths = [*ROOT.glob("*.md"), *(path for folder in _FOLDERS for path in (ROOT / folder).rglob("*.md"))]
    return [Page(path) for path in sorted(paths) if not {*path.parts} & {*_FOREIGN}]


PAGES = _pages()
BLOCKS = [block for page in PAGES for block in page.blocks]
