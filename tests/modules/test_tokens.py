"""airgate-tokens.wasm: whoever brings a good token is let in, and said to be who it says."""

import pytest
from conftest import as_shown, configuration

from lab import until
from lab.bootstrap import Bootstrap
from lab.forge import make_key
from lab.rogue import Answer, Rogue, Site

ECHO = "/api/v1/standin/echo"


@pytest.fixture(scope="module")
def rogue(parts):
    with Rogue(parts.authority) as rogue:
        yield rogue


@pytest.fixture(scope="module")
def site(rogue) -> Site:
    """The provider that the README names."""
    return rogue.site("corp", issuer="https://idp.example.com", keys=[make_key("RS256", "k1")])


@pytest.fixture(scope="module")
def options(rogue, site):
    def connect(block: dict, bootstrap: Bootstrap) -> None:
        """The way to the provider is the rogue's; everything else is as shown."""
        rogue.connect(bootstrap)
        block["clusters"] = [cluster for cluster in block["clusters"] if cluster["name"] != "idp"]
        provider = configuration(block)["providers"][0]
        provider["cluster"] = site.provider()["cluster"]
        configuration(block)["public"].append(f"{ECHO}/open")

    return as_shown("tokens", connect)


@pytest.fixture(scope="module")
def bed(open_bed, options):
    return open_bed(options)


def seen(answer) -> dict[str, str]:
    assert answer.status_code == 200, answer.text
    return {name.lower(): value for name, value in answer.json()["headers"]}


def test_a_good_token_says_who_asks(bed, site):
    token = site.token(sub="alice", email="alice@example.com", groups=["data", "ops"])
    mine = {"x-airgate-user": "root", "x-airgate-client": "root", "x-airbyte-user-id": "root", "x-airgate-route": "other"}
    for _ in range(2):
        headers = seen(bed.client(token=token).get(ECHO, headers=mine))
        assert headers["x-airgate-user"] == "alice" and headers["x-airgate-email"] == "alice@example.com"
        assert headers["x-airgate-groups"] == "data,ops" and headers["x-airgate-auth"] == "bearer"
        assert not {"authorization", "x-airgate-client", "x-airbyte-user-id"} & headers.keys()
        assert headers["x-airgate-route"] == "other", "what another filter wrote stays"


@pytest.mark.parametrize(
    "headers, status, error",
    [
        ({}, 401, "unauthorized"),
        ({"authorization": "Basic YTpi"}, 401, "unauthorized"),
        ({"authorization": "Bearer a, Bearer b"}, 400, "invalid_request"),
        ({"authorization": "Bearer opaque"}, 401, "invalid_token"),
    ],
)
def test_whoever_has_none_is_refused(bed, headers, status, error):
    answer = bed.client().get(ECHO, headers=headers)
    assert (answer.status_code, answer.json()["error"]) == (status, error)
    assert answer.headers["www-authenticate"].startswith("Bearer")


def test_a_token_that_says_something_else_is_refused(bed, site):
    stranger = make_key("RS256", "k1")
    for token in [
        site.token(exp=1),
        site.token(aud="other"),
        site.token(iss="https://other.example.com"),
        site.token(key=stranger),
        site.token(cnf={"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}),
    ]:
        answer = bed.client(token=token).get(ECHO)
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_token")


def test_what_is_public_is_nobodys(bed, site):
    headers = seen(bed.client(token=site.token()).get(f"{ECHO}/open", headers={"x-airgate-user": "root"}))
    assert not {"authorization", "x-airgate-user", "x-airgate-auth"} & headers.keys()
    assert bed.client().post(f"{ECHO}/open").status_code == 401, "public is to read"


def test_it_counts(bed, site):
    assert bed.client(token=site.token()).get(ECHO).status_code == 200
    # Counters are handed over with a tick.
    until(lambda: any(bed.envoy.stats("decisions.allow.token").values()), 5, "the counter")


def test_without_keys_nobody_is_let_in_until_there_are_some(parts, open_bed, options, site):
    site.jwks = Answer(500)
    try:
        client = open_bed(options).client(token=site.token())
        answer = client.get(ECHO)
        assert (answer.status_code, answer.json()["error"]) == (503, "temporarily_unavailable")
        assert int(answer.headers["retry-after"]) > 0
        site.jwks = None
        until(lambda: client.get(ECHO).status_code == 200, 20, "the provider's keys")
    finally:
        site.jwks = None


def test_every_mistake_is_named(parts):
    def wrong(block: dict, _: Bootstrap) -> None:
        configuration(block).update(session={}, access={"default_role": "admin"})

    checked = parts.envoy("tokens-mistakes", as_shown("tokens", wrong)).validate()
    assert checked.returncode
    for name in ("session", "access"):
        assert f"airgate configuration: {name}: unknown field" in checked.stderr
