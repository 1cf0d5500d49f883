// A token of one of the demo's users or clients, got as anybody would get it.
import { createHash, randomBytes } from 'node:crypto';
import { Browser } from './browser.mjs';
import { sendForJson } from './http.mjs';

const CLI = 'airgate-cli';
const REDIRECT = 'http://127.0.0.1/callback'; // nobody listens there: the login stops on the way
const SCOPE = 'openid email profile groups';

/** Resolves to the token endpoint's answer. */
export async function mint({ issuer, ca, demo, who }) {
  const discovery = await sendForJson(`${issuer}/.well-known/openid-configuration`, { ca });
  const client = demo.clients[who];
  if (Object.hasOwn(demo.accounts, who)) return forUser({ discovery, ca, who });
  if (client?.grant_types?.includes('client_credentials')) return forClient({ discovery, ca, who, client });
  throw new Error(`unknown ${who}: expected one of ${known(demo).join(', ')}`);
}

const known = ({ accounts, clients }) => [
  ...Object.keys(accounts),
  ...Object.keys(clients).filter((id) => clients[id].grant_types?.includes('client_credentials')),
];

function forClient({ discovery, ca, who, client }) {
  const form = { grant_type: 'client_credentials', client_id: who, client_secret: client.client_secret };
  return sendForJson(discovery.token_endpoint, { ca, method: 'POST', form });
}

/** The authorization code flow with PKCE, without a browser. */
async function forUser({ discovery, ca, who }) {
  const verifier = randomBytes(32).toString('base64url');
  const state = randomBytes(16).toString('base64url');
  const start = new URL(discovery.authorization_endpoint);
  start.search = new URLSearchParams({
    client_id: CLI,
    redirect_uri: REDIRECT,
    response_type: 'code',
    scope: SCOPE,
    state,
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    code_challenge_method: 'S256',
  });
  const end = await new Browser({ ca }).go(start, {
    isEnd: (url) => url.href.startsWith(REDIRECT),
    fillIn: (html) => (html.includes('name="login"') ? { login: who, password: 'any' } : { consent: 'yes' }),
  });
  const form = { grant_type: 'authorization_code', client_id: CLI, redirect_uri: REDIRECT, code_verifier: verifier };
  return sendForJson(discovery.token_endpoint, {
    ca,
    method: 'POST',
    form: { ...form, code: codeIn(end.searchParams, state, discovery.issuer) },
  });
}

function codeIn(answer, state, issuer) {
  if (answer.has('error')) throw new Error(answer.get('error_description') ?? answer.get('error'));
  if (answer.get('state') !== state) throw new Error('the answer belongs to another login');
  if (answer.get('iss') !== issuer) throw new Error(`the answer is from another issuer, ${answer.get('iss')}`);
  return answer.get('code');
}
