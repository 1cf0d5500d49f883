/**
 * The module's memory stops growing: its caches have bounds, and whatever clients make up fills nothing else.
 *
 * Every request is somebody new, somewhere new. AIRGATE_REQUESTS=1000000 (`make soak-memory`) prints the curve.
 */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Keys, Site } from './site.mjs';

const REQUESTS = Number(process.env.AIRGATE_REQUESTS ?? 50_000);
const WORKSPACES = '/api/public/v1/workspaces';
const MIB = 2 ** 20;
const MOST = 16 * MIB;
const NAVIGATION = { accept: 'text/html', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' };
// So that the byte bounds of the caches (4 MiB) come after some 4,000 of each.
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

  /** Ten requests of people and programs that were never there before. */
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

  /** Three requests: to the provider, back, and on. */
  #signIn(who) {
    const begun = this.#ask(302, `/${who}`, NAVIGATION);
    const asked = new URL(begun.get('location')).searchParams;
    // The provider of this test reads in the code what it has to say.
    const code = encodeURIComponent(JSON.stringify({ nonce: asked.get('nonce'), sub: who }));
    const callback = `/.airgate/callback/corp?code=${code}&state=${asked.get('state')}`;
    const signedIn = this.#ask(302, callback, { ...NAVIGATION, cookie: cookies(begun) });
    this.#ask(200, `/workspaces/${who}`, { cookie: cookies(signedIn) });
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
  const points = 20;
  const curve = [];
  for (let point = 1; point <= points; point += 1) {
    while (crowd.requests < (REQUESTS * point) / points) crowd.round();
    curve.push(crowd.memory);
    if (process.env.AIRGATE_REQUESTS) console.log(`${crowd.requests} requests: ${(crowd.memory / MIB).toFixed(2)} MiB`);
  }
  console.log(curve.map((x)=>(x/MIB).toFixed(1)).join(' '));
  const filled = curve[points / 2];
  assert.ok(curve.at(-1) <= MOST, `${curve.at(-1)} bytes`);
});
