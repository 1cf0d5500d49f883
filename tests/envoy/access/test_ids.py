"""Policies by ids through a real Envoy: every operation, with ids at its own places and elsewhere.

Each request goes to callers that are held by ids in five ways. Which of them pass is told by `oracle.py`, which reads the
finished request beside operation_ids.tsv and shares no code with the gateway. What passes reaches Airbyte byte for byte.
"""

import base64
import hashlib
import itertools
import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

import h2.events
import pytest
from access.oracle import MAY_BE, Listed, Place, Request, Row, is_inside, is_touched, may_be_listed, rows
from access.policy import Policy, is_passed
from lab.wire import Wire2
from visitor import values

ROWS = rows()
BY_NAME = {row.name: row for row in ROWS}
MINE = {
    "connection": "7b3f2c1a-4d5e-4f60-8a9b-0c1d2e3f4a5b",
    "workspace": "3b3f2c1a-4d5e-4f60-8a9b-0c1d2e3f4a5c",
    "source": "5b3f2c1a-4d5e-4f60-8a9b-0c1d2e3f4a5d",
    "destination": "6b3f2c1a-4d5e-4f60-8a9b-0c1d2e3f4a5e",
}
THEIRS = "0e9d8c7b-6a5f-4e4d-8c3b-2a1f0e9d8c7b"

# Each caller, and the ids that it is held to. All but `allowed` are administrators, so that nothing else refuses them.
AGENTS: dict[str, Listed] = {
    "by-connection": {"connection": MINE["connection"]},
    "by-workspace": {"workspace": MINE["workspace"]},
    "by-actor": {"source": MINE["source"], "destination": MINE["destination"]},
}
ALLOWED = DENIED = {"connection": MINE["connection"]}
CALLERS = {**AGENTS, "allowed": ALLOWED, "denied": DENIED}
POLICY = {
    "default_role": "none",
    "roles": [
        {"role": "admin", "group": "admins"},
        {"role": "runner", "group": "runners"},
        {"role": "reader", "group": "readers"},
    ],
    "agents": [
        {"name": name, "client": name, **{f"{kind}s": [id] for kind, id in listed.items()}}
        for name, listed in AGENTS.items()
    ],
    "rules": [
        {"name": "allowed", "who": {"client": "allowed"}, "which": ALLOWED, "then": "allow"},
        {"name": "denied", "who": {"client": "denied"}, "which": DENIED, "then": "deny"},
        {"name": "nothing goes", "who": {"client": "careful"}, "what": {"preset": "destructive"}, "then": "deny"},
    ],
}
ADMIN, RUNNER, READER = {"groups": ["admins"]}, {"groups": ["runners"]}, {"groups": ["readers"]}


@pytest.fixture(scope="module")
def policy(open_policy) -> Policy:
    return open_policy(POLICY)


def by(client: str, **claims) -> dict:
    return {**({} if client == "allowed" else ADMIN), "sub": client, "client_id": client, **claims}


# What is asked ------------------------------------------------------------------------------------------------------


def build(row: Row, chosen: dict[Place, object]) -> Request:
    """A request with these values at the operation's own places."""
    path, query, body = row.path, [], {} if row.method not in ("GET", "DELETE") else None
    for place, value in chosen.items():
        if place.part == "path":
            path = path.replace(f"{{{place.name}}}", str(value))
        elif place.part == "query":
            query.append(f"{place.name}={value}")
        else:
            write(body, place.name.split("/")[1:], value)
    # What decides of these bodies whether an agent may send them at all.
    if row.name in ("publicCreateJob", "refreshConnectionStream"):
        body |= {"jobType": "sync"} if row.name == "publicCreateJob" else {"refreshMode": "Merge"}
    return Request(row, re.sub("{.*?}", "any", path), "&".join(query), body)


def write(members: dict, steps: list[str], value: object) -> None:
    name, *rest = steps
    if not rest:
        is_list = name.endswith("[]") and isinstance(value, str)
        members[name.removesuffix("[]")] = [value] if is_list else value
    elif rest[0] == "*":
        items = members.setdefault(name, [{}])
        write(items[0], rest[1:], value)
    else:
        write(members.setdefault(name, {}), rest, value)


