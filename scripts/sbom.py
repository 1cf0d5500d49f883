"""sbom.py MODULE [--beside NAME VERSION PURL LICENCE]...: prints what is linked into the module, as CycloneDX 1.6.

Cargo says what: `cargo tree` for the features that the module is built with (`cargo metadata` knows those of the whole
workspace only), without procedural macros, which run in the compiler and end there. Nothing of the machine or the hour
goes in, and the serial number is taken from the content, so the same sources and compiler give the same file.
"""

import argparse
import hashlib
import json
import os
import re
import subprocess
import tomllib
import uuid
from pathlib import Path
from urllib.parse import quote

ROOT = Path(__file__).resolve().parents[1]
TARGET = "wasm32-wasip1"
PACKAGE = "airgate-gateway"
CARGO = os.environ.get("CARGO", "cargo")

Crate = tuple[str, str]


def cargo(*arguments: str) -> str:
    # Cargo would read the standard library's packages too, which only the build wants.
    environment = {name: value for name, value in os.environ.items() if name != "CARGO_UNSTABLE_BUILD_STD"}
    ran = subprocess.run([CARGO, *arguments, "--locked"], cwd=ROOT, env=environment, check=True, stdout=-1, text=True)
    return ran.stdout


def linked() -> dict[Crate, set[Crate]]:
    """Each crate in the module, and those that it asks for itself."""
    of = ["--package", PACKAGE, "--target", TARGET, "--edges", "normal,no-proc-macro"]
    tree = cargo("tree", *of, "--prefix", "depth", "--format", " {p}")
    graph: dict[Crate, set[Crate]] = {}
    above: list[Crate] = []
    for depth, name, version in re.findall(r"^(\d+) (\S+) v(\S+)", tree, re.M):
        crate = (name, version)
        graph.setdefault(crate, set())
        del above[int(depth) :]
        if above:
            graph[above[-1]].add(crate)
        above.append(crate)
    return graph


def purl(kind: str, crate: Crate) -> str:
    return f"pkg:{kind}/{crate[0]}@{quote(crate[1], safe='~')}"


def licence(expression: str) -> list[dict]:
    # "MIT/Apache-2.0" is how Cargo wrote "or" once.
    return [{"expression": expression.replace("/", " OR ")}]


def component(crate: Crate, package: dict, checksum: str) -> dict:
    reference = purl("cargo", crate)
    found = {
        "type": "library",
        "bom-ref": reference,
        "name": crate[0],
        "version": crate[1],
        "description": " ".join((package["description"] or "").split()),
        "scope": "required",
        "hashes": [{"alg": "SHA-256", "content": checksum}],
        "licenses": licence(package["license"]),
        "purl": reference,
    }
    if package["repository"]:
        found["externalReferences"] = [{"type": "vcs", "url": package["repository"]}]
    return found


def beside(name: str, version: str, reference: str, terms: str) -> dict:
    """What the compiler brings: no lock file names it."""
    return {
        "type": "library",
        "bom-ref": reference,
        "name": name,
        "version": version,
        "scope": "required",
        "licenses": [{"license": {"name": terms}}] if "," in terms else licence(terms),
        "purl": reference,
    }


def bill(module: bytes, compilers: list[dict]) -> dict:
    metadata = json.loads(cargo("metadata", "--format-version", "1"))
    packages = {(package["name"], package["version"]): package for package in metadata["packages"]}
    checksums = {
        (package["name"], package["version"]): package.get("checksum")
        for package in tomllib.loads((ROOT / "Cargo.lock").read_text())["package"]
    }
    graph = linked()
    # Our own are one module; what comes from a registry has a checksum.
    own = {crate for crate in graph if packages[crate]["source"] is None}
    [gateway] = (packages[crate] for crate in own if crate[0] == PACKAGE)
    airgate = purl("generic", ("airgate", gateway["version"]))

    def references(crates: set[Crate]) -> list[str]:
        return sorted(purl("cargo", crate) for crate in crates - own)

    top = references(set().union(*(graph[crate] for crate in own))) + sorted(c["bom-ref"] for c in compilers)
    foreign = sorted(set(graph) - own)
    content = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "lifecycles": [{"phase": "build"}],
            "tools": {"components": [{"type": "application", "name": "scripts/sbom.py of airgate"}]},
            "component": {
                "type": "application",
                "bom-ref": airgate,
                "name": "airgate",
                "version": gateway["version"],
                "description": gateway["description"],
                "hashes": [{"alg": "SHA-256", "content": hashlib.sha256(module).hexdigest()}],
                "licenses": licence(gateway["license"]),
                "purl": airgate,
                "properties": [{"name": "airgate:target", "value": TARGET}],
            },
        },
        "components": compilers + [component(crate, packages[crate], checksums[crate]) for crate in foreign],
        "dependencies": [{"ref": airgate, "dependsOn": top}]
        + [{"ref": compiler["bom-ref"]} for compiler in compilers]
        + [{"ref": purl("cargo", crate), "dependsOn": references(graph[crate])} for crate in foreign],
        "compositions": [{"aggregate": "complete", "assemblies": [airgate]}],
    }
    serial = uuid.uuid5(uuid.NAMESPACE_OID, json.dumps(content))
    return {**content, "serialNumber": f"urn:uuid:{serial}"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("module", type=Path)
    four = ("NAME", "VERSION", "PURL", "LICENCE")
    parser.add_argument("--beside", nargs=4, action="append", default=[], metavar=four)
    given = parser.parse_args()
    compilers = [beside(*four) for four in given.beside]
    print(json.dumps(bill(given.module.read_bytes(), compilers), indent=2, ensure_ascii=False))


main()
