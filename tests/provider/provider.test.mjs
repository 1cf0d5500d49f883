import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createHash, createPublicKey, generateKeyPairSync, randomUUID, sign, verify } from 'node:crypto';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Child } from '../standin/child.mjs';
import { Browser } from './browser.mjs';
import { certificate } from './certificate.mjs';
import { loadDemo } from './demo.mjs';
import { send, sendForJson } from './http.mjs';
import { PEM } from './keys.mjs';
import { mint } from './mint.mjs';

const here = (name) => fileURLToPath(new URL(name, import.meta.url));
const run = promisify(execFile);

let files;
let ca;
let provider;
let issuer;
let demo;

before(() => {
  files = certificate();
  ca = readFileSync(files.ca);
  process.env.NODE_EXTRA_CA_CERTS = files.ca; // whom the provider trusts when it tells of a logout
});
after(() => files.remove());

async function start(...args) {
  provider = await Child.start(here('provider.mjs'), '--cert', files.cert, '--key', files.key, ...args);
  issuer = provider.ready.issuer;
}

const tokens = (who) => mint({ issuer, ca, demo, who });
const discover = () => sendForJson(`${issuer}/.well-known/openid-configuration`, { ca });
const keySet = async () => (await sendForJson((await discover()).jwks_uri, { ca })).keys;
const post = async (path, form) => send(issuer + path, { ca, method: 'POST', form });
const part = (text) => JSON.parse(Buffer.from(text, 'base64url').toString());

/** Header and claims of a token whose signature some key of the set verifies. */
async function checked(token) {
  const [head, body, signature] = token.split('.');
  const header = part(head);
  const key = (await keySet()).find(({ kid }) => kid === header.kid);
  assert.ok(key, `no key ${header.kid} in the set`);
  assert.equal(key.alg, header.alg);
  const input = { key: createPublicKey({ key, format: 'jwk' }), dsaEncoding: 'ieee-p1363' };
  const digest = header.alg === 'EdDSA' ? null : 'sha256';
  assert.ok(verify(digest, Buffer.from(`${head}.${body}`), input, Buffer.from(signature, 'base64url')), 'bad signature');
  return { header, claims: part(body) };
}

/** The authorization code flow of the client `airgate`, with what a test wants different. */
async function signIn(browser, { login = 'alice', form = { login, password: 'x' }, ...wanted } = {}) {
  const { airgate } = demo.clients;
  const verifier = randomUUID() + randomUUID();
  const query = {
    client_id: 'airgate',
    redirect_uri: airgate.redirect_uris[0],
    response_type: 'code',
    scope: 'openid email profile',
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    code_challenge_method: 'S256',
    ...wanted,
  };
  const known = Object.entries(query).filter(([, value]) => value !== undefined);
  const end = await browser.go(`${issuer}/auth?${new URLSearchParams(known)}`, {
    isEnd: (url) => url.href.startsWith(query.redirect_uri),
    fillIn: () => form,
  });
  return { answer: end.searchParams, verifier, redirect: query.redirect_uri };
}

async function exchange({ answer, verifier, redirect }, client = confidential()) {
  return sendForJson(`${issuer}/token`, {
    ca,
    method: 'POST',
    form: {
      grant_type: 'authorization_code',
      ...client,
      redirect_uri: redirect,
      code: answer.get('code'),
      code_verifier: verifier,
    },
  });
}

const confidential = () => ({ client_id: 'airgate', client_secret: demo.clients.airgate.client_secret });

/** Signs out at the provider, and says yes when asked whether to. */
const signOut = (browser, query, isEnd) => browser.go(`${issuer}/session/end?${new URLSearchParams(query)}`, {
  isEnd,
  fillIn: (text) => ({ xsrf: /name="xsrf" value="([^"]+)"/.exec(text)[1], logout: 'yes' }),
});

