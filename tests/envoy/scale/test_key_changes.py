"""Keys change across gateways as docs/sign-in.md orders it, while people work; and what another order does to them."""

import secrets
from collections.abc import Iterator

import pytest
from browser import COOKIE
from browser_session.visits import SESSION, user
from person import Person, at_work
from test_affinity import key_id

from lab import Parts, until
from lab.bootstrap import Bootstrap
from lab.envoy import Options
from lab.fleet import Fleet

NAMES = [f"{ring}_KEY_{number}" for ring in ("AFFINITY", "SESSION") for number in (1, 2, 3)]


def keys(*numbers: int) -> dict:
    """Both rings with these keys, the sealing ones first."""

    def ring(name: str) -> dict:
        return {"keys": [{"id": f"k{number}", "secret": {"env": f"{name}_KEY_{number}"}} for number in numbers]}

    return {"affinity": ring("AFFINITY"), "session": ring("SESSION")}


def knows_keys(bootstrap: Bootstrap) -> None:
    bootstrap.plugin["vm_config"]["environment_variables"]["host_env_keys"] += NAMES


@pytest.fixture(scope="module")
def fleet() -> Iterator[Fleet]:
    options = Options(
        plugin=keys(1),
        bootstrap=knows_keys,
        environment={name: secrets.token_urlsafe(32) for name in NAMES},
        reloadable=True,
    )
    with Parts() as parts, Fleet(parts, 2, options) as fleet:
        yield fleet
        fleet.assert_no_trap()


def sealed_by(*people: Person) -> set[str]:
    """The ids of the keys that sealed what their browsers have."""
    cookies = [cookie for person in people for cookie in person.surfer.cookies.copy().items()]
    sealed = [value for name, value in cookies if name in (COOKIE, SESSION)]
    # A session's first cookie says before it how many there are.
    return {key_id(value[value.index("eyJ") :]) for value in sealed}


@pytest.mark.timeout(120)
def test_in_order_nobody_notices(fleet):
    with at_work(fleet) as people:
        alice = people.people[0]
        stale = fleet.surfer(keep_alive=False)
        stale.cookies = alice.surfer.cookies.copy()
        assert sealed_by(*people.people) == {"k1"}
        # The new key second. It comes with the environment, and that is read when a gateway starts.
        for gateway in fleet.gateways:
            fleet.restart(gateway, keys(1, 2))
            people.go_on()
        assert sealed_by(*people.people) == {"k1"}
        # The new key first, then alone.
        for ring in (keys(2, 1), keys(2)):
            for gateway in fleet.gateways:
                assert gateway.envoy.reload(ring)
                people.go_on()
            until(lambda: sealed_by(*people.people) == {"k2"}, what="all sealed anew")
        assert people.failures == []
        until(lambda: user(stale) is None, what="what the old key sealed being nothing any more")


def test_out_of_order_people_are_signed_out(fleet):
    """The new key first at one gateway, while the other has never heard of it."""
    with at_work(fleet) as people:
        assert fleet.gateways[0].envoy.reload(keys(3, 2))
        until(lambda: all(load.failures for load in people.loads), 20, "their noticing")
    alice, bob, program = (str(load.failures[0]) for load in people.loads)
    assert "401" in alice and "401" in bob, "signed out"
    assert "401" not in program, "who has a token is somebody, but somewhere else"
