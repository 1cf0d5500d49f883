"""Requests that wait for a provider's keys, and what can happen meanwhile.

The provider holds its answer for as long as a test wants, so what waits does wait.
"""

import socket
import ssl
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing

import pytest
from identity.gate import ECHO, Gate, open_gate
from identity.streams import Streams

from lab import until
from lab.envoy import VERSIONS
from lab.rogue import Answer, Rogue, Site

_HELD = Answer(hold=True)
# How many requests one VM lets wait for keys, of one client address.
SHARE = 128


@pytest.fixture(scope="module", params=VERSIONS)
def version(request) -> str:
    return request.param


@pytest.fixture
def rogue(parts) -> Iterator[Rogue]:
    with Rogue(parts.authority) as rogue:
        yield rogue


@pytest.fixture
def site(rogue) -> Site:
    site = rogue.site("slow")
    site.jwks = _HELD
    return site


@pytest.fixture
def gate(parts, rogue, site, version) -> Iterator[Gate]:
    provider = site.provider(keys={"wait": "30s", "timeout": "30s"})
    with open_gate(parts, [rogue], [provider], version=version, concurrency=1) as gate:
        # Its keys are asked for now: whatever comes waits.
        until(lambda: site.hits["/jwks"], 10, "the fetch")
        yield gate


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(16) as pool:
        yield pool


def active(gate: Gate) -> int:
    """Requests that are in Envoy now."""
    [count] = gate.bed.envoy.stats(r"^http\.https\.downstream_rq_active$").values()
    return count


def asked(pool: ThreadPoolExecutor, gate: Gate, *requests: dict) -> list[Future]:
    """These are sent and have arrived."""
    before = active(gate)
    futures = [pool.submit(gate.ask, **request) for request in requests]
    until(lambda: active(gate) == before + len(requests), 5, "the requests being held")
    return futures


def test_it_goes_on_when_the_keys_are_there(gate, site, pool):
    futures = asked(pool, gate, *[{"token": site.token()}] * 5, {"token": site.token(sub="bob")})
    assert not any(future.done() for future in futures)
    site.release()
    users = [gate.passed(future.result())["x-airgate-user"] for future in futures]
    assert users == ["alice"] * 5 + ["bob"]


@pytest.mark.parametrize("size", [1, 100_000, 5_000_000])
def test_a_body_is_held_and_arrives_whole(gate, site, pool, size):
    [future] = asked(pool, gate, {"token": site.token(), "method": "POST", "content": b"x" * size})
    assert not gate.reached_any()
    site.release()
    answer = future.result()
    seen = gate.passed(answer)
    assert answer.json()["body_bytes"] == size
    assert seen["x-airgate-user"] == "alice" and "authorization" not in seen


def test_a_body_in_pieces_does_not_slip_through(gate, site, pool):
    """Each piece is an event for the filter: none of them may let the request go on."""
    pieces = (b"x" * 1_000 for _ in range(50))
    [future] = asked(pool, gate, {"token": site.token(), "method": "POST", "content": pieces})
    assert not gate.reached_any()
    site.release()
    answer = future.result()
    gate.passed(answer)
    assert answer.json()["body_bytes"] == 50_000


def test_a_bad_token_with_a_body_is_refused_after_the_wait(gate, site, pool):
    stranger = site.token(sign=lambda _: bytes(64))
    [future] = asked(pool, gate, {"token": stranger, "method": "POST", "content": b"x" * 100_000})
    site.release()
    gate.bad_token(future.result(), "bad_signature")


def test_health_does_not_wait(gate, site, pool):
    asked(pool, gate, {"token": site.token()})
    answer = gate.bed.client().get("/api/v1/health")
    assert answer.status_code == 200 and answer.elapsed.total_seconds() < 1
    site.release()


