"""The record: exactly one line for each request, whatever became of it and whatever it said; and where it goes."""

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Callable, Iterator
from uuid import uuid4

import pytest
import yaml
from visitor import Visitor, forged

from lab import Bed, until
from lab.bootstrap import Bootstrap
from lab.envoy import NEWEST, VERSIONS, Options
from lab.paths import EXAMPLE
from lab.rogue import Answer as Held
from lab.rogue import Rogue, Site
from lab.wire import Answer, connect, request

POLICY = {
    "default_role": "none",
    "roles": [
        {"role": "admin", "group": "airbyte-admins", "provider": "corp"},
        {"role": "reader", "group": "airbyte-readers", "provider": "corp"},
        {"role": "reader", "provider": "acme"},
    ],
}
LIST = b"/api/v1/connections/list"
DELETE = b"/api/v1/connections/delete"
CONNECTION = "8d8f1a9e-0000-4000-8000-00000000000a"
# What an 8 KiB line of a log shipper takes.
LONGEST = 8192

Act = Callable[[Bed], Answer | None]


@pytest.fixture(scope="module")
def rogue(parts) -> Iterator[Rogue]:
    with Rogue(parts.authority) as rogue:
        yield rogue


@pytest.fixture(scope="module")
def site(rogue) -> Site:
    return rogue.site("acme")


@pytest.fixture(scope="module")
def asleep(rogue) -> Site:
    """Never shows its keys, so whoever has a token of its waits."""
    site = rogue.site("asleep")
    site.jwks = Held(hold=True)
    return site


@pytest.fixture(scope="module")
def open_record(open_bed, rogue, site, asleep) -> Callable[..., Bed]:
    """A bed whose audit is like this. One worker, so that lines come in the order of the requests."""

    def open_it(audit: dict = {}, **options) -> Bed:
        def configure(config: dict) -> None:
            config.update(access=POLICY, audit=audit)
            config["providers"] += [site.provider(), asleep.provider()]

        def change(bootstrap: Bootstrap) -> None:
            rogue.connect(bootstrap)
            # Beyond what the example takes, so that what is large comes to airgate.
            bootstrap.manager()["max_request_headers_kb"] = 96
            bootstrap.plugin["vm_config"]["environment_variables"]["host_env_keys"].append("AIRGATE_PSEUDONYM_KEY")

        environment = {"AIRGATE_PSEUDONYM_KEY": encoded(KEY)}
        return open_bed(Options(plugin=configure, bootstrap=change, concurrency=1, environment=environment, **options))

    return open_it


@pytest.fixture(scope="module", params=VERSIONS)
def bed(request, open_record) -> Bed:
    return open_record(version=request.param)


KEY = hashlib.sha256(b"pseudonyms").digest()


def encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def lines(bed: Bed) -> list[str]:
    return bed.envoy.child.out.read_text(errors="surrogateescape").split("\n")[:-1]


def told(bed: Bed, act: Act) -> tuple[Answer | None, list[str]]:
    """What became of it, and the lines that it left. Another request comes after it, whose line has to be the next."""
    before = len(lines(bed))
    answer = act(bed)
    last = Visitor(bed, who=None).ask(b"/.airgate/health-of-nobody").answer.header("x-request-id")
    until(lambda: last in "".join(lines(bed)[before:]), 5, "the next line")
    return answer, [line for line in lines(bed)[before:] if last not in line]


def record(bed: Bed, act: Act) -> dict:
    """Its one line, without what it does not say."""
    answer, written = told(bed, act)
    assert len(written) == 1, written
    assert len(written[0]) < LONGEST
    said = json.loads(written[0])
    assert isinstance(said, dict) and said.pop("time")
    if answer and (request_id := answer.header("x-request-id")):
        assert said["airgate.request_id"] == request_id
    return {name: value for name, value in said.items() if value is not None}


def ask(target: bytes, who: str | None = "carol", **parts) -> Act:
    return lambda bed: Visitor(bed, who=who).ask(target, **parts).answer


def say(data: bytes) -> Act:
    def act(bed: Bed) -> None:
        with connect(bed.url, bed.authority_file, 5, "http/1.1") as connection:
            connection.sendall(data)
            connection.recv(1)

    return act


def bearer(token: str) -> tuple[bytes, bytes]:
    return b"authorization", f"Bearer {token}".encode()


NOBODY = {name: None for name in ("enduser.id", "enduser.email", "airgate.client", "airgate.provider", "airgate.auth")}
CAROL = {
    "enduser.id": "carol",
    "enduser.email": "carol@example.com",
    "airgate.client": "airgate-cli",
    "airgate.provider": "corp",
    "airgate.auth": "bearer",
    "airgate.role": "reader",
}
REFUSED = {"airgate.decision": "deny", "upstream.address": None}
BY_ENVOY = {**REFUSED, **NOBODY, "airgate.reason": "proxy_refused"}
BODY = json.dumps({"connectionId": CONNECTION}).encode()

