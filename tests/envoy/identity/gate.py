"""A question to the gateway, and what a good and a bad answer look like."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

import httpx
import pytest

from lab import Bed, Parts, until
from lab.bootstrap import Bootstrap
from lab.envoy import Options
from lab.rogue import Rogue

ECHO = "/api/v1/standin/echo"


def case(name: str, *values: Any) -> Any:
    """A row of a table, with its name first."""
    return pytest.param(*values, id=name)


class Gate:
    """One client of a bed, on one connection, and so with one of Envoy's workers."""

    _numbers = count()

    def __init__(self, bed: Bed):
        self.bed = bed
        self._http = bed.client()
        self._secrets: list[str] = []
        self._paths: set[str] = set()

    def ask(self, token: str | None = None, headers: list[tuple[str, str | bytes]] = [], **options) -> httpx.Response:
        """Asks for a path that was never asked for before, so that it is found in what reached the stand-ins."""
        fields = list(headers)
        if token is not None:
            self._secrets.append(token)
            fields.append(("authorization", f"Bearer {token}"))
        path = f"{ECHO}/{next(self._numbers)}"
        self._paths.add(path)
        options = {"method": "GET", "url": path, **options}
        return self._http.request(headers=fields, **options)

    def reached(self, answer: httpx.Response) -> bool:
        return any(one.get("url") == answer.request.url.path for one in self.bed.parts.requests())

    def reached_any(self) -> bool:
        """Whether any question of this gate ever reached a stand-in."""
        return any(one.get("url") in self._paths for one in self.bed.parts.requests())

    def passed(self, answer: httpx.Response) -> dict[str, str]:
        """The headers as the stand-in saw them; it must have."""
        assert answer.status_code == 200, f"{answer.status_code} {answer.text}"
        seen = answer.json()["headers"]
        names = [name.lower() for name, _ in seen]
        doubled = {name for name in names if names.count(name) > 1}
        assert not doubled, f"headers twice: {doubled}"
        return {name.lower(): value for name, value in seen}

    def refused(self, answer: httpx.Response, status: int, error: str, reason: str) -> None:
        """It is an answer of the gateway as THREATS.md wants it, and Airbyte was never asked."""
        assert answer.status_code == status, f"{answer.status_code} {answer.text}"
        assert "x-standin-name" not in answer.headers and not self.reached(answer), "it reached Airbyte"
        assert answer.headers["content-type"] == "application/json"
        body = answer.json()
        assert (body["status"], body["error"]) == (status, error), body
        assert body["message"] and body["request_id"], body
        line = self.bed.envoy.record(body["request_id"])
        assert line["airgate.reason"] == reason, f"the log says {line['airgate.reason']}"

    def bad_token(self, answer: httpx.Response, reason: str) -> None:
        self.refused(answer, 401, "invalid_token", reason)
        challenge = answer.headers["www-authenticate"]
        assert challenge.startswith('Bearer error="invalid_token", error_description="'), challenge
        assert challenge.count('"') == 4 and challenge.isascii(), challenge

    def assert_discreet(self) -> None:
        """No token stands in a log, and no line of the module is longer than a line."""
        said = self.bed.envoy.log()
        everything = said + self.bed.envoy.child.out.read_text(errors="replace")
        told = [secret for secret in self._secrets if len(secret) > 40 and secret in everything]
        assert not told, f"in the log: {told[:3]}"
        longest = max((line for line in said.splitlines() if "wasm log" in line), key=len, default="")
        assert len(longest) < 1024, longest


@contextmanager
def open_gate(
    parts: Parts, rogues: list[Rogue], providers: list[dict], plugin: dict = {}, **options
) -> Iterator[Gate]:
    """An Envoy with these providers beside the demo's own. In the end nothing has trapped and no token was told."""

    def configure(config: dict) -> None:
        config.update(plugin)
        config["providers"] += providers

    def connect(bootstrap: Bootstrap) -> None:
        for rogue in rogues:
            rogue.connect(bootstrap)
        # Beyond what the example lets through, so that large tokens come to airgate's own limits.
        bootstrap.manager()["max_request_headers_kb"] = 96

    with Bed(Options(plugin=configure, bootstrap=connect, **options), parts=parts) as bed:
        gate = Gate(bed)
        # On a busy machine a health check may fail first, and then nobody is there to ask for a moment.
        until(lambda: gate.ask(url="/api/v1/health").status_code == 200, 10, "a replica")
        yield gate
        gate.assert_discreet()
        bed.envoy.assert_no_trap()
