"""Who is sent to the provider and who is told 401: only a page that somebody goes to begins a login."""

import pytest
from session.client import (
    ATTEMPT,
    FETCH,
    NAVIGATION,
    SESSION,
    Client,
    attempts,
    cookie,
    said_to_airbyte,
    started,
    unauthorized,
)
from session.set_cookie import set_cookies

from lab.wire import Fields, Wire, Wire2

PAGE = b"/workspaces/1/connections?search=a%20b"
WIRES = pytest.mark.parametrize("wire", [Wire, Wire2], ids=["HTTP/1.1", "HTTP/2"])


def mode(value: bytes, accept: bytes = b"*/*") -> Fields:
    return [(b"sec-fetch-mode", value), (b"accept", accept)]


STARTS: dict[str, Fields] = {
    "a browser": NAVIGATION,
    "a link from elsewhere": [*mode(b"navigate", b"text/html"), (b"sec-fetch-site", b"cross-site")],
    "a navigation that takes anything": mode(b"navigate"),
    "an old browser": [(b"accept", b"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8")],
    "an old browser, in two lines": [(b"accept", b"application/xhtml+xml"), (b"accept", b"text/html")],
}


@WIRES
@pytest.mark.parametrize("fields", STARTS.values(), ids=STARTS)
def test_a_page_starts_a_login(bed, wire, fields):
    for target in (b"/", PAGE, b"/api/v1/openapi", b"/.airgate/login", b"/.airgate/me"):
        visit = Client(bed, wire=wire).ask(target, fields)
        started(visit.answer, bed.issuer)
        assert not visit.arrived


NO_PAGE: dict[str, tuple[bytes, Fields]] = {
    "the web app": (b"GET", FETCH),
    "the web app, sending": (b"POST", FETCH),
    "fetch for HTML": (b"GET", mode(b"cors", b"text/html")),
    "fetch of its own origin": (b"GET", mode(b"same-origin", b"text/html")),
    "an image": (b"GET", mode(b"no-cors", b"image/*")),
    "a script": (b"GET", [*mode(b"no-cors"), (b"sec-fetch-dest", b"script")]),
    "a web socket": (b"GET", mode(b"websocket", b"text/html")),
    "an old browser's form": (b"POST", [(b"accept", b"text/html")]),
    "HEAD of a page": (b"HEAD", [(b"accept", b"text/html")]),
    "OPTIONS": (b"OPTIONS", [(b"accept", b"text/html")]),
    "an old XHR": (b"GET", [(b"accept", b"*/*"), (b"x-requested-with", b"XMLHttpRequest")]),
    "curl": (b"GET", [(b"accept", b"*/*"), (b"user-agent", b"curl/8.14.1")]),
    "JSON": (b"GET", [(b"accept", b"application/json")]),
    "an event stream": (b"GET", [(b"accept", b"text/event-stream")]),
    "nothing said": (b"GET", []),
    "an empty mode": (b"GET", mode(b"")),
    "a mode of its own": (b"GET", mode(b"navigate, cors", b"text/html")),
}


@WIRES
@pytest.mark.parametrize("method, fields", NO_PAGE.values(), ids=NO_PAGE)
def test_nothing_else_does(bed, wire, method, fields):
    for target in (PAGE, b"/api/v1/workspaces/list"):
        visit = Client(bed, wire=wire).ask(target, fields, method=method)
        said = unauthorized(bed, visit.answer)
        assert (said.get("error") == "unauthorized") == (method != b"HEAD")
        assert not set_cookies(visit.answer) and not visit.arrived


@WIRES
@pytest.mark.parametrize("method", [b"POST", b"HEAD", b"PUT", b"DELETE", b"OPTIONS"])
def test_a_form_is_not_sent_again(bed, wire, method):
    """Whoever sent it gets a page that says so, and a link to begin a login with."""
    for cookies in ({}, {SESSION: b"1.bad"}):
        visit = Client(bed, cookies, wire).ask(PAGE, NAVIGATION, method=method)
        assert visit.answer.status == 401 and visit.answer.header("location") is None and not attempts(visit.answer)
        assert visit.answer.header("content-type") == "text/html; charset=utf-8" and not visit.arrived
        assert [field.name for field in set_cookies(visit.answer) if field.expires][:1] == [*cookies]
        assert method == b"HEAD" or b'href="/.airgate/login?' in visit.answer.body


def test_that_page_is_a_401_like_any_other(client):
    """RFC 9110 section 15.5.2: it has a challenge."""
    assert client.navigate(PAGE, method=b"POST").header("www-authenticate") == "Bearer"


