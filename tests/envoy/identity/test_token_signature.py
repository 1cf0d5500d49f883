"""Tokens that say the right things over a signature that is none, or one that is as good as another."""

import pytest
from cryptography.hazmat.primitives import hashes
from identity.gate import case

from lab.forge import (
    DIGEST_INFO,
    ED25519_ORDER,
    Key,
    der_signature,
    digest_of,
    ecdsa,
    make_key,
    pkcs1_block,
    pss,
    raw_signature,
    rsa_raw,
    twin,
    with_order_added,
)
from lab.rogue import Site

SHA256 = hashes.SHA256()


def altered(algorithm: str, change):
    """A good signature of the key for this algorithm, changed."""

    def make(site: Site) -> str:
        key = site.key(algorithm)
        return site.token(key, sign=lambda data: change(key.sign(data)))

    return make


def replaced(algorithm: str, make_signature):
    """Another signature, made with the key for this algorithm."""

    def make(site: Site) -> str:
        key = site.key(algorithm)
        return site.token(key, sign=lambda data: make_signature(key, data))

    return make


def foreign(algorithm: str):
    """By a key of the same kind that nobody knows."""
    stranger = make_key(algorithm, "stranger")
    return lambda site: site.token(site.key(algorithm), sign=stranger.sign)


def padded(info=lambda data: DIGEST_INFO["256"] + digest_of(data), **block):
    """An RSA signature over a block that is padded in another way."""
    return replaced("RS256", lambda key, data: rsa_raw(key, pkcs1_block(key, info(data), **block)))


