"""Affinity by pin: exactly the replica that a client got first, and no word of a client's or a replica's own counts."""

from base64 import b64encode
from urllib.parse import urlsplit

import pytest
from browser import Browser, one_on
from conftest import untrapped
from visitor import bare

from lab import Bed, Parts, until
from lab.bootstrap import Bootstrap
from lab.envoy import Options


def pinning(bootstrap: Bootstrap) -> None:
    """The two changes that the example's README names."""
    bootstrap.plugin_config["affinity"]["mode"] = "pin"
    filters = bootstrap.manager()["http_filters"]
    next(one for one in filters if one["name"] == "stateful-session")["disabled"] = False


def pin(url: str) -> str:
    return b64encode(urlsplit(url).netloc.encode()).decode()


def pins(bed: Bed) -> dict[str, str]:
    return {standin.name: pin(standin.url) for standin in bed.standins}


@pytest.fixture(scope="module")
def pinned(open_bed, envoy_version) -> Bed:
    return open_bed(Options(version=envoy_version, bootstrap=pinning))


@pytest.fixture(scope="module")
def bare_pinned(open_bed, envoy_version) -> Bed:
    """The same without Envoy's own removal of what the client says."""

    def change(bootstrap: Bootstrap) -> None:
        pinning(bootstrap)
        bare(bootstrap)

    return open_bed(Options(version=envoy_version, bootstrap=change))


def test_pinned(pinned):
    homes = set()
    for _ in range(24):
        browser = Browser(pinned)
        first = browser.go()
        stops = [browser.go() for _ in range(4)]
        assert {stop.replica for stop in stops} == {first.replica}
        assert not any(stop.set_cookie for stop in stops), "a valid cookie gets no new one"
        homes.add(first.replica)
    assert homes == {"a", "b"}


def test_the_pin_is_between_airgate_and_envoy(pinned):
    browser = Browser(pinned)
    for stop in (browser.go(), browser.go()):
        assert not stop.seen("x-airgate-pin") and not stop.answer.all("x-airgate-pin")
        assert not any(address in str(stop.answer.headers) for address in pins(pinned).values())


def test_a_clients_own_pin_is_ignored(pinned, bare_pinned):
    for bed in (pinned, bare_pinned):
        for name in (b"x-airgate-pin", b"X-AIRGATE-PIN", *([b"x_airgate_pin"] if bed is bare_pinned else [])):
            for home, away in (("a", "b"), ("b", "a")):
                browser = one_on(bed, home)
                assert browser.go([(name, pins(bed)[away].encode())]).replica == home
    replicas = {Browser(pinned).go([(b"x-airgate-pin", pins(pinned)["a"].encode())]).replica for _ in range(20)}
    assert replicas == {"a", "b"}, "newcomers are balanced, whatever they say"


def test_a_pin_leads_nowhere_but_to_replicas(pinned, bare_pinned):
    for bed in (pinned, bare_pinned):
        for url in (bed.envoy.admin_url, "http://169.254.169.254:80"):
            for fields in ([(b"x-airgate-pin", pin(url).encode())], []):
                assert Browser(bed, pin(url)).go(fields).replica in ("a", "b")


def test_a_replicas_own_pin_is_ignored(pinned):
    "Envoy writes its own over it only where the address changed; the route's removal is what keeps this one away."
    here, away = pinned.standins
    browser = one_on(pinned, here.name)
    try:
        headers = {"x-airgate-pin": pin(away.url)}
        here.control(fail={"status": 200, "path": "/api/v1/lure", "headers": headers, "body": "{}"})
        stop = browser.go(target=b"/api/v1/lure")
        assert stop.set_cookie is None and not stop.answer.all("x-airgate-pin")
        assert browser.go().replica == here.name
        # A newcomer is told by Envoy and by the replica, and Envoy's word counts.
        for _ in range(64):
            newcomer = Browser(pinned)
            if newcomer.go(target=b"/api/v1/lure").replica == here.name:
                break
        else:
            raise AssertionError("of 64 browsers none was sent to the replica that lures")
        assert newcomer.go().replica == here.name
    finally:
        here.heal()


def test_without_the_routes_removal_a_replica_could_send_its_clients_away(open_bed):
    "So the line in envoy.yaml is not there for nothing."

    def change(bootstrap: Bootstrap) -> None:
        pinning(bootstrap)
        del bootstrap.manager()["route_config"]["response_headers_to_remove"]

    bed = open_bed(Options(bootstrap=change))
    here, away = bed.standins
    browser = one_on(bed, here.name)
    try:
        here.control(fail={"status": 200, "path": "/api/v1/lure", "headers": {"x-airgate-pin": pin(away.url)}})
        assert browser.go(target=b"/api/v1/lure").set_cookie
        assert browser.go().replica == away.name
    finally:
        here.heal()


def test_a_dead_replica_is_redispatched_and_the_cookie_reissued(envoy_version):
    with Parts() as parts, untrapped(Options(version=envoy_version, bootstrap=pinning), parts) as bed:
        browser = one_on(bed, "a")
        key = browser.go().key
        parts.standins[0].stop()
        until(lambda: bed.envoy.stats(r"^cluster\.airbyte\.membership_healthy$").popitem()[1] == 1)
        stop = browser.go()
        assert (stop.replica, stop.key) == ("b", key) and stop.set_cookie
        assert not browser.go().set_cookie
        parts.standins[0].start()
        until(lambda: bed.envoy.stats(r"^cluster\.airbyte\.membership_healthy$").popitem()[1] == 2)
        assert {browser.go().replica for _ in range(8)} == {"b"}, "it stays where it is now"
        newcomers = {Browser(bed).go().replica for _ in range(20)}
        assert newcomers == {"a", "b"}
