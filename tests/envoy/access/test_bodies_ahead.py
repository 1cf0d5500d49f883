"""`bodies: headers_ahead`, where Envoy shows no body before the headers go on: they go, and the body is held and judged.

Everything here is asked of an Envoy without `allow_on_headers_stop_iteration`, as Istio runs one. What a refusal left
at Airbyte is a request that never became whole.
"""

import json
import time
from collections.abc import Callable, Iterator

import pytest
from access.policy import MINE, YOURS
from conftest import untrapped
from visitor import Visit, Visitor, values

from lab import Bed, until
from lab.bootstrap import Bootstrap
from lab.envoy import VERSIONS, Options
from lab.wire import Fields, Wire, Wire2

WIRES = pytest.mark.parametrize("wire", [Wire, Wire2], ids=["HTTP/1.1", "HTTP/2"])
JOBS, SYNC, UPDATE = b"/api/public/v1/jobs", b"/api/v1/connections/sync", b"/api/v1/connections/update"
CATALOG = b"/api/v1/web_backend/connections/get"
JSON = (b"content-type", b"application/json")
BUDGET = 2
ACCESS = {
    "default_role": "runner",
    "roles": [{"role": "editor", "group": "editors"}, {"role": "reader", "group": "readers"}],
    "rules": [
        {
            "name": "not that one",
            "what": {"operation": "updateConnection"},
            "which": {"connection": [YOURS]},
            "then": "deny",
        }
    ],
    "agents": [
        {"name": "bot", "client": "bot", "connections": [MINE]},
        {"name": "hasty", "client": "hasty", "connections": [MINE], "budget": BUDGET},
    ],
}
RUNNER, EDITOR, READER = {}, {"groups": ["editors"]}, {"groups": ["readers"]}
BOT = {"sub": "bot", "client_id": "bot"}


@pytest.fixture(scope="module")
def options(rogue, site) -> Callable[[str], Options]:
    def configure(config: dict) -> None:
        config["access"] = ACCESS
        config["bodies"] = "headers_ahead"
        config["providers"].append(site.provider())

    def bootstrap(bootstrap: Bootstrap) -> None:
        rogue.connect(bootstrap)
        del bootstrap.plugin["allow_on_headers_stop_iteration"]
        nowhere = {"prefix": "/", "headers": [{"name": "x-nowhere", "present_match": True}]}
        response = {"status": 503, "body": {"inline_string": "nowhere"}}
        routes = bootstrap.manager()["route_config"]["virtual_hosts"][0]["routes"]
        routes.insert(0, {"name": "nowhere", "match": nowhere, "direct_response": response})

    return lambda version: Options(version=version, plugin=configure, bootstrap=bootstrap, concurrency=1)


@pytest.fixture(scope="module", params=VERSIONS)
def bed(request, open_bed, options) -> Bed:
    return open_bed(options(request.param))


class Asker:
    """Somebody of whom the provider says this."""

    def __init__(self, bed: Bed, site, wire: type[Wire], **claims):
        self.visitor = Visitor(bed, wire, who=None)
        self.fields: Fields = [(b"authorization", f"Bearer {site.token(**claims)}".encode()), JSON]

    def ask(self, target: bytes, body: object, fields: Fields = []) -> Visit:
        body = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.visitor.ask(target, [*self.fields, *fields], method=b"POST", body=body)

    def ask_in_parts(self, target: bytes, parts: Callable[[str], Iterator[bytes]], fields: Fields = []) -> Visit:
        return self.visitor.ask_in_parts(target, [*self.fields, *fields], parts)


def passed(visit: Visit, size: int) -> dict:
    """It reached Airbyte whole, whatever that made of it."""
    assert visit.answer and visit.answer.all("x-standin-name"), visit.answer
    assert visit.passed["complete"] and visit.passed["body_bytes"] == size
    line = visit.logged(values(visit.passed, "x-request-id")[0])
    assert line["airgate.decision"] == "allow", line
    return line


