"""What the tests of policies share."""

import secrets
from collections.abc import Callable, Iterator

import pytest
from access.policy import Policy
from airbyte_api import AirbyteAPI, models

from lab import Bed
from lab.bootstrap import Bootstrap
from lab.envoy import Options
from lab.rogue import Rogue, Site


@pytest.fixture(scope="session")
def rogue(parts) -> Iterator[Rogue]:
    with Rogue(parts.authority) as rogue:
        yield rogue


@pytest.fixture(scope="session")
def site(rogue) -> Site:
    """A provider that says of anybody what a test wants."""
    return rogue.site("acme")


@pytest.fixture(scope="module")
def open_policy(open_bed, rogue, site) -> Callable[..., Policy]:
    """`open_policy({"default_role": …}, …)` is a gateway with this `access`; `corp` is the demo's provider there."""

    def open_it(access: dict, **options) -> Policy:
        def configure(config: dict) -> None:
            config["access"] = access
            config["providers"].append(site.provider())

        return Policy(open_bed(Options(plugin=configure, bootstrap=rogue.connect, **options)), site)

    return open_it


@pytest.fixture
def sdk(parts, monkeypatch) -> Callable[..., AirbyteAPI]:
    """`sdk(bed, "airbyte-ci")` is the unmodified SDK with the id and secret of a client that has these claims."""

    def make(bed: Bed, client: str, **claims) -> AirbyteAPI:
        # The SDK keeps tokens by client and secret as long as the process lives.
        secret = secrets.token_urlsafe(24)
        metadata = {"redirect_uris": [], "response_types": [], "grant_types": ["client_credentials"]}
        parts.provider.change(
            clients={client: {**metadata, "client_secret": secret, "access_token": {"claims": claims}}}
        )
        monkeypatch.setenv("SSL_CERT_FILE", str(bed.authority_file))
        credentials = models.SchemeClientCredentials(
            client_id=client, client_secret=secret, token_url=f"{bed.issuer}/token"
        )
        return AirbyteAPI(
            server_url=f"{bed.url}/api/public/v1", security=models.Security(client_credentials=credentials)
        )

    return make
