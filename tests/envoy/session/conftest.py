"""What these tests share. They run on one version of Envoy: what a session is does not depend on the host."""

import secrets
from collections.abc import Iterator

import pytest
from conftest import untrapped
from session.client import Client, Cookies, signed_in

from lab import Bed
from lab.envoy import Options

# Shared by gateways that are to open each other's cookies.
KEY = {"AIRGATE_SESSION_KEY": secrets.token_urlsafe(32)}


@pytest.fixture(scope="session")
def bed(parts) -> Iterator[Bed]:
    """The example as it is."""
    with untrapped(Options(environment=KEY), parts) as bed:
        yield bed


@pytest.fixture(scope="session")
def alice(bed) -> Cookies:
    """Her session. It is in its cookies alone, so any number of clients may have it."""
    return signed_in(bed)


@pytest.fixture
def client(bed) -> Client:
    """Somebody who is not signed in."""
    return Client(bed)


@pytest.fixture
def signed(bed, alice) -> Client:
    """Alice, signed in."""
    return Client(bed, alice)
