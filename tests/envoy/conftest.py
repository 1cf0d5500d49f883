"""What all tests against a real Envoy share."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import pytest
from visitor import bare

from lab import Bed, Parts, until
from lab.envoy import VERSIONS, Options


@pytest.fixture(scope="session")
def parts() -> Iterator[Parts]:
    """One provider and two stand-ins for everybody who does not break them."""
    with Parts() as parts:
        yield parts


@pytest.fixture(scope="session", params=VERSIONS)
def envoy_version(request) -> str:
    """For tests whose outcome depends on the host."""
    return request.param


@pytest.fixture(scope="module")
def open_bed(parts) -> Iterator[Callable[..., Bed]]:
    """`open_bed(Options(…))` is a bed that lives until the module ends, where nothing in it may have trapped."""
    with ExitStack() as stack:
        yield lambda options=Options(), parts=parts: stack.enter_context(untrapped(options, parts))


@pytest.fixture(scope="session")
def bed(parts, envoy_version) -> Iterator[Bed]:
    """The example as it is."""
    with untrapped(Options(version=envoy_version), parts) as bed:
        yield bed


@pytest.fixture(scope="session")
def bare_bed(parts, envoy_version) -> Iterator[Bed]:
    """airgate alone with what clients send: without what Envoy does for the hygiene of requests."""
    with untrapped(Options(version=envoy_version, bootstrap=bare), parts) as bed:
        yield bed


@pytest.fixture
def faults(bed) -> Iterator[Callable[..., None]]:
    """`faults(…)` breaks both replicas, until the test ends."""

    def control(**faults) -> None:
        for standin in bed.standins:
            standin.control(**faults)

    yield control
    for standin in bed.standins:
        standin.heal()
    all_in(bed)


def all_in(bed: Bed, count: int = 2) -> None:
    """Neither health checks nor ejections keep out more than those that are gone."""
    until(lambda: bed.envoy.stats(r"^cluster\.airbyte\.membership_healthy$").popitem()[1] == count, 20, "the replicas")


@contextmanager
def untrapped(options: Options, parts: Parts) -> Iterator[Bed]:
    with Bed(options, parts=parts) as bed:
        yield bed
        bed.envoy.assert_no_trap()
