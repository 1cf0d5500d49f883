/** The modules that do one thing, in a host whose every call may fail: nothing traps, and nobody's own word goes on. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Status } from '../host/host.mjs';
import { ISSUER, Keys, Site } from '../host/site.mjs';
import { Exit } from '../host/wasi.mjs';

const keys = new Keys();
const ROUTE = ['x-airgate-route', 'x-airgate-retry', 'x-airgate-upstream'];
const MODULES = {
  tokens: {
    whole: {
      providers: [{ name: 'corp', issuer: ISSUER, cluster: 'idp', audiences: ['airbyte'] }],
      public: ['/open'],
    },
    owns: ['x-airgate-user', 'x-airgate-auth', 'x-airgate-groups', 'x-airbyte-user-id'],
    expected: ['forward', 'forward', 401, 401, 400, 'forward', 400, 'held'],
  },
  routing: { whole: {}, owns: ROUTE, expected: ['forward', 'forward', 'forward', 'forward', 'forward', 'forward', 400, 'held'] },
  affinity: {
    whole: {
      external_url: 'https://airbyte.example',
      affinity: { mode: 'pin', keys: [{ id: 'a1', secret: { env: 'AFFINITY_KEY' } }] },
    },
    owns: ['x-airgate-affinity', 'x-airgate-pin'],
    expected: [...Array(7).fill('forward'), 'held'],
  },
};

const open = (name) =>
  new Site({ keys, whole: MODULES[name].whole, module: fileURLToPath(new URL(`../../.build/airgate-${name}.wasm`, import.meta.url)) });

/** Each kind of request once; which of them may go on without anybody knowing who asks. */
function day(name, site) {
  const spoofed = Object.fromEntries(MODULES[name].owns.map((header) => [header, 'mine']));
  const { host } = site;
  const done = [];
  try {
    if (!host.configure()) return done;
  } catch (error) {
    if (error instanceof WebAssembly.RuntimeError || error instanceof Exit) return done;
    throw error;
  }
  site.settle();
  const token = site.token();
  const send = (known, path, headers, body) => {
    done.push([site.get(path, { ...spoofed, ...headers }, body), known]);
    site.settle();
  };
  send(true, '/api/v1/connections/list', { authorization: `Bearer ${token}` }, '{}');
  send(true, '/api/v1/connections/list', { authorization: `Bearer ${token}` }, '{}');
  send(false, '/api/v1/connections/list', { authorization: `Bearer ${token.slice(0, -4)}AAAA` });
  send(false, '/workspaces', {});
  send(false, '/workspaces', { authorization: `Bearer ${token}, Bearer ${token}` });
  send(true, '/open', { cookie: '__Host-airgate-affinity=forged; other=1' });
  send(name === 'affinity', '/%2e%2e/api', {});
  done.push([host.refused([[':method', 'GET']]), false]);
  for (const [stream] of done) {
    if (stream.forwarded) stream.respond([[':status', '200'], ['x-airgate-pin', 'MTAuMC4wLjE6ODAwMQ==']]);
    stream.end();
  }
  host.tick(60_000);
  return done;
}

function sound(name, [stream, known]) {
  if (!stream.forwarded) return;
  for (const header of MODULES[name].owns) assert.ok(!stream.request.all(header).includes('mine'), header);
  if (name === 'tokens') {
    assert.ok(known, `forwarded unknown: ${JSON.stringify(stream.request.pairs)}`);
    assert.deepEqual(stream.request.all('authorization'), []);
  }
}

for (const [name, { expected }] of Object.entries(MODULES)) {
  test(`${name}: a day without faults`, () => {
    const outcomes = day(name, open(name)).map(([stream]) => (stream.reply ? stream.reply.status : stream.outcome));
    assert.deepEqual(outcomes, expected);
  });

  describe(`${name}: every host call may fail`, () => {
    const site = open(name);
    day(name, site);
    // The SDK's own code ends the VM where a host refuses the context of a call's answer; no host does.
    const calls = [...new Set(site.host.calls)].filter((call) => call !== 'proxy_set_effective_context');
    for (const call of calls) {
      test(call, () => {
        const count = site.host.calls.filter((made) => made === call).length;
        const ways = [() => true, (at) => at === 1, (at) => at <= count / 2, (at) => at % 3 === 0];
        for (const status of [Status.BAD_ARGUMENT, Status.INTERNAL_FAILURE]) {
          // Random bytes are asked for before they are needed, so a source that dries up in between ends the VM.
          for (const fails of call === 'random_get' ? ways.slice(0, 2) : ways) {
            const other = open(name);
            let at = 0;
            other.host.fault = (made) => (made === call && fails((at += 1)) ? status : undefined);
            for (const one of day(name, other)) sound(name, one);
          }
        }
      });
    }
  });
}