KINDS: dict[str, tuple[Act, dict]] = {
    "allowed by role": (
        ask(LIST + b"?limit=20", method=b"POST", body=b"{}"),
        {
            **CAROL,
            "airgate.decision": "allow",
            "airgate.reason": "role",
            "airgate.operation": "listConnectionsForWorkspace",
            "airgate.route": "api",
            "client.address": "127.0.0.1",
            "http.request.method": "POST",
            "http.request.size": 2,
            "http.response.status_code": 200,
            "server.address": "localhost",
            "url.path": LIST.decode(),
            "url.query": "limit=20",
            "airgate.report": None,
        },
    ),
    "public": (
        ask(b"/api/v1/health", who=None),
        {**NOBODY, "airgate.decision": "allow", "airgate.reason": "public", "airgate.route": "health"},
    ),
    "too low a role": (
        ask(DELETE, method=b"POST", body=BODY),
        {
            **CAROL,
            **REFUSED,
            "airgate.reason": "low_role",
            "airgate.operation": "deleteConnection",
            "http.response.status_code": 403,
        },
    ),
    "no role": (
        ask(LIST, who="bob", method=b"POST"),
        {**REFUSED, "airgate.reason": "no_role", "enduser.id": "bob", "airgate.role": None},
    ),
    "no credentials": (
        ask(LIST, who=None, method=b"POST"),
        {**REFUSED, **NOBODY, "airgate.reason": "no_credentials", "http.response.status_code": 401},
    ),
    # It says "alice", and nothing of it is true.
    "a bad token": (
        lambda bed: Visitor(bed, who=None).ask(LIST, [bearer(forged(bed.token("alice")))], method=b"POST").answer,
         {**REFUSED, **NOBODY, "airgate.reason": "bad_signature"}),
    "a path that can be read two ways": (
        ask(b"/api/v1/a;b"),
        {**REFUSED, "airgate.reason": "path_semicolon", "http.response.status_code": 400, "url.path": "/api/v1/a;b"},
    ),
    "the start of a login": (
        lambda bed: bed.surfer().navigate("/", until=lambda _: True) and None,
        {**NOBODY, "airgate.decision": "answer", "airgate.reason": "login_started", "url.path": "/"},
    ),
    "a callback that nobody sent": (
        ask(b"/.airgate/callback/corp?code=s3cret&state=s3cret", who=None),
        {**REFUSED, "airgate.reason": "callback_bad_state", "url.query": "code=REDACTED&state=REDACTED"},
    ),
    "who am I": (ask(b"/.airgate/me"), {**CAROL, "airgate.decision": "answer", "airgate.reason": "me"}),
    "HTTP/1.0": (say(b"GET / HTTP/1.0\r\n\r\n"), {**BY_ENVOY, "http.response.status_code": 426}),
    "no Host": (say(b"GET / HTTP/1.1\r\n\r\n"), {**BY_ENVOY, "http.response.status_code": 400}),
    "headers that are too large": (
        say(request(LIST, fields=[(b"x-large", b"x" * 100_000)])),
        {**BY_ENVOY, "http.response.status_code": 431},
    ),
}


@pytest.mark.parametrize("act, expected", KINDS.values(), ids=KINDS)
def test_every_kind_of_request_has_one_line(bed, act, expected):
    said = record(bed, act)
    assert {name: said.get(name) for name in expected} == expected


def test_a_session_says_so(bed):
    surfer = bed.surfer()
    _, written = told(bed, lambda _: surfer.sign_in("carol", "/workspaces"))
    reasons = [json.loads(line)["airgate.reason"] for line in written]
    assert reasons == ["login_started", "signed_in", "role"]
    said = record(bed, lambda _: surfer.post(LIST.decode(), json={}) and None)
    expected = {**CAROL, "airgate.auth": "session", "airgate.client": None, "airgate.decision": "allow"}
    assert {name: said.get(name) for name in expected} == expected


def test_who_leaves_before_the_decision_has_a_line_too(bed, asleep):
    mark = uuid4().hex
    with connect(bed.url, bed.authority_file, 5, "http/1.1") as connection:
        connection.sendall(request(LIST, fields=[bearer(asleep.token()), (b"user-agent", mark.encode())]))
        until(lambda: bed.envoy.stats(r"^http\.https\.downstream_rq_active$").popitem()[1], 5, "its waiting")
    said = bed.envoy.logged(lambda line: line["user_agent.original"] == mark)
    assert (said["airgate.decision"], said["airgate.reason"]) == ("deny", "client_gone")
    assert said["airgate.flags"] == "DC" and sum(mark in line for line in lines(bed)) == 1


