/** A gateway in the host, with a provider that answers what it is asked. */

import { createHmac, createPrivateKey, generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { Host } from './host.mjs';

export const ISSUER = 'https://idp.example';
export const MODULE = process.env.AIRGATE_WASM ?? fileURLToPath(new URL('../../.build/airgate.wasm', import.meta.url));

const base64url = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');

/** Keys that sign, one for each way of checking: by the host and in software. */
export class Keys {
  constructor() {
    // Through PEM: Node 20 can hang when it exports a key object that was just made.
    const pair = (type, options) => {
      const { publicKey, privateKey } = generateKeyPairSync(type, {
        ...options,
        publicKeyEncoding: { type: 'spki', format: 'pem' },
        privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
      });
      // Read once: reading one takes ten times as long as signing.
      return { publicKey, privateKey: createPrivateKey(privateKey) };
    };
    this.ES256 = pair('ec', { namedCurve: 'P-256' });
    this.EdDSA = pair('ed25519', {});
  }
}

export class Site {
  /** `whole` is a configuration instead of the gateway's, for `module`. */
  constructor({ configuration = {}, module = MODULE, whole, profile, bodies, fault, keys = new Keys(), jwks }) {
    this.keys = keys;
    this.jwks = jwks;
    this.host = new Host({
      module,
      profile,
      bodies,
      fault,
      environment: { SESSION_KEY: randomBytes(32).toString('base64url'), AFFINITY_KEY: randomBytes(32).toString('base64url') },
      configuration: whole ?? {
        external_url: 'https://airbyte.example',
        signatures: profile === 'nginx' ? 'software' : 'host',
        shared_data: profile !== 'nginx',
        providers: [
          {
            name: 'corp',
            issuer: ISSUER,
            cluster: 'idp',
            audiences: ['airbyte'],
            login: { client_id: 'gateway', scopes: ['openid', 'offline_access'] },
          },
        ],
        session: { keys: [{ id: 's1', secret: { env: 'SESSION_KEY' } }] },
        affinity: { keys: [{ id: 'a1', secret: { env: 'AFFINITY_KEY' } }], idle: '30m' },
        access: { default_role: 'editor' },
        ...configuration,
      },
    });
  }

  /** Configured, and its keys have come. */
  static ready(options = {}) {
    const site = new Site(options);
    if (!site.host.configure()) throw new Error(site.host.logs.join('\n'));
    site.settle();
    return site;
  }

  token(claims = {}, algorithm = 'ES256', header = {}) {
    const now = Math.floor(this.host.now / 1000);
    const all = { iss: ISSUER, aud: 'airbyte', sub: 'alice', iat: now, exp: now + 300, ...claims };
    const text = `${base64url({ alg: algorithm, kid: algorithm, ...header })}.${base64url(all)}`;
    const key = { key: this.keys[algorithm].privateKey, dsaEncoding: 'ieee-p1363' };
    const signature = sign(algorithm === 'EdDSA' ? null : 'sha256', Buffer.from(text), key);
    return `${text}.${signature.toString('base64url')}`;
  }

  get(path, headers = {}, body, method = body === undefined ? 'GET' : 'POST', how) {
    const own = { ':method': method, ':scheme': 'https', ':authority': 'airbyte.example', ':path': path };
    return this.host.request(Object.entries({ ...own, ...headers }), body, how);
  }

  as(token, path, body, method, how) {
    return this.get(path, { authorization: `Bearer ${token}` }, body, method, how);
  }

  /** Ticks and answers until nobody calls any more. */
  settle(answers = (path) => this.honest(path)) {
    for (let round = 0; round < 10; round += 1) {
      this.host.tick();
      const open = this.open();
      if (!open.length) return;
      for (const callout of open) this.answer(callout, answers(callout.headers.get(':path'), callout));
    }
  }

  open() {
    return this.host.callouts.filter((callout) => !callout.answered);
  }

  answer(callout, answer) {
    callout.answered = true;
    this.host.answer(callout, answer);
  }

  honest(path, callout) {
    if (path === '/.well-known/openid-configuration') {
      const at = (name) => `${ISSUER}/${name}`;
      return [200, JSON.stringify({ issuer: ISSUER, jwks_uri: at('jwks'), authorization_endpoint: at('auth'), token_endpoint: at('token') })];
    }
    if (path === '/jwks') return [200, JSON.stringify(this.jwks ?? this.publicKeys())];
    return callout ? [400, '{"error":"invalid_grant"}'] : null;
  }

  publicKeys() {
    return { keys: Object.entries(this.keys).map(([alg, { publicKey }]) => ({ kid: alg, alg, use: 'sig', ...jwk(publicKey) })) };
  }
}

/** A public key of PEM as JWK, by the bytes of its SubjectPublicKeyInfo: no key object is exported. */
function jwk(pem) {
  const der = Buffer.from(pem.replace(/-----[^-]+-----|\s/g, ''), 'base64');
  const text = (bytes) => bytes.toString('base64url');
  if (der.length < 60) return { kty: 'OKP', crv: 'Ed25519', x: text(der.subarray(-32)) };
  return { kty: 'EC', crv: 'P-256', x: text(der.subarray(-64, -32)), y: text(der.subarray(-32)) };
}

/** Numbers that look random and come again: a failure can be run again by its seed. */
export function dice(seed) {
  let count = 0;
  return (sides) => createHmac('sha256', String(seed)).update(String((count += 1))).digest().readUInt32LE() % sides;
}
