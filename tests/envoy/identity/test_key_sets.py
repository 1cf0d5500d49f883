"""Key sets with keys in them that must not be used, beside one that must."""

import hmac
import json
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from identity.gate import Gate, case

from lab.forge import DIGEST_INFO, Key, LongKey, base64url, base64url_number, digest_of, make_key, nested, pkcs1_block
from lab.rogue import Site


@dataclass
class Bad:
    """What stands in the set beside the good key, and tokens that it would let in."""

    keys: list
    forged: list[Callable[[Site], str]] = field(default_factory=list)
    reason: str = "unknown_kid"


def by(*keys: Key, reason: str = "unknown_kid", **changes) -> Bad:
    """These keys, changed in the set but with their private halves at hand."""
    return Bad([key.jwk(**changes) for key in keys], [lambda site, key=key: site.token(key) for key in keys], reason)


def shown(jwk: dict, key: Key) -> Bad:
    """A key that the set shows in a way that is not its own."""
    return Bad([jwk], [lambda site: site.token(key)])


def rsa_numbers(key: Key, **changes) -> dict:
    numbers = {name: base64url_number(value) for name, value in changes.items()}
    return key.jwk(**numbers)


def exponent_of_one(key: Key) -> Bad:
    """Every text is its own signature."""
    def sign(data: bytes) -> bytes:
        return pkcs1_block(key, DIGEST_INFO["256"] + digest_of(data))

    return Bad([rsa_numbers(key, e=1)], [lambda site: site.token(key, sign=sign)])


def of_small_order(x: str) -> Bad:
    """One signature fits every text."""
    key = make_key("EdDSA", "bad")
    signatures = [b"\1" + bytes(63), bytes.fromhex(x) + bytes(32), bytes(64)]
    forged = [lambda site, value=value: site.token(key, sign=lambda _: value) for value in signatures]
    return Bad([key.jwk(x=base64url(bytes.fromhex(x)))], forged)


def symmetric(secret: bytes) -> Bad:
    jwk = {"kty": "oct", "kid": "bad", "alg": "HS256", "k": base64url(secret)}
    key = make_key("ES256", "bad")

    def token(site: Site) -> str:
        return site.token(key, {"alg": "HS256"}, sign=lambda data: hmac.digest(secret, data, "sha256"))

    return Bad([jwk], [token], "algorithm_not_allowed")


def long_key() -> Bad:
    """8,208 bits; it signs as it should."""
    key = LongKey("bad", (*LongKey.make("", [make_key("RS256", "") for _ in range(4)]).primes, 65_539))
    stand_in = make_key("RS256", "bad")
    return Bad([key.jwk()], [lambda site: site.token(stand_in, sign=key.sign)])


def stripped(key: Key) -> dict:
    """The same point with a coordinate that lost its leading zero, or with one too many."""
    return key.jwk(x=base64url(b"\0" + key.private.public_key().public_numbers().x.to_bytes(32, "big")))


RSA, EC, ED = make_key("RS256", "bad"), make_key("ES256", "bad"), make_key("EdDSA", "bad")
POINT = EC.private.public_key().public_numbers()
MODULUS = RSA.private.public_key().public_numbers().n
SMALL_ORDER = (
    "00" * 32,
    "01" + "00" * 31,
    "00" * 31 + "80",
    "ec" + "ff" * 30 + "7f",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
)

