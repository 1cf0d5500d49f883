"""docs/from-haproxy.md: each row of its tables is asked of both, and what is written there is what happens."""

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import httpx
import pytest
from cases import CASES, NEW_KEY, TAKES_SECONDS
from conftest import as_shown
from gate import Gate
from haproxy import CONFIGURATION, HAProxy
from pages import FROM_HAPROXY, blocks, rows

from lab import Bed, until
from lab.bootstrap import Bootstrap, set_endpoints
from lab.envoy import VERSIONS
from lab.paths import ROOT

SAME = {what: [both, both] for what, both in rows(FROM_HAPROXY, "what comes", "both")}
OTHER = {what: said for what, *said in rows(FROM_HAPROXY, "what comes", "HAProxy", "airgate")}
TOO_MANY = "six requests of one address, where five are allowed"
NO_PROVIDER = "a good token, while the provider is away since the start"


def test_every_case_is_in_the_page_and_every_row_is_a_case():
    assert {*SAME, *OTHER} == {*CASES, TOO_MANY, NO_PROVIDER} and not {*SAME} & {*OTHER}
    assert not [what for what, (one, other) in OTHER.items() if one == other], "they do not differ"


@pytest.fixture(scope="module")
def slow(gates) -> dict[str, list[str]]:
    """What takes seconds, all at once."""
    with ThreadPoolExecutor() as pool:
        asked = {name: [pool.submit(CASES[name], gate) for gate in gates.values()] for name in TAKES_SECONDS}
        return {name: [answer.result() for answer in answers] for name, answers in asked.items()}


@pytest.mark.parametrize("what", [name for name in CASES if name != NEW_KEY])
def test_it_happens_as_written(request, gates, what):
    if what in TAKES_SECONDS:
        happened = request.getfixturevalue("slow")[what]
    else:
        happened = [CASES[what](gate) for gate in gates.values()]
    assert happened == (SAME | OTHER)[what]


def test_a_new_key(gates):
    """airgate asks for keys at most every 10 s, and this Envoy may have started less than that ago."""
    for gate, said in zip(gates.values(), OTHER[NEW_KEY], strict=True):
        until(lambda: CASES[NEW_KEY](gate) == said, 12, f"{said} by {gate.cookie}")


@pytest.fixture(scope="module")
def other_bed(parts, rogue) -> Iterator[Bed]:
    """With the page's limit, for five requests, and nobody where the provider should be; of the older Envoy."""
    [limit] = [block for block in blocks(FROM_HAPROXY) if isinstance(block, list)]

    def change(bootstrap: Bootstrap) -> None:
        [descriptor] = limit[0]["typed_config"]["descriptors"]
        descriptor["token_bucket"].update(max_tokens=5, tokens_per_fill=5, fill_interval="60s")
        bootstrap.manager()["http_filters"][0:0] = limit
        set_endpoints(bootstrap.cluster("idp"), ["https://127.0.0.1:1"])

    options = replace(as_shown(rogue, change), version=VERSIONS[0], concurrency=1)
    with Bed(options, parts=parts) as bed:
        yield bed
        bed.envoy.assert_no_trap()


def test_one_client_may_not_keep_out_others(parts, site, other_bed):
    few = HAProxy(parts.folder / "few", parts, site.signing[0], {"gt 2000": "gt 5"})
    try:
        assert SAME[TOO_MANY] == [by_two(Gate(url, parts, site, "")) for url in (few.start().url, other_bed.url)]
    finally:
        few.stop()


def by_two(gate: Gate) -> str:
    ask = lambda http: http.get("/api/v1/health")
    with gate.client("127.0.0.2") as many, gate.client("127.0.0.3") as other:
        assert [ask(many).status_code for _ in range(5)] == [200] * 5
        refused = ask(many)
        assert refused.headers["retry-after"]
        return f"{refused.status_code}, others {'pass' if ask(other).status_code == 200 else 'do not'}"


def test_the_provider_is_away_from_the_start(parts, site, gates, other_bed):
    # HAProxy has never heard of the provider's address.
    alone = Gate(other_bed.url, parts, site, "")
    assert OTHER[NO_PROVIDER] == [gates["HAProxy"].ask().outcome, alone.ask().outcome]


def test_plain_http_only_redirects(haproxy, bed):
    for gateway in (haproxy, bed):
        answer = httpx.get(f"{gateway.http_url}/workspaces?x=1", headers={"host": "evil.example.com"})
        assert answer.status_code in (301, 308) and answer.headers["location"] == f"{gateway.url}/workspaces?x=1"


def test_each_writes_down_who_asked_and_no_token(gates, haproxy, bed):
    token = gates["HAProxy"].token()
    for gate in gates.values():
        gate.ask(b"/api/v1/standin/echo/log?code=secret", token=token)
    mine = "/api/v1/standin/echo/log"
    [line] = until(lambda: [line for line in haproxy.log() if line["path"] == mine])
    assert (line["user"], line["status"], line["method"], line["retries"]) == ("alice", 200, "GET", "0"), line
    record = bed.envoy.logged(lambda line: line["url.path"] == mine)
    said = record["enduser.id"], record["airgate.role"], record["http.response.status_code"]
    assert said == ("alice", "admin", 200)
    for log in (haproxy.child.out, bed.envoy.child.out):
        assert token.rpartition(".")[2] not in log.read_text() and "code=secret" not in log.read_text()


def test_haproxy_finds_no_fault_with_the_file(haproxy):
    checked = haproxy.validate()
    assert checked.returncode == 0 and "warning" not in (checked.stdout + checked.stderr).lower(), checked.stderr


def test_the_page_has_every_line_of_the_file():
    """Each directive begins as a cell in the left column of a table; "…" is anything."""
    left = [cells[0].strip("`") for cells in rows(FROM_HAPROXY, "HAProxy", "Envoy with airgate")]
    assert len(left) > 30
    lines = [line.strip() for line in CONFIGURATION.read_text().splitlines()]
    lines = [line for line in lines if line and not re.match(r"#|(global|defaults|frontend|backend)\b", line)]
    shown = [re.compile(".*".join(map(re.escape, text.split("…")))) for text in left]
    forgotten = [line for line in lines if not any(pattern.match(line) for pattern in shown)]
    assert not forgotten
    unknown = [pattern.pattern for pattern in shown if not any(pattern.match(line) for line in lines)]
    assert not unknown
    assert f"{CONFIGURATION.relative_to(ROOT)}" in FROM_HAPROXY.read_text()
