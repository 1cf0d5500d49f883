//! Who is this? Tokens, keys, and the providers that vouch for them.

mod cache;
mod claims;
mod credentials;
#[cfg(not(target_arch = "wasm32"))]
mod desk;
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

pub use credentials::Credentials;
pub use error::{KeySetFault, TokenFault};
pub use login::{Origin as LoginOrigin, PrivateKey, StepUp};
pub use relay::{Relay, RelayFault, RelayId, read_request};
pub use session::{TooLarge, is_session_cookie};
pub use sign_in::{Begin, Landed, LoginFault, LoginId, Returned, SignIn, SignedOut, Unmet, Visit, Visitor};
pub use signature::SignatureMode;

use std::rc::Rc;
use std::time::Duration;

use serde_json::{Map, Value};

use crate::algorithm::Algorithm;
use crate::caller::Caller;
use crate::host::Host;
use crate::http::{Answer, Call, CallId, CallIds, Endpoint};
use crate::metrics::Counter;
use crate::pointer::Pointer;
use crate::settings::Section;
use crate::time::Time;
use cache::TokenCache;
use claims::ClaimSettings;
use discovery::Metadata;
use key_store::{Outlook, Progress};
#[cfg(test)]
use keys::{Key, KeySet};
use keys::{KeyFingerprint, Selection};
use login::LoginSettings;
use provider::{Login, Provider};
use relay::RelaySettings;
use session::SessionSettings;
use signature::{CheckPath, SignatureChecker};
use token::Token;

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

/// Decides who sent a token.
pub struct Authenticator {
    providers: Vec<Provider>,
    cache: TokenCache,
    checker: SignatureChecker,
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

/// What a signature is worth.
enum Signed {
    /// This key's.
    Good(KeyFingerprint),
    /// Depends on keys that are on their way.
    Wait(Duration),
    /// Depends on a provider that does not answer.
    Unavailable(Duration),
}

/// A token that a provider gave us in person, good in itself.
#[derive(Debug)]
pub struct IdToken {
    claims: Map<String, Value>,
    typ: Option<String>,
    algorithm: Algorithm,
    /// The provider's own issuer, also where the token came under an alias.
    issuer: String,
    /// `exp`.
    expires: Time,
    auth_time: Option<Time>,
    leeway: Duration,
}

/// What such a token is worth.
#[derive(Debug)]
pub enum Checked {
    /// It is good.
    Good(IdToken),
    /// It is refused.
    Refused(TokenFault),
    /// The answer depends on keys that are on their way.
    Wait(Duration),
    /// The answer depends on a provider that does not answer.
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

impl Change {
    /// Both.
    pub(crate) fn join(&mut self, other: Change) {
        self.calls.extend(other.calls);
        self.settled |= other.settled;
    }
}

impl IdentitySettings {
    /// Opens the room. `claims` are those that other rooms look at.
    pub fn open(self, claims: Vec<Pointer>, host: &dyn Host) -> (Authenticator, Option<SignIn>, Option<Relay>) {
        let IdentitySettings { trust, session, relay } = self;
        let sign_in = session.map(|session| SignIn::new(session, trust.shared, claims, host));
        (trust.open(host), sign_in, relay.map(Relay::new))
    }
}

impl Authenticator {
    /// Starts with no remote keys; [`Authenticator::tick`] fetches them.
    fn new(providers: Vec<Provider>, signatures: SignatureMode, host: &dyn Host) -> Authenticator {
        let checker = SignatureChecker::new(signatures, host);
        let proven: Vec<&str> = checker.proven().map(Algorithm::name).collect();
        log::info!("signatures that the host checks: {proven:?}");
        Authenticator { providers, cache: TokenCache::default(), checker }
    }

    /// Whom a token stands for, if it was found good before.
    pub fn recall(&mut self, text: &[u8], host: &dyn Host, now: Time) -> Option<Rc<Caller>> {
        let caller = self.cache.get(text, now)?;
        host.count(Counter::TokenCached);
        Some(caller)
    }

    /// Judges a token.
    pub fn verify(&mut self, text: &[u8], host: &dyn Host, now: Time) -> Verdict {
        if let Some(caller) = self.recall(text, host, now) {
            return Verdict::Known(caller);
        }
        match self.examine(text, host, now) {
            Ok(verdict) => verdict,
            Err(fault) => {
                if fault != TokenFault::BadSignature {
                    host.count(Counter::TokenBadByClaims);
                }
                Verdict::Refused(fault)
            }
        }
    }

