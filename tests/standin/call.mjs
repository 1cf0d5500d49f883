// One request as handlers see it: parsed once, body already read.
import { setTimeout as wait } from 'node:timers/promises';
import { Refusal, message } from './reply.mjs';

export const BODY_LIMIT = 10 * 1024 * 1024; // Airbyte's own
const LONGEST_PAUSE = 3600;

/** Reads the whole body. Past the limit it refuses, but keeps draining so that the client can read the refusal. */
export function readBody(req) {
  return new Promise((resolve, reject) => {
    const chunks = [];
    let size = 0;
    req.on('data', (chunk) => {
      size += chunk.length;
      if (size > BODY_LIMIT) reject(new Refusal(413, `the body is over ${BODY_LIMIT} bytes`));
      else chunks.push(chunk);
    });
    req.on('end', () => resolve(Buffer.concat(chunks)));
    req.on('error', reject);
  });
}

export class Call {
  constructor(req, body, { name, slowSeconds, signal }) {
    const [path, ...query] = req.url.split('?');
    this.method = req.method;
    this.url = req.url;
    // prefect-airbyte writes a slash at the end; Airbyte takes both.
    this.path = path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path;
    this.query = new URLSearchParams(query.join('?'));
    this.headers = req.headers;
    this.rawHeaders = pairs(req.rawHeaders);
    this.httpVersion = req.httpVersion;
    this.body = body;
    this.name = name;
    this.params = {};
    this.slowSeconds = slowSeconds;
    this.signal = signal;
  }

  /** The body as an object, from JSON or, as token requests may be, from a form. */
  fields() {
    const text = this.body.toString('utf8');
    if (this.headers['content-type']?.startsWith('application/x-www-form-urlencoded')) {
      return Object.fromEntries(new URLSearchParams(text));
    }
    const value = parse(text);
    if (value === null || typeof value !== 'object' || Array.isArray(value)) {
      throw new Refusal(400, 'the body must be a JSON object');
    }
    return value;
  }

  cookie(name) {
    for (const part of (this.headers.cookie ?? '').split(';')) {
      const [key, ...value] = part.trim().split('=');
      if (key === name) return value.join('=');
    }
    return undefined;
  }

  bearer() {
    return /^bearer +(.*)$/i.exec(this.headers.authorization ?? '')?.[1];
  }

  /** What the request itself asks to be slowed down by, in seconds, or undefined. */
  wantedPause() {
    const text = this.headers['x-standin-slow-seconds'];
    if (text === undefined) return undefined;
    const seconds = Number(text);
    if (text.trim() === '' || !(seconds >= 0 && seconds <= LONGEST_PAUSE)) {
      throw new Refusal(400, `x-standin-slow-seconds must be a number from 0 to ${LONGEST_PAUSE}`);
    }
    return seconds;
  }

  /** Called by operations that launch a pod in Airbyte. A wanted pause has already been made by then. */
  async slow() {
    if (this.wantedPause() === undefined) await this.pause(this.slowSeconds);
  }

  async pause(seconds) {
    if (seconds > 0) await wait(seconds * 1000, undefined, { signal: this.signal });
  }
}

/** Node's flat list of names and values as pairs; bytes are read as latin1, so nothing is lost. */
export const pairs = (flat) =>
  Array.from({ length: flat.length / 2 }, (_, i) => [flat[2 * i], flat[2 * i + 1]]);

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    throw new Refusal(400, 'the body is not JSON');
  }
}

export const notFound = (call) => message(404, `the stand-in has nothing at ${call.method} ${call.path}`);