def mine(place: Place, listed: Listed) -> str:
    """An id for a place, inside the boundary where there is one."""
    return next((listed[kind] for kind in listed if place.kind in MAY_BE[kind]), THEIRS)


def own_places(row: Row, listed: Listed) -> Iterator[Request]:
    """Ids where the operation takes them: all listed, one that is not, one that is missing, one spelled otherwise."""
    required = {place: mine(place, listed) for place in row.places if place.required}
    everything = {place: mine(place, listed) for place in row.places}
    inside = {place: id for place, id in everything.items() if place.required or may_be_listed(place.kind, listed)}
    for chosen in {tuple(part.items()): part for part in (required, inside, everything)}.values():
        yield build(row, chosen)
    for place in (place for place in row.places if may_be_listed(place.kind, listed)):
        good = {**required, place: mine(place, listed)}
        yield build(row, {**good, place: THEIRS})
        yield build(row, {**good, place: mine(place, listed).upper()})
        if place.part == "path":
            continue
        yield build(row, {one: id for one, id in good.items() if one != place})
        yield build(row, {**good, place: mine(place, listed).replace("-", "")})
        if place.part == "query":
            yield build(row, {**good, place: f"{mine(place, listed)},{THEIRS}"})
            continue
        for value in (
            [mine(place, listed)],
            [mine(place, listed), THEIRS],
            None,
            7,
            {"id": mine(place, listed)},
            # Java reads short groups, and Jackson 24 characters of base64.
            "1-1-1-1-1",
            base64.b64encode(bytes.fromhex(THEIRS.replace("-", ""))).decode(),
        ):
            yield build(row, {**good, place: value})


def decoys(row: Row, listed: Listed) -> Iterator[Request]:
    """Listed ids where Airbyte ignores them, beside ids of somebody else; and the other way round."""
    kind, id = next(iter(listed.items()))
    required = {place: mine(place, listed) for place in row.places if place.required}
    yield from scattered(row, dict.fromkeys(required, THEIRS), kind, id)
    # Only where the operation takes the kind, a request can be inside before an id too many is added.
    if any(may_be_listed(place.kind, listed) for place in row.places):
        yield from scattered(row, required, kind, THEIRS)
        # Queries that Netty splits otherwise than `&` says.
        for query in (f"a=1;{kind}Id={id}", f"={kind}Id={id}", f"a=1&a=2&{kind}Id={id}"):
            yield with_query(build(row, required), query)


def scattered(row: Row, own: dict[Place, object], kind: str, decoy: str) -> Iterator[Request]:
    """A request with one id more, at a place that is not the operation's: each place and spelling once."""
    good = build(row, own)
    for name in (f"{kind}Id", f"{kind}Ids", f"{kind}_id", "configId"):
        yield with_query(good, f"{name}={decoy}")
    if good.body is None:
        return
    top = {place.steps[0] for place in row.places if place.part == "body"}
    for more in (
        {f"{kind}Id": decoy},
        {f"{kind}Ids": [decoy]},
        {f"{kind}_id": decoy},
        {f"{kind.upper()}ID": decoy},
        {"decoy": {"x": {f"{kind}Id": decoy}}},
        {"decoy": [{f"{kind}Ids": [decoy]}]},
        # An id of a kind that no policy lists.
        {"decoy": {"tagId": decoy}},
    ):
        if not top & more.keys():
            yield replace(good, body={**more, **good.body})


def with_query(request: Request, query: str) -> Request:
    return replace(request, query="&".join(filter(None, [request.query, query])))


def is_refused_whatever_it_says(client: str, row: Row) -> str | None:
    if row.role == "closed":
        return "closed to all"
    decided_by_body = row.name in ("publicCreateJob", "refreshConnectionStream")
    return "not for agents" if client in AGENTS and row.never and not decided_by_body else None


