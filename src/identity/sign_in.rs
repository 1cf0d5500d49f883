//! People in browsers: logins, sessions, and how they go on and end.
//!
//! Nothing here waits. A login that came back with a code, or a session whose
//! claims end, becomes a grant: the tick makes its calls, the answers move it
//! on, and the request that waits for it asks again.

mod fault;
mod grant;
mod progress;

pub use fault::{LoginFault, Unmet};

use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

use super::Authenticator;
use super::login::{self, Callback, Origin, StepUp};
use super::logout::{EndedSessions, LogoutFault, read_notice};
use super::provider::Provider;
use super::refresh::{Ending, Refresher, Standing, TokenHash};
use super::session::{Found, Session, SessionSettings, Sessions};
use super::{Change, IdToken};
use crate::caller::Caller;
use crate::host::Host;
use crate::http::{Answer, CallId, CallIds, Headers};
use crate::metrics::Counter;
use crate::pointer::Pointer;
use crate::time::Time;
use grant::{Grant, Purpose, Stage};

/// How many grants may be on their way at once, over all people.
const CAPACITY: usize = 1024;
/// Claims are renewed this long before they end, or in the last quarter of
/// shorter ones.
const AHEAD: Duration = Duration::from_secs(60);
/// Cookies are not renewed this long before the claims end: the time in which a
/// response may still bring one ([`SignIn::LATE`]), and the time ahead.
const BEFORE_REFRESH: Duration = Duration::from_secs(120);
/// How long a request waits for a refresh. Within it a call is answered or lost.
const REFRESH_WAIT: Duration = Duration::from_secs(12);

/// Names a login whose code is being exchanged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LoginId(u64);

/// Signs people in and keeps them so.
pub struct SignIn {
    sessions: Sessions,
    refresher: Refresher<Rc<Session>>,
    ended: EndedSessions,
    grants: HashMap<LoginId, Grant>,
    next: u64,
    /// Refresh tokens to be revoked, with the provider's place.
    revocations: Vec<(usize, String)>,
    /// Claims that other rooms look at.
    more_claims: Vec<Pointer>,
}

/// What a request's cookies are worth.
#[derive(Debug)]
pub enum Visit {
    /// There is no session.
    None,
    /// There was one; these cookies delete it.
    Ended(Vec<String>),
    /// Somebody is signed in.
    Known(Visitor),
    /// It depends on a refresh. Ask again when something has changed. The caller
    /// is the session's owner, as it was sealed.
    Wait(Duration, Option<Rc<Caller>>),
}

/// Somebody who is signed in.
#[derive(Clone, Debug)]
pub struct Visitor {
    /// Who.
    pub caller: Rc<Caller>,
    /// `Set-Cookie` values that the response should carry.
    pub cookies: Vec<String>,
    /// When the session ends if nothing is done in it.
    pub ends: Time,
}

/// A login that begins.
pub enum Begin {
    /// The browser is to go there, with this cookie.
    Go {
        /// The provider's authorization endpoint, with parameters.
        location: String,
        /// The attempt.
        cookie: String,
    },
    /// The provider has not been discovered yet.
    Wait(Duration),
    /// The provider does not answer, or there are no random bytes.
    Unavailable(Duration),
}

/// What came of a callback.
pub enum Returned {
    /// The code is being exchanged: ask with this.
    Exchange(LoginId),
    /// This browser has no such attempt any more.
    Orphan {
        /// Where the login was to lead.
        return_path: String,
        /// Whether it was a second start already.
        again: bool,
    },
    /// The provider said no.
    Denied {
        /// RFC 6749's word.
        error: String,
        /// The provider's own words.
        description: Option<String>,
        /// Where the login was to lead.
        return_path: String,
        /// What was asked of the sign-in.
        step_up: Option<StepUp>,
        /// The attempt is over: this cookie deletes it.
        cookie: String,
    },
    /// It is no answer to anything; the reason for the record.
    Bad(&'static str),
    /// Too many at once.
    Overloaded,
}

/// How a login ended.
pub enum Landed {
    /// Signed in.
    In {
        /// Who.
        caller: Option<Rc<Caller>>,
        /// The cookies of the session.
        cookies: Vec<String>,
        /// Where to go now.
        return_path: String,
    },
    /// Not signed in.
    Failed {
        /// Why.
        fault: LoginFault,
        /// The attempt is over: these cookies delete it.
        cookies: Vec<String>,
        /// Where the login was to lead.
        return_path: String,
    },
}

/// What signing out leads to.
pub struct SignedOut {
    /// Who, if it was a session.
    pub caller: Option<Rc<Caller>>,
    /// These cookies delete what the browser has.
    pub cookies: Vec<String>,
    /// The provider's own sign-out, if it has one.
    pub location: Option<String>,
}

impl SignIn {
    /// A response this long after its request brings no cookie any more: the
    /// browser may have a newer session by now, or have signed out. Whoever has
    /// no other request within the two minutes in which a refresh is remembered
    /// signs in again.
    pub const LATE: Duration = Duration::from_secs(10);

