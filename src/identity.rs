//! Who is this? Tokens, keys, and the providers that vouch for them.

mod authenticator;
mod cache;
mod claims;
mod credentials;
mod discovery;
mod error;
mod key_store;
mod keys;
mod login;
mod logout;
mod provider;
mod refresh;
mod relay;
mod session;
mod shelf;
mod sign_in;
mod signature;
mod token;

pub use authenticator::{Authenticator, Checked, IdToken, Verdict};
pub use credentials::Credentials;
pub use error::{KeySetFault, TokenFault};
pub use login::{Origin as LoginOrigin, PrivateKey, StepUp};
pub use relay::{Relay, RelayFault, RelayId, read_request};
pub use session::{TooLarge, is_session_cookie};
pub use sign_in::{Begin, Landed, LoginFault, LoginId, Returned, SignIn, SignedOut, Unmet, Visit, Visitor};
pub use signature::SignatureMode;

use serde_json::Value;

use crate::host::Host;
use crate::http::Call;
use crate::pointer::Pointer;
use crate::settings::Section;
use provider::Provider;
use relay::RelaySettings;
use session::SessionSettings;

/// What the configuration says about identity.
pub(crate) struct IdentitySettings {
    trust: TrustSettings,
    session: Option<SessionSettings>,
    relay: Option<RelaySettings>,
}

/// Whose tokens are believed.
pub(crate) struct TrustSettings {
    providers: Vec<Provider>,
    signatures: SignatureMode,
    shared: bool,
}

impl TrustSettings {
    /// Reads `providers`, `signatures` and `shared_data`. Without an
    /// `external_url` nobody can sign in, and no provider has a `login`.
    pub fn read(root: &Section<'_>, external_url: Option<&str>) -> TrustSettings {
        let words = [("host", SignatureMode::Host), ("software", SignatureMode::Software)];
        let signatures = root.choice("signatures", &words).unwrap_or(SignatureMode::Host);
        let shared = root.boolean("shared_data", true);
        let sections = root.sections("providers");
        if sections.is_empty() {
            root.mistake("providers", "at least one provider must be written");
        }
        let providers: Vec<Provider> =
            sections.iter().filter_map(|section| Provider::read(section, shared, external_url)).collect();
        for (index, provider) in providers.iter().enumerate() {
            let mut others = providers.iter().take(index);
            if others.clone().any(|other| other.claims.provider() == provider.claims.provider()) {
                root.mistake(&format!("providers[{index}].name"), "another provider has this name");
            }
            if others.any(|other| provider.claims.issuers().any(|issuer| other.claims.knows_issuer(issuer))) {
                root.mistake(&format!("providers[{index}].issuer"), "another provider has this issuer");
            }
        }
        TrustSettings { providers, signatures, shared }
    }

    /// Starts with no remote keys; [`Authenticator::tick`] fetches them.
    pub fn open(self, host: &dyn Host) -> Authenticator {
        Authenticator::new(self.providers, self.signatures, host)
    }
}

impl IdentitySettings {
    /// Reads all that [`TrustSettings::read`] reads, `session` and `token_relay`.
    pub fn read(root: &Section<'_>, external_url: &str) -> Option<IdentitySettings> {
        let trust = TrustSettings::read(root, Some(external_url));
        let session = read_session(root, external_url);
        let relay = root.section("token_relay").and_then(|section| RelaySettings::read(&section));
        if let Some(relay) = &relay {
            match trust.providers.iter().find(|one| one.claims.provider() == relay.provider) {
                None => root.mistake("token_relay.provider", "no provider has this name"),
                Some(one) if !one.discovers && one.login.is_none() => root.mistake(
                    "token_relay.provider",
                    "its token endpoint is not known: it needs discovery, or login.token_endpoint",
                ),
                Some(_) => {}
            }
        }
        Some(IdentitySettings { trust, session, relay })
    }

    /// Opens the room. `claims` are those that other rooms look at.
    pub fn open(self, claims: Vec<Pointer>, host: &dyn Host) -> (Authenticator, Option<SignIn>, Option<Relay>) {
        let IdentitySettings { trust, session, relay } = self;
        let sign_in = session.map(|session| SignIn::new(session, trust.shared, claims, host));
        (trust.open(host), sign_in, relay.map(Relay::new))
    }

    /// Whether a provider has this name.
    pub(crate) fn has_provider(&self, name: &str) -> bool {
        self.trust.providers.iter().any(|provider| provider.claims.provider() == name)
    }
}

/// Sessions are there where somebody can sign in.
fn read_session(root: &Section<'_>, external_url: &str) -> Option<SessionSettings> {
    let providers = root.get("providers").and_then(Value::as_array);
    let login = providers.is_some_and(|list| list.iter().any(|provider| provider.get("login").is_some()));
    match (login, root.section("session")) {
        (true, Some(section)) => SessionSettings::read(&section, external_url),
        (true, None) if !root.has("session") => root.wrong("session", "a provider with login needs session.keys"),
        (false, Some(_)) => root.wrong("session", "has no use while no provider has a login section"),
        _ => None,
    }
}

/// What an event led to.
#[derive(Debug, Default)]
pub struct Change {
    /// Calls to make.
    pub calls: Vec<Call>,
    /// Whether requests that wait should ask again.
    pub settled: bool,
}

impl Change {
    /// Both.
    pub(crate) fn join(&mut self, other: Change) {
        self.calls.extend(other.calls);
        self.settled |= other.settled;
    }
}

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
