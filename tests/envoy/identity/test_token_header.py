"""Tokens whose JOSE header plays games."""

import hmac
import json

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from identity.gate import case

from lab.forge import base64url, compact, json_bytes, make_key
from lab.rogue import Site


def public(site: Site, encoding: Encoding) -> bytes:
    return site.key("RS256").private.public_key().public_bytes(encoding, PublicFormat.SubjectPublicKeyInfo)


def symmetric(site: Site, secret: bytes, algorithm: str = "HS256", kid: str | None = "RS256") -> str:
    digest = algorithm.replace("HS", "sha")
    return site.token(header={"alg": algorithm, "kid": kid}, sign=lambda data: hmac.digest(secret, data, digest))


def unsigned(site: Site, algorithm: str) -> str:
    return compact({"alg": algorithm}, site.claims(), lambda _: b"")


def signed_as(site: Site, kid: str, algorithm: str) -> str:
    """By the key of this id, with another algorithm that its kind can do."""
    key = next(key for key in site.signing if key.kid == kid)
    return key.token(site.claims(), alg=algorithm)


def named_as(site: Site, kid: str, algorithm: str) -> str:
    """By the key of this id as it should, with another `alg` in the header."""
    key = next(key for key in site.signing if key.kid == kid)
    return key.token(site.claims(), {"alg": algorithm}, sign=key.sign)


def header(**members):
    """An ordinary token but for these members of its header."""
    return lambda site: site.token(header=members)


def with_header(text: str):
    """This very header over ordinary claims, well signed."""
    return lambda site: site.token(header=text.encode())


STRANGER = make_key("RS256", "stranger")
JWK = STRANGER.jwk()


def by_stranger(**members):
    return lambda site: STRANGER.token(site.claims(), members)


NOT_ALLOWED = "algorithm_not_allowed"
UNSUPPORTED = "unsupported_header"

REFUSED = [
    # No signature at all, under the key's name or none.
    *(
        case(f"alg {name!r} without a signature", NOT_ALLOWED, lambda site, name=name: unsigned(site, name))
        for name in ("none", "None", "NONE", "nOnE", "NoNe", "none ", "")
    ),
    case("alg none with a good signature", NOT_ALLOWED, header(alg="none")),
    case("no alg", "malformed", header(alg=None)),
    *(
        case(f"alg {json.dumps(value)}", "malformed", header(alg=value))
        for value in (256, True, ["RS256"], {"name": "RS256"})
    ),
    case("alg null", "malformed", with_header('{"alg":null,"kid":"RS256"}')),
    # Whoever can check an HMAC can make one, and a public key is known to all.
    case("HMAC, the public key in PEM as secret", NOT_ALLOWED, lambda site: symmetric(site, public(site, Encoding.PEM))),
    case("HMAC, the PEM without its line end", NOT_ALLOWED, lambda site: symmetric(site, public(site, Encoding.PEM).strip())),
    case("HMAC, the public key in DER as secret", NOT_ALLOWED, lambda site: symmetric(site, public(site, Encoding.DER))),
    case("HMAC, the JWK as secret", NOT_ALLOWED, lambda site: symmetric(site, json_bytes(site.keys[0]))),
    case("HMAC, empty secret", NOT_ALLOWED, lambda site: symmetric(site, b"")),
    case("HMAC, weak secret", NOT_ALLOWED, lambda site: symmetric(site, b"secret", "HS512")),
    case("HMAC, no kid", NOT_ALLOWED, lambda site: symmetric(site, b"secret", "HS384", kid=None)),
    # Other names: of nobody, of another case, of encryption.
    *(
        case(f"alg {name}", NOT_ALLOWED, header(alg=name))
        for name in (
            "rs256", "RS256 ", " RS256", "RS256\0", "RS1", "ES256K", "ES512", "Ed448", "RSA-OAEP", "dir", "A128KW",
            "X" * 4000,
        )
    ),
    # alg unlike the key's alg, kty, crv.
    case("RS384 by a key for RS256", "unknown_kid", lambda site: signed_as(site, "RS256", "RS384")),
    case("PS256 by a key for RS256", "unknown_kid", lambda site: signed_as(site, "RS256", "PS256")),
    case("RS256 by a key for PS256", "unknown_kid", lambda site: signed_as(site, "PS256", "RS256")),
    case("RS256 says an EC key's token", "unknown_kid", lambda site: named_as(site, "ES256", "RS256")),
    case("ES256 says an RSA key's token", "unknown_kid", lambda site: named_as(site, "any", "ES256")),
    case("ES384 says a P-256 key's token", "unknown_kid", lambda site: named_as(site, "ES256", "ES384")),
    case("ES256 says a P-384 key's token", "unknown_kid", lambda site: named_as(site, "ES384", "ES256")),
    case("EdDSA says an EC key's token", "unknown_kid", lambda site: named_as(site, "ES256", "EdDSA")),
    case("ES256 says an Ed25519 key's token", "unknown_kid", lambda site: named_as(site, "EdDSA", "ES256")),
    case("RS512 says what RS256 signed, by a key for any", "bad_signature", lambda site: named_as(site, "any", "RS512")),
    case("PS256 says what RS256 signed, by a key for any", "bad_signature", lambda site: named_as(site, "any", "PS256")),
    # Keys that the token brings along.
    case("jwk", "unknown_kid", by_stranger(jwk=JWK)),
    case("jwk under a good kid", "bad_signature", by_stranger(jwk=JWK, kid="RS256")),
    case("jwk without a kid", "ambiguous_key", by_stranger(jwk=JWK, kid=None)),
    case("x5c", "bad_signature", by_stranger(x5c=["MIIB"], kid="RS256")),
    case("x5t", "bad_signature", by_stranger(x5t="AAAA", kid="RS256")),
    # A kid is a name to compare and nothing else.
    *(
        case(f"kid {name[:40]!r}", "unknown_kid", header(kid=name))
        for name in (
            "",
            "/dev/null",
            "../../../../etc/passwd",
            "RS256/../RS384",
            "RS256\0",
            "\0",
            "rs256",
            "RS256 ",
            "R%53256",
            "x' OR '1'='1",
            "x' UNION SELECT 'secret';--",
            "$(touch /tmp/x)",
            "${jndi:ldap://127.0.0.1/x}",
            "%s%n%x",
            'a","level":"critical',
            "line\nfeed",
            "ünïcödé",
            "k" * 1000,
        )
    ),
    case("kid of 20 kB", "token_too_long", header(kid="k" * 20_000)),
    case("kid of 2 kB", "malformed", header(kid="k" * 2_000)),
    *(case(f"kid {json.dumps(value)}", "malformed", header(kid=value)) for value in (1, 0, True, ["RS256"], {"a": 1}, [])),
    case("kid null", "malformed", with_header('{"alg":"RS256","kid":null}')),
    case("no kid and several keys", "ambiguous_key", lambda site: site.key("RS256").token(site.claims(), {"kid": None})),
    # Extensions that must be understood, and are not.
    *(
        case(f"crit {json.dumps(value)}", UNSUPPORTED, header(crit=value, exp2=1))
        for value in (["exp2"], [], "exp2", "", [1], {}, 0, False, ["alg"], ["exp2", "exp2"], [""], ["b64"])
    ),
    case("crit null", UNSUPPORTED, with_header('{"alg":"RS256","kid":"RS256","crit":null}')),
    case("crit doubled", "malformed", with_header('{"alg":"RS256","kid":"RS256","crit":["exp2"],"crit":[]}')),
    case("b64 false", UNSUPPORTED, header(b64=False, crit=["b64"])),
    case("b64 false without crit", UNSUPPORTED, header(b64=False)),
    case("b64 true", UNSUPPORTED, header(b64=True)),
    case("zip", UNSUPPORTED, header(zip="DEF")),
    case("enc", UNSUPPORTED, header(enc="A256GCM")),
    # Nested and encrypted ones.
    *(case(f"cty {value}", UNSUPPORTED, header(cty=value)) for value in ("JWT", "jwt", "application/jwt")),
    case("PBES2 with a huge count", NOT_ALLOWED, header(alg="PBES2-HS256+A128KW", p2c=2**31 - 1, p2s="AAAA")),
    # Kinds of tokens that are not for us.
    *(
        case(f"typ {value}", "wrong_kind", header(typ=value))
        for value in (
            "logout+jwt", "dpop+jwt", "application/logout+jwt", "JOSE", "JWE", "id+jwt", "at+jwt ", "", "jwt\0",
            "secevent+jwt",
        )
    ),
    case("typ a number", "malformed", header(typ=7)),
    case("typ null", "malformed", with_header('{"alg":"RS256","kid":"RS256","typ":null}')),
]