def test_clients_that_leave(gate, site, pool):
    """Acting on a stream that is gone would act on somebody else's."""
    stayed = asked(pool, gate, *[{"token": site.token(sub="bob")}] * 3)
    before = active(gate)
    left = [leave(gate, site.token(sub="mallory")) for _ in range(20)]
    until(lambda: active(gate) == before + len(left), 10, "the others' arrival")
    for connection in left:
        connection.close()
    until(lambda: active(gate) == before, 10, "the others being gone")
    more = asked(pool, gate, *[{"token": site.token(sub="carol")}] * 3)
    site.release()
    users = [gate.passed(future.result())["x-airgate-user"] for future in stayed + more]
    assert users == ["bob"] * 3 + ["carol"] * 3
    assert not any(one.get("url") == f"{ECHO}/left" for one in gate.bed.parts.requests())
    assert gate.passed(gate.ask(site.token(sub="dave")))["x-airgate-user"] == "dave"


def leave(gate: Gate, token: str) -> ssl.SSLSocket:
    """A connection on which a request was sent that nobody will wait for."""
    host = gate.bed.url.removeprefix("https://")
    name, port = host.split(":")
    context = ssl.create_default_context(cafile=gate.bed.authority_file)
    connection = context.wrap_socket(socket.create_connection((name, int(port)), 5), server_hostname=name)
    head = f"GET {ECHO}/left HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {token}\r\n\r\n"
    connection.sendall(head.encode())
    return connection


def test_streams_that_are_reset(gate, site):
    """One request is cancelled and the connection goes on, with others on it."""
    with closing(Streams(gate)) as streams:
        gone = [streams.ask(site.token(sub="mallory")) for _ in range(10)]
        kept = [streams.ask(site.token()) for _ in range(10)]
        until(lambda: active(gate) == 20, 10, "the streams' arrival")
        for stream in gone:
            streams.reset(stream)
        until(lambda: active(gate) == 10, 10, "the streams being gone")
        site.release()
        until(lambda: len(streams.read()) == len(kept), 10, "the answers")
        assert streams.statuses == dict.fromkeys(kept, 200)
    assert not any("mallory" in str(one.get("headers")) for one in gate.bed.parts.requests())


def test_trailers_do_not_slip_through(gate, site):
    """They are an event for the filter of their own, without any body."""
    with closing(Streams(gate)) as streams:
        good = streams.ask(site.token(), trailers=True)
        bad = streams.ask(site.token(sign=lambda _: bytes(64)), trailers=True)
        until(lambda: active(gate) == 2, 5, "the streams being held")
        site.release()
        until(lambda: len(streams.read()) == 2, 10, "the answers")
        assert streams.statuses == {good: 200, bad: 401}


def test_too_many_are_sent_away(gate, site):
    """The list is bounded; those on it get their verdict. (A bad one: Airbyte is not to be the bottleneck here.)"""
    token = site.token(sign=lambda _: bytes(64))
    # A hundred streams is what a connection may have.
    connections = [Streams(gate) for _ in range(6)]
    with ExitStack() as stack:
        for connection in connections:
            stack.enter_context(closing(connection))
        for number in range(SHARE + 40):
            connections[number % len(connections)].ask(token)
        refused = until(lambda: all_answered(connections, 40), 10, "those beyond the bound", every=0.1)
        assert refused == [429] * 40
        gate.bed.envoy.logged(lambda line: line["airgate.reason"] == "too_many_by_address")
        site.release()
        every = until(lambda: all_answered(connections, SHARE + 40), 10, "the others", every=0.1)
        assert sorted(every) == [401] * SHARE + [429] * 40
    gate.passed(gate.ask(site.token()))


def all_answered(connections: list[Streams], count: int) -> list[int]:
    statuses = [status for connection in connections for status in connection.read().values()]
    return statuses if len(statuses) >= count else []


def test_waiting_ends(gate, rogue, pool, parts, version):
    """By the clock of the setting, with a reason, and what comes later is served."""
    site = rogue.site("slower")
    site.jwks = _HELD
    provider = site.provider(keys={"wait": "1s", "timeout": "20s"})
    with open_gate(parts, [rogue], [provider], version=version, concurrency=1) as gate:
        until(lambda: site.hits["/jwks"], 10, "the fetch")
        for future in asked(pool, gate, *[{"token": site.token()}] * 3):
            answer = future.result()
            gate.refused(answer, 503, "temporarily_unavailable", "provider_unavailable")
            assert 0.9 < answer.elapsed.total_seconds() < 2
            assert answer.headers["retry-after"] == "1"
        site.release()
        until(lambda: gate.ask(site.token()).status_code == 200, 5, "the keys")
