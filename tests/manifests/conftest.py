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


@pytest.fixture
def arrived(parts) -> Callable[[], list[dict]]:
    """What has reached a replica in this test; health checks aside."""
    for standin in parts.standins:
        standin.forget()
        standin.heal()
    return lambda: [request for request in parts.requests() if ["user-agent", "Envoy/HC"] not in request.get("headers", [])]


@pytest.fixture(scope="session")
def example_routes() -> list[dict]:
    (host,) = Bootstrap.example().manager()["route_config"]["virtual_hosts"]
    return host["routes"]
