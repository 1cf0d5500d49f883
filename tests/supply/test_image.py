"""The images, read back as those read them who pull them, and by nothing that wrote them."""

import gzip
import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile
import tomllib
from pathlib import Path

import pytest

from lab.paths import BUILD, MODULE, ROOT

LAYOUT = BUILD / "image/airgate"
VERSION = tomllib.loads((ROOT / "Cargo.toml").read_text())["workspace"]["package"]["version"]
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
SBOM = "application/vnd.cyclonedx+json"


def sha256(content: bytes) -> str:
    """What is compared by it is too large to be shown when it differs."""
    return "sha256:" + hashlib.sha256(content).hexdigest()


def content(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): sha256(path.read_bytes()) for path in folder.rglob("*") if path.is_file()}


def blob(descriptor: dict) -> bytes:
    found = (LAYOUT / "blobs" / descriptor["digest"].replace(":", "/")).read_bytes()
    assert (len(found), sha256(found)) == (descriptor["size"], descriptor["digest"])
    return found


def document(descriptor: dict) -> dict:
    found = json.loads(blob(descriptor))
    assert (found["schemaVersion"], found["mediaType"]) == (2, descriptor["mediaType"])
    return found


TOP = json.loads((LAYOUT / "index.json").read_text())["manifests"]
TAGGED = {
    descriptor["annotations"]["org.opencontainers.image.ref.name"]: descriptor
    for descriptor in TOP
    if "annotations" in descriptor
}
IMAGE, ARTIFACT = TAGGED[VERSION], TAGGED[f"{VERSION}-oci"]


def of_platform(architecture: str) -> dict:
    [found] = [entry for entry in document(IMAGE)["manifests"] if entry["platform"]["architecture"] == architecture]
    return found


def as_a_plugin(descriptor: dict) -> bytes:
    """As Istio and Envoy Gateway find the module in a manifest (imagefetcher.go of both)."""
    layers = document(descriptor)["layers"]
    if layers[-1]["mediaType"] == "application/vnd.oci.image.layer.v1.tar+gzip":
        with tarfile.open(fileobj=io.BytesIO(gzip.decompress(blob(layers[-1])))) as archive:
            [name] = [name for name in archive.getnames() if Path(name).name == "plugin.wasm"]
            return archive.extractfile(name).read()
    assert len(layers) == 2
    [module] = [layer for layer in layers if layer["mediaType"] == "application/vnd.module.wasm.content.layer.v1+wasm"]
    return blob(module)


def test_the_layout_has_what_it_names_and_nothing_else():
    assert json.loads((LAYOUT / "oci-layout").read_text()) == {"imageLayoutVersion": "1.0.0"}
    assert set(TAGGED) == {VERSION, f"{VERSION}-oci"}
    seen, ahead = set(), list(TOP)
    while ahead:
        descriptor = ahead.pop()
        blob(descriptor)
        seen.add(descriptor["digest"].partition(":")[2])
        if descriptor["mediaType"] in (MANIFEST, INDEX):
            parts = document(descriptor)
            ahead += parts.get("manifests", []) + parts.get("layers", [])
            ahead += [parts[name] for name in ("config", "subject") if name in parts]
    assert seen == {path.name for path in (LAYOUT / "blobs/sha256").iterdir()}


@pytest.mark.parametrize("pulled", ["amd64", "arm64", "oci"])
def test_a_mesh_finds_the_module(pulled):
    module = as_a_plugin(ARTIFACT if pulled == "oci" else of_platform(pulled))
    assert sha256(module) == sha256(MODULE.read_bytes())


@pytest.mark.parametrize("architecture", ["amd64", "arm64"])
def test_as_a_volume_it_is_one_file_at_the_root(architecture):
    manifest = document(of_platform(architecture))
    assert manifest["annotations"]["module.wasm.image/variant"] == "compat"
    [layer] = manifest["layers"]
    config = json.loads(blob(manifest["config"]))
    # A container runtime unpacks only what is of its node's kind and has these digests when unpacked.
    assert (config["os"], config["architecture"]) == ("linux", architecture)
    files = gzip.decompress(blob(layer))
    assert config["rootfs"] == {"type": "layers", "diff_ids": [sha256(files)]}
    with tarfile.open(fileobj=io.BytesIO(files)) as archive:
        [entry] = archive.getmembers()
        assert entry.isreg() and (entry.name, entry.mode) == ("plugin.wasm", 0o444)
        assert (entry.uid, entry.gid, entry.mtime) == (0, 0, 0)
        assert sha256(archive.extractfile(entry).read()) == sha256(MODULE.read_bytes())