def expected(client: str, request: Request) -> str | None:
    """None: it passes; else why not."""
    if why := is_refused_whatever_it_says(client, request.row):
        return why
    if client == "denied":
        return "about a listed id, or perhaps" if is_touched(request, DENIED) else None
    return is_inside(request, CALLERS[client])


def questions(client: str) -> Iterator[Request]:
    for row in ROWS:
        # For these nobody has to be known.
        if row.role == "public":
            continue
        asked = itertools.chain(own_places(row, CALLERS[client]), decoys(row, CALLERS[client]))
        if is_refused_whatever_it_says(client, row):
            # Of what is refused in any case, two are enough.
            asked = itertools.islice(asked, 2)
        elif client == "denied" and not any(may_be_listed(place.kind, DENIED) for place in row.places):
            # The rule reads all of these operations alike.
            asked = itertools.islice(asked, 0, None, 3)
        yield from asked


# How it is asked ----------------------------------------------------------------------------------------------------


class Many(Wire2):
    """Many requests at once over one connection."""

    def ask_all(self, asked: list[tuple[str, Request]], token: str) -> dict[str, tuple[int, bool, bytes]]:
        """By its mark: the status, whether Airbyte answered, and the body."""
        marks, answers = {}, {}
        for mark, request in asked:
            fields = [
                (b"authorization", token.encode()),
                (b"x-mark", mark.encode()),
                (b"x-standin-slow-seconds", b"0"),
            ]
            body = content(request)
            if body:
                fields.append((b"content-type", b"application/json"))
            stream = self._begin(target(request), request.row.method.encode(), fields, b"localhost", not body)
            marks[stream], answers[mark] = mark, (0, False, b"")
            if body:
                self._connection.send_data(stream, body, end_stream=True)
        self._flush()
        left = set(marks)
        while left:
            data = self._socket.recv(1 << 16)
            assert data, f"the connection ended, and {len(left)} answers were to come"
            for event in self._connection.receive_data(data):
                mark = marks.get(getattr(event, "stream_id", None))
                if isinstance(event, h2.events.ResponseReceived):
                    head = dict(event.headers)
                    answers[mark] = (int(head[b":status"]), b"x-standin-name" in head, b"")
                elif isinstance(event, h2.events.DataReceived):
                    status, passed, body = answers[mark]
                    answers[mark] = (status, passed, body + event.data)
                    self._connection.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                elif isinstance(event, h2.events.StreamEnded | h2.events.StreamReset):
                    left.discard(event.stream_id)
            self._flush()
        return answers


def target(request: Request) -> bytes:
    return f"{request.path}?{request.query}".rstrip("?").encode()


def content(request: Request) -> bytes:
    return b"" if request.body is None else json.dumps(request.body).encode()


@pytest.mark.timeout(180)
@pytest.mark.parametrize("client", CALLERS)
def test_only_ids_that_airbyte_takes_bring_a_request_inside(policy, client):
    bed, token = policy.bed, f"Bearer {policy.site.token(**by(client))}"
    wrong, counts = [], Counter()
    with Many(bed.url, bed.authority_file, 30) as wire:
        numbered = ((f"{client}-{number}", request) for number, request in enumerate(questions(client)))
        while some := list(itertools.islice(numbered, 90)):
            answers, passed = wire.ask_all(some, token), {}
            for mark, request in some:
                why, (status, is_answered, body) = expected(client, request), answers[mark]
                counts["refused" if why else "passed"] += 1
                if is_answered:
                    passed[mark] = request
                refusal = {} if is_answered else json.loads(body or b"{}")
                right = is_answered if why is None else (status, refusal.get("operation")) == (403, request.row.name)
                if not right:
                    wrong.append((status, str(request.row), target(request), request.body, why or "inside"))
            arrived = {mark: one for one in bed.parts.requests() for mark in values(one, "x-mark")}
            for standin in bed.standins:
                standin.forget()
            # What was refused never reached Airbyte, and what was judged is what arrived.
            assert {mark for mark in arrived if mark in answers} == passed.keys()
            for mark, request in passed.items():
                one, body = arrived[mark], content(request)
                assert (one["method"], one["url"]) == (request.row.method, target(request).decode()), request
                assert (one["body_bytes"], one["body_sha256"]) == (len(body), hashlib.sha256(body).hexdigest()), request
    assert not wrong, f"{len(wrong)} of {counts.total()}, such as {wrong[:5]}"
    assert counts["passed"] > 40 and counts["refused"] > 2000, counts


