"""A gateway, whichever it is, and somebody who asks it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import httpx

from lab.bed import Parts
from lab.login_site import LoginSite
from lab.surfer import Surfer
from lab.tls import trusting
from lab.wire import Answer, Fields, Wire

ECHO = b"/api/v1/standin/echo"
_marks = count()


@dataclass(frozen=True)
class Gate:
    url: str
    parts: Parts
    site: LoginSite
    # The cookie by which clients stay on their replica.
    cookie: str

    def ask(
        self, target: bytes = ECHO, token: str | None = None, fields: Fields = [], cookie: str | None = None, **request
    ) -> "Visit":
        """On a connection of its own, byte for byte. Without `token`, as alice, who is an admin; "" is nobody."""
        token = self.token() if token is None else token
        mark = f"{next(_marks)}."
        own = [(b"authorization", f"Bearer {token}".encode())] if token else []
        own += [(b"cookie", f"{self.cookie}={cookie}".encode())] if cookie is not None else []
        with Wire(self.url, self.parts.authority_file) as wire:
            answer = wire.ask(target, fields=[(b"x-mark", mark.encode()), *own, *fields], **request)
        alive = [standin for standin in self.parts.standins if standin.child.running]
        requests = [one for standin in alive for one in standin.requests()]
        return Visit(answer, [one for one in requests if ["x-mark", mark] in one.get("headers", [])], self.cookie)

    def post(self, path: str, body: bytes = b"{}", **request) -> "Visit":
        fields = [(b"content-type", b"application/json"), *request.pop("fields", [])]
        return self.ask(path.encode(), method=b"POST", body=body, fields=fields, **request)

    def token(self, group: str = "airbyte-admins", **changes) -> str:
        """Of alice, or with changes to what it says; None removes."""
        return self.site.token(**{"groups": [group], **changes})

    @contextmanager
    def client(self, address: str) -> Iterator[httpx.Client]:
        """From another address of this machine, as alice."""
        transport = httpx.HTTPTransport(verify=trusting(self.parts.authority_file), local_address=address)
        url, headers = self.url.replace("localhost", "127.0.0.1"), {"authorization": f"Bearer {self.token()}"}
        with httpx.Client(base_url=url, transport=transport, headers=headers) as client:
            yield client

    @contextmanager
    def surfer(self) -> Iterator[Surfer]:
        with Surfer(self.url, self.site.issuer, self.parts.authority_file) as surfer:
            yield surfer


@dataclass(frozen=True)
class Visit:
    answer: Answer | None
    # The request as replicas got it.
    arrivals: list[dict]
    _cookie: str

    @property
    def outcome(self) -> str:
        """In a table's words. What reached Airbyte passes, whatever the answer."""
        return "passes" if self.arrivals else str(self.answer and self.answer.status)

    @property
    def refused(self) -> str:
        """Where it does not matter by which of the 400s."""
        return "refused" if not self.arrivals and self.answer and 400 <= self.answer.status < 500 else self.outcome

    @property
    def path(self) -> str:
        return f"passes as {self.arrivals[0]['url']}" if self.arrivals else self.refused

    @property
    def user(self) -> str:
        return f"passes as {' and '.join(self.seen('x-airgate-user'))}" if self.arrivals else self.outcome

    def seen(self, name: str) -> list[str]:
        """A header as the replica saw it."""
        (arrived,) = self.arrivals
        return [value for field, value in arrived["headers"] if field.lower() == name]

    @property
    def replica(self) -> str:
        return self.arrivals[-1]["name"]

    @property
    def set_cookie(self) -> str | None:
        """The affinity cookie's new value."""
        mine = [line for line in self.answer.all("set-cookie") if line.startswith(f"{self._cookie}=")]
        return mine[0].split("=", 1)[1].partition(";")[0] if mine else None


def is_well(url: str, authority_file: Path) -> bool:
    """Whether the gateway there has a replica that answers."""
    try:
        with Wire(url, authority_file) as wire:
            return wire.ask(b"/api/v1/health").status == 200
    except OSError:
        return False
