// Airbyte's own login and application tokens, as far as a gateway meets them.
// Tokens are stateless and every replica signs with the same key, as replicas of one Airbyte do.
import { createHmac, timingSafeEqual } from 'node:crypto';
import { Refusal, json, message } from './reply.mjs';

export const APPLICATION = { client_id: 'standin-application', client_secret: 'standin-application-secret' };
export const ADMIN = { username: 'standin@example.com', password: 'standin-password' };
export const SCIM_TOKEN = 'standin-scim-token';

const KEY = 'the stand-in guards nothing, so its key may be read by anybody';
const APPLICATION_SECONDS = 15 * 60;
const SESSION_SECONDS = 180;
const REFRESH_SECONDS = 30 * 24 * 3600;
const REFRESH_PATH = '/api/oauth/access_token';

export function sign(kind, seconds, now = Date.now()) {
  const iat = Math.floor(now / 1000);
  const head = part({ alg: 'HS256', typ: 'JWT' });
  const body = part({ iss: 'airbyte-standin', sub: kind, kind, iat, exp: iat + seconds });
  return `${head}.${body}.${mac(`${head}.${body}`)}`;
}

export function valid(token, kind, now = Date.now()) {
  const [head, body, signature, ...more] = (token ?? '').split('.');
  if (signature === undefined || more.length > 0) return false;
  const wanted = Buffer.from(mac(`${head}.${body}`));
  const given = Buffer.from(signature);
  if (given.length !== wanted.length || !timingSafeEqual(given, wanted)) return false;
  const claims = JSON.parse(Buffer.from(body, 'base64url').toString());
  return claims.kind === kind && now / 1000 < claims.exp;
}

/** With Airbyte's login on: who gets past it. Returns nothing, or throws the 401. */
export function authenticate(call) {
  if (isAnonymous(call)) return;
  const bearer = call.bearer();
  if (call.path.startsWith('/scim/')) {
    if (bearer !== SCIM_TOKEN) throw unauthorized();
    return;
  }
  if (!call.path.startsWith('/api/')) return;
  const known = bearer === undefined ? valid(call.cookie('JWT'), 'session') : valid(bearer, 'application');
  if (!known) throw unauthorized();
}

const ANONYMOUS = new Set([
  'GET /api/v1/health', 'GET /api/public/v1/health',
  'GET /api/v1/instance_configuration', 'GET /api/v1/web_backend/config',
  'POST /api/v1/applications/token', 'POST /api/public/v1/applications/token',
  'POST /api/login', 'POST /api/logout', `POST ${REFRESH_PATH}`,
]);

const isAnonymous = (call) => ANONYMOUS.has(`${call.method} ${call.path}`);

// `Basic`, the scheme that makes browsers open a dialog: the worst that a gateway has to cope with.
const unauthorized = () =>
  new Refusal(401, 'Unauthorized', { 'www-authenticate': 'Basic realm="airbyte-standin"' });

export const tokenRoutes = {
  'POST /api/v1/applications/token': applicationToken,
  'POST /api/public/v1/applications/token': applicationToken,
  'POST /api/login': login,
  'POST /api/logout': () => json(200, {}, { 'set-cookie': cookies('', '', 0, 0) }),
  [`POST ${REFRESH_PATH}`]: refresh,
};

function applicationToken(call) {
  const { client_id: id, client_secret: secret } = call.fields();
  if (id !== APPLICATION.client_id || secret !== APPLICATION.client_secret) {
    return message(400, 'the client id and secret do not match an application');
  }
  return json(200, {
    access_token: sign('application', APPLICATION_SECONDS),
    token_type: 'Bearer',
    expires_in: APPLICATION_SECONDS,
  });
}

function login(call) {
  const { username, password } = call.fields();
  if (username !== ADMIN.username || password !== ADMIN.password) throw unauthorized();
  return json(200, {}, { 'set-cookie': session() });
}

function refresh(call) {
  if (!valid(call.cookie('JWT_REFRESH_TOKEN'), 'refresh')) return json(400, { error: 'invalid_grant' });
  return json(200, {}, { 'set-cookie': session() });
}

const session = () =>
  cookies(sign('session', SESSION_SECONDS), sign('refresh', REFRESH_SECONDS), SESSION_SECONDS, REFRESH_SECONDS);

const cookies = (jwt, refreshToken, age, refreshAge) => [
  `JWT=${jwt}; Max-Age=${age}; Path=/; HttpOnly; SameSite=Strict`,
  `JWT_REFRESH_TOKEN=${refreshToken}; Max-Age=${refreshAge}; Path=${REFRESH_PATH}; HttpOnly; SameSite=Strict`,
];

const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
const mac = (text) => createHmac('sha256', KEY).update(text).digest('base64url');
