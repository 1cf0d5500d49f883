"""What these tests share. They run on one version of Envoy: what a session is does not depend on the host."""

import secrets
from collections.abc import Callable, Iterator

import pytest
from browser_session.aging import Aging
from conftest import untrapped

from lab import Bed
from lab.envoy import Options
from lab.surfer import Surfer

# Of the gateway and its replicas.
_KEY = secrets.token_urlsafe(32)


@pytest.fixture(scope="session")
def example_bed(parts) -> Iterator[Bed]:
    """The example as it is."""
    with untrapped(Options(environment={"AIRGATE_SESSION_KEY": _KEY}), parts) as bed:
        yield bed


@pytest.fixture(scope="session")
def bed(example_bed) -> Bed:
    """Where these tests are; some modules have another."""
    return example_bed


@pytest.fixture(scope="session")
def prompt_bed(parts) -> Iterator[Bed]:
    """The same, except that claims end when the provider says so, and not a minute later."""
    with untrapped(Options(plugin=without_leeway), parts) as bed:
        yield bed


@pytest.fixture
def surfer(bed) -> Surfer:
    """A browser without JavaScript, that was nowhere yet."""
    return bed.surfer()


@pytest.fixture
def lifetimes(parts) -> Iterator[Callable[..., None]]:
    """`lifetimes(id_token=5)`: how many seconds the provider's tokens hold, while this test runs."""
    yield parts.provider.lifetimes
    parts.provider.lifetimes()


@pytest.fixture
def told(bed, parts) -> None:
    """This gateway is the one that the provider tells of logouts."""
    parts.provider.allow([bed.url])


@pytest.fixture(scope="module")
def replica(bed, open_bed) -> Callable[..., Bed]:
    """
    `replica({changes})` is another Envoy for the same people: with the same key behind the same address, though for
    these tests it listens at its own.
    """

    def open_replica(changes: dict = {}, **options) -> Bed:
        plugin = {"external_url": bed.url, **changes}
        return open_bed(Options(plugin=plugin, environment={"AIRGATE_SESSION_KEY": _KEY}, **options))

    return open_replica


@pytest.fixture(scope="session")
def aging(example_bed, parts) -> Iterator[Aging]:
    """People whose replica lets nobody be idle for more than a minute."""
    options = Options(
        plugin={"external_url": example_bed.url, "session": {"idle": "60s"}},
        environment={"AIRGATE_SESSION_KEY": _KEY},
        reloadable=True,
    )
    with untrapped(options, parts) as short:
        aging = Aging(example_bed, short)
        yield aging
        aging.stop()


@pytest.fixture(scope="session", autouse=True)
def _begin_early(request) -> None:
    """Whoever has to grow old begins with the first test, and not when it is their turn."""
    if any("aging" in getattr(item, "fixturenames", ()) for item in request.session.items):
        request.getfixturevalue("aging")


def without_leeway(config: dict) -> None:
    for provider in config["providers"]:
        provider["leeway"] = "0s"
