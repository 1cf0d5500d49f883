"""A policy behind a real Envoy, callers of every kind, and what becomes of what they ask."""

import json
from collections.abc import Mapping
from itertools import count

import httpx

from lab import Bed
from lab.rogue import Site

# What the stand-in knows: tests/standin/data.mjs.
MINE = "cccccccc-0000-4000-8000-000000000001"
YOURS = "cccccccc-0000-4000-8000-000000000002"
WORKSPACE = "11111111-1111-4111-8111-111111111111"
JOBS = "/api/public/v1/jobs"

# The claims of a token; without any it is nobody whom a policy knows.
Who = Mapping[str, object]


class Policy:
    """
    policy.passed(policy.ask({"groups": ["analysts"]}, "GET /"))
    """

    _numbers = count()

    def __init__(self, bed: Bed, site: Site):
        self.bed = bed
        self.site = site
        self._http = bed.client()

    def ask(
        self, who: Who, operation: str, body: object = None, headers: Mapping[str, str] = {}, **options
    ) -> httpx.Response:
        """`GET /path`, by whoever the provider says this of. Bytes and pieces are sent as they are, all else as JSON."""
        method, path = operation.split(" ")
        fields = {"authorization": f"Bearer {self.site.token(**who)}", "user-agent": f"policy-{next(self._numbers)}"}
        if method in ("POST", "PUT", "PATCH"):
            fields["content-type"] = "application/json"
            as_it_is = isinstance(body, bytes) or hasattr(body, "__next__")
            options["content"] = body if as_it_is else json.dumps({} if body is None else body).encode()
        return self._http.request(method, path, headers={**fields, **headers}, **options)

    def line(self, answer: httpx.Response) -> dict:
        """Of the access log, about this."""
        agent = answer.request.headers["user-agent"]
        return self.bed.envoy.logged(lambda line: line["user_agent.original"] == agent)

    def arrived(self, answer: httpx.Response) -> list[dict]:
        """What Airbyte got of it."""
        field = ["user-agent", answer.request.headers["user-agent"]]
        return [one for one in self.bed.parts.requests() if field in one.get("headers", [])]

    def passed(self, answer: httpx.Response) -> dict:
        """It reached Airbyte, once, whatever that made of it. Its line."""
        assert "x-standin-name" in answer.headers, f"{answer.status_code} {answer.text}"
        assert len(self.arrived(answer)) == 1
        line = self.line(answer)
        assert line["airgate.decision"] == "allow", line
        return line

    def refused(self, answer: httpx.Response, reason: str, status: int = 403) -> dict:
        """It is a refusal that the web app and scripts can read, and Airbyte was never asked. Its line."""
        assert answer.status_code == status, f"{answer.status_code} {answer.text}"
        assert "x-standin-name" not in answer.headers and not self.arrived(answer), "it reached Airbyte"
        assert answer.headers["content-type"] == "application/json"
        said, line = answer.json(), self.line(answer)
        assert said["status"] == status and said["message"], said
        assert said["request_id"] == line["airgate.request_id"] == answer.headers["x-request-id"]
        assert status == 401 or said.get("operation") == line["airgate.operation"]
        assert (line["airgate.decision"], line["airgate.reason"]) == ("deny", reason), line
        return line


def is_passed(answer: httpx.Response) -> bool:
    return "x-standin-name" in answer.headers
