// Who and what the provider knows: demo.json, and on top of it whatever a test brings in a file of its own.
import { readFileSync } from 'node:fs';

const OWN = new URL('demo.json', import.meta.url);
const FIELDS = ['audience', 'access_token_seconds', 'accounts', 'clients'];
const TOKEN_FIELDS = ['claims', 'alg', 'seconds', 'opaque'];

/** An account or client of the second file is laid over the one of the same name, field by field. */
export function loadDemo(path) {
  const own = read(OWN);
  if (path === undefined) return own;
  const more = read(path);
  return {
    ...own,
    ...more,
    accounts: overlaid(own.accounts, more.accounts),
    clients: overlaid(own.clients, more.clients),
  };
}

function read(path) {
  const value = JSON.parse(readFileSync(path, 'utf8'));
  refuseUnknown(value, FIELDS, path);
  for (const [id, { access_token: token = {} }] of Object.entries(value.clients ?? {})) {
    refuseUnknown(token, TOKEN_FIELDS, `${path}: clients.${id}.access_token`);
  }
  return value;
}

function refuseUnknown(value, known, where) {
  const unknown = Object.keys(value).filter((name) => !known.includes(name));
  if (unknown.length > 0) throw new Error(`${where}: unknown fields ${unknown.join(', ')}`);
}

function overlaid(under, over = {}) {
  const merged = { ...under };
  for (const [name, fields] of Object.entries(over)) merged[name] = { ...under[name], ...fields };
  return merged;
}
