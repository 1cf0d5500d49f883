"""Who comes while it runs. Each kind is one thread that asks, looks at every answer, and pauses."""

import threading
from collections import Counter
from collections.abc import Callable
from itertools import count
from typing import Any

import httpx

from lab import Bed, until
from lab.forge import Key, make_key
from lab.rogue import Site
from lab.surfer import Surfer

ECHO = "/api/v1/standin/echo"
SLOW = {"x-standin-slow-seconds": "3"}

Visit = Callable[[], None]


class Unexpected(Exception):
    """An answer that nobody should have got."""


def expect(answer: httpx.Response, *statuses: int, who: str | None = None) -> None:
    if answer.status_code not in statuses:
        raise Unexpected(f"{answer.request.method} {answer.request.url.path}: {answer.status_code} {answer.text[:300]}")
    if who and (heard := dict(answer.json()["headers"]).get("x-airgate-user")) != who:
        raise Unexpected(f"{who} was {heard} to Airbyte")


class Visitors:
    """All kinds, at work until `end`."""

    def __init__(self, bed: Bed, site: Site):
        self._bed = bed
        self._site = site
        self._numbers = count()
        self._over = threading.Event()
        # Held by whoever needs the provider for a login, and by whoever takes it away.
        self.provider = threading.Lock()
        self.counts: Counter[str] = Counter()
        self.failures: list[str] = []
        kinds = {
            "known tokens": (self._known_tokens, 0.02),
            "new tokens": (self._new_tokens, 0.02),
            "bad tokens": (self._bad_tokens, 0.02),
            "no token": (self._no_token, 0.1),
            "slow calls": (self._slow_calls, 0),
            "logins": (self._logins, 1),
            **{f"session of {who}": (lambda who=who: self._session(who), 0.05) for who in ("alice", "bob", "carol")},
        }
        self.kinds = len(kinds)
        self._threads = [
            threading.Thread(target=self._work, args=(kind, begin, pause), daemon=True)
            for kind, (begin, pause) in kinds.items()
        ]

    def begin(self) -> None:
        for thread in self._threads:
            thread.start()

    def end(self) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(60)
            assert not thread.is_alive(), "a visitor never came back"

    def go_round(self) -> None:
        """Waits until those with tokens have come twice more, and so once from beginning to end."""
        before, kinds = self.counts.copy(), ("known tokens", "new tokens")
        until(lambda: all(self.counts[kind] >= before[kind] + 2 for kind in kinds), 30, "visits")

    def _work(self, kind: str, begin: Callable[[], Visit], pause: float) -> None:
        try:
            visit = begin()
        except Exception as error:
            self.failures.append(f"{kind}: {error!r}")
            return
        while not self._over.wait(pause):
            try:
                visit()
                self.counts[kind] += 1
            except Exception as error:  # whatever it is, it ought not to be
                self.failures.append(f"{kind}: {error!r}")

    def _client(self, **options: Any) -> httpx.Client:
        return self._bed.client(timeout=30, **options)

    def _ask(self, client: httpx.Client, token: str, **options: Any) -> httpx.Response:
        return client.request(**{"method": "GET", "url": ECHO, **options}, headers={"authorization": f"Bearer {token}"})

    def _known_tokens(self) -> Visit:
        client = self._client()
        tokens: dict[Key, list[str]] = {}

        def visit() -> None:
            key = self._site.signing[0]
            # For some time, so that most come again and none of them ends.
            if key not in tokens or self.counts["known tokens"] % 500 == 0:
                tokens.clear()
                tokens[key] = [self._site.token(key, sub=f"known-{number}") for number in range(5)]
            for number, token in enumerate(tokens[key]):
                method = ("GET", "POST")[number % 2]
                expect(self._ask(client, token, method=method, url=f"{ECHO}/{number}"), 200, who=f"known-{number}")

        return visit

    def _new_tokens(self) -> Visit:
        client = self._client()

        def visit() -> None:
            who = f"new-{next(self._numbers)}"
            expect(self._ask(client, self._site.token(sub=who), url=f"{ECHO}/{who}"), 200, who=who)

        return visit

    def _bad_tokens(self) -> Visit:
        client, stranger = self._client(), make_key("ES256", "stranger")

        def visit() -> None:
            number = next(self._numbers)
            expect(self._ask(client, self._site.token(sign=lambda _: bytes(64))), 401)
            # 503 while the provider, which may know that key, is away.
            expect(self._ask(client, self._site.token(stranger, {"kid": f"unknown-{number}"})), 401, 503)
            expect(self._ask(client, self._site.token(exp=1)), 401)

        return visit

    def _no_token(self) -> Visit:
        client = self._client()

        def visit() -> None:
            expect(client.get(ECHO), 401)
            expect(client.get("/api/v1/health"), 200)
            expect(client.get("/api/v1/a;b"), 400)

        return visit

    def _slow_calls(self) -> Visit:
        client = self._client()

        def visit() -> None:
            fields = {"authorization": f"Bearer {self._site.token(sub='slow')}", **SLOW}
            expect(client.post("/api/v1/connections/create", headers=fields), 200)

        return visit

    def _logins(self) -> Visit:
        def visit() -> None:
            with Surfer(self._bed.url, self._bed.issuer, self._bed.authority_file) as surfer, self.provider:
                signed_in(surfer, "bob")

        return visit

    def _session(self, who: str) -> Visit:
        """Their claims end every few seconds, and are refreshed."""
        surfer = self._bed.surfer()
        with self.provider:
            signed_in(surfer, who)

        def visit() -> None:
            expect(surfer.get(ECHO, timeout=30), 200, who=who)
            expect(surfer.post(ECHO, timeout=30), 200, who=who)

        return visit


def signed_in(surfer: Surfer, who: str) -> None:
    expect(surfer.sign_in(who, "/workspaces"), 200)
    expect(surfer.get(ECHO), 200, who=who)
