"""Sessions live in the browser: every Envoy with the key opens them, before and after any change."""

import secrets

import pytest
from browser_session.visits import asks_provider, session, twin, user

from lab import Bed, until
from lab.bootstrap import Bootstrap
from lab.envoy import Options
from lab.surfer import Surfer

NEW_KEY = "AIRGATE_SESSION_KEY_2"


def test_another_replica_opens_the_session(bed, surfer, replica):
    surfer.sign_in("alice")
    other = replica()
    before = other.provider.hits()
    assert user(surfer, other.url) == "alice"
    page = surfer.navigate(f"{other.url}/workspaces?x=1")
    assert page.status_code == 200 and "x-standin-name" in page.headers
    assert other.provider.hits() == before, "nobody had to ask the provider"


def test_a_replica_with_another_key_does_not(bed, surfer, open_bed):
    surfer.sign_in("alice")
    stranger = open_bed(Options(plugin={"external_url": bed.url}))
    assert user(surfer, stranger.url) is None


def test_a_gateway_of_another_name_does_not(bed, surfer, replica):
    """What is sealed for one address is nothing at another, with the same key."""
    surfer.sign_in("alice")
    assert user(surfer, replica({"external_url": "https://other.example.com"}).url) is None


@pytest.fixture(scope="module")
def changing_bed(open_bed) -> Bed:
    """Whose keys change while it runs."""

    def name_key(bootstrap: Bootstrap) -> None:
        bootstrap.plugin["vm_config"]["environment_variables"]["host_env_keys"].append(NEW_KEY)

    options = {"bootstrap": name_key, "environment": {NEW_KEY: secrets.token_urlsafe(32)}}
    # With one worker, so that all requests change over at once.
    return open_bed(Options(reloadable=True, concurrency=1, **options))


def test_session_keys_rotate(changing_bed):
    """In three steps, because for a while there are connections and replicas that know only what was before."""
    bed, surfer = changing_bed, changing_bed.surfer()
    old, new = {"id": "k1", "secret": {"env": "AIRGATE_SESSION_KEY"}}, {"id": "k2", "secret": {"env": NEW_KEY}}
    surfer.sign_in("alice")
    before, stale = session(surfer), twin(bed, surfer)
    assert bed.envoy.reload({"session": {"keys": [old, new]}})
    assert bed.envoy.reload({"session": {"keys": [new, old]}})

    def renewed() -> Surfer | None:
        assert user(other := twin(bed, surfer)) == "alice", "no new login"
        return other if session(other) != before else None

    surfer = until(renewed, what="the session under the new key")
    # Once is enough.
    before = session(surfer)
    assert user(surfer) == "alice" and session(surfer) == before

    assert bed.envoy.reload({"session": {"keys": [new]}})
    until(lambda: user(twin(bed, stale)) is None, what="the old key being gone")
    late = twin(bed, stale)
    assert asks_provider(late) and not session(late)
    late = twin(bed, surfer)
    assert user(late) == "alice" and session(late) == before


def test_a_restart_ends_no_session(changing_bed):
    bed, surfer = changing_bed, changing_bed.surfer()
    surfer.sign_in("alice")
    bed.envoy.assert_no_trap()
    bed.envoy.stop()
    bed.envoy.start()
    other = twin(bed, surfer)
    until(lambda: other.get("/api/v1/health").status_code == 200, what="a replica")
    assert user(other) == "alice"
