"""One identity provider, one SATOSA, one Envoy and one stand-in for all of these; no OpenID provider of our own."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pytest
from saml.broker import Idp, Satosa, page_plugin

from lab import until
from lab.certs import Authority
from lab.envoy import Envoy, Options
from lab.standin import Standin
from lab.surfer import Surfer


@dataclass
class House:
    idp: Idp
    satosa: Satosa
    envoy: Envoy
    _stack: ExitStack

    def surfer(self) -> Surfer:
        """A browser that was nowhere yet, and says its name where the identity provider asks for it."""
        return self._stack.enter_context(Surfer(self.envoy.url, self.idp.url, self.envoy.authority_file))


@pytest.fixture(scope="session")
def house(tmp_path_factory) -> Iterator[House]:
    folder, authority = tmp_path_factory.mktemp("saml"), Authority()
    with ExitStack() as stack:

        def stopped(part):
            stack.callback(part.stop)
            return part

        idp, satosa = stopped(Idp(authority, folder)), stopped(Satosa(authority, folder))
        standin = stopped(Standin("a", folder))
        options = Options(
            plugin=page_plugin(satosa.url), environment={"AIRGATE_CLIENT_SECRET": satosa.client_secret}
        )
        envoy = stopped(Envoy(folder / "envoy", authority, satosa.url, [standin.url], options))
        # As the page has it: SATOSA wants the identity provider's metadata, which then wants SATOSA's.
        satosa.start(envoy.url)
        idp.trust(satosa.get("/saml/metadata").content)
        envoy.start()
        house = House(idp, satosa, envoy, stack)
        until(lambda: house.surfer().get("/api/v1/health").is_success, 10, "a replica")
        yield house
        envoy.assert_no_trap()


@pytest.fixture
def idp(house) -> Iterator[Idp]:
    """Honest again in the end."""
    yield house.idp
    house.idp.misbehave(None)
