// oidc-provider behind HTTPS, in a shape that tests can disturb: rotate its keys, change its clients, take it down.
import { createServer } from 'node:https';
import { setTimeout as wait } from 'node:timers/promises';
import { Provider } from 'oidc-provider';
import { configuration, createMemory } from './configuration.mjs';
import { overlaid } from './demo.mjs';
import { interact, isInteraction } from './interaction.mjs';
import { KeyRing } from './keys.mjs';

// Longer than a proxy keeps a connection: else it would now and then write into one that is closing.
const IDLE_MS = 5 * 60 * 1000;

export class ProviderServer {
  #ring = new KeyRing();
  #memory = createMemory();
  #hits = {};
  #down = false;
  #delayMs = 0;

  constructor({ cert, key, demo }) {
    this.demo = demo;
    this.server = createServer({ cert, key, keepAliveTimeout: IDLE_MS }, (req, res) => this.#answer(req, res));
    // Before TLS: a provider that is down does not shake hands.
    this.server.prependListener('connection', (socket) => { if (this.#down) socket.destroy(); });
  }

  /** Resolves to the issuer. */
  async listen(port) {
    await new Promise((resolve, reject) => {
      this.server.once('error', reject).listen(port, '127.0.0.1', resolve);
    });
    this.issuer = `https://localhost:${this.server.address().port}`;
    this.#renew();
    return this.issuer;
  }

  rotate(options) {
    this.#ring.rotate(options);
    this.#renew();
    return this.#ring.kids;
  }

  /** Lays `more`, which is as a --config file, over what is known. A client that cannot be is refused, with all of it. */
  async change(more) {
    const demo = overlaid(this.demo, more, 'change');
    const changed = this.#made(demo);
    for (const id of Object.keys(more.clients ?? {})) await changed.Client.find(id);
    this.demo = demo;
    this.#renew();
  }

  /** Sessions, grants and tokens are gone. */
  forget() {
    this.#memory = createMemory();
    this.#renew();
  }

  setDown(down) {
    this.#down = down;
    if (down) this.server.closeAllConnections();
  }

  /** Another certificate, from the next handshake on; every connection has to make one. */
  certify(files) {
    this.server.setSecureContext(files);
    this.server.closeAllConnections();
  }

  setDelay(milliseconds) {
    this.#delayMs = milliseconds;
  }

  /** How often each path was asked for. */
  hits() {
    return { ...this.#hits };
  }

  // oidc-provider keeps keys and clients for life, so new ones mean a new provider, over the same memory.
  #renew() {
    this.provider = this.#made(this.demo);
    this.provider.on('server_error', (_ctx, error) => console.error(error));
    this.provider.on('backchannel.error', (_ctx, error, client) => console.error(`${client.clientId} was not told: ${error}`));
    this.callback = this.provider.callback();
  }

  #made(demo) {
    return new Provider(this.issuer, configuration({ demo, keys: this.#ring.keys, memory: this.#memory }));
  }

  async #answer(req, res) {
    try {
      const path = req.url.split('?')[0];
      this.#hits[path] = (this.#hits[path] ?? 0) + 1;
      if (this.#delayMs > 0) await wait(this.#delayMs);
      if (isInteraction(req)) await interact(this, req, res);
      else await this.callback(req, res);
    } catch (error) {
      // An interaction that is over or another browser's. Nothing here may end the process.
      if (!res.headersSent) res.writeHead(400, { 'content-type': 'text/plain' });
      res.end(`${error.error_description ?? error.message}\n`);
    }
  }
}
