"""Each call over the VM's border costs, so their number is kept in the documents, and this notices when it grows."""

import re

import pytest

from lab.host_calls import count_host_calls
from lab.paths import ROOT

PATH = "/api/v1/standin/echo"
DOCUMENTED = {
    what: int(calls)
    for what, calls in re.findall(r"^\| (a known \w+) \| (\d+) \|$", (ROOT / "docs/performance.md").read_text(), re.M)
}


@pytest.fixture
def traced(bed):
    bed.envoy.admin("/logging?wasm=trace", "POST")
    yield bed.envoy.log
    bed.envoy.admin("/logging?wasm=info", "POST")


def calls(client, log) -> int:
    # The first request is checked, and the second has the affinity cookie that the first one got.
    for _ in range(2):
        client.get(PATH).raise_for_status()
    counted = count_host_calls(log, lambda: client.get(PATH).raise_for_status())
    print(counted)
    assert counted.callbacks["proxy_on_request_headers"] == 1
    return counted.calls.total()


def test_a_known_token(bed, traced):
    assert calls(bed.client("alice"), traced) == DOCUMENTED["a known token"]


def test_a_known_session(bed, traced):
    surfer = bed.surfer()
    surfer.sign_in("alice", PATH)
    assert calls(surfer, traced) == DOCUMENTED["a known session"]