ACCEPTED = [
    *(case(f"typ {value}", header(typ=value)) for value in ("JWT", "jwt", "at+jwt", "AT+JWT", "application/at+jwt")),
    case("no typ", header(typ=None)),
    case("members nobody knows", header(x5t="AAAA", nonce="x", extra={"deep": [1, 2, 3]})),
    case("a foreign jwk over a good signature", header(jwk=JWK)),
    case("white space", lambda site: site.token(header=b' \t{\n "alg" : "RS256" ,\r\n "kid" : "RS256" }\n ')),
    case("escapes", lambda site: site.token(header=b'{"\\u0061lg":"\\u0052S256","kid":"RS25\\u0036"}')),
]


@pytest.mark.parametrize("reason, make", REFUSED)
def test_refused(gate, site, reason, make):
    gate.bad_token(gate.ask(make(site)), reason)


@pytest.mark.parametrize("make", ACCEPTED)
def test_accepted(gate, site, make):
    assert gate.passed(gate.ask(make(site)))["x-airgate-user"] == "alice"


@pytest.mark.parametrize("name", ["jku", "x5u"])
def test_no_address_in_a_header_is_ever_called(gate, rogue, site, name):
    """Not even one that Envoy has a way to."""
    trap = rogue.sites.get(f"{name}.rogue.test") or rogue.site(name, keys=[STRANGER])
    trap.hits.clear()
    for members in ({}, {"kid": "RS256"}, {"kid": trap.issuer + "/jwks"}):
        forged = STRANGER.token(site.claims(), {name: trap.issuer + "/jwks", **members})
        answer = gate.ask(forged)
        assert answer.status_code == 401 and not gate.reached(answer)
    gate.passed(gate.ask(site.token(header={name: trap.issuer + "/jwks"})))
    assert not trap.hits


def test_an_unbounded_count_costs_no_time(gate, site):
    """A key derivation with 2^31 rounds would take minutes."""
    answer = gate.ask(site.token(header={"alg": "PBES2-HS512+A256KW", "p2c": 2**31 - 1, "p2s": base64url(bytes(8))}))
    assert answer.elapsed.total_seconds() < 1