    fn examine(&mut self, text: &[u8], host: &dyn Host, now: Time) -> Result<Verdict, TokenFault> {
        let token = Token::parse(text)?;
        let issuer = token.issuer().ok_or(TokenFault::UnknownIssuer)?;
        let provider = self.providers.iter().enumerate().find(|(_, one)| one.claims.knows_issuer(issuer));
        let (index, provider) = provider.ok_or(TokenFault::UnknownIssuer)?;
        // Claims before signature: an expired token costs no key fetch and no
        // arithmetic.
        let caller = provider.claims.judge(&token, now)?;
        Ok(match self.check_signature(index, &token, None, host, now)? {
            Signed::Good(fingerprint) => {
                let caller = Rc::new(caller);
                self.cache.insert(text, Rc::clone(&caller), index, fingerprint);
                Verdict::Known(caller)
            }
            Signed::Wait(wait) => Verdict::Wait(wait),
            Signed::Unavailable(rest) => Verdict::Unavailable(rest),
        })
    }

    /// Whether one of a provider's keys signed a token; `in_person` is when the
    /// provider itself handed it over, if it did.
    fn check_signature(
        &mut self,
        index: usize,
        token: &Token<'_>,
        in_person: Option<Time>,
        host: &dyn Host,
        now: Time,
    ) -> Result<Signed, TokenFault> {
        let provider = self.providers.get_mut(index).ok_or(TokenFault::UnknownIssuer)?;
        if !provider.allows(token.algorithm()) {
            return Err(TokenFault::AlgorithmNotAllowed);
        }
        let selection = provider.keys.keys(now).map(|keys| keys.select(token.algorithm(), token.kid()));
        let key = match selection {
            Some(Selection::Key(key)) => key,
            Some(Selection::Ambiguous) => return Err(TokenFault::AmbiguousKey),
            Some(Selection::Unknown) | None => {
                let outlook = match in_person {
                    Some(since) => provider.keys.outlook_in_person(since, now),
                    None => provider.keys.outlook(now),
                };
                return match outlook {
                    Outlook::Wait => Ok(Signed::Wait(provider.settings.wait)),
                    Outlook::Unavailable(rest) => Ok(Signed::Unavailable(rest)),
                    Outlook::Final => Err(TokenFault::UnknownKid),
                };
            }
        };
        let (good, path) = self.checker.check(key, token.algorithm(), token.signed(), token.signature(), host);
        host.count(match (good, path) {
            (true, CheckPath::Host) => Counter::TokenGoodByHost,
            (true, CheckPath::Software) => Counter::TokenGoodBySoftware,
            (false, CheckPath::Host) => Counter::TokenBadByHost,
            (false, CheckPath::Software) => Counter::TokenBadBySoftware,
        });
        if good { Ok(Signed::Good(key.fingerprint())) } else { Err(TokenFault::BadSignature) }
    }

    /// Makes the calls that are due.
    pub fn tick(&mut self, ids: &mut CallIds, host: &dyn Host, now: Time) -> Change {
        let mut change = Change::default();
        for index in 0..self.providers.len() {
            if let Some(provider) = self.providers.get_mut(index) {
                let progress = provider.keys.tick(ids, host, now);
                count(&progress, Counter::KeysShared, host);
                self.note(index, progress, &mut change, now);
            }
        }
        change
    }

    /// Takes the answer to a call; anything unexpected is dropped.
    pub fn answer(&mut self, id: CallId, answer: &Answer, ids: &mut CallIds, host: &dyn Host, now: Time) -> Change {
        let mut change = Change::default();
        for index in 0..self.providers.len() {
            if let Some(provider) = self.providers.get_mut(index) {
                let progress = provider.keys.answer(id, answer, ids, host, now);
                count(&progress, Counter::KeysFetched, host);
                self.note(index, progress, &mut change, now);
            }
        }
        change
    }

    /// Whether every provider has usable keys.
    pub fn is_ready(&self, now: Time) -> bool {
        self.providers.iter().all(|provider| provider.keys.is_ready(now))
    }

    /// Judges an ID token that a provider gave us as its client.
    fn check_id_token(&mut self, index: usize, text: &[u8], since: Time, host: &dyn Host, now: Time) -> Checked {
        self.check_given(index, text, Some(since), host, now, |claims, token| claims.check(token, now).map(drop))
    }

    /// Judges a logout token; the provider is the one it names. What it says is
    /// read elsewhere.
    pub(crate) fn check_logout_token(&mut self, text: &[u8], host: &dyn Host, now: Time) -> Checked {
        let issuer = Token::parse(text).ok().and_then(|token| token.issuer().map(str::to_owned));
        let index = issuer.and_then(|issuer| self.providers.iter().position(|one| one.claims.knows_issuer(&issuer)));
        match index {
            Some(index) => self.check_given(index, text, None, host, now, |claims, token| claims.check_notice(token)),
            None => Checked::Refused(TokenFault::UnknownIssuer),
        }
    }

