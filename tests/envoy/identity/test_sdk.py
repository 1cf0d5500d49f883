"""The unmodified airbyte-api SDK through the gateway, as a CI job would use it."""

import pytest
from airbyte_api import AirbyteAPI, api, models

from lab import Parts, until
from lab.envoy import Options


@pytest.fixture(scope="session")
def single():
    """One replica, since the stand-ins share no jobs as Airbyte's replicas do through their database. And one provider
    for all tests, since the SDK keeps tokens by client and secret, whoever gave them, as long as the process lives."""
    with Parts(standins=1) as parts:
        yield parts


@pytest.fixture(scope="module")
def bed(open_bed, single, envoy_version):
    return open_bed(Options(version=envoy_version), single)


@pytest.fixture
def airbyte(bed, monkeypatch) -> AirbyteAPI:
    # On a busy machine a health check may fail first, and then nobody is there to ask for a moment.
    client = bed.client("ci-bot")
    until(lambda: client.get("/api/public/v1/workspaces").status_code == 200, 10, "a replica")
    monkeypatch.setenv("SSL_CERT_FILE", str(bed.authority_file))
    credentials = models.SchemeClientCredentials(
        client_id="ci-bot",
        client_secret="demo-secret-of-ci-bot-not-for-production",
        token_url=f"{bed.issuer}/token",
    )
    return AirbyteAPI(
        server_url=f"{bed.url}/api/public/v1", security=models.Security(client_credentials=credentials)
    )


def test_list_and_sync(bed, airbyte):
    workspaces = airbyte.workspaces.list_workspaces(request=api.ListWorkspacesRequest()).workspaces_response.data
    assert workspaces and all(workspace.workspace_id for workspace in workspaces)

    connections = airbyte.connections.list_connections(request=api.ListConnectionsRequest()).connections_response.data
    assert connections and all(connection.connection_id for connection in connections)

    request = models.JobCreateRequest(connection_id=connections[0].connection_id, job_type=models.JobTypeEnum.SYNC)
    job = airbyte.jobs.create_job(request=request).job_response
    assert job.status in (models.JobStatusEnum.PENDING, models.JobStatusEnum.RUNNING)

    def state() -> models.JobStatusEnum:
        return airbyte.jobs.get_job(request=api.GetJobRequest(job_id=job.job_id)).job_response.status

    until(lambda: state() == models.JobStatusEnum.SUCCEEDED, 10, "the sync's success", every=0.2)

    line = bed.envoy.logged(lambda line: line["airgate.operation"] == "publicCreateJob")
    said = [line[name] for name in ("enduser.id", "airgate.client", "airgate.route", "http.response.status_code")]
    assert said == ["ci-bot", "ci-bot", "public-api", 200]
    seen = next(one for one in bed.parts.requests() if one.get("method") == "POST")
    names = {name.lower() for name, _ in seen["headers"]}
    assert "authorization" not in names and "x-airgate-user" in names


def test_a_wrong_secret_says_so(bed, monkeypatch):
    """The provider refuses it; the gateway and Airbyte never hear of it."""
    monkeypatch.setenv("SSL_CERT_FILE", str(bed.authority_file))
    credentials = models.SchemeClientCredentials(
        client_id="ci-bot", client_secret="wrong", token_url=f"{bed.issuer}/token"
    )
    security = models.Security(client_credentials=credentials)
    airbyte = AirbyteAPI(server_url=f"{bed.url}/api/public/v1", security=security)
    with pytest.raises(Exception, match="401"):
        airbyte.workspaces.list_workspaces(request=api.ListWorkspacesRequest())


def test_without_a_token_the_sdk_sees_why(bed, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(bed.authority_file))
    airbyte = AirbyteAPI(server_url=f"{bed.url}/api/public/v1", security=models.Security(bearer_auth="opaque"))
    with pytest.raises(Exception, match="the token is not a JWT"):
        airbyte.workspaces.list_workspaces(request=api.ListWorkspacesRequest())
