"""What these tests share. They run on one version of Envoy: what a session is does not depend on the host."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lab import Bed
from lab.chromium import Chromium
from lab.paths import BUILD
from lab.surfer import Surfer


@pytest.fixture(scope="session")
def bed(parts) -> Iterator[Bed]:
    """The example as it is."""
    with Bed(parts=parts) as bed:
        yield bed
        bed.envoy.assert_no_trap()


@pytest.fixture
def surfer(bed) -> Iterator[Surfer]:
    """A browser without JavaScript, that was nowhere yet."""
    with bed.surfer() as surfer:
        yield surfer


@pytest.fixture
def chromium(bed) -> Iterator[Chromium]:
    """A real one."""
    with Chromium(bed) as browser:
        yield browser


@pytest.fixture
def lifetimes(parts) -> Iterator[Callable[..., None]]:
    """`lifetimes(id_token=5)`: how many seconds the provider's tokens hold, while this test runs."""
    yield parts.provider.lifetimes
    parts.provider.lifetimes()


@pytest.fixture
def told(bed, parts) -> None:
    """This gateway is the one that the provider tells of logouts."""
    parts.provider.allow([bed.url])


@pytest.fixture
def pictures() -> Callable[[Chromium, str], list[Path]]:
    """`pictures(browser, "error")` keeps how a page looks: on a phone, by day and by night, and on a desk."""

    def take(browser: Chromium, name: str) -> list[Path]:
        folder = BUILD / "screenshots"
        return [
            browser.screenshot(folder / f"{name}-phone.png"),
            browser.screenshot(folder / f"{name}-phone-dark.png", dark=True),
            browser.screenshot(folder / f"{name}-desk.png", width=1280),
        ]

    return take
