"""What a policy by ids has to say of a request: an independent reading of src/access/operation_ids.tsv.

It reads the finished request (method, path, query, body) and shares no code with the gateway. Each rule of the reading
is one statement with its reason, in `Reading` and in the two functions at the end.
"""

import re
from dataclasses import dataclass, field
from urllib.parse import unquote_plus

from lab.paths import ROOT

# A kind that a policy lists, and the kinds of the table that may be such a resource: an actor is a source or a
# destination, a scope may be a workspace, and "any" leaves the kind to another member.
MAY_BE = {
    "workspace": {"workspace", "scope", "any"},
    "connection": {"connection", "any"},
    "source": {"source", "actor", "any"},
    "destination": {"destination", "actor", "any"},
}
# The names under which an id at another place may speak against a request.
NAMES = {
    "connectionId": "connection",
    "connectionIds": "connection",
    "workspaceId": "workspace",
    "workspaceIds": "workspace",
    "sourceId": "source",
    "sourceIds": "source",
    "destinationId": "destination",
    "destinationIds": "destination",
    "configId": "any",
    "scopeId": "any",
    "actorId": "any",
}
UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


@dataclass(frozen=True)
class Place:
    part: str
    name: str
    kind: str
    required: bool

    @property
    def steps(self) -> list[str]:
        """The members of a JSON pointer, without what says that one is a list."""
        return [step for step in self.name.removesuffix("[]").split("/")[1:] if step != "*"]


@dataclass(frozen=True)
class Row:
    """One operation."""

    method: str
    path: str
    name: str
    places: tuple[Place, ...]
    role: str
    never: bool

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


def rows() -> list[Row]:
    """Both tables, line by line; they have the same operations in the same order."""
    table, ids = (_table(name) for name in ("operations.tsv", "operation_ids.tsv"))
    assert [line[:3] for line in table] == [line[:3] for line in ids]
    return [
        Row(*line[:3], tuple(map(_place, cells[3].split())), role=line[4], never=line[9] == "never")
        for line, cells in zip(table, ids, strict=True)
    ]


def _table(name: str) -> list[list[str]]:
    lines = (ROOT / "src/access" / name).read_text().splitlines()
    return [[*line.split("\t"), *[""] * 11][:11] for line in lines if not line.startswith("#")]


def _place(cell: str) -> Place:
    rest, _, kind = cell.rpartition(":")
    part, _, name = rest.partition(":")
    return Place(part, name, kind.removesuffix("!"), kind.endswith("!"))


@dataclass
class Request:
    row: Row
    path: str
    query: str = ""
    # None: no body. Everything else is sent as JSON.
    body: object = None