    /// Nobody is signing in yet. `shared`: whether workers share refreshes and
    /// sign-outs. `more_claims` are those that other rooms look at.
    pub(crate) fn new(settings: SessionSettings, shared: bool, more_claims: Vec<Pointer>, host: &dyn Host) -> SignIn {
        let sessions = Sessions::new(settings);
        let refresher = Refresher::new(shared);
        refresher.prepare(host);
        let ended = EndedSessions::new(shared, sessions.lifetime());
        ended.prepare(host);
        let (grants, next, revocations) = (HashMap::new(), 0, Vec::new());
        SignIn { sessions, refresher, ended, grants, next, revocations, more_claims }
    }

    /// Who is signed in.
    pub fn visit(&mut self, auth: &Authenticator, headers: &Headers, host: &dyn Host, now: Time) -> Visit {
        let (session, by_first_key) = match self.sessions.find(headers, now) {
            Found::None => return Visit::None,
            Found::Bad => return Visit::Ended(self.sessions.expired(headers)),
            Found::Open { session, by_first_key } => (session, by_first_key),
        };
        if !by_first_key {
            host.count(Counter::SessionByOlderKey);
        }
        let is_ended = |ended: &EndedSessions, session: &Session| {
            ended.is_ended(&session.issuer, &session.subject, session.sid.as_deref(), session.begun)
        };
        let Some(provider) = auth.login_provider(&session.provider, &session.issuer) else {
            return Visit::Ended(self.sessions.expired(headers));
        };
        if is_ended(&self.ended, &session) {
            return Visit::Ended(self.sessions.expired(headers));
        }
        let Some(token) = session.refresh_token.as_deref().filter(|_| claims_end_soon(&session, now)) else {
            // Not shortly before a refresh: a response that came after it would
            // bring the old refresh token back.
            let settled = session.refresh_token.is_none() || now.plus(BEFORE_REFRESH) < session.valid_until;
            let cookies = if settled { self.seen_again(&session, by_first_key, now) } else { Vec::new() };
            return self.known(provider, &session, cookies, headers);
        };
        let hash = TokenHash::of(&session.issuer, token, session.valid_until);
        match self.refresher.ask(hash, &session, host, now) {
            Standing::Renewed(sealed) => match self.sessions.open(&sealed, now) {
                Some(renewed) if !is_ended(&self.ended, &renewed) => {
                    let cookies = self.sessions.cookies_of(&sealed);
                    self.known(provider, &renewed, cookies, headers)
                }
                _ => Visit::Ended(self.sessions.expired(headers)),
            },
            Standing::Ended => Visit::Ended(self.sessions.expired(headers)),
            // The provider does not authenticate the gateway, so it vouches for no
            // new claims: the old ones hold until they expire.
            Standing::ClientRefused if now >= session.valid_until => Visit::Ended(self.sessions.expired(headers)),
            // While the provider is away nobody is locked out; the hard limit
            // holds, since `find` looked.
            Standing::Outage | Standing::ClientRefused => {
                let cookies = self.seen_again(&session, by_first_key, now);
                self.known(provider, &session, cookies, headers)
            }
            Standing::Pending if now < session.valid_until => self.known(provider, &session, Vec::new(), headers),
            Standing::Pending => {
                Visit::Wait(REFRESH_WAIT, provider.caller_of_session(&session, self.sessions.end_of(&session)))
            }
        }
    }

    /// The cookies that say that the session was used, if it is time.
    fn seen_again(&self, session: &Session, by_first_key: bool, now: Time) -> Vec<String> {
        match self.sessions.is_to_be_renewed(session, by_first_key, now) {
            true => self.sessions.cookies(&session.seen_again(now)).unwrap_or_default(),
            false => Vec::new(),
        }
    }

