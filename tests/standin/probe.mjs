// What belongs to the stand-in and not to Airbyte: looking at what arrived, and breaking things.
// `echo` and `large` are under /api/v1 too, so that they can be reached through a gateway.
import { Readable } from 'node:stream';
import { Refusal, json } from './reply.mjs';

const LARGEST = 1024 ** 3;
const CHUNK = 64 * 1024;

/** Reached directly by tests; never broken by a fault and never written into the journal. */
export const isBehindTheScenes = (path) => ['/standin/control', '/standin/requests'].includes(path);

export function probe({ journal, faults }) {
  return {
    'ANY /standin/echo': echo,
    'ANY /standin/echo/**': echo,
    'ANY /api/v1/standin/echo': echo,
    'ANY /api/v1/standin/echo/**': echo,
    'GET /standin/large': large,
    'GET /api/v1/standin/large': large,

    'GET /standin/requests': () => json(200, journal.list()),
    'DELETE /standin/requests': () => {
      journal.clear();
      return json(200, []);
    },

    'GET /standin/control': () => json(200, faults.show()),
    'POST /standin/control': (call) => {
      faults.set(call.fields());
      return json(200, faults.show());
    },
    'DELETE /standin/control': () => {
      faults.clear();
      return json(200, faults.show());
    },
  };
}

const echo = (call) => json(200, {
  standin: call.name,
  method: call.method,
  url: call.url,
  http_version: call.httpVersion,
  headers: call.rawHeaders,
  body_bytes: call.body.length,
});

/** Sent in chunks without a length, as Airbyte sends job logs. */
function large({ query }) {
  const bytes = Number(query.get('bytes') ?? 'none');
  if (!Number.isInteger(bytes) || bytes < 0 || bytes > LARGEST) {
    throw new Refusal(400, `bytes must be a whole number up to ${LARGEST}`);
  }
  return { status: 200, headers: { 'content-type': 'application/octet-stream' }, body: Readable.from(chunks(bytes)) };
}

function* chunks(bytes) {
  const full = Buffer.alloc(CHUNK, 'x');
  for (let left = bytes; left > 0; left -= CHUNK) yield left < CHUNK ? full.subarray(0, left) : full;
}
