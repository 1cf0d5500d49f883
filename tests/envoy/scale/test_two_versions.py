"""Gateways of two versions side by side, under traffic: `make test-upgrade PREVIOUS=/path/to/airgate.wasm`."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from person import at_work

from lab import Parts
from lab.envoy import Options
from lab.fleet import Fleet
from lab.paths import MODULE

PREVIOUS = os.environ.get("AIRGATE_PREVIOUS")

pytestmark = pytest.mark.skipif(
    not PREVIOUS, reason="no PREVIOUS; the same module twice is a rolling restart, and that is tested"
)


@pytest.fixture(scope="module")
def fleet() -> Iterator[Fleet]:
    with Parts() as parts, Fleet(parts, 2, Options(module=Path(PREVIOUS))) as fleet:
        yield fleet
        fleet.assert_no_trap()


@pytest.mark.timeout(120)
def test_forward_back_and_forward(fleet):
    first, second = fleet.gateways
    with at_work(fleet) as people:
        for gateway, module in ((first, MODULE), (first, Path(PREVIOUS)), (first, MODULE), (second, MODULE)):
            people.go_on()
            fleet.restart(gateway, module=module)
        people.go_on()
    assert people.failures == []