def test_an_upgrade(bed):
    """Envoy opens no web sockets, and nobody is sent to sign in for one."""
    upgrade = [(b"connection", b"Upgrade"), (b"upgrade", b"websocket"), (b"sec-websocket-version", b"13")]
    upgrade.append((b"sec-websocket-key", b"AAAAAAAAAAAAAAAAAAAAAA=="))
    visit = Client(bed).ask(PAGE, [*mode(b"websocket"), *upgrade])
    assert visit.answer.status in (401, 403) and not visit.arrived
    assert visit.answer.header("location") is None and not set_cookies(visit.answer)


def test_the_login_page_itself_is_no_answer_to_a_script(client):
    """A prefetch must not use up an attempt, and a script cannot follow to another host."""
    for method in (b"GET", b"POST", b"HEAD"):
        answer = client.fetch(b"/.airgate/login?return=/", method=method).answer
        assert 400 <= answer.status < 500 and answer.header("location") is None and not set_cookies(answer)


def test_attempts_do_not_pile_up(bed):
    """Ten tabs one after the other: three attempts are left, and with them no fourth one."""
    surfer = bed.surfer()
    for number in range(10):
        surfer.navigate(f"/workspaces/{number}", until=lambda url: url.startswith(bed.issuer))
        kept = [name for name in surfer.cookies if name.startswith(ATTEMPT)]
        assert 1 <= len(kept) <= 3, kept
    full = {name: surfer.cookies[name].encode() for name in kept}
    for _ in range(5):
        (field,) = attempts(Client(bed, full).navigate(PAGE))
        assert field.name in full


def test_nor_do_those_of_tabs_that_open_at_once(bed):
    """None of them knows of the others, so names must be few."""
    names = {attempts(Client(bed).navigate(PAGE))[0].name for _ in range(20)}
    assert names <= {f"{ATTEMPT}{number}" for number in range(3)}


def test_attempts_that_do_not_open_are_overwritten(bed):
    """Whatever somebody put there, a login can begin and its cookies stay three."""
    for value in (b"x", b"\xff\x80", b"A" * 4000):
        (field,) = attempts(Client(bed, {f"{ATTEMPT}{number}": value for number in range(3)}).navigate(PAGE))
        assert field.name in {f"{ATTEMPT}{number}" for number in range(3)}


# A bearer token beside a session


@WIRES
def test_the_bearer_alone_decides(bed, alice, wire):
    visit = Client(bed, alice, wire, who="bob").fetch()
    assert said_to_airbyte(visit, "x-airgate-user") == ["bob"] and said_to_airbyte(visit, "x-airgate-auth") == ["bearer"]
    own = Client(bed, alice, wire).fetch()
    assert said_to_airbyte(own, "x-airgate-user") == ["alice"] and said_to_airbyte(own, "x-airgate-auth") == ["session"]


BAD = {
    "forged": (lambda good: b"Bearer " + good[:-6] + b"AAAAAA", 401, "invalid_token"),
    "opaque": (lambda good: b"Bearer opaque", 401, "invalid_token"),
    "Basic": (lambda good: b"Basic YTpi", 401, "unauthorized"),
    "two": (lambda good: b"Bearer " + good + b", Bearer " + good, 400, "invalid_request"),
    "no token": (lambda good: b"Bearer", 400, "invalid_request"),
    "empty": (lambda good: b"", 400, "invalid_request"),
}


@pytest.mark.parametrize("credential, status, error", BAD.values(), ids=BAD)
def test_a_bad_one_never_falls_back(bed, signed, credential, status, error):
    """Not for a script and not for a page, and the session is left alone."""
    field = [(b"authorization", credential(bed.token("alice").encode()))]
    call = signed.fetch(fields=field)
    assert call.refused and call.answer.status == status and call.answer.json()["error"] == error
    page = signed.navigate(PAGE, field)
    assert page.status == status and page.header("location") is None
    assert not set_cookies(call.answer) and not set_cookies(page)


def test_a_good_one_beside_a_bad_session(bed):
    visit = Client(bed, {SESSION: b"1.bad"}, who="bob").fetch()
    assert said_to_airbyte(visit, "x-airgate-user") == ["bob"]


# What needs neither


@pytest.mark.parametrize("cookies", [{}, {SESSION: b"1.bad"}], ids=["no session", "a bad session"])
@pytest.mark.parametrize("path", [b"/api/v1/health", b"/api/v1/health/", b"/api/public/v1/health"])
def test_public_paths(bed, path, cookies):
    for fields in (NAVIGATION, FETCH, []):
        visit = Client(bed, cookies).ask(path, fields)
        assert visit.passed and visit.answer.status == 200 and not attempts(visit.answer)
        assert not said_to_airbyte(visit, "x-airgate-user")


def test_the_gateway_s_own_health(client, alice):
    for fields in (NAVIGATION, FETCH, [], cookie(alice)):
        visit = client.ask(b"/.airgate/health", fields)
        assert visit.answer.status == 200 and not set_cookies(visit.answer) and not visit.arrived