    fn check_given(
        &mut self,
        index: usize,
        text: &[u8],
        in_person: Option<Time>,
        host: &dyn Host,
        now: Time,
        check: impl FnOnce(&ClaimSettings, &Token<'_>) -> Result<(), TokenFault>,
    ) -> Checked {
        let Some(claims) = self.providers.get(index).and_then(|one| one.login.as_ref()).map(|login| &login.claims)
        else {
            return Checked::Refused(TokenFault::UnknownIssuer);
        };
        let (leeway, issuer) = (claims.leeway(), claims.issuer().to_owned());
        let checked = Token::parse(text).and_then(|token| check(claims, &token).map(|()| token));
        let signed = checked.and_then(|token| Ok((self.check_signature(index, &token, in_person, host, now)?, token)));
        match signed {
            Err(fault) => Checked::Refused(fault),
            Ok((Signed::Wait(wait), ..)) => Checked::Wait(wait),
            Ok((Signed::Unavailable(rest), ..)) => Checked::Unavailable(rest),
            Ok((Signed::Good(_), token)) => Checked::Good(IdToken {
                issuer,
                expires: claims::expiry(token.claims()),
                typ: token.typ().map(str::to_owned),
                algorithm: token.algorithm(),
                auth_time: claims::auth_time(token.claims()),
                claims: token.claims().clone(),
                leeway,
            }),
        }
    }

    /// Names and labels of the providers that sign in whoever opens `authority`;
    /// of all of them where none is for it in particular.
    pub fn logins(&self, authority: &str) -> Vec<(&str, &str)> {
        let logins = || self.providers.iter().filter_map(|one| one.login.as_ref().map(|login| (one, login)));
        let here = |login: &Login| {
            login
                .settings
                .external_url
                .strip_prefix("https://")
                .is_some_and(|host| host.eq_ignore_ascii_case(authority))
        };
        let any_here = logins().any(|(_, login)| here(login));
        logins()
            .filter(|(_, login)| !any_here || here(login))
            .map(|(one, login)| {
                let name = one.claims.provider();
                (name, login.settings.label.as_deref().unwrap_or(name))
            })
            .collect()
    }

    /// The addresses at which browsers may call us.
    pub fn external_urls(&self) -> impl Iterator<Item = &str> {
        self.providers.iter().filter_map(|one| one.login.as_ref()).map(|login| login.settings.external_url.as_str())
    }

    /// What people call a provider.
    pub fn label(&self, name: &str) -> Option<&str> {
        let provider = self.providers.iter().find(|one| one.claims.provider() == name)?;
        provider.login.as_ref()?.settings.label.as_deref()
    }

    /// Where a provider gives tokens, and the way there.
    fn token_endpoint(&self, name: &str) -> Option<(Endpoint, String)> {
        let provider = self.providers.iter().find(|one| one.claims.provider() == name)?;
        match &provider.login {
            Some(login) => {
                let endpoints = login.settings.endpoints(provider.keys.metadata());
                Some((endpoints.token?, login.settings.cluster.clone()))
            }
            None => Some((provider.keys.metadata().token.clone()?, provider.cluster.clone()?)),
        }
    }

    fn provider_at(&self, index: usize) -> Option<&Provider> {
        self.providers.get(index)
    }

    fn name_at(&self, index: usize) -> Option<&str> {
        self.providers.get(index).map(|one| one.claims.provider())
    }

    /// How a provider signs people in, and where.
    fn login_at(&self, index: usize) -> Option<(&LoginSettings, Metadata)> {
        let provider = self.providers.get(index)?;
        let login = provider.login.as_ref()?;
        Some((&login.settings, login.settings.endpoints(provider.keys.metadata())))
    }

    fn login_of(&self, name: &str) -> Option<(usize, &LoginSettings, Metadata)> {
        let index = self.providers.iter().position(|one| one.claims.provider() == name)?;
        self.login_at(index).map(|(settings, endpoints)| (index, settings, endpoints))
    }

    /// The provider of a session, if it still signs people in under that issuer.
    fn login_provider(&self, name: &str, issuer: &str) -> Option<&Provider> {
        let named = |one: &&Provider| one.claims.provider() == name && one.claims.knows_issuer(issuer);
        self.providers.iter().find(named).filter(|one| one.login.is_some())
    }

    fn knows_issuer(&self, index: usize, issuer: &str) -> bool {
        self.providers.get(index).is_some_and(|one| one.claims.knows_issuer(issuer))
    }

    /// Whether a provider may still be discovered; asks for it.
    fn awaits(&mut self, name: &str, now: Time) -> bool {
        let index = self.providers.iter().position(|one| one.claims.provider() == name);
        index.is_some_and(|index| self.outlook(index, now).is_some())
    }

    /// How long to wait for a provider that was not discovered yet; `None`: it
    /// does not answer.
    fn outlook(&mut self, index: usize, now: Time) -> Option<Duration> {
        let provider = self.providers.get_mut(index)?;
        match provider.keys.outlook(now) {
            Outlook::Wait => Some(provider.settings.wait),
            Outlook::Unavailable(_) | Outlook::Final => None,
        }
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

fn count(progress: &Progress, fresh: Counter, host: &dyn Host) {
    match progress {
        Progress::Fresh => host.count(fresh),
        Progress::Failed(_) => host.count(Counter::KeysFailed),
        Progress::None | Progress::Call(_) => {}
    }
}

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
