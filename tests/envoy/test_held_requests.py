"""Requests that wait for keys: nothing of them goes on before they are judged, and nothing is lost by waiting."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from conftest import untrapped
from visitor import Visitor, values

from lab import Bed, Parts
from lab.bootstrap import Bootstrap
from lab.envoy import VERSIONS, Options, Timing
from lab.forge import base64url, json_bytes
from lab.wire import Wire, Wire2

WIRES = pytest.mark.parametrize("wire", [Wire, Wire2], ids=["HTTP/1.1", "HTTP/2"])
WRITE, SLOW = b"/api/v1/connections/update", b"/api/v1/connections/create"
HELD_IDLE = "Envoy keeps the idle timeout of the route before the wait: 60 s, not the 30 min of slow routes"


@pytest.fixture(scope="module")
def slow_provider(parts) -> Iterator[Parts]:
    """Parts whose keys take a while to come."""
    parts.provider.token("alice")
    parts.provider.delay(700)
    yield parts
    parts.provider.delay(0)


def unguarded(bootstrap: Bootstrap) -> None:
    """Routes that do not ask for airgate's header, as in any configuration but the example's."""
    route = {"name": "any", "match": {"prefix": "/"}, "route": {"cluster": "airbyte"}}
    bootstrap.manager()["route_config"]["virtual_hosts"][0]["routes"][-1] = route


@pytest.fixture(params=VERSIONS)
def waking(request, slow_provider):
    """Opens a bed that has no keys yet."""

    def opened(**options) -> Bed:
        return untrapped(Options(version=request.param, concurrency=1, **options), slow_provider)

    return opened


@WIRES
def test_a_body_does_not_open_the_gate(waking, wire):
    with waking(bootstrap=unguarded) as bed:
        header = {"alg": "RS256", "kid": "unknown"}
        claims = {"iss": bed.issuer, "sub": "mallory", "aud": "airbyte", "exp": int(time.time()) + 600}
        forged = ".".join(map(base64url, (json_bytes(header), json_bytes(claims), bytes(256))))
        fields = [(b"authorization", f"Bearer {forged}".encode())]
        visit = Visitor(bed, wire, who=None).ask(WRITE, fields, method=b"POST", body=b"{}")
        assert visit.refused == "unknown_kid"


@WIRES
@pytest.mark.parametrize("size", [2, 300_000])
def test_a_body_waits_with_its_request(waking, wire, size):
    with waking() as bed:
        visit = Visitor(bed, wire).ask(WRITE, method=b"POST", body=b"x" * size)
        assert visit.answer.status == 200 and visit.passed["body_bytes"] == size
        assert values(visit.arrived, "x-airgate-user") == ["alice"]


@pytest.mark.xfail(strict=True, reason=HELD_IDLE)
def test_a_slow_call_that_waited_is_still_slow(waking):
    with waking(timing=Timing(requests=40)) as bed:
        visit = Visitor(bed).ask(SLOW, [(b"x-standin-slow-seconds", b"2.5")], method=b"POST")
        assert visit.answer.status == 200, visit.line["airgate.details"]


def test_many_wait_and_all_pass(waking):
    with waking() as bed, ThreadPoolExecutor(20) as threads:
        visits = list(threads.map(lambda _: Visitor(bed).ask(), range(60)))
        assert {visit.answer.status for visit in visits} == {200}
