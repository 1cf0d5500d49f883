"""Bodies that Airbyte would decode before it reads them, through a real Envoy: refused with 415, and judged by nothing.

The bodies in polyglots.tsv are valid JSON as they stand and, inflated, other JSON. Airbyte's server inflates a body with
`Content-Encoding: deflate`, so a verdict about the bytes as they stand would be about something else.
"""

import base64
import gzip
import json
import zlib
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from access.policy import Policy, is_passed
from signin.gate import lift_limits

from lab.bootstrap import Bootstrap
from lab.envoy import Options
from lab.provider import client_secret

MINE, THEIRS = "7b3f2c1a-4d5e-4f60-8a9b-0c1d2e3f4a5b", "0e9d8c7b-6a5f-4e4d-8c3b-2a1f0e9d8c7b"
POLICY = {
    "default_role": "none",
    "roles": [
        {"role": "editor", "group": "editors"},
        {"role": "runner", "group": "runners"},
        {"role": "reader", "group": "readers"},
    ],
    "rules": [
        {"name": "frozen", "who": {"client": "cli"}, "which": {"connection": [MINE]}, "then": "deny"},
        {"name": "given", "who": {"client": "given"}, "which": {"connection": [MINE]}, "then": "allow"},
    ],
    "agents": [{"name": "bot", "client": "bot", "connections": [MINE]}],
}
EDITOR, RUNNER, READER = ({"groups": [group]} for group in ("editors", "runners", "readers"))
AGENT, FROZEN, GIVEN = {**EDITOR, "client_id": "bot"}, {**EDITOR, "client_id": "cli"}, {"client_id": "given"}
SYNC, JOBS = "POST /api/v1/connections/sync", "POST /api/public/v1/jobs"
DELETE, CATALOG = "POST /api/v1/connections/delete", "POST /api/v1/web_backend/connections/get"
TOKEN, NOTICE = "POST /api/v1/applications/token", "POST /.airgate/backchannel-logout"

LINES = (Path(__file__).parent / "polyglots.tsv").read_text().splitlines()
POLYGLOTS = [
    (json.loads(outer), json.loads(inner), base64.b64decode(body))
    for outer, inner, body in (line.split("\t") for line in LINES if not line.startswith("#"))
]
# Who sends which of them, and what it would get through: the body as it stands is permitted.
ATTACKS = {
    "an agent syncs another connection": (AGENT, SYNC, 0),
    "a rule allows another connection": (GIVEN, SYNC, 0),
    "an editor deletes what a rule freezes": (FROZEN, DELETE, 1),
    "a runner resets": (RUNNER, JOBS, 2),
    "an agent resets its own connection": (AGENT, JOBS, 2),
    "a reader starts a discovery": (READER, CATALOG, 3),
}
ENCODINGS = ["deflate", "gzip", "x-gzip", "x-deflate", "br", "snappy", "zstd", "compress", "Deflate", "GZIP"]
ENCODINGS += ["identity, deflate", "deflate, identity", "deflate,gzip", "aes128gcm", "identity;q=1", "*", "\"deflate\""]
JSON = "application/json"

Headers = dict[str, str] | list[tuple[str, str]]


@pytest.fixture(scope="module", params=["headers_held", "headers_ahead"])
def policy(request, open_bed, rogue, site) -> Policy:
    def configure(config: dict) -> None:
        config["access"], config["bodies"] = POLICY, request.param
        config["providers"].append(site.provider())
        # Without its headers held, a request for a token would reach Airbyte first.
        if request.param == "headers_held":
            config["token_relay"] = {"provider": "corp"}

    def bootstrap(bootstrap: Bootstrap) -> None:
        rogue.connect(bootstrap)
        lift_limits(bootstrap.tree)
        if request.param == "headers_ahead":
            del bootstrap.plugin["allow_on_headers_stop_iteration"]

    policy = Policy(open_bed(Options(plugin=configure, bootstrap=bootstrap)), site)
    policy.is_ahead = request.param == "headers_ahead"
    return policy


def refused(policy: Policy, answer: httpx.Response, reason: str) -> None:
    """With 415 and why, and Airbyte saw nothing of it, not even headers that go ahead of a body."""
    assert answer.status_code == 415 and "x-standin-name" not in answer.headers, f"{answer.status_code} {answer.text}"
    assert not policy.arrived(answer), "it reached Airbyte"
    assert answer.headers["content-type"] == "application/json"
    said, line = answer.json(), policy.line(answer)
    assert (said["status"], said["error"], said["request_id"]) == (415, "invalid_request", line["airgate.request_id"])
    assert (line["airgate.decision"], line["airgate.reason"]) == ("deny", reason), line
    assert not line["airgate.ids"], "of a body that is not read, no ids are told"


