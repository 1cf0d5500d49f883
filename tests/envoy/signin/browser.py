"""A browser as far as sign-in goes: it keeps cookies, says where a request comes from, and follows nothing by itself.

It speaks byte for byte, so that hostile addresses arrive as they are written, over one connection.
"""

import re
from urllib.parse import urlsplit

from lab import Bed
from lab.login_site import LoginSite
from lab.wire import Answer, Fields, Wire

SESSION = "__Host-airgate-session"
ATTEMPT = "__Host-airgate-login-"
CALLBACK = "/.airgate/callback/"
_PATHS = {"__Host-": "/", "__Secure-": "/.airgate/"}


class Browser:
    def __init__(self, bed: Bed, timeout: float = 20):
        self._bed = bed
        self._timeout = timeout
        self._connection: Wire | None = None
        self._host = urlsplit(bed.url).netloc.encode()
        self.cookies: dict[str, str] = {}
        # Every value that one of the gateway's cookies ever had.
        self.seen: set[str] = set()

    @property
    def session(self) -> dict[str, str]:
        """The chunks of the session."""
        return {name: value for name, value in self.cookies.items() if name.startswith(SESSION)}

    @property
    def attempts(self) -> dict[str, str]:
        """The logins in flight."""
        return {name: value for name, value in self.cookies.items() if name.startswith(ATTEMPT)}

    def ask(self, target: str | bytes, fields: Fields = [], **parts) -> Answer:
        """One request; what it says of cookies is kept."""
        target = target if isinstance(target, bytes) else target.encode()
        sent = [(name, value) for name, value in self.cookies.items() if self._goes_to(name, target)]
        cookie = "; ".join(f"{name}={value}" for name, value in sent).encode()
        connection = self._connection or Wire(self._bed.url, self._bed.authority_file, self._timeout)
        fields = [*([(b"cookie", cookie)] if cookie else []), *fields]
        answer = connection.ask(target, fields=fields, **{"host": self._host, **parts})
        # After a refusal the connection may be broken off.
        self._connection = connection if answer and answer.status < 400 else connection.close()
        assert answer, f"no answer to {target}"
        for field in answer.all("set-cookie"):
            self._keep(field)
        return answer

    def navigate(self, target: str | bytes, fields: Fields = [], site: str = "none", **parts) -> Answer:
        """What somebody typed, or a link or a redirect led to."""
        usual = {b"accept": b"text/html,*/*;q=0.8", b"sec-fetch-mode": b"navigate", b"sec-fetch-dest": b"document"}
        return self.ask(target, [*usual.items(), (b"sec-fetch-site", site.encode()), *fields], **parts)

    def fetch(self, target: str | bytes, fields: Fields = [], **parts) -> Answer:
        """What the web app asks."""
        usual = {b"accept": b"application/json", b"sec-fetch-mode": b"cors", b"sec-fetch-site": b"same-origin"}
        return self.ask(target, [*usual.items(), *fields], **parts)

    def start(self, target: str | bytes = "/", **parts) -> str:
        """Where the provider's login is, for somebody who wants to go to `target`."""
        return location(self.navigate(target, **parts))

    def sign_in(self, site: LoginSite, target: str | bytes = "/", sub: str = "alice", **claims) -> Answer:
        """The whole way: the answer to the callback."""
        return self.call_back(site.authorize(self.start(target), sub, **claims))

    def call_back(self, callback: str) -> Answer:
        """The way back from the provider."""
        return self.navigate(callback, site="cross-site")

    def copy(self) -> "Browser":
        """Another one with the same cookies."""
        copy = Browser(self._bed, self._timeout)
        copy.cookies = dict(self.cookies)
        return copy

    def close(self) -> None:
        if self._connection:
            self._connection = self._connection.close()

    def _goes_to(self, name: str, target: bytes) -> bool:
        return not name.startswith("__Secure-") or target.startswith(b"/.airgate/")

    def _keep(self, field: str) -> None:
        pair, *attributes = (part.strip() for part in field.split(";"))
        name, _, value = pair.partition("=")
        said = {key.lower(): value for key, _, value in (attribute.partition("=") for attribute in attributes)}
        if "-airgate-" in name:
            assert {"secure", "httponly"} <= said.keys() and "domain" not in said, field
            assert said["samesite"] == "Lax" and said["path"] == _PATHS[re.match("__[A-Z][a-z]+-", name)[0]], field
            assert len(field) < 4096, "browsers drop it"
            self.seen |= {value} - {""}
        if said.get("max-age") == "0":
            self.cookies.pop(name, None)
        else:
            self.cookies[name] = value


def location(answer: Answer) -> str:
    assert answer.status in (302, 303), answer
    assert answer.header("cache-control") == "no-store", answer.headers
    return answer.header("location")
