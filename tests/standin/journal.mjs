// The last requests seen, in the order they came. Bounded: the oldest falls out.
import { createHash } from 'node:crypto';
import { pairs } from './call.mjs';

const CAPACITY = 1000;
const SHOWN_BYTES = 4096;

export class Journal {
  #entries = [];

  /** Written down on arrival; what else it says is filled in when the request is over. */
  open(name, req, res) {
    const entry = {
      name,
      method: req.method,
      url: req.url,
      headers: pairs(req.rawHeaders),
      body_bytes: 0,
      body_sha256: null,
      status: null,
      aborted: false,
      complete: false,
    };
    this.#add(entry);
    const hash = createHash('sha256');
    req.on('data', (chunk) => {
      entry.body_bytes += chunk.length;
      hash.update(chunk);
    });
    req.on('end', () => {
      entry.complete = req.complete;
      entry.body_sha256 = hash.digest('hex');
    });
    res.on('close', () => {
      entry.status = res.headersSent ? res.statusCode : null;
      entry.aborted = !res.writableFinished;
    });
  }

  /** What Node would not read as HTTP: it reached the replica all the same, so a test has to be able to see it. */
  malformed(name, { code, rawPacket }) {
    this.#add({ name, malformed: code, packet: rawPacket?.toString('latin1', 0, SHOWN_BYTES) ?? null });
  }

  list() {
    return this.#entries;
  }

  clear() {
    this.#entries = [];
  }

  #add(entry) {
    this.#entries.push(entry);
    if (this.#entries.length > CAPACITY) this.#entries.shift();
  }
}