def denied(policy: Policy, answer: httpx.Response, reason: str) -> None:
    """With 403, and what Airbyte saw of it, if anything, never became a request."""
    assert answer.status_code == 403 and "x-standin-name" not in answer.headers, f"{answer.status_code} {answer.text}"
    assert policy.line(answer)["airgate.reason"] == reason
    for arrived in policy.arrived(answer):
        assert policy.is_ahead and not arrived["complete"] and not arrived["body_bytes"], arrived


@pytest.mark.parametrize("number", range(4))
def test_bodies_have_two_readings(number):
    outer, inner, body = POLYGLOTS[number]
    decoder = zlib.decompressobj(wbits=-zlib.MAX_WBITS)
    inflated = decoder.decompress(body)
    assert decoder.eof and json.loads(inflated) == inner
    as_it_stands = json.loads(body)
    assert {name: value for name, value in as_it_stands.items() if name in {*outer, *inner}} == outer
    assert outer != inner


@pytest.mark.parametrize("who, asked, number", ATTACKS.values(), ids=ATTACKS)
def test_body_is_permitted_only_as_it_stands(policy, who, asked, number):
    body = POLYGLOTS[number][2]
    utf_8 = {"content-type": f"{JSON}; charset=UTF-8"}
    for plain in ({}, {"content-encoding": "identity"}, {"content-encoding": "Identity"}, utf_8):
        answer = policy.ask(who, asked, body, plain)
        policy.passed(answer)
        assert policy.arrived(answer)[0]["body_bytes"] == len(body)
    for encoding in ENCODINGS:
        refused(policy, policy.ask(who, asked, body, {"content-encoding": encoding}), "content_encoding")


@pytest.mark.parametrize("who, asked, number", ATTACKS.values(), ids=ATTACKS)
def test_inflated_reading_alone_is_refused(policy, who, asked, number):
    """The control: sent without compression, what is inside is not permitted."""
    answer = policy.ask(who, asked, POLYGLOTS[number][1])
    assert answer.status_code == 403 and "x-standin-name" not in answer.headers


LINES_OF_TWO = [("identity", "deflate"), ("deflate", "identity"), ("identity", "Deflate"), ("", "deflate")]


@pytest.mark.parametrize("fields", LINES_OF_TWO)
def test_encoding_in_two_lines_is_refused(policy, fields):
    refused(policy, ask_in_lines(policy, AGENT, SYNC, POLYGLOTS[0][2], "content-encoding", fields), "content_encoding")


@pytest.mark.parametrize("compress", [gzip.compress, zlib.compress])
def test_honestly_compressed_body_is_refused(policy, compress: Callable[[bytes], bytes]):
    body = compress(json.dumps({"connectionId": MINE}).encode())
    refused(policy, policy.ask(AGENT, SYNC, body, {"content-encoding": "gzip"}), "content_encoding")


TWO = [ATTACKS["an agent syncs another connection"], ATTACKS["a runner resets"]]
CHARSETS = ["utf-16", "UTF-16LE", "utf-32", "iso-8859-1", "utf-7", '"utf-16"', "", "utf-8; charset=utf-16"]


@pytest.mark.parametrize("charset", CHARSETS)
@pytest.mark.parametrize("who, asked, number", TWO)
def test_other_charset_is_refused(policy, who, asked, number, charset):
    fields = {"content-type": f"{JSON}; charset={charset}"}
    refused(policy, policy.ask(who, asked, POLYGLOTS[number][2], fields), "content_charset")


