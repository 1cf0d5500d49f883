"""docs/development.md: the copy of the example that leads to an Airbyte on this machine is one that Envoy takes."""

import os
import re
import secrets
import subprocess

import yaml

from lab.certs import Authority
from lab.envoy import NEWEST
from lab.paths import BUILD, ROOT, envoy_binary

PAGE = (ROOT / "docs/development.md").read_text()
[COPY] = re.findall(r"```sh\n( *cp -r envoy-example .*?)```", PAGE, re.S)


def test_the_copy_is_a_configuration(tmp_path):
    folder = tmp_path / "airgate"
    script = f"set -e\n{COPY}".replace("/tmp/airgate", str(folder))
    subprocess.run(["bash", "-c", script], cwd=ROOT, check=True, timeout=30)
    Authority().leaf().write(folder / "tls")
    names = ("AIRGATE_AFFINITY_KEY", "AIRGATE_SESSION_KEY", "AIRGATE_CLIENT_SECRET")
    keys = {name: secrets.token_urlsafe(32) for name in names}
    for command in (
        [BUILD / "airgate", "check", folder / "envoy.yaml"],
        [envoy_binary(NEWEST), "--mode", "validate", "-c", folder / "envoy.yaml", "--use-dynamic-base-id"],
    ):
        ran = subprocess.run(command, env={**os.environ, **keys}, capture_output=True, text=True, timeout=50)
        assert ran.returncode == 0, (ran.stdout + ran.stderr)[-2000:]
    text = (folder / "envoy.yaml").read_text()
    assert "airbyte.example.com" not in text and "/etc/airgate" not in text
    clusters = {one["name"]: one for one in yaml.safe_load(text)["static_resources"]["clusters"]}
    [endpoints] = clusters["airbyte"]["load_assignment"]["endpoints"]
    addresses = [one["endpoint"]["address"]["socket_address"] for one in endpoints["lb_endpoints"]]
    assert {(one["address"], one["port_value"]) for one in addresses} == {("127.0.0.1", 8001)}