    fn known(&self, provider: &Provider, session: &Session, cookies: Vec<String>, headers: &Headers) -> Visit {
        let ends = self.sessions.end_of(session);
        match provider.caller_of_session(session, ends) {
            Some(caller) => Visit::Known(Visitor { caller, cookies, ends }),
            // The settings ask for more than the session says by now.
            None => Visit::Ended(self.sessions.expired(headers)),
        }
    }

    /// Sends a browser to a provider.
    pub fn begin(
        &self,
        auth: &mut Authenticator,
        origin: &Origin<'_>,
        headers: &Headers,
        host: &dyn Host,
        now: Time,
    ) -> Begin {
        let Some((index, settings, endpoints)) = auth.login_of(origin.provider) else {
            return Begin::Unavailable(Duration::from_secs(1));
        };
        if endpoints.authorization.is_none() {
            return match auth.outlook(index, now) {
                Some(wait) => Begin::Wait(wait),
                None => Begin::Unavailable(Duration::from_secs(1)),
            };
        }
        match login::start(settings, &endpoints, self.sessions.keys(), headers, origin, host, now) {
            Some(start) => Begin::Go { location: start.location, cookie: start.set_cookie },
            None => Begin::Unavailable(Duration::from_secs(1)),
        }
    }

    /// A browser came back from a provider.
    pub fn returned(
        &mut self,
        auth: &Authenticator,
        provider: &str,
        headers: &Headers,
        query: Option<&[u8]>,
        now: Time,
    ) -> Returned {
        let Some((index, _, endpoints)) = auth.login_of(provider) else {
            return Returned::Bad("callback_unknown_provider");
        };
        let issuer = |issuer: &str| auth.knows_issuer(index, issuer);
        match login::callback(provider, issuer, &endpoints, self.sessions.keys(), headers, query, now) {
            Callback::Code(code) => match self.add(index, Purpose::Login(code), now) {
                Some(id) => Returned::Exchange(id),
                None => Returned::Overloaded,
            },
            Callback::Orphan { return_path, again } => Returned::Orphan { return_path, again },
            Callback::Denied { error, description, return_path, step_up, slot } => {
                Returned::Denied { error, description, return_path, step_up, cookie: slot.expired() }
            }
            Callback::Bad(fault) => Returned::Bad(fault.reason()),
        }
    }

    /// How a login ended; `None`: not yet. To be asked once, by the browser that
    /// brought the code.
    pub fn landed(&mut self, auth: &Authenticator, id: LoginId) -> Option<Landed> {
        match self.grants.get(&id).map(|grant| &grant.stage) {
            Some(Stage::Done(_)) => {}
            Some(_) => return None,
            None => return Some(lost()),
        }
        let Some(Grant { purpose: Purpose::Login(code), stage: Stage::Done(outcome), .. }) = self.grants.remove(&id)
        else {
            return Some(lost());
        };
        let mut over = vec![code.slot.expired()];
        let return_path = code.return_path;
        let signed = outcome.and_then(|signed| {
            let cookies = self.sessions.cookies(&signed.session).map_err(LoginFault::TooLarge)?;
            Ok((signed, cookies))
        });
        Some(match signed {
            Err(fault) => Landed::Failed { fault, cookies: over, return_path },
            Ok((signed, cookies)) => {
                over.extend(cookies);
                let caller = self.caller(auth, &signed.session);
                let end = signed.session.begun.plus(self.sessions.lifetime());
                let id_token = signed.id_token.as_deref().filter(|_| self.sessions.keep_id_token());
                over.extend(id_token.and_then(|token| self.sessions.id_token_cookie(token, end)));
                Landed::In { caller, cookies: over, return_path }
            }
        })
    }

    /// Whose session it is.
    fn caller(&self, auth: &Authenticator, session: &Session) -> Option<Rc<Caller>> {
        let provider = auth.login_provider(&session.provider, &session.issuer)?;
        provider.caller_of_session(session, self.sessions.end_of(session))
    }

    /// The browser that brought a code is gone.
    pub fn forget(&mut self, id: LoginId) {
        self.grants.remove(&id);
    }

