"""Tokens that are well signed and say the wrong things."""

import json
import time

import pytest
from identity.gate import case

from lab import until
from lab.forge import json_bytes


def claims(**changes):
    """An ordinary token but for these claims."""
    return lambda site: site.token(**changes)


def written(name: str, text: str):
    """A claim as it is written here, numbers and null included."""
    return lambda site: site.signing[0].token(json_bytes(site.claims(**{name: None}))[:-1] + f',"{name}":{text}}}'.encode())


def at(name: str, seconds: float):
    """A date so many seconds from now, taken when the token is made."""
    return lambda site: site.token(**{name: int(time.time()) + seconds})


def issuer(change):
    return lambda site: site.token(iss=change(site.issuer))


TYPES = ('"text"', '"1800000000"', '""', "true", "false", "null", "[1800000000]", "{}")
# Past the year 9999, where sums wrap and milliseconds pose as seconds.
HUGE = ("1e300", "9223372036854775807", "9223372036854775808", "18446744073709551616", "1800000000000")

REFUSED = [
    # exp
    case("no exp", "missing_claim", claims(exp=None)),
    *(case(f"exp {text}", "bad_claim", written("exp", text)) for text in (*TYPES, *HUGE)),
    *(
        case(f"exp {text}", "expired", written("exp", text))
        for text in ("0", "-0", "1", "-1", "-1e300", "-9223372036854775808", "-9223372036854775809", "1.7e9", "1e-300")
    ),
    case("exp beyond the leeway", "expired", at("exp", -61)),
    case("exp beyond the leeway, in parts of a second", "expired", at("exp", -60.5)),
    case("exp yesterday", "expired", at("exp", -86_400)),
    # nbf
    case("nbf beyond the leeway", "not_yet_valid", at("nbf", 63)),
    case("nbf tomorrow", "not_yet_valid", at("nbf", 86_400)),
    *(case(f"nbf {text}", "bad_claim", written("nbf", text)) for text in (*TYPES, *HUGE)),
    # iat
    case("iat beyond the leeway", "issued_in_future", at("iat", 63)),
    *(case(f"iat {text}", "bad_claim", written("iat", text)) for text in (*TYPES, *HUGE)),
    # iss
    case("no iss", "unknown_issuer", claims(iss=None)),
    case("another issuer", "unknown_issuer", claims(iss="https://evil.example")),
    case("a slash at the end", "unknown_issuer", issuer(lambda iss: iss + "/")),
    case("two slashes", "unknown_issuer", issuer(lambda iss: iss.replace("//", "///"))),
    case("upper case", "unknown_issuer", issuer(str.upper)),
    case("upper case scheme", "unknown_issuer", issuer(lambda iss: iss.replace("https", "HTTPS"))),
    case("a port", "unknown_issuer", issuer(lambda iss: iss + ":443")),
    case("http", "unknown_issuer", issuer(lambda iss: iss.replace("https", "http"))),
    case("no scheme", "unknown_issuer", issuer(lambda iss: iss.removeprefix("https://"))),
    case("a prefix", "unknown_issuer", issuer(lambda iss: iss[:-1])),
    case("longer", "unknown_issuer", issuer(lambda iss: iss + ".evil.example")),
    case("a path", "unknown_issuer", issuer(lambda iss: iss + "/realms/evil")),
    case("a query", "unknown_issuer", issuer(lambda iss: iss + "?x")),
    case("a fragment", "unknown_issuer", issuer(lambda iss: iss + "#x")),
    case("a user", "unknown_issuer", issuer(lambda iss: iss.replace("//", "//evil@"))),
    case("white space", "unknown_issuer", issuer(lambda iss: iss + " ")),
    case("a NUL", "unknown_issuer", issuer(lambda iss: iss + "\0")),
    case("a letter that looks alike", "unknown_issuer", issuer(lambda iss: iss.replace("a", "а"))),
    case("a list", "unknown_issuer", issuer(lambda iss: [iss])),
    case("a list of two", "unknown_issuer", issuer(lambda iss: [iss, "https://evil.example"])),
    case("an object", "unknown_issuer", issuer(lambda iss: {"0": iss})),
    case("a number", "unknown_issuer", claims(iss=1)),
    case("an empty text", "unknown_issuer", claims(iss="")),
    case("a list in a text", "unknown_issuer", issuer(lambda iss: json.dumps([iss]))),
    # aud
    case("no aud", "wrong_audience", claims(aud=None)),
    *(
        case(f"aud {json.dumps(value)}", "wrong_audience", claims(aud=value))
        for value in (
            "other", "", "*", "airbyt", "airbyte2", "AIRBYTE", "airbyte ", " airbyte", "airbyte/", "other airbyte",
            "other,airbyte", "airbyte,other", '["airbyte"]', "airbyte\0", "\uff41irbyte", [], ["other"], ["*"],
            ["airbyt", "e"], ['["airbyte"]'],
        )
    ),
    *(
        case(f"aud {json.dumps(value)}", "bad_claim", claims(aud=value))
        for value in (
            1, True, {"airbyte": True}, {"0": "airbyte"}, [["airbyte"]], ["airbyte", ["other"]], ["airbyte", 1],
            [{"airbyte": 1}],
        )
    ),
    case("aud null", "wrong_audience", written("aud", "null")),
    case("aud with null", "bad_claim", written("aud", '["airbyte",null]')),
    # sub
    case("no sub", "missing_claim", claims(sub=None)),
    *(
        case(f"sub {json.dumps(value)[:40]}", "bad_claim", claims(sub=value))
        for value in (
            "", " ", " alice", "alice ", 1, 0, True, ["alice"], {"a": 1}, "a\r\nx-airgate-role: admin", "a\nb", "a\rb",
            "a\0", "\0", "a\x7f", "a\x85b", "\ta", "x" * 9_000,
        )
    ),
    case("sub null", "bad_claim", written("sub", "null")),
    # Kinds of tokens.
    case("an ID token by its at_hash", "wrong_kind", claims(at_hash="x")),
    case("an ID token by its c_hash", "wrong_kind", claims(c_hash="x")),
    case("Keycloak's ID token", "wrong_kind", claims(typ="ID")),
    case("Keycloak's refresh token", "wrong_kind", claims(typ="Refresh")),
    case("Keycloak's offline token", "wrong_kind", claims(typ="Offline")),
    case("Cognito's ID token", "wrong_kind", claims(token_use="id")),
    case(
        "a logout token that says JWT",
        "wrong_kind",
        claims(events={"http://schemas.openid.net/event/backchannel-logout": {}}),
    ),
]

