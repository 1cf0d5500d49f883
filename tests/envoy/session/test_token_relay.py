"""Machines that sign in at Airbyte's own token addresses, with an id and secret of the identity provider."""

import json
import os
import subprocess
import sys
from base64 import b64encode
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from http.client import HTTPResponse
from ssl import SSLSocket
from urllib.parse import quote, urlencode, urlsplit

import pytest
from conftest import untrapped
from session.client import Client
from session.set_cookie import set_cookies
from signin.gate import lift_limits
from visitor import Visit

from lab import Bed
from lab.bootstrap import Bootstrap
from lab.envoy import Options
from lab.paths import ROOT
from lab.provider import client_secret
from lab.wire import Answer, Fields, Wire, Wire2, connect

PATHS = (b"/api/v1/applications/token", b"/api/public/v1/applications/token")
WIRES = pytest.mark.parametrize("wire", [Wire, Wire2], ids=["HTTP/1.1", "HTTP/2"])
JSON: Fields = [(b"content-type", b"application/json")]
FORM: Fields = [(b"content-type", b"application/x-www-form-urlencoded")]
RELAY = {"token_relay": {"provider": "corp"}}

SECRET = client_secret("ci-bot")
WRONG = "a-secret-that-nobody-has-4711"
PAIR = {"client_id": "ci-bot", "client_secret": SECRET}
# Whatever must never stand in a log; tokens are added as they come.
TOLD = {SECRET, WRONG, quote(WRONG[:20]), b64encode(f"ci-bot:{SECRET}".encode()).decode()}


@pytest.fixture(scope="module")
def relay(parts) -> Iterator[Bed]:
    """Without limits, since many tests are many requests. Its log says all that Envoy knows about the module."""

    def configure(bootstrap: Bootstrap) -> None:
        bootstrap.plugin_config.update(RELAY)
        lift_limits(bootstrap.tree)

    with untrapped(Options(bootstrap=configure), parts) as bed:
        bed.envoy.admin("/logging?wasm=trace", "POST")
        yield bed
        said = bed.envoy.log() + bed.envoy.child.out.read_text(errors="replace")
        assert not (told := [secret for secret in TOLD if secret in said]), f"in the log: {told}"


def ask(bed: Bed, body: bytes, fields: Fields = JSON, path: bytes = PATHS[0], wire: type[Wire] = Wire) -> Visit:
    return Client(bed, wire=wire).ask(path, fields, method=b"POST", body=body)


def asked(bed: Bed) -> int:
    """How often the provider was asked for tokens."""
    return bed.provider.hits().get("/token", 0)


def granted(bed: Bed, answer: Answer) -> str:
    """An answer as Airbyte gives it: a token that is worth something here."""
    assert answer.status == 200 and answer.header("content-type") == "application/json", answer
    assert answer.header("cache-control") == "no-store" and not set_cookies(answer)
    said = answer.json()
    assert said.keys() == {"access_token", "token_type", "expires_in"}, said.keys()
    assert said["token_type"] == "Bearer" and said["expires_in"] == 3600
    TOLD.add(said["access_token"])
    seen = bed.client(token=said["access_token"]).get("/api/v1/standin/echo").json()["headers"]
    assert ["x-airgate-user", "ci-bot"] in seen and ["x-airgate-auth", "bearer"] in seen
    return said["access_token"]


def turned_down(visit: Visit, status: int) -> None:
    """In JSON, without a word of what was sent or of what the provider said."""
    assert visit.answer and visit.answer.status == status, visit.answer
    assert visit.answer.header("content-type") == "application/json" and visit.answer.header("cache-control") == "no-store"
    said = visit.answer.json()
    assert said["status"] == status and said["error"] and said["message"], said
    text = visit.answer.body.decode()
    assert not any(word in text for word in (SECRET, WRONG, "ci-bot", "access_token", "error_description", "oidc"))
    assert not visit.arrived and not set_cookies(visit.answer)


@WIRES
@pytest.mark.parametrize("path", [*PATHS, PATHS[0] + b"/", PATHS[1] + b"?x=y"])
def test_json_and_forms(relay, wire, path):
    for fields, body in ((JSON, json.dumps(PAIR)), (FORM, urlencode(PAIR)), ([], json.dumps(PAIR))):
        visit = ask(relay, body.encode(), fields, path, wire)
        granted(relay, visit.answer)
        assert not visit.arrived, "Airbyte got the secret"


