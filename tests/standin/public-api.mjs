// The public API, in the shapes that the `airbyte-api` SDK parses.
import { connections, findConnection, workspaces } from './data.mjs';
import { JOB_TYPES } from './jobs.mjs';
import { Refusal, json } from './reply.mjs';

const BASE = '/api/public/v1';
const LARGEST_PAGE = 100;

export function publicApi({ jobs, faults }) {
  return {
    [`GET ${BASE}/health`]: () => (faults.healthy ? json(200, {}) : json(503, { message: 'unhealthy on request' })),

    [`GET ${BASE}/workspaces`]: (call) => page(call, workspaces.filter(inWorkspaces(call))),
    [`GET ${BASE}/workspaces/:id`]: ({ params }) =>
      found(workspaces.find((one) => one.workspaceId === params.id), `workspace ${params.id}`),

    [`GET ${BASE}/connections`]: (call) => page(call, connections.filter(inWorkspaces(call))),
    [`GET ${BASE}/connections/:id`]: ({ params }) =>
      found(findConnection(params.id), `connection ${params.id}`),

    [`GET ${BASE}/jobs`]: (call) => page(call, jobs.list().filter(asked(call))),
    [`GET ${BASE}/jobs/:id`]: ({ params }) => found(jobs.get(params.id), `job ${params.id}`),
    [`DELETE ${BASE}/jobs/:id`]: ({ params }) => found(jobs.cancel(params.id), `job ${params.id}`),
    [`POST ${BASE}/jobs`]: (call) => {
      const { connectionId, jobType } = call.fields();
      if (!JOB_TYPES.includes(jobType)) throw new Refusal(400, `jobType must be one of ${JOB_TYPES.join(', ')}`);
      if (!findConnection(connectionId)) throw new Refusal(404, `there is no connection ${connectionId}`);
      return json(200, jobs.create(connectionId, jobType));
    },
  };
}

function found(value, what) {
  if (value === undefined) throw new Refusal(404, `there is no ${what}`);
  return json(200, value);
}

function inWorkspaces({ query }) {
  const ids = query.getAll('workspaceIds').flatMap((list) => list.split(',')).filter(Boolean);
  return (one) => ids.length === 0 || ids.includes(one.workspaceId);
}

/** A job's own filters; its workspace is its connection's. */
function asked(call) {
  const inside = inWorkspaces(call);
  const same = (name, job) => [null, String(job[name])].includes(call.query.get(name));
  return (job) =>
    ['connectionId', 'jobType', 'status'].every((name) => same(name, job)) && inside(findConnection(job.connectionId));
}

/** `next` and `previous` are empty where there is nothing more. */
function page({ path, query }, items) {
  const limit = whole(query, 'limit', 20, LARGEST_PAGE);
  const offset = whole(query, 'offset', 0, Number.MAX_SAFE_INTEGER);
  const at = (start) => {
    const other = new URLSearchParams(query);
    other.set('limit', limit);
    other.set('offset', start);
    return `${path}?${other}`;
  };
  return json(200, {
    data: items.slice(offset, offset + limit),
    next: offset + limit < items.length ? at(offset + limit) : '',
    previous: offset > 0 ? at(Math.max(0, offset - limit)) : '',
  });
}

function whole(query, name, fallback, most) {
  const text = query.get(name);
  if (text === null) return fallback;
  if (!/^\d{1,15}$/.test(text) || Number(text) > most) throw new Refusal(400, `${name} must be a number up to ${most}`);
  return Number(text);
}