    /// Ends the session here, has its refresh token revoked, and says where the
    /// provider's own session is ended.
    pub fn sign_out(&mut self, auth: &Authenticator, headers: &Headers, now: Time) -> SignedOut {
        let found = self.sessions.find(headers, now);
        let id_token = self.sessions.id_token(headers, now);
        let mut cookies = self.sessions.expired(headers);
        cookies.extend(login::attempts_expired(headers));
        let Found::Open { session, .. } = found else {
            return SignedOut { caller: None, cookies, location: None };
        };
        let login = auth.login_of(&session.provider);
        let location = login.as_ref().and_then(|(index, settings, endpoints)| {
            if let Some(token) = &session.refresh_token {
                let revocation = (*index, token.clone());
                // One session that signs out many times causes one call a tick.
                if self.revocations.len() < CAPACITY && !self.revocations.contains(&revocation) {
                    self.revocations.push(revocation);
                }
            }
            login::end_session(settings, endpoints, id_token.as_deref())
        });
        SignedOut { caller: self.caller(auth, &session), cookies, location }
    }

    /// A provider says that somebody signed out elsewhere (OpenID Connect
    /// Back-Channel Logout 1.0). The token was verified as `claims`.
    pub fn end_by_notice(&mut self, token: &IdToken, host: &dyn Host, now: Time) -> Result<(), LogoutFault> {
        let notice = read_notice(&token.claims, token.typ.as_deref(), now, token.leeway)?;
        let notice = notice.by(&token.issuer);
        if !self.ended.end(&notice, host, now) {
            log::warn!("a sign-out from elsewhere holds in this worker only: there is no shared data");
        }
        Ok(())
    }

    /// Makes the calls that are due.
    pub fn tick(&mut self, auth: &mut Authenticator, ids: &mut CallIds, host: &dyn Host, now: Time) -> Change {
        let mut change = Change::default();
        self.ended.tick(host, now);
        let due = self.refresher.tick(host, now);
        change.settled = due.settled;
        for (hash, session) in due.begin {
            let index = auth.login_of(&session.provider).map(|(index, ..)| index);
            let began = index.and_then(|index| self.add(index, Purpose::Refresh(hash, session), now));
            if began.is_none() {
                self.refresher.finish(hash, Ending::Outage, host, now);
            }
        }
        for (index, token) in std::mem::take(&mut self.revocations) {
            if let Some((settings, endpoints)) = auth.login_at(index) {
                // Nobody waits for the answer: the session has ended here.
                change.calls.extend(login::revoke(settings, &endpoints, &token, ids.take(), host, now));
            }
        }
        let work: Vec<LoginId> =
            self.grants.iter().filter(|(_, grant)| grant.needs_tick(now)).map(|(id, _)| *id).collect();
        for id in work {
            self.advance(id, auth, ids, host, now, &mut change);
        }
        change
    }

    /// Takes the answer to a call; anything unexpected is dropped.
    pub fn answer(
        &mut self,
        id: CallId,
        answer: &Answer,
        auth: &mut Authenticator,
        ids: &mut CallIds,
        host: &dyn Host,
        now: Time,
    ) -> Change {
        let mut change = Change::default();
        let found = self.grants.iter().find(|(_, grant)| grant.waits_for(id)).map(|(grant, _)| *grant);
        let Some(grant_id) = found else {
            return change;
        };
        let Some(mut grant) = self.grants.remove(&grant_id) else {
            return change;
        };
        self.hear(&mut grant, answer, auth, now);
        self.grants.insert(grant_id, grant);
        self.advance(grant_id, auth, ids, host, now, &mut change);
        change
    }

    fn add(&mut self, provider: usize, purpose: Purpose, now: Time) -> Option<LoginId> {
        if self.grants.len() >= CAPACITY {
            return None;
        }
        let id = LoginId(self.next);
        self.next = self.next.wrapping_add(1);
        self.grants.insert(id, Grant { provider, purpose, stage: Stage::Due, answered: None, since: now });
        Some(id)
    }
}

fn claims_end_soon(session: &Session, now: Time) -> bool {
    let quarter = session.valid_until.since(session.seen).checked_div(4).unwrap_or_default();
    now.plus(AHEAD.min(quarter)) >= session.valid_until
}

/// Somebody asks for a login that is not known: it was given up.
fn lost() -> Landed {
    Landed::Failed { fault: LoginFault::Unavailable, cookies: Vec::new(), return_path: "/".to_owned() }
}