SPELLINGS = {
    "with a grant type": (JSON, {**PAIR, "grant_type": "client_credentials"}),
    "with Airbyte's own": (JSON, {**PAIR, "grant-type": "client_credentials"}),
    "with more than is needed": (JSON, {"x": [1, {"y": None}], **PAIR, "scope": "everything"}),
    "with a charset": ([(b"content-type", b"application/json; charset=utf-8")], PAIR),
    "in capitals": ([(b"Content-Type", b"APPLICATION/JSON")], PAIR),
}


@pytest.mark.parametrize("fields, said", SPELLINGS.values(), ids=SPELLINGS)
def test_other_spellings(relay, fields, said):
    granted(relay, ask(relay, json.dumps(said, indent=2).encode(), fields).answer)


def test_a_form_as_the_sdk_writes_it(relay):
    body = urlencode({"grant_type": "client_credentials", **PAIR, "scope": ""})
    granted(relay, ask(relay, body.encode(), [(b"content-type", b"application/x-www-form-urlencoded; charset=UTF-8")]).answer)


def test_who_sends_a_cookie_or_a_token_along(relay):
    """The body alone says who it is. No session is needed, and none is looked at."""
    for fields in ([(b"cookie", b"a=b; __Host-airgate-session=1.x")], [(b"sec-fetch-site", b"cross-site")]):
        granted(relay, ask(relay, json.dumps(PAIR).encode(), [*JSON, *fields]).answer)


@pytest.mark.parametrize("pair", [{**PAIR, "client_secret": WRONG}, {**PAIR, "client_id": "nobody", "client_secret": WRONG}])
def test_a_wrong_pair(relay, pair):
    """As Airbyte says it: 400."""
    for path in PATHS:
        turned_down(ask(relay, json.dumps(pair).encode(), path=path), 400)
        turned_down(ask(relay, urlencode(pair).encode(), FORM, path), 400)


def test_a_refusal_can_be_asked_about(relay):
    """By an id that finds it in the log, as every other refusal."""
    for body in (json.dumps({**PAIR, "client_secret": WRONG}).encode(), b"{}"):
        visit = ask(relay, body)
        assert visit.answer.json()["request_id"] and visit.line["airgate.reason"]


def test_a_client_that_may_not(relay):
    """The provider knows it, but not for this, and says `invalid_request`: as it would of what the configuration asks for."""
    pair = {"client_id": "airgate", "client_secret": client_secret("airgate")}
    TOLD.add(pair["client_secret"])
    turned_down(ask(relay, json.dumps(pair).encode()), 502)


def with_member(name: str, value: object) -> bytes:
    return json.dumps({**PAIR, name: value}).encode()


GOOD = json.dumps(PAIR).encode()
BAD: dict[str, tuple[Fields, bytes]] = {
    "no body": (JSON, b""),
    "a brace": (JSON, b"{"),
    "a list": (JSON, b"[" + GOOD + b"]"),
    "null": (JSON, b"null"),
    "a text": (JSON, b'"ci-bot"'),
    "an empty object": (JSON, b"{}"),
    "no id": (JSON, json.dumps({"client_secret": SECRET}).encode()),
    "no secret": (JSON, json.dumps({"client_id": "ci-bot"}).encode()),
    "another spelling": (JSON, json.dumps({"clientId": "ci-bot", "clientSecret": SECRET}).encode()),
    "the id twice": (JSON, b'{"client_id": "agent", ' + GOOD[1:]),
    "the secret twice": (JSON, GOOD[:-1] + b', "client_secret": "x"}'),
    "the same twice": (JSON, GOOD[:-1] + b', "client_id": "ci-bot"}'),
    "the id twice, one with an escape": (JSON, b'{"client_i\\u0064": "agent", ' + GOOD[1:]),
    "another member twice": (JSON, GOOD[:-1] + b', "x": 1, "x": 2}'),
    "an empty id": (JSON, with_member("client_id", "")),
    "an empty secret": (JSON, with_member("client_secret", "")),
    "a number": (JSON, with_member("client_id", 1)),
    "a secret that is null": (JSON, with_member("client_secret", None)),
    "a secret that is a list": (JSON, with_member("client_secret", [SECRET])),
    "a secret that is an object": (JSON, with_member("client_secret", {"env": "AIRGATE_CLIENT_SECRET"})),
    "a line break": (JSON, with_member("client_id", "ci-bot\r\nx-evil: 1")),
    "NUL": (JSON, with_member("client_id", "ci-bot\0")),
    "letters beyond ASCII": (JSON, with_member("client_id", "cï-bot")),
    "a lone surrogate": (JSON, GOOD[:-1] + b', "x": "\\ud800"}'),
    "2 kB": (JSON, with_member("client_secret", "A" * 2048)),
    "another grant": (JSON, with_member("grant_type", "password")),
    "a grant that is no text": (JSON, with_member("grant_type", ["client_credentials"])),
    "a byte order mark": (JSON, b"\xef\xbb\xbf" + GOOD),
    "UTF-16": (JSON, GOOD.decode().encode("utf-16")),
    "no UTF-8": (JSON, GOOD.replace(b"ci-bot", b"ci-bot\xff")),
    "bytes behind": (JSON, GOOD + b"x"),
    "a comment": (JSON, GOOD + b"//"),
    "NaN": (JSON, GOOD[:-1] + b', "x": NaN}'),
    "depth": (JSON, b'{"x":' + b"[" * 3900),
    "depth that ends": (JSON, b'{"x":' + b"[" * 1900 + b"]" * 1900 + b"," + GOOD[1:]),
    "a form called JSON": (JSON, urlencode(PAIR).encode()),
    "JSON called a form": (FORM, GOOD),
    "an empty form": (FORM, b""),
    "a form without a secret": (FORM, b"client_id=ci-bot"),
    "a form with an empty secret": (FORM, b"client_id=ci-bot&client_secret="),
    "a form with the id twice": (FORM, b"client_id=agent&" + urlencode(PAIR).encode()),
    "a form with a broken escape": (FORM, urlencode(PAIR).encode() + b"&x=%zz"),
    "a form that is no UTF-8": (FORM, urlencode(PAIR).encode() + b"&x=%ff\xff"),
    "a form with another grant": (FORM, urlencode({**PAIR, "grant_type": "authorization_code"}).encode()),
    "semicolons": (FORM, urlencode(PAIR).encode().replace(b"&", b";")),
    "text": ([(b"content-type", b"text/plain")], GOOD),
    "XML": ([(b"content-type", b"application/xml")], b"<client_id>ci-bot</client_id>"),
    "multipart": ([(b"content-type", b"multipart/form-data; boundary=x")], b"--x\r\n\r\n--x--"),
    "an empty type": ([(b"content-type", b"")], GOOD),
    "two types": ([(b"content-type", b"application/json, text/plain")], GOOD),
    "a type that is no text": ([(b"content-type", b"application/json\xff")], GOOD),
}


