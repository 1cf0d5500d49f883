"""What the tests of signing in share."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from signin.gate import Gate, open_gate

from lab.forge import make_key
from lab.login_site import LoginSite
from lab.rogue import Rogue


@pytest.fixture(scope="session")
def rogue(parts) -> Iterator[Rogue]:
    """The scripted provider of those who do not stop it."""
    with Rogue(parts.authority) as rogue:
        yield rogue


@pytest.fixture(scope="session")
def corp(rogue) -> LoginSite:
    """With two keys, so that a token has to say which."""
    return rogue.site("corp", keys=[make_key(alg, f"corp-{alg}") for alg in ("ES256", "RS256")], kind=LoginSite)


@pytest.fixture(scope="session")
def corp_gate(parts, rogue, corp) -> Iterator[Gate]:
    """Envoy with one provider."""
    with open_gate(parts, rogue, {corp: {}}) as gate:
        yield gate


@pytest.fixture
def site(corp) -> Iterator[LoginSite]:
    """The one provider of `gate`, honest at the beginning and in the end."""
    corp.honest()
    yield corp
    corp.honest()


@pytest.fixture
def gate(corp_gate, site) -> Gate:
    return corp_gate


@pytest.fixture(scope="module")
def gates(parts, rogue) -> Iterator[Callable[..., Gate]]:
    """`gates({site: {changes}, …})` is a gate that lives until the module ends."""
    with ExitStack() as stack:
        yield lambda *arguments, **options: stack.enter_context(open_gate(parts, rogue, *arguments, **options))
