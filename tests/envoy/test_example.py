"""envoy-example/ as it is shipped, and with the changes that its README names. (As it is: test_config.py.)"""

import base64
import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from lab.certs import Authority
from lab.envoy import VERSIONS
from lab.paths import EXAMPLE, MODULE, ROOT, envoy_binary

KEY = base64.urlsafe_b64encode(hashlib.sha256(b"a key").digest()).rstrip(b"=").decode()
SECRETS = {name: KEY for name in ("AIRGATE_AFFINITY_KEY", "AIRGATE_SESSION_KEY", "AIRGATE_CLIENT_SECRET")}


@pytest.fixture
def installed(tmp_path) -> Path:
    """As README.md says, but below another folder than /etc/airgate."""
    shutil.copytree(EXAMPLE, tmp_path, dirs_exist_ok=True)
    for file in (tmp_path / "envoy.yaml", tmp_path / "sds/tls.yaml"):
        file.write_text(file.read_text().replace("/etc/airgate/", f"{tmp_path}/"))
    shutil.copy(MODULE, tmp_path / "airgate.wasm")
    Authority().leaf("airbyte.example.com").write(tmp_path / "tls")
    return tmp_path


def validate(folder: Path, version: str) -> None:
    done = subprocess.run(
        [envoy_binary(version), "--mode", "validate", "-c", folder / "envoy.yaml"],
        env={**os.environ, **SECRETS},
        capture_output=True,
        text=True,
        timeout=30,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 0, done.stderr


def edit(folder: Path, *changes: tuple[str, str]) -> None:
    file = folder / "envoy.yaml"
    text = file.read_text()
    for old, new in changes:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    file.write_text(text)


def every(tree: Any) -> Iterator[Any]:
    yield tree
    for child in tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ():
        yield from every(child)


@pytest.mark.parametrize("version", VERSIONS)
def test_it_is_valid_with_pins(installed, version):
    edit(installed, ("mode: hash  # pin: see stateful-session", "mode: pin"), ("disabled: true", "disabled: false"))
    validate(installed, version)


@pytest.mark.parametrize("version", VERSIONS)
def test_it_is_valid_with_the_list_of_capabilities(installed, version):
    snippet = (installed / "capabilities.yaml").read_text()
    place = "                vm_config:\n"
    indented = "".join(f"{' ' * 16}{line}" for line in snippet.splitlines(keepends=True) if line.strip())
    edit(installed, (place, indented + place))
    validate(installed, version)


def test_it_starts_through_its_own_script(installed):
    "run.sh, with --mode validate in place of serving."
    fake = {"ENVOY": str(envoy_binary(VERSIONS[-1])), "PATH": os.environ["PATH"]}
    command = ["sh", installed / "run.sh", "--mode", "validate"]
    for name in SECRETS:
        others = {other: secret for other, secret in SECRETS.items() if other != name}
        without = subprocess.run(command, env={**fake, **others}, capture_output=True, text=True, timeout=30)
        assert without.returncode != 0 and name in without.stderr
    done = subprocess.run(command, env={**fake, **SECRETS}, capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr


def test_nothing_ever_fails_open():
    "The words stand in warnings only, never as a value."
    files = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, text=True).stdout
    for name in files.split("\0"):
        if name.endswith((".yaml", ".yml", ".json")):
            for document in yaml.safe_load_all((ROOT / name).read_text()):
                nodes = [node for node in every(document) if isinstance(node, dict)]
                assert not any(node.get("fail_open") for node in nodes), name
                assert "FAIL_OPEN" not in [node.get("failure_policy") for node in nodes], name
    assert "failure_policy: FAIL_RELOAD" in (EXAMPLE / "envoy.yaml").read_text()


def test_what_a_reviewer_looks_for():
    tree = yaml.safe_load((EXAMPLE / "envoy.yaml").read_text())
    nodes = [one for one in every(tree) if isinstance(one, dict)]
    assert tree["admin"]["address"]["socket_address"]["address"] == "127.0.0.1"
    assert not any("ORIGINAL_DST" in str(one.get("type", "")) for one in nodes), "a header would choose any address"
    ids = [one["vm_id"] for one in nodes if "vm_id" in one]
    assert ids == ["airgate"]
    # Nothing is repeated but what airgate calls safe.
    for route in (one for one in nodes if "retry_policy" in one.get("route", {})):
        matched = {header["name"] for header in route["match"]["headers"]}
        assert "x-airgate-retry" in matched, route["name"]
    # Drain time above the longest route.
    longest = max(float(one["timeout"].removesuffix("s")) for one in nodes if "hash_policy" in one)
    drain = int(re.search(r"--drain-time-s (\d+)", (EXAMPLE / "run.sh").read_text())[1])
    assert drain > longest