ACCEPTED = [
    case("exp within the leeway", at("exp", -55)),
    case("exp with parts of a second", at("exp", 600.5)),
    case("exp as a power of ten", lambda site: written("exp", f"{(time.time() + 600) / 1e9:.6f}e9")(site)),
    case("exp as a negative power of ten", lambda site: written("exp", f"{int(time.time() + 600)}000E-3")(site)),
    case("exp at the end of time", written("exp", "253402300799")),
    case("nbf within the leeway", at("nbf", 55)),
    case("nbf long ago", written("nbf", "-1e300")),
    case("nbf now", at("nbf", 0)),
    case("iat within the leeway", at("iat", 55)),
    case("no iat", claims(iat=None)),
    case("aud in a list", claims(aud=["airbyte"])),
    case("aud among others", claims(aud=["other", "airbyte", "third"])),
    case("azp of another client", claims(azp="somebody")),
    case("claims nobody knows", claims(x={"deep": [[[1]]]}, y=None, z=[])),
]


@pytest.mark.parametrize("reason, make", REFUSED)
def test_refused(gate, site, reason, make):
    gate.bad_token(gate.ask(make(site)), reason)


@pytest.mark.parametrize("make", ACCEPTED)
def test_accepted(gate, site, make):
    assert gate.passed(gate.ask(make(site)))["x-airgate-user"] == "alice"