def refused(visit: Visit, reason: str, status: int = 403) -> dict:
    """The client reads why, and what Airbyte saw of it, if anything, never became a request."""
    assert visit.answer and visit.answer.status == status, visit.answer
    assert visit.answer.json()["status"] == status and not visit.answer.all("x-standin-name")
    line = visit.line
    assert (line["airgate.decision"], line["airgate.reason"]) == ("deny", reason), line
    for arrived in visit.arrivals:
        assert not arrived["complete"] and arrived["body_bytes"] == 0, arrived
        assert arrived["status"] is None or reason == "answered_early", arrived
    return line


@WIRES
def test_the_body_decides(bed, site, wire):
    runner, reader = Asker(bed, site, wire, **RUNNER), Asker(bed, site, wire, **READER)
    for kind, mine in (("sync", True), ("refresh", True), ("clear", False), ("reset", False)):
        body = json.dumps({"connectionId": MINE, "jobType": kind}).encode()
        visit = runner.ask(JOBS, body)
        if mine:
            line = passed(visit, len(body))
            assert line["airgate.ids"] == f"connection:{MINE}"
            assert values(visit.passed, "x-airgate-role") == ["runner"] and not values(visit.passed, "authorization")
        else:
            refused(visit, "low_role")
    passed(reader.ask(CATALOG, b'{"connectionId":"x"}'), 20)
    refused(reader.ask(CATALOG, {"connectionId": "x", "withRefreshedCatalog": True}), "low_role")
    refused(reader.ask(JOBS, {"jobType": "sync"}), "low_role")
    passed(Asker(bed, site, wire, **EDITOR).ask(JOBS, b'{"jobType":"reset"}'), 19)


@WIRES
def test_ids_in_a_body_decide(bed, site, wire):
    editor, bot = Asker(bed, site, wire, **EDITOR), Asker(bed, site, wire, **EDITOR, **BOT)
    assert passed(editor.ask(UPDATE, {"connectionId": MINE}), 56)["airgate.ids"] == f"connection:{MINE}"
    refused(editor.ask(UPDATE, {"connectionId": YOURS}), "rule_denied")
    refused(editor.ask(UPDATE, b"no JSON"), "rule_denied")
    passed(bot.ask(SYNC, {"connectionId": MINE}), 56)
    refused(bot.ask(SYNC, {"connectionId": [MINE, "x"]}), "agent_ids")
    # Nothing that its body could say would get this through, so Airbyte hears nothing of it.
    visit = bot.ask(SYNC + b"?connectionId=" + YOURS.encode(), {"connectionId": MINE})
    refused(visit, "agent_ids")
    assert not visit.arrivals


def test_a_budget_is_spent_once(bed, site):
    hasty = Asker(bed, site, Wire, **EDITOR, sub="hasty", client_id="hasty")
    for _ in range(BUDGET):
        refused(hasty.ask(SYNC, {"connectionId": [MINE, "x"]}), "agent_ids")
        passed(hasty.ask(SYNC, {"connectionId": MINE}), 56)
    visit = hasty.ask(SYNC, {"connectionId": MINE})
    refused(visit, "agent_budget", 429)
    assert not visit.arrivals


@WIRES
@pytest.mark.parametrize("kind", ["sync", "reset"])
def test_a_slow_body_is_held_until_it_is_judged(bed, site, wire, kind):
    seen = []

    def parts(mark: str) -> Iterator[bytes]:
        def arrived() -> dict | None:
            found = (one for one in bed.parts.requests() if values(one, "x-mark") == [mark])
            return next(found, None)

        yield b'{"jobType"'
        until(arrived, 5, "the headers at Airbyte")
        yield b':"'
        time.sleep(0.2)
        seen.append(arrived())
        yield kind.encode() + b'"}'

    visit = Asker(bed, site, wire, **RUNNER).ask_in_parts(JOBS, parts)
    assert seen[0]["body_bytes"] == 0 and not seen[0]["complete"], "of the body nothing has gone on"
    assert values(seen[0], "x-airgate-role") == ["runner"]
    passed(visit, 18) if kind == "sync" else refused(visit, "low_role")