# The attacks of the report, by name ---------------------------------------------------------------------------------

CONNECTION = MINE["connection"]
# Operations that an agent may otherwise use, and that take no connection.
ELSEWHERE = [
    row
    for row in ROWS
    if row.role not in ("public", "closed") and not row.never
    if not any(may_be_listed(place.kind, ALLOWED) for place in row.places)
]


def test_no_operation_without_a_connection_is_opened_by_one(policy):
    """34 of 34 decoys passed: for a job, an operation, a workspace, in the query, at the top and deep in the body."""
    names = {row.name for row in ELSEWHERE}
    assert {"cancelJob", "publicCancelJob", "getJobInfo", "listConnectionsForWorkspace"} <= names
    decoys, passed = {"id": 999, "connectionId": CONNECTION, "x": [{"connectionId": CONNECTION}]}, []
    for row in ELSEWHERE:
        request = build(row, dict.fromkeys((place for place in row.places if place.required), THEIRS))
        body = None if request.body is None else {**request.body, **decoys}
        path = target(with_query(request, f"connectionId={CONNECTION}")).decode()
        answer = policy.ask(by("by-connection"), f"{row.method} {path}", body)
        if is_passed(answer):
            passed.append(row.name)
    assert not passed


def padding(count: int) -> str:
    return "".join(f"p{number}=&" for number in range(count))


@pytest.mark.parametrize(
    "client, asked, body",
    [
        ("by-connection", f"POST /api/v1/jobs/cancel?connectionId={CONNECTION}", {"id": 999}),
        ("allowed", f"POST /api/v1/jobs/cancel?connectionId={CONNECTION}", {"id": 999}),
        ("by-connection", "POST /api/v1/jobs/cancel", {"id": 999, "connectionId": CONNECTION}),
        ("allowed", "POST /api/v1/jobs/cancel", {"id": 999, "x": {"y": [{"connectionId": CONNECTION}]}}),
        ("by-workspace", f"POST /api/v1/connections/sync?workspaceId={MINE['workspace']}", {"connectionId": THEIRS}),
        ("by-workspace", "POST /api/v1/connections/sync", {"connectionId": THEIRS, "workspaceId": MINE["workspace"]}),
        ("by-connection", f"GET /api/public/v1/jobs?a=1;connectionId={THEIRS}&connectionId={CONNECTION}", None),
        ("by-connection", f"GET /api/public/v1/jobs?=connectionId={THEIRS}&connectionId={CONNECTION}", None),
        ("by-connection", f"GET /api/public/v1/jobs?connectionId={THEIRS}&connectionId={CONNECTION}", None),
        ("by-connection", f"GET /api/public/v1/jobs?connection%49d={THEIRS}&connectionId={CONNECTION}", None),
        ("by-connection", "GET /api/public/v1/jobs?" + "p=&" * 1024 + f"connectionId={CONNECTION}", None),
        ("by-connection", f"GET /api/public/v1/jobs?{padding(100)}connectionId={CONNECTION}", None),
        ("by-connection", f"GET /api/public/v1/jobs?{padding(1024)}connectionId={CONNECTION}", None),
        ("by-connection", f"GET /api/public/v1/jobs?connectionId={CONNECTION}&x=%zz", None),
    ],
)
def test_decoy_of_the_report_is_refused(policy, client, asked, body):
    line = policy.refused(policy.ask(by(client), asked, body), "no_role" if client == "allowed" else "agent_ids")
    counted = [id for id in (line["airgate.ids"] or "").split(",") if not id.startswith("elsewhere:")]
    assert f"connection:{CONNECTION}" not in counted, "the record tells ids that count from decoys"


