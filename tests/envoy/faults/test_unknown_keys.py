"""Ten thousand tokens, each by a key that nobody knows: neither the provider nor anybody with a good one minds."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from conftest import untrapped
from load import Load
from visitor import ECHO

from lab import Bed, Parts, until
from lab.envoy import Options
from lab.forge import compact, json_bytes
from lab.wire import Wire

FLOOD = 10_000
THREADS = 4
# At most one fetch in so many seconds, for each VM: one for each worker, and the main thread's.
PAUSE, VMS = 10, 3


@pytest.fixture(scope="module")
def parts() -> Iterator[Parts]:
    """Nobody else's fetches are counted."""
    with Parts(standins=1) as parts:
        yield parts


@pytest.fixture(scope="module")
def bed(parts) -> Iterator[Bed]:
    with untrapped(Options(), parts) as bed:
        yield bed


def test_a_flood_of_unknown_keys(bed):
    good = bed.client("alice")
    surfer = bed.surfer()
    surfer.sign_in("bob")
    everywhere = [bed.client("alice") for _ in range(8)]
    until(lambda: all(one.get(ECHO.decode()).status_code == 200 for one in everywhere), 10, "keys everywhere")

    def visit() -> None:
        answer = good.get(ECHO.decode())
        assert answer.status_code == 200, answer.text
        answer = surfer.get(ECHO.decode())
        assert answer.status_code == 200, answer.text

    fetched, memory = fetches(bed), bed.envoy.child.resident_bytes
    begun = time.monotonic()
    with Load(visit, threads=1) as load, ThreadPoolExecutor(THREADS) as threads:
        statuses = [status for part in threads.map(lambda part: flood(bed, part), range(THREADS)) for status in part]
        until(lambda: load.count > 20, 20, "the others being served meanwhile")
    assert load.failures == [] and statuses == [401] * FLOOD
    assert fetches(bed) - fetched <= VMS * (1 + (time.monotonic() - begun) // PAUSE)
    assert bed.envoy.child.resident_bytes - memory < 64 * 2**20
    # Nor does it keep a key out that is new.
    bed.provider.rotate()
    new = bed.client("carol")
    until(lambda: new.get(ECHO.decode()).status_code == 200, 2 * PAUSE, "the new key", every=0.1)


def flood(bed: Bed, part: int) -> list[int]:
    """One connection's share. The signatures are none: no key is there to check them with."""
    claims = json_bytes({"iss": bed.issuer, "aud": "airbyte", "sub": "mallory", "exp": int(time.time()) + 600})
    statuses = []
    with Wire(bed.url, bed.authority_file) as wire:
        for number in range(part, FLOOD, THREADS):
            token = compact({"alg": "RS256", "kid": f"flood-{number}"}, claims, lambda _: bytes(256))
            answer = wire.ask(ECHO, fields=[(b"authorization", b"Bearer " + token.encode())])
            statuses.append(answer.status if answer else 0)
    return statuses


def fetches(bed: Bed) -> int:
    return bed.provider.hits()["/jwks"]