@WIRES
def test_a_long_body_takes_the_stricter_reading(bed, site, wire):
    long = json.dumps({"connectionId": MINE, "jobType": "sync", "x": "x" * 300_000}).encode()
    refused(Asker(bed, site, wire, **RUNNER).ask(JOBS, long), "low_role")
    # Of what is somebody's whatever the body says, all goes on.
    passed(Asker(bed, site, wire, **EDITOR).ask(JOBS, long), len(long))


def test_headers_that_pass_for_a_whole_request_do_not_go_ahead(bed, site):
    runner = Asker(bed, site, Wire2, **RUNNER)
    # HTTP/1.1 upstream takes a length of nothing for the whole request.
    visit = runner.ask_in_parts(JOBS, lambda mark: iter(()), [(b"content-length", b"0")])
    refused(visit, "low_role")
    assert not visit.arrivals
    visit = runner.ask_in_parts(JOBS, lambda mark: iter(()))
    refused(visit, "low_role")
    visit = runner.visitor.ask(JOBS, runner.fields, method=b"POST")
    refused(visit, "low_role")
    assert not visit.arrivals


@WIRES
def test_an_answer_before_the_body_does_not_pass(bed, site, wire):
    early = [(b"x-standin-early", b"yes")]

    def parts(mark: str) -> Iterator[bytes]:
        yield b'{"jobType":"reset",'
        until(lambda: any(values(one, "x-mark") == [mark] for one in bed.parts.requests()), 5, "the headers at Airbyte")
        time.sleep(0.2)

    visit = Asker(bed, site, wire, **RUNNER).ask_in_parts(JOBS, parts, early)
    refused(visit, "answered_early", 502)
    passed(Asker(bed, site, wire, **RUNNER).ask(JOBS, b'{"jobType":"sync"}'), 18)


@WIRES
def test_the_proxys_own_answer_passes(bed, site, wire):
    visit = Asker(bed, site, wire, **RUNNER).ask(JOBS, {"jobType": "sync"}, [(b"x-nowhere", b"yes")])
    assert (visit.answer.status, visit.answer.body) == (503, b"nowhere") and not visit.arrivals


@WIRES
def test_a_client_that_leaves_sends_nothing_on(bed, site, wire):
    runner = Asker(bed, site, wire, **RUNNER)
    marks = []

    def parts(mark: str) -> Iterator[bytes]:
        marks.append(mark)
        yield b'{"jobType":"sync"'
        until(lambda: arrival(bed, mark), 5, "the headers at Airbyte")
        raise ConnectionError("gone")

    runner.ask_in_parts(JOBS, parts)
    until(lambda: arrival(bed, marks[0])["aborted"], 5, "the end at Airbyte")
    assert arrival(bed, marks[0])["body_bytes"] == 0
    assert bed.envoy.logged(lambda line: line["airgate.reason"] == "client_gone")


def arrival(bed: Bed, mark: str) -> dict | None:
    return next((one for one in bed.parts.requests() if values(one, "x-mark") == [mark]), None)


@WIRES
@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("body", [b'{"jobType":"sync"}', b'{"jobType":"reset"}', b""])
def test_whoever_waits_for_keys_waits_with_everything(parts, options, version, wire, body):
    """What comes while the headers wait, be it only the end, is judged after them."""
    parts.provider.token("alice")
    parts.provider.delay(700)
    try:
        with untrapped(options(version), parts) as bed:
            visit = Visitor(bed, wire).ask_in_parts(JOBS, [JSON], lambda mark: iter([body] if body else []))
            line = passed(visit, len(body)) if b"sync" in body else refused(visit, "low_role")
            assert float(line["airgate.waited_ms"]) >= 100
    finally:
        parts.provider.delay(0)


def test_what_the_gateway_would_answer_by_a_body_is_refused_at_once(bed):
    visit = Visitor(bed, who=None).ask(b"/.airgate/backchannel-logout", method=b"POST", body=b"logout_token=x")
    refused(visit, "body_out_of_reach", 501)
    assert not visit.arrivals
