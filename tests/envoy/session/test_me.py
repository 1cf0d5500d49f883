"""Who am I, and the gateway's other pages: what is on them, what is not, and that nothing runs in them."""

import time
from collections.abc import Callable
from datetime import datetime
from html import escape

import pytest
from session.client import ATTEMPT, FETCH, SESSION, Client, attempts, signed_in, started, unauthorized
from session.page import GatewayPage
from session.set_cookie import set_cookies

from lab import Bed
from lab.bootstrap import Bootstrap
from lab.envoy import Options
from lab.wire import Answer, Wire, Wire2

ME = b"/.airgate/me"
HOUR = 3600
# What a token may be late, unless the configuration says otherwise.
LEEWAY = 60
NASTY = {
    "a script": "<script>alert(1)</script>",
    "an image": "\"><img src=x onerror=alert(1)>",
    "an attribute": "' onmouseover='alert(1)",
    "the end of the page": "</main></body></html><script src=//evil.example></script>",
    "entities": "&lt;script&gt;&#60;script&#62;",
    "the end of the styles": "</style><script>alert(1)</script>",
    "another direction": "\u202eecila\u2066",
    "letters of other scripts": "Zoë Ω 王 🦔",
    "a template": "{{7*7}}${7*7}%s{}",
}


def ends_in(said: dict) -> float:
    """Seconds until the session ends that this says."""
    return datetime.fromisoformat(said["session_ends"]).timestamp() - time.time()


@pytest.mark.parametrize("wire", [Wire, Wire2], ids=["HTTP/1.1", "HTTP/2"])
def test_a_session(bed, alice, wire):
    answer = Client(bed, alice, wire).fetch(ME).answer
    assert answer.status == 200 and answer.header("content-type") == "application/json"
    assert answer.header("cache-control") == "no-store"
    said = answer.json()
    assert 7 * HOUR < ends_in(said) <= 8 * HOUR, "idle"
    assert said == {
        "user": "alice",
        "name": "Alice Admin",
        "email": "alice@example.com",
        "groups": ["airbyte-admins"],
        "role": "admin",
        "provider": "corp",
        "auth": "session",
        "session_ends": said["session_ends"],
    }


def test_a_bearer_token(bed, alice):
    for cookies in ({}, alice):
        answer = Client(bed, cookies, who="bob").fetch(ME).answer
        said = answer.json()
        assert answer.status == 200 and (said["user"], said["auth"], said["groups"]) == ("bob", "bearer", ["airbyte-editors"])
        assert 0 < ends_in(said) <= HOUR + LEEWAY, "as long as the token is taken"


def test_a_machine(bed):
    said = Client(bed, who="ci-bot").ask(ME).answer.json()
    assert (said["user"], said["auth"], said["name"], said["email"]) == ("ci-bot", "bearer", None, None)


def test_a_page_for_people(signed):
    answer = signed.navigate(ME)
    page = GatewayPage(answer)
    assert answer.status == 200
    for words in ("Alice Admin", "alice@example.com", "admin", "corp", "Session ends"):
        assert words in page.text, words
    (form,) = page.all("form")
    assert form["action"] == "/.airgate/logout" and "Sign out" in page.text
    (moment,) = page.all("time")
    assert 7 * HOUR < datetime.fromisoformat(moment["datetime"]).timestamp() - time.time() <= 8 * HOUR


def test_a_token_has_nothing_to_sign_out_of(bed):
    page = GatewayPage(Client(bed, who="bob").navigate(ME))
    assert "Bob Editor" in page.text and not page.all("form") and "Token ends" in page.text


@pytest.mark.parametrize("cookies", [{}, {SESSION: b"1.bad"}], ids=["no session", "a bad session"])
def test_nobody(bed, cookies):
    client = Client(bed, cookies)
    unauthorized(bed, client.fetch(ME).answer)
    unauthorized(bed, client.ask(ME).answer)
    started(client.navigate(ME), bed.issuer)


@pytest.mark.parametrize("token", [b"Bearer x", b"Bearer a.b.c", b"Basic YTpi"])
def test_a_bad_token(signed, token):
    """Not even beside a session."""
    answer = signed.fetch(ME, [(b"authorization", token)]).answer
    assert answer.status == 401 and "alice" not in answer.body.decode()


@pytest.mark.parametrize("method", [b"POST", b"PUT", b"DELETE", b"OPTIONS"])
def test_it_is_only_to_be_read(signed, method):
    visit = signed.ask(ME, FETCH, method=method)
    assert visit.refused and visit.answer.status in (404, 405)


@pytest.mark.parametrize("text", NASTY.values(), ids=NASTY)
def test_what_a_person_is_called(bed, parts, text):
    """Programs get it as it is, people get to see it, and it is never markup."""
    parts.provider.change(accounts={"eve": {"name": text, "email": f"{text}@example.com", "groups": [text]}})
    client = Client(bed, signed_in(bed, "eve"))
    said = client.fetch(ME).answer.json()
    assert (said["name"], said["groups"]) == (text, [text])
    answer = client.navigate(ME)
    page = GatewayPage(answer)
    assert text in page.text and (text == escape(text) or text not in page.html)
    assert not page.all("img") and len(page.all("form")) == 1


