"""A browser as far as affinity goes: it keeps one cookie and says it every time."""

from visitor import ECHO, Visitor

from lab import Bed
from lab.wire import Answer, Fields

COOKIE = "__Host-airgate-affinity"


class Browser:
    def __init__(self, bed: Bed, cookie: str | None = None, who: str = "alice", name: str = COOKIE):
        self._visitor = Visitor(bed, who=who)
        self._name = name
        self.cookie = cookie

    def go(self, fields: Fields = [], target: bytes = ECHO) -> "Stop":
        """One request; a new cookie is kept."""
        own = [(b"cookie", f"{self._name}={self.cookie}".encode())] if self.cookie is not None else []
        stop = Stop(self._visitor.ask(target, [*own, *fields]).answer, self._name)
        if stop.set_cookie:
            self.cookie = stop.set_cookie
        return stop


class Stop:
    """Where a request ended up."""

    def __init__(self, answer: Answer | None, name: str):
        assert answer and answer.status == 200, answer
        self.answer = answer
        self.replica = answer.header("x-standin-name")
        field = answer.header("set-cookie")
        self.set_cookie = field.removeprefix(f"{name}=").partition(";")[0] if field else None

    def seen(self, name: str) -> list[str]:
        """A header as the replica saw it."""
        return [value for field, value in self.answer.json()["headers"] if field.lower() == name]

    @property
    def key(self) -> str:
        """What the proxy hashes."""
        (key,) = self.seen("x-airgate-affinity")
        return key


def one_on(bed: Bed, replica: str) -> Browser:
    """A browser that was sent to this replica."""
    for _ in range(64):
        browser = Browser(bed)
        if browser.go().replica == replica:
            return browser
    raise AssertionError(f"of 64 browsers none was sent to {replica}")
