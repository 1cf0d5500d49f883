"""Somebody who asks byte for byte, and looks up what of it arrived."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from itertools import count

from lab import Bed
from lab.bootstrap import Bootstrap
from lab.wire import Answer, Fields, Wire

ECHO = b"/api/v1/standin/echo"
# The web app's own reads are POSTs too: the operation tells, and not the method.
READ, WRITE, LONG = b"/api/v1/connections/list", b"/api/v1/connections/update", b"/api/v1/sources/discover_schema"


class Visit:
    """One question: its answer, and what became of it behind the gateway."""

    def __init__(self, visitor: "Visitor", mark: str, answer: Answer | None):
        self._visitor = visitor
        self._mark = mark
        # None: cut off without one.
        self.answer = answer

    @property
    def arrived(self) -> dict | None:
        """The request as a replica got it: at most once."""
        found = self.arrivals
        assert len(found) < 2, found
        return found[0] if found else None

    @property
    def arrivals(self) -> list[dict]:
        """Each time that it reached a replica."""
        return self._visitor.journal()[self._mark]

    @property
    def passed(self) -> dict:
        """The same, and it must have."""
        assert (arrived := self.arrived), f"did not pass: {self.answer}"
        return arrived

    @property
    def refused(self) -> str | None:
        """It must have been. The reason in the log where airgate refused it; None where Envoy did."""
        assert not (arrived := self.arrived), f"it reached Airbyte: {arrived}"
        if self.answer is None:
            return None
        assert 400 <= self.answer.status < 500, self.answer
        if not self.answer.body.startswith(b"{"):
            return None
        body = self.answer.json()
        assert body["status"] == self.answer.status and body["request_id"], body
        return self.line["airgate.reason"]

    @property
    def line(self) -> dict:
        """Its line in the access log, found by the id that stands in the answer."""
        return self.logged(self.answer.header("x-request-id") or self.answer.json()["request_id"])

    def logged(self, request_id: str) -> dict:
        return self._visitor.logged(request_id)


class Visitor:
    """One question after the other, on a new connection after each refusal: what broke one must not harm the next."""

    _numbers = count()
    # What arrived anywhere, by its mark.
    _journal: defaultdict[str, list[dict]] = defaultdict(list)

    def __init__(self, bed: Bed, wire: type[Wire] = Wire, who: str | None = "alice", timeout: float = 10):
        self.bed = bed
        self.wire = wire
        self._timeout = timeout
        self._credentials = [(b"authorization", f"Bearer {bed.token(who)}".encode())] if who else []
        self._asked = True
        self._connection: Wire | None = None

    def ask(self, target: bytes | None = ECHO, fields: Fields = [], **parts) -> Visit:
        return self._ask(fields, lambda connection, fields: connection.ask(target, fields=fields, **parts))

    def ask_in_parts(self, target: bytes, fields: Fields, parts: Callable[[str], Iterable[bytes]]) -> Visit:
        """`parts` is told the mark by which the request is found in the stand-ins' journals."""
        return self._ask(
            fields, lambda connection, fields: connection.ask_in_parts(target, parts(fields[0][1].decode()), fields=fields)
        )

    def _ask(self, fields: Fields, say: Callable[[Wire, Fields], Answer | None]) -> Visit:
        self._asked = True
        mark = f"{next(self._numbers)}."
        fields = [(b"x-mark", mark.encode()), *self._credentials, *fields]
        connection = self._connection or self.wire(self.bed.url, self.bed.authority_file, self._timeout)
        answer = say(connection, fields)
        self._connection = connection if answer and answer.status < 400 else connection.close()
        return Visit(self, mark, answer)

    def ask_all(self, targets: Iterable[bytes], **parts) -> dict[bytes, Visit]:
        return {target: self.ask(target, **parts) for target in targets}

    def journal(self) -> dict[str, list[dict]]:
        """Read once for many questions, and what is read once is not read again."""
        if self._asked:
            self._asked = False
            for standin in self.bed.standins:
                for one in standin.requests():
                    for mark in values(one, "x-mark"):
                        self._journal[mark].append(one)
                standin.forget()
        return self._journal

    def logged(self, request_id: str) -> dict:
        return self.bed.envoy.record(request_id)


def values(arrived: dict, name: str) -> list[str]:
    return [value for field, value in arrived.get("headers", []) if field.lower() == name]


def forged(token: str) -> str:
    """With another signature, which reads as one."""
    head, _, signature = token.rpartition(".")
    return f"{head}.{'AB'[signature[0] == 'A']}{signature[1:]}"


def bare(bootstrap: Bootstrap) -> None:
    """Takes away what Envoy does for the hygiene of requests, so that airgate is alone with them."""
    manager = bootstrap.manager()
    for setting in (
        "normalize_path",
        "merge_slashes",
        "path_with_escaped_slashes_action",
        "early_header_mutation_extensions",
    ):
        del manager[setting]
    del manager["common_http_protocol_options"]["headers_with_underscores_action"]
    manager["max_request_headers_kb"] = 96
    # HTTP/2 connections that are broken off end after a second otherwise.
    manager["delayed_close_timeout"] = "0.01s"
