/** The module in a host that is not Envoy, and in which everything goes wrong that no proxy can be made to do. */

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Status } from './host.mjs';
import { Exit } from './wasi.mjs';
import { dice, Keys, Site } from './site.mjs';

const keys = new Keys();
const SPOOFED = { 'x-airgate-user': 'root', 'X-Airgate-Role': 'admin', 'x-airbyte-user-id': 'root' };
const JOB = '/api/public/v1/jobs';

/** What must hold whatever happened: nobody's own word about themselves goes on, and nobody unknown gets in. */
function sound(stream, known) {
  if (!stream.forwarded) return;
  const sent = stream.request;
  assert.ok(!sent.all('x-airgate-user').includes('root') && !sent.all('x-airgate-role').includes('admin'));
  assert.deepEqual(sent.all('x-airbyte-user-id'), []);
  assert.ok(known || stream.isPublic, `forwarded unknown: ${JSON.stringify(sent.pairs)}`);
}

/** A day in the life of a gateway: each kind of request once, with answers for every call. */
function day(site) {
  const { host } = site;
  const done = [];
  const send = (known, stream) => {
    done.push([stream, known]);
    return stream;
  };
  // Without its environment or a first random number it does not start, and then nothing is let through.
  try {
    if (!host.configure()) return done;
  } catch (error) {
    if (error instanceof WebAssembly.RuntimeError || error instanceof Exit) return done;
    throw error;
  }
  site.settle();
  for (const algorithm of ['ES256', 'EdDSA']) {
    const token = site.token({}, algorithm);
    for (let round = 0; round < 2; round += 1) {
      const stream = send(true, site.get('/api/public/v1/workspaces', { authorization: `Bearer ${token}`, ...SPOOFED }));
      site.settle();
      if (stream.forwarded) stream.respond([[':status', '200'], ['cache-control', 'max-age=1']]);
    }
  }
  send(true, site.as(site.token(), JOB, '{"jobType":"sync"}'));
  send(true, site.as(site.token(), JOB, 'x'.repeat(70_000)));
  send(false, site.get('/api/v1/connections/list', SPOOFED, '{}'));
  send(false, site.as(`${site.token()}x`, '/api/public/v1/jobs'));
  send(false, site.as(site.token({}, 'ES256', { kid: 'new' }), '/'));
  send(false, site.get('/', { accept: 'text/html', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document', ...SPOOFED }));
  send(false, site.get('/.airgate/callback/corp?code=a&state=b'));
  send(false, site.get('/.airgate/me'));
  send(false, site.get('/%2e%2e/api'));
  Object.assign(send(false, site.get('/api/v1/health', SPOOFED)), { isPublic: true });
  send(false, host.refused([[':method', 'GET']]));
  site.settle(() => null);
  for (const [stream] of done) {
    if (stream.forwarded && !stream.response.pairs.length) stream.respond();
    stream.end();
  }
  host.tick(60_000);
  return done;
}

test('a day without faults', () => {
  const site = new Site({ keys });
  const outcomes = day(site).map(([stream]) => (stream.reply ? stream.reply.status : stream.outcome));
  const expected = ['forward', 'forward', 'forward', 'forward', 'forward', 'forward', 401, 401, 401, 302, 400, 401, 400, 'forward'];
  assert.deepEqual(outcomes, [...expected, 'held']);
});

describe('every host call may fail', () => {
  const site = new Site({ keys });
  day(site);
  // The SDK's own code ends the VM where a host refuses the context of a call's answer; no host does.
  const names = [...new Set(site.host.calls)].filter((name) => name !== 'proxy_set_effective_context');
  const word = { proxy_http_call: [Status.BAD_ARGUMENT, Status.INTERNAL_FAILURE] };
  const statuses = [Status.NOT_FOUND, Status.BAD_ARGUMENT, Status.CAS_MISMATCH, Status.INTERNAL_FAILURE, Status.UNIMPLEMENTED, 99];
  for (const name of names) {
    test(name, () => {
      for (const status of word[name] ?? statuses) {
        const count = site.host.calls.filter((call) => call === name).length;
        // Always, then only the first ones, then each third.
        const ways = [() => true, (at) => at === 1, (at) => at <= count / 2, (at) => at % 3 === 0];
        // Random bytes are asked for before they are needed, so a source that dries up in between ends the VM.
        for (const fails of name === 'random_get' ? ways.slice(0, 2) : ways) {
          const other = new Site({ keys });
          let at = 0;
          other.host.fault = (call) => (call === name && fails((at += 1)) ? status : undefined);
          for (const [stream, known] of day(other)) sound(stream, known);
        }
      }
    });
  }
});

describe('the provider answers as it likes', () => {
  const answers = {
    never: () => undefined,
    'with a failure': () => null,
    'with nothing': () => [200, ''],
    'with an error': () => [500, 'oh'],
    'with something else': () => [200, '[[[['],
    'with a page': () => [200, '<html>'],
    'with too much': () => [200, ' '.repeat(2_000_000)],
    'with keys that are none': () => [200, '{"keys":[{"kty":"EC"},null,7,{"kty":"RSA","n":"","e":""}]}'],
  };
  for (const [name, answer] of Object.entries(answers)) {
    test(name, () => {
      const site = new Site({ keys });
      assert.ok(site.host.configure());
      const stream = site.as(site.token(), '/api/public/v1/workspaces');
      for (let round = 0; round < 60; round += 1) {
        site.host.tick(500);
        for (const callout of site.open()) if (answer() !== undefined) site.answer(callout, answer());
      }
      assert.equal(stream.reply?.status, 503, stream.outcome);
      assert.ok(stream.reply.headers.some(([header]) => header === 'retry-after'));
      stream.end();
    });
  }

  // Not twice, and not to calls that nobody made: there the SDK's own code ends the VM.
  test('late, out of order, and after the request is gone', () => {
    const site = new Site({ keys });
    site.host.configure();
    const token = site.token();
    const gone = site.as(token, '/api/public/v1/workspaces');
    const waits = site.as(token, '/api/public/v1/workspaces');
    site.host.tick();
    gone.end();
    const [discovery] = site.open();
    site.answer(discovery, site.honest('/.well-known/openid-configuration'));
    site.host.tick(4_000);
    const [jwks] = site.open();
    site.answer(jwks, site.honest('/jwks'));
    site.settle();
    assert.equal(waits.outcome, 'forward');
    assert.equal(gone.outcome, 'held');
    assert.equal(gone.request.get('authorization'), `Bearer ${token}`, 'nobody touched a request that was gone');
  });
});

test('a clock that steps back brings no token to life again', () => {
  const site = Site.ready({ keys });
  const { host } = site;
  const start = host.now;
  const token = site.token();
  assert.equal(site.as(token, '/').outcome, 'forward');
  host.now = start + 400_000;
  assert.equal(site.as(token, '/').reply.status, 401);
  for (const now of [0, 1, start - 86_400_000, start + 1_000_000, Number.MAX_SAFE_INTEGER]) {
    host.now = now;
    site.settle(() => null);
    const before = site.as(token, '/');
    assert.notEqual(before.outcome === 'forward' && now > start + 360_000, true);
    site.get('/', { accept: 'text/html', 'sec-fetch-mode': 'navigate' }).end();
  }
});

test('no trap and no way in, whatever the order of events', () => {
  for (let seed = 1; seed <= 12; seed += 1) {
    const roll = dice(seed);
    const site = new Site({ keys });
    const { host } = site;
    host.configure();
    const good = [site.token(), site.token({ sub: 'bob' }, 'EdDSA')];
    const live = [];
    const any = (list) => list[roll(list.length)];
    const events = [
      () => live.push([site.as(any(good), any(['/', JOB, '/api/v1/x']), any([undefined, '{}', '{"jobType":"sync"}'])), true]),
      () => live.push([site.get(any(['/', '/.airgate/login', '/.airgate/me', '/api/v1/health/..']), SPOOFED), false]),
      () => live.push([site.as(any(['', 'a.b.c', good[0].slice(1)]), '/'), false]),
      () => host.tick(roll(3000)),
      () => host.tick(0),
      () => (host.now -= roll(5000)),
      () => site.open().length && site.answer(any(site.open()), any([null, [200, ''], [404, 'x']])),
      () => site.open().length && site.answer(...((callout) => [callout, site.honest(callout.headers.get(':path'), callout)])(any(site.open()))),
      () => live.length && ((at) => live[at][0].forwarded && live[at][0].respond([[':status', any(['200', '401', '503'])]]))(roll(live.length)),
      () => live.length && live.splice(roll(live.length), 1)[0][0].end(),
    ];
    for (let step = 0; step < 400; step += 1) {
      any(events)();
      for (const [stream, known] of live) sound(stream, known);
    }
    for (const [stream] of live) stream.end();
  }
});

describe('a host like Istio: no body before the headers have gone on', () => {
  const options = { keys, profile: 'istio', configuration: { bodies: 'headers_ahead', access: { default_role: 'runner' } } };
  const [SYNC, RESET] = ['{"jobType":"sync"}', '{"jobType":"reset"}'];
  const ask = (site, body, how) => site.get(JOB, { authorization: `Bearer ${site.token()}`, ...SPOOFED }, body, 'POST', how);

  test('the headers go, and the body only with a permit', () => {
    const site = Site.ready(options);
    const [good, bad] = [SYNC, RESET].map((body) => ask(site, body));
    assert.deepEqual([good.outcome, bad.outcome, bad.reply.status, bad.ahead], ['forward', 'reply', 403, true]);
    for (const stream of [good, bad]) {
      assert.deepEqual([stream.request.all('x-airgate-role'), stream.request.all('authorization')], [['runner'], []]);
      sound(stream, true);
    }
    assert.equal(ask(site, 'x'.repeat(70_000)).reply.status, 403);
    const nothing = ask(site, '');
    assert.deepEqual([nothing.reply.status, nothing.ahead], [403, false], 'it is known to be whole');
  });

  test('keys first, then the headers, then the body', () => {
    const site = new Site(options);
    site.host.configure();
    const waiting = [SYNC, RESET, ''].map((body) => ask(site, body));
    assert.ok(waiting.every((stream) => stream.outcome === 'held' && !stream.ahead));
    site.settle();
    assert.deepEqual(waiting.map((stream) => [stream.outcome, stream.ahead]), [['forward', true], ['reply', true], ['reply', false]]);
  });

  test('an answer that is faster than the body', () => {
    for (const [details, passes] of [['via_upstream', false], ['no_healthy_upstream', true], [undefined, false]]) {
      const site = Site.ready(options);
      const stream = ask(site, SYNC, { later: true });
      assert.ok(stream.ahead && stream.outcome === 'held');
      if (details) site.host.properties.set('response.code_details', details);
      stream.respond([[':status', '503']]);
      assert.equal(stream.reply?.status, passes ? undefined : 502, details);
      stream.deliver();
      assert.ok(!stream.forwarded, 'and the body stays here');
      stream.end();
      assert.equal(stream.properties.get('airgate.reason'), 'answered_early');
    }
  });

  test('whichever host call fails, the body needs a permit', () => {
    const site = Site.ready(options);
    const before = site.host.calls.length;
    ask(site, RESET);
    const names = new Set(site.host.calls.slice(before));
    assert.ok(names.has('proxy_get_buffer_bytes') && names.has('proxy_replace_header_map_value'));
    for (const name of names) {
      for (let first = 1; first <= 4; first += 1) {
        const other = Site.ready(options);
        let at = 0;
        other.host.fault = (call) => (call === name && (at += 1) >= first ? Status.INTERNAL_FAILURE : undefined);
        const stream = ask(other, RESET);
        assert.ok(!stream.forwarded, `${name} from the ${first}. on`);
        if (stream.ahead) sound({ forwarded: true, request: stream.request }, true);
      }
    }
  });
});