@pytest.mark.parametrize("fields, body", BAD.values(), ids=BAD)
def test_what_is_no_request_for_a_token(relay, fields, body):
    """The provider does not hear of it."""
    before = asked(relay)
    for path in PATHS:
        turned_down(ask(relay, body, fields, path), 400)
    assert asked(relay) == before


@pytest.mark.parametrize("size", [9_000, 100_000, 1_000_000, 11_000_000])
@WIRES
def test_a_huge_body(relay, wire, size):
    """From some bytes on it is not even read."""
    visit = ask(relay, b'{"x": "' + b"A" * size + b'", ' + GOOD[1:], wire=wire)
    assert not visit.arrived
    if visit.answer is None:
        # The answer came before all of it was sent, and this client looks no further.
        assert size > 65_535
        return
    assert visit.answer.status == 413


@pytest.mark.parametrize("method", [b"GET", b"HEAD", b"PUT", b"DELETE", b"PATCH", b"OPTIONS"])
def test_other_methods(relay, method):
    """They are nothing to relay: whoever asks has to sign in."""
    before = asked(relay)
    visit = Client(relay).ask(PATHS[0], JSON, method=method, body=GOOD)
    assert visit.answer.status == 401 and not visit.arrived and asked(relay) == before


@pytest.mark.parametrize("path", [b"/applications/token", b"/v1/applications/token", b"/api/public/v1/v1/applications/token"])
def test_addresses_next_to_it(relay, path):
    visit = ask(relay, GOOD, path=path)
    assert visit.answer.status == 404 and b"applications/token" in visit.answer.body and not visit.arrived


# How the body comes


def opened(bed: Bed, head: list[str]) -> SSLSocket:
    """A connection on which a request has begun: its head is out and its body is not."""
    sock = connect(bed.url, bed.authority_file, 10, "http/1.1")
    lines = [f"POST {PATHS[0].decode()} HTTP/1.1", f"Host: {urlsplit(bed.url).netloc}", "Content-Type: application/json", *head]
    sock.sendall("\r\n".join([*lines, "", ""]).encode())
    return sock


def answer_on(sock: SSLSocket) -> Answer:
    response = HTTPResponse(sock, method="POST")
    response.begin()
    return Answer(response.status, response.getheaders(), response.read())


def test_a_slow_body(relay):
    """While half of it is missing, others get their tokens."""
    with closing(opened(relay, [f"Content-Length: {len(GOOD)}"])) as sock:
        for byte in (GOOD[:1], GOOD[1:20], GOOD[20:-1]):
            sock.sendall(byte)
            granted(relay, ask(relay, GOOD).answer)
        sock.sendall(GOOD[-1:])
        granted(relay, answer_on(sock))