@dataclass
class Reading:
    """The ids of a request. `None` in place of an id: a value that is no id in full."""

    own: list[tuple[Place, str | None]] = field(default_factory=list)
    elsewhere: list[tuple[str, str | None]] = field(default_factory=list)
    # Kinds of which there may be others.
    unclear: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, request: Request) -> "Reading":
        reading = cls()
        reading._read_path(request)
        reading._read_query(request)
        # Airbyte reads no body with GET and DELETE.
        if request.row.method not in ("GET", "DELETE"):
            places = [(place, place.steps) for place in request.row.places if place.part == "body"]
            reading._read_body(request.body, places)
        found = {place for place, _ in reading.own}
        # A request without an id that its operation requires has no meaning.
        reading.unclear |= {place.kind for place in request.row.places if place.required and place not in found}
        return reading

    def _read_path(self, request: Request) -> None:
        own = {f"{{{place.name}}}": place for place in request.row.places if place.part == "path"}
        for part, value in zip(request.row.path.split("/"), request.path.split("/"), strict=True):
            # All else in a path is fixed, or names nothing that a boundary tells apart, such as a schema.
            if part in own:
                self._own(own[part], value)

    def _read_query(self, request: Request) -> None:
        pairs = [pair.partition("=")[::2] for pair in request.query.split("&") if pair]
        names = [unquote_plus(name) for name, _ in pairs]
        # Netty splits at `;`, skips `=` before a name, ends at `#`, and of several the first one wins. It stops after
        # 1,024 parameters; no client of Airbyte sends more than 100.
        if re.search("[;#]", request.query) or "" in names or len(set(names)) < len(names) or len(names) > 100:
            self.unclear |= set.union(*MAY_BE.values())
            return
        own = {place.name: place for place in request.row.places if place.part == "query"}
        for name, (_, value) in zip(names, pairs, strict=True):
            # Micronaut splits a list of ids at commas.
            for one in unquote_plus(value).split(","):
                self._own(own[name], one) if name in own else self._elsewhere(name, one)

    def _read_body(self, value: object, places: list[tuple[Place, list[str]]]) -> None:
        # Jackson, as Micronaut sets it up, takes one for a list of one and a list of one for it.
        if isinstance(value, list):
            for item in value:
                self._read_body(item, places)
        if not isinstance(value, dict):
            return
        for name, inner in value.items():
            here = [(place, steps[1:]) for place, steps in places if steps[0] == name]
            ends = [place for place, rest in here if not rest]
            values = inner if isinstance(inner, list) else [] if inner is None else [inner]
            for one in values:
                text = one if isinstance(one, str) else ""
                for place in ends:
                    self._own(place, text)
                if not ends:
                    self._elsewhere(name, text)
            self._read_body(inner, [(place, rest) for place, rest in here if rest])

    def _own(self, place: Place, text: str) -> None:
        self.own.append((place, text.lower() if UUID.fullmatch(text) else None))

    def _elsewhere(self, name: str, text: str) -> None:
        if name in NAMES:
            self.elsewhere.append((NAMES[name], text.lower() if UUID.fullmatch(text) else None))
            return
        # Another spelling of such a name may be read as it, or may not.
        letters = re.sub("[^a-z]", "", name.lower())
        self.unclear |= {kind for known, kind in NAMES.items() if known.lower() == letters}


# What a policy lists: ids by kind.
Listed = dict[str, str]


def may_be_listed(kind: str, listed: Listed) -> bool:
    """Whether a resource of this kind of the table may be of a kind that is listed."""
    return any(kind in MAY_BE[one] for one in listed)


def is_listed(kind: str, id: str | None, listed: Listed) -> bool:
    """Whether an id is listed under a kind that it may have."""
    return any(id == known and kind in MAY_BE[one] for one, known in listed.items())


def is_inside(request: Request, listed: Listed) -> str | None:
    """For agents and `allow`: None if the request is certain to be about listed ids alone; else why it is not."""
    reading, places = Reading.of(request), request.row.places
    if not any(may_be_listed(place.kind, listed) for place in places):
        return "the operation takes no id of a listed kind, so whatever carries one is ignored by Airbyte"
    if any(place.required and not may_be_listed(place.kind, listed) for place in places):
        return "the operation is also about a resource that the policy does not list"
    if any(not may_be_listed(place.kind, listed) for place, _ in reading.own):
        return "the request names a resource that the policy does not list"
    if any(may_be_listed(kind, listed) for kind in reading.unclear):
        return "there may be other ids"
    own = [(place.kind, id) for place, id in reading.own]
    if not own:
        return "no id at a place of the operation"
    against = [(kind, id) for kind, id in reading.elsewhere if may_be_listed(kind, listed)]
    if not all(is_listed(kind, id, listed) for kind, id in own + against):
        return "an id that is not listed, or cannot be read"
    return None


def is_touched(request: Request, listed: Listed) -> bool:
    """For `deny`: whether the request is about a listed id, or may be: an id anywhere counts."""
    reading = Reading.of(request)
    everything = [(place.kind, id) for place, id in reading.own] + reading.elsewhere
    if any(is_listed(kind, id, listed) for kind, id in everything):
        return True
    unread = {kind for kind, id in everything if id is None} | reading.unclear
    return any(may_be_listed(kind, listed) for kind in unread)
