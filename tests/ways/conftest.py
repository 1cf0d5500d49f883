"""HAProxy with its file and Envoy with airgate, before the same replicas, believing the same provider."""

from collections.abc import Callable, Iterator

import pytest
from gate import Gate
from haproxy import HAProxy
from pages import FROM_HAPROXY, blocks

from lab import Bed, Parts
from lab.bootstrap import Bootstrap, Timing, set_endpoints
from lab.envoy import Options
from lab.forge import make_key
from lab.login_site import LoginSite
from lab.provider import client_secret
from lab.rogue import Rogue

# A minute becomes two seconds.
TIMING = Timing(requests=30)


@pytest.fixture(scope="session")
def parts() -> Iterator[Parts]:
    with Parts() as parts:
        # Nobody signs in at the lab's own provider here, and it insists on somewhere to send people back to.
        parts.provider.allow(["https://localhost"])
        yield parts


@pytest.fixture(scope="session")
def rogue(parts) -> Iterator[Rogue]:
    with Rogue(parts.authority) as rogue:
        yield rogue


@pytest.fixture(scope="session")
def site(rogue) -> LoginSite:
    """The provider that the pages' configurations name, with the key that HAProxy has in its file."""
    keys = [make_key("RS256", "2026-11"), make_key("PS256", "2026-11-ps")]
    site = rogue.site("corp", issuer="https://idp.example.com", keys=keys, kind=LoginSite)
    site.client.id, site.client.secret = "airgate", client_secret()
    return site


@pytest.fixture(scope="session")
def haproxy(parts, site) -> Iterator[HAProxy]:
    haproxy = HAProxy(parts.folder / "haproxy", parts, site.signing[0])
    try:
        yield haproxy.start()
    finally:
        haproxy.stop()


@pytest.fixture(scope="session")
def bed(parts, rogue, site) -> Iterator[Bed]:
    """The example Envoy, with the page's configuration in it."""
    with Bed(as_shown(rogue), parts=parts) as bed:
        yield bed
        bed.envoy.assert_no_trap()


@pytest.fixture(scope="session")
def gates(parts, site, haproxy, bed) -> dict[str, Gate]:
    return {
        "HAProxy": Gate(haproxy.url, parts, site, "SRV"),
        "airgate": Gate(bed.url, parts, site, "__Host-airgate-affinity"),
    }


def as_shown(rogue: Rogue, change: Callable[[Bootstrap], None] = lambda _: None) -> Options:
    """The page's configuration for airgate, as it stands there, but for the port of this gateway."""
    [shown] = [block for block in blocks(FROM_HAPROXY) if "external_url" in block]

    def plugin(config: dict) -> None:
        url = config["external_url"]
        config.clear()
        config.update(shown, external_url=url)

    def bootstrap(bootstrap: Bootstrap) -> None:
        set_endpoints(bootstrap.cluster("idp"), [rogue.url])
        change(bootstrap)

    return Options(plugin=plugin, bootstrap=bootstrap, timing=TIMING)
