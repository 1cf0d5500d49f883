"""Somebody who keeps asking, and stays who they are and where they are."""

from lab.surfer import Surfer

ECHO = "/api/v1/standin/echo"


class Person:
    def __init__(self, surfer: Surfer, headers: dict[str, str] = {}):
        self.surfer = surfer
        self._headers = headers
        self._first = self._seen()

    def visit(self) -> None:
        assert (seen := self._seen()) == self._first, f"{seen} and not {self._first}"

    def _seen(self) -> list[tuple[str | None, str, str]]:
        answers = [self.surfer.fetch(method, ECHO, self._headers) for method in ("GET", "POST")]
        assert [answer.status_code for answer in answers] == [200, 200], [answer.text for answer in answers]
        heard = [{name.lower(): value for name, value in answer.json()["headers"]} for answer in answers]
        return [
            (one["x-airgate-user"], one["x-airgate-affinity"], answer.headers["x-standin-name"])
            for one, answer in zip(heard, answers)
        ][1:]
