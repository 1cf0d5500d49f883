"""What another site makes a browser send is not its person's word."""

from collections.abc import Callable

import pytest
from session.client import FETCH, SESSION, Client, cookie
from session.set_cookie import set_cookies
from visitor import ECHO, Visit

from lab.wire import Fields, Wire, Wire2

WIRES = pytest.mark.parametrize("wire", [Wire, Wire2], ids=["HTTP/1.1", "HTTP/2"])
METHODS = (b"POST", b"PUT", b"PATCH", b"DELETE")
# Operations of Airbyte that only read, by POST.
READS = b"/api/v1/connections/get"


def site(*values: bytes) -> Fields:
    return [(b"sec-fetch-site", value) for value in values]


def origin(*values: bytes) -> Fields:
    return [(b"origin", value) for value in values]


def port_of(url: bytes) -> bytes:
    return url.rpartition(b":")[2]


# From the gateway's own URL, such as https://localhost:4711, to what the browser says.
OWN: dict[str, Callable[[bytes], Fields]] = {
    "its own page": lambda url: site(b"same-origin"),
    "its own page, with an origin": lambda url: [*site(b"same-origin"), *origin(url)],
    "an old browser": lambda url: origin(url),
    "the host in capitals": lambda url: origin(url.replace(b"localhost", b"LocalHost")),
}
FOREIGN: dict[str, Callable[[bytes], Fields]] = {
    "neither": lambda url: [],
    "same-site": lambda url: site(b"same-site"),
    "cross-site": lambda url: site(b"cross-site"),
    "the address bar": lambda url: site(b"none"),
    "an empty site": lambda url: site(b""),
    "a site of its own": lambda url: site(b"same-origin-but-not"),
    "two sites": lambda url: site(b"same-origin", b"cross-site"),
    "two sites, the good one last": lambda url: site(b"cross-site", b"same-origin"),
    "two sites in one line": lambda url: site(b"cross-site, same-origin"),
    "cross-site, with our origin": lambda url: [*site(b"cross-site"), *origin(url)],
    "same-site, with our origin": lambda url: [*site(b"same-site"), *origin(url)],
    "null": lambda url: origin(b"null"),
    "empty": lambda url: origin(b""),
    "another port": lambda url: origin(b"https://localhost:1"),
    "a port more": lambda url: origin(url + b"0"),
    "no port": lambda url: origin(b"https://localhost"),
    "http": lambda url: origin(url.replace(b"https:", b"http:")),
    "another scheme": lambda url: origin(url.replace(b"https:", b"wss:")),
    "no scheme": lambda url: origin(url.removeprefix(b"https:")),
    "the host alone": lambda url: origin(url.removeprefix(b"https://")),
    "a subdomain": lambda url: origin(url.replace(b"//", b"//evil.")),
    "a suffix": lambda url: origin(url.replace(b"localhost", b"localhost.evil.example")),
    "a suffix behind the port": lambda url: origin(url + b".evil.example"),
    "a prefix": lambda url: origin(url.replace(b"localhost", b"evillocalhost")),
    "as userinfo": lambda url: origin(url + b"@evil.example"),
    "with userinfo": lambda url: origin(url.replace(b"//", b"//evil@")),
    "as a path": lambda url: origin(b"https://evil.example/" + url),
    "as a fragment": lambda url: origin(b"https://evil.example#" + url),
    "with a path": lambda url: origin(url + b"/x"),
    "with a backslash": lambda url: origin(url + b"\\@evil.example"),
    "a trailing dot": lambda url: origin(url.replace(b"localhost", b"localhost.")),
    "another name of this machine": lambda url: origin(b"https://127.0.0.1:" + port_of(url)),
    "twice": lambda url: origin(url, url),
    "ours and another": lambda url: origin(url, b"https://evil.example"),
    "another and ours": lambda url: origin(b"https://evil.example", url),
    "two in one line": lambda url: origin(url + b" https://evil.example"),
    "two in one line, with a comma": lambda url: origin(b"https://evil.example, " + url),
    "bytes": lambda url: origin(url + b"\xff"),
    "a referrer of ours": lambda url: [(b"referer", url + b"/workspaces")],
    "another, with a referrer of ours": lambda url: [*origin(b"https://evil.example"), (b"referer", url + b"/")],
}


def foreign(visit: Visit) -> None:
    """Refused, without a word to Airbyte, and the session goes on."""
    assert visit.refused, f"no refusal of ours: {visit.answer}"
    assert visit.answer.status == 403 and visit.answer.header("content-type") == "application/json"
    assert visit.answer.json()["error"] and not set_cookies(visit.answer)


@WIRES
@pytest.mark.parametrize("fields", OWN.values(), ids=OWN)
def test_our_own_pages(bed, alice, wire, fields):
    client = Client(bed, alice, wire)
    for method in METHODS:
        visit = client.ask(fields=fields(bed.url.encode()), method=method, body=b"{}")
        assert visit.passed["method"] == method.decode() and visit.answer.status == 200