def number(make_number):
    """An RSA signature that is this number of the key's modulus."""

    def sign(key: Key, _: bytes) -> bytes:
        value = make_number(key.private.public_key().public_numbers().n)
        return value.to_bytes(max(key.size, -(-value.bit_length() // 8)), "big")

    return replaced("RS256", sign)


def scalars(algorithm: str, change):
    """An ECDSA signature with other r and s, which `change` makes of r, s and the order."""
    return replaced(
        algorithm, lambda key, data: raw_signature(*change(*ecdsa(key, data), key.order), key.size)
    )


def flipped(signature: bytes, place: int) -> bytes:
    return signature[:place] + bytes([signature[place] ^ 1]) + signature[place + 1 :]


def shorter(site: Site) -> str:
    """Without its leading zero byte, which one signature in 256 has."""
    key = site.key("RS256")
    for count in range(10_000):
        claims = site.claims(jti=count)
        if key.sign(key.token(claims).rpartition(".")[0].encode())[0] == 0:
            return key.token(claims, sign=lambda data: key.sign(data)[1:])
    raise LookupError("no signature begins with zero")


# `SEQUENCE { SEQUENCE { OID sha256 [NULL] } OCTET STRING }` in other spellings.
OID = bytes.fromhex("0609608648016503040201")


def digest_info(data: bytes, parameters: bytes) -> bytes:
    inner = OID + parameters
    algorithm = b"\x30" + bytes([len(inner)]) + inner
    whole = algorithm + b"\x04\x20" + digest_of(data)
    return b"\x30" + bytes([len(whole)]) + whole


def long_form(data: bytes) -> bytes:
    """The length of the outer sequence in two bytes where one is due."""
    info = DIGEST_INFO["256"] + digest_of(data)
    return b"\x30\x81" + info[1:]


ANY = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA")
ECDSA = ("ES256", "ES384")

REFUSED = [
    *(case(f"{name}: a bit of the first byte", altered(name, lambda s: flipped(s, 0))) for name in ANY),
    *(case(f"{name}: a bit of the last byte", altered(name, lambda s: flipped(s, -1 % len(s)))) for name in ANY),
    *(case(f"{name}: empty", altered(name, lambda _: b"")) for name in ANY),
    *(case(f"{name}: zeros", altered(name, lambda s: bytes(len(s)))) for name in ANY),
    *(case(f"{name}: ones", altered(name, lambda s: b"\xff" * len(s))) for name in ANY),
    *(case(f"{name}: a zero byte before", altered(name, lambda s: b"\0" + s)) for name in ANY),
    *(case(f"{name}: a zero byte behind", altered(name, lambda s: s + b"\0")) for name in ANY),
    *(case(f"{name}: cut", altered(name, lambda s: s[:-1])) for name in ANY),
    *(case(f"{name}: twice", altered(name, lambda s: s + s)) for name in ANY),
    *(case(f"{name}: by a stranger", foreign(name)) for name in ANY),
    *(case(f"{name}: over another text", replaced(name, lambda key, data: key.sign(data[:-1]))) for name in ANY),
    # RSA PKCS#1 v1.5: one block is right, down to the byte.
    case("RSA: 0", number(lambda n: 0)),
    case("RSA: 1", number(lambda n: 1)),
    case("RSA: n - 1", number(lambda n: n - 1)),
    case("RSA: n", number(lambda n: n)),
    case("RSA: beyond n", replaced("RS256", lambda key, data: beyond_modulus(key, data))),
    case("RSA: without its leading zero", shorter),
    case("RSA: no DigestInfo", padded(digest_of)),
    case("RSA: DigestInfo of another hash", padded(lambda data: DIGEST_INFO["512"] + digest_of(data))),
    case("RSA: a longer hash", padded(lambda data: DIGEST_INFO["512"] + digest_of(data, "512"))),
    case("RSA: a hash cut short", padded(lambda data: DIGEST_INFO["256"] + digest_of(data)[:-1])),
    case("RSA: no parameters", padded(lambda data: digest_info(data, b""))),
    case("RSA: something in the parameters", padded(lambda data: digest_info(data, b"\x04\x08garbage!"))),
    case("RSA: a length in long form", padded(long_form)),
    case("RSA: a hash followed by garbage (Bleichenbacher 2006)", padded(filled=8, tail=b"\xaa" * 100)),
    case("RSA: a hash followed by zeros", padded(filled=8)),
    case("RSA: no filling", padded(filled=0)),
    case("RSA: a filling of other bytes", padded(fill=b"\xfe")),
    case("RSA: a filling of zeros", padded(fill=b"\0")),
    case("RSA: a block of type 0", padded(lead=b"\0\0")),
    case("RSA: a block of type 2", padded(lead=b"\0\2", fill=b"\x55")),
    case("RSA: another first byte", padded(lead=b"\1\1")),
    # PSS: the salt as long as the hash, and one hash everywhere.
    *(
        case(f"PSS: a salt of {length}", replaced("PS256", lambda key, data, length=length: pss(key, data, SHA256, length)))
        for length in (0, 1, 20, 31, 33, 48, 222)
    ),
    case("PSS: another hash in the mask", replaced("PS256", lambda key, data: pss(key, data, SHA256, 32, hashes.SHA1()))),
    case("PSS: a longer hash in the mask", replaced("PS256", lambda key, data: pss(key, data, SHA256, 32, hashes.SHA512()))),
    case("PSS: another hash", replaced("PS256", lambda key, data: pss(key, data, hashes.SHA384()))),
    case("PSS: another hash, the same salt", replaced("PS256", lambda key, data: pss(key, data, hashes.SHA512(), 32))),
    case("PSS: a good PKCS#1 v1.5", replaced("PS256", lambda key, data: key.sign(data, "RS256"))),
    case("PKCS#1 v1.5: a good PSS", replaced("RS256", lambda key, data: key.sign(data, "PS256"))),
    # ECDSA: both numbers between 1 and n - 1, in two halves of one length.
    *(
        case(f"{name}: {what}", scalars(name, change))
        for name in ECDSA
        for what, change in {
            "r is 0": lambda r, s, n: (0, s),
            "s is 0": lambda r, s, n: (r, 0),
            "r is n": lambda r, s, n: (n, s),
            "s is n": lambda r, s, n: (r, n),
            "both are n": lambda r, s, n: (n, n),
            "r is 0 and s is 1": lambda r, s, n: (0, 1),
            "both are 1": lambda r, s, n: (1, 1),
            "r is n and s is 1": lambda r, s, n: (n, 1),
            "swapped": lambda r, s, n: (s, r),
            "r mirrored": lambda r, s, n: (n - r, s),
        }.items()
    ),
    *(case(f"{name}: DER", replaced(name, lambda key, data: der_signature(*ecdsa(key, data)))) for name in ECDSA),
    *(
        case(f"{name}: DER of the right length", replaced(name, lambda key, data: fitted(der_signature(*ecdsa(key, data)), key)))
        for name in ECDSA
    ),
    *(
        case(f"{name}: another hash", replaced(name, lambda key, data: raw_signature(*ecdsa(key, data, hashes.SHA512()), key.size)))
        for name in ECDSA
    ),
    *(
        case(f"{name}: halves one byte longer", replaced(name, lambda key, data: raw_signature(*ecdsa(key, data), key.size + 1)))
        for name in ECDSA
    ),
    # Ed25519 leaves no room for a second signature of one text.
    case("EdDSA: S + L", altered("EdDSA", with_order_added)),
    case("EdDSA: S is L", altered("EdDSA", lambda s: s[:32] + ED25519_ORDER.to_bytes(32, "little"))),
    case("EdDSA: R is the neutral element and S is 0", altered("EdDSA", lambda s: b"\1" + bytes(63))),
    case("EdDSA: R is the neutral element", altered("EdDSA", lambda s: b"\1" + bytes(31) + s[32:])),
    case("EdDSA: the sign of R", altered("EdDSA", lambda s: s[:31] + bytes([s[31] ^ 0x80]) + s[32:])),
    case("EdDSA: R and S swapped", altered("EdDSA", lambda s: s[32:] + s[:32])),
]


def beyond_modulus(key: Key, data: bytes) -> bytes:
    """The signature plus the modulus: the same to a verifier that does not look at its size."""
    modulus = key.private.public_key().public_numbers().n
    value = int.from_bytes(key.sign(data), "big") + modulus
    return value.to_bytes(-(-value.bit_length() // 8), "big")


def fitted(signature: bytes, key: Key) -> bytes:
    return signature[: 2 * key.size].ljust(2 * key.size, b"\0")


@pytest.mark.parametrize("make", REFUSED)
def test_refused(gate, site, make):
    gate.bad_token(gate.ask(make(site)), "bad_signature")


@pytest.mark.parametrize("algorithm", ANY)
def test_every_algorithm(gate, site, algorithm):
    key = site.key(algorithm)
    for _ in range(3):
        assert gate.passed(gate.ask(site.token(key)))["x-airgate-user"] == "alice"


@pytest.mark.parametrize("algorithm", [name for name in ANY if name[:2] in ("RS", "PS")])
def test_a_key_without_alg_is_for_all_of_its_kind(gate, site, algorithm):
    key = next(key for key in site.signing if key.kid == "any")
    gate.passed(gate.ask(key.token(site.claims(), alg=algorithm)))


def test_ed25519_by_its_new_name(gate, site):
    """RFC 9864."""
    gate.passed(gate.ask(site.token(site.key("EdDSA"), {"alg": "Ed25519"})))


@pytest.mark.parametrize("algorithm", ECDSA)
def test_nothing_is_keyed_on_signature_bytes(gate, site, algorithm):
    """The twin with the mirrored s is as good; so is the bad token's twin as bad."""
    key = site.key(algorithm)
    token = site.token(key)
    for good in (token, twin(token, key), token):
        assert gate.passed(gate.ask(good))["x-airgate-user"] == "alice"
    # A token that is refused stays so in every form, before and after a good one of the same words.
    claims = site.claims(sub="bob")
    bad = make_key(algorithm, key.kid).token(claims)
    for forged in (bad, twin(bad, key)):
        gate.bad_token(gate.ask(forged), "bad_signature")
    good = key.token(claims)
    assert gate.passed(gate.ask(good))["x-airgate-user"] == "bob"
    for forged in (bad, twin(bad, key)):
        gate.bad_token(gate.ask(forged), "bad_signature")
