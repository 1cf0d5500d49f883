"""A provider that misbehaves when a session is refreshed: the session goes on or ends, and never becomes another one's.

What the OpenID Foundation's Refresh relying-party plan tries has its modules' names.
"""

from collections.abc import Iterator

import pytest
from signin.browser import Browser
from signin.gate import Gate, case

from lab import until
from lab.login_site import TOKEN, LoginSite
from lab.rogue import Answer, json_answer

# Seconds that tokens live, and no leeway on top.
LIFETIME = 4


@pytest.fixture(scope="module")
def short(rogue) -> LoginSite:
    site = rogue.site("short", kind=LoginSite)
    site.lifetime = LIFETIME
    return site


@pytest.fixture(scope="module")
def short_gate(gates, short) -> Gate:
    return gates({short: {"leeway": "0s"}})


@pytest.fixture
def site(short) -> Iterator[LoginSite]:
    short.honest()
    short.rotates = True
    yield short
    short.honest()


@pytest.fixture
def gate(short_gate, site) -> Gate:
    return short_gate


@pytest.fixture
def alice(gate, site) -> Browser:
    """Just signed in."""
    browser, page = gate.browser(), gate.page()
    gate.signed_in(browser, browser.sign_in(site, page), page)
    return browser


def refreshed(gate: Gate, site: LoginSite, browser: Browser, times: int = 1) -> None:
    """The web app goes on asking, until its session was refreshed; it never notices."""
    before, session = site.refreshes, browser.session

    def done() -> bool:
        if (user := gate.user(browser)) != "alice":
            pytest.fail(f"became {user}")
        return site.refreshes >= before + times and browser.session != session

    until(done, 5 * LIFETIME * times, "the refresh", every=0.1)


def ends(gate: Gate, site: LoginSite, browser: Browser) -> None:
    """The session is over: 401 to the web app, the cookies gone, and a page starts a login."""

    def over() -> bool:
        user = gate.user(browser)
        # Not by `assert`, which would only be tried again.
        if user not in ("alice", None):
            pytest.fail(f"became {user}")
        return user is None

    until(over, 5 * LIFETIME, "the end of the session", every=0.1)
    assert not browser.session, "the cookies are still there"
    site.honest()
    page = gate.page()
    gate.signed_in(browser, browser.sign_in(site, page), page)


def test_oidcc_client_test_refresh_token(gate, site, alice):
    refreshed(gate, site, alice, times=2)
    first, second = site.forms(grant_type="refresh_token")[-2:]
    assert first["refresh_token"] != second["refresh_token"] and not site.refusals


REFUSED = [
    case("oidcc-client-test-refresh-token-invalid-issuer", {"iss": "https://other.rogue.test"}),
    case("oidcc-client-test-refresh-token-invalid-sub", {"sub": "mallory"}),
    case("oidcc-client-test-refresh-token-invalid-aud", {"aud": "other"}),
    case("azp is another client", {"azp": "other"}),
    case("no sub", {"sub": None}),
    case("expired", {"exp": 1_000_000_000}),
    case("another nonce", {"nonce": "n" * 43}),
]


@pytest.mark.parametrize("changes", REFUSED)
def test_an_id_token_that_ends_the_session(gate, site, alice, changes):
    site.id_token_changes = changes
    ends(gate, site, alice)


def test_invalid_grant_ends_the_session(gate, site, alice):
    site.end_grants()
    ends(gate, site, alice)


NO_MORE = [
    case("access_denied", json_answer({"error": "access_denied"}, 403)),
    case("mfa_required", json_answer({"error": "mfa_required"}, 403)),
    case("interaction_required", json_answer({"error": "interaction_required"}, 400)),
    case("403 HTML", Answer(403, b"<title>No</title>", {"content-type": "text/html"})),
    case("200 HTML", Answer(body=b"<title>Maintenance</title>", headers={"content-type": "text/html"})),
]


@pytest.mark.parametrize("answer", NO_MORE)
def test_refusal_ends_the_session_and_the_browser_signs_in_again(gate, site, alice, answer):
    """`test_refused_refresh.py` has all of them; here is where the browser goes then."""
    site.token_answer = answer
    ends(gate, site, alice)


def test_a_refresh_token_that_somebody_else_used(gate, site, alice):
    """The provider saw it twice and ends the login; the gateway follows."""
    stolen = site.grants[-1]
    stolen.refresh_token = "taken"
    ends(gate, site, alice)
    assert stolen.ended


AWAY = [
    case("500", Answer(500)),
    case("a reset", Answer(reset=True)),
    case("temporarily_unavailable", json_answer({"error": "temporarily_unavailable"}, 503)),
]


@pytest.mark.parametrize("answer", AWAY)
def test_an_outage_keeps_the_session(gate, site, alice, answer):
    """Until the provider is back, or the session's own hard limit. No refresh token was used up meanwhile."""
    before = site.hits[TOKEN]
    site.token_answer = answer
    until(lambda: gate.user(alice) and site.hits[TOKEN] > before, 5 * LIFETIME, "an attempt", every=0.1)
    site.honest()
    refreshed(gate, site, alice)


def test_no_id_token_keeps_the_claims(gate, site, alice):
    site.token_changes = {"id_token": None}
    refreshed(gate, site, alice, times=2)


def test_no_new_refresh_token_keeps_the_old(gate, site, alice):
    site.rotates = False
    refreshed(gate, site, alice, times=2)
    first, second = site.forms(grant_type="refresh_token")[-2:]
    assert first["refresh_token"] == second["refresh_token"]


def test_new_claims_count(gate, site, alice):
    site.people["alice"]["groups"] = ["readers"]
    try:
        refreshed(gate, site, alice)
        seen = {name.lower(): value for name, value in alice.fetch("/api/v1/standin/echo").json()["headers"]}
        assert seen["x-airgate-groups"] == "readers"
    finally:
        site.people["alice"]["groups"] = ["admins"]
