"""envoy-example/istio/sidecar/: users are judged, Airbyte's own workers are not, and nobody can take the other's door."""

import ssl

import httpx
import pytest
from istio import sidecar
from objects import SIDECAR, find

from lab.certs import Authority
from lab.envoy import Options
from lab.ports import free_port

ECHO = "/api/v1/standin/echo"
GATEWAY, WORKER = "ns/airgate/sa/airgate", "ns/airbyte/sa/airbyte-admin"
STRANGER = "ns/default/sa/default"


@pytest.fixture(scope="module")
def mesh() -> Authority:
    return Authority("mesh")


@pytest.fixture(scope="module")
def ask(open_bed, parts, mesh, tmp_path_factory):
    """`ask(port, who, …)`: a request to the server's pod with the certificate of that service account, or with none."""
    folder, workers = tmp_path_factory.mktemp("mesh"), free_port()
    bed = open_bed(Options(bootstrap=lambda bootstrap: sidecar(bootstrap, mesh, folder, workers)))
    addresses = {8001: f"https://localhost:{workers}", 8002: bed.url}

    def ask(port: int, who: str | None, path: str = ECHO, **request) -> httpx.Response:
        # Names in the mesh are not host names: Istio's clients check the identity, here the authority will do.
        context = ssl.create_default_context(cafile=folder / "mesh.crt")
        context.check_hostname = False
        if who:
            leaf = mesh.leaf(f"spiffe://cluster.local/{who}")
            context.load_cert_chain(*leaf.write(folder / who.replace("/", "-") / str(leaf.serial)))
        return httpx.request("GET", addresses[port] + path, verify=context, **request)

    ask.token = bed.token
    return ask


def test_a_user_is_judged(ask, arrived):
    claims = {"x-airgate-user": "mallory"}
    assert ask(8002, GATEWAY, headers=claims).status_code == 401 and not arrived()
    answer = ask(8002, GATEWAY, headers={**claims, "authorization": f"Bearer {ask.token('alice')}"})
    headers = dict(answer.json()["headers"])
    assert headers["x-airgate-user"] == "alice" and "authorization" not in headers


def test_a_worker_is_let_through_with_its_own_token(ask):
    answer = ask(8001, WORKER, headers={"authorization": "Bearer of-a-worker"})
    headers = dict(answer.json()["headers"])
    assert headers["authorization"] == "Bearer of-a-worker" and "x-airgate-user" not in headers


@pytest.mark.parametrize(("port", "who"), [(8001, GATEWAY), (8002, WORKER), (8001, STRANGER), (8002, STRANGER)])
def test_nobody_takes_another_door(ask, arrived, port, who):
    answer = ask(port, who, headers={"authorization": f"Bearer {ask.token('alice')}"})
    assert answer.status_code == 403 and answer.text == "RBAC: access denied" and not arrived()


@pytest.mark.parametrize("port", [8001, 8002])
def test_without_a_certificate_there_is_no_door(ask, arrived, port):
    with pytest.raises(httpx.TransportError):
        ask(port, None)
    assert not arrived()


def test_policies_are_for_the_same_pods_as_the_plugin():
    manifest = SIDECAR / "airgate.yaml"
    server = {"app.kubernetes.io/name": "server", "app.kubernetes.io/instance": "airbyte"}
    for kind in ("WasmPlugin", "PeerAuthentication", "AuthorizationPolicy"):
        assert find(manifest, kind)["spec"]["selector"]["matchLabels"] == server
    assert find(manifest, "Sidecar")["spec"]["workloadSelector"]["labels"] == server
    assert find(manifest, "Service")["spec"]["selector"] == server
