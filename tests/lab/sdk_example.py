"""The unmodified airbyte-api SDK through the gateway: list workspaces and connections, start a sync.

Run by `make smoke`, and by hand after `make demo-up`:

    (set -a; . .demo/env; SSL_CERT_FILE=$CA_CERT .build/venv/bin/python tests/lab/sdk_example.py)
"""

import os

from airbyte_api import AirbyteAPI, api, models

airbyte = AirbyteAPI(
    server_url=os.environ["GATEWAY_URL"] + "/api/public/v1",
    security=models.Security(
        client_credentials=models.SchemeClientCredentials(
            client_id="ci-bot",
            client_secret="demo-secret-of-ci-bot-not-for-production",
            token_url=os.environ["ISSUER"] + "/token",
        )
    ),
)

workspaces = airbyte.workspaces.list_workspaces(request=api.ListWorkspacesRequest()).workspaces_response.data
for workspace in workspaces:
    print(f"workspace {workspace.name}")

connections = airbyte.connections.list_connections(request=api.ListConnectionsRequest()).connections_response.data
for connection in connections:
    print(f"connection {connection.name}")

job = airbyte.jobs.create_job(
    request=models.JobCreateRequest(connection_id=connections[0].connection_id, job_type=models.JobTypeEnum.SYNC)
).job_response
print(f"sync {job.job_id} of {connections[0].name}: {job.status.value}")
