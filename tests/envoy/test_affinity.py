"""Affinity by hash: HAProxy's behaviours (HOSTS.md), each by its name, over two replicas."""

import secrets
import time
from base64 import urlsafe_b64decode

import pytest
from browser import COOKIE, Browser, one_on
from conftest import untrapped

from visitor import Visitor

from lab import Parts, until
from lab.bootstrap import Bootstrap
from lab.envoy import Options

# Envoys on other ports would be other hosts, and cookies are sealed for one.
ONE_HOST = {"external_url": "https://airbyte.example.com"}


def shared(*names: str) -> dict[str, str]:
    return {name: secrets.token_urlsafe(32) for name in names}


def ring(*names: str) -> list[dict]:
    return [{"id": name.lower(), "secret": {"env": name}} for name in names]


def knows(*names: str):
    """A change of the example: Envoy hands these variables to the module."""

    def change(bootstrap) -> None:
        bootstrap.plugin["vm_config"]["environment_variables"]["host_env_keys"] += names

    return change


def key_id(cookie: str) -> str:
    header = cookie.partition(".")[0]
    return urlsafe_b64decode(header + "==").decode().partition('"kid":"')[2].partition('"')[0]


def test_sticky(bed):
    for _ in range(10):
        browser = Browser(bed)
        first = browser.go()
        stops = [browser.go() for _ in range(5)]
        assert {stop.replica for stop in stops} == {first.replica} and {stop.key for stop in stops} == {first.key}


def test_spread(bed):
    assert {Browser(bed).go().replica for _ in range(30)} == {"a", "b"}


def test_a_valid_cookie_gets_no_new_one(bed):
    browser = Browser(bed)
    assert browser.go().set_cookie
    assert [browser.go().answer.all("set-cookie") for _ in range(5)] == [[]] * 5


def test_the_cookie_as_a_browser_sees_it(bed):
    answer = Browser(bed).go().answer
    value, *attributes = answer.header("set-cookie").split("; ")
    assert sorted(attributes) == ["HttpOnly", "Path=/", "SameSite=Lax", "Secure"]
    # Sealed, and nothing of where a replica is.
    assert value.startswith(f"{COOKIE}=eyJ") and value.count(".") == 4 and len(value) < 600
    assert key_id(value.removeprefix(f"{COOKIE}=")) == "k1"


def test_an_unknown_value_is_balanced_anew_and_reissued(bed):
    good = Browser(bed)
    good.go()
    cut, head = good.cookie[:-1], good.cookie.partition(".")[0]
    flipped = good.cookie[:-30] + ("A" if good.cookie[-30] != "A" else "B") + good.cookie[-29:]
    forged = ["", "x", "a", "127.0.0.1:8001", "MTI3LjAuMC4xOjk5MDE=", "AAECAwQFBgcICQoLDA0ODw", cut, flipped, head, "." * 4000]
    keys = set()
    for value in [*forged, f'"{good.cookie}"', head + ".A.A.A.A"]:
        browser = Browser(bed, value)
        stop = browser.go()
        assert stop.set_cookie and stop.set_cookie != value, value
        assert not browser.go().set_cookie, "what was issued then is good"
        keys.add(stop.key)
    assert len(keys) == len(forged) + 2, "each a client of its own"
    (bad,) = Browser(bed).go([(b"cookie", COOKIE.encode() + b"=\xff\x80")]).answer.all("set-cookie")
    assert bad.startswith(f"{COOKIE}=eyJ")


def test_the_first_of_two_same_named_wins(bed):
    one, two = Browser(bed), Browser(bed)
    keys = [one.go().key, two.go().key]
    for first, second, key in ((one, two, keys[0]), (two, one, keys[1])):
        pair = [f"{COOKIE}={browser.cookie}".encode() for browser in (first, second)]
        for fields in ([(b"cookie", b"; ".join(pair))], [(b"cookie", value) for value in pair]):
            stop = Browser(bed).go(fields)
            assert (stop.key, stop.set_cookie) == (key, None)


def test_only_our_cookie_is_cut_from_what_goes_upstream(bed):
    browser = Browser(bed)
    browser.go()
    assert browser.go().seen("cookie") == []
    assert browser.go([(b"cookie", b"JWT=1; x=\xff")]).seen("cookie") == ["JWT=1; x=\xff"]