def test_own_query_of_an_agent_passes(policy):
    policy.passed(policy.ask(by("by-connection"), f"GET /api/public/v1/jobs?limit=2&connectionId={CONNECTION}"))


@pytest.mark.parametrize(
    "asked, body, passes",
    [
        ("POST /api/public/v1/jobs", {"connectionId": THEIRS, "jobType": "reset"}, False),
        ("POST /api/public/v1/jobs", {"connectionId": THEIRS, "jobType": "clear"}, False),
        ("POST /api/public/v1/jobs", {"connectionId": THEIRS, "jobType": "sync"}, True),
        ("POST /api/v1/connections/refresh", {"connectionId": THEIRS, "refreshMode": "Truncate"}, False),
        ("POST /api/v1/connections/refresh", {"connectionId": THEIRS, "refreshMode": "truncate"}, False),
        ("POST /api/v1/connections/refresh", {"connectionId": THEIRS, "refreshMode": "Merge"}, True),
        ("POST /api/v1/connections/update", {"connectionId": THEIRS, "status": "deprecated"}, False),
        ("POST /api/v1/connections/update", {"connectionId": THEIRS, "status": "DEPRECATED"}, False),
        ("POST /api/v1/connections/update", {"connectionId": THEIRS, "status": "inactive"}, True),
        (f"PATCH /api/public/v1/connections/{THEIRS}", {"status": "deprecated"}, False),
        (f"PATCH /api/public/v1/connections/{THEIRS}", {"name": "x"}, True),
        ("POST /api/v1/web_backend/connections/update", {"connectionId": THEIRS, "syncCatalog": {}}, False),
        ("POST /api/v1/web_backend/connections/update", {"syncCatalog": {}, "skipReset": True}, True),
    ],
)
def test_rule_about_the_destructive_preset_meets_bodies_that_destroy(policy, asked, body, passes):
    answer = policy.ask(by("careful"), asked, body)
    policy.passed(answer) if passes else policy.refused(answer, "rule_denied")


@pytest.mark.parametrize("mode", ["Truncate", "TRUNCATE", "truncate", ["Truncate"], None, "Merge "])
def test_runner_does_not_truncate(policy, mode):
    body = {"connectionId": THEIRS, "refreshMode": mode}
    policy.refused(policy.ask(RUNNER, "POST /api/v1/connections/refresh", body), "low_role")


def test_runner_refreshes_by_merging(policy):
    body = {"connectionId": THEIRS, "refreshMode": "Merge"}
    policy.passed(policy.ask(RUNNER, "POST /api/v1/connections/refresh", body))


QUERIES = ["ignoreCache=true", "ignoreCache=TRUE", "ignorecache=1", "ignoreCache", "ignoreCache=false;ignoreCache=true"]


@pytest.mark.parametrize("query", QUERIES)
def test_reader_starts_no_discovery_by_a_query(policy, query):
    policy.refused(policy.ask(READER, f"GET /api/public/v1/streams?sourceId={THEIRS}&{query}"), "low_role")


@pytest.mark.parametrize("query", ["limit=1", "ignoreCache=false"])
def test_reader_reads_streams_from_the_cache(policy, query):
    policy.passed(policy.ask(READER, f"GET /api/public/v1/streams?sourceId={THEIRS}&{query}"))


def test_link_from_another_site_starts_no_discovery(open_bed):
    """A session is sent along with a GET from anywhere; what a GET starts has to be asked for from here."""
    surfer = open_bed().surfer()
    surfer.sign_in("alice")
    asked = f"/api/public/v1/streams?sourceId={THEIRS}"
    for site in ("cross-site", "same-site", None):
        answer = surfer.fetch("GET", asked + "&ignoreCache=true", headers={"sec-fetch-site": site})
        assert answer.status_code == 403 and not is_passed(answer), f"{site}: {answer.status_code} {answer.text}"
        # What only reads may be linked to.
        assert is_passed(surfer.fetch("GET", "/api/public/v1/jobs", headers={"sec-fetch-site": site}))
    assert is_passed(surfer.fetch("GET", asked + "&ignoreCache=true", headers={"sec-fetch-site": "same-origin"}))
