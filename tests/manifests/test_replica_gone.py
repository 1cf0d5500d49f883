"""A replica dies, and what only reads is answered by the other: also by what control planes make of retries."""

import pytest
from envoy_gateway import gateway as envoy_gateway
from istio import gateway as istio
from objects import ISTIO

from lab.bootstrap import Bootstrap
from lab.envoy import Options

WAYS = {
    "istio": lambda bootstrap: istio(bootstrap, ISTIO / "trafficextension.yaml"),
    "envoy-gateway": envoy_gateway,
}


@pytest.mark.parametrize("way", WAYS)
def test_reads_move_on_whatever_the_key(open_bed, parts, way):
    def unlucky(bootstrap: Bootstrap) -> None:
        bootstrap.make_unlucky()
        WAYS[way](bootstrap)

    bed = open_bed(Options(bootstrap=unlucky))
    gone, left = parts.standins
    try:
        gone.stop()
        # Each a client of its own; half of them belong to the replica that is gone.
        answers = [bed.client("alice").get("/workspaces") for _ in range(40)]
    finally:
        gone.start()
    assert {answer.status_code for answer in answers} == {200}
    assert {answer.headers["x-standin-name"] for answer in answers} == {left.name}
    attempts = {line["envoy.attempts"] for line in bed.envoy.access_log() if line["http.response.status_code"] == 200}
    assert attempts == {1, 2}