describe('the demo provider', () => {
  before(async () => {
    demo = loadDemo();
    await start();
  });
  after(() => provider.stop());

  test('discovery names everything a gateway needs, under the issuer', async () => {
    const found = await discover();
    assert.equal(found.issuer, issuer);
    for (const name of ['authorization', 'token', 'userinfo', 'revocation', 'end_session']) {
      assert.ok(found[`${name}_endpoint`].startsWith(`${issuer}/`), name);
    }
    assert.ok(found.code_challenge_methods_supported.includes('S256'));
  });

  test('the key set holds public keys of three kinds, RSA first', async () => {
    const keys = await keySet();
    assert.deepEqual(keys.map(({ alg, use }) => [alg, use]), [['RS256', 'sig'], ['ES256', 'sig'], ['EdDSA', 'sig']]);
    assert.ok(keys.every((key) => key.d === undefined));
  });

  test('users get JWT access tokens for airbyte that say who they are', async () => {
    const groups = { alice: 'airbyte-admins', bob: 'airbyte-editors', carol: 'airbyte-readers' };
    for (const [who, group] of Object.entries(groups)) {
      const { header, claims } = await checked((await tokens(who)).access_token);
      assert.deepEqual([header.alg, header.typ], ['RS256', 'at+jwt']);
      const { iat, exp, jti, name, ...rest } = claims;
      assert.equal(exp - iat, 3600);
      assert.ok(jti && name.toLowerCase().startsWith(who));
      assert.deepEqual(rest, {
        iss: issuer,
        aud: 'airbyte',
        sub: who,
        client_id: 'airgate-cli',
        email: `${who}@example.com`,
        email_verified: true,
        groups: [group],
      });
    }
  });

  test('clients get tokens of their own', async () => {
    for (const [who, group] of [['ci-bot', 'airbyte-editors'], ['agent', 'airbyte-readers']]) {
      const { access_token: token, token_type: type } = await tokens(who);
      const { claims } = await checked(token);
      assert.equal(type, 'Bearer');
      assert.deepEqual([claims.sub, claims.client_id, claims.aud, claims.groups], [who, who, 'airbyte', [group]]);
      assert.equal(claims.email, undefined);
    }
    const wrong = await post('/token', { grant_type: 'client_credentials', client_id: 'agent', client_secret: 'wrong' });
    assert.equal(wrong.status, 401);
  });

  test('a browser login of airgate brings an ID token with the nonce, and ends at logout', async () => {
    const browser = new Browser({ ca });
    const got = await exchange(await signIn(browser, { nonce: 'n-1', state: 's-1' }));
    const { claims } = await checked(got.id_token);
    assert.deepEqual([claims.aud, claims.sub, claims.nonce, claims.email, claims.groups],
      ['airgate', 'alice', 'n-1', 'alice@example.com', ['airbyte-admins']]);

    const silent = (await signIn(browser, { prompt: 'none' })).answer;
    assert.ok(silent.get('code'), 'the session at the provider signs in without a form');
    assert.equal(silent.get('iss'), issuer);

    const [signedOut] = demo.clients.airgate.post_logout_redirect_uris;
    const out = { id_token_hint: got.id_token, post_logout_redirect_uri: signedOut, state: 'bye' };
    const end = await signOut(browser, out, (url) => url.host === 'localhost');
    assert.equal(end.searchParams.get('state'), 'bye');
    assert.equal((await signIn(browser, { prompt: 'none' })).answer.get('error'), 'login_required');
  });

  test('an explicit wish for consent shows one more page', async () => {
    const pages = [];
    const browser = new Browser({ ca });
    const { airgate } = demo.clients;
    const query = {
      client_id: 'airgate',
      redirect_uri: airgate.redirect_uris[0],
      response_type: 'code',
      scope: 'openid offline_access',
      prompt: 'consent',
      code_challenge: 'a'.repeat(43),
      code_challenge_method: 'S256',
    };
    const end = await browser.go(`${issuer}/auth?${new URLSearchParams(query)}`, {
      isEnd: (url) => url.href.startsWith(airgate.redirect_uris[0]),
      fillIn: (html) => {
        pages.push(/<h1>(.*)<\/h1>/.exec(html)[1]);
        return html.includes('name="login"') ? { login: 'bob', password: 'x' } : { consent: 'yes' };
      },
    });
    assert.deepEqual(pages, ['Sign in', 'Allow']);
    assert.ok(end.searchParams.get('code'));
  });

  test('an unknown user tries again, a cancelled login is denied, a login without PKCE refused', async () => {
    await assert.rejects(signIn(new Browser({ ca }), { login: '__proto__' }), /400.*no such user/);
    const cancelled = await signIn(new Browser({ ca }), { form: { cancel: 'yes' } });
    assert.equal(cancelled.answer.get('error'), 'access_denied');
    const bare = await signIn(new Browser({ ca }), { code_challenge: undefined, code_challenge_method: undefined });
    assert.equal(bare.answer.get('error'), 'invalid_request');
    await assert.rejects(signIn(new Browser({ ca }), { redirect_uri: 'https://evil.example/' }), /400.*redirect_uri/);
  });

  test('what a person types comes back escaped', async () => {
    const hint = '"><script>alert(1)</script>';
    let seen;
    await new Browser({ ca }).go(`${issuer}/auth?${new URLSearchParams({
      client_id: 'airgate-cli',
      redirect_uri: 'http://127.0.0.1/callback',
      response_type: 'code',
      scope: 'openid',
      code_challenge: 'a'.repeat(43),
      code_challenge_method: 'S256',
      login_hint: hint,
    })}`, {
      isEnd: (url) => url.href.startsWith('http:'),
      fillIn: (html) => {
        seen = html;
        return { cancel: 'yes' };
      },
    });
    assert.ok(seen.includes('value="&quot;&gt;&lt;script&gt;'));
    assert.ok(!seen.includes('<script'));
  });

  test('a refresh token is good once; a second use ends them all', async () => {
    const { refresh_token: first } = await tokens('bob');
    const refresh = (token) => post('/token', { grant_type: 'refresh_token', client_id: 'airgate-cli', refresh_token: token });
    const renewed = JSON.parse((await refresh(first)).text);
    assert.equal((await checked(renewed.access_token)).claims.sub, 'bob');
    assert.notEqual(renewed.refresh_token, first);
    assert.equal(JSON.parse((await refresh(first)).text).error, 'invalid_grant');
    assert.equal(JSON.parse((await refresh(renewed.refresh_token)).text).error, 'invalid_grant');
  });

  test('a revoked refresh token is no longer good', async () => {
    const { refresh_token: token } = await tokens('bob');
    assert.equal((await post('/token/revocation', { client_id: 'airgate-cli', token })).status, 200);
    const answer = await post('/token', { grant_type: 'refresh_token', client_id: 'airgate-cli', refresh_token: token });
    assert.equal(JSON.parse(answer.text).error, 'invalid_grant');
  });

  test('rotation: new keys sign at once, old tokens hold until their keys are dropped, sessions live on', async () => {
    const old = await tokens('alice');
    const before = (await keySet()).map(({ kid }) => kid);

    const { rotated } = await provider.ask({ rotate: true });
    assert.deepEqual((await keySet()).map(({ kid }) => kid), rotated);
    assert.deepEqual(rotated.slice(3), before);
    await checked(old.access_token);
    assert.equal((await checked((await tokens('alice')).access_token)).header.kid, rotated[0]);

    const dropped = (await provider.ask({ rotate: true, drop: true })).rotated;
    assert.equal(dropped.length, 3);
    await assert.rejects(checked(old.access_token), /no key RS256-1/);
    const answer = await post('/token', { grant_type: 'refresh_token', client_id: 'airgate-cli', refresh_token: old.refresh_token });
    assert.equal((await checked(JSON.parse(answer.text).access_token)).header.kid, dropped[0]);
  });

  test('clients, accounts and lifetimes change while it runs; who is signed in stays so', async () => {
    const browser = new Browser({ ca });
    const redirect = 'https://localhost:1234/.airgate/callback/corp';
    await signIn(browser, {});
    await assert.rejects(signIn(browser, { redirect_uri: redirect }), /400.*redirect_uri/);

    const change = { clients: { airgate: { redirect_uris: [redirect] } }, id_token_seconds: 20, access_token_seconds: 10 };
    assert.deepEqual(await provider.ask({ change }), { changed: ['clients', 'id_token_seconds', 'access_token_seconds'] });
    const got = await exchange(await signIn(browser, { redirect_uri: redirect, prompt: 'none' }));
    const { claims } = await checked(got.id_token);
    assert.deepEqual([claims.sub, claims.exp - claims.iat, got.expires_in], ['alice', 20, 10]);

    await provider.ask({ change: { accounts: { alice: { groups: ['left'] } } } });
    const answer = await post('/token', { ...confidential(), grant_type: 'refresh_token', refresh_token: got.refresh_token });
    const later = await checked(JSON.parse(answer.text).id_token);
    assert.deepEqual([later.claims.groups, later.claims.email], [['left'], 'alice@example.com']);

    const { airgate } = demo.clients;
    const back = { airgate: { redirect_uris: airgate.redirect_uris } };
    await provider.ask({ change: { clients: back, accounts: demo.accounts, id_token_seconds: 3600, access_token_seconds: 3600 } });
  });

  test('a change that cannot be is refused as a whole', async () => {
    const wrong = [
      [{ id_token_seconds: 7, clients: { airgate: { redirect_uris: ['nowhere'] } } }, /redirect_uris/],
      [{ id_token_seconds: 7, client: {} }, /unknown fields client/],
    ];
    for (const [change, says] of wrong) assert.match((await provider.ask({ change })).error, says);
    const { claims } = await checked((await exchange(await signIn(new Browser({ ca })))).id_token);
    assert.equal(claims.exp - claims.iat, 3600);
  });

  test('what it forgets is no longer good: sessions and refresh tokens', async () => {
    const browser = new Browser({ ca });
    const got = await exchange(await signIn(browser));
    assert.deepEqual(await provider.ask({ forget: true }), { forgotten: true });
    const answer = await post('/token', { ...confidential(), grant_type: 'refresh_token', refresh_token: got.refresh_token });
    assert.equal(JSON.parse(answer.text).error, 'invalid_grant');
    assert.equal((await signIn(browser, { prompt: 'none' })).answer.get('error'), 'login_required');
  });

  test('an ID token says when and how strongly its person signed in; max_age and prompt ask again', async () => {
    const browser = new Browser({ ca });
    const { claims } = await checked((await exchange(await signIn(browser, { acr_values: 'gold mfa' }))).id_token);
    assert.ok(Math.abs(claims.auth_time - claims.iat) < 5);
    assert.equal(claims.acr, 'mfa');
    for (const [again, acr] of [[{ max_age: '0' }, 'password'], [{ prompt: 'login', acr_values: 'mfa' }, 'mfa']]) {
      const other = (await exchange(await signIn(browser, again))).id_token;
      assert.equal((await checked(other)).claims.acr, acr);
    }
  });

  test('a stronger login is asked of whoever is known by less, unless acr_values mean nothing to it', async () => {
    const browsers = [new Browser({ ca }), new Browser({ ca })];
    const acr = async (wanted, form, browser = browsers[0]) => {
      const got = await exchange(await signIn(browser, { form, ...wanted }));
      return (await checked(got.id_token)).claims.acr;
    };
    const alice = { login: 'alice', password: 'x' };
    const carol = { login: 'carol', password: 'x' };
    const nobody = { login: 'nobody', password: 'x' }; // whoever is asked does not get on
    assert.equal(await acr({}, alice), 'password');
    await provider.ask({ change: { heeds_acr_values: false } });
    assert.equal(await acr({ acr_values: 'mfa' }, nobody), 'password');
    assert.equal(await acr({ acr_values: 'mfa', prompt: 'login' }, alice), 'mfa');
    assert.equal(await acr({ prompt: 'login' }, alice), 'password');
    await provider.ask({ change: { heeds_acr_values: true } });
    assert.equal(await acr({ acr_values: 'password' }, nobody), 'password');
    await assert.rejects(acr({ acr_values: 'mfa' }, nobody), /no such user/);
    assert.equal(await acr({ acr_values: 'gold mfa' }, alice), 'mfa');
    assert.equal(await acr({ acr_values: 'mfa' }, nobody), 'mfa');

    await provider.ask({ change: { passwords_only: ['carol'] } });
    assert.equal(await acr({ acr_values: 'mfa' }, carol, browsers[1]), 'password');
    await provider.ask({ change: { passwords_only: [] } });
    assert.equal(await acr({ acr_values: 'mfa' }, carol, browsers[1]), 'mfa');
  });

  test('a gateway is told of a logout', async () => {
    let tell;
    const told = new Promise((resolve) => { tell = resolve; });
    const gateway = createServer({ cert: readFileSync(files.cert), key: readFileSync(files.key) }, async (req, res) => {
      let text = '';
      for await (const chunk of req) text += chunk;
      tell({ path: req.url, form: new URLSearchParams(text) });
      res.end();
    });
    await new Promise((resolve) => { gateway.listen(0, '127.0.0.1', resolve); });
    const uri = `https://localhost:${gateway.address().port}/.airgate/backchannel-logout`;
    await provider.ask({ change: { clients: { airgate: { backchannel_logout_uri: uri } } } });

    const browser = new Browser({ ca });
    const { claims } = await checked((await exchange(await signIn(browser))).id_token);
    await signOut(browser, {}, (url) => url.pathname === '/session/end/success');
    const { path, form } = await told;
    gateway.close();
    const logout = await checked(form.get('logout_token'));
    assert.equal(path, '/.airgate/backchannel-logout');
    assert.equal(logout.header.typ, 'logout+jwt');
    assert.ok(claims.sid);
    assert.deepEqual([logout.claims.aud, logout.claims.sub, logout.claims.sid], ['airgate', 'alice', claims.sid]);
    assert.deepEqual(Object.keys(logout.claims.events), ['http://schemas.openid.net/event/backchannel-logout']);
  });

  test('a client may prove itself by a key, or be public', async () => {
    const { publicKey, privateKey } = generateKeyPairSync('ed25519', PEM);
    const jwk = { ...createPublicKey(publicKey).export({ format: 'jwk' }), kid: 'mine', alg: 'EdDSA', use: 'sig' };
    await provider.ask({ change: { clients: { 'airgate-key': { jwks: { keys: [jwk] } } } } });
    const now = Math.floor(Date.now() / 1000);
    const claims = { iss: 'airgate-key', sub: 'airgate-key', aud: issuer, jti: randomUUID(), iat: now, exp: now + 60 };
    const input = [{ alg: 'EdDSA', kid: 'mine' }, claims].map((each) => Buffer.from(JSON.stringify(each)).toString('base64url')).join('.');
    const assertion = `${input}.${sign(null, Buffer.from(input), privateKey).toString('base64url')}`;
    const type = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
    const keyed = { client_id: 'airgate-key', client_assertion_type: type, client_assertion: assertion };
    for (const client of [keyed, { client_id: 'airgate-public' }]) {
      const got = await exchange(await signIn(new Browser({ ca }), { client_id: client.client_id }), client);
      assert.equal((await checked(got.id_token)).claims.aud, client.client_id);
      assert.ok(got.refresh_token);
    }
    const bare = signIn(new Browser({ ca }), { client_id: 'airgate-key' }).then((login) => exchange(login, { client_id: 'airgate-key' }));
    await assert.rejects(bare, /401/);
  });

  test('down, it hangs up; up again, it is as before', async () => {
    assert.deepEqual(await provider.ask({ down: true }), { down: true });
    await assert.rejects(keySet());
    await provider.ask({ down: false });
    assert.equal((await keySet()).length, 3);
  });

  test('it answers late on request, and counts what it was asked for', async () => {
    const asked = async () => (await provider.ask({ hits: true })).hits['/jwks'];
    const before = await asked();
    await provider.ask({ delay_ms: 150 });
    const start = performance.now();
    await send(`${issuer}/jwks`, { ca });
    assert.ok(performance.now() - start >= 149);
    await provider.ask({ delay_ms: 0 });
    assert.equal(await asked(), before + 1);
  });

  test('a command it does not know is answered with an error', async () => {
    for (const command of [{ rotat: true }, {}, { delay_ms: -1 }, { down: 'yes' }, { forget: 1 }, { change: null }, null]) {
      assert.ok((await provider.ask(command)).error, JSON.stringify(command));
    }
    assert.equal((await keySet()).length, 3);
  });

  test('token.mjs prints the token and nothing else, and says what is wrong', async () => {
    const token = (...args) => run(process.execPath, [here('token.mjs'), ...args]);
    const good = ['--issuer', issuer, '--ca', files.ca];
    const { stdout, stderr } = await token(...good, '--for', 'carol');
    assert.equal(stderr, '');
    assert.equal((await checked(stdout.trimEnd())).claims.sub, 'carol');
    const whole = JSON.parse((await token(...good, '--for', 'agent', '--json')).stdout);
    assert.equal(whole.token_type, 'Bearer');

    const wrong = [
      [[...good, '--for', 'mallory'], 1, /expected one of alice, bob, carol, ci-bot, agent/],
      [['--issuer', 'https://localhost:1', '--ca', files.ca, '--for', 'alice'], 1, /ECONNREFUSED/],
      [[...good, '--for'], 2, /usage/],
      [['--issuer', issuer, '--for', 'alice'], 2, /--ca is needed/],
      [['--issuer', 'nowhere', '--ca', files.ca, '--for', 'alice'], 2, /must be a URL/],
      [['--issuer', issuer, '--ca', '/nonexistent', '--for', 'alice'], 2, /ENOENT/],
    ];
    for (const [args, code, says] of wrong) {
      await assert.rejects(token(...args), (error) => {
        assert.deepEqual([error.code, error.stdout], [code, '']);
        assert.match(error.stderr, says);
        return true;
      });
    }
  });
});

