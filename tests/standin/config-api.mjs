// The few config-API operations that answer with something; the rest get a generic reply (server.mjs).
import { ORGANIZATION, findConnection } from './data.mjs';
import { Refusal, json } from './reply.mjs';

export function configApi({ jobs, faults, auth }) {
  return {
    'GET /api/v1/health': () => json(faults.healthy ? 200 : 503, { available: faults.healthy }),

    'GET /api/v1/instance_configuration': () => json(200, {
      edition: 'community',
      version: 'stand-in',
      auth: { mode: auth ? 'simple' : 'none' },
      initialSetupComplete: true,
      trackingStrategy: 'logging',
      defaultUserId: ORGANIZATION,
      defaultOrganizationId: ORGANIZATION,
      defaultOrganizationEmail: 'standin@example.com',
    }),

    'POST /api/v1/organizations/get_organization_info': (call) => {
      const { organizationId } = call.fields();
      if (organizationId !== ORGANIZATION) throw new Refusal(404, `there is no organization ${organizationId}`);
      return json(200, { organizationId, organizationName: 'Stand-in organization', sso: false });
    },

    'POST /api/v1/connections/get': (call) => json(200, read(connectionOf(call))),

    'POST /api/v1/connections/sync': (call) => {
      const { connectionId } = connectionOf(call);
      return json(200, { job: readJob(jobs.create(connectionId, 'sync')), attempts: [] });
    },

    'POST /api/v1/web_backend/connections/get': async (call) => {
      const connection = connectionOf(call);
      // A refreshed catalog is a discovery in disguise.
      if (call.fields().withRefreshedCatalog === true) await call.slow();
      return json(200, {
        ...read(connection),
        source: { sourceId: connection.sourceId, workspaceId: connection.workspaceId, name: 'Stand-in source' },
        destination: { destinationId: connection.destinationId, workspaceId: connection.workspaceId, name: 'Stand-in destination' },
        isSyncing: jobs.list().some(({ connectionId, status }) =>
          connectionId === connection.connectionId && ['pending', 'running'].includes(status)),
      });
    },

    'POST /api/v1/sources/discover_schema': async (call) => {
      await call.slow();
      const { sourceId } = call.fields();
      return json(200, { sourceId, catalog: catalog(['orders', 'customers']), jobInfo: { succeeded: true } });
    },
  };
}

function connectionOf(call) {
  const { connectionId } = call.fields();
  const connection = findConnection(connectionId);
  if (!connection) throw new Refusal(404, `there is no connection ${connectionId}`);
  return connection;
}

/** The config API's view of a connection: other names for the same things. */
function read({ connectionId, name, sourceId, destinationId, workspaceId, status, createdAt, configurations }) {
  return {
    connectionId,
    name,
    sourceId,
    destinationId,
    workspaceId,
    status,
    createdAt,
    scheduleType: 'manual',
    namespaceDefinition: 'destination',
    syncCatalog: catalog(configurations.streams.map((stream) => stream.name)),
  };
}

const catalog = (streams) => ({
  streams: streams.map((name) => ({
    stream: { name, jsonSchema: { type: 'object' }, supportedSyncModes: ['full_refresh'] },
    config: { syncMode: 'full_refresh', destinationSyncMode: 'overwrite', selected: true },
  })),
});

const readJob = ({ jobId, connectionId, jobType, status, startTime, lastUpdatedAt }) => ({
  id: jobId,
  configId: connectionId,
  configType: jobType,
  status,
  createdAt: Date.parse(startTime) / 1000,
  updatedAt: Date.parse(lastUpdatedAt) / 1000,
});
