"""The provider is away: when the gateway starts, and later."""

import pytest
from identity.gate import Gate

from lab import Bed, Parts, until
from lab.envoy import Options

WAIT = 2


@pytest.fixture(scope="module")
def parts():
    """Nobody else is bothered by the outage."""
    with Parts(standins=1) as parts:
        yield parts


@pytest.fixture(scope="module")
def tokens(parts) -> dict[str, str]:
    """Got in good times."""
    return {who: parts.provider.token(who) for who in ("alice", "bob", "carol", "ci-bot")}


def patient(config: dict) -> None:
    config["providers"][0]["keys"] = {"wait": f"{WAIT}s", "timeout": "1s"}


@pytest.fixture(scope="module")
def gate(parts, tokens, envoy_version):
    """Started while the provider is down."""
    parts.provider.down()
    with Bed(Options(version=envoy_version, plugin=patient, concurrency=1), parts=parts) as bed:
        gate = Gate(bed)
        yield gate
        parts.provider.down(False)
        gate.assert_discreet()
        bed.envoy.assert_no_trap()


# In this order: what happens to one gateway over time.


def test_down_at_start_health_is_served(gate):
    for path in ("/api/v1/health", "/api/public/v1/health", "/api/v1/health/"):
        assert gate.ask(url=path).status_code == 200
    answer = gate.ask(url="/.airgate/health")
    assert (answer.status_code, answer.json()["status"]) == (200, "waiting_for_keys")


def test_down_at_start_nobody_else_passes(gate, tokens):
    for who, token in tokens.items():
        answer = gate.ask(token)
        gate.refused(answer, 503, "temporarily_unavailable", "provider_unavailable")
        assert 1 <= int(answer.headers["retry-after"]) <= 60
        assert answer.elapsed.total_seconds() < WAIT + 1, who


def test_down_at_start_what_can_be_refused_is_refused_at_once(gate, tokens):
    """Without a key one cannot let in, but one can tell nonsense from a token."""
    gate.refused(gate.ask(), 401, "unauthorized", "no_credentials")
    gate.bad_token(gate.ask("opaque"), "opaque_token")
    head, _, signature = tokens["alice"].split(".")
    gate.bad_token(gate.ask(f"{head}.e30.{signature}"), "unknown_issuer")


def test_a_page_is_told_in_words(gate, tokens):
    answer = gate.ask(tokens["alice"], headers=[("accept", "text/html"), ("sec-fetch-mode", "navigate")], url="/")
    assert answer.status_code == 503 and answer.headers["content-type"].startswith("text/html")
    assert "retry-after" in answer.headers


def test_it_recovers_by_itself(gate, parts, tokens):
    parts.provider.down(False)
    until(lambda: gate.ask(tokens["alice"]).status_code == 200, 20, "the recovery", every=0.2)
    assert gate.passed(gate.ask(tokens["ci-bot"]))["x-airgate-client"] == "ci-bot"
    assert gate.ask(url="/.airgate/health").json() == {"status": "ok"}


def test_down_later_known_keys_let_in(gate, parts, tokens):
    """Also a token that was never seen before, as many times as it comes."""
    parts.provider.down()
    with pytest.raises(Exception):
        parts.provider.token("agent")
    for who in ("carol", "bob", "carol"):
        answer = gate.ask(tokens[who])
        assert gate.passed(answer)["x-airgate-user"] == who
        assert answer.elapsed.total_seconds() < 0.5


def test_down_later_the_others_stay_out(gate, tokens):
    head, body, _ = tokens["bob"].split(".")
    signature = tokens["alice"].split(".")[2]
    gate.bad_token(gate.ask(f"{head}.{body}.{signature}"), "bad_signature")
    gate.refused(gate.ask(), 401, "unauthorized", "no_credentials")
