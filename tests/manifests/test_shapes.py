"""The objects have the shapes that their kinds ask for, by the schemas of the real CRDs. No cluster has seen them."""

import copy
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from istio import plugin_of
from objects import EXAMPLE, ISTIO, KUBERNETES, everything, find

SHAPES = Path(__file__).parent / "shapes"
OBJECTS = [object for _, object in everything()]
# Below these stand names of somebody's own, or a configuration that its own tests check: no schema can know them.
FREE = (
    "annotations",
    "labels",
    "matchLabels",
    "resources.limits",
    "resources.requests",
    "Service.spec.selector",
    "Gateway.spec.selector",
    "VirtualService.spec.http.match.headers",
    "VirtualService.spec.http.headers.request.set",
    "VirtualService.spec.http.headers.response.set",
    "WasmPlugin.spec.pluginConfig",
    "EnvoyExtensionPolicy.spec.wasm.config",
    "EnvoyFilter.spec.configPatches.patch.value",
    "EnvoyProxy.spec.bootstrap.jsonPatches.value",
)


def faults(objects: list[dict]) -> list[list[str]]:
    done = subprocess.run(
        ["node", "shape.mjs"], cwd=SHAPES, input=json.dumps(objects), capture_output=True, text=True, timeout=50
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def known_kind(object: dict) -> dict:
    """No package has the schema of TrafficExtension yet: what it shares with WasmPlugin is checked as one."""
    if object["kind"] != "TrafficExtension":
        return object
    # As in the reference of Istio 1.30; its `wasm` has the fields of a WasmPlugin that are not above it.
    assert set(object["spec"]) <= {"selector", "targetRefs", "phase", "priority", "match", "wasm", "lua"}
    assert set(object["spec"]["wasm"]) <= {
        "url", "sha256", "imagePullPolicy", "imagePullSecret", "pluginConfig", "pluginName", "failStrategy", "vmConfig", "type",
    }  # fmt: skip
    return {**object, "kind": "WasmPlugin", "spec": plugin_of(object)}


def test_every_object_has_the_shape_of_its_kind():
    found = faults([known_kind(object) for object in OBJECTS])
    assert not {f"{object['kind']} {object['metadata']['name']}": wrong for object, wrong in zip(OBJECTS, found) if wrong}


def test_an_unknown_field_is_noticed_wherever_it_stands():
    """Or the test above would only show that the checker is easily pleased."""
    spoilt, places = [], []
    for object in map(known_kind, OBJECTS):
        for path in dicts(object):
            copied = copy.deepcopy(object)
            at(copied, path)["nonsense"] = "x"
            spoilt.append(copied)
            places.append((object["kind"], *path))
    unnoticed = [
        place
        for place, wrong in zip(places, faults(spoilt))
        if not any(fault.startswith("unknown field: ") and fault.endswith("/nonsense") for fault in wrong)
    ]
    assert len(places) > 500
    assert not [place for place in unnoticed if not is_free(place)]


def is_free(place: tuple) -> bool:
    names = ".".join(step for step in place if isinstance(step, str))
    return any(f".{free}." in f".{names}." for free in FREE)


def dicts(tree, path: tuple = ()) -> Iterator[tuple]:
    if isinstance(tree, dict):
        yield path
    for key, value in tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ():
        yield from dicts(value, (*path, key))


def at(tree, path: tuple):
    for step in path:
        tree = tree[step]
    return tree


@pytest.mark.parametrize("file", sorted(KUBERNETES.glob("**/kustomization.yaml")), ids=lambda file: file.parent.name)
def test_kustomize_finds_what_it_is_told(file):
    kustomization = yaml.safe_load(file.read_text())
    generated = [name for maps in kustomization.get("configMapGenerator", []) for name in maps["files"]]
    for name in [*kustomization.get("resources", []), *generated]:
        assert (file.parent / name).is_file(), name
    left = {other.name for other in file.parent.glob("*.yaml")} - {file.name, *kustomization.get("resources", []), *generated}
    assert left <= {"airbyte-values.yaml"}, "a manifest that nobody applies"


def test_a_patch_is_for_the_deployment_that_it_names():
    component = yaml.safe_load((KUBERNETES / "own-image/kustomization.yaml").read_text())
    (patch,) = component["patches"]
    pod = yaml.safe_load(patch["patch"])["spec"]["template"]["spec"]
    ours = find(KUBERNETES / "deployment.yaml", "Deployment")["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert container["name"] == ours["containers"][0]["name"]
    mounts = {mount["mountPath"] for mount in ours["containers"][0]["volumeMounts"]}
    volumes = {volume["name"] for volume in ours["volumes"]}
    assert {mount["mountPath"] for mount in container["volumeMounts"]} <= mounts
    assert {volume["name"] for volume in pod["volumes"]} <= volumes


def test_mount_module_keeps_the_shape_of_a_deployment():
    patch = yaml.safe_load((ISTIO / "mount-module.yaml").read_text())
    deployment = find(ISTIO / "gateway.yaml", "Deployment")
    pod = deployment["spec"]["template"]["spec"]
    added = patch["spec"]["template"]["spec"]
    assert added["containers"][0]["name"] == pod["containers"][0]["name"]
    pod["containers"][0] |= added["containers"][0]
    pod["volumes"] = added["volumes"]
    assert faults([deployment]) == [[]]


def test_no_manifest_fails_open_or_holds_a_key():
    for file in EXAMPLE.rglob("*.yaml"):
        words = "".join(line for line in file.read_text().splitlines() if not line.lstrip().startswith("#"))
        assert "failStrategy: FAIL_OPEN" not in words and "failOpen: true" not in words and "fail_open: true" not in words
    for line in (KUBERNETES / "secret.env.example").read_text().splitlines():
        assert line.startswith("#") or line.endswith("="), "a key that everybody has is none"
