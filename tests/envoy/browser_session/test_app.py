"""The web app in a real browser: tabs, fetch(), popups, and the button that signs out."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from json import loads

import pytest
from browser_session.visits import ECHO, ME, SESSION, TOKEN
from selenium.webdriver.common.keys import Keys

from lab import Bed, until
from lab.chromium import Chromium

PAGE = "/workspaces/1/connections?search=a%20b&tab=1"
SIGN_OUT = "form[action='/.airgate/logout'] button"
AT_ONCE = 6

# Asks again and again, several at once, and keeps what it saw: as the web app does in every tab.
_WORK = """
const [path, lanes] = arguments;
window.seen = [];
window.over = false;
window.work = Promise.all(Array.from({ length: lanes }, async () => {
  while (!window.over) {
    const answer = await fetch(path);
    const user = answer.ok ? (await answer.json()).headers.find(([name]) => name.toLowerCase() === 'x-airgate-user')[1] : null;
    window.seen.push(`${answer.status} ${answer.redirected} ${user}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}));
window.work.catch((error) => window.seen.push(String(error)));
"""


@pytest.fixture(scope="module")
def bed(prompt_bed) -> Bed:
    return prompt_bed


@pytest.fixture(scope="module")
def only_chromium(bed) -> Iterator[Chromium]:
    with Chromium(bed) as chromium:
        yield chromium


@pytest.fixture
def chromium(only_chromium) -> Chromium:
    """As if it was nowhere yet."""
    first, *others = only_chromium.tabs
    for tab in others:
        only_chromium.close_tab(tab)
    only_chromium.switch(first)
    only_chromium.open("about:blank")
    only_chromium.drop_cookies()
    return only_chromium


def arrived(bed: Bed, target: str) -> bool:
    return any(request.get("url") == target for request in bed.parts.requests())


def tokens_asked(bed: Bed) -> int:
    return bed.provider.hits().get(TOKEN, 0)


def test_a_deep_link(bed, chromium):
    page = f"{PAGE}&of=one"
    chromium.open(page)
    assert chromium.location.startswith(bed.issuer), chromium.location
    chromium.finish("alice")
    assert chromium.path == page and "alice" in chromium.text
    assert arrived(bed, page)
    assert {SESSION} == {name for name in chromium.cookies if name.startswith("__Host-airgate-") and "affinity" not in name}


def test_five_tabs_at_once(bed, chromium):
    """Three logins are in flight at most, and all five end where they wanted."""
    pages = [f"{PAGE}&of=five&number={number}" for number in range(5)]
    tabs = chromium.open_tabs(*pages)
    for tab in tabs:
        chromium.switch(tab)
        chromium.wait(lambda: chromium.location.startswith(bed.issuer), "the provider's login")
    ended = set()
    for tab in tabs:
        chromium.switch(tab)
        chromium.finish("alice")
        ended.add(chromium.path)
        assert "alice" in chromium.text
    assert ended == {*pages}
    assert not [name for name in chromium.cookies if name.startswith("__Host-airgate-login")], "nothing piles up"


def test_fetch_while_claims_end(bed, chromium, lifetimes):
    """Parallel calls of four tabs over several refreshes with rotation: 200 for each, and nobody is signed out."""
    lifetimes(id_token=4)
    chromium.sign_in("alice", PAGE)
    tabs = [chromium.tab, *chromium.open_tabs(*[PAGE] * 3)]
    before = tokens_asked(bed)
    for tab in tabs:
        chromium.switch(tab)
        chromium.wait(lambda: chromium.path == PAGE and "alice" in chromium.text, "the page")
        chromium.run(_WORK, ECHO, AT_ONCE)
    until(lambda: tokens_asked(bed) >= before + 3, 25, "three refreshes", every=0.2)
    for tab in tabs:
        chromium.switch(tab)
        # One that was asked for after the last refresh.
        number = chromium.run("return window.seen.length")
        chromium.wait(lambda: chromium.run("return window.seen.length") > number + AT_ONCE, "one more answer")
        chromium.run("window.over = true")
        seen = chromium.run("return window.seen")
        assert len(seen) > AT_ONCE and {*seen} == {"200 false alice"}
    # Only the newest refresh token is good at the provider, and we have it.
    before = tokens_asked(bed)
    chromium.wait(lambda: chromium.fetch(ECHO).status == 200 and tokens_asked(bed) > before, "another refresh")


def test_fetch_after_the_session_has_ended(bed, chromium, lifetimes):
    """JSON that names the login, and no redirect into HTML, which a script could not follow."""
    lifetimes(id_token=2)
    chromium.sign_in("alice", PAGE)
    bed.provider.forget()
    ended = chromium.wait(lambda: (answer := chromium.fetch(ECHO)).status != 200 and answer, "the end of the session")
    assert (ended.status, ended.redirected, ended.headers["content-type"]) == (401, False, "application/json")
    assert loads(ended.text)["login_url"] == f"{bed.url}/.airgate/login"
    posted = chromium.fetch("/api/v1/connections/list", "POST", "{}", {"content-type": "application/json"})
    assert posted.status == 401 and loads(posted.text)["login_url"]
    assert SESSION not in chromium.cookies
    # The next page leads to the login, as the app's own reload would.
    chromium.reload()
    chromium.finish("alice")
    assert chromium.path == PAGE and "alice" in chromium.text


def test_signing_out_by_keyboard(bed, chromium):
    """The button, the provider's question, our page; afterwards nothing of Airbyte is to be seen without a login."""
    chromium.sign_in("alice", PAGE)
    chromium.open(ME)
    reach(chromium, SIGN_OUT)
    chromium.driver.switch_to.active_element.send_keys(Keys.ENTER)
    chromium.wait(lambda: chromium.location.startswith(f"{bed.issuer}/session/end"), "the provider's question")
    assert SESSION not in chromium.cookies, "the session here ends first"
    chromium.click("[name=logout]")
    chromium.wait(lambda: chromium.location.startswith(f"{bed.url}/.airgate/signed-out"), "our page")

    for _ in range(4):
        chromium.back()
        assert_nothing_of_airbyte(chromium)
    chromium.open(PAGE)
    assert_asked_who(bed, chromium)
    chromium.back()
    chromium.reload()
    assert_nothing_of_airbyte(chromium)
    # Not even as JSON. From a public page: the gateway's own ones may connect to nothing.
    chromium.open("/api/v1/health")
    assert chromium.fetch(ECHO).status == 401


def reach(chromium: Chromium, selector: str) -> None:
    """Presses Tab until it is this element's turn."""
    chromium.find("body").click()
    for _ in range(10):
        chromium.driver.switch_to.active_element.send_keys(Keys.TAB)
        if chromium.run("return document.activeElement.matches(arguments[0])", selector):
            return
    raise AssertionError(f"Tab does not lead to {selector}")


def assert_asked_who(bed: Bed, chromium: Chromium) -> None:
    assert chromium.location.startswith(bed.issuer) and chromium.find("[name=login]")


def assert_nothing_of_airbyte(chromium: Chromium) -> None:
    """Neither fresh nor from the browser's own memory."""
    assert "stand-in" not in chromium.text and "alice@example.com" not in chromium.text, f"{chromium.location}\n{chromium.text}"


@pytest.fixture
def connector() -> Iterator[str]:
    """Another site, where somebody allows Airbyte to read something, and which sends them back with a code."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(302)
            self.send_header("location", self.path.partition("?to=")[2])
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/allow"
        server.shutdown()


@pytest.mark.parametrize("way", ["directly", "from the connector's site"])
def test_oauth_of_a_connector(bed, chromium, connector, way):
    """The popup reaches Airbyte with its query, and still knows the page that opened it."""
    chromium.sign_in("alice", PAGE)
    opener, target = chromium.tab, f"/auth_flow?code=x-{way[:4]}&state=y%20z"
    url = bed.url + target if way == "directly" else f"{connector}?to={bed.url}{target}"
    chromium.run("window.open(arguments[0], 'oauth', 'popup,width=500,height=600')", url)
    popup = chromium.wait(lambda: next((tab for tab in chromium.tabs if tab != opener), None), "the popup")
    chromium.switch(popup)
    chromium.wait(lambda: chromium.location == bed.url + target and "alice" in chromium.text, "Airbyte's page")
    assert arrived(bed, target)
    assert chromium.run("return window.opener !== null && window.opener.location.href") == bed.url + PAGE
