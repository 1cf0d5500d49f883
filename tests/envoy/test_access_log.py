"""The access log: one JSON object for each request whatever it says, who and why, and nothing secret."""

import json
from collections.abc import Iterator

import pytest
from conftest import untrapped
from visitor import ECHO, Visit, Visitor, values

from lab import Bed, until
from lab.envoy import VERSIONS, Options
from lab.wire import Wire, Wire2

WIRES = pytest.mark.parametrize("wire", [Wire, Wire2], ids=["HTTP/1.1", "HTTP/2"])


@pytest.fixture(scope="module", params=VERSIONS)
def talkative(request, parts) -> Iterator[Bed]:
    """Its log says all that Envoy knows about the module."""
    with untrapped(Options(version=request.param), parts) as bed:
        bed.envoy.admin("/logging?wasm=trace", "POST")
        yield bed


def line_of(bed: Bed, visit: Visit) -> dict:
    """Of a request that reached Airbyte its id stands there, of one that was refused in the answer."""
    if not visit.arrived:
        return dict(visit.line)
    (request_id,) = values(visit.arrived, "x-request-id")
    return dict(bed.envoy.record(request_id))


def lines(bed: Bed) -> list[bytes]:
    return bed.envoy.child.out.read_bytes().split(b"\n")[:-1]


NASTY = {
    "quotes": b'"}\n{"user": "mallory"'.replace(b"\n", b" "),
    "backslashes": b'\\" \\u0022 \\',
    "bytes above 0x7f": bytes(range(0x80, 0x100)),
    "broken UTF-8": b"\xc3\x28 \xed\xa0\x80 \xff",
    "percent signs": b"%REQ(AUTHORIZATION)% %0d%0a %s",
    "a tab": b"a\tb",
    "long": b"x" * 5000,
}


@WIRES
@pytest.mark.parametrize("value", NASTY.values(), ids=NASTY)
def test_headers_stay_in_their_place(talkative, wire, value):
    before = len(lines(talkative))
    fields = [(name, value) for name in (b"user-agent", b"x-airgate-user", b"referer", b"x-forwarded-for")]
    visit = Visitor(talkative, wire, who=None).ask(fields=fields)
    until(lambda: len(lines(talkative)) > before, 5, "its line")
    (written,) = lines(talkative)[before:]
    line = json.loads(written)
    assert line["http.response.status_code"] == visit.answer.status and line["client.address"] == "127.0.0.1"
    assert not line.get("enduser.id")
    assert line["http.request.method"] == "GET" and line["url.path"] == ECHO.decode() and len(written) < 8192


PATHS = {
    "a long path": ECHO + b"/" + b"x" * 8000,
    "escapes": ECHO + b"/%22%7d%0d%0a%7b",
    "quotes": ECHO + b'/"},{"user":"mallory',
    "bytes above 0x7f": ECHO + b"/" + bytes(range(0x80, 0x100)),
    "a line break": ECHO + b'\r\n{"user":"mallory"}',
    "a carriage return": ECHO + b"\r",
    "a line feed": ECHO + b'\n{"user":"mallory"}',
    "no path": b"mallory",
}


@WIRES
@pytest.mark.parametrize("target", PATHS.values(), ids=PATHS)
def test_paths_stay_in_their_place(talkative, wire, target):
    "One line for each request that Envoy took for one, and the next request has its own."
    before = len(lines(talkative))
    Visitor(talkative, wire).ask(target)
    visitor = Visitor(talkative, wire)
    line = line_of(talkative, visitor.ask())
    assert line["enduser.id"] == "alice" and line["url.path"] == ECHO.decode()
    found = [json.loads(line) for line in lines(talkative)[before:]]
    assert len(found) <= 2 and not any(line.get("enduser.id") == "mallory" for line in found)
    assert not any("user" in line for line in found)


