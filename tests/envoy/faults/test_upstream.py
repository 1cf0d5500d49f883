"""Airbyte's replicas break: what clients are told, what the record says, and that no write is ever sent twice."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from browser import COOKIE, one_on
from conftest import all_in, untrapped
from visitor import LONG, READ, WRITE, Visit, Visitor, values

from lab import Bed, Parts, until
from lab.envoy import Options, Timing
from lab.standin import Standin

SLOW = b"x-standin-slow-seconds"
POST = {"method": b"POST", "body": b"{}"}


@pytest.fixture(scope="module")
def parts() -> Iterator[Parts]:
    """Nobody else is bothered."""
    with Parts() as parts:
        yield parts


@pytest.fixture(scope="module")
def bed(parts) -> Iterator[Bed]:
    """Where the usual 60 s are 3 s, and the 30 minutes of slow calls a minute and a half."""
    with untrapped(Options(timing=Timing(requests=20)), parts) as bed:
        yield bed


def told(visit: Visit, status: int, flags: str) -> None:
    """As the web app and the record need it."""
    assert visit.answer and visit.answer.status == status, visit.answer
    assert visit.answer.header("content-type") == "application/json"
    body = visit.answer.json()
    assert body["message"] == "Airbyte cannot be reached or did not answer in time" and body["request_id"]
    assert flags in visit.line["airgate.flags"].split(","), visit.line
    assert (visit.line["airgate.decision"], visit.line["http.response.status_code"]) == ("allow", status)


# What becomes of a request, and the flag that says why.
NO_ANSWER = pytest.mark.parametrize(
    "fault, status, flag",
    [({"reset": {"path": "/api/v1/"}}, 503, "UC"), ({"cut": {"in": "head", "path": "/api/v1/"}}, 502, "UPE")],
    ids=["reset", "half a head"],
)


@NO_ANSWER
def test_no_answer_or_half_a_head(bed, faults, fault, status, flag):
    """Reads go to the other replica as often as the route says, and then it is a 503. Writes are sent once."""
    faults(**fault)
    for target, most in ((READ, 3), (WRITE, 1), (LONG, 1)):
        visit = Visitor(bed).ask(target, [(SLOW, b"0")], **POST)
        told(visit, status, flag)
        assert len(visit.arrivals) == most == visit.line["envoy.attempts"], target


@NO_ANSWER
def test_one_replica_gives_none_and_the_other_does(bed, faults, fault, status, flag):
    """`faults` mends it."""
    ill, well = bed.standins
    ours = [(b"cookie", f"{COOKIE}={one_on(bed, ill.name).cookie}".encode()), (SLOW, b"0")]
    ill.control(**fault)
    visit = Visitor(bed).ask(READ, ours, **POST)
    assert visit.answer.status == 200 and visit.answer.header("x-standin-name") == well.name
    assert [arrival["name"] for arrival in visit.arrivals] == [ill.name, well.name]
    assert line(visit)["envoy.attempts"] == 2
    visit = Visitor(bed).ask(WRITE, ours, **POST)
    told(visit, status, flag)
    assert [arrival["name"] for arrival in visit.arrivals] == [ill.name]


def test_half_a_body(bed, faults):
    """The client has the head already, so nobody can take it back or try again: the connection breaks off."""
    faults(cut={"in": "body", "path": "/api/v1/"})
    for target in (READ, WRITE, LONG):
        visit = Visitor(bed).ask(target, [(SLOW, b"0")], **POST)
        assert visit.answer is None, "it must not look whole"
        assert visit.arrived, "and only once"
        assert (line(visit)["http.response.status_code"], line(visit)["airgate.flags"]) == (200, "UPE")


def test_slower_than_the_class_allows(bed):
    """A read that took too long would take as long elsewhere: it is not asked for again."""
    with ThreadPoolExecutor(3) as threads:
        asked = [
            threads.submit(Visitor(bed).ask, target, [(SLOW, seconds)], **POST)
            for target, seconds in ((READ, b"8"), (WRITE, b"8"), (LONG, b"5"))
        ]
    read, write, long = (one.result() for one in asked)
    for visit in (read, write):
        told(visit, 504, "UT")
        assert len(visit.arrivals) == 1 and visit.arrived["aborted"], "and Airbyte is told that nobody waits"
    assert long.answer.status == 200 and line(long)["airgate.flags"] == "-"


def test_all_are_dead(bed):
    """At once where nobody is left to be asked; what the gateway says itself it goes on saying."""
    with gone(*bed.standins):
        all_in(bed, 0)
        for target in (READ, WRITE, LONG):
            told(Visitor(bed).ask(target, **POST), 503, "UH")
        assert Visitor(bed).ask(b"/.airgate/health").answer.json() == {"status": "ok"}
        stranger = Visitor(bed, who=None).ask(WRITE, **POST)
    assert stranger.refused == "no_credentials"
    all_in(bed)
    assert Visitor(bed).ask(READ, **POST).answer.status == 200


def test_one_dies_at_work(bed):
    """What it was doing is lost, told, and not done elsewhere by anybody but the client."""
    with ThreadPoolExecutor(8) as threads:
        asked = [threads.submit(Visitor(bed).ask, LONG, [(SLOW, b"4")], **POST) for _ in range(8)]
        until(lambda: all(len(standin.requests()) > 0 for standin in bed.standins), 10, "both being at work")
        until(lambda: active(bed) == len(asked), 10, "all of them being at work")
        arrived = {standin.name: marks(standin) for standin in bed.standins}
        with gone(bed.standins[0]):
            visits = [one.result() for one in asked]
            alive = marks(bed.standins[1])
    assert alive == arrived["b"], "nothing moved over"
    for visit in visits:
        # What the other one had got is forgotten with it.
        if visit.arrived:
            assert visit.answer.status == 200
        else:
            told(visit, 503, "UC")
    all_in(bed)


def active(bed: Bed) -> int:
    return bed.envoy.stats(r"^cluster\.airbyte\.upstream_rq_active$").popitem()[1]


def marks(standin: Standin) -> list[str]:
    return [value for one in standin.requests() for name, value in one["headers"] if name.lower() == "x-mark"]


def line(visit: Visit) -> dict:
    """The record, by what arrived: answers of Airbyte's do not say the request's id."""
    (request_id,) = values(visit.arrivals[0], "x-airgate-request-id")
    return visit._visitor.logged(request_id)


@contextmanager
def gone(*standins: Standin) -> Iterator[None]:
    for standin in standins:
        standin.child.kill()
    try:
        yield
    finally:
        for standin in standins:
            standin.start()
