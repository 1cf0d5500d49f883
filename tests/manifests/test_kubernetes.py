"""envoy-example/kubernetes/: the ConfigMap's bootstrap is started, and the manifests agree with it."""

import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
import yaml
from from_example import FILES, rendered
from objects import KUBERNETES, every, find

from lab import Bed, until
from lab.bootstrap import Bootstrap
from lab.envoy import Options
from lab.paths import MODULE
from lab.ports import free_port

CONFIG = yaml.safe_load((KUBERNETES / "envoy.yaml").read_text())
POD = find(KUBERNETES / "deployment.yaml", "Deployment")["spec"]["template"]["spec"]
(CONTAINER,) = POD["containers"]
SLOW = "/api/v1/sources/discover_schema"


@pytest.mark.parametrize(("source", "file"), FILES.items())
def test_the_bootstrap_is_the_example_with_the_changes_of_kubernetes(source, file):
    assert file.read_text() == rendered(source), "run tests/manifests/from_example.py"


@pytest.fixture(scope="module")
def probes() -> int:
    return free_port()


@pytest.fixture(scope="module")
def bed(parts, probes):
    """The very file of the ConfigMap, where the lab would take envoy-example/envoy.yaml."""

    def place(bootstrap: Bootstrap) -> None:
        bootstrap.listener("probes")["address"] = {"socket_address": {"address": "127.0.0.1", "port_value": probes}}
        code = bootstrap.plugin["vm_config"]["code"]["local"]
        assert code["filename"].endswith("/module/plugin.wasm")
        code["filename"] = str(MODULE)

    example, Bootstrap.example = Bootstrap.example, classmethod(lambda cls: cls(CONFIG))
    try:
        bed = Bed(Options(bootstrap=place), parts=parts)
    finally:
        Bootstrap.example = example
    with bed:
        yield bed
        bed.envoy.assert_no_trap()


def test_who_is_known_gets_through_and_nobody_else(bed, arrived):
    assert bed.client().get("/api/v1/standin/echo").status_code == 401 and not arrived()
    headers = dict(bed.client("alice").get("/api/v1/standin/echo").json()["headers"])
    assert headers["x-airgate-user"] == "alice"


def test_probes(bed, probes):
    for kind in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert status(probes, CONTAINER[kind]["httpGet"]["path"]) == 200
    assert status(probes, "/api/v1/standin/echo") == 404, "no way to Airbyte"


def test_draining_lets_a_slow_call_end(bed, arrived, probes):
    """The last test with this Envoy, which is no use afterwards."""
    client = bed.client("alice")
    script = ["bash", KUBERNETES / "drain.sh"]
    port = bed.envoy.admin_url.rsplit(":", 1)[1]
    with ThreadPoolExecutor() as pool:
        call = pool.submit(client.post, SLOW, json={}, headers={"x-standin-slow-seconds": "2"})
        until(lambda: any(request["url"] == SLOW for request in arrived()), 5, "the call at Airbyte")
        drain = pool.submit(subprocess.run, script, env={**os.environ, "ADMIN_PORT": port, "SETTLE": "0"}, timeout=20)
        until(lambda: status(probes, "/ready") == 503, 5, "the readiness probe failing")
        assert status(probes, "/alive") == 200
        assert not call.done() and not drain.done()
        assert call.result().status_code == 200
        assert drain.result().returncode == 0


def test_draining_waits_no_longer_than_told(arrived, bed):
    client = bed.client("alice", timeout=20)
    port = bed.envoy.admin_url.rsplit(":", 1)[1]
    environment = {**os.environ, "ADMIN_PORT": port, "SETTLE": "0", "DEADLINE": "1"}
    with ThreadPoolExecutor() as pool:
        call = pool.submit(client.post, SLOW, json={}, headers={"x-standin-slow-seconds": "2.5"})
        until(lambda: any(request["url"] == SLOW for request in arrived()), 5, "the call at Airbyte")
        subprocess.run(["bash", KUBERNETES / "drain.sh"], env=environment, timeout=20, check=True)
        assert not call.done()
        assert call.result().status_code == 200


def test_times_fit_each_other():
    """Slow routes < drain time < what drain.sh waits < the grace period."""
    arguments = dict(zip(CONTAINER["command"][1::2], CONTAINER["command"][2::2]))
    drain = int(arguments["--drain-time-s"])
    deadline = int((KUBERNETES / "drain.sh").read_text().split("${DEADLINE:-")[1].split("}")[0])
    routes = Bootstrap(CONFIG).manager()["route_config"]["virtual_hosts"][0]["routes"]
    slowest = max(float(route["route"]["timeout"].removesuffix("s")) for route in routes if "route" in route)
    assert slowest < drain and slowest < deadline < POD["terminationGracePeriodSeconds"]
    assert CONTAINER["lifecycle"]["preStop"]["exec"]["command"][1].endswith("/drain.sh")