def test_the_examples_mount_it_where_envoy_looks():
    places = [("kubernetes/deployment", "kubernetes/envoy"), ("istio/mount-module", "istio/module-by-envoyfilter")]
    for mount, use in places:
        assert "mountPath: /etc/airgate/module," in (ROOT / f"envoy-example/{mount}.yaml").read_text()
        assert "filename: /etc/airgate/module/plugin.wasm" in (ROOT / f"envoy-example/{use}.yaml").read_text()


def test_the_artifact_says_what_it_is_for():
    manifest = document(ARTIFACT)
    kind = "application/vnd.module.wasm.config.v1+json"
    assert manifest["config"]["mediaType"] == manifest["layers"][0]["mediaType"] == kind
    assert json.loads(blob(manifest["config"])) == {"type": "envoy_proxy", "abiVersions": ["v0.2.1"]}


@pytest.mark.parametrize("descriptor", [IMAGE, ARTIFACT, of_platform("amd64"), of_platform("arm64")])
def test_it_says_what_it_is(descriptor):
    about = document(descriptor)["annotations"]
    about = {key.removeprefix("org.opencontainers.image."): value for key, value in about.items()}
    assert (about["title"], about["version"], about["licenses"]) == ("airgate", VERSION, "Apache-2.0")
    assert about["description"]
    if "revision" in about:
        command = ["git", "rev-parse", "--verify", about["revision"] + "^{commit}"]
        assert subprocess.run(command, cwd=ROOT, capture_output=True, text=True).stdout.strip() == about["revision"]


@pytest.mark.parametrize("subject", [IMAGE, ARTIFACT])
def test_the_sbom_refers_to_it(subject):
    referring = [document(entry) for entry in TOP if entry.get("artifactType") == SBOM]
    [manifest] = [found for found in referring if found["subject"]["digest"] == subject["digest"]]
    assert manifest["artifactType"] == SBOM
    assert manifest["subject"] == {key: subject[key] for key in ("mediaType", "digest", "size")}
    assert manifest["config"]["mediaType"] == "application/vnd.oci.empty.v1+json" and blob(manifest["config"]) == b"{}"
    [layer] = manifest["layers"]
    assert layer["mediaType"] == SBOM and sha256(blob(layer)) == sha256((BUILD / "airgate.cdx.json").read_bytes())


def test_twice_is_the_same(tmp_path):
    def build(folder: Path, umask: int, zone: str) -> dict[str, str]:
        folder.mkdir()
        command = [sys.executable, ROOT / "scripts/image.py", MODULE, BUILD / "airgate.cdx.json", folder / "airgate"]
        command += ["--revision", "0" * 40]
        environment = {**os.environ, "TZ": zone}
        subprocess.run(command, cwd=folder, umask=umask, env=environment, check=True, stdout=-1)
        return content(folder)

    first = build(tmp_path / "a", 0o022, "UTC")
    assert f"airgate-{VERSION}.tar" in first and len(first) > 10
    assert first == build(tmp_path / "another", 0o077, "Asia/Tokyo")


def test_the_archive_is_the_layout():
    with tarfile.open(BUILD / f"image/airgate-{VERSION}.tar") as archive:
        packed = {entry.name: sha256(archive.extractfile(entry).read()) for entry in archive.getmembers()}
    assert packed == content(LAYOUT)


@pytest.mark.parametrize("source", [f"oci:{LAYOUT}", f"oci-archive:{BUILD}/image/airgate-{VERSION}.tar"])
@pytest.mark.parametrize("tag", [VERSION, f"{VERSION}-oci"])
def test_skopeo_takes_it(source, tag, tmp_path):
    options = ["--insecure-policy", "--tmpdir", tmp_path, "copy", "--quiet", "--all", "--preserve-digests"]
    subprocess.run(["skopeo", *options, f"{source}:{tag}", f"dir:{tmp_path}/copied"], check=True)
    assert (tmp_path / "copied/manifest.json").read_bytes() == blob(TAGGED[tag])
