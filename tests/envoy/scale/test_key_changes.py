"""Keys change across gateways as docs/sign-in.md orders it, while people work; and what another order does to them."""

import secrets
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest
from browser import COOKIE
from browser_session.visits import SESSION, user
from load import Load
from person import Person
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


@contextmanager
def at_work(fleet: Fleet) -> Iterator[tuple[list[Person], list[Load]]]:
    """Two with sessions and one with a token, each request at another gateway than the one before."""
    surfers = [fleet.surfer(keep_alive=False) for _ in range(3)]
    surfers[0].sign_in("alice")
    surfers[1].sign_in("bob")
    token = {"authorization": f"Bearer {fleet.parts.provider.token('ci-bot')}"}
    people = [Person(one, headers) for one, headers in zip(surfers, ({}, {}, token))]
    with ExitStack() as stack:
        yield people, [stack.enter_context(Load(person.visit, threads=1)) for person in people]


def sealed_by(person: Person) -> set[str]:
    """The ids of the keys that sealed what this browser has."""
    sealed = [value for name, value in person.surfer.cookies.items() if name in (COOKIE, SESSION)]
    # A session's first cookie says before it how many there are.
    return {key_id(value[value.index("eyJ") :]) for value in sealed}


@pytest.mark.timeout(120)
def test_in_order_nobody_notices(fleet):
    with at_work(fleet) as (people, loads):

        def go_on() -> None:
            before = [load.count for load in loads]
            until(lambda: all(load.count >= then + 5 for load, then in zip(loads, before)), 30, "work")

        stale = fleet.surfer(keep_alive=False)
        stale.cookies = people[0].surfer.cookies.copy()
        assert sealed_by(people[0]) == {"k1"}
        # The new key second. It comes with the environment, and that is read when a gateway starts.
        for gateway in fleet.gateways:
            fleet.restart(gateway, keys(1, 2))
            go_on()
        assert {name for person in people for name in sealed_by(person)} == {"k1"}
        # The new key first, then alone.
        for ring in (keys(2, 1), keys(2)):
            for gateway in fleet.gateways:
                assert gateway.envoy.reload(ring)
                go_on()
            until(lambda: {name for person in people for name in sealed_by(person)} == {"k2"}, what="all sealed anew")
        assert [load.failures for load in loads] == [[]] * len(loads)
        until(lambda: user(stale) is None, what="what the old key sealed being nothing any more")


def test_out_of_order_people_are_signed_out(fleet):
    """The new key first at one gateway, while the other has never heard of it."""
    with at_work(fleet) as (_, loads):
        assert fleet.gateways[0].envoy.reload(keys(3, 2))
        until(lambda: all(load.failures for load in loads), 20, "their noticing")
    assert "401" in str(loads[0].failures[0]) and "401" in str(loads[1].failures[0]), "signed out"
    assert "401" not in str(loads[2].failures[0]), "who has a token is somebody, but somewhere else"
