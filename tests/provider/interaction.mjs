// What happens between the authorization request and its answer: a person signs in.
import { acrOf } from './configuration.mjs';
import * as pages from './pages.mjs';

const FORM_LIMIT = 16 * 1024;

export const isInteraction = (req) => /^\/interaction\/[\w-]+$/.test(req.url);

export async function interact({ provider, demo }, req, res) {
  const { prompt, params } = await provider.interactionDetails(req, res);
  if (req.method === 'GET') return show(res, 200, pageFor(req.url, prompt, params));
  if (req.method !== 'POST') return show(res, 405, 'use GET or POST\n');

  const form = await readForm(req);
  const result = resultOf(form, prompt, params, demo);
  if (result) return provider.interactionFinished(req, res, result);
  const hint = form.get('login') ?? '';
  return show(res, 400, pages.login(req.url, { hint, problem: 'The demo has no such user.' }));
}

const pageFor = (action, prompt, params) =>
  (prompt.name === 'login' ? pages.login(action, { hint: params.login_hint }) : pages.consent(action, params.client_id));

/** Undefined where the person has to try again. */
function resultOf(form, prompt, params, demo) {
  if (form.has('cancel')) return { error: 'access_denied', error_description: 'the person cancelled' };
  if (prompt.name !== 'login') return { consent: {} };
  const accountId = form.get('login');
  if (!Object.hasOwn(demo.accounts, accountId)) return undefined;
  return { login: { accountId, acr: acrOf(demo, accountId, params) } };
}

async function readForm(req) {
  let text = '';
  for await (const chunk of req.setEncoding('utf8')) {
    text += chunk;
    if (text.length > FORM_LIMIT) throw new Error('the form is too long');
  }
  return new URLSearchParams(text);
}

function show(res, status, html) {
  res.writeHead(status, {
    'content-type': 'text/html; charset=utf-8',
    'cache-control': 'no-store',
    'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
  });
  res.end(html);
}
