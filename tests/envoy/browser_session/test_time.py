"""When sessions end by the clock. The last file on purpose: what takes a minute began before the first test."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from browser_session.conftest import without_leeway
from browser_session.visits import asks_provider, ends, ends_at, pass_by, session, twin, user

from lab import Bed, until
from lab.envoy import Options

LIFETIME = 3


def rfc3339(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@pytest.fixture(scope="module")
def once_bed(open_bed) -> Iterator[Bed]:
    """Whose provider gives no refresh tokens."""

    def configure(config: dict) -> None:
        config["providers"][0]["login"] = {"client_id": "airgate-public"}
        without_leeway(config)

    bed = open_bed(Options(plugin=configure, reloadable=True))
    bed.provider.change(clients={"airgate-public": {"grant_types": ["authorization_code"]}})
    yield bed
    bed.provider.change(clients={"airgate-public": {"grant_types": ["authorization_code", "refresh_token"]}})


def test_without_a_refresh_token_the_claims_end_is_the_end(once_bed, lifetimes):
    lifetimes(id_token=LIFETIME)
    surfer = once_bed.surfer()
    begun = time.time()
    surfer.sign_in("alice")
    assert ends_at(surfer) <= time.time() + LIFETIME
    ends(surfer, timeout=LIFETIME + 2)
    assert time.time() >= begun + LIFETIME - 1


def test_reauth_instead_of_the_claims_end(once_bed, lifetimes):
    """For providers without refresh tokens: the person is asked again after this time."""
    lifetimes(id_token=LIFETIME)
    assert once_bed.envoy.reload({"session": {"reauth": "5m"}})

    def signed_in():
        surfer = once_bed.surfer()
        surfer.sign_in("alice")
        return surfer if ends_at(surfer) > time.time() + 200 else None

    surfer = until(signed_in, what="the new setting")
    assert ends_at(surfer) <= time.time() + 300
    pass_by(time.time() + LIFETIME + 1)
    assert user(surfer) == "alice"


def test_not_before_ends_every_older_session(bed, surfer, replica):
    """For the day on which cookies were stolen."""
    surfer.sign_in("alice")
    moment = int(time.time()) + 1
    changed = replica({"session": {"not_before": rfc3339(moment)}})
    old = session(surfer)
    assert user(surfer, changed.url) is None and old and not session(surfer)
    assert asks_provider(surfer, url=changed.url)
    pass_by(moment)
    surfer.sign_in("alice")
    assert user(surfer, changed.url) == "alice"


@pytest.mark.timeout(120)
def test_idle_and_lifetime(aging):
    """Who does nothing for a minute is out, who goes on is not; and past its lifetime a session is over for anybody."""
    pass_by(aging.begun + 61)
    aging.stop()
    assert user(aging.idler, aging.bed.url) is None and not session(aging.idler)
    assert user(aging.worker, aging.bed.url) == "alice"
    assert aging.bed.envoy.reload({"session": {"lifetime": "60s"}})
    until(lambda: user(twin(aging.bed, aging.worker)) is None, what="the end of the session")
    late = twin(aging.bed, aging.worker)
    assert asks_provider(late) and not session(late)
