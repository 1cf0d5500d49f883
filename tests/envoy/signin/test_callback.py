"""The way back from the provider: what may open a session, and what nobody is told a code for."""

from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

import pytest
from signin.browser import CALLBACK
from signin.gate import Gate, case

from lab.login_site import TOKEN, LoginSite

ERROR_PAGES = (400, 401, 403)


def parameters(url: str) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(url).query, keep_blank_values=True))


def with_query(callback: str, change) -> str:
    """This callback with other parameters: `change` makes a list of pairs of them."""
    path, _, query = callback.partition("?")
    return f"{path}?{urlencode(change(dict(parse_qsl(query))))}"


def without(name: str):
    return lambda given: [pair for pair in given.items() if pair[0] != name]


def having(**changes: str):
    return lambda given: [*{**given, **changes}.items()]


def twice(name: str, value: str | None = None):
    """The parameter once more, with the same value or another, behind the rest or in front."""
    return lambda given: [*given.items(), (name, given[name] if value is None else value)]


def led_by(name: str, value: str):
    return lambda given: [(name, value), *given.items()]


def flipped(given: dict[str, str]) -> list:
    """A state with one bit changed in the middle."""
    state = given["state"]
    middle = len(state) // 2
    return [*{**given, "state": state[:middle] + ("A" if state[middle] != "A" else "B") + state[middle + 1 :]}.items()]