@WIRES
def test_who_and_what(talkative, wire):
    visit = Visitor(talkative, wire).ask(ECHO + b"?code=secret&x=1", method=b"POST", body=b"{}")
    line = line_of(talkative, visit)
    addresses = [standin.url.removeprefix("http://") for standin in talkative.standins]
    assert line.pop("upstream.address") == addresses["ab".index(visit.passed["name"])]
    assert isinstance(duration := line.pop("duration_ms"), int) and 0 <= duration < 10_000
    assert 0 < int(line.pop("airgate.duration_us")) < 1_000_000
    line.pop("airgate.waited_ms")  # where it came before the keys
    assert line.pop("time") and line.pop("http.response.size") == len(visit.answer.body) and line.pop("client.port")
    assert line.pop("airgate.request_id") == values(visit.passed, "x-airgate-request-id")[0]
    # Absent in the file, null with the older Envoy.
    assert {name: said for name, said in line.items() if said is not None} == {
        "airgate.decision": "allow",
        "airgate.reason": "default_role",
        "enduser.id": "alice",
        "enduser.email": "alice@example.com",
        "airgate.client": "airgate-cli",
        "airgate.provider": "corp",
        "airgate.auth": "bearer",
        "airgate.role": "admin",
        "client.address": "127.0.0.1",
        "http.request.method": "POST",
        "server.address": "localhost",
        "url.path": ECHO.decode(),
        "url.query": "code=REDACTED&x=1",
        "http.request.size": 2,
        "envoy.protocol": "HTTP/2" if wire is Wire2 else "HTTP/1.1",
        "envoy.tls": "TLSv1.3",
        "airgate.route": "api",
        "envoy.route": "default",
        "envoy.cluster": "airbyte",
        "envoy.attempts": 1,
        "http.response.status_code": 200,
        "airgate.details": "via_upstream",
        "airgate.flags": "-",
    }


@WIRES
def test_why_not(talkative, wire):
    visit = Visitor(talkative, wire, who=None).ask(ECHO + b"?access_token=secret")
    line = line_of(talkative, visit)
    assert visit.refused == line["airgate.reason"] == "no_credentials"
    said = [line[name] for name in ("airgate.decision", "enduser.id", "upstream.address", "airgate.role")]
    assert said == ["deny", None, None, None] and line["http.response.status_code"] == 401


@WIRES
def test_why_envoy_did_not(talkative, wire):
    "The flags say what Envoy has to say for itself."
    for standin in talkative.standins:
        standin.control(reset={"path": ECHO.decode()})
    try:
        visit = Visitor(talkative, wire).ask(method=b"POST", body=b"{}")
    finally:
        for standin in talkative.standins:
            standin.heal()
    assert visit.answer.status == 503
    line = line_of(talkative, visit)
    assert line["airgate.flags"].startswith("UC") and line["upstream.address"]
    assert line["airgate.decision"] == "allow" and line["enduser.id"] == "alice"


@WIRES
def test_one_request_id(talkative, wire):
    passed = Visitor(talkative, wire).ask(fields=[(b"x-request-id", b"mallory")])
    request_id = line_of(talkative, passed)["airgate.request_id"]
    assert [values(passed.passed, name) for name in ("x-request-id", "x-airgate-request-id")] == [[request_id]] * 2
    refused = Visitor(talkative, wire, who=None).ask(fields=[(b"x-request-id", b"mallory")])
    request_id = refused.answer.json()["request_id"]
    assert request_id == refused.answer.header("x-request-id") == refused.line["airgate.request_id"] != "mallory"


@WIRES
def test_nothing_secret_is_in_any_log(talkative, wire):
    token = talkative.token("bob")
    head, body, signature = token.split(".")
    basic = "YWxpY2U6bm90LWZvci1sb2dz"
    answer = Visitor(talkative, wire, "bob").ask().answer
    cookie = answer.header("set-cookie").split(";")[0]
    secrets = [token, body, signature, signature[::-1], basic, cookie.split("=", 1)[1], "s3cret"]
    visits = [
        [("authorization", f"Bearer {token}"), ("cookie", cookie)],
        [("authorization", f"Bearer {head}.{body}.{signature[::-1]}")],
        [("authorization", f"bearer  {token}, {token}")],
        [("authorization", f"Basic {basic}")],
        [("proxy-authorization", f"Bearer {token}")],
        [("x-access-token", "s3cret"), ("cookie", "session=s3cret; __Host-airgate-affinity=s3cret")],
    ]
    for fields in visits:
        encoded = [(name.encode(), value.encode()) for name, value in fields]
        target = ECHO + b"?code=s3cret&access_token=" + token.encode()
        visit = Visitor(talkative, wire, who=None).ask(target, encoded)
        line = line_of(talkative, visit)
        assert line["url.path"] == ECHO.decode() and line["url.query"] == "code=REDACTED&access_token=REDACTED"
    said = talkative.envoy.log() + talkative.envoy.child.out.read_text()
    assert "proxy_on_request_headers" in said, "it was to say all"
    assert not [secret for secret in secrets if secret in said]
