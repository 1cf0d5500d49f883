"""Several providers, and what each one's settings ask of its tokens."""

import pytest
from identity.gate import Gate, case

from lab.forge import make_key
from lab.rogue import Site


@pytest.fixture(scope="module")
def sites(rogue) -> dict[str, Site]:
    names = ("left", "right", "id", "typed", "picky", "claims", "few", "aliased", "bound")
    sites = {name: rogue.site(f"several-{name}") for name in names}
    # Both call their key by the same name.
    for name in ("left", "right"):
        sites[name].signing = [make_key("ES256", "1")]
        sites[name].keys = [sites[name].signing[0].jwk()]
    sites["few"].signing = [make_key("RS256", "rs"), make_key("ES256", "es")]
    sites["few"].keys = [key.jwk() for key in sites["few"].signing]
    return sites


@pytest.fixture(scope="module")
def gate(gates, rogue, sites) -> Gate:
    changes = {
        "id": {"tokens": "id", "client_id": "airgate", "audiences": ["airgate"]},
        "typed": {"typ": "at+jwt"},
        "picky": {"required_claims": {"/tenant": "t1", "/level": [2, 3], "/deep/er": True, "/a~1b": "x"}},
        "claims": {
            "claims": {
                "audience": "/scope/for",
                "user": "/who/login",
                "email": "/mail",
                "name": "/called",
                "groups": "/realm/roles",
                "client": "/via",
            }
        },
        "few": {"algorithms": ["ES256"]},
        "bound": {"sender_constrained": "ignore"},
        "aliased": {"issuer_aliases": ["https://old.rogue.test", "old-name"]},
    }
    return gates([rogue], [site.provider(**changes.get(name, {})) for name, site in sites.items()])


def test_each_issuer_has_its_own_keys(gate, sites):
    left, right = sites["left"], sites["right"]
    for site, other in ((left, right), (right, left)):
        gate.passed(gate.ask(site.token()))
        gate.bad_token(gate.ask(site.token(iss=other.issuer)), "bad_signature")
        gate.bad_token(gate.ask(other.token(iss=site.issuer)), "bad_signature")


def test_the_demo_s_provider_is_one_of_them(gate):
    assert gate.passed(gate.ask(gate.bed.token("alice")))["x-airgate-email"] == "alice@example.com"


def test_a_provider_s_key_is_no_other_s(gate, sites):
    """Not by its id either."""
    left = sites["left"]
    stranger = sites["typed"].signing[0]
    gate.bad_token(gate.ask(left.token(stranger)), "unknown_kid")


ID_TOKENS = [
    case("as it should be", None, {"aud": "airgate"}),
    case("with azp", None, {"aud": ["airgate", "other"], "azp": "airgate"}),
    case("with the hash of a code", None, {"aud": "airgate", "c_hash": "x", "nonce": "n"}),
    case("for another client", "wrong_client", {"aud": ["airgate", "other"], "azp": "other"}),
    case("azp a list", "wrong_client", {"aud": "airgate", "azp": ["airgate"]}),
    case("azp empty", "wrong_client", {"aud": "airgate", "azp": ""}),
    case("for another audience", "wrong_audience", {"aud": "airbyte"}),
    case("no iat", "missing_claim", {"aud": "airgate", "iat": None}),
    case("Keycloak's access token", "wrong_kind", {"aud": "airgate", "typ": "Bearer"}),
    case("Cognito's access token", "wrong_kind", {"aud": "airgate", "token_use": "access"}),
]


@pytest.mark.parametrize("reason, changes", ID_TOKENS)
def test_id_tokens(gate, sites, reason, changes):
    answer = gate.ask(sites["id"].token(**changes))
    if reason:
        gate.bad_token(answer, reason)
    else:
        gate.passed(answer)


def test_an_access_token_where_id_tokens_are_due(gate, sites):
    gate.bad_token(gate.ask(sites["id"].token(header={"typ": "at+jwt"}, aud="airgate")), "wrong_kind")


