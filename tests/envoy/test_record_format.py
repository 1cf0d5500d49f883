"""The record: one for each request, whoever refused it, in the proxy's access log or as a line of airgate's own; and
what is counted. The format and the filter are those of docs/record.md."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from conftest import untrapped
from visitor import ECHO, Visit, Visitor, values

from lab import Bed, until
from lab.bootstrap import Bootstrap
from lab.envoy import VERSIONS, Options
from lab.paths import ROOT
from lab.wire import Wire

PAGE = (ROOT / "docs/record.md").read_text()
FORMAT, FILTER = (yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", PAGE, re.S))
DELETE, LIST = b"/api/v1/connections/delete", b"/api/v1/connections/list"
KEY = "A" * 43
ID = "8d8f1f0e-5b0a-4c39-9c53-000000000001"


def recording(file: Path):
    def change(bootstrap: Bootstrap) -> None:
        kind = "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog"
        log = {"@type": kind, "path": str(file), "log_format": FORMAT}
        bootstrap.manager()["access_log"].append({"name": "envoy.access_loggers.file", "typed_config": log, **FILTER})
        bootstrap.plugin["vm_config"]["environment_variables"]["host_env_keys"].append("AIRGATE_PSEUDONYM_KEY")

    return change


class Records:
    """A bed and the records that it wrote."""

    def __init__(self, bed: Bed, file: Path):
        self.bed = bed
        self._file = file

    def all(self) -> list[dict]:
        """Of both ways out."""
        printed = self._file.read_bytes().split(b"\n")[:-1] if self._file.exists() else []
        logged = [line[line.index("{") :] for line in self.bed.envoy.log().splitlines() if '"airgate.decision":' in line]
        return [json.loads(line) for line in [*printed, *logged]]

    def of(self, **facts: str) -> dict:
        wanted = {name.replace("__", "."): value for name, value in facts.items()}
        found = lambda: next((one for one in reversed(self.all()) if wanted.items() <= one.items()), None)
        return {name: value for name, value in until(found, 5, f"a record of {wanted}").items() if value is not None}


def request_id(visit: Visit) -> str:
    """Of a request that passed, as Airbyte was told it."""
    (request_id,) = values(visit.passed, "x-airgate-request-id")
    return request_id


@pytest.fixture(scope="module", params=[(version, to) for version in VERSIONS for to in ("proxy", "log")], ids="-".join)
def records(request, parts, tmp_path_factory) -> Iterator[Records]:
    version, to = request.param
    file = tmp_path_factory.mktemp("records") / "records.json"
    options = Options(version=version, plugin={"audit": {"to": to}}, bootstrap=recording(file))
    with untrapped(options, parts) as bed:
        yield Records(bed, file)


def test_an_allowed_request(records):
    visit = Visitor(records.bed).ask(LIST + b"?code=s3cret&x=1", method=b"POST", body=json.dumps({"workspaceId": ID}).encode())
    record = records.of(airgate__request_id=request_id(visit))
    addresses = [standin.url.removeprefix("http://") for standin in records.bed.standins]
    assert record.pop("upstream.address") in addresses
    for name, type_ in [("time", str), ("duration_ms", int), ("http.request.size", int), ("http.response.size", int)]:
        assert isinstance(record.pop(name), type_)
    assert int(record.pop("airgate.duration_us")) > 0 and record.pop("client.port")
    record.pop("airgate.waited_ms", None)  # for keys, if it is the first
    expected = {
        "airgate.decision": "allow",
        "airgate.reason": "default_role",
        "airgate.request_id": request_id(visit),
        "enduser.id": "alice",
        "enduser.email": "alice@example.com",
        "airgate.client": "airgate-cli",
        "airgate.provider": "corp",
        "airgate.auth": "bearer",
        "airgate.role": "admin",
        "client.address": "127.0.0.1",
        "http.request.method": "POST",
        "server.address": "localhost",
        "url.path": LIST.decode(),
        "url.query": "code=REDACTED&x=1",
        "airgate.operation": "listConnectionsForWorkspace",
        "airgate.route": "api",
        "http.response.status_code": 200,
        "airgate.details": "via_upstream",
    }
    assert record.pop("airgate.flags") in ("-", 0)
    record["server.address"] = record["server.address"].split(":")[0]
    assert record == expected


def test_a_refused_request(records):
    visit = Visitor(records.bed, who=None).ask(DELETE + b"?access_token=s3cret", method=b"POST")
    record = records.of(airgate__request_id=visit.line["request_id"])
    assert (record["airgate.decision"], record["airgate.reason"]) == ("deny", "no_credentials")
    assert (record["airgate.operation"], record["url.query"]) == ("deleteConnection", "access_token=REDACTED")
    assert record["http.response.status_code"] == 401 and "enduser.id" not in record


def test_a_request_that_can_be_read_two_ways(records):
    visit = Visitor(records.bed).ask(ECHO + b";jsessionid=s3cret?x=1&key=s3cret")
    record = records.of(airgate__request_id=visit.line["request_id"])
    assert (record["airgate.reason"], record["url.query"]) == ("path_semicolon", "x=1&key=REDACTED")


def test_a_request_that_envoy_refuses(records):
    before = len(records.all())
    with Wire(records.bed.url, records.bed.authority_file) as wire:
        assert wire.say(b"GET /api/v1/jobs HTTP/1.0\r\nhost: localhost\r\n\r\n").status == 426
    until(lambda: len(records.all()) > before, 5, "its record")
    record = records.all()[-1]
    assert (record["airgate.decision"], record["airgate.reason"]) == ("deny", "proxy_refused")
    assert record["http.response.status_code"] == 426


def test_a_page_of_our_own(records):
    Visitor(records.bed).ask(b"/.airgate/me")
    record = records.of(url__path="/.airgate/me")
    assert (record["airgate.decision"], record["airgate.reason"], record["enduser.id"]) == ("answer", "me", "alice")


@pytest.mark.parametrize("query", [b"x=" + b'"' * 4000, b"x=\\u0022\\", b'"}%0a{"enduser.id":"mallory"', bytes(range(0x80, 0x100))])
def test_whatever_comes_it_is_one_record(records, query):
    visit = Visitor(records.bed).ask(ECHO + b"?" + query)
    assert visit.answer.status == 200
    record = records.of(airgate__request_id=request_id(visit))
    assert record["enduser.id"] == "alice" and len(json.dumps(record)) < 8192


def test_everything_is_counted_from_the_start(records):
    counted = lambda: records.bed.envoy.stats(r"^wasmcustom\.airgate\.")
    names = {name.removeprefix("wasmcustom.") for name in until(counted, 5, "the counters")}
    listed = set(re.findall(r"`(airgate\.(?!decisions)[a-z_.]+)`", PAGE.split("## Metrics")[1]))
    for decision, words in re.findall(r"^\* `(\w+)`: (.*?)\.$", PAGE, re.M | re.S):
        listed |= {f"airgate.decisions.{decision}.{word}" for word in re.findall(r"`(\w+)`", words)}
    assert names == listed
    before = counted()
    Visitor(records.bed).ask()
    Visitor(records.bed, who=None).ask()
    more = lambda name: counted()[f"wasmcustom.{name}"] > before[f"wasmcustom.{name}"]
    for name in ("decisions.allow.default_role", "decisions.deny.no_credentials", "tokens.good.cache", "operations.unknown"):
        until(lambda: more(f"airgate.{name}"), 5, name)
    scraped = records.bed.envoy.admin("/stats/prometheus")
    assert re.search(r"^airgate_decisions_allow_default_role\{\} [1-9]", scraped, re.M)


@pytest.mark.parametrize("version", VERSIONS)
def test_only_changes_and_nobody_by_name(parts, tmp_path, version):
    audit = {"record": "mutations", "pseudonyms": {"key": {"env": "AIRGATE_PSEUDONYM_KEY"}, "of": ["user", "email"]}}
    options = Options(
        version=version,
        plugin={"audit": audit},
        bootstrap=recording(tmp_path / "records.json"),
        environment={"AIRGATE_PSEUDONYM_KEY": KEY},
    )
    with untrapped(options, parts) as bed:
        records, visitor = Records(bed, tmp_path / "records.json"), Visitor(bed)
        visitor.ask(LIST, method=b"POST", body=b"{}")
        visitor.ask(DELETE, method=b"POST", body=b"{}")
        Visitor(bed, who=None).ask(LIST, method=b"POST", body=b"{}")
        records.of(airgate__reason="no_credentials")
        assert [one["url.path"] for one in records.all()] == [DELETE.decode(), LIST.decode()]
        record = records.of(airgate__decision="allow")
        assert record["enduser.id"].startswith("p.") and record["enduser.email"].startswith("p.")
        assert "alice" not in json.dumps(record)