@pytest.mark.parametrize(
    "replicas, clients",
    [
        ("public, max-age=60", ["max-age=60, private"] * 2),
        ("no-cache", ["no-cache, private"] * 2),
        ("private, max-age=60", ["private, max-age=60"] * 2),
        ("no-store", ["no-store"] * 2),
        (None, ["private", None]),
    ],
)
def test_nocache(bed, replicas, clients):
    """Where a cookie is set no shared cache may keep the answer, nor where it would be allowed to keep a bearer's."""
    headers = {"cache-control": replicas} if replicas else {}
    try:
        for standin in bed.standins:
            standin.control(fail={"status": 200, "path": "/api/v1/nocache", "headers": headers})
        browser = Browser(bed)
        found = [browser.go(target=b"/api/v1/nocache").answer.header("cache-control") for _ in range(2)]
        assert found == clients
    finally:
        for standin in bed.standins:
            standin.heal()


def test_a_replicas_own_cookies_stay(bed):
    browser = Browser(bed)
    try:
        for standin in bed.standins:
            standin.control(fail={"status": 200, "path": "/api/v1/own", "headers": {"set-cookie": "JWT=1; Path=/"}})
        fields = browser._visitor.ask(b"/api/v1/own").answer.all("set-cookie")
    finally:
        for standin in bed.standins:
            standin.heal()
    assert fields[0] == "JWT=1; Path=/" and fields[1].startswith(f"{COOKIE}=") and len(fields) == 2


def test_a_replica_that_dies_is_left_and_returned_to():
    "By hash nobody remembers the detour: the key is the same, and so is the cookie."
    with Parts() as parts, untrapped(Options(), parts) as bed:
        browser = one_on(bed, "a")
        key, cookie = browser.go().key, browser.cookie
        parts.standins[0].stop()
        # A read is repeated at the other one meanwhile: not even the first request fails.
        assert browser.go(target=b"/workspaces").replica == "b"
        until(lambda: bed.envoy.stats(r"^cluster\.airbyte\.membership_healthy$").popitem()[1] == 1)
        stop = browser.go()
        assert (stop.replica, stop.key, stop.set_cookie) == ("b", key, None)
        parts.standins[0].start()
        until(lambda: browser.go().replica == "a", what="the way back")
        assert browser.go().key == key and browser.cookie == cookie


@pytest.mark.parametrize("unlucky", [False, True], ids=["by address", "an unlucky pair"])
def test_reads_move_on_at_once_whatever_the_key(unlucky):
    "Before any health check or ejection has noticed that a replica is gone."

    def unnoticed(bootstrap: Bootstrap) -> None:
        if unlucky:
            bootstrap.make_unlucky()
        for name in ("airbyte", "airbyte_public_api"):
            cluster = bootstrap.cluster(name)
            del cluster["outlier_detection"]
            cluster["health_checks"][0].update(interval="60s", no_traffic_healthy_interval="60s")

    with Parts() as parts, untrapped(Options(bootstrap=unnoticed), parts) as bed:
        # That the replicas are well is known to the main thread before the workers are told.
        until(lambda: all(Visitor(bed).ask().answer.status == 200 for _ in range(8)), what="replicas in all workers")
        parts.standins[0].stop()
        # Each a client of its own; half of them belong to the replica that is gone.
        stops = [Browser(bed).go(target=b"/workspaces") for _ in range(60)]
        assert {stop.replica for stop in stops} == {"b"}
        assert bed.envoy.stats(r"^cluster\.airbyte\.membership_healthy$").popitem()[1] == 2
        passed = [line for line in bed.envoy.access_log() if line["http.response.status_code"] == 200]
        attempts = {line["envoy.attempts"] for line in passed}
        assert attempts == {1, 2}


def test_workers_agree(bed):
    "Every connection is with one of two workers, and each opens the cookie."
    browser = Browser(bed)
    first = browser.go()

    def both_workers() -> bool:
        stop = Browser(bed, browser.cookie).go()
        assert (stop.replica, stop.key, stop.set_cookie) == (first.replica, first.key, None)
        stats = bed.envoy.stats(r"^listener\.127\.0\.0\.1_%d\.worker_\d\.downstream_cx_total$" % bed.envoy._https)
        return len(stats) == 2 and all(stats.values())

    until(both_workers, 20)
    for _ in range(20):
        assert Browser(bed, browser.cookie).go().key == first.key


