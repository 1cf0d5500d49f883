"""Tokens as the large providers make them, by their documents; none of the real ones is reachable here.

Each is served by the scripted provider under the real one's issuer, with the settings that its users would write.
"""

from dataclasses import dataclass, field

import pytest
from identity.gate import Gate

from lab.forge import Key, make_key
from lab.rogue import Rogue, Site

TENANT = "8eaef023-2b34-4da1-9baa-8bc8c9d6a490"
APP = "6731de76-14a6-49ae-97bc-6eba6914391e"
ROLE_ARN = "arn:aws:iam::123456789012:role/data/DataEngineer"
AWS = "https://sts.amazonaws.com/"
# JSON Pointer: a slash in a name is ~1.
AWS_POINTER = "/" + AWS.replace("/", "~1")


@dataclass
class Shape:
    issuer: str
    settings: dict
    header: dict
    claims: dict
    # What Airbyte is told: `None` is no header.
    told: dict[str, str | None]
    keys: list[Key] = field(default_factory=lambda: [make_key("RS256", "k1")])
    # How the provider shows its keys, and what else is in its set.
    jwk: dict = field(default_factory=dict)
    beside: list[dict] = field(default_factory=list)


def aws(algorithm: str, account: str) -> Shape:
    """STS GetWebIdentityToken: the principal's ARN is the subject, everything else is under one namespaced claim."""
    return Shape(
        issuer=f"https://{account}.tokens.sts.global.api.aws",
        settings={
            "claims": {"name": f"{AWS_POINTER}/principal_id", "groups": f"{AWS_POINTER}/principal_tags/team"},
            "required_claims": {f"{AWS_POINTER}/aws_account": "123456789012", f"{AWS_POINTER}/org_id": "o-a1b2c3d4e5"},
        },
        header={"typ": "JWT"},
        claims={
            "aud": "airbyte",
            "sub": ROLE_ARN,
            "jti": "1f0b7b3a-8f0e-4c0e-9d70-0f6f0c8f7a55",
            AWS: {
                "aws_account": "123456789012",
                "source_region": "eu-central-1",
                "org_id": "o-a1b2c3d4e5",
                "ou_path": ["o-a1b2c3d4e5/r-ab12/ou-ab12-11111111/"],
                "principal_id": ROLE_ARN,
                "principal_tags": {"team": "data-platform", "env": "prod"},
                "request_tags": {"job": "nightly"},
                "lambda_source_function_arn": "arn:aws:lambda:eu-central-1:123456789012:function:sync",
            },
        },
        told={"user": ROLE_ARN, "groups": "data-platform", "name": ROLE_ARN, "email": None, "client": None},
        keys=[make_key(algorithm, f"{algorithm}_0")],
    )


