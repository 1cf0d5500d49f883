"""How each page of the gateway looks: on a phone, by day and by night, and on a desk. `.build/screenshots` has them."""

from collections.abc import Iterator
from pathlib import Path
from struct import unpack

import pytest
from browser_session.visits import ME
from selenium.webdriver.common.by import By

from lab import Bed
from lab.chromium import Chromium
from lab.envoy import Options
from lab.partner import add_partner
from lab.paths import BUILD

FOLDER = BUILD / "screenshots"
PHONE, DESK = 390, 1280


@pytest.fixture(scope="module")
def bed(open_bed) -> Bed:
    return open_bed(Options(plugin=lambda config: add_partner(config, "Partners & contractors", "Corporate login")))


@pytest.fixture(scope="module")
def chromium(bed) -> Iterator[Chromium]:
    with Chromium(bed) as chromium:
        yield chromium


@pytest.fixture
def visitor(chromium) -> Chromium:
    """Whom nobody knows."""
    chromium.drop_cookies()
    return chromium


@pytest.fixture
def alice(visitor) -> Chromium:
    visitor.sign_in("alice", "/.airgate/login?provider=corp")
    return visitor


def show(chromium: Chromium, name: str, *words: str) -> None:
    """The page of the gateway that says this: photographed, and never wider than the screen."""
    assert chromium.location.startswith(chromium.url), chromium.location
    text = chromium.text
    assert all(word.lower() in text.lower() for word in words), text
    assert "Request id" in text and len(chromium.driver.find_elements(By.TAG_NAME, "h1")) == 1
    for file, width, dark in (("phone", PHONE, False), ("phone-dark", PHONE, True), ("desk", DESK, False)):
        picture = chromium.screenshot(FOLDER / f"{name}-{file}.png", width, dark)
        assert width_of(picture) == 2 * width, f"{picture.name} has to be scrolled sideways"


def width_of(picture: Path) -> int:
    """In pixels, of which there are two for each of CSS."""
    return unpack(">I", picture.read_bytes()[16:20])[0]


def test_chooser(bed, visitor):
    """Which provider? And the page that was asked for is not forgotten."""
    visitor.open("/workspaces?x=1&y=2")
    show(visitor, "chooser", "Sign in", "Corporate login", "Partners & contractors")
    visitor.click("a[href*='provider=corp']")
    visitor.finish("alice")
    assert visitor.path == "/workspaces?x=1&y=2"


def test_me(alice):
    alice.open(ME)
    show(alice, "me", "Alice Admin", "alice@example.com", "admin", "Corporate login", "Sign out")


def test_sign_out(alice):
    alice.open("/.airgate/logout")
    show(alice, "sign-out", "Sign out?", "Stay signed in")


def test_signed_out(visitor):
    visitor.open("/.airgate/signed-out")
    show(visitor, "signed-out", "signed out", "Sign in again")


def test_login_error(visitor):
    visitor.open("/.airgate/callback/corp?code=x&state=y")
    show(visitor, "login-error", "not signed in", "Try again")


def test_login_denied(visitor):
    visitor.open("/.airgate/login?provider=corp")
    visitor.click("[name=cancel]")
    visitor.wait(lambda: visitor.location.startswith(visitor.url), "the way back")
    show(visitor, "login-denied", "declined", "Corporate login", "Try again")


def test_not_found(alice):
    alice.open("/.airgate/nothing")
    show(alice, "not-found", "Not found")


def test_not_allowed(alice):
    alice.open("/api/v1/dataplanes/list")
    show(alice, "not-allowed", "Not allowed")


def test_session_too_large(bed, visitor):
    """With more groups than cookies hold."""
    groups = [f"department-{number:04}-of-a-large-company" for number in range(300)]
    bed.provider.change(accounts={"dora": {"name": "Dora Many", "email": "dora@example.com", "groups": groups}})
    visitor.sign_in("dora", "/.airgate/login?provider=corp")
    show(visitor, "session-too-large", "too large", "groups", "bytes")
