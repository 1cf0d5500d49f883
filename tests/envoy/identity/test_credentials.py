"""What counts as a credential at all, and how its absence is answered."""

import socket
import ssl
import uuid
from pathlib import Path

import pytest
from identity.gate import ECHO, case

# What a header may hold; TOKEN stands for a good one.
MALFORMED = [
    case("no token", ["Bearer"]),
    case("empty", [""]),
    case("no scheme", ["TOKEN"]),
    case("a tab for the space", ["Bearer\tTOKEN"]),
    case("a tab behind the space", ["Bearer \tTOKEN"]),
    case("two tokens", ["Bearer TOKEN TOKEN"]),
    case("two tokens with a comma", ["Bearer TOKEN,TOKEN"]),
    case("two credentials with a comma", ["Bearer TOKEN, Bearer TOKEN"]),
    case("an empty one before", [", Bearer TOKEN"]),
    case("an empty one behind", ["Bearer TOKEN,"]),
    case("Basic before", ["Basic YTpi, Bearer TOKEN"]),
    case("Basic behind", ["Bearer TOKEN, Basic YTpi"]),
    case("two headers", ["Bearer TOKEN", "Bearer TOKEN"]),
    case("two headers, the first bad", ["Bearer x", "Bearer TOKEN"]),
    case("two headers, the second bad", ["Bearer TOKEN", "Bearer x"]),
    case("two headers, Basic first", ["Basic YTpi", "Bearer TOKEN"]),
    case("two headers, Basic second", ["Bearer TOKEN", "Basic YTpi"]),
    case("a parameter", ['Bearer token="TOKEN"']),
    case("quotes", ['Bearer "TOKEN"']),
    case("a byte beyond ASCII", [b"Bearer TOKEN\xff"]),
    case("a byte beyond ASCII for the space", [b"Bearer\xa0TOKEN"]),
    case("a semicolon", ["Bearer TOKEN;x"]),
    case("twice the scheme", ["Bearer Bearer TOKEN"]),
    case("equals signs alone", ["Bearer =="]),
    case("a colon", ["Bearer: TOKEN"]),
]

OTHER = [
    case("Basic", ["Basic YTpi"]),
    case("a good token as DPoP", ["DPoP TOKEN"]),
    case("a good token as Token", ["Token TOKEN"]),
    case("a longer word", ["BearerX TOKEN"]),
    case("Negotiate", ["Negotiate YTpi"]),
    case("Digest", ['Digest username="a", realm="b"']),
]


def fields(values: list, token: str) -> list[tuple[str, str | bytes]]:
    def filled(value):
        return value.replace(b"TOKEN", token.encode()) if isinstance(value, bytes) else value.replace("TOKEN", token)

    return [("authorization", filled(value)) for value in values]


def unsigned_in(answer) -> None:
    """No error code: nothing was wrong, something was missing (RFC 6750 section 3.1)."""
    assert answer.headers["www-authenticate"] == "Bearer"


def test_no_credentials(gate):
    answer = gate.ask()
    gate.refused(answer, 401, "unauthorized", "no_credentials")
    unsigned_in(answer)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"])
def test_no_credentials_whatever_the_method(gate, method):
    answer = gate.ask(method=method)
    assert answer.status_code == 401 and not gate.reached(answer)
    unsigned_in(answer)


@pytest.mark.parametrize("values", MALFORMED)
def test_malformed(gate, site, values):
    answer = gate.ask(headers=fields(values, site.token()))
    gate.refused(answer, 400, "invalid_request", "malformed_credentials")
    assert answer.headers["www-authenticate"] == 'Bearer error="invalid_request"'


@pytest.mark.parametrize("order", [1, -1], ids=["first", "last"])
def test_an_empty_header_hides_nothing(gate, site, order):
    """Envoy drops an empty field beside another of its name before any filter runs, so the other one is judged."""
    for token, judge in ((site.token(), gate.passed), ("x", lambda answer: gate.bad_token(answer, "opaque_token"))):
        judge(gate.ask(headers=fields(["", f"Bearer {token}"][::order], "")))


@pytest.mark.parametrize("values", OTHER)
def test_another_scheme(gate, site, values):
    answer = gate.ask(headers=fields(values, site.token()))
    gate.refused(answer, 401, "unauthorized", "unsupported_scheme")
    unsigned_in(answer)


@pytest.mark.parametrize("name", ["Bearer", "bearer", "BEARER", "bEaReR"])
def test_the_scheme_in_any_case(gate, site, name):
    """RFC 9110 section 11.1."""
    seen = gate.passed(gate.ask(headers=[("authorization", f"{name} {site.token()}")]))
    assert seen["x-airgate-user"] == "alice" and "authorization" not in seen


def test_several_spaces(gate, site):
    """RFC 9110 section 11.4: one or more."""
    gate.passed(gate.ask(headers=[("authorization", f"Bearer   {site.token()}")]))


