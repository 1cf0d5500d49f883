"""What somebody with a session sees of it, and what Airbyte sees of them."""

import time
from datetime import UTC, datetime

import httpx
import pytest

from lab import Bed, until
from lab.surfer import Surfer

ECHO = "/api/v1/standin/echo"
ME = "/.airgate/me"
SESSION = "__Host-airgate-session"
TOKEN = "/token"


def session(surfer: Surfer) -> dict[str, str]:
    """The session's cookies."""
    return {name: value for name, value in surfer.cookies.items() if name.startswith(SESSION)}


def heard(answer: httpx.Response) -> dict[str, str]:
    """The headers that Airbyte got, by their lower-case names."""
    assert answer.status_code == 200, f"{answer.status_code} {answer.text}"
    return {name.lower(): value for name, value in answer.json()["headers"]}


def user(surfer: Surfer, url: str = "") -> str | None:
    """Who this browser is to Airbyte; None: nobody, and the web app is told so as it should be."""
    # Longer than the gateway holds a request for a refresh.
    answer = surfer.get(url + ECHO, timeout=15)
    if answer.status_code == 401:
        assert_told_to_sign_in(answer)
        return None
    return heard(answer)["x-airgate-user"]


def assert_told_to_sign_in(answer: httpx.Response) -> None:
    """JSON that says where, nothing that a browser would act upon."""
    assert answer.status_code == 401 and "location" not in answer.headers
    assert answer.headers["content-type"] == "application/json" and answer.headers["cache-control"] == "no-store"
    assert answer.headers["www-authenticate"].startswith("Bearer"), "anything else could open a dialog"
    assert answer.json()["login_url"].endswith("/.airgate/login"), answer.text


def assert_signed_in(surfer: Surfer, page: httpx.Response, path: str, who: str = "alice") -> None:
    """This is the stand-in's page at `path`, for this person."""
    assert page.status_code == 200, f"{page.url} answered {page.status_code}: {page.text}"
    assert str(page.url) == surfer.url + path and "x-standin-name" in page.headers, page.url
    assert user(surfer) == who


def asks_provider(surfer: Surfer, path: str = "/", url: str = "") -> bool:
    """Whether a page leads to the provider's login."""
    answer = surfer.navigate(url + path, until=lambda url: url.startswith(surfer.provider))
    return answer.has_redirect_location


def ends_at(surfer: Surfer) -> float:
    """When the session ends if nothing is done in it, as its owner is told: seconds since the epoch."""
    answer = surfer.get(ME)
    assert answer.status_code == 200, answer.text
    return datetime.strptime(answer.json()["session_ends"], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC).timestamp()


def twin(bed: Bed, surfer: Surfer) -> Surfer:
    """The same cookies in another browser, over another connection."""
    other = bed.surfer()
    other.cookies = surfer.cookies.copy()
    return other


def pass_by(moment: float) -> None:
    """Waits for a moment."""
    until(lambda: time.time() >= moment, 70, "that moment")


def refreshed(surfer: Surfer, who: str = "alice") -> None:
    """Somebody goes on working until the session was refreshed, and never notices."""
    before = session(surfer)

    def done() -> bool:
        # Not by `assert`, which would only be tried again.
        if (seen := user(surfer)) != who:
            pytest.fail(f"became {seen}")
        return session(surfer) != before

    until(done, 20, "the refresh", every=0.1)


def ends(surfer: Surfer, who: str = "alice", timeout: float = 15) -> None:
    """Somebody goes on working until the session is over; the browser then has nothing left of it."""

    def over() -> bool:
        if (seen := user(surfer)) not in (who, None):
            pytest.fail(f"became {seen}")
        return seen is None

    until(over, timeout, "the end of the session", every=0.05)
    assert not session(surfer), "the cookies are still there"
    assert asks_provider(surfer)
