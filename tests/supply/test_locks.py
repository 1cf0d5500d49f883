"""What the lock files say of each package is enough to know it by."""

import re
import tomllib

import pytest

from lab.paths import ROOT

LOCKS = ["Cargo.lock", "benches/floor/Cargo.lock", "fuzz/Cargo.lock"]


def packages(lock: str) -> list[dict]:
    return tomllib.loads((ROOT / lock).read_text())["package"]


def test_these_are_all():
    found = {str(path.relative_to(ROOT)) for path in ROOT.glob("**/Cargo.lock") if ".build" not in path.parts}
    assert {path for path in found if not path.startswith("target/")} == set(LOCKS)


@pytest.mark.parametrize("lock", LOCKS)
def test_every_package_of_others_has_a_hash(lock):
    others = [package for package in packages(lock) if package["name"].partition("-")[0] not in ("airgate", "floor")]
    assert others
    for package in others:
        assert package["source"].startswith("registry+"), package["name"]
        assert re.fullmatch("[0-9a-f]{64}", package["checksum"]), package["name"]


def test_the_fuzzed_core_stands_on_what_the_shipped_one_does():
    """... for each package in the module: another version fuzzed would say nothing of this one."""
    shipped = {(package["name"], package["version"]) for package in packages("Cargo.lock")}
    fuzzed = {(package["name"], package["version"]) for package in packages("fuzz/Cargo.lock")}
    names = {name for name, _ in shipped}
    assert {package for package in fuzzed if package[0] in names} <= shipped