# What a claim becomes in a header: None is no header.
FACTS = [
    case("e-mail", "x-airgate-email", "alice@example.com", {"email": "alice@example.com"}),
    case("e-mail that is not verified", "x-airgate-email", "a@example.com", {"email": "a@example.com", "email_verified": False}),
    *(
        case(f"e-mail {value!r}", "x-airgate-email", None, {"email": value})
        for value in (
            "a@b@example.com", '"a@b"@example.com', "a", "@", "a@", "@b", "a b@c", "a@b\r\nx: y", 1, ["a@b"],
            "a" * 400 + "@b",
        )
    ),
    case("name", "x-airgate-name", "Alice", {"name": "Alice"}),
    case("name outside ASCII", "x-airgate-name", "%C3%84lice %25", {"name": "Älice %"}),
    case("name that would split a header", "x-airgate-name", None, {"name": "a\r\nx-airgate-role: admin"}),
    case("name that is too long", "x-airgate-name", "a" * 256, {"name": "a" * 5_000}),
    case("user outside ASCII", "x-airgate-user", "%E6%9D%8E", {"sub": "李"}),
    case("groups", "x-airgate-groups", "a,b", {"groups": ["a", "b"]}),
    case("no groups", "x-airgate-groups", None, {}),
    case("groups as a text", "x-airgate-groups", "admins", {"groups": "admins"}),
    case("groups in one text, by commas", "x-airgate-groups", "a%2Cadmins", {"groups": "a,admins"}),
    case("groups in one text, by spaces", "x-airgate-groups", "a admins", {"groups": "a admins"}),
    case("a group with a comma", "x-airgate-groups", "a%2Cadmins,b", {"groups": ["a,admins", "b"]}),
    case("a group with an encoded comma", "x-airgate-groups", "a%252Cadmins", {"groups": ["a%2Cadmins"]}),
    case("a group that would split a header", "x-airgate-groups", None, {"groups": ["a\r\nx-airgate-role: admin"]}),
    case("nested groups", "x-airgate-groups", None, {"groups": [["admins"]]}),
    case("groups with a number", "x-airgate-groups", None, {"groups": ["admins", 1]}),
    case("groups as an object", "x-airgate-groups", None, {"groups": {"admins": True}}),
    case("600 groups", "x-airgate-groups", ",".join(f"g{i}" for i in range(600)), {"groups": [f"g{i}" for i in range(600)]}),
    case("1,100 groups", "x-airgate-groups", None, {"groups": [f"g{i}" for i in range(1_100)]}),
    case("more groups than fit a header", "x-airgate-groups", None, {"groups": [f"{'g' * 90}{i}" for i in range(100)]}),
    case("groups elsewhere", "x-airgate-groups", None, {"_claim_names": {"groups": "src1"}, "groups": ["a"]}),
    case("client by azp", "x-airgate-client", "cli", {"azp": "cli", "client_id": "other"}),
    case("client by client_id", "x-airgate-client", "cli", {"client_id": "cli"}),
    case("client that would split a header", "x-airgate-client", None, {"azp": "a\r\nx-airgate-role: admin"}),
]


@pytest.mark.parametrize("header, value, changes", FACTS)
def test_facts_become_headers_and_never_more(gate, site, header, value, changes):
    seen = gate.passed(gate.ask(site.token(**changes)))
    assert seen.get(header) == value
    assert seen["x-airgate-role"] == "admin" and seen["x-airgate-auth"] == "bearer"


def test_3000_groups(gate, site):
    """Refused or passed without groups, but never with some of them; 16 KiB is what a token may have."""
    gate.bad_token(gate.ask(site.token(groups=[f"group-{i}" for i in range(3_000)])), "token_too_long")
    seen = gate.passed(gate.ask(site.token(groups=["g"] * 2_900)))
    assert "x-airgate-groups" not in seen


def test_a_remembered_token_expires(gate, impatient):
    """The verdict is kept, but not beyond `exp`: here without leeway."""
    token = impatient.token(exp=int(time.time()) + 3)
    gate.passed(gate.ask(token))
    gate.passed(gate.ask(token))
    answer = until(lambda: (answer := gate.ask(token)).status_code != 200 and answer, 6, "the token's end", every=0.2)
    gate.bad_token(answer, "expired")


def test_the_verdict_is_kept_under_the_whole_token(gate, site):
    """oathkeeper CVE-2026-33496: what is remembered for one token must not do for another."""
    token = site.token(sub="bob")
    head, body, signature = token.split(".")
    assert gate.passed(gate.ask(token))["x-airgate-user"] == "bob"
    others = {
        f"{head}.{body}.{site.token(sub='mallory').split('.')[2]}": "bad_signature",
        f"{head}.{site.token(sub='mallory').split('.')[1]}.{signature}": "bad_signature",
        f"{site.token(header={'kid': 'any'}).split('.')[0]}.{body}.{signature}": "bad_signature",
        f"{head}.{body}.{signature[:-2]}": "bad_signature",
        f"{head}.{body}.": "bad_signature",
        f"{head}.{body}": "malformed",
    }
    for other, reason in others.items():
        gate.bad_token(gate.ask(other), reason)
    assert gate.passed(gate.ask(token))["x-airgate-user"] == "bob"
