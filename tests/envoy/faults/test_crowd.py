"""Two thousand connections, most of them slow: good clients are served, and slow ones are cut off by the clocks."""

import asyncio
import resource
import time
from collections import Counter
from collections.abc import Iterator

import pytest
from conftest import untrapped
from faults.crowd import Crowd, dribbles, never_reads, waits
from load import Load
from visitor import ECHO

from lab import Bed, Parts
from lab.bootstrap import Bootstrap
from lab.envoy import Options, Timing
from lab.wire import request

IDLE = 2000
# Of each kind of slow client, beside those.
SLOW, DEAF = 100, 20
LARGE = 100_000_000
MIB = 2**20
# Minutes in the example are this many times shorter here; what is 10 s there is 10 s here.
SHORTER = 8


@pytest.fixture(scope="module")
def parts() -> Iterator[Parts]:
    """Nobody else has to wait for these."""
    with Parts() as parts:
        yield parts


def unhurried_streams(bootstrap: Bootstrap) -> None:
    """As long as in the example: it is not this clock's turn."""
    bootstrap.manager()["stream_idle_timeout"] = "60s"


@pytest.fixture(scope="module")
def bed(parts) -> Iterator[Bed]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    # Envoy inherits it.
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8192), hard))
    try:
        with untrapped(Options(bootstrap=unhurried_streams, timing=Timing(requests=SHORTER)), parts) as bed:
            yield bed
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.timeout(180)
def test_slow_clients_in_a_crowd(bed):
    good = bed.client("alice", timeout=30)

    def visit() -> None:
        for method in ("GET", "POST"):
            answer = good.request(method, ECHO.decode())
            assert answer.status_code == 200, answer.text

    visit()
    before = bed.envoy.child.resident_bytes
    with Load(visit, threads=1) as load:
        told, most = asyncio.run(crowded(bed, load))
    assert load.failures == []
    assert told == {
        # The clocks of connections say nothing, those of requests do.
        "no handshake": {b"": SLOW},
        "no request": {b"": SLOW},
        "half a head": {b"HTTP/1.1 408 Request Timeout": SLOW},
        "half a body": {b"HTTP/1.1 408 Request Timeout": SLOW},
        "deaf": {b"HTTP/1.1 200 OK": DEAF},
    }
    # Some 50 KiB for a connection; and for what is not read no more than the listener's buffer of 10 MiB.
    assert most - before < (IDLE * 0.1 + DEAF * 12) * MIB, f"{(most - before) / MIB:.0f} MiB"
    recorded = Counter(
        (line["airgate.decision"], line["http.response.status_code"], line["airgate.flags"], line["airgate.details"])
        for line in bed.envoy.access_log()
        if line["enduser.id"] != "alice"
    )
    assert recorded == {
        ("deny", 408, "-", "request_header_timeout"): SLOW,
        ("allow", 408, "-", "request_overall_timeout"): SLOW,
        ("allow", 200, "UT", "response_timeout"): DEAF,
    }


async def crowded(bed: Bed, load: Load) -> tuple[dict[str, Counter], int]:
    """What slow clients were told in the end, by kind, and the most memory that Envoy had meanwhile."""
    crowd, over = Crowd(bed), asyncio.Event()
    idle = [asyncio.ensure_future(crowd.client(waits)) for _ in range(IDLE)]
    while crowd.inside < IDLE:
        await asyncio.sleep(0.1)
    token = [(b"authorization", b"Bearer " + bed.token("bob").encode())]
    half_a_head = request(ECHO).removesuffix(b"\r\n") + b"x-slow: "
    half_a_body = request(ECHO, b"POST", [*token, (b"content-length", b"1000000")])
    download = request(b"/api/v1/standin/large?bytes=%d" % LARGE, fields=token)
    slow = {
        "no handshake": [crowd.client(waits, tls=False) for _ in range(SLOW)],
        "no request": [crowd.client(waits, tls=False, url=bed.http_url) for _ in range(SLOW)],
        "half a head": [crowd.client(dribbles(half_a_head, b"x")) for _ in range(SLOW)],
        "half a body": [crowd.client(dribbles(half_a_body, b"x")) for _ in range(SLOW)],
        "deaf": [crowd.client(never_reads(download, over)) for _ in range(DEAF)],
    }
    cut = {kind: [asyncio.ensure_future(client) for client in clients] for kind, clients in slow.items()}
    served, most, connections = load.count, 0, IDLE + SLOW
    deadline = time.monotonic() + 90
    # Whoever does not read does not see the end either: Envoy says whether they are gone.
    while connections > IDLE + 1:
        assert time.monotonic() < deadline, f"{connections} connections are left"
        connections = await asyncio.to_thread(active, bed)
        most = max(most, bed.envoy.child.resident_bytes)
        await asyncio.sleep(0.1)
    assert load.count > served and not any(client.done() for client in idle), "those who do nothing wrong may stay"
    over.set()
    told = {kind: Counter([first_line(await client) for client in clients]) for kind, clients in cut.items()}
    for client in idle:
        client.cancel()
    return told, most


def first_line(said: bytes) -> bytes:
    return said.partition(b"\r\n")[0]


def active(bed: Bed) -> int:
    return bed.envoy.stats(r"^http\.https\.downstream_cx_active$").popitem()[1]
