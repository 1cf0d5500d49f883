/**
 * What the module needs of a host, and what happens without it. Each test is a row of docs/hosts.md, by its name; the
 * last one compares the two.
 *
 * "nginx" is a host with the behaviours of nginx with ngx_wasm_module: it traps on unknown foreign functions, on shared
 * data and on calls while configuring, takes no new properties, keeps one cookie of a local reply, never says that a
 * request has no body, and cannot hold a response.
 */

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { Status } from './host.mjs';
import { Keys, Site } from './site.mjs';
import { Exit } from './wasi.mjs';

const keys = new Keys();
const WORKSPACES = '/api/public/v1/workspaces';
const JOBS = '/api/public/v1/jobs';
const NAVIGATION = { accept: 'text/html', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' };

/** A provider whose keys stand in the configuration: nothing is asked of it. */
function inline(site) {
  return { providers: [{ name: 'corp', issuer: 'https://idp.example', audiences: ['airbyte'], jwks: site.publicKeys() }] };
}

const INLINE = { ...inline(new Site({ keys })), session: undefined };

/** A host that refuses these calls from the start. */
function without(names, options = {}, status = Status.UNIMPLEMENTED) {
  return new Site({ keys, fault: (name) => (names.includes(name) ? status : undefined), ...options });
}

/** A site whose host refuses this call from now on. */
function refusing(site, name) {
  site.host.fault = (call) => (call === name ? Status.UNIMPLEMENTED : undefined);
  return site;
}

function configured(site) {
  assert.ok(site.host.configure(), site.host.logs.join('\n'));
  site.settle();
  return site;
}

/** Somebody with a token gets in, and nobody without one. */
function works(site) {
  for (const algorithm of ['ES256', 'EdDSA']) {
    const stream = site.as(site.token({}, algorithm), WORKSPACES);
    assert.equal(stream.outcome, 'forward', stream.reply?.body);
    assert.equal(stream.request.get('x-airgate-user'), 'alice');
    stream.respond();
    stream.end();
  }
  const nobody = site.get(WORKSPACES, { 'x-airgate-user': 'root' });
  assert.equal(nobody.reply?.status, 401);
  nobody.end();
}

/** It refuses its configuration, or traps in starting. */
function doesNotStart(name) {
  try {
    assert.equal(without([name]).host.configure(), false, name);
  } catch (error) {
    assert.ok(error instanceof WebAssembly.RuntimeError || error instanceof Exit, error);
  }
}

/** The record of the last request, where the filter writes it. */
function recorded(site) {
  return JSON.parse(site.host.logs.findLast((line) => line.startsWith('{"time"')) ?? 'null');
}

const rows = {
  'clock, random bytes, environment'() {
    for (const name of ['random_get', 'environ_get', 'environ_sizes_get']) doesNotStart(name);
    const timeless = refusing(Site.ready({ keys }), 'proxy_get_current_time_nanoseconds');
    assert.equal(timeless.as(timeless.token(), WORKSPACES).reply.status, 503, 'without a clock nothing is valid');
    const dry = refusing(Site.ready({ keys }), 'random_get');
    works(dry);
    assert.equal(dry.get('/', NAVIGATION).reply?.status, 503, 'no sign-in by guessable secrets');
  },

  'header maps'() {
    const calls = ['get_header_map_pairs', 'replace_header_map_value', 'remove_header_map_value'];
    for (const name of calls) {
      const site = refusing(Site.ready({ keys }), `proxy_${name}`);
      assert.equal(site.as(site.token(), WORKSPACES).reply.status, 503, name);
    }
  },

  'nothing to call while it is configured'() {
    for (const profile of ['envoy', 'nginx']) {
      const site = new Site({ keys, profile });
      // The host throws where the module makes a call to another server.
      assert.ok(site.host.configure());
      const made = new Set(site.host.calls.filter((name) => name.startsWith('proxy_') && name !== 'proxy_log'));
      const always = ['proxy_get_buffer_bytes', 'proxy_set_tick_period_milliseconds'];
      const offered = ['proxy_call_foreign_function', 'proxy_get_shared_data', 'proxy_set_shared_data'];
      assert.deepEqual([...made].sort(), [...always, ...(profile === 'envoy' ? offered : [])].sort());
    }
  },

  'a tick'() {
    doesNotStart('proxy_set_tick_period_milliseconds');
    // It is promised and never comes: no keys, no way in.
    const site = new Site({ keys });
    assert.ok(site.host.configure());
    assert.equal(site.as(site.token(), WORKSPACES).outcome, 'held');
    const offline = new Site({ keys, configuration: INLINE });
    assert.ok(offline.host.configure());
    works(offline);
  },

  'calls to other servers'() {
    const site = configured(without(['proxy_http_call'], {}, Status.BAD_ARGUMENT));
    assert.equal(site.as(site.token(), WORKSPACES).reply?.status, 503, 'no keys');
    assert.notEqual(site.get('/', NAVIGATION).reply?.status, 302, 'no sign-in');
    const offline = configured(without(['proxy_http_call'], { configuration: INLINE }, Status.BAD_ARGUMENT));
    works(offline);
    assert.ok(!offline.host.calls.includes('proxy_http_call'));
    // What stands in the configuration is what the host is asked for: a cluster, or nginx's host and port.
    const login = { client_id: 'gateway' };
    const provider = { name: 'corp', issuer: 'https://idp.example', cluster: 'idp.example:443', audiences: ['airbyte'], login };
    const other = configured(new Site({ keys, profile: 'nginx', configuration: { providers: [provider] } }));
    works(other);
    assert.deepEqual([...new Set(other.host.callouts.map(({ cluster }) => cluster))], ['idp.example:443']);
  },

  'acting on a request from another callback'() {
    // Answers to calls come through it as well: the SDK ends the VM without.
    assert.throws(() => configured(without(['proxy_set_effective_context'])), WebAssembly.RuntimeError);
    works(configured(without(['proxy_set_effective_context'], { configuration: INLINE })));
    // A request that waits and cannot be woken is not let in; those after it are.
    const site = new Site({ keys });
    assert.ok(site.host.configure());
    const waits = site.as(site.token(), WORKSPACES);
    refusing(site, 'proxy_continue_stream').settle();
    assert.equal(waits.outcome, 'held');
    works(site);
  },

  'verify_signature'() {
    const fast = configured(new Site({ keys }));
    works(fast);
    assert.ok(fast.host.calls.includes('proxy_call_foreign_function'));
    for (const status of [Status.NOT_FOUND, Status.INTERNAL_FAILURE]) {
      works(configured(without(['proxy_call_foreign_function'], {}, status)));
    }
    const software = configured(new Site({ keys, profile: 'nginx' }));
    works(software);
    assert.ok(!software.host.calls.includes('proxy_call_foreign_function'), 'never asked for');
    const wrong = new Site({ keys, profile: 'nginx', configuration: { signatures: 'host' } });
    assert.throws(() => wrong.host.configure(), /nginx traps here/);
  },

  'shared data'() {
    const fetches = (site) => site.host.callouts.length;
    const shared = configured(new Site({ keys }));
    const before = fetches(shared);
    configured(shared);
    assert.equal(fetches(shared), before, 'keys outlive a reload');
    works(shared);
    for (const options of [{ profile: 'nginx' }, { configuration: { shared_data: false } }]) {
      const alone = configured(new Site({ keys, ...options }));
      const before = fetches(alone);
      configured(alone);
      assert.equal(fetches(alone), 2 * before, 'each configuration asks for its own');
      works(alone);
      assert.ok(!alone.host.calls.some((name) => name.includes('shared_data')), 'never asked for');
    }
    works(configured(without(['proxy_get_shared_data', 'proxy_set_shared_data'])));
    const wrong = new Site({ keys, profile: 'nginx', configuration: { shared_data: true } });
    assert.throws(() => wrong.host.configure(), /nginx traps here/);
  },

  'reading properties'() {
    const site = configured(new Site({ keys, configuration: { audit: { to: 'log' } } }));
    const facts = { 'source.address': '192.0.2.7:40000', 'response.code': '200', 'upstream.address': '10.0.0.1:8001' };
    for (const [name, value] of Object.entries(facts)) site.host.properties.set(name, value);
    works(site);
    site.as(site.token(), WORKSPACES).end();
    const whole = recorded(site);
    assert.equal(whole['client.address'], '192.0.2.7');
    assert.equal(whole['http.response.status_code'], 200);
    site.host.properties.clear();
    site.as(site.token(), WORKSPACES).end();
    const { 'client.address': address, 'http.response.status_code': status, ...rest } = recorded(site);
    assert.deepEqual([address, status], [undefined, undefined]);
    assert.equal(rest['enduser.id'], 'alice', 'what airgate knows itself is there');
    works(configured(without(['proxy_get_property'])));
  },

  'addresses with a port'() {
    const site = configured(new Site({ keys, profile: 'nginx', configuration: { audit: { to: 'log' } } }));
    const addresses = [
      ['192.0.2.7', '192.0.2.7', undefined],
      ['192.0.2.7:40000', '192.0.2.7', 40000],
      ['2001:db8::7', '2001:db8::7', undefined],
      ['[2001:db8::7]:40000', '2001:db8::7', 40000],
    ];
    for (const [given, address, port] of addresses) {
      site.host.properties.set('source.address', given);
      site.host.properties.set('upstream.address', given);
      site.as(site.token(), WORKSPACES).end();
      const { 'client.address': client, 'client.port': clientPort, 'upstream.address': upstream } = recorded(site);
      assert.deepEqual([client, clientPort, upstream], [address, port, given]);
    }
  },

  'setting properties'() {
    const told = configured(new Site({ keys }));
    const stream = told.as(told.token(), WORKSPACES);
    stream.end();
    assert.equal(stream.properties.get('airgate.enduser.id'), 'alice');
    assert.equal(recorded(told), null);
    // Refused: nothing breaks, and nothing is told. So the filter has to write the record.
    const untold = configured(new Site({ keys, profile: 'nginx' }));
    works(untold);
    assert.equal(recorded(untold), null);
    const written = configured(new Site({ keys, profile: 'nginx', configuration: { audit: { to: 'log' } } }));
    works(written);
    assert.equal(recorded(written)['airgate.decision'], 'deny', 'of whoever had no token');
  },

  'counters'() {
    for (const name of ['proxy_define_metric', 'proxy_increment_metric']) {
      const site = configured(without([name]));
      works(site);
      site.host.tick();
      assert.equal([...site.host.counts.values()].reduce((sum, count) => sum + count, 0), 0);
    }
  },

  'a callback when a request ends'() {
    const site = configured(new Site({ keys, configuration: { audit: { to: 'log' } } }));
    for (let count = 0; count < 600; count += 1) site.as(site.token(), WORKSPACES);
    assert.equal(recorded(site), null, 'no record');
    works(site);
  },

  'a body while headers are held'() {
    const site = configured(new Site({ keys, bodies: false, configuration: { access: { default_role: 'runner' } } }));
    const held = site.as(site.token(), JOBS, '{"jobType":"sync"}');
    assert.equal(held.outcome, 'held');
    site.host.tick(10_000);
    assert.equal(held.reply?.status, 408);
    works(site);
    // As envoy-example/istio has it: nothing is asked of bodies.
    const operations = [{ method: 'POST', path: JOBS, role: 'editor' }];
    for (const [role, outcome] of [['editor', 'forward'], ['runner', 'reply']]) {
      const access = { default_role: role, operations };
      const unread = configured(new Site({ keys, bodies: false, configuration: { access } }));
      assert.equal(unread.as(unread.token(), JOBS, '{"jobType":"sync"}').outcome, outcome, role);
    }
  },

  'the end of a request without a body'() {
    const site = configured(new Site({ keys, profile: 'nginx' }));
    const post = (fields) => site.get(JOBS, { authorization: `Bearer ${site.token()}`, ...fields }, undefined, 'POST');
    works(site);
    assert.equal(post({ 'content-length': '0' }).outcome, 'forward', 'the request says it itself');
    assert.equal(post({}).outcome, 'held', 'until the host says so');
    assert.equal(configured(new Site({ keys })).as(site.token(), JOBS, undefined, 'POST').outcome, 'forward');
  },

  'several cookies in one reply'() {
    for (const profile of ['envoy', 'nginx']) {
      const site = configured(new Site({ keys, profile }));
      // Of a session that is none any more: three are deleted, and a login begins.
      const login = site.get('/', { ...NAVIGATION, cookie: '__Host-airgate-session=1.x' });
      assert.equal(login.reply.status, 302);
      assert.deepEqual(login.reply.headers.filter(([name]) => name === 'set-cookie'), [], 'all but one would be lost');
      const cookies = login.response.all('set-cookie');
      assert.equal(cookies.filter((cookie) => cookie.startsWith('__Host-airgate-session')).length, 3);
      assert.equal(cookies.filter((cookie) => cookie.startsWith('__Host-airgate-login')).length, 1);
    }
  },

  'holding a response'() {
    // The host throws where the module does: replies, answers with cookies, errors of the upstream.
    const site = configured(new Site({ keys, profile: 'nginx' }));
    works(site);
    for (const status of ['200', '304', '401', '503']) site.as(site.token(), '/').respond([[':status', status]]);
    site.get('/', NAVIGATION);
    site.get('/%2e%2e/api');
  },
};

describe('what a host has to offer', () => {
  for (const [name, row] of Object.entries(rows)) test(name, row);
});

test('docs/hosts.md names the same', () => {
  const page = readFileSync(new URL('../../docs/hosts.md', import.meta.url), 'utf8');
  const tables = page.split('\n## ').filter((part) => part.includes('\n|---|'));
  assert.equal(tables.length, 2, 'what is needed, and who offers it');
  for (const table of tables) {
    const named = [...table.matchAll(/^\| ([^|]+?) \|/gm)].map(([, name]) => name.replaceAll('`', ''));
    assert.deepEqual(named.slice(1).sort(), Object.keys(rows).sort());
  }
});
