/**
 * A proxy-wasm host (ABI 0.2.1) for the module as it is, in which everything can be made to go wrong.
 *
 * No proxy: requests come from a test, and what the module did to them is handed back. Each host call passes through
 * `#call`, which counts it and lets `fault` answer in its place.
 */

import { readFileSync } from 'node:fs';
import { createPublicKey, verify } from 'node:crypto';
import { decode, encode, HeaderMap } from './wire.mjs';
import { wasi } from './wasi.mjs';

export const Status = { OK: 0, NOT_FOUND: 1, BAD_ARGUMENT: 2, CAS_MISMATCH: 8, INTERNAL_FAILURE: 10, UNIMPLEMENTED: 12 };

const REQUEST = 0;
const RESPONSE = 2;
const CALL_RESPONSE = 6;
const BODY = 0;
const CALL_BODY = 4;
const CONFIGURATION = 7;
const PAUSE = 1;
const ROOT = 1;

const compiled = new Map();
// Reading a key takes longer than checking a signature with it.
const publicKeys = new Map();

function compile(path) {
  if (!compiled.has(path)) compiled.set(path, new WebAssembly.Module(readFileSync(path)));
  return compiled.get(path);
}

/** One request, and what became of it. */
export class Stream {
  held = false;
  /** Whether its headers have gone on; they are out of reach then. */
  ahead = false;
  /** Whether all of it has. */
  forwarded = false;
  reply = null;
  properties = new Map();
  #host;

  constructor(host, id, headers, body) {
    this.#host = host;
    this.id = id;
    this.request = new HeaderMap(headers);
    this.response = new HeaderMap();
    this.body = Buffer.from(body ?? '');
  }

  get outcome() {
    if (this.reply) return 'reply';
    return this.forwarded ? 'forward' : 'held';
  }

  /** Its body comes, all at once; where the profile is `istio`, not before its headers have gone on. */
  deliver() {
    this.#host.deliver(this);
  }

  /** The upstream answers. */
  respond(pairs = [[':status', '200']]) {
    this.response = new HeaderMap(pairs);
    const action = this.#host.enter('proxy_on_response_headers', this.id, pairs.length, 1);
    if (action === PAUSE && this.#host.profile === 'nginx') throw new Error('a response is held: nginx cannot');
    return this.response;
  }

  /** The request is over, however it went. */
  end() {
    this.#host.close(this);
  }
}

export class Host {
  calls = [];
  logs = [];
  callouts = [];
  metrics = new Map();
  counts = new Map();
  shared = new Map();
  streams = new Map();
  properties = new Map();
  /** Answers a host call in the host's place: a status, or nothing. */
  fault = () => undefined;
  /** Milliseconds since 1970. */
  now = Date.now();
  #next = ROOT + 1;
  #effective = ROOT;
  #callout = null;
  #configuring = false;

