// What this pretended Airbyte holds. Every replica holds the same, so ids can be written down in tests.

export const ORGANIZATION = '00000000-0000-0000-0000-000000000000';

const ANALYTICS = '11111111-1111-4111-8111-111111111111';
const FINANCE = '22222222-2222-4222-8222-222222222222';
const CREATED_AT = 1767225600; // 2026-01-01

export const workspaces = [workspace(ANALYTICS, 'Analytics'), workspace(FINANCE, 'Finance')];

export const connections = [
  connection(1, ANALYTICS, 'Shop orders to warehouse', ['orders', 'customers']),
  connection(2, ANALYTICS, 'Web events to warehouse', ['events']),
  connection(3, FINANCE, 'Invoices to ledger', ['invoices']),
];

export const findConnection = (id) => connections.find((one) => one.connectionId === id);

function workspace(workspaceId, name) {
  return { workspaceId, name, dataResidency: 'auto', notifications: {} };
}

function connection(number, workspaceId, name, streams) {
  const id = (kind) => `${kind.repeat(8)}-0000-4000-8000-${String(number).padStart(12, '0')}`;
  return {
    connectionId: id('c'),
    name,
    sourceId: id('a'),
    destinationId: id('d'),
    workspaceId,
    status: 'active',
    schedule: { scheduleType: 'manual' },
    dataResidency: 'auto',
    configurations: {
      streams: streams.map((stream) => ({ name: stream, syncMode: 'full_refresh_overwrite' })),
    },
    createdAt: CREATED_AT,
    tags: [],
    namespaceDefinition: 'destination',
    nonBreakingSchemaUpdatesBehavior: 'ignore',
    prefix: '',
  };
}