def test_everything_that_envoy_reads_is_mounted():
    mounts = {mount["name"]: mount["mountPath"] for mount in CONTAINER["volumeMounts"]}
    (kustomization,) = yaml.safe_load_all((KUBERNETES / "kustomization.yaml").read_text())
    files = set()
    for volume in POD["volumes"]:
        where = mounts[volume["name"]]
        if "configMap" in volume:
            assert volume["configMap"]["name"] == kustomization["configMapGenerator"][0]["name"]
            files |= {f"{where}/{item['path']}" for item in volume["configMap"]["items"]}
            given = {item["key"] for item in volume["configMap"]["items"]}
            assert given <= set(kustomization["configMapGenerator"][0]["files"])
        elif "secret" in volume:
            files |= {f"{where}/tls.crt", f"{where}/tls.key"}
        else:
            files.add(f"{where}/plugin.wasm")
    texts = "".join(file.read_text() for file in FILES.values())
    wanted = {word.strip("},") for word in texts.split() if word.startswith("/etc/airgate/")} - {"/etc/airgate/tls"}
    named = {word for word in CONTAINER["command"] if word.startswith("/etc/airgate/")}
    wanted = {word for word in wanted if not word.endswith(",") and "." in word} | named
    assert wanted <= files, wanted - files


def test_the_pod_has_each_key_that_the_plugin_takes():
    keys = {line.split("=")[0] for line in (KUBERNETES / "secret.env.example").read_text().splitlines() if "=" in line[:25]}
    variables = Bootstrap(CONFIG).plugin["vm_config"]["environment_variables"]["host_env_keys"]
    assert set(variables) == keys
    (kustomization,) = yaml.safe_load_all((KUBERNETES / "kustomization.yaml").read_text())
    assert CONTAINER["envFrom"] == [{"secretRef": {"name": kustomization["secretGenerator"][0]["name"]}}]


def test_only_the_gateway_reaches_airbyte_and_only_its_port():
    policies = {policy["metadata"]["name"]: policy for policy in every(KUBERNETES / "networkpolicy.yaml", "NetworkPolicy")}
    among = policies["only-among-themselves"]
    assert (among["metadata"]["namespace"], among["spec"]["podSelector"]) == ("airbyte", {})
    assert among["spec"]["ingress"] == [{"from": [{"podSelector": {}}]}], "of the same namespace"
    (way,) = policies["server-from-airgate"]["spec"]["ingress"]
    (peer,) = way["from"]
    labels = find(KUBERNETES / "deployment.yaml", "Deployment")["spec"]["template"]["metadata"]["labels"]
    assert peer["podSelector"]["matchLabels"] == labels
    assert peer["namespaceSelector"]["matchLabels"] == {"kubernetes.io/metadata.name": "airgate"}
    (endpoint,) = Bootstrap(CONFIG).cluster("airbyte")["load_assignment"]["endpoints"][0]["lb_endpoints"]
    address = endpoint["endpoint"]["address"]["socket_address"]
    service = find(KUBERNETES / "airbyte-server.yaml", "Service")
    name, namespace = service["metadata"]["name"], service["metadata"]["namespace"]
    assert address == {"address": f"{name}.{namespace}.svc.cluster.local", "port_value": 8001}
    assert way["ports"] == [{"protocol": "TCP", "port": 8001}]
    assert policies["server-from-airgate"]["spec"]["podSelector"]["matchLabels"] == service["spec"]["selector"]
    out = [rule for rule in policies["airgate"]["spec"]["egress"] if {"protocol": "TCP", "port": 8001} in rule["ports"]]
    assert [rule["to"][0]["podSelector"]["matchLabels"] for rule in out] == [service["spec"]["selector"]]


def test_ports_are_those_that_envoy_listens_on():
    listening = {
        listener["name"]: listener["address"]["socket_address"]["port_value"]
        for listener in CONFIG["static_resources"]["listeners"]
    }
    assert {port["name"]: port["containerPort"] for port in CONTAINER["ports"]} == listening
    service = find(KUBERNETES / "service.yaml", "Service")["spec"]
    assert {port["targetPort"] for port in service["ports"]} == set(listening) - {"probes"}
    policies = every(KUBERNETES / "networkpolicy.yaml", "NetworkPolicy")
    (ours,) = [policy for policy in policies if policy["metadata"]["namespace"] == "airgate"]
    assert {port["port"] for port in ours["spec"]["ingress"][0]["ports"]} == {listening["https"], listening["http"]}


def test_the_pod_is_allowed_nothing_that_it_does_not_need():
    assert POD["automountServiceAccountToken"] is False and POD["securityContext"]["runAsNonRoot"] is True
    assert CONTAINER["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


def test_airbytes_login_and_ingress_are_off():
    values = yaml.safe_load((KUBERNETES / "airbyte-values.yaml").read_text())
    assert values["global"]["auth"]["enabled"] is False and values["ingress"]["enabled"] is False
    assert values["global"]["airbyteUrl"] == Bootstrap(CONFIG).plugin_config["external_url"]


def status(port: int, path: str) -> int:
    try:
        with urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return answer.status
    except HTTPError as error:
        return error.code
