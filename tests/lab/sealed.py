"""What the gateway seals for browsers, opened and sealed with its own key.

A sealed value is a JWE in compact form (RFC 7516): A256KW wraps a key for this
value alone, A256GCM encrypts with it and authenticates the header too.
"""

import json
import secrets
from base64 import urlsafe_b64decode
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.keywrap import aes_key_unwrap, aes_key_wrap

from lab.forge import base64url, json_bytes

_TAG = 16


@dataclass(frozen=True)
class SealingKey:
    kid: str
    secret: bytes = field(default_factory=lambda: secrets.token_bytes(32))

    @property
    def text(self) -> str:
        """As the gateway's environment has it."""
        return base64url(self.secret)

    def seal(self, contents: dict) -> str:
        header = base64url(json_bytes({"alg": "A256KW", "enc": "A256GCM", "kid": self.kid}))
        once, nonce = secrets.token_bytes(32), secrets.token_bytes(12)
        encrypted = AESGCM(once).encrypt(nonce, json_bytes(contents), header.encode())
        parts = (aes_key_wrap(self.secret, once), nonce, encrypted[:-_TAG], encrypted[-_TAG:])
        return ".".join([header, *map(base64url, parts)])

    def open(self, sealed: str) -> dict:
        header, *parts = sealed.split(".")
        wrapped, nonce, encrypted, tag = (urlsafe_b64decode(part + "=" * (-len(part) % 4)) for part in parts)
        once = aes_key_unwrap(self.secret, wrapped)
        return json.loads(AESGCM(once).decrypt(nonce, encrypted + tag, header.encode()))