def test_the_header_in_any_case(gate, site):
    gate.passed(gate.ask(headers=[("AUTHORIZATION", f"Bearer {site.token()}")]))


ELSEWHERE = [
    case("the query", {"params": "access_token"}),
    case("a form", {"data": "access_token", "method": "POST"}),
    case("another cookie", {"headers": "cookie"}),
    case("Airbyte's own cookie", {"headers": "jwt"}),
    case("Proxy-Authorization", {"headers": "proxy-authorization"}),
    case("X-Access-Token", {"headers": "x-access-token"}),
    case("X-Forwarded-Access-Token", {"headers": "x-forwarded-access-token"}),
    case("the underscore spelling", {"headers": "x-authorization"}),
    case("the WebSocket protocol", {"headers": "sec-websocket-protocol"}),
]


@pytest.mark.parametrize("place", ELSEWHERE)
def test_a_token_elsewhere_is_none(gate, site, place):
    token = site.token()
    values = {"cookie": f"access_token={token}", "jwt": f"JWT={token}"}
    options = {}
    for kind, name in place.items():
        match kind:
            case "headers":
                field = {"jwt": "cookie"}.get(name, name)
                options["headers"] = [(field, values.get(name, f"Bearer {token}"))]
            case "method":
                options["method"] = name
            case _:
                options[kind] = {name: token}
    gate.refused(gate.ask(**options), 401, "unauthorized", "no_credentials")


def test_a_bad_token_never_falls_back_to_public(gate):
    """Nor does it spoil what needs none."""
    assert gate.ask("x", url="/api/v1/health").status_code == 200


def test_a_page_gets_a_page(gate):
    navigation = [("accept", "text/html,*/*;q=0.8"), ("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document")]
    answer = gate.ask("x", headers=navigation, url="/workspaces")
    assert answer.status_code == 401
    assert answer.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-request-id"] in answer.text
    assert "location" not in answer.headers and "set-cookie" not in answer.headers


def test_a_refusal_is_not_kept_by_anybody(gate):
    answer = gate.ask("x")
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "set-cookie" not in answer.headers


def test_a_request_id_of_the_client_is_not_taken_over(gate):
    """Envoy makes its own at the edge: the answer and the log agree on it, and nothing of the client's is in it."""
    answer = gate.ask("x", headers=[("x-request-id", '"><script>' + "a" * 300)])
    gate.bad_token(answer, "opaque_token")
    assert "script" not in answer.text


def test_http2_is_judged_alike(gate, site):
    with gate.bed.client(http2=True) as http:
        answer = http.get(ECHO)
        assert (answer.http_version, answer.status_code) == ("HTTP/2", 401)
        unsigned_in(answer)
        doubled = http.get(ECHO, headers=fields(["Bearer TOKEN", "Bearer TOKEN"], site.token()))
        assert doubled.status_code == 400
        good = http.get(ECHO, headers=fields(["Bearer TOKEN"], site.token()))
        assert good.status_code == 200


RAW = [
    case("no token but a space", b"Bearer "),
    case("NUL before", b"\0Bearer TOKEN"),
    case("NUL behind", b"Bearer TOKEN\0"),
    case("NUL for the space", b"Bearer\0TOKEN"),
    case("a bare carriage return for the space", b"Bearer\rTOKEN"),
    case("a bare carriage return behind, and a letter", b"Bearer TOKEN\rx"),
    case("folded within the token", b"Bearer TO\r\n KEN"),
    case("a second header behind a bare line feed", b"Bearer TOKEN\nauthorization: Bearer TOKEN"),
]


@pytest.mark.parametrize("value", RAW)
def test_bytes_that_no_client_library_sends(gate, site, value):
    """Straight onto the connection."""
    token, mark = site.token().encode(), uuid.uuid4().hex
    value = value.replace(b"TOKEN", token).replace(b"TO\r\n KEN", token[:50] + b"\r\n " + token[50:])
    host = gate.bed.url.removeprefix("https://")
    head = f"GET {ECHO}/{mark} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\nauthorization: "
    status = raw(host, gate.bed.authority_file, head.encode() + value + b"\r\n\r\n")
    assert status in (b"400", b"401"), status
    assert not any(mark in one.get("url", "") for one in gate.bed.parts.requests())


def raw(host: str, authority_file: Path, request: bytes) -> bytes:
    """The status that these bytes get."""
    name, port = host.split(":")
    # Not the one that HTTP clients share: they make it ask for HTTP/2.
    context = ssl.create_default_context(cafile=authority_file)
    with socket.create_connection((name, int(port)), 5) as plain, context.wrap_socket(plain, server_hostname=name) as tls:
        tls.sendall(request)
        return tls.recv(4096).split(b" ")[1]
