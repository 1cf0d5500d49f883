//! The way to the provider (OpenID Connect Core section 3.1.2.1).

use super::attempt::{Attempt, Slot};
use super::state::State;
use super::{LoginSettings, StepUp, return_path};
use crate::host::Host;
use crate::http::{Form, Headers};
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
#[derive(Clone, Copy, Debug, Default)]
pub struct Origin<'a> {
    /// The provider's name.
    pub provider: &'a str,
    /// Where they want to go, in their own words.
    pub return_path: &'a str,
    /// Whether the login before this one was lost.
    pub again: bool,
    /// What the sign-in must be, beyond one.
    pub step_up: Option<&'a StepUp>,
    /// Whether the provider is to ask even whom it knows (`prompt=login`).
    pub anew: bool,
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
    let attempt = Attempt::begin(origin.provider, origin.step_up, host, now)?;
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
    add_demands(&mut request, login, origin);
    request.add("redirect_uri", &login.redirect_uri(origin.provider));
    request.add("state", &state.seal(keys, now)?);
    request.add("nonce", &attempt.nonce);
    request.add("code_challenge", &attempt.challenge()?);
    request.add("code_challenge_method", "S256");
    Some(Start { location: endpoint.url_with(&request), set_cookie: slot.filled(&attempt.seal(keys)?) })
}

/// How strongly and how lately somebody must have signed in: by the settings, or
/// by the rule that is stricter.
///
/// A rule's demand brings no `prompt` by itself. Of whoever signed in too long
/// ago the provider must ask more for `max_age` alone (OpenID Connect Core
/// 3.1.2.1), and of whoever lacks a second factor perhaps just that one, while
/// `prompt=login` makes everybody begin with nothing. But `acr_values` is only a
/// wish and not every provider knows `max_age`: who was let through without it
/// comes [`Origin::anew`].
fn add_demands(request: &mut Form, login: &LoginSettings, origin: &Origin<'_>) {
    let demand = origin.step_up.map(|step_up| &step_up.demand);
    let acr = demand.filter(|demand| !demand.acr.is_empty()).map(|demand| demand.acr.join(" "));
    let max_age = [login.max_age, demand.and_then(|demand| demand.max_age)].into_iter().flatten().min();
    let prompt = match &login.prompt {
        Some(prompt) if origin.anew && !prompt.split(' ').any(|word| word == "login") => {
            Some(format!("login {prompt}"))
        }
        None if origin.anew => Some("login".to_owned()),
        prompt => prompt.clone(),
    };
    let fields = [
        ("acr_values", acr.or_else(|| login.acr_values.clone())),
        ("max_age", max_age.map(|age| age.as_secs().to_string())),
        ("prompt", prompt),
    ];
    for (name, value) in fields {
        if let Some(value) = value {
            request.add(name, &value);
        }
    }
}