@pytest.mark.parametrize("charset", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-8-sig"])
def test_unsaid_charset_is_read_as_no_json(policy, charset):
    """Jackson finds out by itself what JSON is encoded in (RFC 4627 section 3), and skips a byte order mark."""
    body = json.dumps({"connectionId": MINE, "jobType": "sync"}).encode(charset)
    denied(policy, policy.ask(AGENT, SYNC, body), "agent_ids")
    denied(policy, policy.ask(RUNNER, JOBS, body), "low_role")


TYPES = ["text/plain", "text/json", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"]
TYPES += ["application/yaml", "application/octet-stream", "application/json, text/plain", "application/jsonx", ""]


@pytest.mark.parametrize("type", TYPES)
@pytest.mark.parametrize("who, asked, number", TWO)
def test_other_content_type_is_refused(policy, who, asked, number, type):
    refused(policy, policy.ask(who, asked, POLYGLOTS[number][2], {"content-type": type}), "content_type")


def test_form_with_the_same_members_is_refused(policy):
    form = {"content-type": "application/x-www-form-urlencoded"}
    refused(policy, policy.ask(AGENT, SYNC, f"connectionId={MINE}".encode(), form), "content_type")


def test_content_type_in_two_lines_is_refused(policy):
    body = json.dumps({"connectionId": MINE}).encode()
    for types in ((JSON, JSON), (JSON, "text/plain")):
        refused(policy, ask_in_lines(policy, AGENT, SYNC, body, "content-type", types), "content_type")


def test_undeclared_body_is_judged_as_json(policy):
    """Airbyte takes it for JSON, too."""
    for connection, passes in ((MINE, True), (THEIRS, False)):
        body = json.dumps({"connectionId": connection}).encode()
        answer = ask_in_lines(policy, AGENT, SYNC, body, "content-type", ())
        assert is_passed(answer) == passes, answer.text


def test_content_is_free_where_no_body_is_judged(policy):
    """What an editor may anyway is Airbyte's business."""
    body = gzip.compress(b'{"workspaceId":"x"}')
    answer = policy.ask(EDITOR, "POST /api/v1/sources/list", body, {"content-encoding": "gzip"})
    policy.passed(answer)
    assert policy.arrived(answer)[0]["body_bytes"] == len(body)


def test_request_without_a_body_needs_no_content_type(policy):
    encoded = {"content-encoding": "deflate"}
    policy.passed(policy.ask(AGENT, f"GET /api/public/v1/jobs?connectionId={MINE}", headers=encoded))


PAIR = {"client_id": "ci-bot", "client_secret": client_secret("ci-bot")}


FORM = "application/x-www-form-urlencoded"


@pytest.mark.parametrize("asked, plain", [(TOKEN, {"content-type": JSON}), (NOTICE, {"content-type": FORM})])
@pytest.mark.parametrize(
    "fields, reason",
    [
        ({"content-encoding": "deflate"}, "content_encoding"),
        ({"content-encoding": "gzip"}, "content_encoding"),
        ({"content-encoding": "identity, br"}, "content_encoding"),
        ({"content-type": "text/plain"}, "content_type"),
        ({"content-type": "multipart/form-data; boundary=x"}, "content_type"),
        ({"content-type": "application/x-www-form-urlencoded; charset=utf-16"}, "content_charset"),
    ],
)
def test_own_endpoint_refuses_what_would_have_to_be_decoded(policy, asked, plain, fields, reason):
    body = json.dumps(PAIR).encode() if asked == TOKEN else b"logout_token=x"
    answer = anonymous(policy, asked, body, {**plain, **fields})
    if policy.is_ahead:
        # There the gateway reads no body of its own at all, and relays no token requests.
        assert answer.status_code == (401 if asked == TOKEN else 501) and not policy.arrived(answer)
        return
    if (asked, reason) == (TOKEN, "content_type"):
        # In the form that OAuth clients read (RFC 6749 section 5.2).
        assert answer.status_code == 400 and not policy.arrived(answer), answer.text
        return
    assert answer.status_code == 415, answer.text
    assert answer.headers["content-type"] == "application/json" and not policy.arrived(answer)
    assert policy.line(answer)["airgate.reason"] == reason


def test_own_endpoints_take_what_they_always_took(policy):
    if policy.is_ahead:
        pytest.skip("the gateway reads no body of its own there")
    assert anonymous(policy, TOKEN, json.dumps(PAIR).encode(), {"content-type": JSON}).json()["access_token"]
    form = {"content-type": "application/x-www-form-urlencoded"}
    assert policy.line(anonymous(policy, NOTICE, b"logout_token=x", form))["airgate.reason"] != "content_type"


def anonymous(policy: Policy, asked: str, body: bytes, fields: Headers):
    method, path = asked.split(" ")
    agent = f"anonymous-{next(Policy._numbers)}"
    return policy._http.request(method, path, content=body, headers={**dict(fields), "user-agent": agent})


def ask_in_lines(policy: Policy, who: dict, asked: str, body: bytes, name: str, fields: tuple[str, ...]):
    """A header of as many lines."""
    method, path = asked.split(" ")
    lines = [("authorization", f"Bearer {policy.site.token(**who)}"), ("user-agent", f"lines-{next(Policy._numbers)}")]
    lines += [] if name == "content-type" else [("content-type", JSON)]
    return policy._http.request(method, path, content=body, headers=[*lines, *((name, field) for field in fields)])
