//! Bearer tokens alone.

use std::time::Duration;

use serde_json::Value;

use crate::access::Public;
use crate::audit::Record;
use crate::caller::Auth;
use crate::decision::Decision;
use crate::gateway::refusal::Refusal;
use crate::gateway::waiting::{Waiter, Waiting, ask_again};
use crate::gateway::{Forward, Gate, Outcome, Step, StreamId, Wake, Wanting, read_token, request_id};
use crate::host::Host;
use crate::http::{Answer, CallId, CallIds, Edits, Headers, Request};
use crate::identity::{Authenticator, Change, TrustSettings};
use crate::settings::{self, Environment, Mistake};
use crate::time::Time;
use crate::upstream::{Stamp, Upstream};

/// Lets in whoever brings a token of a known provider, and says who that is.
pub struct TokensAlone {
    public: Public,
    authenticator: Authenticator,
    upstream: Upstream,
    ids: CallIds,
    waiting: Waiting,
}

impl Gate for TokensAlone {
    type Exchange = ();

    const TICKS: bool = true;

    fn open(config: &Value, environment: Environment<'_>, host: &dyn Host) -> Result<TokensAlone, Vec<Mistake>> {
        let (public, trust, upstream) = settings::read(config, environment, |root| {
            Some((Public::read(root), TrustSettings::read(root, None), Upstream::read_for_tokens(root)))
        })?;
        let authenticator = trust.open(host);
        Ok(TokensAlone { public, authenticator, upstream, ids: CallIds::default(), waiting: Waiting::default() })
    }

    fn on_request(&mut self, stream: StreamId, headers: Headers, ends: bool, host: &dyn Host, now: Time) -> Step<()> {
        let id = request_id(&headers, host);
        match Request::new(headers) {
            Ok(request) => self.decide(stream, Waiter::new(request, id, ends, now), host, now),
            Err(refusal) => super::refuse(&Refusal::BadRequest(refusal.reason()), &id, host),
        }
    }

    fn on_stream_end(&mut self, stream: StreamId) {
        self.waiting.remove(stream);
    }

    fn on_tick(&mut self, host: &dyn Host, now: Time) -> Outcome<()> {
        let change = self.authenticator.tick(&mut self.ids, host, now);
        let mut outcome = self.settle(change, host, now);
        let late = self.send_away(outcome.wakes.len(), host, now);
        outcome.wakes.extend(late);
        outcome
    }

    fn on_called(&mut self, id: CallId, answer: &Answer, host: &dyn Host, now: Time) -> Outcome<()> {
        let change = self.authenticator.answer(id, answer, &mut self.ids, host, now);
        self.settle(change, host, now)
    }

    fn on_undecided(&mut self, stream: StreamId, reason: &'static str, host: &dyn Host, _: Time) -> Option<Record> {
        let reason = if self.waiting.remove(stream).is_some() { "client_gone" } else { reason };
        host.count_decision(Decision::Deny, reason);
        None
    }
}

impl TokensAlone {
    fn decide(&mut self, stream: StreamId, mut waiter: Waiter, host: &dyn Host, now: Time) -> Step<()> {
        let wait = match self.judge(&waiter, host, now) {
            Ok(edits) => return Step::Forward(Forward { edits, exchange: (), record: None }),
            Err(Wanting::Refused(refusal)) => return super::refuse(&refusal, &waiter.request_id, host),
            Err(Wanting::Later(wait)) => wait,
            // No body is ever asked for.
            Err(Wanting::Body(..)) => Duration::ZERO,
        };
        waiter.deadline = waiter.deadline.or(Some(now.plus(wait)));
        match self.waiting.add(stream, waiter, host) {
            Ok(()) => Step::Await,
            Err(refused) => {
                let (waiter, exceeded) = *refused;
                host.count(waiter.list().counter());
                super::refuse(&Refusal::Limit(exceeded), &waiter.request_id, host)
            }
        }
    }

    fn judge(&mut self, waiter: &Waiter, host: &dyn Host, now: Time) -> Result<Edits, Wanting> {
        let Waiter { request, request_id, .. } = waiter;
        let headers = request.headers();
        let caller = match self.public.covers(request) {
            true => None,
            false => {
                let field = self.upstream.credentials_header();
                let caller = read_token(&mut self.authenticator, headers, field, host, now)?;
                Some(caller.ok_or(Refusal::NoCredentials)?)
            }
        };
        let mut stripped = self.upstream.strip_for_tokens(headers);
        let auth = caller.as_ref().map(|_| Auth::Bearer.name());
        self.upstream.stamp_facts(&Stamp { caller: caller.as_deref(), auth, role: None, request_id }, &mut stripped);
        let mut edits = stripped.finish();
        if let Some(path) = request.target().rewrite() {
            edits.set(":path", path);
        }
        host.count_decision(Decision::Allow, if caller.is_some() { "token" } else { "public" });
        Ok(edits)
    }

    fn settle(&mut self, change: Change, host: &dyn Host, now: Time) -> Outcome<()> {
        let called = self.waiting.take_called(change.settled);
        let wakes = ask_again(called, |stream, waiter| self.decide(stream, waiter, host, now));
        Outcome { calls: change.calls, wakes }
    }

    /// Answers those who have waited long enough.
    fn send_away(&mut self, answered: usize, host: &dyn Host, now: Time) -> Vec<Wake<()>> {
        let refusal = Refusal::ProviderUnavailable(Duration::from_secs(1));
        let late = self.waiting.take_late(answered, now).into_iter();
        late.map(|(stream, waiter)| Wake { stream, step: super::refuse(&refusal, &waiter.request_id, host) }).collect()
    }
}
