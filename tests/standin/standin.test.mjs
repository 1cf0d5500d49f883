import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { after, before, beforeEach, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Child, until, within } from './child.mjs';

const SCRIPT = fileURLToPath(new URL('standin.mjs', import.meta.url));
const PUBLIC = '/api/public/v1';
const CONNECTION = 'cccccccc-0000-4000-8000-000000000001';
const PAIR = { client_id: 'standin-application', client_secret: 'standin-application-secret' };

let standin;

const call = (path, options) => fetch(standin.ready.url + path, { redirect: 'manual', ...options });
const post = (path, body, headers = {}) =>
  call(path, { method: 'POST', body: JSON.stringify(body), headers: { 'content-type': 'application/json', ...headers } });
const control = (body) => post('/standin/control', body);

async function read(answer, status = 200) {
  assert.equal(answer.headers.get('content-type'), 'application/json');
  const value = await (await answer).json();
  assert.equal(answer.status, status, JSON.stringify(value));
  return value;
}

/** Bytes in, the whole answer out as latin1, for what no client library would send. */
async function raw(bytes) {
  const { hostname, port } = new URL(standin.ready.url);
  const socket = connect(Number(port), hostname).setEncoding('latin1');
  let answer = '';
  socket.on('data', (text) => { answer += text; }).on('error', () => {});
  socket.write(Buffer.from(bytes, 'latin1'));
  await within(10_000, once(socket, 'close'));
  return answer;
}

const get = (target, ...lines) => [`GET ${target} HTTP/1.1`, 'Host: x', 'Connection: close', ...lines, '', ''].join('\r\n');

