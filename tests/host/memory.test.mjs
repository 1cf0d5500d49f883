/**
 * The module's memory stops growing: its caches have bounds, and whatever clients make up fills nothing else.
 *
 * Tokens, keys, people and paths are new in every round. `make soak-memory` does a million requests and prints the curve.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Keys, Site } from './site.mjs';

const LONG = process.env.AIRGATE_REQUESTS;
// By the middle of the short form every cache is full.
const REQUESTS = Number(LONG ?? 50_000);
const POINTS = 20;
const WORKSPACES = '/api/public/v1/workspaces';
const MIB = 2 ** 20;
const MOST = 16 * MIB;
// The memory grows by pages of 64 KiB, and a few of them find their place late.
const FLAT = MIB / 4;
const NAVIGATION = { accept: 'text/html', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' };
// What tokens of larger companies say: they have 1 kB.
const GROUPS = Array.from({ length: 12 }, (_, index) => `data-platform-team-with-a-long-name-${index}`);

/** The cookies that a response sets, as a request says them; those that it ends are empty. */
const cookies = (headers) =>
  headers.all('set-cookie').map((line) => line.split(';')[0]).filter((pair) => !pair.endsWith('=')).join('; ');

class Crowd {
  requests = 0;
  #number = 0;

  constructor() {
    this.site = Site.ready({ keys: new Keys() });
  }

  get memory() {
    return this.site.host.exports.memory.buffer.byteLength;
  }

  /** Eleven requests of people and programs that were never there before. */
  round() {
    const one = this.#next();
    const token = this.site.token({ sub: one, groups: GROUPS });
    const cookie = cookies(this.#ask(200, WORKSPACES, { authorization: `Bearer ${token}` }));
    this.#ask(200, `${WORKSPACES}/${one}`, { authorization: `Bearer ${token}`, cookie });
    this.#ask(200, `/workspaces/${one}`, { authorization: `Bearer ${this.site.token({ sub: `${one}-2`, groups: GROUPS })}` });

    this.#ask(401, WORKSPACES, { authorization: `Bearer ${this.site.token({ sub: one }, 'ES256', { kid: one })}` });
    this.#ask(401, WORKSPACES, { authorization: `Bearer ${token.slice(0, -8)}AAAAAAAA` });
    this.#ask(401, `/api/v1/${one}`, { 'user-agent': one });

    this.#ask(302, `/abandoned/${one}`, NAVIGATION);
    this.#signIn(one);
    this.#rest();
  }

  /** To the provider, back, and on, twice. */
  #signIn(who) {
    const begun = this.#ask(302, `/${who}`, NAVIGATION);
    const asked = new URL(begun.get('location')).searchParams;
    // The provider of this test reads in the code what it has to say.
    const code = encodeURIComponent(JSON.stringify({ nonce: asked.get('nonce'), sub: who }));
    const callback = `/.airgate/callback/corp?code=${code}&state=${asked.get('state')}`;
    const signedIn = this.#ask(302, callback, { ...NAVIGATION, cookie: cookies(begun) });
    const cookie = cookies(signedIn);
    const affinity = cookies(this.#ask(200, `/workspaces/${who}`, { cookie }));
    this.#ask(200, `/workspaces/${who}`, { cookie: `${cookie}; ${affinity}` });
  }

  /** One request, answered by the module or by Airbyte: the headers of its response. */
  #ask(status, path, headers) {
    const stream = this.site.get(path, headers);
    if (stream.outcome === 'held') this.site.settle((asked, callout) => this.#provider(asked, callout));
    if (stream.forwarded) stream.respond();
    assert.equal(stream.response.get(':status'), String(status), path);
    stream.end();
    this.requests += 1;
    return stream.response;
  }

  #provider(path, callout) {
    if (path !== '/token') return this.site.honest(path, callout);
    const claims = JSON.parse(new URLSearchParams(callout.body).get('code'));
    const id_token = this.site.token({ ...claims, aud: 'gateway', groups: GROUPS });
    return [200, JSON.stringify({ token_type: 'Bearer', access_token: 'a', refresh_token: claims.sub, id_token })];
  }

  /** Time passes, and the host's own notes are thrown away. */
  #rest() {
    const { host } = this.site;
    host.tick();
    host.calls.length = host.logs.length = host.callouts.length = 0;
  }

  #next() {
    this.#number += 1;
    return `crowd-${this.#number}`;
  }
}

test(`${REQUESTS} requests of strangers leave the memory as it was`, () => {
  const crowd = new Crowd();
  const curve = [];
  for (let point = 1; point <= POINTS; point += 1) {
    while (crowd.requests < (REQUESTS * point) / POINTS) crowd.round();
    curve.push(crowd.memory);
    if (LONG) console.log(`${crowd.requests} requests: ${(crowd.memory / MIB).toFixed(2)} MiB`);
  }
  const grown = curve.at(-1) - curve[POINTS / 2];
  assert.ok(grown <= FLAT, `${grown} bytes more in the second half`);
  assert.ok(curve.at(-1) < MOST, `${curve.at(-1)} bytes`);
});
