//! Calls to a provider on somebody's behalf.

use std::time::Duration;

use super::{Code, LoginSettings, form};
use crate::host::Host;
use crate::http::{Call, CallId, Endpoint, Form};
use crate::identity::discovery::Metadata;
use crate::time::Time;

/// Somebody is waiting, but a code that is given up is lost.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Exchanges a code (RFC 6749 section 4.1.3, RFC 7636 section 4.5). This and
/// the next two are `None` where the provider has no such place, or an assertion
/// finds no random bytes.
pub(in crate::identity) fn exchange(
    login: &LoginSettings,
    endpoints: &Metadata,
    provider: &str,
    code: &Code,
    id: CallId,
    host: &dyn Host,
    now: Time,
) -> Option<Call> {
    let fields = form(&[
        ("grant_type", "authorization_code"),
        ("code", &code.code),
        ("redirect_uri", &login.redirect_uri(provider)),
        ("code_verifier", &code.verifier),
    ]);
    call(login, endpoints, endpoints.token.as_ref()?, fields, id, host, now)
}

/// Takes new tokens for a refresh token (section 6).
pub(in crate::identity) fn refresh(
    login: &LoginSettings,
    endpoints: &Metadata,
    refresh_token: &str,
    id: CallId,
    host: &dyn Host,
    now: Time,
) -> Option<Call> {
    let fields = form(&[("grant_type", "refresh_token"), ("refresh_token", refresh_token)]);
    call(login, endpoints, endpoints.token.as_ref()?, fields, id, host, now)
}

/// Ends a refresh token (RFC 7009).
pub(in crate::identity) fn revoke(
    login: &LoginSettings,
    endpoints: &Metadata,
    refresh_token: &str,
    id: CallId,
    host: &dyn Host,
    now: Time,
) -> Option<Call> {
    let fields = form(&[("token", refresh_token), ("token_type_hint", "refresh_token")]);
    call(login, endpoints, endpoints.revocation.as_ref()?, fields, id, host, now)
}

/// Asks who the holder of an access token is (OpenID Connect Core section 5.3).
pub(in crate::identity) fn userinfo(
    login: &LoginSettings,
    endpoints: &Metadata,
    access_token: &str,
    id: CallId,
) -> Option<Call> {
    Some(Call {
        id,
        cluster: login.cluster.clone(),
        endpoint: endpoints.userinfo.clone()?,
        authorization: Some(format!("Bearer {access_token}")),
        form: None,
        timeout: TIMEOUT,
    })
}

fn call(
    login: &LoginSettings,
    endpoints: &Metadata,
    endpoint: &Endpoint,
    mut fields: Form,
    id: CallId,
    host: &dyn Host,
    now: Time,
) -> Option<Call> {
    // An assertion names the token endpoint wherever it goes: providers know
    // themselves by that address (OpenID Connect Core section 9).
    let token = endpoints.token.as_ref()?;
    let audience = format!("https://{}{}", token.authority, token.path);
    let proof = login.authentication.prove(&login.client_id, &audience, host, now)?;
    for (name, value) in &proof.fields {
        fields.add(name, value);
    }
    Some(Call {
        id,
        cluster: login.cluster.clone(),
        endpoint: endpoint.clone(),
        authorization: proof.authorization,
        form: Some(fields),
        timeout: TIMEOUT,
    })
}
