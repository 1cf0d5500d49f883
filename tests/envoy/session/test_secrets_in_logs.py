"""Whatever the gateway is told in confidence, at whatever level Envoy logs, it keeps to itself."""

import re
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from session.client import SESSION
from signin.browser import Browser
from signin.gate import SESSION_KEY, Gate, open_gate

from lab import until
from lab.forge import make_key
from lab.login_site import TOKEN, LoginSite
from lab.rogue import Answer as Said
from lab.rogue import Rogue, json_answer
from lab.wire import Answer

# These write down each header and body that comes by, credentials too. That is Envoy's own doing, which envoy-example
# leaves off; what airgate says stands under "wasm".
TALKATIVE = ("http", "http2", "client", "router", "pool", "connection", "hc")
RELAY_PATH = "/api/v1/applications/token"
RELAY_SECRET = "a-machine-s-secret-of-the-provider-0815"
RELAY_TOKEN = "relayed-token-of-a-machine-0815"


@pytest.fixture(scope="module")
def rogue(parts) -> Iterator[Rogue]:
    with Rogue(parts.authority) as rogue:
        yield rogue


@pytest.fixture(scope="module")
def site(rogue) -> LoginSite:
    return rogue.site("discreet", keys=[make_key("ES256", "discreet-key")], kind=LoginSite)


@pytest.fixture(scope="module")
def gate(parts, rogue, site) -> Iterator[Gate]:
    session = {"keys": [{"id": "k1", "secret": {"env": SESSION_KEY}}], "keep_id_token": True}
    plugin = {"session": session, "token_relay": {"provider": site.name}}
    # Without leeway, so that claims end when their token says so, and a refresh comes soon.
    with open_gate(parts, rogue, {site: {"leeway": "0s"}}, plugin) as gate:
        yield gate


class Reader:
    """Somebody who remembers every secret that they had, and every page that they saw."""

    def __init__(self, gate: Gate, site: LoginSite):
        self.site = site
        self.browser: Browser = gate.browser()
        self.secrets: set[str] = set()
        self.pages: list[str] = []

    def read(self, answer: Answer) -> Answer:
        # A sign-out tells the provider, by way of the browser, whose token that is: only in an address of the provider's.
        self.pages.append(re.sub(r"(?<=[?;&])id_token_hint=[\w.-]+", "", answer.body.decode()))
        return answer

    def starts(self, page: str = "/workspaces?a=b") -> str:
        self.browser.cookies.clear()
        location = self.browser.start(page)
        asked = dict(parse_qsl(urlsplit(location).query))
        self.secrets |= {asked["state"], asked["nonce"], *self.browser.attempts.values()}
        return location

    def comes_back(self, location: str, **claims) -> Answer:
        return self.read(self.browser.call_back(self.site.authorize(location, **claims)))

    def signs_in(self, **claims) -> None:
        answer = self.comes_back(self.starts(), **claims)
        assert answer.status in (302, 303) and self.browser.session, answer

    def posts(self, path: str, fields: dict[str, str], **said: bytes) -> Answer:
        head = [(b"content-type", b"application/x-www-form-urlencoded")]
        head += [(name.replace("_", "-").encode(), value) for name, value in said.items()]
        return self.read(self.browser.ask(path, head, method=b"POST", body=urlencode(fields).encode()))


def everything_good(reader: Reader) -> None:
    """A session's whole life, with a refresh, and a machine's token."""
    site, browser = reader.site, reader.browser
    site.lifetime = 2
    reader.signs_in()
    first = dict(browser.session)
    until(lambda: browser.fetch("/api/v1/standin/echo").status == 200 and browser.session != first, 10, "a refresh", every=0.1)
    site.lifetime = 600
    reader.read(browser.navigate("/.airgate/me"))
    reader.read(browser.fetch("/.airgate/me"))
    reader.read(browser.navigate("/.airgate/logout"))
    revoked = site.hits["/revoke"]
    from_our_page = {"sec_fetch_site": b"same-origin", "sec_fetch_mode": b"navigate"}
    signed_out = reader.posts("/.airgate/logout", {}, **from_our_page)
    assert signed_out.status == 200 and not browser.session
    until(lambda: site.hits["/revoke"] > revoked, 5, "the refresh token being revoked")
    site.token_answer = json_answer({"access_token": RELAY_TOKEN, "token_type": "Bearer", "expires_in": 60})
    relayed = browser.ask(
        RELAY_PATH,
        [(b"content-type", b"application/x-www-form-urlencoded")],
        method=b"POST",
        body=urlencode({"client_id": "machine", "client_secret": RELAY_SECRET}).encode(),
    )
    assert relayed.status == 200 and relayed.json()["access_token"] == RELAY_TOKEN
    site.honest()


def told_of_a_logout(reader: Reader) -> None:
    reader.signs_in()

    def tell(token: str) -> int:
        reader.secrets.add(token)
        return reader.posts("/.airgate/backchannel-logout", {"logout_token": token}).status

    def ended() -> bool:
        # Told again: a notice counts whole seconds, and ends what began before its own.
        assert tell(reader.site.logout_token()) == 200
        return reader.browser.fetch("/api/v1/standin/echo").status == 401

    assert tell(reader.site.logout_token(nonce="x")) == tell("x.y.z") == 400
    until(ended, 5, "the session's end", every=0.2)


