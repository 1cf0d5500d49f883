"""docs/from-native-envoy.md: its configuration is loaded by both Envoys, and asked what HAProxy was asked."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest
from cases import CASES, TAKES_SECONDS
from conftest import TIMING
from gate import Gate
from native import Native
from pages import FROM_HAPROXY, FROM_NATIVE_ENVOY, blocks, rows

from lab.envoy import NEWEST, VERSIONS

AIRGATE = {what: both for what, both in rows(FROM_HAPROXY, "what comes", "both")}
AIRGATE |= {what: airgate for what, _, airgate in rows(FROM_HAPROXY, "what comes", "HAProxy", "airgate")}
OTHER = {what: said for what, *said in rows(FROM_NATIVE_ENVOY, "what comes", "native", "airgate")}
FEW = ["a good token", "no token", "a person opens a page in a browser", "a reader deletes one"]


@pytest.fixture(scope="module")
def gates(parts, rogue, site) -> Iterator[dict[str, Gate]]:
    with ExitStack() as stack:

        def start(version: str) -> Gate:
            native = Native(parts.folder / f"native-{version}", version, parts, rogue, TIMING)
            stack.callback(native.stop)
            return Gate(native.start().url, parts, site, "SRV")

        yield {version: start(version) for version in VERSIONS}


def test_what_airgate_does_is_as_in_the_other_page():
    assert {what: airgate for what, (_, airgate) in OTHER.items()}.items() <= AIRGATE.items()
    assert not [what for what, (one, other) in OTHER.items() if one == other], "they do not differ"


@pytest.mark.parametrize("what", [name for name in CASES if name not in TAKES_SECONDS])
def test_it_happens_as_written(gates, what):
    assert CASES[what](gates[NEWEST]) == OTHER.get(what, [AIRGATE[what]])[0]


def test_what_takes_long_as_well(gates):
    with ThreadPoolExecutor() as pool:
        happened = [*pool.map(lambda what: CASES[what](gates[NEWEST]), TAKES_SECONDS)]
    assert happened == [OTHER.get(what, [AIRGATE[what]])[0] for what in TAKES_SECONDS]


@pytest.mark.parametrize("what", FEW)
def test_an_older_envoy_reads_it_alike(gates, what):
    assert [CASES[what](gates[version]) for version in VERSIONS] == [AIRGATE[what]] * len(VERSIONS)


@pytest.mark.parametrize("version", VERSIONS)
def test_ext_authz_is_a_configuration(parts, rogue, version):
    [recipe] = [block for block in blocks(FROM_NATIVE_ENVOY) if "ext_authz" in block]

    def instead(tree: dict, manager: dict) -> None:
        manager["http_filters"] = [*recipe["ext_authz"], manager["http_filters"][-1]]
        tree["static_resources"]["clusters"] += recipe["clusters"]

    checked = Native(parts.folder / f"ext-authz-{version}", version, parts, rogue, TIMING, instead).validate()
    assert checked.returncode == 0, checked.stderr
