"""
Everything at once, for as long as MINUTES says: a little more than one where that is not set, for CI; an hour in
`make soak`. In the end every answer was the one it should be, nothing trapped, each request has its record, and
Envoy takes no more memory than in the second quarter.
"""

import json
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator

import pytest
from soak.disturbances import Disturbances
from soak.visitors import Visitors

from lab import Bed, Parts, until
from lab.envoy import Options
from lab.rogue import Rogue

SECONDS = 60 * float(os.environ.get("MINUTES", "1.25"))
# Between two disturbances; at least so long that nothing else happens in each of them but that.
PAUSE = max(3, SECONDS / 40)
# Memory at the end over that of the second quarter. Each reload starts new VMs while the old ones drain.
MARGIN = 1.15
MIB = 2**20


@pytest.fixture
def parts() -> Iterator[Parts]:
    with Parts() as parts:
        # So refreshes are always under way.
        parts.provider.lifetimes(id_token=max(6, min(60, int(SECONDS / 20))))
        yield parts


@pytest.fixture
def rogue(parts) -> Iterator[Rogue]:
    """Whose tokens cost nothing to make."""
    with Rogue(parts.authority) as rogue:
        yield rogue


@pytest.mark.timeout(SECONDS * 1.5 + 240)
def test_nothing_wears_out(parts, rogue):
    site = rogue.site("acme")
    options = Options(
        plugin=lambda config: config["providers"].append(site.provider()),
        bootstrap=rogue.connect,
        reloadable=True,
        # What a reload leaves behind is gone before the next but one.
        drain_seconds=int(2 * PAUSE) + 5,
    )
    with Bed(options, parts=parts) as bed:
        visitors = Visitors(bed, site)
        disturbances = Disturbances(bed, rogue, site, visitors)
        curve = Curve(bed)
        visitors.begin()
        try:
            disturbed = curve.begun
            while curve.passed < SECONDS:
                curve.sample(visitors.counts)
                if time.monotonic() - disturbed > PAUSE:
                    disturbances.next()
                    disturbed = time.monotonic()
                time.sleep(min(1, PAUSE / 10))
        finally:
            visitors.end()
        requests, records = completed(bed), count_records(bed)
        print(curve.table(), dict(visitors.counts), dict(disturbances.counts), dict(records), sep="\n", file=sys.stderr)
        assert visitors.failures == []
        assert min(visitors.counts.values()) > 0 and len(visitors.counts) == visitors.kinds, visitors.counts
        assert len(disturbances.counts) == disturbances.kinds
        assert sum(records.values()) == requests
        bed.envoy.assert_no_trap()
        curve.assert_flat()


class Curve:
    """Envoy's memory over time."""

    def __init__(self, bed: Bed):
        self._child = bed.envoy.child
        self.begun = time.monotonic()
        self._points: list[tuple[float, int, int]] = []

    @property
    def passed(self) -> float:
        return time.monotonic() - self.begun

    def sample(self, counts: Counter[str]) -> None:
        self._points.append((self.passed, self._child.resident_bytes, sum(counts.values())))

    def table(self) -> str:
        """Some twenty lines."""
        some = self._points[:: max(1, len(self._points) // 20)]
        lines = [f"{at / 60:6.1f} min  {size / MIB:6.1f} MiB  {visits:8d} visits" for at, size, visits in some]
        return "\n".join(["", *lines])

    def assert_flat(self) -> None:
        second, last = self._most(0.25, 0.5), self._most(0.75, 1)
        print(f"second quarter {second / MIB:.1f} MiB, last {last / MIB:.1f} MiB", file=sys.stderr)
        assert last <= second * MARGIN, f"{second / MIB:.1f} MiB became {last / MIB:.1f} MiB"

    def _most(self, begin: float, end: float) -> int:
        return max(size for at, size, _ in self._points if begin * SECONDS <= at <= end * SECONDS + 1)


def completed(bed: Bed) -> int:
    """Requests that Envoy has had, when none is left."""
    until(lambda: bed.envoy.stats(r"^http\.https\.downstream_rq_active$").popitem()[1] == 0, 30, "the last request")
    return bed.envoy.stats(r"^http\.https\.downstream_rq_completed$").popitem()[1]


def count_records(bed: Bed) -> Counter[int]:
    """By status."""
    requests = completed(bed)

    def statuses() -> Counter[int]:
        with bed.envoy.child.out.open("rb") as lines:
            found = Counter(status(line) for line in lines if line.endswith(b"\n"))
        assert sum(found.values()) >= requests, f"{sum(found.values())} of {requests} records"
        return found

    return until(statuses, 20, "the record")


def status(line: bytes) -> int:
    return json.loads(line)["http.response.status_code"]