describe('with its login off', () => {
  before(async () => { standin = await Child.start(SCRIPT, '--name', 'a', '--slow-seconds', '1'); });
  after(() => standin.stop());
  beforeEach(async () => {
    await call('/standin/control', { method: 'DELETE' });
    await call('/standin/requests', { method: 'DELETE' });
  });

  test('every answer names the replica', async () => {
    for (const path of ['/', '/api/v1/health', '/api/nothing', '/standin/requests', '/standin/large?bytes=1']) {
      assert.equal((await call(path)).headers.get('x-standin-name'), 'a', path);
    }
    assert.match(await raw('what is this\r\n\r\n'), /^HTTP\/1\.1 400 .*x-standin-name: a/s);
  });

  test('both health checks, with a slash at the end too', async () => {
    assert.deepEqual(await read(await call('/api/v1/health')), { available: true });
    assert.deepEqual(await read(await call('/api/v1/health/')), { available: true });
    assert.equal((await call(`${PUBLIC}/health`)).status, 200);
  });

  test('both token endpoints take JSON and forms, and refuse a bad pair', async () => {
    for (const path of ['/api/v1/applications/token', `${PUBLIC}/applications/token`]) {
      for (const answer of [await post(path, PAIR), await call(path, { method: 'POST', body: new URLSearchParams(PAIR) })]) {
        const { access_token: token, token_type: type, expires_in: seconds } = await read(answer);
        assert.equal(token.split('.').length, 3);
        assert.deepEqual([type, seconds], ['Bearer', 900]);
      }
      await read(await post(path, { ...PAIR, client_secret: 'wrong' }), 400);
      await read(await call(path, { method: 'POST', body: 'not JSON' }), 400);
    }
  });

  test('workspaces and connections come in pages and by id', async () => {
    const all = await read(await call(`${PUBLIC}/workspaces`));
    assert.deepEqual([all.data.length, all.next, all.previous], [2, '', '']);
    const { workspaceId } = all.data[1];
    assert.deepEqual(await read(await call(`${PUBLIC}/workspaces/${workspaceId}`)), all.data[1]);
    await read(await call(`${PUBLIC}/workspaces/none`), 404);

    const inside = await read(await call(`${PUBLIC}/connections?workspaceIds=${workspaceId}`));
    assert.deepEqual(inside.data.map((one) => one.workspaceId), [workspaceId]);

    const first = await read(await call(`${PUBLIC}/connections?limit=2`));
    const second = await read(await call(first.next));
    assert.deepEqual([first.data.length, second.data.length, second.next], [2, 1, '']);
    assert.deepEqual(await read(await call(second.previous)), first);
    await read(await call(`${PUBLIC}/connections?limit=many`), 400);
  });

  test('a job is created, listed, runs to its end, and another is cancelled', async () => {
    const job = await read(await post(`${PUBLIC}/jobs`, { connectionId: CONNECTION, jobType: 'sync' }));
    assert.equal(job.status, 'pending');
    const at = `${PUBLIC}/jobs/${job.jobId}`;
    const listed = await read(await call(`${PUBLIC}/jobs?connectionId=${CONNECTION}&jobType=sync`));
    assert.equal(listed.data[0].jobId, job.jobId);

    const other = await read(await post(`${PUBLIC}/jobs`, { connectionId: CONNECTION, jobType: 'refresh' }));
    const cancelled = await read(await call(`${PUBLIC}/jobs/${other.jobId}`, { method: 'DELETE' }));
    assert.equal(cancelled.status, 'cancelled');

    const done = await until(async () => read(await call(at)), ({ status }) => status === 'succeeded');
    assert.equal(done.duration, 'PT2S');
    assert.equal((await read(await call(at, { method: 'DELETE' }))).status, 'succeeded');
  });

  test('a job of an unknown type or connection is refused', async () => {
    await read(await post(`${PUBLIC}/jobs`, { connectionId: CONNECTION, jobType: 'explode' }), 400);
    await read(await post(`${PUBLIC}/jobs`, { connectionId: 'none', jobType: 'sync' }), 404);
    await read(await post(`${PUBLIC}/jobs`, [1]), 400);
    await read(await call(`${PUBLIC}/jobs/none`), 404);
  });

  test('the config API answers its few reads and starts a sync', async () => {
    const { name, syncCatalog } = await read(await post('/api/v1/connections/get', { connectionId: CONNECTION }));
    assert.equal(name, 'Shop orders to warehouse');
    assert.deepEqual(syncCatalog.streams.map(({ stream }) => stream.name), ['orders', 'customers']);
    await read(await post('/api/v1/connections/get', {}), 404);

    const { job } = await read(await post('/api/v1/connections/sync', { connectionId: CONNECTION }));
    assert.equal((await read(await call(`${PUBLIC}/jobs/${job.id}`))).connectionId, CONNECTION);

    const web = await read(await post('/api/v1/web_backend/connections/get', { connectionId: CONNECTION }));
    assert.equal(web.isSyncing, true);

    const { defaultOrganizationId: organizationId, auth } = await read(await call('/api/v1/instance_configuration'));
    assert.equal(auth.mode, 'none');
    await read(await post('/api/v1/organizations/get_organization_info', { organizationId }));
  });

  test('what has no data of its own is generic, unknown API paths are JSON 404, the rest is the web app', async () => {
    assert.deepEqual(await read(await post('/api/v1/sources/list', {})), { standin: 'a', generic: true });
    assert.deepEqual(await read(await call(`${PUBLIC}/tags`)), { standin: 'a', generic: true });
    for (const path of ['/api', '/api/v2/x', '/assets/app.js']) await read(await call(path), 404);
    for (const path of ['/', '/workspaces/1', '/applications/token', `${PUBLIC}/v1/applications/token`, '/auth_flow?code=1']) {
      const answer = await call(path, { headers: { 'x-airgate-user': '<alice>' } });
      const html = await answer.text();
      assert.equal(answer.status, 200, path);
      assert.match(html, /This is not Airbyte/);
      assert.match(html, /&lt;alice&gt;/);
    }
  });

  test('discovery is slow by setting, any request by its header', async () => {
    const timed = async (promise) => {
      const start = performance.now();
      await read(await promise);
      return (performance.now() - start) / 1000;
    };
    assert.ok(await timed(post('/api/v1/sources/discover_schema', {})) >= 0.99);
    assert.ok(await timed(post('/api/v1/sources/discover_schema', {}, { 'x-standin-slow-seconds': '0' })) < 0.9);
    assert.ok(await timed(call('/api/v1/health', { headers: { 'x-standin-slow-seconds': '0.2' } })) >= 0.19);
    const catalog = { connectionId: CONNECTION, withRefreshedCatalog: true };
    assert.ok(await timed(post('/api/v1/web_backend/connections/get', catalog)) >= 0.99);
    await read(await call('/', { headers: { 'x-standin-slow-seconds': 'long' } }), 400);
  });

  test('echo shows the path and the header bytes as they came', async () => {
    const answer = await raw(get('/api/v1/standin/echo/%2e%2E//x;y\\z?q=%zz', 'X-Twice: 1', 'x-tWICE: \xe9\x80', 'X-Empty:'));
    const seen = JSON.parse(Buffer.from(answer.slice(answer.indexOf('\r\n\r\n') + 4), 'latin1').toString());
    assert.equal(seen.url, '/api/v1/standin/echo/%2e%2E//x;y\\z?q=%zz');
    assert.deepEqual(seen.headers.slice(2), [['X-Twice', '1'], ['x-tWICE', '\xe9\x80'], ['X-Empty', '']]);
    assert.equal((await read(await post('/standin/echo', 'abc'))).body_bytes, 5);
    assert.equal((await read(await call('/standin/echo', { method: 'PATCH' }))).method, 'PATCH');
  });

  test('the journal holds requests with their fate, and can be cleared', async () => {
    await post('/api/v1/sources/list', { some: 'body' }, { 'x-mark': '1' });
    const leaving = new AbortController();
    const slow = call('/api/v1/standin/echo', { headers: { 'x-standin-slow-seconds': '60' }, signal: leaving.signal });
    const journal = async () => read(await call('/standin/requests'));
    const open = await until(journal, (entries) => entries.length === 2);
    assert.deepEqual([open[1].status, open[1].aborted], [null, false]);
    leaving.abort();
    await assert.rejects(slow);
    const [first, second] = await until(journal, (entries) => entries[1].aborted);
    assert.deepEqual([first.name, first.method, first.url, first.status, first.body_bytes, first.aborted],
      ['a', 'POST', '/api/v1/sources/list', 200, 15, false]);
    assert.ok(first.headers.some(([name, value]) => name === 'x-mark' && value === '1'));
    assert.equal(second.status, null);
    await call('/standin/requests', { method: 'DELETE' });
    assert.deepEqual(await journal(), []);
  });

  test('the journal shows what was no HTTP', async () => {
    assert.match(await raw(get('/standin/echo/\xff')), /^HTTP\/1\.1 400 /);
    const [entry] = await read(await call('/standin/requests'));
    assert.equal(entry.malformed, 'HPE_INVALID_URL');
    assert.ok(entry.packet.startsWith('GET /standin/echo/\xff HTTP/1.1\r\n'));
  });

  test('the journal keeps the last 1000', async () => {
    for (let i = 0; i < 1005; i += 1) await (await call(`/standin/echo/${i}`)).arrayBuffer();
    const entries = await read(await call('/standin/requests'));
    assert.deepEqual([entries.length, entries[0].url, entries.at(-1).url], [1000, '/standin/echo/5', '/standin/echo/1004']);
  });

  test('unhealthy on request, and only the health checks', async () => {
    await read(await control({ healthy: false }));
    assert.deepEqual(await read(await call('/api/v1/health'), 503), { available: false });
    assert.equal((await call(`${PUBLIC}/health`)).status, 503);
    assert.equal((await call(`${PUBLIC}/jobs`)).status, 200);
  });

  test('failures can be counted, kept to a path, and leave health alone', async () => {
    await control({ fail: { status: 503, times: 2, path: PUBLIC, headers: { 'retry-after': '1' }, body: '{}' } });
    assert.equal((await call(`${PUBLIC}/health`)).status, 200);
    assert.equal((await call('/api/v1/sources/list')).status, 200);
    const failed = await call(`${PUBLIC}/jobs`);
    assert.deepEqual([failed.status, failed.headers.get('retry-after'), await failed.text()], [503, '1', '{}']);
    assert.equal((await call(`${PUBLIC}/jobs`)).status, 503);
    assert.equal((await call(`${PUBLIC}/jobs`)).status, 200);
    assert.equal((await read(await call('/standin/control'))).fail, null);
  });

  test('a reset destroys the connection: of one request, or of all with the health checks', async () => {
    await control({ reset: { times: 1 } });
    assert.equal((await call('/api/v1/health')).status, 200);
    await assert.rejects(call(`${PUBLIC}/jobs`));
    assert.equal((await call(`${PUBLIC}/jobs`)).status, 200);
    await control({ reset: true });
    await assert.rejects(call('/api/v1/health'));
    await read(await control({ reset: false }));
    assert.equal((await call('/api/v1/health')).status, 200);
  });

  test('an answer breaks off in its head or its body', async () => {
    await control({ cut: { in: 'head', times: 1 } });
    assert.equal((await call('/api/v1/health')).status, 200);
    await assert.rejects(call(`${PUBLIC}/jobs`));
    await control({ cut: { in: 'body', times: 1 } });
    const half = await call(`${PUBLIC}/jobs`);
    assert.equal(half.status, 200);
    await assert.rejects(half.text());
    assert.equal((await call(`${PUBLIC}/jobs`)).status, 200);
  });

  test('a wrong control command says so and changes nothing', async () => {
    const wrong = [{ helthy: true }, { healthy: 1 }, { fail: {} }, { fail: { status: 99 } }, { delay_ms: -1 }, { reset: { path: 1 } }, { cut: { in: 'tail' } }];
    for (const body of wrong) await read(await control({ healthy: false, ...body }), 400);
    assert.equal((await read(await call('/standin/control'))).healthy, true);
  });

  test('large answers stream without a length, bodies over 10 MiB are refused', async () => {
    const answer = await call('/api/v1/standin/large?bytes=3000001');
    assert.equal(answer.headers.get('content-length'), null);
    assert.equal((await answer.arrayBuffer()).byteLength, 3_000_001);
    await read(await call('/standin/large?bytes=-1'), 400);

    const most = 10 * 1024 * 1024;
    const echo = await read(await call('/standin/echo', { method: 'POST', body: Buffer.alloc(most) }));
    assert.equal(echo.body_bytes, most);
    await read(await call('/standin/echo', { method: 'POST', body: Buffer.alloc(most + 1) }), 413);
  });

  test('header lines up to 64 KiB pass, more is 431, and nothing ends the process', async () => {
    assert.match(await raw(get('/standin/echo', `x-long: ${'v'.repeat(65_000)}`)), /^HTTP\/1\.1 200 /);
    assert.match(await raw(get('/standin/echo', `x-long: ${'v'.repeat(200_000)}`)), /^HTTP\/1\.1 431 /);
    assert.match(await raw(get('/standin/echo', 'bad name: 1')), /^HTTP\/1\.1 400 /);
    await raw(get('*'));
    await raw('CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n');
    await raw('\x16\x03\x01\x02\x00\x01\x00\r\n\r\n');
    await post(`${PUBLIC}/jobs`, 'x'.repeat(10)).then((answer) => read(answer, 400));
    await call(`${PUBLIC}/jobs`, { method: 'POST', body: '['.repeat(20_000) }).then((answer) => read(answer, 400));
    assert.equal((await call('/api/v1/health')).status, 200);
  });
});

