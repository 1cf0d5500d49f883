"""The SBOM names what is in the module: all of that, and nothing else."""

import hashlib
import json
import os
import re
import subprocess
import tomllib
from urllib.parse import unquote

from jsonschema import Draft7Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT7

from lab.paths import BUILD, MODULE, ROOT

FILE = BUILD / "airgate.cdx.json"
SBOM = json.loads(FILE.read_text())
COMPONENTS = SBOM["components"]
CRATES = {(found["name"], found["version"]): found for found in COMPONENTS if found["purl"].startswith("pkg:cargo/")}
VERSION = SBOM["metadata"]["component"]["version"]
SCHEMAS = BUILD / "cyclonedx/cyclonedx/schema/_res"


def schema(name: str) -> dict:
    return json.loads((SCHEMAS / f"{name}.SNAPSHOT.schema.json").read_text())


def test_it_is_cyclonedx_1_6():
    parts = [schema(name) for name in ("bom-1.6", "spdx", "jsf-0.82", "cryptography-defs")]
    registry = Registry().with_resources((part["$id"], Resource(part, DRAFT7)) for part in parts)
    assert [mistake.message for mistake in Draft7Validator(parts[0], registry=registry).iter_errors(SBOM)] == []


def test_it_is_of_this_module():
    [own] = SBOM["metadata"]["component"]["hashes"]
    assert own == {"alg": "SHA-256", "content": hashlib.sha256(MODULE.read_bytes()).hexdigest()}


def test_the_lock_file_has_each_with_the_same_checksum():
    locked = {
        (package["name"], package["version"]): package.get("checksum")
        for package in tomllib.loads((ROOT / "Cargo.lock").read_text())["package"]
    }
    assert len(CRATES) > 100
    for crate, component in CRATES.items():
        assert component["hashes"] == [{"alg": "SHA-256", "content": locked[crate]}], crate
        assert unquote(component["purl"]) == "pkg:cargo/{}@{}".format(*crate)


def _crate(package_id: str) -> tuple[str, str]:
    """Name and version. Cargo leaves the name out where the package's folder has it already, as in a fresh clone."""
    place, _, name_and_version = package_id.partition("#")
    name, _, version = name_and_version.rpartition("@")
    return name or place.rpartition("/")[2], version


def test_it_has_what_cargo_compiles_for_the_module_and_no_more():
    """Cargo's plan of the build, which the SBOM is not made from: no macros, nothing of the command or the tests."""
    command = "cargo build --locked --offline --release --target wasm32-wasip1 -p airgate-gateway --unit-graph"
    planned = subprocess.run(
        [*command.split(), "-Zunstable-options"],
        cwd=ROOT, capture_output=True, text=True, check=True, env={**os.environ, "RUSTC_BOOTSTRAP": "1"},
    )  # fmt: skip
    compiled = {
        _crate(unit["pkg_id"])
        for unit in json.loads(planned.stdout)["units"]
        if unit["platform"] and unit["mode"] == "build" and unit["target"]["kind"] in (["lib"], ["rlib"], ["cdylib"])
    }
    own = {crate for crate in compiled if crate[0].partition("-")[0] == "airgate"}
    assert ("airgate", VERSION) in own and compiled - own == set(CRATES)


def test_each_crate_that_a_panic_names_is_there():
    """The module's own words for it: a panic names the file that it came from."""
    named = set(re.findall(rb"([a-z][a-z0-9_-]*)-(\d+\.\d+\.\d+)/src/[\w/]+\.rs", MODULE.read_bytes()))
    named = {(name.decode(), version.decode()) for name, version in named}
    assert len(named) > 20
    # Of the standard library's own packages, which stand for themselves as rust-std.
    assert {name for name, _ in named - set(CRATES)} <= {"rustc-demangle", "hashbrown", "dlmalloc", "wasi", "wasip1"}


def test_what_the_compiler_brings_is_there():
    names = {component["name"] for component in COMPONENTS if not component["purl"].startswith("pkg:cargo/")}
    assert "rust-std" in names and names <= {"rust-std", "wasi-libc"}


def test_the_command_and_the_tests_are_not_in_it():
    others = {"clap", "divan", "proptest", "rustls", "serde-saphyr", "serde_derive", "ureq", "wasm-bindgen"}
    locked = {package["name"] for package in tomllib.loads((ROOT / "Cargo.lock").read_text())["package"]}
    assert others <= locked and not others & {name for name, _ in CRATES}


def test_each_has_a_licence():
    for component in COMPONENTS:
        [terms] = component["licenses"]
        assert terms.get("expression") or terms["license"]["name"], component["name"]


def test_the_graph_reaches_all_of_it():
    graph = {entry["ref"]: entry.get("dependsOn", []) for entry in SBOM["dependencies"]}
    assert set(graph) == {component["bom-ref"] for component in COMPONENTS} | {SBOM["metadata"]["component"]["bom-ref"]}
    reached, ahead = set(), [SBOM["metadata"]["component"]["bom-ref"]]
    while ahead:
        reference = ahead.pop()
        if reference not in reached:
            reached.add(reference)
            ahead += graph[reference]
    assert reached == set(graph)


def test_it_says_nothing_of_this_machine_or_hour():
    assert not re.findall(f"{ROOT}|file:", FILE.read_text()) and "timestamp" not in SBOM["metadata"]
    before = hashlib.sha256(FILE.read_bytes()).digest()
    environment = {**os.environ, "TZ": "Asia/Tokyo"}
    subprocess.run([ROOT / "scripts/sbom.sh"], cwd="/", env=environment, check=True, capture_output=True)
    assert hashlib.sha256(FILE.read_bytes()).digest() == before
