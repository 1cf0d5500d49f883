//! Decides who sent a token.

#[cfg(not(target_arch = "wasm32"))]
mod desk;
mod directory;

use std::rc::Rc;
use std::time::Duration;

use serde_json::{Map, Value};

use super::cache::TokenCache;
use super::claims::{self, ClaimSettings};
use super::key_store::{Outlook, Progress};
use super::keys::{KeyFingerprint, Selection};
use super::provider::Provider;
use super::signature::{CheckPath, SignatureChecker, SignatureMode};
use super::token::Token;
use super::{Change, TokenFault};
use crate::algorithm::Algorithm;
use crate::caller::Caller;
use crate::host::Host;
use crate::http::{Answer, CallId, CallIds};
use crate::metrics::Counter;
use crate::time::Time;

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
    pub(super) claims: Map<String, Value>,
    pub(super) typ: Option<String>,
    pub(super) algorithm: Algorithm,
    /// The provider's own issuer, also where the token came under an alias.
    pub(super) issuer: String,
    /// `exp`.
    pub(super) expires: Time,
    pub(super) auth_time: Option<Time>,
    pub(super) leeway: Duration,
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

impl Authenticator {
    /// Starts with no remote keys; [`Authenticator::tick`] fetches them.
    pub(super) fn new(providers: Vec<Provider>, signatures: SignatureMode, host: &dyn Host) -> Authenticator {
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
    pub(super) fn check_id_token(
        &mut self,
        index: usize,
        text: &[u8],
        since: Time,
        host: &dyn Host,
        now: Time,
    ) -> Checked {
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