NOT_USED = [
    case("two keys of one kid", by(make_key("ES256", "bad"), make_key("ES256", "bad"))),
    case("two keys of one kid, of two lengths", by(make_key("RS256", "bad"), make_key("RS256", "bad", bits=3072))),
    case("a secret", symmetric(b"secret" * 8)),
    case("an empty secret", symmetric(b"")),
    case("a key for encryption", by(RSA, use="enc")),
    case("a key for nothing known", by(RSA, use="other")),
    case("a use that is a list", by(RSA, use=["sig"])),
    case("operations without verify", by(EC, key_ops=["encrypt"])),
    case("operations that sign", by(EC, key_ops=["sign"])),
    case("operations as a text", by(EC, key_ops="verify")),
    case("a key for RSA-OAEP", by(RSA, use=None, alg="RSA-OAEP")),
    case("a key with a secret alg", by(RSA, alg="HS256")),
    case("a key with alg none", by(EC, alg="none")),
    case("an alg of another kind", by(RSA, alg="ES256")),
    case("an alg that is a list", by(RSA, alg=["RS256"])),
    case("RSA of 1024 bits", by(Key("bad", "RS256", rsa.generate_private_key(65537, 1024)))),
    case("RSA of 2047 bits", by(Key("bad", "RS256", rsa.generate_private_key(65537, 2047)))),
    case("RSA of 8208 bits", long_key()),
    case("RSA exponent 0", shown(rsa_numbers(RSA, e=0), RSA)),
    case("RSA exponent 1", exponent_of_one(RSA)),
    case("RSA exponent 2", shown(rsa_numbers(RSA, e=2), RSA)),
    case("RSA exponent even", shown(rsa_numbers(RSA, e=65536), RSA)),
    case("RSA exponent of 33 bits", shown(rsa_numbers(RSA, e=2**32 + 15), RSA)),
    case("RSA exponent as long as the modulus", shown(rsa_numbers(RSA, e=MODULUS - 2), RSA)),
    case("RSA modulus even", shown(rsa_numbers(RSA, n=MODULUS - 1), RSA)),
    case("RSA modulus 0", shown(rsa_numbers(RSA, n=0), RSA)),
    case("RSA modulus of 100,000 bits", shown(rsa_numbers(RSA, n=2**100_000 + 1), RSA)),
    case("RSA without a modulus", shown(RSA.jwk(n=None), RSA)),
    case("RSA with padding", shown(RSA.jwk(n=RSA.jwk()["n"] + "=="), RSA)),
    case("RSA private key", shown(RSA.jwk(d="AQAB"), RSA)),
    case("EC point off the curve", shown(EC.jwk(y=base64url_number(POINT.y ^ 1, 32)), EC)),
    case("EC point at zero", shown(EC.jwk(x=base64url(bytes(32)), y=base64url(bytes(32))), EC)),
    case("EC point beyond the field", shown(EC.jwk(x=base64url(b"\xff" * 32)), EC)),
    case("EC coordinate with a leading zero", shown(stripped(EC), EC)),
    case("EC coordinate too short", shown(EC.jwk(x=EC.jwk()["x"][:-2]), EC)),
    case("EC coordinate missing", shown(EC.jwk(y=None), EC)),
    case("EC coordinate a number", shown(EC.jwk(y=7), EC)),
    case("EC point on another curve", shown(EC.jwk(crv="P-384", alg="ES384"), EC)),
    case("EC curve of coins", by(make_key("ES256K", "bad"), reason="algorithm_not_allowed")),
    case("EC curve P-521", by(make_key("ES512", "bad"), reason="algorithm_not_allowed")),
    case("EC private key", shown(EC.jwk(d="AQAB"), EC)),
    *(case(f"Ed25519 of small order {x[:8]}", of_small_order(x)) for x in SMALL_ORDER),
    case("Ed25519 too short", shown(ED.jwk(x=base64url(bytes(31))), ED)),
    case("X25519", shown(ED.jwk(crv="X25519"), ED)),
    case("Ed448", shown(ED.jwk(crv="Ed448", x=base64url(bytes(57))), ED)),
    case("a kty of another case", shown(RSA.jwk(kty="rsa"), RSA)),
    case("a kid that is a number", Bad([EC.jwk(kid=7)], [lambda site: site.token(EC, {"kid": "7"})])),
    case("things that are no keys", Bad([None, 1, "x", [], {}, True, [[]], {"kty": None}, {"kty": "EC"}, {"kid": "bad"}])),
    case("a key nested 100 deep", Bad([{"kty": "EC", "kid": "bad", "x": json.loads(nested(100))}])),
]


