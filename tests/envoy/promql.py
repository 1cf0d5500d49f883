"""As much of PromQL as it takes to see whether a query can find anything."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

Series = dict[str, str]

_TEXT = r'"(?:\\.|[^"\\])*"'
_TOKEN = re.compile(
    rf"(?P<text>{_TEXT})|(?P<range>\[[^\]]*\])|(?P<labels>\{{(?:[^}}\"]|{_TEXT})*\}})"
    r"|(?P<number>\d[\w.]*)|(?P<word>[a-zA-Z_:][\w:]*)|(?P<sign>[^\s])"
)
_MATCHER = re.compile(rf"(\w+)\s*(=~|!~|!=|=)\s*({_TEXT})")
_WORDS = {"or", "and", "unless", "offset", "bool", "by", "without", "on", "ignoring", "group_left", "group_right"}
_LISTS = {"by", "without", "on", "ignoring", "group_left", "group_right"}


_REPLACE = re.compile(rf'"(\w+)", ({_TEXT}), "(\w+)", ({_TEXT})\)')


@dataclass(frozen=True)
class Selector:
    """`name{label="value"}`."""

    text: str

    def finds(self, series: list[Series]) -> bool:
        return any(self.among(series))

    def among(self, series: list[Series]) -> Iterator[Series]:
        tests = list(self._tests())
        return (one for one in series if all(test(one) for test in tests))

    def _tests(self) -> Iterator[Callable[[Series], bool]]:
        name, brace, labels = self.text.partition("{")
        if name:
            yield lambda one: one["__name__"] == name
        matchers = _MATCHER.findall(labels)
        assert bool(matchers) == bool(brace), self.text
        for label, sign, quoted in matchers:
            yield _test(label, sign, quoted[1:-1])


def _test(label: str, sign: str, wanted: str) -> Callable[[Series], bool]:
    if sign in ("=~", "!~"):
        pattern = re.compile(wanted)
        return lambda one: bool(pattern.fullmatch(one.get(label, ""))) == (sign == "=~")
    return lambda one: (one.get(label, "") == wanted) == (sign == "=")


class Query:
    def __init__(self, text: str):
        self.text = text
        self.selectors: list[Selector] = []
        self._tree = self._read((match.lastgroup, match.group()) for match in _TOKEN.finditer(text))

    def finds(self, series: list[Series]) -> bool:
        """Whether everything in it is there; of what stands on the sides of an `or`, one side."""
        return _holds(self._tree, series)

    def doubled(self, series: list[Series]) -> list[Series]:
        """
        Series that `rate` and its like could not tell from others. They take away names, so what is selected by a
        pattern for names needs another label from it, by `label_replace` right around the selector.
        """
        around = rf"((?:label_replace\()*)(\{{__name__=~[^}}]*\}})((?:[^\[\"]|{_TEXT})*)"
        found = []
        for before, labels, after in re.findall(around, self.text):
            seen = set()
            for one in Selector(labels).among(series):
                for label, text, source, pattern in _REPLACE.findall(after)[: before.count("(")]:
                    if match := re.fullmatch(pattern[1:-1], one.get(source, "")):
                        one = {**one, label: match.expand(text[1:-1].replace("$", "\\"))}
                rest = frozenset((label, value) for label, value in one.items() if label != "__name__")
                found += [one] if rest in seen else []
                seen.add(rest)
        return found

    def _read(self, tokens: Iterator[tuple[str, str]]) -> list[list]:
        """The alternatives up to the closing parenthesis, each a list of selectors and of such lists."""
        alternatives: list[list] = [[]]
        name = ""
        for kind, text in tokens:
            # What is followed by neither is a metric; but `sum by (job) (…)`.
            if name and kind != "labels" and text not in ("(", "by", "without"):
                alternatives[-1].append(self._selector(name))
            if kind == "labels":
                alternatives[-1].append(self._selector(name + text))
            elif text == "(" and name in _LISTS:
                while next(tokens)[1] != ")":
                    pass
            elif text == "(":
                alternatives[-1].append(self._read(tokens))
            elif text == ")":
                return alternatives
            elif text == "or":
                alternatives.append([])
            name = text if kind == "word" and (text not in _WORDS or text in _LISTS) else ""
        if name:
            alternatives[-1].append(self._selector(name))
        return alternatives

    def _selector(self, text: str) -> Selector:
        self.selectors.append(Selector(text))
        return self.selectors[-1]


def _holds(alternatives: list[list], series: list[Series]) -> bool:
    def there(part: Selector | list) -> bool:
        return part.finds(series) if isinstance(part, Selector) else _holds(part, series)

    return any(all(there(part) for part in parts) for parts in alternatives)


def exposition(text: str) -> dict[tuple[tuple[str, str], ...], float]:
    """What `/stats/prometheus` says, by name and labels."""
    found = {}
    for line in text.splitlines():
        if line and not line.startswith("#"):
            name, labels, value = re.fullmatch(r"(\w+)(?:\{(.*)\})? (\S+)", line).groups()
            pairs = re.findall(rf"(\w+)=({_TEXT})", labels or "")
            series = {"__name__": name, **{label: quoted[1:-1] for label, quoted in pairs}}
            found[tuple(sorted(series.items()))] = float(value)
    return found