  /** `bodies`: whether they are handed out while headers are held. `fault`: from the start. */
  constructor({ module, configuration, environment = {}, profile = 'envoy', bodies = true, fault }) {
    this.bodies = bodies;
    this.fault = fault ?? this.fault;
    this.environment = environment;
    this.profile = profile;
    this.configuration = Buffer.from(JSON.stringify(configuration));
    const counted = (calls) =>
      Object.fromEntries(Object.entries(calls).map(([name, call]) => [name, (...all) => this.#call(name, call, all)]));
    const env = counted(this.#imports());
    // What the SDK declares and nobody calls.
    const others = new Proxy(env, { get: (all, name) => all[name] ?? (() => Status.UNIMPLEMENTED) });
    const instance = new WebAssembly.Instance(compile(module), { env: others, wasi_snapshot_preview1: counted(wasi(this)) });
    this.exports = instance.exports;
    this.exports._initialize();
    this.exports.proxy_on_context_create(ROOT, 0);
    this.exports.proxy_on_vm_start(ROOT, 0);
  }

  get view() {
    return new DataView(this.exports.memory.buffer);
  }

  bytes(pointer, size) {
    return Buffer.from(this.exports.memory.buffer, pointer, size);
  }

  text(pointer, size) {
    return this.bytes(pointer, size).toString('latin1');
  }

  /** Whether the module takes its configuration. */
  configure() {
    this.#configuring = true;
    const taken = this.enter('proxy_on_configure', ROOT, this.configuration.length);
    this.#configuring = false;
    return taken === 1;
  }

  tick(milliseconds = 200) {
    this.now += milliseconds;
    this.enter('proxy_on_tick', ROOT);
  }

  /**
   * A request comes; its body all at once, where the module wants one, or `later`. By the profile `istio` the headers
   * are not held for it: Envoy without `allow_on_headers_stop_iteration`.
   */
  request(headers, body, { later = false } = {}) {
    const stream = new Stream(this, this.#next++, headers, body);
    this.streams.set(stream.id, stream);
    this.exports.proxy_on_context_create(stream.id, ROOT);
    const ends = this.profile !== 'nginx' && !stream.body.length;
    let action = this.enter('proxy_on_request_headers', stream.id, stream.request.pairs.length, Number(ends));
    if (this.profile === 'istio') {
      stream.delivered = !later;
      stream.ahead ||= action !== PAUSE && !stream.reply;
      this.#hand(stream);
      return stream;
    }
    if (action === PAUSE && !stream.reply && stream.body.length && this.bodies) {
      action = this.enter('proxy_on_request_body', stream.id, stream.body.length, 1);
    }
    stream.forwarded ||= action !== PAUSE && !stream.reply;
    return stream;
  }

  deliver(stream) {
    stream.delivered = true;
    this.#hand(stream);
  }

  /** Hands a body out behind headers that have gone on. */
  #hand(stream) {
    if (!stream.ahead || !stream.delivered || stream.forwarded || stream.reply) return;
    const action = stream.body.length ? this.enter('proxy_on_request_body', stream.id, stream.body.length, 1) : 0;
    stream.forwarded ||= action !== PAUSE && !stream.reply;
  }

  /** The proxy refused a request before any filter saw it. */
  refused(headers) {
    const stream = new Stream(this, this.#next++, headers);
    this.streams.set(stream.id, stream);
    this.exports.proxy_on_context_create(stream.id, ROOT);
    return stream;
  }

  /** Answers a call of the module's; `null`: it failed. */
  answer(callout, answer) {
    const [status, body] = answer ?? [];
    this.#callout = { headers: new HeaderMap(answer ? [[':status', String(status)]] : []), body: Buffer.from(body ?? '') };
    const sizes = [this.#callout.headers.pairs.length, this.#callout.body.length];
    this.enter('proxy_on_http_call_response', ROOT, callout.token, ...sizes, 0);
    this.#callout = null;
  }

  close(stream) {
    this.enter('proxy_on_log', stream.id);
    // Nothing is called that is not exported: this one no longer is.
    if (this.exports.proxy_on_done) this.enter('proxy_on_done', stream.id);
    this.enter('proxy_on_delete', stream.id);
    this.streams.delete(stream.id);
  }

  /** Calls the module, and then carries on what it answered itself: those answers pass the filter like others. */
  enter(name, context, ...all) {
    this.#effective = context;
    const result = this.exports[name](context, ...all);
    for (const stream of [...this.streams.values()]) {
      if (stream.resumed) {
        stream.resumed = false;
        this.#hand(stream);
      }
      if (stream.reply && !stream.answered) {
        stream.answered = true;
        stream.respond([[':status', String(stream.reply.status)], ...this.#survivors(stream.reply.headers)]);
      }
    }
    return result;
  }

  /** The headers of a local reply that get to the client: of several cookies nginx keeps the last. */
  #survivors(headers) {
    if (this.profile !== 'nginx') return headers;
    const last = headers.findLastIndex(([name]) => name.toLowerCase() === 'set-cookie');
    return headers.filter(([name], at) => name.toLowerCase() !== 'set-cookie' || at === last);
  }

  #call(name, call, all) {
    this.calls.push(name);
    return this.fault(name, all) ?? call(...all);
  }

  /** Hands a value over in memory that the module allocates. */
  #give(value, data, size) {
    const pointer = value.length ? this.exports.proxy_on_memory_allocate(value.length) : 0;
    value.copy(this.bytes(pointer, value.length));
    this.view.setUint32(data, pointer, true);
    this.view.setUint32(size, value.length, true);
    return Status.OK;
  }

  #map(kind) {
    if (kind === CALL_RESPONSE) return this.#callout?.headers;
    const stream = this.streams.get(this.#effective);
    return { [REQUEST]: stream?.request, [RESPONSE]: stream?.response }[kind];
  }

  #buffer(kind) {
    if (kind === CONFIGURATION) return this.configuration;
    if (kind === CALL_BODY) return this.#callout?.body;
    return kind === BODY ? this.streams.get(this.#effective)?.body : undefined;
  }

  #imports() {
    const edit = (change) => (kind, name, nameSize, value, valueSize) => {
      const map = this.#map(kind);
      if (!map) return Status.BAD_ARGUMENT;
      if (kind === REQUEST && this.streams.get(this.#effective).ahead) throw new Error('these headers have gone');
      change(map, this.text(name, nameSize), value === undefined ? undefined : this.text(value, valueSize));
      return Status.OK;
    };
    return {
      proxy_log: (level, pointer, size) => {
        this.logs.push(this.bytes(pointer, size).toString());
        return Status.OK;
      },
      proxy_get_current_time_nanoseconds: (pointer) => {
        this.view.setBigUint64(pointer, BigInt(this.now) * 1_000_000n, true);
        return Status.OK;
      },
      proxy_set_tick_period_milliseconds: () => Status.OK,
      proxy_get_header_map_pairs: (kind, data, size) => {
        const map = this.#map(kind);
        return map ? this.#give(encode(map.pairs), data, size) : Status.NOT_FOUND;
      },
      proxy_remove_header_map_value: edit((map, name) => map.remove(name)),
      proxy_replace_header_map_value: edit((map, name, value) => map.replace(name, value)),
      proxy_add_header_map_value: edit((map, name, value) => map.add(name, value)),
      proxy_get_buffer_bytes: (kind, start, length, data, size) => {
        const buffer = this.#buffer(kind);
        return buffer ? this.#give(buffer.subarray(start, start + length), data, size) : Status.NOT_FOUND;
      },
      proxy_get_property: (pointer, length, data, size) => {
        const value = this.properties.get(this.text(pointer, length).replaceAll('\0', '.'));
        return value === undefined ? Status.NOT_FOUND : this.#give(Buffer.from(value), data, size);
      },
      proxy_set_property: (pointer, length, value, size) => {
        if (this.profile === 'nginx') return Status.NOT_FOUND;
        const stream = this.streams.get(this.#effective);
        stream?.properties.set(this.text(pointer, length), this.bytes(value, size).toString());
        return stream ? Status.OK : Status.BAD_ARGUMENT;
      },
      proxy_get_shared_data: (pointer, length, data, size, cas) => {
        if (this.profile === 'nginx') throw new Error('shared data without shm_kv: nginx traps here');
        const found = this.shared.get(this.text(pointer, length));
        if (!found) return Status.NOT_FOUND;
        this.view.setUint32(cas, found.cas, true);
        return this.#give(found.value, data, size);
      },
      proxy_set_shared_data: (pointer, length, value, size, cas) => {
        if (this.profile === 'nginx') throw new Error('shared data without shm_kv: nginx traps here');
        const name = this.text(pointer, length);
        const found = this.shared.get(name)?.cas ?? 0;
        if (cas && cas !== found) return Status.CAS_MISMATCH;
        this.shared.set(name, { value: Buffer.from(this.bytes(value, size)), cas: found + 1 });
        return Status.OK;
      },
      proxy_set_effective_context: (id) => {
        if (id !== ROOT && !this.streams.has(id)) return Status.BAD_ARGUMENT;
        this.#effective = id;
        return Status.OK;
      },
      proxy_continue_stream: () => {
        const stream = this.streams.get(this.#effective);
        if (!stream || stream.reply) return Status.BAD_ARGUMENT;
        if (this.profile === 'istio') Object.assign(stream, { ahead: true, resumed: true });
        else stream.forwarded = true;
        return Status.OK;
      },
      proxy_send_local_response: (status, _details, _size, body, bodySize, headers, headersSize) => {
        const stream = this.streams.get(this.#effective);
        if (!stream || stream.forwarded || stream.reply) throw new Error('a reply to nobody, or a second one');
        const pairs = decode(this.bytes(headers, headersSize));
        stream.reply = { status, headers: pairs, body: this.bytes(body, bodySize).toString() };
        return Status.OK;
      },
      proxy_http_call: (cluster, clusterSize, headers, headersSize, body, bodySize, _t, _ts, timeout, token) => {
        if (this.#configuring) throw new Error('a call while configuring: nginx traps here');
        const callout = {
          token: this.callouts.length + 1,
          cluster: this.text(cluster, clusterSize),
          headers: new HeaderMap(decode(this.bytes(headers, headersSize))),
          body: this.text(body, bodySize),
          timeout,
        };
        this.callouts.push(callout);
        this.view.setUint32(token, callout.token, true);
        return Status.OK;
      },
      proxy_call_foreign_function: (pointer, length, argument, argumentSize, data, size) => {
        if (this.profile === 'nginx') throw new Error('an unknown foreign function: nginx traps here');
        if (this.text(pointer, length) !== 'verify_signature') return Status.NOT_FOUND;
        return this.#give(verdict(this.bytes(argument, argumentSize)), data, size);
      },
      proxy_define_metric: (type, pointer, length, id) => {
        const name = this.text(pointer, length);
        if (!this.metrics.has(name)) this.metrics.set(name, this.metrics.size + 1);
        this.view.setUint32(id, this.metrics.get(name), true);
        return Status.OK;
      },
      proxy_increment_metric: (id, offset) => {
        this.counts.set(id, (this.counts.get(id) ?? 0) + Number(offset));
        return Status.OK;
      },
    };
  }
}

function publicKey(der) {
  const name = der.toString('base64');
  if (!publicKeys.has(name)) publicKeys.set(name, createPublicKey({ key: der, format: 'der', type: 'spki' }));
  return publicKeys.get(name);
}

/** Envoy's `verify_signature`: a protobuf of four texts in, one with a truth value out. */
function verdict(argument) {
  const fields = {};
  for (let at = 0; at < argument.length; ) {
    const tag = argument[at++] >> 3;
    let [size, shift] = [0, 0];
    for (let byte = 128; byte & 128; shift += 7) {
      byte = argument[at++];
      size |= (byte & 127) << shift;
    }
    fields[tag] = argument.subarray(at, at + size);
    at += size;
  }
  try {
    const key = publicKey(fields[2]);
    return verify(fields[1].toString(), fields[4], key, fields[3]) ? Buffer.from([8, 1]) : Buffer.alloc(0);
  } catch {
    return Buffer.alloc(0);
  }
}
