"""What the tests of tokens, keys and providers share."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from identity.gate import Gate, open_gate

from lab.envoy import NEWEST, VERSIONS
from lab.forge import make_key
from lab.rogue import Rogue, Site

_ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA")
# The fast check of signatures belongs to the host, so it is tried on each; the slow one is the same everywhere.
_WAYS = [(NEWEST, "host"), (NEWEST, "software"), *((version, "host") for version in VERSIONS if version != NEWEST)]


@pytest.fixture(scope="session")
def rogue(parts) -> Iterator[Rogue]:
    """The scripted provider of those who do not stop it."""
    with Rogue(parts.authority) as rogue:
        yield rogue


@pytest.fixture(scope="session")
def site(rogue) -> Site:
    """An issuer with a key for each algorithm, called like it, and one RSA key that is for any."""
    site = rogue.site("acme", keys=[make_key(algorithm, algorithm) for algorithm in _ALGORITHMS])
    site.signing.append(make_key("RS256", "any"))
    site.keys.append(site.signing[-1].jwk(alg=None, use=None))
    return site


@pytest.fixture(scope="session")
def impatient(rogue) -> Site:
    """An issuer whose tokens are accepted without any leeway."""
    return rogue.site("impatient")


@pytest.fixture(scope="session", params=_WAYS, ids="-".join)
def gate(request, parts, rogue, site, impatient) -> Iterator[Gate]:
    """Envoy with those two as providers, on each way to check a signature."""
    version, signatures = request.param
    providers = [site.provider(), impatient.provider(leeway="0s")]
    with open_gate(parts, [rogue], providers, {"signatures": signatures}, version=version) as gate:
        yield gate


@pytest.fixture(scope="module")
def gates(parts) -> Iterator[Callable[..., Gate]]:
    """`gates([rogue], [provider, …])` is a gate that lives until the module ends."""
    with ExitStack() as stack:
        yield lambda *arguments, **options: stack.enter_context(open_gate(parts, *arguments, **options))