@pytest.mark.parametrize(
    "typ, passes",
    [("at+jwt", True), ("AT+JWT", True), ("application/at+jwt", True), ("JWT", False), (None, False)],
)
def test_a_provider_that_tells_its_tokens_apart(gate, sites, typ, passes):
    """An ID token is used as an access token (RFC 9068 section 4)."""
    answer = gate.ask(sites["typed"].token(header={"typ": typ}))
    if passes:
        gate.passed(answer)
    else:
        gate.bad_token(answer, "wrong_kind")


GOOD = {"tenant": "t1", "level": 3, "deep": {"er": True}, "a/b": "x"}
REQUIRED = [
    case("all there", GOOD, True),
    case("another of the allowed", {**GOOD, "level": 2}, True),
    case("one missing", {**GOOD, "tenant": None}, False),
    case("one wrong", {**GOOD, "tenant": "t2"}, False),
    case("a prefix", {**GOOD, "tenant": "t"}, False),
    case("in a list", {**GOOD, "tenant": ["t1"]}, False),
    case("a number as a text", {**GOOD, "level": "3"}, False),
    case("a truth value as a text", {**GOOD, "deep": {"er": "true"}}, False),
    case("one level up", {**GOOD, "deep": True, "er": True}, False),
    case("the pointer as a name", {**GOOD, "a/b": None, "a~1b": "x"}, False),
]


@pytest.mark.parametrize("claims, passes", REQUIRED)
def test_required_claims(gate, sites, claims, passes):
    answer = gate.ask(sites["picky"].token(**claims))
    if passes:
        gate.passed(answer)
    else:
        gate.bad_token(answer, "required_claim")


BOUND = [
    case("DPoP", {"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}),
    case("mTLS", {"x5t#S256": "bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2"}),
    case("a key", {"jwk": {"kty": "EC"}}),
    case("nothing", {}),
    case("a text", "x"),
]


@pytest.mark.parametrize("cnf", BOUND)
def test_a_token_that_is_bound_to_a_key_is_refused_unless_the_provider_says_otherwise(gate, sites, cnf):
    gate.bad_token(gate.ask(sites["left"].token(cnf=cnf)), "sender_constrained")
    gate.passed(gate.ask(sites["bound"].token(cnf=cnf)))


def test_claims_of_other_names(gate, sites):
    site = sites["claims"]
    claims = {
        "aud": None,
        "scope": {"for": ["airbyte"]},
        "who": {"login": "al"},
        "mail": "al@example.com",
        "email": "mallory@example.com",
        "called": "Al",
        "name": "Mallory",
        "realm": {"roles": ["a", "b"]},
        "groups": ["admins"],
        "via": "cli",
        "azp": "mallory",
    }
    seen = gate.passed(gate.ask(site.token(**claims)))
    names = ("user", "email", "name", "groups", "client")
    assert [seen[f"x-airgate-{name}"] for name in names] == ["al", "al@example.com", "Al", "a,b", "cli"]
    # The usual names no longer count.
    gate.bad_token(gate.ask(site.token(**{**claims, "scope": None, "aud": "airbyte"})), "wrong_audience")
    gate.bad_token(gate.ask(site.token(**{**claims, "who": None})), "missing_claim")
    gate.bad_token(gate.ask(site.token(**{**claims, "sub": None})), "missing_claim")


def test_algorithms_of_choice(gate, sites):
    site = sites["few"]
    gate.passed(gate.ask(site.token(site.key("ES256"))))
    gate.bad_token(gate.ask(site.token(site.key("RS256"))), "algorithm_not_allowed")


def test_aliases(gate, sites):
    site = sites["aliased"]
    for issuer in (site.issuer, "https://old.rogue.test", "old-name"):
        gate.passed(gate.ask(site.token(iss=issuer)))
    for issuer in ("https://old.rogue.test/", "old-nam", "https://old-name", "OLD-NAME"):
        gate.bad_token(gate.ask(site.token(iss=issuer)), "unknown_issuer")
    # An alias is a name that is compared, and never a place that is asked.
    assert site.hits.keys() <= {"/.well-known/openid-configuration", "/jwks"}