SHAPES = {
    "AWS, RS256": aws("RS256", "a1b2c3d4-0000-4000-8000-000000000001"),
    "AWS, ES384": aws("ES384", "a1b2c3d4-0000-4000-8000-000000000002"),
    "Okta, custom authorization server": Shape(
        issuer="https://dev-123456.okta.com/oauth2/aus1a2b3c4d5e6f7g8h9",
        settings={"audiences": ["api://airbyte"]},
        header={"typ": None},
        claims={
            "ver": 1,
            "jti": "AT.0mP4JKAZX1iACIT4vbEDF7LpvDVjxypPMf0D7uX39RE",
            "aud": "api://airbyte",
            "cid": "0oa1a2b3c4d5e6f7g8h9",
            "uid": "00u1a2b3c4d5e6f7g8h9",
            "scp": ["openid", "groups"],
            "sub": "alice@example.com",
            "groups": ["Everyone", "Airbyte, Admins"],
        },
        told={"user": "alice@example.com", "groups": "Everyone,Airbyte%2C Admins", "client": "0oa1a2b3c4d5e6f7g8h9"},
    ),
    "Entra ID, v2": Shape(
        issuer=f"https://login.microsoftonline.com/{TENANT}/v2.0",
        settings={
            "audiences": [APP, f"api://{APP}"],
            "issuer_aliases": [f"https://sts.windows.net/{TENANT}/"],
            "claims": {"user": "/oid", "email": "/preferred_username", "groups": "/roles"},
            "required_claims": {"/tid": TENANT},
        },
        header={"x5t": "AAAAAAAAAAAAAAAAAAAAAAAAAAA"},
        claims={
            "ver": "2.0",
            "aud": APP,
            "azp": "3d5cffa9-04da-4657-8cab-c7f074657cad",
            "azpacr": "1",
            "oid": "690222be-ff1a-4d56-abd1-7e4f7d38e474",
            "sub": "AAAAAAAAAAAAAAAAAAAAAIkzqFVrSaSaFHy782bbtaQ",
            "tid": TENANT,
            "name": "Alice Ådmin",
            "preferred_username": "alice@example.com",
            "roles": ["Airbyte.Admin"],
            "scp": "user_impersonation",
        },
        told={
            "user": "690222be-ff1a-4d56-abd1-7e4f7d38e474",
            "email": "alice@example.com",
            "name": "Alice %C3%85dmin",
            "groups": "Airbyte.Admin",
            "client": "3d5cffa9-04da-4657-8cab-c7f074657cad",
        },
        # Entra's keys name no algorithm.
        jwk={"alg": None, "x5t": "AAAA", "x5c": ["MIIC"], "issuer": f"https://login.microsoftonline.com/{TENANT}/v2.0"},
    ),
    "Entra ID, too many groups": Shape(
        issuer=f"https://login.microsoftonline.com/{TENANT[::-1]}/v2.0",
        settings={},
        header={},
        claims={
            "_claim_names": {"groups": "src1"},
            "_claim_sources": {"src1": {"endpoint": "https://graph.microsoft.com/v1.0/users/x/getMemberObjects"}},
        },
        told={"user": "alice", "groups": None},
        jwk={"alg": None},
    ),
    "Keycloak": Shape(
        issuer="https://keycloak.example.com/realms/data",
        settings={"claims": {"user": "/preferred_username", "groups": "/realm_access/roles"}},
        header={"typ": "JWT"},
        claims={
            "typ": "Bearer",
            "azp": "airbyte-ui",
            "aud": ["airbyte", "account"],
            "sub": "f3c1f3f0-7f1e-4f57-9f31-1f7f5ee2a0a4",
            "preferred_username": "alice",
            "email": "alice@example.com",
            "email_verified": True,
            "realm_access": {"roles": ["airbyte-admin", "offline_access"]},
            "resource_access": {"account": {"roles": ["manage-account"]}},
            "scope": "openid email profile",
            "allowed-origins": ["*"],
        },
        told={"user": "alice", "email": "alice@example.com", "groups": "airbyte-admin,offline_access", "client": "airbyte-ui"},
        beside=[make_key("RS256", "enc").jwk(use="enc", alg="RSA-OAEP")],
    ),
    "Cognito": Shape(
        issuer="https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_AbCdEfGhI",
        settings={
            "audiences": ["1h57kf5cpq17m0eml12EXAMPLE"],
            "claims": {"audience": "/client_id", "user": "/username", "groups": "/cognito:groups"},
            "required_claims": {"/token_use": "access"},
        },
        header={"typ": None},
        claims={
            "aud": None,
            "sub": "aaaaaaaa-bbbb-cccc-dddd-example",
            "client_id": "1h57kf5cpq17m0eml12EXAMPLE",
            "token_use": "access",
            "scope": "aws.cognito.signin.user.admin",
            "username": "alice",
            "version": 2,
            "cognito:groups": ["airbyte"],
        },
        told={"user": "alice", "groups": "airbyte", "client": "1h57kf5cpq17m0eml12EXAMPLE", "email": None},
    ),
    "Google": Shape(
        issuer="https://accounts.google.com",
        settings={
            "tokens": "id",
            "client_id": "1234987819200.apps.googleusercontent.com",
            "audiences": ["1234987819200.apps.googleusercontent.com"],
            "issuer_aliases": ["accounts.google.com"],
            "claims": {"user": "/email"},
            "required_claims": {"/hd": "example.com", "/email_verified": True},
        },
        header={},
        claims={
            "iss": "accounts.google.com",
            "aud": "1234987819200.apps.googleusercontent.com",
            "azp": "1234987819200.apps.googleusercontent.com",
            "sub": "10769150350006150715113082367",
            "at_hash": "HK6E_P6Dh8Y93mRNtsDB1Q",
            "hd": "example.com",
            "email": "alice@example.com",
            "email_verified": True,
            "name": "Alice",
        },
        told={"user": "alice@example.com", "email": "alice@example.com", "name": "Alice", "groups": None},
    ),
}


