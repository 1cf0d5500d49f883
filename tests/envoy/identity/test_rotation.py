"""The real provider changes its keys while both Envoys serve."""

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest
from identity.gate import Gate
from identity.streams import Streams

from lab import Bed, Parts, until
from lab.envoy import VERSIONS, Options
from lab.forge import make_key


@pytest.fixture(scope="module")
def parts():
    """Nobody else is bothered by the rotation."""
    with Parts(standins=1) as parts:
        yield parts


class Watched(Gate):
    """A gate and the time of its last fetch, before which no other is allowed."""

    def __init__(self, bed: Bed):
        super().__init__(bed)
        self.fetched()

    def fetched(self) -> None:
        self._since = time.monotonic()

    def rested(self) -> bool:
        return time.monotonic() - self._since > 10.3


@pytest.fixture(scope="module")
def both(parts):
    # One worker each: which of two has which keys would be luck.
    beds = [Bed(Options(version=version, concurrency=1), parts=parts) for version in VERSIONS]
    gates = [Watched(bed) for bed in beds]
    for gate in gates:
        until(lambda: gate.ask(parts.provider.token("alice")).status_code == 200, 10, "the first keys")
        gate.fetched()
    yield gates
    for gate in gates:
        gate.assert_discreet()
        gate.bed.envoy.assert_no_trap()
        gate.bed.close()


@pytest.fixture
def watched(both):
    """Whatever a test does is taken for a fetch."""
    yield both
    for gate in both:
        gate.fetched()


@pytest.fixture
def rested(watched):
    """Gates that may fetch at once."""
    until(lambda: all(gate.rested() for gate in watched), 12, "refetches being allowed again", every=0.1)
    return watched


def test_a_flood_of_unknown_keys_costs_the_provider_nothing(parts, watched):
    """Two hundred new key ids in ten seconds: nobody is let in, and at most one fetch for each VM follows."""
    before = parts.provider.hits()["/jwks"]
    stranger = make_key("RS256", "stranger")
    now = int(time.time())
    claims = {"iss": parts.provider.issuer, "aud": "airbyte", "sub": "mallory", "iat": now, "exp": now + 600}
    begun = time.monotonic()
    for gate in watched:
        tokens = [stranger.token(claims, {"kid": f"flood-{number}"}) for number in range(200)]
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(gate.ask, tokens))
        assert {answer.status_code for answer in answers} == {401}
        gate.bad_token(answers[-1], "unknown_kid")
        assert gate.passed(gate.ask(parts.provider.token("alice")))["x-airgate-user"] == "alice"
    fetched = parts.provider.hits()["/jwks"] - before
    # Two Envoys, each with a worker and a main thread, each of them at most once in ten seconds.
    assert fetched <= 2 * len(watched) * (1 + (time.monotonic() - begun) // 10), fetched


def test_a_new_key_is_known_at_its_first_request(parts, rested):
    old = parts.provider.token("carol")
    parts.provider.rotate()
    new = parts.provider.token("bob")
    for gate in rested:
        answer = gate.ask(new)
        assert gate.passed(answer)["x-airgate-user"] == "bob"
        # The request waited for the fetch, and not longer than that takes.
        assert answer.elapsed.total_seconds() < 2
        # The old key is still in the set.
        gate.passed(gate.ask(old))


def test_a_dropped_key_ends_its_tokens(parts, rested):
    old = parts.provider.token("carol")
    for gate in rested:
        # From now on this token is one that was seen before.
        gate.passed(gate.ask(old))
    parts.provider.rotate(drop=True)
    new = parts.provider.token("alice")
    for gate in rested:
        assert gate.passed(gate.ask(new))["x-airgate-user"] == "alice"
        gate.bad_token(gate.ask(old), "unknown_kid")


def test_a_rotation_under_load(parts, rested):
    """Many requests with the new key at once: one fetch, and each of them is served."""
    before = parts.provider.hits()["/jwks"]
    parts.provider.rotate()
    new, body = parts.provider.token("alice"), b"x" * 100_000
    for gate in rested:
        with ThreadPoolExecutor(12) as pool:
            asked = [pool.submit(gate.ask, new, method="POST", content=body) for _ in range(36)]
        for one in asked:
            answer = one.result()
            gate.passed(answer)
            # What was held while the request waited is all there.
            assert answer.json()["body_bytes"] == len(body)
    assert parts.provider.hits()["/jwks"] - before <= 2 * len(rested)


def test_http2_requests_wait_together(parts, rested):
    """Several streams of one connection."""
    parts.provider.rotate()
    new = parts.provider.token("bob")
    for gate in rested:
        with closing(Streams(gate)) as streams:
            asked = [streams.ask(new) for _ in range(16)]
            until(lambda: len(streams.read()) == len(asked), 10, "the answers")
            assert streams.statuses == dict.fromkeys(asked, 200)
