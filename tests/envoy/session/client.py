"""A browser whose cookies and headers are in the test's hands, byte for byte."""

from collections.abc import Mapping
from urllib.parse import urlsplit

from session.set_cookie import SetCookie, set_cookies
from visitor import ECHO, Visit, Visitor

from lab import Bed
from lab.wire import Answer, Fields, Wire

SESSION = "__Host-airgate-session"
ATTEMPT = "__Host-airgate-login-"
ID_TOKEN = "__Secure-airgate-id"

# What the browser that is asked for a page says, and what the web app's own script says.
NAVIGATION: Fields = [
    (b"accept", b"text/html,application/xhtml+xml,*/*;q=0.8"),
    (b"sec-fetch-dest", b"document"),
    (b"sec-fetch-mode", b"navigate"),
    (b"sec-fetch-site", b"none"),
]
FETCH: Fields = [
    (b"accept", b"application/json"),
    (b"sec-fetch-dest", b"empty"),
    (b"sec-fetch-mode", b"cors"),
    (b"sec-fetch-site", b"same-origin"),
]

# Values by name. As bytes, so that they need not be text.
Cookies = Mapping[str, bytes]


class Client(Visitor):
    """It says these cookies with every request, and keeps none. Each one that it is told to keep is set as it should be."""

    def __init__(self, bed: Bed, cookies: Cookies = {}, wire: type[Wire] = Wire, who: str | None = None):
        super().__init__(bed, wire, who)
        self.cookies = cookies
        self._host = urlsplit(bed.url).netloc.encode()

    def ask(self, target: bytes | None = ECHO, fields: Fields = [], **parts) -> Visit:
        visit = super().ask(target, [*cookie(self.cookies), *fields], **{"host": self._host, **parts})
        if visit.answer:
            for field in set_cookies(visit.answer):
                field.assert_safe()
        return visit

    def navigate(self, target: bytes = b"/", fields: Fields = [], **parts) -> Answer:
        answer = self.ask(target, [*NAVIGATION, *fields], **parts).answer
        assert answer, f"no answer to {target!r}"
        return answer

    def fetch(self, target: bytes = ECHO, fields: Fields = [], **parts) -> Visit:
        return self.ask(target, [*FETCH, *fields], **parts)


def cookie(cookies: Cookies) -> Fields:
    """The header that says them, if there are any."""
    line = b"; ".join(name.encode() + b"=" + value for name, value in cookies.items())
    return [(b"cookie", line)] if cookies else []


def signed_in(bed: Bed, who: str = "alice") -> dict[str, bytes]:
    """The session that this person gets: the cookies that go to every path."""
    surfer = bed.surfer()
    page = surfer.sign_in(who, "/workspaces")
    assert page.status_code == 200 and page.headers["x-standin-name"], page.text
    return {name: value.encode() for name, value in surfer.cookies.items() if name.startswith(SESSION)}


def started(answer: Answer, issuer: str) -> str:
    """It sends the browser to the provider, with one attempt to keep: where to."""
    location = answer.header("location")
    assert answer.status in (302, 303) and location.startswith(f"{issuer}/"), f"{answer.status} {answer.body[:300]}"
    assert answer.header("cache-control") == "no-store"
    assert len(attempts(answer)) == 1, answer.all("set-cookie")
    return location


def attempts(answer: Answer) -> list[SetCookie]:
    """The logins that this begins."""
    return [field for field in set_cookies(answer) if field.name.startswith(ATTEMPT) and not field.expires]


def unauthorized(bed: Bed, answer: Answer) -> dict:
    """It tells a program to sign in, as THREATS.md has it, and neither shows a page nor begins a login: what it says."""
    assert answer.status == 401 and answer.header("www-authenticate") == "Bearer", f"{answer.status} {answer.headers}"
    assert answer.header("content-type") == "application/json" and answer.header("cache-control") == "no-store"
    assert answer.header("location") is None and not attempts(answer), answer.headers
    if not answer.body:
        return {}
    said = answer.json()
    assert said.keys() == {"status", "error", "message", "login_url", "request_id"}, said
    assert said["status"] == 401 and said["error"] and said["message"] and said["request_id"], said
    assert said["login_url"].startswith(f"{bed.url}/.airgate/login"), said
    return said


def said_to_airbyte(visit: Visit, name: str) -> list[str]:
    """A header of a request as the stand-in got it."""
    return [value for field, value in visit.passed["headers"] if field.lower() == name]