NASTY = {
    "quotes": b'"},{"enduser.id":"mallory"',
    "backslashes": b'\\" \\u0022 \\',
    "bytes above 0x7f": bytes(range(0x80, 0x100)),
    "broken UTF-8": b"\xc3\x28\xed\xa0\x80\xff",
    "directions": "\u202eevil\u2028\u2029".encode(),
    "format strings": b"%REQ(AUTHORIZATION)%%0d%0a%s{}",
    "60 kB": b"x" * 60_000,
    "60 kB of quotes": b'"' * 60_000,
}


@pytest.mark.parametrize("value", NASTY.values(), ids=NASTY)
@pytest.mark.parametrize("place", ["path", "query", "user agent", "host", "token", "request id"])
def test_what_clients_say_stays_in_its_place(bed, place, value):
    word = value.replace(b" ", b"+")
    parts = {
        "path": {"target": b"/api/v1/" + word},
        "query": {"target": LIST + b"?a=" + word},
        "user agent": {"fields": [(b"user-agent", value)]},
        "host": {"host": word},
        "token": {"fields": [(b"authorization", b"Bearer " + word)]},
        "request id": {"fields": [(b"x-request-id", value)]},
    }
    said = record(bed, ask(**{"target": LIST, "who": None, **parts[place]}))
    assert "enduser.id" not in said and said["airgate.decision"] == "deny"
    assert said["http.response.status_code"] >= 400


CLAIMS = {
    "quotes": '"},{"airgate.decision":"deny"',
    "backslashes": '\\" \\u0022 \\',
    "a line break": 'alice\n{"enduser.id":"root"}',
    "a carriage return": "alice\r",
    "NUL": "alice\0",
    "directions": "\u202eecila\u2028\u2029\u0085",
    "another alphabet": "Ålice ‹アリス›",
    "long": "x" * 4000,
    "format strings": "%REQ(AUTHORIZATION)% %s {}",
}


@pytest.mark.parametrize("value", CLAIMS.values(), ids=CLAIMS)
def test_what_providers_say_stays_in_its_place(bed, site, value):
    """Somebody may have chosen their own name there."""
    for claim, field in {"sub": "enduser.id", "email": "enduser.email", "azp": "airgate.client"}.items():
        token = site.token(**{"email_verified": True, claim: value})
        said = record(bed, lambda bed: Visitor(bed, who=None).ask(LIST, [bearer(token)], method=b"POST").answer)
        shown = said.get(field, "")
        assert not re.search("[\0-\x1f\x7f-\x9f\u2028-\u202e]", shown) and len(shown) <= 260
        # An e-mail address has to look like one.
        if said["airgate.decision"] == "allow" and value.isprintable() and len(value) < 100 and claim != "email":
            assert shown == value


SECRET = "s3cret-of-somebody"
QUERIES = {
    "code": "code=$&x=1",
    "state": "a=&state=$",
    "access_token": "access_token=$",
    "another spelling": "Access-Token=$&c%6fde=$",
    "a token anywhere": "x=eyJhbGciOiJub25lIn0.$.",
    "inside a return address": "return=%2Fauth_flow%3Fcode%3D$",
    "of a cloud": "X-Amz-Signature=$&X-Amz-Security-Token=$",
    "as configured": "ticket=$",
}


@pytest.mark.parametrize("query", QUERIES.values(), ids=QUERIES)
def test_secrets_in_queries_are_in_no_line(open_record, lazily, query):
    bed = lazily(audit={"secret_parameters": ["ticket"]})
    target = LIST + b"?" + query.replace("$", SECRET).encode()
    for who in ("carol", None):
        _, written = told(bed, ask(target, who=who, method=b"POST"))
        assert len(written) == 1 and SECRET not in written[0] and "REDACTED" in json.loads(written[0])["url.query"]


@pytest.fixture(scope="module")
def lazily(open_record) -> Callable[..., Bed]:
    """One Envoy, which is configured anew where another audit is asked for."""
    beds: list[Bed] = []
    now: list[dict] = []

    def bed(audit: dict) -> Bed:
        if not beds:
            beds.append(open_record(audit, reloadable=True))
        elif now[-1] != audit:
            assert beds[0].envoy.reload(plugin=lambda config: config.update(audit=audit))
        now.append(audit)
        return beds[0]

    return bed


def pseudonym(name: str) -> str:
    return "p." + encoded(hmac.digest(KEY, name.encode(), hashlib.sha256)[:16])


def test_pseudonyms_are_keyed_hashes(lazily):
    bed = lazily({"pseudonyms": {"key": {"env": "AIRGATE_PSEUDONYM_KEY"}}})
    for who in ("carol", "bob"):
        said = record(bed, ask(LIST, who=who, method=b"POST"))
        assert said["enduser.id"] == pseudonym(who) and said["enduser.email"] == pseudonym(f"{who}@example.com")
        assert said["client.address"] == pseudonym("127.0.0.1")
        # Other than where it went, it says nothing that tells who it was.
        said.pop("upstream.address", None)
        assert who not in (rest := json.dumps(said)) and "127.0.0.1" not in rest
        assert said["airgate.client"] == "airgate-cli"


