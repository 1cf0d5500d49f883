//! Who is this? Tokens, keys, and the providers that vouch for them.

mod cache;
mod claims;
mod credentials;
mod discovery;
mod error;
mod key_store;
mod keys;
mod provider;
mod signature;
mod token;

pub use credentials::Credentials;
pub use error::{KeySetFault, TokenFault};
pub use signature::SignatureMode;

use std::rc::Rc;
use std::time::Duration;

use crate::algorithm::Algorithm;
use crate::caller::Caller;
use crate::host::Host;
use crate::http::{Answer, Call, CallId, CallIds};
use crate::settings::Section;
use crate::time::Time;
use cache::TokenCache;
#[cfg(test)]
use claims::ClaimSettings;
use key_store::{Outlook, Progress};
use keys::Selection;
#[cfg(test)]
use keys::{Key, KeySet};
use provider::Provider;
use signature::SignatureChecker;
use token::Token;

/// What the configuration says about identity.
pub(crate) struct IdentitySettings {
    providers: Vec<Provider>,
    signatures: SignatureMode,
}

impl IdentitySettings {
    /// Reads `providers`, `signatures` and `shared_data`.
    pub fn read(root: &Section<'_>) -> Option<IdentitySettings> {
        let words = [("host", SignatureMode::Host), ("software", SignatureMode::Software)];
        let signatures = root.choice("signatures", &words).unwrap_or(SignatureMode::Host);
        let shared = root.boolean("shared_data", true);
        let sections = root.sections("providers");
        if sections.is_empty() {
            root.mistake("providers", "at least one provider must be written");
        }
        let providers: Vec<Provider> = sections.iter().filter_map(|section| Provider::read(section, shared)).collect();
        for (index, provider) in providers.iter().enumerate() {
            let mut others = providers.iter().take(index);
            if others.clone().any(|other| other.claims.provider() == provider.claims.provider()) {
                root.mistake(&format!("providers[{index}].name"), "another provider has this name");
            }
            if others.any(|other| provider.claims.issuers().any(|issuer| other.claims.knows_issuer(issuer))) {
                root.mistake(&format!("providers[{index}].issuer"), "another provider has this issuer");
            }
        }
        Some(IdentitySettings { providers, signatures })
    }
}

/// Decides who sent a token.
pub struct Authenticator {
    providers: Vec<Provider>,
    cache: TokenCache,
    checker: SignatureChecker,
    ids: CallIds,
}

/// What a token is worth.
#[derive(Clone, Debug)]
pub enum Verdict {
    /// It says who is calling.
    Known(Rc<Caller>),
    /// It is refused, and the client is at fault.
    Refused(TokenFault),
    /// The answer depends on keys that are on their way. Ask again when
    /// something has changed, for at most this long.
    Wait(Duration),
    /// The answer depends on a provider that does not answer; ask again after
    /// this long.
    Unavailable(Duration),
}

/// What an event led to.
#[derive(Debug, Default)]
pub struct Change {
    /// Calls to make.
    pub calls: Vec<Call>,
    /// Whether requests that wait should ask again.
    pub settled: bool,
}

impl Authenticator {
    /// Starts with no remote keys; [`Authenticator::tick`] fetches them.
    pub(crate) fn new(settings: IdentitySettings, host: &dyn Host) -> Authenticator {
        let checker = SignatureChecker::new(settings.signatures, host);
        let proven: Vec<&str> = checker.proven().map(Algorithm::name).collect();
        log::info!("signatures that the host checks: {proven:?}");
        Authenticator { providers: settings.providers, cache: TokenCache::default(), checker, ids: CallIds::default() }
    }

    /// Judges a token.
    pub fn verify(&mut self, text: &[u8], host: &dyn Host, now: Time) -> Verdict {
        if let Some(caller) = self.cache.get(text, now) {
            return Verdict::Known(caller);
        }
        match self.examine(text, host, now) {
            Ok(verdict) => verdict,
            Err(fault) => Verdict::Refused(fault),
        }
    }

    fn examine(&mut self, text: &[u8], host: &dyn Host, now: Time) -> Result<Verdict, TokenFault> {
        let token = Token::parse(text)?;
        let issuer = token.issuer().ok_or(TokenFault::UnknownIssuer)?;
        let provider = self.providers.iter_mut().enumerate().find(|(_, one)| one.claims.knows_issuer(issuer));
        let (index, provider) = provider.ok_or(TokenFault::UnknownIssuer)?;
        if !provider.allows(token.algorithm()) {
            return Err(TokenFault::AlgorithmNotAllowed);
        }
        // Claims before signature: an expired token costs no key fetch and no
        // arithmetic.
        let caller = provider.claims.judge(&token, now)?;
        let selection = provider.keys.keys(now).map(|keys| keys.select(token.algorithm(), token.kid()));
        let key = match selection {
            Some(Selection::Key(key)) => key,
            Some(Selection::Ambiguous) => return Err(TokenFault::AmbiguousKey),
            Some(Selection::Unknown) | None => {
                return match provider.keys.outlook(now) {
                    Outlook::Wait => Ok(Verdict::Wait(provider.settings.wait)),
                    Outlook::Unavailable(rest) => Ok(Verdict::Unavailable(rest)),
                    Outlook::Final => Err(TokenFault::UnknownKid),
                };
            }
        };
        let (good, _) = self.checker.check(key, token.algorithm(), token.signed(), token.signature(), host);
        if !good {
            return Err(TokenFault::BadSignature);
        }
        let caller = Rc::new(caller);
        self.cache.insert(text, Rc::clone(&caller), index, key.fingerprint());
        Ok(Verdict::Known(caller))
    }

    /// Makes the calls that are due.
    pub fn tick(&mut self, host: &dyn Host, now: Time) -> Change {
        let mut change = Change::default();
        for index in 0..self.providers.len() {
            let ids = &mut self.ids;
            if let Some(provider) = self.providers.get_mut(index) {
                let progress = provider.keys.tick(ids, host, now);
                self.note(index, progress, &mut change, now);
            }
        }
        change
    }

    /// Takes the answer to a call; anything unexpected is dropped.
    pub fn answer(&mut self, id: CallId, answer: &Answer, host: &dyn Host, now: Time) -> Change {
        let mut change = Change::default();
        for index in 0..self.providers.len() {
            let ids = &mut self.ids;
            if let Some(provider) = self.providers.get_mut(index) {
                let progress = provider.keys.answer(id, answer, ids, host, now);
                self.note(index, progress, &mut change, now);
            }
        }
        change
    }

    /// Whether every provider has usable keys.
    pub fn is_ready(&self, now: Time) -> bool {
        self.providers.iter().all(|provider| provider.keys.is_ready(now))
    }

    fn note(&mut self, index: usize, progress: Progress, change: &mut Change, now: Time) {
        let Some(provider) = self.providers.get(index) else {
            return;
        };
        match progress {
            Progress::None => {}
            Progress::Call(call) => change.calls.push(call),
            Progress::Failed(fault) => {
                log::warn!("provider {}: {fault}", provider.claims.provider());
                change.settled = true;
            }
            Progress::Fresh => {
                if let Some(keys) = provider.keys.keys(now) {
                    let name = provider.claims.provider();
                    log::info!("provider {name}: {} usable keys, skipped: {:?}", keys.len(), keys.skipped());
                    // A key that left the set takes its tokens with it.
                    self.cache.retain_keys(index, |fingerprint| keys.contains(fingerprint));
                }
                change.settled = true;
            }
        }
    }
}

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
