"""One Envoy, one scripted provider and one stand-in for all pages."""

from collections.abc import Iterator

import pytest
from providers.gateway import Gateway
from providers.page import PAGES

from lab.certs import Authority
from lab.rogue import Rogue
from lab.standin import Standin


@pytest.fixture(scope="session")
def gateway(tmp_path_factory) -> Iterator[Gateway]:
    folder, authority = tmp_path_factory.mktemp("providers"), Authority()
    standin = Standin("a", folder)
    try:
        with Rogue(authority) as rogue:
            gateway = Gateway(folder / "envoy", authority, rogue, standin.url, PAGES)
            try:
                gateway.envoy.start()
                yield gateway
                gateway.envoy.assert_no_trap()
            finally:
                gateway.envoy.stop()
    finally:
        standin.stop()
