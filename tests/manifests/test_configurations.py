"""The plugin's configuration inside each manifest, through the command that a user would check it with."""

import os
import secrets
import subprocess
from pathlib import Path

import pytest
from objects import ENVOY_GATEWAY, EXAMPLE, ISTIO, KUBERNETES, SIDECAR, everything

from lab.paths import BUILD

AIRGATE = BUILD / "airgate"
FILES = [
    ISTIO / "wasmplugin.yaml",
    ISTIO / "trafficextension.yaml",
    ISTIO / "module-by-envoyfilter.yaml",
    SIDECAR / "airgate.yaml",
    KUBERNETES / "envoy.yaml",
    ENVOY_GATEWAY / "policy.yaml",
]
KEYS = {name: secrets.token_urlsafe(32) for name in ("AIRGATE_AFFINITY_KEY", "AIRGATE_SESSION_KEY", "AIRGATE_CLIENT_SECRET")}

made = pytest.mark.skipif(not AIRGATE.exists(), reason="the command airgate is not built: make cli")


def check(file: Path) -> subprocess.CompletedProcess:
    return subprocess.run([AIRGATE, "check", file], env={**os.environ, **KEYS}, capture_output=True, text=True, timeout=20)


def test_no_manifest_with_a_configuration_is_forgotten():
    having = {file for file, object in everything() if "external_url:" in file.read_text()}
    assert having | {KUBERNETES / "envoy.yaml"} == set(FILES)


@made
@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(EXAMPLE)))
def test_it_is_good(file):
    done = check(file)
    assert done.returncode == 0 and "good" in done.stdout + done.stderr, done.stdout + done.stderr


@made
@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(EXAMPLE)))
def test_a_mistake_in_it_is_found(file, tmp_path):
    text = file.read_text()
    assert text.count("default_role: none") == 1
    wrong = tmp_path / file.name
    wrong.write_text(text.replace("default_role: none", "default_rol: none"))
    done = check(wrong)
    assert done.returncode == 1 and "did you mean default_role?" in done.stdout + done.stderr
