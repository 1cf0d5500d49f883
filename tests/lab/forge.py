"""Tokens of every shape, also those that no honest provider makes.

A `Key` makes honest tokens; header, payload and signature can each be replaced,
as JSON or byte for byte. The functions below make the signatures that a careful
verifier refuses.
"""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from math import prod

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

Sign = Callable[[bytes], bytes]

_HASHES = {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}
_CURVES = {"ES256": ec.SECP256R1(), "ES384": ec.SECP384R1(), "ES512": ec.SECP521R1(), "ES256K": ec.SECP256K1()}
_CURVE_NAMES = {"secp256r1": "P-256", "secp384r1": "P-384", "secp521r1": "P-521", "secp256k1": "secp256k1"}
# DER of `DigestInfo` up to the hash itself (RFC 8017 section 9.2, note 1).
DIGEST_INFO = {
    "256": bytes.fromhex("3031300d060960864801650304020105000420"),
    "384": bytes.fromhex("3041300d060960864801650304020205000430"),
    "512": bytes.fromhex("3051300d060960864801650304020305000440"),
}
ED25519_ORDER = 2**252 + 27742317777372353535851937790883648493


def base64url(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def base64url_number(number: int, size: int = 0) -> str:
    return base64url(number.to_bytes(size or max(1, -(-number.bit_length() // 8)), "big"))


def json_bytes(value: dict | bytes) -> bytes:
    return value if isinstance(value, bytes) else json.dumps(value, separators=(",", ":")).encode()


def compact(header: dict | bytes, payload: dict | bytes, sign: Sign) -> str:
    """The three parts (RFC 7515 section 7.1); bytes are taken as they are."""
    signed = f"{base64url(json_bytes(header))}.{base64url(json_bytes(payload))}"
    return f"{signed}.{base64url(sign(signed.encode()))}"


def laid_over(base: dict, changes: dict) -> dict:
    """`base` with `changes`; None removes."""
    return {name: value for name, value in {**base, **changes}.items() if value is not None}


def nested(depth: int, innermost: bytes = b"1") -> bytes:
    return b"[" * depth + innermost + b"]" * depth


@dataclass(frozen=True)
class Key:
    """A signing key, its id, and the algorithm it is for."""

    kid: str
    alg: str
    private: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey

    def jwk(self, **changes) -> dict:
        """The public key as a provider shows it, with changes; None removes."""
        return laid_over({**self._numbers, "kid": self.kid, "alg": self.alg, "use": "sig"}, changes)

    def sign(self, data: bytes, alg: str | None = None) -> bytes:
        """As RFC 7518 and RFC 8037 want it; `alg` by another algorithm of the same kind of key."""
        alg = alg or self.alg
        if alg == "EdDSA":
            return self.private.sign(data)
        digest = _HASHES[alg[2:5]]
        if alg.startswith("RS"):
            return self.private.sign(data, padding.PKCS1v15(), digest)
        if alg.startswith("PS"):
            return pss(self, data, digest)
        return raw_signature(*ecdsa(self, data, digest), self.size)

    def token(
        self,
        claims: dict | bytes,
        header: dict | bytes | None = None,
        alg: str | None = None,
        sign: Sign | None = None,
    ) -> str:
        """A token. A header in a dict is laid over the usual one; in bytes it is the header."""
        alg = alg or self.alg
        if not isinstance(header, bytes):
            header = laid_over({"alg": alg, "typ": "JWT", "kid": self.kid}, header or {})
        return compact(header, claims, sign or (lambda data: self.sign(data, alg)))

    @property
    def size(self) -> int:
        """Bytes of a coordinate, or of the modulus."""
        return -(-self.private.key_size // 8)

    @property
    def order(self) -> int:
        return self.private.curve.group_order

    @cached_property
    def _numbers(self) -> dict:
        public = self.private.public_key()
        if isinstance(public, rsa.RSAPublicKey):
            numbers = public.public_numbers()
            return {"kty": "RSA", "n": base64url_number(numbers.n), "e": base64url_number(numbers.e)}
        if isinstance(public, ec.EllipticCurvePublicKey):
            point, curve = public.public_numbers(), _CURVE_NAMES[public.curve.name]
            x, y = base64url_number(point.x, self.size), base64url_number(point.y, self.size)
            return {"kty": "EC", "crv": curve, "x": x, "y": y}
        return {"kty": "OKP", "crv": "Ed25519", "x": base64url(public.public_bytes_raw())}


def make_key(alg: str, kid: str, bits: int = 2048, exponent: int = 65537) -> Key:
    if alg == "EdDSA":
        return Key(kid, alg, ed25519.Ed25519PrivateKey.generate())
    if alg in _CURVES:
        return Key(kid, alg, ec.generate_private_key(_CURVES[alg]))
    return Key(kid, alg, rsa.generate_private_key(exponent, bits))


# RSA


def pss(
    key: Key,
    data: bytes,
    digest: hashes.HashAlgorithm,
    salt_length: int | None = None,
    mask: hashes.HashAlgorithm | None = None,
) -> bytes:
    """RFC 7518 wants a salt as long as the hash and the same hash in the mask."""
    salt = digest.digest_size if salt_length is None else salt_length
    return key.private.sign(data, padding.PSS(padding.MGF1(mask or digest), salt), digest)


def digest_of(data: bytes, size: str = "256") -> bytes:
    context = hashes.Hash(_HASHES[size])
    context.update(data)
    return context.finalize()


def rsa_raw(key: Key, message: bytes) -> bytes:
    """The bare RSA operation on a block that is already padded, well or badly."""
    private = key.private.private_numbers()
    number = pow(int.from_bytes(message, "big"), private.d, private.public_numbers.n)
    return number.to_bytes(key.size, "big")


def pkcs1_block(
    key: Key, info: bytes, lead: bytes = b"\0\1", fill: bytes = b"\xff", tail: bytes = b"", filled: int | None = None
) -> bytes:
    """An EMSA-PKCS1-v1_5 block around `info`; every part can be wrong."""
    room = key.size - len(lead) - 1 - len(info) - len(tail)
    count = room if filled is None else filled
    block = lead + fill * count + b"\0" + info + tail
    return block + bytes(key.size - len(block))


@dataclass(frozen=True)
class LongKey:
    """RSA beyond what libraries generate in reasonable time, out of the primes of ordinary keys."""

    kid: str
    primes: tuple[int, ...]

    @classmethod
    def make(cls, kid: str, of: list[Key]) -> "LongKey":
        numbers = [key.private.private_numbers() for key in of]
        return cls(kid, tuple(prime for number in numbers for prime in (number.p, number.q)))

    @property
    def modulus(self) -> int:
        return prod(self.primes)

    def jwk(self) -> dict:
        numbers = {"n": base64url_number(self.modulus), "e": base64url_number(65537)}
        return {"kty": "RSA", **numbers, "kid": self.kid, "alg": "RS256", "use": "sig"}

    def sign(self, data: bytes) -> bytes:
        size = -(-self.modulus.bit_length() // 8)
        info = DIGEST_INFO["256"] + digest_of(data)
        block = int.from_bytes(b"\0\1" + b"\xff" * (size - 3 - len(info)) + b"\0" + info, "big")
        # By the Chinese remainder theorem: one long exponentiation would take seconds.
        whole = 0
        for prime in self.primes:
            rest = self.modulus // prime
            part = pow(block, pow(65537, -1, prime - 1), prime)
            whole += part * rest * pow(rest, -1, prime)
        return (whole % self.modulus).to_bytes(size, "big")


# ECDSA


def ecdsa(key: Key, data: bytes, digest: hashes.HashAlgorithm | None = None) -> tuple[int, int]:
    digest = digest or _HASHES[key.alg[2:5]]
    return decode_dss_signature(key.private.sign(data, ec.ECDSA(digest)))


def raw_signature(r: int, s: int, size: int) -> bytes:
    """`r || s`, as JWS has it."""
    return r.to_bytes(size, "big") + s.to_bytes(size, "big")


def der_signature(r: int, s: int) -> bytes:
    """As X.509 has it, and JWS must not."""
    return encode_dss_signature(r, s)


def twin(token: str, key: Key) -> str:
    """The same token with the other signature that is just as good: s mirrored at half the order."""
    signed, _, signature = token.rpartition(".")
    raw = urlsafe_b64decode(signature + "=" * (-len(signature) % 4))
    r, s = raw[: key.size], int.from_bytes(raw[key.size :], "big")
    return f"{signed}.{base64url(r + (key.order - s).to_bytes(key.size, 'big'))}"


# Ed25519


def with_order_added(signature: bytes) -> bytes:
    """S + L: the same number to a verifier that does not look whether S is reduced."""
    s = int.from_bytes(signature[32:], "little") + ED25519_ORDER
    return signature[:32] + s.to_bytes(32, "little")
