"""What becomes of the provider's keys, and of requests that wait for them, when the configuration changes."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from conftest import untrapped
from visitor import ECHO, Visitor, values

from lab import Bed, Parts, until
from lab.envoy import VERSIONS, Options
from lab.rogue import Answer, Rogue
from lab.wire import Wire

VERSION = pytest.mark.parametrize("version", VERSIONS)


def stamped(stamp: str) -> Callable[[dict], None]:
    """A configuration that can be told from others by what arrives."""
    rule = {"then": {"headers": {"x-configuration": stamp}}}
    return lambda config: config.update(routing={"rules": [rule]})


@contextmanager
def reloadable(parts: Parts, **options) -> Iterator[Bed]:
    with untrapped(Options(**{"plugin": stamped("old"), "reloadable": True, **options}), parts) as bed:
        yield bed


def serves(bed: Bed, stamp: str, who: str = "alice") -> None:
    """New connections meet this configuration, whichever worker takes them."""

    def served() -> bool:
        arrived = Visitor(bed, who=who).ask().passed
        assert values(arrived, "x-airgate-user") == [who]
        return values(arrived, "x-configuration") == [stamp]

    until(served, 5, f"the configuration {stamp} answering")
    assert all(served() for _ in range(8))


@pytest.fixture(scope="module")
def mortal_parts() -> Iterator[Parts]:
    """A provider whose outage bothers nobody else."""
    with Parts(standins=1) as parts:
        for who in ("alice", "bob", "carol"):
            parts.provider.token(who)
        yield parts


@contextmanager
def provider_down(parts: Parts) -> Iterator[None]:
    parts.provider.down()
    try:
        yield
    finally:
        parts.provider.down(False)


@VERSION
def test_the_provider_is_down_meanwhile(mortal_parts, version):
    "Valid tokens go on being valid, also those that nobody has shown yet."
    with reloadable(mortal_parts, version=version) as bed:
        serves(bed, "old")
        with provider_down(mortal_parts):
            assert bed.envoy.reload(plugin=stamped("new"))
            serves(bed, "new")
            serves(bed, "new", "bob")
            assert bed.envoy.reload(plugin=stamped("newer"))
            serves(bed, "newer", "carol")


@VERSION
def test_it_is_shared_data_that_keeps_the_keys(mortal_parts, version):
    "The contrast: without it, the same reload locks everybody out until the provider is back."

    def alone(config: dict) -> None:
        stamped("old")(config)
        config["shared_data"] = False
        config["providers"][0]["keys"] = {"wait": "1s", "timeout": "1s"}

    with reloadable(mortal_parts, version=version, plugin=alone) as bed:

        def locked_out(who: str) -> bool:
            return Visitor(bed, who=who).ask().answer.status == 503

        serves(bed, "old")
        with provider_down(mortal_parts):
            assert bed.envoy.reload(plugin=stamped("new"))
            until(lambda: locked_out("alice"), 5, "the new configuration, which knows no keys")
            assert locked_out("bob") and locked_out("alice")
        until(lambda: not locked_out("alice"), 20, "the provider being asked again", every=0.1)


@VERSION
def test_requests_that_wait_for_keys_meanwhile(parts, version):
    "Those before the reload are answered by the configuration that took them in."
    with Rogue(parts.authority) as rogue, ThreadPoolExecutor(8) as pool:
        site = rogue.site("acme")
        site.jwks = Answer(hold=True)

        def waiting(config: dict) -> None:
            stamped("old")(config)
            config["providers"] = [site.provider(keys={"wait": "20s", "timeout": "20s"})]
            del config["session"]  # nobody can sign in there

        def ask() -> str:
            with Wire(bed.url, bed.authority_file, timeout=20) as wire:
                answer = wire.ask(ECHO, fields=[(b"authorization", f"Bearer {site.token()}".encode())])
            assert answer.status == 200, answer
            return dict(answer.json()["headers"])["x-configuration"]

        def active() -> int:
            return bed.envoy.stats(r"^http\.https\.downstream_rq_active$").popitem()[1]

        def public() -> list[str]:
            return values(Visitor(bed, who=None).ask(b"/api/v1/health").passed, "x-configuration")

        with reloadable(parts, version=version, concurrency=1, plugin=waiting, bootstrap=rogue.connect) as bed:
            old = [pool.submit(ask) for _ in range(3)]
            until(lambda: active() == 3, 5, "the requests being held")
            assert bed.envoy.reload(plugin=stamped("new"))
            until(lambda: public() == ["new"], 5, "the new configuration answering")
            new = [pool.submit(ask) for _ in range(3)]
            until(lambda: active() == 6, 5, "more requests being held")
            assert not any(future.done() for future in old + new)
            site.release()
            assert [future.result() for future in old] == ["old"] * 3
            assert [future.result() for future in new] == ["new"] * 3