def test_a_body_that_never_ends(relay):
    """Whoever goes away in the middle is forgotten."""
    before = asked(relay)
    for part in (b"", GOOD[:10], GOOD[:-1]):
        with closing(opened(relay, [f"Content-Length: {len(GOOD)}"])) as sock:
            sock.sendall(part)
    assert asked(relay) == before
    granted(relay, ask(relay, GOOD).answer)


def test_a_body_byte_by_byte(relay):
    with closing(opened(relay, ["Transfer-Encoding: chunked"])) as sock:
        for byte in GOOD:
            sock.sendall(b"1\r\n%c\r\n" % byte)
        sock.sendall(b"0\r\n\r\n")
        granted(relay, answer_on(sock))


def test_trailers_over_http_1(relay):
    with closing(opened(relay, ["Transfer-Encoding: chunked", "Trailer: x-checksum"])) as sock:
        sock.sendall(b"%x\r\n%s\r\n0\r\nx-checksum: 1\r\n\r\n" % (len(GOOD), GOOD))
        granted(relay, answer_on(sock))


class Trailing(Wire2):
    """HTTP/2, where a body ends with trailers, and may come in any number of frames."""

    def ask_in_frames(self, head: Fields, frames: list[bytes], trailers: Fields) -> Answer | None:
        stream = self._connection.get_next_available_stream_id()
        self._connection.send_headers(stream, head)
        for frame in frames:
            self._connection.send_data(stream, frame)
            self._flush()
        self._connection.send_headers(stream, trailers, end_stream=True)
        self._flush()
        return self._receive(stream)


FRAMES = {"one": [GOOD], "none": [], "empty": [b"", GOOD, b""], "many": [bytes([byte]) for byte in GOOD]}


@pytest.mark.parametrize("frames", FRAMES.values(), ids=FRAMES)
def test_trailers_over_http_2(relay, frames):
    head = [(b":method", b"POST"), (b":scheme", b"https"), (b":authority", urlsplit(relay.url).netloc.encode())]
    head += [(b":path", PATHS[1]), *JSON]
    with Trailing(relay.url, relay.authority_file) as wire:
        answer = wire.ask_in_frames(head, frames, [(b"x-checksum", b"1")])
    if frames:
        granted(relay, answer)
    else:
        assert answer.status == 400


def test_many_at_once(relay):
    """Each gets its own answer: nobody the token of another."""
    wrong = json.dumps({**PAIR, "client_secret": WRONG}).encode()
    with ThreadPoolExecutor(8) as pool:
        answers = [*pool.map(lambda number: (number % 2, ask(relay, wrong if number % 2 else GOOD).answer), range(24))]
    assert all(answer.status == (400 if is_wrong else 200) for is_wrong, answer in answers)
    tokens = [answer.json()["access_token"] for is_wrong, answer in answers if not is_wrong]
    TOLD.update(tokens)
    assert len({*tokens}) == 12


# Where the answer comes from


def test_a_provider_that_is_away(relay):
    try:
        relay.provider.down()
        visit = ask(relay, GOOD)
        turned_down(visit, 503)
        assert int(visit.answer.header("retry-after")) >= 1
    finally:
        relay.provider.down(False)
    granted(relay, ask(relay, GOOD).answer)


def test_the_unmodified_sdk(relay):
    """airbyte-api with an id and a secret, and Airbyte's own token address at the gateway."""
    environment = {
        **os.environ,
        "GATEWAY_URL": relay.url,
        # The example asks `<issuer>/token`.
        "ISSUER": f"{relay.url}/api/public/v1/applications",
        "SSL_CERT_FILE": str(relay.authority_file),
    }
    script = ROOT / "tests/lab/sdk_example.py"
    done = subprocess.run([sys.executable, script], env=environment, capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr
    assert "workspace " in done.stdout and "connection " in done.stdout and "sync " in done.stdout


def test_the_example_s_limit(open_bed):
    """429 with Retry-After, counted over both addresses; nothing else is held up, and it passes."""
    bed = open_bed(Options(plugin=RELAY))
    client = bed.client()
    answers = [client.post(PATHS[number % 2].decode(), json={}) for number in range(120)]
    limited = [answer for answer in answers if answer.status_code == 429]
    assert {answer.status_code for answer in answers} == {400, 429}
    assert answers[0].status_code == 400 and all(int(answer.headers["retry-after"]) >= 1 for answer in limited)
    assert Client(bed).ask(b"/api/v1/health").answer.status == 200
