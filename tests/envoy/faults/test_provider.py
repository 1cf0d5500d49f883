"""The provider breaks while people are at work: nobody is locked out, nobody is let in, and it mends by itself."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from browser_session.visits import asks_provider, heard, refreshed, user
from conftest import untrapped
from identity.gate import Gate
from visitor import forged

from lab import Bed, Parts, until
from lab.certs import Authority
from lab.envoy import Options
from lab.forge import make_key
from lab.provider import Provider
from lab.surfer import Surfer

# How long the claims of a session hold here. The gateway refreshes it before they end, and so while the fault lasts.
LIFETIME = 2
# What is tried again after a failure is tried after 1 s, 2 s, 4 s: none of these faults lasts longer.
RECOVERY = 20


@pytest.fixture(scope="module")
def parts() -> Iterator[Parts]:
    """Nobody else is bothered."""
    with Parts(standins=1) as parts:
        yield parts


def impatient(config: dict) -> None:
    """Claims end when the provider says so, and calls to it are given up soon."""
    config["providers"][0].update(leeway="0s", keys={"wait": "1s", "timeout": "1s"})


@pytest.fixture(scope="module")
def bed(parts) -> Iterator[Bed]:
    with untrapped(Options(plugin=impatient), parts) as bed:
        yield bed


@contextmanager
def dead(provider: Provider) -> Iterator[None]:
    provider.down()
    try:
        yield
    finally:
        provider.down(False)


@contextmanager
def frozen(provider: Provider) -> Iterator[None]:
    """Connections are taken and nothing is ever said."""
    provider.freeze()
    try:
        yield
    finally:
        provider.freeze(False)


@contextmanager
def flapping(provider: Provider) -> Iterator[None]:
    over = threading.Event()

    def flap() -> None:
        while not over.wait(0.15):
            provider.down()
            over.wait(0.35)
            provider.down(False)

    thread = threading.Thread(target=flap, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def with_certificate(*names: str, authority: Authority | None = None) -> Callable:
    """It shows a certificate for these names, of its own authority or another."""

    @contextmanager
    def fault(provider: Provider) -> Iterator[None]:
        provider.certify((authority or provider.authority).leaf(*names))
        try:
            yield
        finally:
            provider.certify(provider.authority.leaf())

    return fault


FAULTS = {
    "dead": dead,
    "frozen": frozen,
    "flapping": flapping,
    "a certificate of another authority": with_certificate(authority=Authority("somebody else")),
    "a certificate of another name": with_certificate("idp.example.com"),
}


class AtWork:
    """Somebody with a session, somebody with a token, and somebody on the way back from the provider."""

    def __init__(self, bed: Bed):
        self.bed = bed
        self.gate = Gate(bed)
        self.token, self.unseen = bed.token("alice"), bed.token("bob")
        self.gate.passed(self.gate.ask(self.token))
        self.session = bed.surfer()
        self.session.sign_in("carol")
        self.claims_end = time.time() + LIFETIME
        self.returning = bed.surfer()
        callback = self.returning.sign_in("bob", until=lambda url: "/.airgate/callback/" in url)
        self.callback = callback.headers["location"]

    def go_on(self) -> None:
        assert self.gate.passed(self.gate.ask(self.token))["x-airgate-user"] == "alice"
        assert user(self.session) == "carol"

    def assert_nobody_gets_in(self) -> None:
        self.gate.bad_token(self.gate.ask(forged(self.token)), "bad_signature")
        self.gate.refused(self.gate.ask(), 401, "unauthorized", "no_credentials")
        stranger = make_key("RS256", "stranger")
        claims = {"iss": self.bed.issuer, "aud": "airbyte", "sub": "mallory", "exp": int(time.time()) + 600}
        answer = self.gate.ask(stranger.token(claims))
        assert answer.status_code in (401, 503), "a key that nobody can ask for"
        assert not self.gate.reached(answer)

    def assert_new_login_waits(self) -> None:
        """With a page in words, and a time to try again. Nobody who was not known is let in."""
        page = self.returning.navigate(self.callback)
        assert page.status_code == 503, f"{page.status_code} {page.text}"
        assert page.headers["content-type"].startswith("text/html") and 1 <= int(page.headers["retry-after"]) <= 60
        assert self.bed.envoy.record(page.headers["x-request-id"])["airgate.reason"] == "provider_unavailable"
        assert user(self.returning) is None
        assert asks_provider(self.bed.surfer()), "it may be up for the browser: people are sent there as ever"


@pytest.fixture
def at_work(bed, parts) -> Iterator[AtWork]:
    parts.provider.lifetimes(id_token=LIFETIME)
    yield AtWork(bed)
    parts.provider.lifetimes()


def outages(bed: Bed) -> int:
    return bed.envoy.stats(r"^wasmcustom\.airgate\.refreshes\.outage$").popitem()[1]


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_whoever_is_in_stays_in_and_nobody_else_gets_in(bed, parts, at_work, fault):
    before = outages(bed)
    with fault(parts.provider):
        until(lambda: at_work.go_on() or outages(bed) > before, 15, "a refresh in vain", every=0.1)
        until(lambda: at_work.go_on() or time.time() > at_work.claims_end + 0.5, 10, "the end of the claims", every=0.1)
        assert at_work.gate.passed(at_work.gate.ask(at_work.unseen))["x-airgate-user"] == "bob"
        at_work.assert_nobody_gets_in()
        if fault is not flapping:
            at_work.assert_new_login_waits()
        at_work.go_on()
    until(lambda: signs_in(bed), RECOVERY, "new logins", every=0.2)
    if fault is frozen:
        # It hears only now what it was asked, rotates the refresh token, and nobody waits for its answer any more. To
        # one that forgives no second use of a token the next attempt is theft: that session may end, cleanly, and when it
        # is next refreshed. Whoever signs in then is back.
        until(lambda: signs_in_again(at_work.session, "carol"), RECOVERY, "the way back", every=0.2)
    else:
        refreshed(at_work.session, "carol")


def signs_in_again(surfer: Surfer, who: str) -> bool:
    surfer.sign_in(who)
    return user(surfer) == who


def signs_in(bed: Bed) -> bool:
    """Somebody new, who either gets in or is told to come again."""
    surfer = bed.surfer()
    page = surfer.sign_in("bob")
    if page.status_code == 503:
        return False
    assert heard(surfer.get("/api/v1/standin/echo"))["x-airgate-user"] == "bob"
    return True


def test_a_slow_one_is_waited_for(bed, parts, at_work):
    """Slower than ever, but within the time it has: all goes on, and who needs nothing of it does not notice."""
    parts.provider.delay(500)
    try:
        answer = at_work.gate.ask(at_work.token)
        assert at_work.gate.passed(answer)["x-airgate-user"] == "alice"
        assert user(signed_in := at_work.returning) is None
        page = signed_in.navigate(at_work.callback)
        assert page.status_code == 200 and user(signed_in) == "bob"
        refreshed(at_work.session, "carol")
    finally:
        parts.provider.delay(0)


def test_started_during_an_outage(parts):
    """There is not even an address to send people to. They are told so, and get in as soon as there is."""
    with Bed(Options(plugin=impatient), parts=parts, start=False) as bed:
        with frozen(parts.provider):
            bed.start()
            surfer = bed.surfer()
            page = surfer.navigate("/workspaces")
            assert page.status_code == 503 and page.headers["content-type"].startswith("text/html")
            assert "retry-after" in page.headers
            assert user(surfer) is None
        until(lambda: signs_in(bed), RECOVERY, "the first login", every=0.2)
        bed.envoy.assert_no_trap()
