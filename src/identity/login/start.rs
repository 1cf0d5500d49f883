//! The way to the provider (OpenID Connect Core section 3.1.2.1).

use super::attempt::{Attempt, Slot};
use super::state::State;
use super::{LoginSettings, return_path};
use crate::host::Host;
use crate::http::Headers;
use crate::identity::discovery::Metadata;
use crate::seal::KeyRing;
use crate::time::Time;

/// A login that begins.
#[derive(Debug)]
pub(in crate::identity) struct Start {
    /// Where the browser is sent.
    pub location: String,
    /// The attempt, for the browser to keep.
    pub set_cookie: String,
}

/// What somebody wanted when they had to sign in.
#[derive(Clone, Copy, Debug)]
pub struct Origin<'a> {
    /// The provider's name.
    pub provider: &'a str,
    /// Where they want to go, in their own words.
    pub return_path: &'a str,
    /// Whether the login before this one was lost.
    pub again: bool,
}

/// Begins a login. `None`: the host has no random bytes, or nobody knows where
/// the provider signs people in.
pub(in crate::identity) fn start(
    login: &LoginSettings,
    endpoints: &Metadata,
    keys: &KeyRing,
    headers: &Headers,
    origin: &Origin<'_>,
    host: &dyn Host,
    now: Time,
) -> Option<Start> {
    let endpoint = endpoints.authorization.as_ref()?;
    let attempt = Attempt::begin(origin.provider, host, now)?;
    let mut dice = [0];
    if !host.random(&mut dice) {
        return None;
    }
    let slot = Slot::choose(dice[0], keys, headers, now)?;
    let state = State {
        attempt: attempt.id.clone(),
        provider: origin.provider.to_owned(),
        return_path: return_path(origin.return_path),
        again: origin.again,
    };
    let mut request = login.request.clone();
    request.add("redirect_uri", &login.redirect_uri(origin.provider));
    request.add("state", &state.seal(keys, now)?);
    request.add("nonce", &attempt.nonce);
    request.add("code_challenge", &attempt.challenge()?);
    request.add("code_challenge_method", "S256");
    Some(Start { location: endpoint.url_with(&request), set_cookie: slot.filled(&attempt.seal(keys)?) })
}
