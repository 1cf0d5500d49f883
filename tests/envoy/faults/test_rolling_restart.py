"""Two gateways behind one balancer are restarted one after the other, and nobody notices."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from person import at_work

from lab import Parts, until
from lab.balancer import Backend
from lab.fleet import Fleet, drain
from lab.surfer import Surfer


@pytest.fixture(scope="module")
def fleet() -> Iterator[Fleet]:
    """Its sessions are for the balancer's address."""
    with Parts() as parts, Fleet(parts, 2) as fleet:
        yield fleet
        fleet.assert_no_trap()


def test_nobody_notices(fleet):
    token = {"authorization": f"Bearer {fleet.parts.provider.token('ci-bot')}"}
    with at_work(fleet, keep_alive=True) as people:
        for gateway in fleet.gateways:
            people.go_on()
            with sleepers(fleet, token) as slow_calls:
                draining = drain(gateway.envoy)
                fleet.balancer.wait_for(Backend.of(gateway.envoy), ready=False)
                assert not any(call.done() for call in slow_calls), "calls outlive the balancer's notice"
                assert draining.wait(60) == 0
                # Had it not waited for them they would have seconds to go.
                assert [call.result(1) for call in slow_calls] == [200] * len(slow_calls)
            fleet.start_anew(gateway)
    assert people.failures == []


@contextmanager
def sleepers(fleet: Fleet, headers: dict[str, str]) -> Iterator[list[Future]]:
    """A slow call through each gateway."""
    before = fleet.given()
    with ThreadPoolExecutor(len(before)) as threads:
        # New connections go round, and nobody else opens any now.
        calls = [threads.submit(slow_call, fleet.surfer(keep_alive=False), headers) for _ in before]
        until(lambda: all(now > then for now, then in zip(fleet.given(), before)), 10, "a slow call through each")
        yield calls


def slow_call(surfer: Surfer, headers: dict[str, str]) -> int:
    return surfer.post("/api/v1/connections/create", {**headers, "x-standin-slow-seconds": "4"}).status_code