BAD = [
    case("no state", without("state")),
    case("an empty state", having(state="")),
    case("another state", having(state="s" * 43)),
    case("a state with a bit flipped", flipped),
    case("half a state", lambda given: [*{**given, "state": given["state"][: len(given["state"]) // 2]}.items()]),
    case("a state and more", lambda given: [*{**given, "state": given["state"] + "A"}.items()]),
    case("a state of 20 kB", having(state="A" * 20_000)),
    case("a state with control characters", having(state="\r\nSet-Cookie: x=y\0")),
    case("the state twice", twice("state")),
    case("the state and another", twice("state", "x")),
    case("another state and the state", led_by("state", "x")),
    case("no code", without("code")),
    case("an empty code", having(code="")),
    case("the code twice", twice("code")),
    case("the code and another", twice("code", "x")),
    case("another code and the code", led_by("code", "x")),
    case("the iss twice", twice("iss")),
    case("another iss and the iss", led_by("iss", "https://evil.example")),
    case("a code and an error", having(error="access_denied")),
    case("an error twice", lambda given: [("error", "a"), ("error", "b"), ("state", given["state"]), ("iss", given["iss"])]),
    case("nothing", lambda _: []),
]


@pytest.mark.parametrize("change", BAD)
def test_a_bad_callback(gate, site, change):
    """No code is told to anybody, and the login that it belongs to can still be finished."""
    browser, page, before = gate.browser(), gate.page(), site.hits[TOKEN]
    callback = site.authorize(browser.start(page))
    gate.refused(browser, browser.call_back(with_query(callback, change)), *ERROR_PAGES)
    assert site.hits[TOKEN] == before and not gate.reached(page) and gate.user(browser) is None
    again = site.authorize(browser.start(page))
    gate.signed_in(browser, browser.call_back(again), page)


RAW = [b"%", b"state=%zz&code=x", b"state=%ff&code=%ff", b"state=\xff&code=x", b"&&&&", b"=", b"state", b"code=x;state=y"]


@pytest.mark.parametrize("query", RAW)
def test_a_query_that_is_none(gate, site, query):
    browser, before = gate.browser(), site.hits[TOKEN]
    answer = browser.navigate(f"{CALLBACK}corp?".encode() + query, site="cross-site")
    assert 400 <= answer.status < 500 and not browser.session and site.hits[TOKEN] == before


@pytest.mark.parametrize("target", ["other", "", "corp/x", "CORP", "cor%70%2f", "corp/callback/corp"])
def test_a_callback_of_nobody(gate, site, target):
    browser, before = gate.browser(), site.hits[TOKEN]
    callback = site.authorize(browser.start()).replace(f"{CALLBACK}corp?", f"{CALLBACK}{target}?")
    assert 400 <= browser.call_back(callback).status < 500
    assert not browser.session and site.hits[TOKEN] == before


@pytest.mark.parametrize("method", [b"POST", b"PUT", b"DELETE"])
def test_only_a_get_is_a_callback(gate, site, method):
    """response_mode=form_post was not asked for."""
    browser, before = gate.browser(), site.hits[TOKEN]
    path, _, query = site.authorize(browser.start()).partition("?")
    form = [(b"content-type", b"application/x-www-form-urlencoded")]
    for target, body in ((f"{path}?{query}", b""), (path, query.encode())):
        answer = browser.navigate(target, form, site="cross-site", method=method, body=body)
        assert 400 <= answer.status < 500 and not browser.session and site.hits[TOKEN] == before


# Whose callback it is


def test_a_replay_in_the_same_browser(gate, site):
    """The back button: there is a session, so it leads to the page, and no second one is opened."""
    browser, page = gate.browser(), gate.page()
    callback = site.authorize(browser.start(page))
    gate.signed_in(browser, browser.call_back(callback), page)
    session, before = browser.session, site.hits[TOKEN]
    answer = browser.call_back(callback)
    assert answer.status in (302, 303) and answer.header("location").removeprefix(gate.bed.url) == page
    assert site.hits[TOKEN] == before and browser.session == session


def test_a_replay_with_the_cookies_of_before(gate, site):
    """The provider knows that its code was used; a second session there is not."""
    browser, page = gate.browser(), gate.page()
    callback = site.authorize(browser.start(page))
    thief = browser.copy()
    gate.signed_in(browser, browser.call_back(callback), page)
    gate.refused(thief, thief.call_back(callback), 400, 502)
    assert site.refusals.pop() == "invalid_grant: the code was used before"


def test_another_browser_s_callback(gate, site):
    """It starts once more, and where that leads to another one's callback again, it is over."""
    alice, mallory, page = gate.browser(), gate.browser(), gate.page()
    callback, before = site.authorize(mallory.start(page), sub="mallory"), site.hits[TOKEN]
    again = alice.call_back(callback)
    assert again.status in (302, 303) and not alice.session and site.hits[TOKEN] == before
    # Alice finishes what was started for her: she is herself, at the page that the first state named.
    gate.signed_in(alice, alice.call_back(site.authorize(again.header("location"))), page)
    other = gate.browser()
    second = other.call_back(callback)
    stranger = gate.browser()
    before = site.hits[TOKEN]
    gate.refused(stranger, stranger.call_back(site.authorize(second.header("location"))), *ERROR_PAGES)
    assert site.hits[TOKEN] == before


def test_a_browser_that_keeps_no_cookies(gate, site):
    """It gets a page in the end, and no circle."""
    browser, page = gate.browser(), gate.page()
    answer = browser.navigate(page)
    for _ in range(2):
        assert answer.status in (302, 303)
        browser.cookies.clear()
        answer = browser.call_back(site.authorize(answer.header("location")))
    gate.refused(browser, answer, *ERROR_PAGES)


def test_another_browser_s_callback_where_somebody_is_signed_in(gate, site):
    """Nobody is signed in as somebody else (login CSRF)."""
    alice, mallory, page = gate.browser(), gate.browser(), gate.page()
    gate.signed_in(alice, alice.sign_in(site, page), page)
    before = site.hits[TOKEN]
    answer = alice.call_back(site.authorize(mallory.start(page), sub="mallory"))
    assert answer.status in (302, 303) and answer.header("location").removeprefix(gate.bed.url) == page
    assert gate.user(alice) == "alice" and site.hits[TOKEN] == before


def test_cookies_of_two_logins_mixed(gate, site):
    """The attempt of one login does not open the callback of another."""
    alice, mallory = gate.browser(), gate.browser()
    alice.start()
    callback = site.authorize(mallory.start(), sub="mallory")
    before = site.hits[TOKEN]
    answer = alice.call_back(callback)
    assert not alice.session and site.hits[TOKEN] == before and answer.status in (302, 303)


def test_five_tabs(gate, site):
    """At most three logins are in flight, and each tab ends where it wanted."""
    browser, pages = gate.browser(), [gate.page() for _ in range(5)]
    callbacks = []
    for page in pages:
        callbacks.append(site.authorize(browser.start(page)))
        assert len(browser.attempts) <= 3, "cookies pile up"
    for page, callback in reversed([*zip(pages, callbacks)]):
        answer = browser.call_back(callback)
        assert answer.status in (302, 303) and answer.header("location").removeprefix(gate.bed.url) == page
    assert gate.user(browser) == "alice"


def test_the_oldest_of_five_tabs_first(gate, site):
    """Its attempt is gone and there is no session yet: it starts once more."""
    browser, pages = gate.browser(), [gate.page() for _ in range(5)]
    callbacks = [site.authorize(browser.start(page)) for page in pages]
    for page, callback in zip(pages, callbacks):
        answer = browser.call_back(callback)
        if answer.header("location").startswith(site.issuer):
            answer = browser.call_back(site.authorize(answer.header("location")))
        gate.signed_in(browser, answer, page)


# How a login starts


def test_what_the_provider_is_asked(gate, site):
    first, second = (parameters(gate.browser().start()) for _ in range(2))
    assert first["redirect_uri"] == f"{gate.bed.url}{CALLBACK}corp" == second["redirect_uri"]
    assert (first["response_type"], first["code_challenge_method"]) == ("code", "S256")
    assert set(first["scope"].split()) == {"openid", "profile", "email"}
    for name in ("state", "nonce", "code_challenge"):
        assert first[name] != second[name] and len(first[name]) >= 43, name


@pytest.mark.parametrize("name", [b"x-forwarded-host", b"x-forwarded-proto", b"forwarded", b"x-original-url", b"x-forwarded-prefix"])
def test_who_we_are_is_never_taken_from_a_request(gate, name):
    for value in (b"evil.example", b"http", b"host=evil.example;proto=http", b"/evil"):
        location = gate.browser().start("/", fields=[(name, value)])
        assert parameters(location)["redirect_uri"] == f"{gate.bed.url}{CALLBACK}corp"


def test_nor_from_its_host(gate):
    for host in (b"evil.example", b"localhost", b"localhost:1", b"LOCALHOST"):
        answer = gate.browser().navigate("/", host=host)
        if answer.status in (302, 303):
            asked = parameters(answer.header("location"))
            assert asked.get("redirect_uri", "") in ("", f"{gate.bed.url}{CALLBACK}corp")
            assert "evil" not in answer.header("location")


NO_NAVIGATION = [
    case("the web app", [(b"sec-fetch-mode", b"cors"), (b"accept", b"application/json")]),
    case("fetch with text/html", [(b"sec-fetch-mode", b"cors"), (b"accept", b"text/html")]),
    case("an old browser's XHR", [(b"accept", b"*/*")]),
    case("an image", [(b"sec-fetch-mode", b"no-cors"), (b"accept", b"image/*")]),
    case("a web socket", [(b"sec-fetch-mode", b"websocket")]),
    case("curl", []),
]


@pytest.mark.parametrize("fields", NO_NAVIGATION)
def test_only_a_navigation_starts_one(gate, fields):
    browser = gate.browser()
    answer = browser.ask("/workspaces", fields)
    assert answer.status == 401 and answer.header("www-authenticate").startswith("Bearer")
    assert answer.header("content-type") == "application/json" and answer.header("location") is None
    assert "/.airgate/login" in answer.body.decode() and not browser.cookies


def test_an_old_browser_s_navigation(gate, site):
    browser, page = gate.browser(), gate.page()
    answer = browser.ask(page, [(b"accept", b"text/html,application/xhtml+xml")])
    gate.signed_in(browser, browser.call_back(site.authorize(answer.header("location"))), page)


# The provider says no

ERRORS = [
    "access_denied",
    "login_required",
    "interaction_required",
    "consent_required",
    "account_selection_required",
    "invalid_request",
    "invalid_scope",
    "unauthorized_client",
    "unsupported_response_type",
    "server_error",
    "temporarily_unavailable",
    "something_of_its_own",
]
HOSTILE = [
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "'onmouseover='alert(1)",
    "</title><script>alert(1)</script>",
    "&lt;script&gt;&#60;b&#62;",
    "javascript:alert(1)",
    "{{7*7}}${7*7}<%= 7*7 %>",
    "line\r\nSet-Cookie: evil=1\r\n\r\n<b>",
    "\0\x1b[31m\u202e\ufeff",
    "<" * 4000,
]


def says_no(gate: Gate, site: LoginSite, error: str, description: str | None) -> str:
    """The page; no token was asked for, and the next login works."""
    browser, page, before = gate.browser(), gate.page(), site.hits[TOKEN]
    answer = browser.call_back(site.refuse(browser.start(page), error, description))
    text = gate.refused(browser, answer, *ERROR_PAGES, 502, 503)
    assert site.hits[TOKEN] == before and "evil" not in browser.cookies
    gate.signed_in(browser, browser.sign_in(site, page), page)
    return text


@pytest.mark.parametrize("error", ERRORS)
def test_the_provider_says_no(gate, site, error):
    says_no(gate, site, error, "Because.")


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_what_the_provider_says_is_escaped(gate, site, text):
    for error, description in ((text, None), ("access_denied", text)):
        page = says_no(gate, site, error, description)
        assert "alert(1)</script>" not in page and "<img" not in page and "'onmouseover" not in page and "<b>" not in page
        assert "<<<" not in page and len(page) < 30_000
        assert not any(character in page for character in "\0\x1b")


@pytest.mark.parametrize("change", [without("state"), having(state="x"), twice("state")])
def test_anybody_can_say_no_to_nobody(gate, site, change):
    """An error with no login behind it is an error page too, and says nothing of the provider's."""
    browser = gate.browser()
    callback = site.refuse(browser.start(), "access_denied", "call EVIL-HOTLINE")
    text = gate.refused(browser, browser.call_back(with_query(callback, change)), *ERROR_PAGES)
    assert "HOTLINE" not in unquote(text)
