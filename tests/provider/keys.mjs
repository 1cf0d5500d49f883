// The provider's signing keys. The first of a kind signs; the others are only published.
import { createPrivateKey, generateKeyPairSync, randomBytes } from 'node:crypto';

// Through PEM: Node 20 now and then hangs for ever when a key object that was just generated is exported as JWK
// (the garbage collector waits for a lock that the export holds; seen in one of some 50,000 here, and once in CI).
export const PEM = {
  publicKeyEncoding: { type: 'spki', format: 'pem' },
  privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
};
const KINDS = {
  RS256: () => generateKeyPairSync('rsa', { modulusLength: 2048, ...PEM }),
  ES256: () => generateKeyPairSync('ec', { namedCurve: 'P-256', ...PEM }),
  EdDSA: () => generateKeyPairSync('ed25519', PEM),
};

export class KeyRing {
  #generation = 0;

  constructor() {
    this.keys = [];
    this.rotate();
  }

  /** New keys in front. With `drop`, tokens that the old ones signed can no longer be checked. */
  rotate({ drop = false } = {}) {
    this.#generation += 1;
    const fresh = Object.entries(KINDS).map(([alg, make]) => this.#key(alg, make));
    this.keys = drop ? fresh : [...fresh, ...this.keys];
  }

  get kids() {
    return this.keys.map((key) => key.kid);
  }

  // The random part keeps apart the keys of two starts: a gateway that outlives a restart of the
  // provider must not meet an old id on a new key.
  #key(alg, make) {
    const jwk = createPrivateKey(make().privateKey).export({ format: 'jwk' });
    return { ...jwk, alg, use: 'sig', kid: `${alg}-${this.#generation}-${randomBytes(4).toString('hex')}` };
  }
}