describe('with a file of its own', () => {
  const config = join(tmpdir(), `airgate-provider-${randomUUID()}.json`);

  before(async () => {
    writeFileSync(config, JSON.stringify({
      audience: 'another',
      accounts: { dora: { email: 'dora@example.com', realm_access: { roles: ['x'] } } },
      clients: {
        'airgate-cli': { access_token: { alg: 'ES256', seconds: 5 } },
        agent: { access_token: { alg: 'EdDSA', claims: { tenant: 't' } } },
        airgate: { access_token: { opaque: true } },
      },
    }));
    demo = loadDemo(config);
    await start('--config', config);
  });
  after(async () => {
    await provider.stop();
    rmSync(config);
  });

  test('accounts, claims, algorithms and lifetimes are what the file says', async () => {
    const user = await checked((await tokens('dora')).access_token);
    assert.equal(user.header.alg, 'ES256');
    assert.deepEqual(user.claims.realm_access, { roles: ['x'] });
    assert.deepEqual([user.claims.aud, user.claims.exp - user.claims.iat], ['another', 5]);

    const client = await checked((await tokens('agent')).access_token);
    assert.deepEqual([client.header.alg, client.claims.tenant], ['EdDSA', 't']);
    assert.equal((await checked((await tokens('ci-bot')).access_token)).header.alg, 'RS256');
  });

  test('an opaque access token opens userinfo', async () => {
    const { access_token: token } = await exchange(await signIn(new Browser({ ca }), { login: 'bob' }));
    assert.ok(!token.includes('.'));
    const info = await sendForJson(`${issuer}/me`, { ca, headers: { authorization: `Bearer ${token}` } });
    assert.deepEqual(info, { sub: 'bob', name: 'Bob Editor', email: 'bob@example.com', email_verified: true, groups: ['airbyte-editors'] });
  });
});

describe('as a process', () => {
  test('wrong options and files end it with a usage line', async () => {
    const config = join(tmpdir(), `airgate-provider-${randomUUID()}.json`);
    writeFileSync(config, '{"acounts": {}}');
    const good = ['--cert', files.cert, '--key', files.key];
    for (const args of [[], ['--cert', files.cert], [...good, '--port', 'x'], [...good, '--config', config]]) {
      const { code, errors } = await new Child(here('provider.mjs'), args).over;
      assert.equal(code, 2);
      assert.match(errors, /^usage: /);
    }
    rmSync(config);
  });

  test('it goes with its signal, and with its parent when asked to', async () => {
    await start();
    assert.equal((await provider.stop()).code, 0);
    await start('--exit-with-stdin');
    provider.process.stdin.end();
    assert.equal((await provider.over).code, 0);
  });
});
