"""Two and three gateways behind one balancer: whoever serves, it is the same gateway."""

import time
from collections.abc import Iterator
from contextlib import ExitStack

import httpx
import pytest
from browser import Browser
from browser_session.visits import session, user
from load import Load
from person import Person

from lab import Parts, until
from lab.bootstrap import Bootstrap
from lab.fleet import Fleet

BACKENDS = 3
KEYS = 60


@pytest.fixture(scope="module")
def growing() -> Iterator[Fleet]:
    with Parts(standins=BACKENDS) as parts, Fleet(parts, 2) as fleet:
        # As Keycloak and Entra ID do by default: docs/sign-in.md says what strict rotation asks of several gateways.
        parts.provider.change(rotates_refresh_tokens=False)
        yield fleet
        fleet.assert_no_trap()


@pytest.fixture(scope="module", params=[2, 3])
def fleet(request, growing) -> Fleet:
    while len(growing.gateways) < request.param:
        growing.add(bootstrap=other_order(growing.parts))
    return growing


def other_order(parts: Parts):
    """A name has its addresses in any order: this gateway knows Airbyte's the other way round."""

    def change(bootstrap: Bootstrap) -> None:
        bootstrap.send_to(parts.urls[::-1])

    return change


def test_any_gateway_serves_any_session(fleet):
    surfer = fleet.surfer(keep_alive=False)
    before = fleet.given()
    surfer.sign_in("alice")
    through = [now > then for now, then in zip(fleet.given(), before)]
    assert sum(through) >= 2, "the login itself comes by several gateways"
    for _ in range(4):
        before = fleet.given()
        for _ in fleet.gateways:
            assert user(surfer) == "alice"
        assert [now - then for now, then in zip(fleet.given(), before)] == [1] * len(before), "each served one"


def test_a_session_that_one_refreshed_is_one_for_all(fleet):
    provider = fleet.parts.provider
    provider.lifetimes(id_token=4)
    try:
        surfer = fleet.surfer(keep_alive=False)
        surfer.sign_in("bob")
        before = session(surfer)

        def refreshed() -> bool:
            if user(surfer) != "bob":
                pytest.fail("signed out")
            return session(surfer) != before

        until(refreshed, 20, "the refresh", every=0.1)
        # One per gateway and more, all of them later than the old claims.
        ends = time.monotonic() + 2
        while time.monotonic() < ends:
            assert user(surfer) == "bob"
    finally:
        provider.lifetimes()


def test_a_provider_that_rotates_strictly_wants_one_gateway_for_each_client(growing):
    provider = growing.parts.provider
    provider.change(rotates_refresh_tokens=True)
    provider.lifetimes(id_token=4)
    try:
        roaming, staying = growing.surfer(keep_alive=False), growing.surfer()
        roaming.sign_in("alice")
        staying.sign_in("bob")
        before = session(staying)

        def signed_out() -> bool:
            if user(staying) != "bob":
                pytest.fail("signed out, though always at one gateway")
            return user(roaming) is None

        until(signed_out, 30, "two gateways being taken for thieves", every=0.01)
        until(lambda: user(staying) == "bob" and session(staying) != before, 10, "the refresh")
    finally:
        provider.change(rotates_refresh_tokens=False)
        provider.lifetimes()


def test_one_cookie_leads_to_one_backend(fleet):
    backends = set()
    # One connection to each gateway for everybody: only cookies differ.
    visitors = [Browser(gateway) for gateway in fleet.gateways]
    maker = visitors[0]
    for _ in range(KEYS):
        maker.cookie = None
        stop = maker.go()
        backends.add(stop.replica)
        for visitor in visitors:
            visitor.cookie = maker.cookie
            again = visitor.go()
            assert (again.replica, again.key, again.set_cookie) == (stop.replica, stop.key, None)
    assert len(backends) == BACKENDS


def test_one_more_and_one_less(growing):
    """Nobody notices a gateway that is added; one that dies takes along what was under way on its connections."""
    with ExitStack() as stack:
        surfers = [growing.surfer(keep_alive=number % 2 == 0) for number in range(4)]
        for surfer, who in zip(surfers, ("alice", "alice", "bob", "bob")):
            surfer.sign_in(who)
        people = [Person(surfer) for surfer in surfers]
        loads = [stack.enter_context(Load(person.visit, threads=1)) for person in people]

        def work(more: int = 10) -> None:
            before = [load.count for load in loads]
            until(lambda: all(load.count >= then + more for load, then in zip(loads, before)), 20, "work")

        work()
        added = growing.add(bootstrap=other_order(growing.parts))
        work()
        assert growing.given()[-1] > 1, "it has its share"
        assert [load.failures for load in loads] == [[]] * len(loads)
        growing.kill(added)
        work()
    for load in loads:
        # Each person has one connection at a time, so at most one broke off. What came back was right.
        assert len(load.failures) <= 1 and all(isinstance(one, httpx.TransportError) for one in load.failures)