describe('with its login on', () => {
  const bearer = (token) => ({ headers: { authorization: `Bearer ${token}` } });

  before(async () => { standin = await Child.start(SCRIPT, '--auth', 'on'); });
  after(() => standin.stop());

  test('an unknown or missing token is 401 with the header that opens a dialog', async () => {
    for (const answer of [await call(`${PUBLIC}/jobs`), await call(`${PUBLIC}/jobs`, bearer('a.b.c'))]) {
      assert.match(answer.headers.get('www-authenticate'), /^Basic /);
      assert.equal((await read(answer, 401)).message, 'Unauthorized');
    }
    for (const path of ['/api/v1/health', '/api/v1/instance_configuration', '/']) assert.equal((await call(path)).status, 200);
  });

  test('an application token is let in', async () => {
    const { access_token: token } = await read(await post('/api/v1/applications/token', PAIR));
    await read(await call(`${PUBLIC}/jobs`, bearer(token)));
    const [head, body, signature] = token.split('.');
    const forged = Buffer.from(body, 'base64url').toString().replace('"exp":', '"exp":9');
    await read(await call(`${PUBLIC}/jobs`, bearer(`${head}.${Buffer.from(forged).toString('base64url')}.${signature}`)), 401);
  });

  test('login sets both cookies, the refresh renews them, logout takes them away', async () => {
    const cookies = (answer) => answer.headers.getSetCookie().map((line) => line.split('; '));
    const sent = { username: 'standin@example.com', password: 'standin-password' };
    const [[jwt, ...attributes], [refresh, ...refreshAttributes]] = cookies(await post('/api/login', sent));
    assert.deepEqual(attributes, ['Max-Age=180', 'Path=/', 'HttpOnly', 'SameSite=Strict']);
    assert.ok(refreshAttributes.includes('Path=/api/oauth/access_token'));
    await read(await call(`${PUBLIC}/jobs`, { headers: { cookie: jwt } }));

    const renewed = await post('/api/oauth/access_token', {}, { cookie: refresh });
    const [[again]] = cookies(renewed);
    await read(await call(`${PUBLIC}/jobs`, { headers: { cookie: `other=1; ${again}` } }));
    await read(await post('/api/oauth/access_token', {}, { cookie: jwt }), 400);
    await read(await post('/api/login', { ...sent, password: 'wrong' }), 401);
    assert.deepEqual(cookies(await post('/api/logout', {})).map(([pair]) => pair), ['JWT=', 'JWT_REFRESH_TOKEN=']);
  });

  test('SCIM has a token of its own', async () => {
    await read(await call('/scim/v2/Users'), 401);
    await read(await call('/scim/v2/Users', bearer('standin-scim-token')));
  });
});

describe('as a process', () => {
  test('wrong options end it with a usage line', async () => {
    for (const args of [['--port', 'x'], ['--auth', 'maybe'], ['--nme', 'a'], ['--name', 'a b'], ['--slow-seconds', '-1']]) {
      const child = new Child(SCRIPT, args);
      const { code, errors } = await child.over;
      assert.equal(code, 2);
      assert.match(errors, /^usage: /);
    }
  });

  test('it goes with its signal, and with its parent when asked to', async () => {
    const one = await Child.start(SCRIPT);
    assert.equal((await one.stop()).code, 0);
    const other = await Child.start(SCRIPT, '--exit-with-stdin');
    other.process.stdin.end();
    assert.equal((await within(5000, other.over)).code, 0);
  });
});