@pytest.fixture(scope="module")
def sites(parts) -> dict[str, Site]:
    with Rogue(parts.authority, "world") as rogue:
        sites = {}
        for number, (name, shape) in enumerate(SHAPES.items()):
            site = sites[name] = rogue.site(f"shape-{number}", issuer=shape.issuer, keys=shape.keys)
            site.keys = [*shape.beside, *(key.jwk(**shape.jwk) for key in shape.keys)]
        yield sites, rogue


@pytest.fixture(scope="module")
def gate(gates, sites) -> Gate:
    sites, rogue = sites
    return gates([rogue], [site.provider(**SHAPES[name].settings) for name, site in sites.items()])


@pytest.fixture(params=SHAPES)
def shape(request) -> Shape:
    return SHAPES[request.param]


def token(shape: Shape, sites: tuple, **changes) -> str:
    sites, _ = sites
    site = next(site for site in sites.values() if site.issuer == shape.issuer)
    return site.token(header=shape.header, **{**shape.claims, **changes})


def test_what_airbyte_is_told(gate, sites, shape):
    seen = gate.passed(gate.ask(token(shape, sites)))
    assert {name: seen.get(f"x-airgate-{name}") for name in shape.told} == shape.told
    assert (seen["x-airgate-auth"], seen["x-airgate-role"]) == ("bearer", "admin")


def test_a_changed_token(gate, sites, shape):
    """The shape alone opens nothing."""
    head, body, signature = token(shape, sites).split(".")
    other = token(shape, sites, sub="mallory").split(".")[1]
    gate.bad_token(gate.ask(f"{head}.{other}.{signature}"), "bad_signature")


def test_the_same_issuer_for_another_application(gate, sites, shape):
    changes = {"client_id": "other"} if shape.claims.get("aud", "") is None else {"aud": "other"}
    gate.bad_token(gate.ask(token(shape, sites, **changes)), "wrong_audience")


def test_entra_v1(gate, sites):
    """The same tenant signs under two names; keys and settings are one."""
    shape = SHAPES["Entra ID, v2"]
    claims = {
        "iss": f"https://sts.windows.net/{TENANT}/",
        "ver": "1.0",
        "aud": f"api://{APP}",
        "azp": None,
        "appid": "3d5cffa9-04da-4657-8cab-c7f074657cad",
        "preferred_username": None,
    }
    seen = gate.passed(gate.ask(token(shape, sites, **claims)))
    assert seen["x-airgate-client"] == "3d5cffa9-04da-4657-8cab-c7f074657cad"
    assert seen["x-airgate-user"] == "690222be-ff1a-4d56-abd1-7e4f7d38e474"


def test_entra_of_another_tenant(gate, sites):
    shape = SHAPES["Entra ID, v2"]
    other = f"https://login.microsoftonline.com/{APP}/v2.0"
    gate.bad_token(gate.ask(token(shape, sites, iss=other)), "unknown_issuer")
    gate.bad_token(gate.ask(token(shape, sites, tid=APP)), "required_claim")


@pytest.mark.parametrize("name", [name for name in SHAPES if name.startswith("AWS")])
def test_aws_of_another_account(gate, sites, name):
    """Any account may make tokens for any audience: the account is what one has to ask for."""
    shape = SHAPES[name]
    for member in ("aws_account", "org_id"):
        nested = {**shape.claims[AWS], member: "999999999999"}
        gate.bad_token(gate.ask(token(shape, sites, **{AWS: nested})), "required_claim")
        outside = {AWS: {key: value for key, value in nested.items() if key != member}, member: shape.claims[AWS][member]}
        gate.bad_token(gate.ask(token(shape, sites, **outside)), "required_claim")


def test_keycloak_s_other_tokens(gate, sites):
    shape = SHAPES["Keycloak"]
    for typ in ("ID", "Refresh", "Offline", "Logout"):
        gate.bad_token(gate.ask(token(shape, sites, typ=typ)), "wrong_kind")


def test_cognito_s_id_token(gate, sites):
    shape = SHAPES["Cognito"]
    gate.bad_token(gate.ask(token(shape, sites, token_use="id")), "wrong_kind")


def test_google_outside_the_company(gate, sites):
    shape = SHAPES["Google"]
    for changes in ({"hd": None}, {"hd": "evil.example"}, {"email_verified": False}):
        gate.bad_token(gate.ask(token(shape, sites, **changes)), "required_claim")
    gate.bad_token(gate.ask(token(shape, sites, azp="another.apps.googleusercontent.com")), "wrong_client")