def test_pseudonyms_of_some(lazily):
    bed = lazily({"pseudonyms": {"key": {"env": "AIRGATE_PSEUDONYM_KEY"}, "of": ["address"]}})
    said = record(bed, ask(LIST, method=b"POST"))
    assert (said["enduser.id"], said["client.address"]) == ("carol", pseudonym("127.0.0.1"))


READ, CHANGE, REFUSAL = (
    ask(LIST, method=b"POST"),
    ask(DELETE, who="alice", method=b"POST", body=BODY),
    ask(DELETE, method=b"POST", body=BODY),
)
SCOPES = {"all": (1, 1, 1), "mutations": (0, 1, 1), "refusals": (0, 0, 1)}


@pytest.mark.parametrize("scope", SCOPES)
def test_what_is_recorded_can_be_less(lazily, scope):
    bed = lazily({"record": scope})
    assert tuple(len(told(bed, act)[1]) for act in (READ, CHANGE, REFUSAL)) == SCOPES[scope]
    # What airgate has no say in is never left out.
    assert record(bed, say(b"GET / HTTP/1.0\r\n\r\n"))["airgate.reason"] == "proxy_refused"


def test_a_host_without_an_access_log_gets_lines_from_the_filter(lazily):
    bed = lazily({"to": "log", "pseudonyms": {"key": {"env": "AIRGATE_PSEUDONYM_KEY"}, "of": ["email"]}})
    read, nobody, refused = (written(bed, act) for act in (READ, ask(LIST + b"?code=" + NASTY["quotes"], who=None), REFUSAL))
    expected = {**CAROL, **KINDS["allowed by role"][1], "enduser.email": pseudonym("carol@example.com")}
    for name in ("http.request.size", "url.query"):
        del expected[name]
    assert {name: read.get(name) for name in expected} == expected
    for field in ("http.response.status_code", "duration_ms", "airgate.duration_us", "client.port", "http.response.size"):
        assert isinstance(read[field], int), field
    assert read["upstream.address"] in [standin.url.removeprefix("http://") for standin in bed.standins]
    assert (nobody["airgate.reason"], nobody["url.query"]) == ("no_credentials", "code=REDACTED")
    assert (refused["airgate.reason"], refused["airgate.operation"]) == ("low_role", "deleteConnection")
    # The same words as in the proxy's own log, and no others.
    fields = bed.envoy.bootstrap.manager()["access_log"][0]["typed_config"]["log_format"]["json_format"]
    assert {*read, *nobody, *refused} <= fields.keys()


def written(bed: Bed, act: Act) -> dict:
    """The line in Envoy's own log."""

    def found() -> list[str]:
        return re.findall(r"wasm log[^{\n]*(\{.*\})$", bed.envoy.log(), re.M)

    before = len(found())
    act(bed)
    until(lambda: len(found()) > before, 5, "the line")
    (line,) = found()[before:]
    assert len(line) < LONGEST
    return json.loads(line)


SINKS = sorted((EXAMPLE / "sinks").glob("*.yaml"))


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("sink", SINKS, ids=[sink.stem for sink in SINKS])
def test_other_sinks_are_valid_beside_the_file(parts, sink, version):
    part = yaml.safe_load(sink.read_text())

    def beside(bootstrap: Bootstrap) -> None:
        bootstrap.manager()["access_log"] += part["access_log"]
        bootstrap.tree["static_resources"]["clusters"] += part["clusters"]

    checked = parts.envoy(f"{sink.stem}-{version}", Options(version=version, bootstrap=beside)).validate()
    assert checked.returncode == 0, checked.stderr[-2000:]


def test_other_sinks_tell_the_same():
    (file,) = Bootstrap.example().manager()["access_log"]
    fields = file["typed_config"]["log_format"]["json_format"]
    telemetry, grpc, fluentd = (
        logger["typed_config"]
        for name in ("opentelemetry", "grpc", "fluentd")
        for part in [yaml.safe_load((EXAMPLE / f"sinks/{name}.yaml").read_text())]
        for logger in part["access_log"]
        if logger["filter"] == file["filter"]
    )
    attributes = {one["key"]: one["value"]["string_value"] for one in telemetry["attributes"]["values"]}
    assert {"time": fields["time"], **attributes} == fluentd["record"] == fields
    ours = re.findall(r"FILTER_STATE\(([\w.]+):PLAIN\)", "".join(fields.values()))
    assert grpc["common_config"]["filter_state_objects_to_log"] == ours