# The other pages


@pytest.fixture(scope="module")
def choosing(open_bed) -> Bed:
    """Two providers, called as nobody would call them."""

    def configure(bootstrap: Bootstrap) -> None:
        config = bootstrap.plugin_config
        (first,) = config["providers"]
        first["login"]["label"] = NASTY["a script"]
        second = {**first, "name": "other", "issuer": "https://other.example"}
        second["login"] = {**first["login"], "label": NASTY["an image"]}
        config["providers"] = [first, second]
        config["branding"] = {"name": "<b>A & B</b>", "logo": "data:image/svg+xml;base64,PHN2Zy8+"}

    return open_bed(Options(bootstrap=configure))


def declined(client: Client) -> Answer:
    """The page of somebody who does not want to sign in after all."""
    start = client.navigate(b"/workspaces?a=%3Cb%3E%22")
    (attempt,) = attempts(start)
    state = start.header("location").partition("state=")[2].partition("&")[0].encode()
    back = Client(client.bed, {attempt.name: attempt.value.encode()})
    query = b"error=access_denied&error_description=%3Cscript%3Ealert(1)%3C/script%3E&state=" + state
    issuer = client.bed.issuer.replace(":", "%3A").replace("/", "%2F").encode()
    return back.navigate(b"/.airgate/callback/corp?" + query + b"&iss=" + issuer)


PAGES: dict[str, tuple[int, Callable[[Client], Answer]]] = {
    "signed out": (200, lambda client: client.navigate(b"/.airgate/signed-out")),
    "sign out?": (200, lambda client: client.navigate(b"/.airgate/logout")),
    "a callback of nobody": (400, lambda client: client.navigate(b"/.airgate/callback/corp?code=x&state=<b>")),
    "a callback of no provider": (400, lambda client: client.navigate(b"/.airgate/callback/%3Cb%3E?code=x&state=x")),
    "declined": (403, declined),
    "nothing there": (404, lambda client: client.navigate(b"/.airgate/%3Cb%3E")),
    "a bad token": (401, lambda client: client.navigate(b"/", [(b"authorization", b"Bearer x")])),
    "two tokens": (400, lambda client: client.navigate(b"/", [(b"authorization", b"Bearer x, Bearer y")])),
}


@pytest.mark.parametrize("status, show", PAGES.values(), ids=PAGES)
def test_every_page(client, status, show):
    first, second = show(client), show(client)
    assert first.status == second.status == status
    assert GatewayPage(first).nonce != GatewayPage(second).nonce, "a number used once"
    assert not any(field.value and not field.name.startswith(ATTEMPT) for field in set_cookies(first))


# Two providers ask first which one.
WITHOUT_LOGIN = {name: page for name, page in PAGES.items() if page[1] is not declined}


@pytest.mark.parametrize("status, show", WITHOUT_LOGIN.values(), ids=WITHOUT_LOGIN)
def test_every_page_under_another_name(choosing, status, show):
    answer = show(Client(choosing))
    page = GatewayPage(answer)
    assert answer.status == status and "<b>A & B</b>" in page.text and not page.all("b")


def test_signing_out(bed, alice):
    """The page that leads on to the provider, which is the only address elsewhere on any page."""
    client = Client(bed, alice)
    fields = [(b"sec-fetch-mode", b"navigate"), (b"sec-fetch-site", b"same-origin"), (b"accept", b"text/html")]
    answer = client.ask(b"/.airgate/logout", fields, method=b"POST").answer
    links = [one for one in answer.body.decode().split('"') if one.startswith(bed.issuer)]
    page = GatewayPage(answer, goes_to=links[0].replace("&amp;", "&"))
    assert answer.status == 200 and SESSION in {field.name for field in set_cookies(answer) if field.expires}
    (refresh,) = [meta["content"] for meta in page.all("meta") if meta.get("http-equiv") == "refresh"]
    assert refresh == f"0; url={links[0].replace('&amp;', '&')}"


def test_the_chooser(choosing):
    """Both are named, nothing is begun yet, and each way leads to its provider and back to the page."""
    client = Client(choosing)
    for target in (b"/workspaces?a=%3Cb%3E%22&c=d", b"/.airgate/login?return=/workspaces%3Fa=%253Cb%253E%2522%26c=d"):
        answer = client.navigate(target)
        page = GatewayPage(answer)
        assert answer.status == 200 and not set_cookies(answer) and not page.all("img")[1:]
        for label in (NASTY["a script"], NASTY["an image"]):
            assert label in page.text
        ways = [link["href"] for link in page.all("a") if "provider=" in link["href"]]
        assert len(ways) == 2 and len(set(ways)) == 2
        (corp,) = [way for way in ways if "provider=corp" in way]
        started(client.navigate(corp.encode()), choosing.issuer)


def test_a_provider_that_is_not_there(choosing):
    for name in (b"nobody", b"", b"%3Cb%3E", b"corp%00", b"CORP"):
        answer = Client(choosing).navigate(b"/.airgate/login?return=/&provider=" + name)
        assert answer.status == 404 and not set_cookies(answer)
        GatewayPage(answer)
