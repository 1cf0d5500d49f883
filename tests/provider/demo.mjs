// Who and what the provider knows: demo.json, and on top of it whatever a test brings, at the start or later.
import { readFileSync } from 'node:fs';

const OWN = new URL('demo.json', import.meta.url);
const TIMES = ['access_token_seconds', 'id_token_seconds'];
const WAYS = ['heeds_acr_values', 'rotates_refresh_tokens'];
const FIELDS = ['audience', ...TIMES, ...WAYS, 'passwords_only', 'accounts', 'clients'];
const TOKEN_FIELDS = ['claims', 'alg', 'seconds', 'opaque'];

export function loadDemo(path) {
  const own = read(OWN);
  return path === undefined ? own : overlaid(own, read(path), path);
}

const read = (path) => JSON.parse(readFileSync(path, 'utf8'));

/** An account or client of `more` is laid over the one of the same name, field by field. */
export function overlaid(demo, more, where) {
  refuseUnknown(more, FIELDS, where);
  for (const [id, { access_token: token = {} }] of Object.entries(more.clients ?? {})) {
    refuseUnknown(token, TOKEN_FIELDS, `${where}: clients.${id}.access_token`);
  }
  return {
    ...demo,
    ...more,
    accounts: byName(demo.accounts, more.accounts),
    clients: byName(demo.clients, more.clients),
  };
}

function refuseUnknown(value, known, where) {
  const unknown = Object.keys(value).filter((name) => !known.includes(name));
  if (unknown.length > 0) throw new Error(`${where}: unknown fields ${unknown.join(', ')}`);
}

function byName(under, over = {}) {
  const merged = { ...under };
  for (const [name, fields] of Object.entries(over)) merged[name] = { ...under[name], ...fields };
  return merged;
}