@pytest.mark.parametrize("fields", FOREIGN.values(), ids=FOREIGN)
def test_everybody_else(signed, bed, fields):
    said = fields(bed.url.encode())
    for target in (ECHO, READS, b"/api/public/v1/jobs", b"/a/form"):
        foreign(signed.ask(target, said, method=b"POST", body=b"{}"))


@pytest.mark.parametrize("method", METHODS)
@WIRES
def test_whatever_the_method(bed, alice, wire, method):
    client = Client(bed, alice, wire)
    for fields in (site(b"cross-site"), origin(b"https://evil.example"), []):
        foreign(client.ask(fields=fields, method=method))
        foreign(client.ask(fields=[*fields, (b"content-type", b"text/plain")], method=method, body=b"{}"))


@pytest.mark.parametrize("method", [b"get", b"Get", b"GETX", b"PROPFIND", b"FOO", b"TRACE"])
def test_methods_that_only_sound_harmless(bed, alice, method):
    """Envoy refuses some of them itself."""
    visit = Client(bed, alice, Wire2).ask(fields=site(b"cross-site"), method=method)
    assert not visit.arrived and (visit.answer is None or 400 <= visit.answer.status < 500)


@pytest.mark.parametrize("name", [b"x-http-method-override", b"x-method-override", b"x-http-method"])
def test_a_method_said_otherwise(signed, name):
    foreign(signed.ask(fields=[*site(b"cross-site"), (name, b"GET")], method=b"POST"))


@pytest.mark.parametrize("method", [b"GET", b"HEAD", b"OPTIONS"])
def test_reading_passes(signed, bed, method):
    for fields in FOREIGN.values():
        visit = signed.ask(fields=fields(bed.url.encode()), method=method)
        assert visit.passed["method"] == method.decode() and visit.answer.status == 200


@pytest.mark.parametrize("host", [b"evil.example", b"evil.example:443", b"localhost", b"LOCALHOST"])
def test_the_host_is_not_asked(signed, host):
    """A name that somebody lets point here has its own pages, and they are not ours."""
    for fields in (origin(b"https://" + host), origin(b"http://" + host), site(b"same-site")):
        foreign(signed.ask(fields=fields, method=b"POST", host=host))
        foreign(signed.ask(fields=[*fields, (b"x-forwarded-host", host)], method=b"POST"))


@pytest.mark.parametrize("fields", FOREIGN.values(), ids=FOREIGN)
def test_bearer_tokens_are_exempt(bed, alice, fields):
    """No browser sends one by itself: not even where there is a session too."""
    said = fields(bed.url.encode())
    for cookies in ({}, alice):
        visit = Client(bed, cookies, who="bob").ask(fields=said, method=b"POST")
        assert visit.passed["method"] == "POST"


def test_without_a_session_it_is_a_matter_of_signing_in(client):
    visit = client.ask(fields=site(b"cross-site"), method=b"POST")
    assert visit.answer.status == 401 and visit.refused == "no_credentials"


def test_a_page_that_is_open_since_before_the_session_ended(client):
    """401, so that the web app says so: where the call came from matters to nobody now."""
    visit = client.ask(fields=[*cookie({SESSION: b"1.bad"}), *FETCH], method=b"POST")
    assert visit.answer.status == 401 and visit.refused == "session_ended"


@pytest.mark.parametrize("fields", FOREIGN.values(), ids=FOREIGN)
def test_nobody_else_signs_anybody_out(signed, bed, fields):
    visit = signed.ask(b"/.airgate/logout", fields(bed.url.encode()), method=b"POST")
    foreign(visit)


def test_looking_at_the_sign_out_page_ends_nothing(signed):
    for fields in (site(b"cross-site"), origin(b"https://evil.example"), []):
        answer = signed.navigate(b"/.airgate/logout", fields)
        assert answer.status == 200 and not set_cookies(answer)


@pytest.mark.parametrize("fields", OWN.values(), ids=OWN)
def test_our_own_sign_out(signed, bed, fields):
    said = [(b"accept", b"application/json"), *fields(bed.url.encode())]
    answer = signed.ask(b"/.airgate/logout", said, method=b"POST").answer
    assert answer.status == 200 and SESSION in {field.name for field in set_cookies(answer) if field.expires}


def test_the_back_channel_is_no_browser(client):
    """It is the provider, with a token of its own: a bad one is what is wrong with this."""
    form = [(b"content-type", b"application/x-www-form-urlencoded"), *site(b"cross-site")]
    answer = client.ask(b"/.airgate/backchannel-logout", form, method=b"POST", body=b"logout_token=x").answer
    assert answer.status == 400
