"""Sessions live in the browser: every Envoy with the key opens them, before and after any change."""

import pytest
from browser_session.visits import asks_provider, session, twin, user

from lab import Bed, until
from lab.bootstrap import Bootstrap
from lab.envoy import Options

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

    return open_bed(Options(reloadable=True, bootstrap=name_key, environment={NEW_KEY: "n" * 43}))


def test_session_keys_rotate(changing_bed):
    bed, surfer = changing_bed, changing_bed.surfer()
    old, new = {"id": "k1", "secret": {"env": "AIRGATE_SESSION_KEY"}}, {"id": "k2", "secret": {"env": NEW_KEY}}
    surfer.sign_in("alice")
    assert bed.envoy.reload({"session": {"keys": [new, old]}})
    stale, before = twin(bed, surfer), session(surfer)

    def renewed() -> bool:
        assert user(other := twin(bed, surfer)) == "alice"
        surfer.cookies = other.cookies
        return session(surfer) != before

    until(renewed, what="the session under the new key")
    # Once is enough.
    before = session(surfer)
    assert user(surfer) == "alice" and session(surfer) == before

    assert bed.envoy.reload({"session": {"keys": [new]}})
    until(lambda: user(twin(bed, stale)) is None, what="the old key being gone")
    late = twin(bed, stale)
    assert asks_provider(late) and not session(late)
    assert user(twin(bed, surfer)) == "alice"


def test_a_restart_ends_no_session(changing_bed):
    bed, surfer = changing_bed, changing_bed.surfer()
    surfer.sign_in("alice")
    bed.envoy.assert_no_trap()
    bed.envoy.stop()
    bed.envoy.start()
    other = twin(bed, surfer)
    until(lambda: other.get("/api/v1/health").status_code == 200, what="a replica")
    assert user(other) == "alice"
