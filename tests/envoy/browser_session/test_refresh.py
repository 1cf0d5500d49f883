"""A day's work: sessions outlive their claims many times over, and nobody notices."""

import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from browser_session.visits import ECHO, TOKEN, ends, pass_by, refreshed, session, twin, user

from lab import Bed, until
from lab.forge import make_key
from lab.surfer import Surfer

LIFETIME = 3
CROWD = 20


@pytest.fixture
def bed(prompt_bed) -> Bed:
    return prompt_bed


@pytest.fixture
def alice(bed, lifetimes) -> Surfer:
    """Just signed in, with claims for a few seconds."""
    lifetimes(id_token=LIFETIME)
    surfer = bed.surfer()
    surfer.sign_in("alice")
    assert user(surfer) == "alice"
    return surfer


def tokens_asked(bed: Bed) -> int:
    return bed.provider.hits().get(TOKEN, 0)


def sleep(surfer: Surfer) -> None:
    """The lid is closed until the claims have ended."""
    assert session(surfer)
    pass_by(time.time() + LIFETIME + 1)


def test_it_goes_on_and_on(bed, alice):
    before = tokens_asked(bed)
    refreshed(alice)
    refreshed(alice)
    assert tokens_asked(bed) == before + 2


def test_a_laptop_wakes_up(bed, alice):
    """All its tabs ask at once, over both workers: all wait for the one refresh, and take the same session of it."""
    sleep(alice)
    before, crowd = tokens_asked(bed), [twin(bed, alice) for _ in range(CROWD)]
    workers = connections(bed)
    with ThreadPoolExecutor(CROWD) as threads:
        assert set(threads.map(user, crowd)) == {"alice"}
    assert all(value > workers[name] for name, value in connections(bed).items()), "one worker got them all"
    assert tokens_asked(bed) == before + 1
    sessions = {tuple(session(surfer).items()) for surfer in crowd}
    assert len(sessions) == 1 and sessions != {tuple(session(alice).items())}
    # Who comes late with the old one takes it too, and the provider has seen no token twice.
    assert user(alice) == "alice" and tuple(session(alice).items()) in sessions
    assert tokens_asked(bed) == before + 1
    refreshed(alice)


def connections(bed: Bed) -> dict[str, int]:
    """How many each worker has taken so far."""
    port = bed.url.rpartition(":")[2]
    counted = bed.envoy.stats(rf"^listener\.127\.0\.0\.1_{port}\.worker_\d+\.downstream_cx_total$")
    assert len(counted) == 2, counted
    return counted


def test_a_tab_is_closed_during_the_refresh(bed, alice):
    """The new refresh token is not lost with it: the next request takes it."""
    sleep(alice)
    before = tokens_asked(bed)
    bed.provider.delay(1000)
    try:
        with pytest.raises(httpx.ReadTimeout):
            alice.get(ECHO, timeout=0.4)
        until(lambda: tokens_asked(bed) == before + 1, what="the refresh")
    finally:
        bed.provider.delay(0)
    old = session(alice)
    assert user(alice) == "alice" and session(alice) != old
    assert tokens_asked(bed) == before + 1
    refreshed(alice)


def test_the_provider_is_down(bed, alice):
    """Whoever is in stays in, also when the claims end meanwhile; afterwards they are refreshed."""
    bed.provider.down()
    try:
        up_to = time.time() + LIFETIME + 2
        while time.time() < up_to:
            assert user(alice) == "alice"
    finally:
        bed.provider.down(False)
    refreshed(alice)


@pytest.mark.parametrize("stranger", [False, True], ids=["unseen", "while strangers guess key ids"])
def test_the_provider_changes_its_keys(bed, alice, stranger):
    """Also where the gateway has just asked for keys in vain, and may not again for some seconds."""
    if stranger:
        guess = make_key("ES256", "guess").token({"iss": bed.issuer, "aud": "airbyte", "sub": "x", "exp": time.time() + 60})
        # At every worker, whichever of them looks.
        asked = {bed.client(token=guess).get(ECHO).status_code for _ in range(8)}
        assert asked == {401}
    bed.provider.rotate(drop=True)
    refreshed(alice)


def test_invalid_grant_ends_the_session(bed, alice):
    """Cleanly: the cookies go, the web app is told, a page starts a login."""
    bed.provider.forget()
    ends(alice)