@pytest.fixture(scope="module")
def sites(rogue) -> dict[str, Site]:
    """One issuer for each case: the good key stands last."""
    sites = {}
    for number, row in enumerate(NOT_USED):
        [bad] = row.values
        site = sites[row.id] = rogue.site(f"set-{number}")
        site.keys = [*bad.keys, *site.keys]
    return sites


@pytest.fixture(scope="module")
def several(rogue) -> dict[str, Site]:
    """Sets that are odd and good."""

    def site(name: str, keys: list[Key], jwks: list[dict] | None = None) -> Site:
        site = rogue.site(name, keys=keys)
        site.keys = site.keys if jwks is None else jwks
        return site

    one, other = make_key("ES256", "one"), make_key("RS256", "one")
    lone = make_key("ES256", "lone")
    small_exponent = make_key("RS256", "e3", exponent=3)
    many = [make_key("ES256", f"many-{number}") for number in range(102)]
    return {
        "one kid, two kinds": site("two-kinds", [one, other]),
        "the same key twice": site("twice", [one], [one.jwk(), one.jwk()]),
        "no kid": site("no-kid", [lone], [lone.jwk(kid=None)]),
        "exponent 3": site("exponent-3", [small_exponent]),
        "3072 bits": site("rsa-3072", [make_key("RS256", "long", bits=3072)]),
        "4096 bits": site("rsa-4096", [make_key("PS512", "longer", bits=4096)]),
        "a sign byte before the modulus": site(
            "sign-byte", [other], [other.jwk(n=base64url_number(other.private.public_key().public_numbers().n, 257))]
        ),
        "no alg, no use": site("bare", [one], [one.jwk(alg=None, use=None)]),
        "certificates beside": site("x5c", [one], [one.jwk(x5c=["MIIC" * 500], x5t="AAAA", x5u="https://evil.example")]),
        "operations with verify": site("ops", [one], [one.jwk(key_ops=["verify"])]),
        "102 keys": site("many", many),
    }


@pytest.fixture(scope="module")
def gate(gates, rogue, sites, several) -> Gate:
    return gates([rogue], [site.provider() for site in [*sites.values(), *several.values()]])


@pytest.mark.parametrize("name, bad", [case(row.id, row.id, *row.values) for row in NOT_USED])
def test_a_bad_key_is_not_used_and_spoils_nothing(gate, sites, name, bad):
    site = sites[name]
    good = site.token()
    assert gate.passed(gate.ask(good))["x-airgate-user"] == "alice"
    for forge in bad.forged:
        gate.bad_token(gate.ask(forge(site)), bad.reason)


@pytest.mark.parametrize(
    "name",
    [
        "one kid, two kinds", "the same key twice", "exponent 3", "3072 bits", "4096 bits",
        "a sign byte before the modulus", "no alg, no use", "certificates beside", "operations with verify",
    ],
)
def test_an_odd_set_is_used(gate, several, name):
    site = several[name]
    for key in site.signing:
        gate.passed(gate.ask(site.token(key)))


def test_a_token_without_kid_and_a_set_of_one(gate, several):
    """OpenID's conformance profile asks for both: this passes, several keys do not (test_token_header)."""
    for name in ("the same key twice", "3072 bits"):
        site = several[name]
        gate.passed(gate.ask(site.token(header={"kid": None})))


def test_a_key_without_kid(gate, several):
    """It is found by a token that names none, and by no name."""
    site = several["no kid"]
    gate.passed(gate.ask(site.token(header={"kid": None})))
    gate.bad_token(gate.ask(site.token()), "unknown_kid")
    gate.bad_token(gate.ask(site.token(header={"kid": ""})), "unknown_kid")


def test_only_the_first_hundred_keys_are_looked_at(gate, several):
    site = several["102 keys"]
    for number, passes in ((0, True), (99, True), (100, False), (101, False)):
        answer = gate.ask(site.token(site.signing[number]))
        if passes:
            gate.passed(answer)
        else:
            gate.bad_token(answer, "unknown_kid")
