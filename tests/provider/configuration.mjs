// How oidc-provider is set up, from the demo data and the keys of the moment.
import { randomBytes } from 'node:crypto';
import { interactionPolicy } from 'oidc-provider';
import { createMemoryAdapter } from 'oidc-provider/lib/adapters/memory_adapter.js';
import * as pages from './pages.mjs';

// What tokens are for, in the words of RFC 8707. It becomes the audience of demo.json.
const RESOURCE = 'urn:airgate:airbyte';
const SCOPE = 'airbyte';

// The first is for who asks for nothing.
const ACR_VALUES = ['password', 'mfa'];

/** A login is as strong as it was asked to be, nothing being checked anyway; but some people have a password only. */
export function acrOf(demo, accountId, params) {
  const can = demo.passwords_only.includes(accountId) ? ACR_VALUES.slice(0, 1) : ACR_VALUES;
  return wanted(params).find((value) => can.includes(value)) ?? can[0];
}

const wanted = (params) => params.acr_values?.split(' ') ?? [];

const HOUR = 3600;
const DAY = 24 * HOUR;

/** What outlives a rotation of keys: sessions, grants and the keys of cookies. */
export const createMemory = () => ({
  adapter: createMemoryAdapter(),
  cookieKeys: [randomBytes(32).toString('base64url')],
});

export function configuration({ demo, keys, memory }) {
  return {
    adapter: memory.adapter,
    cookies: { keys: memory.cookieKeys },
    jwks: { keys },
    clients: clients(demo),
    findAccount: (_ctx, sub) => account(demo, sub),
    acrValues: ACR_VALUES,
    claims: {
      openid: ['sub', 'auth_time', 'acr'],
      email: ['email', 'email_verified'],
      profile: ['name', 'groups'],
      groups: ['groups'],
    },
    // Claims in the ID token itself, as most company providers put them there.
    conformIdTokenClaims: false,
    extraTokenClaims: (_ctx, token) => claims(demo, token),
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      revocation: { enabled: true },
      userinfo: { enabled: true },
      backchannelLogout: { enabled: true },
      rpInitiatedLogout: { enabled: true, logoutSource: pages.logout, postLogoutSuccessSource: pages.loggedOut },
      resourceIndicators: {
        enabled: true,
        defaultResource: (_ctx, client) => (tokenOf(demo, client.clientId).opaque ? undefined : RESOURCE),
        useGrantedResource: () => true,
        getResourceServerInfo: (_ctx, _resource, client) => resourceServer(demo, client),
      },
    },
    interactions: { url: (_ctx, interaction) => `/interaction/${interaction.uid}`, policy: policy(demo) },
    loadExistingGrant: grant,
    pkce: { required: () => true },
    issueRefreshToken: (_ctx, client) => client.grantTypeAllowed('refresh_token'),
    rotateRefreshToken: demo.rotates_refresh_tokens,
    renderError: pages.error,
    // Without the dispatcher that oidc-provider brings: it keeps to public addresses, and a gateway to be told is here.
    fetch: (url, { dispatcher: _, ...options }) => fetch(url, options),
    ttl: {
      AccessToken: (_ctx, token) => token.resourceServer?.accessTokenTTL ?? HOUR,
      ClientCredentials: (_ctx, token) => token.resourceServer?.accessTokenTTL ?? HOUR,
      AuthorizationCode: 60,
      Grant: 14 * DAY,
      IdToken: demo.id_token_seconds,
      Interaction: HOUR,
      RefreshToken: 14 * DAY,
      Session: 14 * DAY,
    },
  };
}

const tokenOf = (demo, clientId) => demo.clients[clientId]?.access_token ?? {};

function clients(demo) {
  return Object.entries(demo.clients).map(([id, { access_token: _, ...metadata }]) => ({ client_id: id, ...metadata }));
}

function account(demo, sub) {
  if (!Object.hasOwn(demo.accounts, sub)) return undefined;
  return { accountId: sub, claims: () => ({ sub, ...demo.accounts[sub] }) };
}

function claims(demo, token) {
  return { ...demo.accounts[token.accountId], ...tokenOf(demo, token.clientId).claims };
}

function resourceServer(demo, client) {
  const { alg = 'RS256', seconds = demo.access_token_seconds } = tokenOf(demo, client.clientId);
  return {
    scope: SCOPE,
    audience: demo.audience,
    accessTokenFormat: 'jwt',
    accessTokenTTL: seconds,
    jwt: { sign: { alg } },
  };
}

/**
 * Consent is asked for on `prompt=consent` only, as a company's provider does for the company's own applications.
 * Whoever is known by less than `acr_values` asks for is asked again: to oidc-provider it is but a wish.
 */
function policy(demo) {
  const prompts = interactionPolicy.base();
  const isWeak = ({ oidc: { params, acr, result } }) =>
    demo.heeds_acr_values && wanted(params).length > 0 && !wanted(params).includes(acr) && !result?.login;
  prompts.get('login').checks.add(new interactionPolicy.Check('acr_values', 'a stronger login is asked for', isWeak));
  const { checks } = prompts.get('consent');
  for (const { reason } of [...checks]) {
    if (reason !== 'consent_prompt') checks.remove(reason);
  }
  return prompts;
}

async function grant(ctx) {
  const { client, session, provider, params } = ctx.oidc;
  const known = session.grantIdFor(client.clientId);
  const granted = (known && await provider.Grant.find(known))
    ?? new provider.Grant({ clientId: client.clientId, accountId: session.accountId });
  granted.addOIDCScope(params.scope ?? 'openid');
  granted.addResourceScope(RESOURCE, SCOPE);
  await granted.save();
  return granted;
}
