"""One provider and two stand-ins for all of these."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from lab import Bed, Parts
from lab.bootstrap import Bootstrap
from lab.envoy import Options


@pytest.fixture(scope="session")
def parts() -> Iterator[Parts]:
    with Parts() as parts:
        yield parts


@pytest.fixture(scope="module")
def open_bed(parts) -> Iterator[Callable[..., Bed]]:
    """`open_bed(Options(…))` is a bed that lives until the module ends, where nothing in it may have trapped."""
    with ExitStack() as stack:

        def open(options: Options) -> Bed:
            bed = stack.enter_context(Bed(options, parts=parts))
            stack.callback(bed.envoy.assert_no_trap)
            return bed

        yield open


@pytest.fixture(autouse=True)
def nothing_arrived(parts) -> None:
    for standin in parts.standins:
        standin.forget()
        standin.heal()


@pytest.fixture(scope="session")
def example_routes() -> list[dict]:
    (host,) = Bootstrap.example().manager()["route_config"]["virtual_hosts"]
    return host["routes"]