def failures_of_the_browser(reader: Reader) -> None:
    """Each of them would be worth a line in a log, and a page that says something."""
    browser, site = reader.browser, reader.site
    reader.signs_in()
    good = dict(browser.session)
    for bad in ({SESSION: good[SESSION][:-3]}, {SESSION: "2." + good[SESSION][2:]}, {SESSION: good[SESSION][2:]}):
        browser.cookies.update(bad)
        reader.read(browser.fetch("/api/v1/standin/echo"))
    for part, other in (("state=", "state=x"), ("code=", "code=x"), ("iss=", "iss=x"), ("code=", "error=access_denied&x=")):
        callback = site.authorize(reader.starts())
        assert reader.read(browser.call_back(callback.replace(part, other))).status >= 400
    callback = site.authorize(reader.starts())
    thief = browser.copy()
    assert reader.read(browser.call_back(callback)).status in (302, 303)
    assert reader.read(thief.call_back(callback)).status >= 400, "the code was used"
    token = site.token(sub="mallory", exp=1)
    reader.secrets.add(token)
    basic = b64encode(token.encode()).decode()
    reader.secrets.add(basic)
    for credential in (f"Bearer {token}", f"Bearer {token[:-2]}", f"Bearer {token}, Bearer {token}", f"Basic {basic}"):
        reader.read(browser.fetch("/api/v1/standin/echo", [(b"authorization", credential.encode())]))


def failures_of_the_provider(reader: Reader) -> None:
    """It repeats what it was told wherever it can."""
    site = reader.site

    def gossip(status: int, **members: str):
        def say(_: Said) -> Said:
            told = " ".join(site.forms(TOKEN)[-1].values())
            return json_answer({"error_description": told, "error_uri": f"https://x.example/?{told}", **members}, status)

        return say

    answers = [gossip(400, error="invalid_grant"), gossip(401, error="invalid_client"), gossip(400, error="x" * 3000)]
    for answer in (*answers, gossip(500), gossip(200), Said(200, b"{"), Said(302, headers={"location": "https://x.example/"})):
        site.honest()
        location = reader.starts()
        site.token_answer = answer
        assert reader.comes_back(location).status >= 400
        assert reader.posts(RELAY_PATH, {"client_id": "machine", "client_secret": RELAY_SECRET}).status >= 400
    for changes in ({"nonce": "x"}, {"aud": "x"}, {"sub": None}, {"exp": 1}):
        site.honest()
        site.id_token_changes = changes
        assert reader.comes_back(reader.starts()).status >= 400
    site.honest()


def test_nothing_is_told(gate, site):
    """
    All that may happen to a session, and then each secret is looked for in Envoy's whole log and on every page.
    At the lowest level, which says all that the others say.
    """
    envoy = gate.bed.envoy
    envoy.admin("/logging?level=trace", "POST")
    for component in TALKATIVE:
        envoy.admin(f"/logging?{component}=info", "POST")
    reader = Reader(gate, site)
    try:
        everything_good(reader)
        told_of_a_logout(reader)
        failures_of_the_browser(reader)
        failures_of_the_provider(reader)
    finally:
        site.honest()
        envoy.admin("/logging?level=info", "POST")

    known = {*site.secrets, *reader.secrets, *reader.browser.seen, RELAY_SECRET, *environment(gate)}
    assert len(wanted := words(" ".join(known))) > 100, "there was something to tell"
    log = envoy.log()
    assert "wasm log" in log, "there was something to read"
    for name, said in (("log", log), ("access log", accesses(gate)), ("pages", "\n".join(reader.pages))):
        told = words(said) & wanted
        assert not told, [line for line in said.splitlines() if any(one in line for one in told)][:5]


def environment(gate: Gate) -> list[str]:
    """The secrets that Envoy was started with."""
    pairs = Path(f"/proc/{gate.bed.envoy.child.pid}/environ").read_text().split("\0")
    return [value for name, _, value in (pair.partition("=") for pair in pairs) if name.startswith("AIRGATE_")]


def accesses(gate: Gate) -> str:
    return gate.bed.envoy.child.out.read_text(errors="replace")


def words(text: str) -> set[str]:
    """What is long enough to be a secret. Of a token each part counts: who knows all but the signature knows enough."""
    return {*re.findall(r"[\w-]{16,}", re.sub("%[0-9A-Fa-f]{2}", " ", text))}


def test_it_would_be_found(gate):
    """The same search, where something is told: to a path, which an access log has to name."""
    secret = "a-secret-in-the-wrong-place-4711"
    answer = gate.browser().fetch(f"/api/v1/{secret}")
    line = gate.bed.envoy.record(answer.json()["request_id"])
    assert secret in line["url.path"]
    assert {secret} <= words(accesses(gate))
