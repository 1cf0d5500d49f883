"""image.py MODULE SBOM FOLDER [--revision R]: the module in an OCI image layout, and that packed as FOLDER-VERSION.tar.

Two images, because hosts take two forms, and the SBOM as a referrer of each (OCI 1.1, a manifest with a `subject`):

    VERSION      `plugin.wasm` at the root of an ordinary image, for linux/amd64 and linux/arm64 with the same layer: as
                 an image volume a node mounts only what says to be of its own kind. Istio calls it "compat"
    VERSION-oci  the module as it is, with a layer that says what it is for. Istio asks for exactly these two layers

Nothing of the machine or the hour goes in, and the layer is packed without compressing, which each zlib does its own
way: the same module, SBOM and revision give the same digests everywhere.
"""

import argparse
import hashlib
import io
import json
import re
import shutil
import struct
import tarfile
import tomllib
import zlib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
EMPTY = "application/vnd.oci.empty.v1+json"
WASM_CONFIG = "application/vnd.module.wasm.config.v1+json"
WASM_LAYER = "application/vnd.module.wasm.content.layer.v1+wasm"
CYCLONEDX = "application/vnd.cyclonedx+json"

Descriptor = dict


def to_json(value: dict) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def digest(content: bytes) -> str:
    return "sha256:" + hashlib.sha256(content).hexdigest()


def tar(files: dict[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), 0o444
            archive.addfile(entry, io.BytesIO(content))
    return packed.getvalue()


def gzip(content: bytes) -> bytes:
    """RFC 1952 around stored blocks (RFC 1951, 3.2.4), without name or time."""
    size = 0xFFFF
    blocks = [content[start : start + size] for start in range(0, len(content), size)]
    packed = bytearray(b"\x1f\x8b\x08\0\0\0\0\0\0\xff")
    for number, block in enumerate(blocks, 1):
        packed += struct.pack("<BHH", number == len(blocks), len(block), len(block) ^ size) + block
    return bytes(packed + struct.pack("<II", zlib.crc32(content), len(content) & 0xFFFFFFFF))


class Layout:
    def __init__(self) -> None:
        self.files = {"oci-layout": to_json({"imageLayoutVersion": "1.0.0"})}
        self.manifests: list[Descriptor] = []

    def blob(self, kind: str, content: bytes, **more: dict | str) -> Descriptor:
        address = digest(content)
        self.files["blobs/" + address.replace(":", "/")] = content
        return {"mediaType": kind, "digest": address, "size": len(content), **more}

    def name(self, descriptor: Descriptor, tag: str) -> None:
        self.manifests.append({**descriptor, "annotations": {"org.opencontainers.image.ref.name": tag}})

    def refer(self, subject: Descriptor, kind: str, content: bytes, title: str) -> None:
        """Attaches a file: registries list it as a referrer of its subject."""
        about = {key: subject[key] for key in ("mediaType", "digest", "size")}
        manifest = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "artifactType": kind,
            "config": self.blob(EMPTY, b"{}"),
            "layers": [self.blob(kind, content, annotations={"org.opencontainers.image.title": title})],
            "subject": about,
        }
        self.manifests.append(self.blob(MANIFEST, to_json(manifest), artifactType=kind))

    def write(self, folder: Path) -> None:
        index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": self.manifests}
        self.files["index.json"] = to_json(index)
        shutil.rmtree(folder, ignore_errors=True)
        for name, content in self.files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)


def image(layout: Layout, module: bytes, about: dict[str, str]) -> Descriptor:
    files = tar({"plugin.wasm": module})
    layer = layout.blob(LAYER, gzip(files))
    # The specification of compat images asks for it.
    annotations = {**about, "module.wasm.image/variant": "compat"}
    manifests = []
    for architecture in ("amd64", "arm64"):
        platform = {"architecture": architecture, "os": "linux"}
        config = {**platform, "config": {}, "rootfs": {"type": "layers", "diff_ids": [digest(files)]}}
        manifest = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": layout.blob(CONFIG, to_json(config)),
            "layers": [layer],
            "annotations": annotations,
        }
        manifests.append(layout.blob(MANIFEST, to_json(manifest), platform=platform))
    index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests, "annotations": annotations}
    return layout.blob(INDEX, to_json(index))


def artifact(layout: Layout, module: bytes, about: dict[str, str]) -> Descriptor:
    [abi] = {"v" + b".".join(found).decode() for found in re.findall(rb"proxy_abi_version_(\d)_(\d)_(\d)", module)}
    config = layout.blob(WASM_CONFIG, to_json({"type": "envoy_proxy", "abiVersions": [abi]}))
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": config,
        "layers": [
            {**config, "annotations": {"org.opencontainers.image.title": "runtime-config.json"}},
            layout.blob(WASM_LAYER, module, annotations={"org.opencontainers.image.title": "plugin.wasm"}),
        ],
        "annotations": about,
    }
    return layout.blob(MANIFEST, to_json(manifest))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("module", type=Path)
    parser.add_argument("sbom", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--revision", default="")
    given = parser.parse_args()

    workspace = tomllib.loads((ROOT / "Cargo.toml").read_text())
    version = workspace["workspace"]["package"]["version"]
    about = {
        "title": "airgate",
        "description": workspace["package"]["description"].partition(":")[0],
        "version": version,
        "licenses": workspace["workspace"]["package"]["license"],
        "revision": given.revision,
        "source": workspace["workspace"]["package"].get("repository", ""),
    }
    about = {f"org.opencontainers.image.{key}": value for key, value in about.items() if value}

    layout, module, sbom = Layout(), given.module.read_bytes(), given.sbom.read_bytes()
    both = {version: image(layout, module, about), f"{version}-oci": artifact(layout, module, about)}
    for tag, descriptor in both.items():
        layout.name(descriptor, tag)
    for descriptor in both.values():
        layout.refer(descriptor, CYCLONEDX, sbom, "airgate.cdx.json")
    layout.write(given.folder)
    archive = given.folder.with_name(f"{given.folder.name}-{version}.tar")
    archive.write_bytes(tar(dict(sorted(layout.files.items()))))

    for tag, descriptor in both.items():
        print(f"{tag:10} {descriptor['digest']}")
        for child in json.loads(layout.files["blobs/" + descriptor["digest"].replace(":", "/")]).get("manifests", []):
            print(f"  {child['platform']['architecture']:8} {child['digest']}")


main()