def test_gateways_agree(open_bed):
    "Any gateway with the same key does."
    environment = shared("AIRGATE_AFFINITY_KEY")
    one, two = (open_bed(Options(plugin=ONE_HOST, environment=environment)) for _ in range(2))
    for _ in range(5):
        browser = Browser(one)
        first = browser.go()
        second = Browser(two, browser.cookie).go()
        assert (second.replica, second.key, second.set_cookie) == (first.replica, first.key, None)
    stranger = open_bed(Options(plugin=ONE_HOST, environment=shared("AIRGATE_AFFINITY_KEY")))
    assert Browser(stranger, browser.cookie).go().set_cookie, "another key"
    elsewhere = open_bed(Options(plugin={"external_url": "https://other.example.com"}, environment=environment))
    assert Browser(elsewhere, browser.cookie).go().set_cookie, "another host"


def test_keys_rotate_and_nobody_notices(open_bed):
    "A new key goes in front, and the old one goes when its cookies have ended."
    environment = shared("OLD", "NEW")

    def gateway(*names: str):
        plugin = {**ONE_HOST, "affinity": {"keys": ring(*names)}}
        return open_bed(Options(plugin=plugin, bootstrap=knows(*names), environment=environment))

    browser = Browser(gateway("OLD"))
    first = browser.go()
    assert key_id(browser.cookie) == "old"
    browser = Browser(gateway("NEW", "OLD"), browser.cookie)
    second = browser.go()
    assert (second.key, second.replica) == (first.key, first.replica)
    assert second.set_cookie and key_id(browser.cookie) == "new" and not browser.go().set_cookie
    third = Browser(gateway("NEW"), browser.cookie).go()
    assert (third.key, third.set_cookie) == (first.key, None)


def test_maxidle_and_maxlife(open_bed):
    bed = open_bed(Options(plugin={"affinity": {"idle": "2s", "lifetime": "4s"}}))
    started = time.monotonic()
    active = Browser(bed)
    key = active.go().key
    copy = Browser(bed, active.cookie)
    renewals = 0
    while (stop := active.go()).key == key:
        renewals += stop.set_cookie is not None
        assert time.monotonic() - started < 10
        time.sleep(0.05)
    assert time.monotonic() - started >= 4, "an active client keeps its replica until the end of its lifetime"
    assert 2 <= renewals < 20, "the cookie is renewed now and then"
    assert copy.go().key != key, "a client that is silent does not"
    silent, started = Browser(bed), time.monotonic()
    key, cookie = silent.go().key, silent.cookie
    until(lambda: Browser(bed, cookie).go().key != key)
    assert time.monotonic() - started >= 2


@pytest.mark.parametrize("by, groups", [("subject", ["alice", "bob", "ci-bot"]), ("client", ["alice bob", "ci-bot"])])
def test_callers_with_a_token_can_do_without_cookies(open_bed, by, groups):
    bed = open_bed(Options(plugin={"affinity": {"bearer": by}}))
    keys = []
    for group in groups:
        stops = [Browser(bed, "forged", who).go() for who in group.split() for _ in range(4)]
        assert len({stop.key for stop in stops}) == len({stop.replica for stop in stops}) == 1, group
        assert not any(stop.set_cookie for stop in stops)
        keys.append(stops[0].key)
    assert len(set(keys)) == len(groups)


def test_without_keys_the_cookie_is_an_opaque_key(open_bed):
    affinity = {"keys": None, "idle": None, "lifetime": None}
    cookie = {"name": "stay", "domain": "localhost", "path": "/api", "same_site": "strict"}
    bed = open_bed(Options(plugin={"affinity": {**affinity, "cookie": cookie}}))
    browser = Browser(bed, name="stay")
    stop = browser.go()
    value, *attributes = stop.answer.header("set-cookie").split("; ")
    assert value == f"stay={stop.key}" and len(stop.key) == 22
    assert sorted(attributes) == ["Domain=localhost", "HttpOnly", "Path=/api", "SameSite=Strict", "Secure"]
    again = browser.go()
    assert (again.key, again.set_cookie, again.seen("cookie")) == (stop.key, None, [])
    assert Browser(bed, "not a key", name="stay").go().set_cookie


def test_off(open_bed):
    bed = open_bed(Options(plugin={"affinity": {"mode": "off"}}))
    stops = [Browser(bed, "x").go() for _ in range(30)]
    assert {stop.replica for stop in stops} == {"a", "b"}
    assert not any(stop.set_cookie or stop.seen("x-airgate-affinity") for stop in stops)
