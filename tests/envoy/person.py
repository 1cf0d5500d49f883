"""Somebody who keeps asking, and stays who they are and where they are."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from load import Load

from lab.fleet import Fleet
from lab.surfer import Surfer
from lab.until import until

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


class People:
    """Two with sessions and one with a token, each at work all the time."""

    def __init__(self, people: list[Person], loads: list[Load]):
        self.people = people
        self.loads = loads

    @property
    def failures(self) -> list[BaseException]:
        return [failure for load in self.loads for failure in load.failures]

    def go_on(self, visits: int = 5) -> None:
        """Until each has been there so many times more."""
        before = [load.count for load in self.loads]
        until(lambda: all(load.count >= then + visits for load, then in zip(self.loads, before)), 30, "work")


@contextmanager
def at_work(fleet: Fleet, keep_alive: bool = False) -> Iterator[People]:
    """Without `keep_alive` each request is at another gateway than the one before."""
    surfers = [fleet.surfer(keep_alive) for _ in range(3)]
    surfers[0].sign_in("alice")
    surfers[1].sign_in("bob")
    token = {"authorization": f"Bearer {fleet.parts.provider.token('ci-bot')}"}
    people = [Person(one, headers) for one, headers in zip(surfers, ({}, {}, token))]
    with ExitStack() as stack:
        yield People(people, [stack.enter_context(Load(person.visit, threads=1)) for person in people])
