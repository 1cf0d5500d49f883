// node scripts/idle.mjs FROM TO: takes the callbacks out of a module that do nothing in it.
//
// The SDK exports one for everything that a host may tell. Whatever is not there a host does not call: so a response
// streams past the module without entering it for each piece, and the code behind (16 kB) goes when wasm-opt looks for
// what nobody needs. A filter that gets a use for one of them takes its name out of this list.

import { readFileSync, writeFileSync } from 'node:fs';

const IDLE = new Set([
  'proxy_on_done',
  'proxy_on_response_body',
  'proxy_on_response_trailers',
  'proxy_on_queue_ready',
  'proxy_on_foreign_function',
  'proxy_on_new_connection',
  'proxy_on_downstream_data',
  'proxy_on_downstream_connection_close',
  'proxy_on_upstream_data',
  'proxy_on_upstream_connection_close',
  'proxy_on_grpc_receive_initial_metadata',
  'proxy_on_grpc_receive',
  'proxy_on_grpc_receive_trailing_metadata',
  'proxy_on_grpc_close',
]);
const EXPORTS = 7;

/** A number as wasm writes it (unsigned LEB128), and where it ends. */
function number(bytes, at) {
  let value = 0;
  for (let shift = 0; ; shift += 7) {
    const byte = bytes[at++];
    value += (byte & 127) * 2 ** shift;
    if (byte < 128) return [value, at];
  }
}

function written(value) {
  const bytes = [];
  for (; value > 127; value = Math.floor(value / 128)) bytes.push((value % 128) | 128);
  return Buffer.from([...bytes, value]);
}

function withoutIdle(section) {
  let [count, at] = number(section, 0);
  const kept = [];
  const idle = new Set(IDLE);
  while (count--) {
    const begin = at;
    const [length, name] = number(section, at);
    at = number(section, name + length + 1)[1];
    if (!idle.delete(section.toString('utf8', name, name + length))) kept.push(section.subarray(begin, at));
  }
  if (idle.size) throw new Error(`not exported any more: ${[...idle].join(', ')}`);
  return Buffer.concat([written(kept.length), ...kept]);
}

const [from, to] = process.argv.slice(2);
const module = readFileSync(from);
// Behind the magic number and the version.
const parts = [module.subarray(0, 8)];
for (let at = 8; at < module.length; ) {
  const id = module[at];
  const [length, begin] = number(module, at + 1);
  const section = module.subarray(begin, begin + length);
  const body = id === EXPORTS ? withoutIdle(section) : section;
  parts.push(Buffer.from([id]), written(body.length), body);
  at = begin + length;
}
writeFileSync(to, Buffer.concat(parts));
