"""The Kubernetes objects in the manifests."""

from pathlib import Path

import yaml

from lab.paths import EXAMPLE

ISTIO = EXAMPLE / "istio"
SIDECAR = ISTIO / "sidecar"
KUBERNETES = EXAMPLE / "kubernetes"
ENVOY_GATEWAY = EXAMPLE / "envoy-gateway"

_NO_OBJECTS = {"Kustomization", "Component"}  # of kustomize, which never reach a cluster


def objects(file: Path) -> list[dict]:
    return [
        object
        for object in yaml.safe_load_all(file.read_text())
        if isinstance(object, dict) and object.get("kind", "Component") not in _NO_OBJECTS
    ]


def everything() -> list[tuple[Path, dict]]:
    """Every object, with the file that it stands in."""
    files = [file for folder in (ISTIO, KUBERNETES, ENVOY_GATEWAY) for file in sorted(folder.rglob("*.yaml"))]
    return [(file, object) for file in files for object in objects(file)]


def find(file: Path, kind: str, name: str | None = None) -> dict:
    """The one of this kind (and name) in the file."""
    found = every(file, kind)
    found = [object for object in found if name in (None, object["metadata"]["name"])]
    assert len(found) == 1, f"{file.name} has {len(found)} of {kind} {name or ''}"
    return found[0]


def every(file: Path, kind: str) -> list[dict]:
    return [object for object in objects(file) if object["kind"] == kind]
