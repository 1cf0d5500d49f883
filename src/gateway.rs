//! A request's way through all rooms: who, what, may they, where to.
//!
//! The gateway does no I/O. The host hands it events and carries out what it
//! answers; a request that depends on a provider waits on a list in here, and
//! comes back as a [`Wake`] when the provider has answered or time is up.

mod refusal;
mod reserved;
mod response;
mod waiting;

use std::rc::Rc;

use crate::access::{Access, Effect, Operation, Permit};
use crate::affinity::{Affinity, Bearer, Stay};
use crate::caller::Caller;
use crate::config::Settings;
use crate::host::Host;
use crate::http::{Answer, Call, CallId, Edit, Edits, Headers, Reply, Request};
use crate::identity::{Authenticator, Change, Credentials, Verdict};
use crate::routing::{Asker, Class, Routing};
use crate::time::Time;
use crate::upstream::{Stamp, Upstream};
use refusal::Refusal;
use waiting::{Waiter, Waiting};

pub use response::Exchange;

/// The host's name for one request, as long as that lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct StreamId(pub u32);

/// What to do with a request.
#[derive(Debug)]
pub enum Step {
    /// Send it on, changed.
    Forward(Forward),
    /// Answer it here.
    Reply {
        /// The answer.
        reply: Reply,
        /// Why, in one word for the record.
        reason: &'static str,
    },
    /// Hold it: a [`Wake`] for this stream follows.
    Await,
}

/// The leave to send a request on. It cannot be made without a [`Permit`].
#[derive(Debug)]
pub struct Forward {
    /// What to change in the request's headers, in order.
    pub edits: Edits,
    /// What the response needs to know later.
    pub exchange: Exchange,
}

/// A request that waited and now has its answer.
#[derive(Debug)]
pub struct Wake {
    /// Which request.
    pub stream: StreamId,
    /// What to do with it; never [`Step::Await`].
    pub step: Step,
}

/// What an event that is no request led to.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Calls to make.
    pub calls: Vec<Call>,
    /// Requests that wait no longer.
    pub wakes: Vec<Wake>,
}

/// The gateway.
pub struct Gateway {
    authenticator: Authenticator,
    access: Access,
    routing: Routing,
    affinity: Affinity,
    upstream: Upstream,
    waiting: Waiting,
}

/// Who sent a request, as far as it is known yet.
enum Sender {
    Known(Rc<Caller>),
    /// Depends on a provider, for at most this long.
    Later(std::time::Duration),
}

impl Gateway {
    /// A gateway without keys; [`Gateway::on_tick`] fetches them.
    pub fn new(settings: Settings, host: &dyn Host) -> Gateway {
        let Settings { identity, access, routing, affinity, upstream } = settings;
        let authenticator = Authenticator::new(identity, host);
        Gateway { authenticator, access, routing, affinity, upstream, waiting: Waiting::default() }
    }

    /// Decides about a request.
    pub fn on_request(&mut self, stream: StreamId, headers: Headers, host: &dyn Host, now: Time) -> Step {
        let request_id = request_id(&headers, host);
        match Request::new(headers) {
            Ok(request) => self.decide(stream, Waiter { request, request_id, deadline: None }, host, now),
            Err(refusal) => refuse(&Refusal::BadRequest(refusal.reason()), &request_id, false),
        }
    }

    /// A request ended before its answer came.
    pub fn on_stream_end(&mut self, stream: StreamId) {
        self.waiting.remove(stream);
    }

    /// Time passed: makes the calls that are due and sends those away who have
    /// waited long enough. To be called a few times a second.
    pub fn on_tick(&mut self, host: &dyn Host, now: Time) -> Outcome {
        let change = self.authenticator.tick(host, now);
        let mut outcome = self.settle(change, host, now);
        if outcome.wakes.is_empty() {
            outcome.wakes = self.send_away(now);
        }
        outcome
    }

    /// The answer to a call came. One that nobody waits for is dropped.
    pub fn on_called(&mut self, id: CallId, answer: &Answer, host: &dyn Host, now: Time) -> Outcome {
        let change = self.authenticator.answer(id, answer, host, now);
        self.settle(change, host, now)
    }

    /// Whether the response to a request has to be looked at.
    pub fn wants_response(&self, exchange: &Exchange, now: Time) -> bool {
        self.affinity.wants_response(&exchange.stay, now)
    }

    /// What to change in the headers of the upstream's response.
    pub fn on_response(&self, exchange: &Exchange, headers: &Headers, now: Time) -> Edits {
        response::edits(&self.affinity, exchange, headers, now)
    }

    fn settle(&mut self, change: Change, host: &dyn Host, now: Time) -> Outcome {
        if change.settled {
            self.waiting.call_all();
        }
        let mut wakes = Vec::new();
        for (stream, waiter) in self.waiting.take_called() {
            match self.decide(stream, waiter, host, now) {
                Step::Await => {}
                step => wakes.push(Wake { stream, step }),
            }
        }
        Outcome { calls: change.calls, wakes }
    }

    /// Answers those who have waited long enough.
    fn send_away(&mut self, now: Time) -> Vec<Wake> {
        let refusal = Refusal::ProviderUnavailable(std::time::Duration::from_secs(1));
        let answer = |(stream, waiter): (StreamId, Waiter)| {
            let step = refuse(&refusal, &waiter.request_id, waiter.request.is_navigation());
            Wake { stream, step }
        };
        self.waiting.take_late(now).into_iter().map(answer).collect()
    }

    fn decide(&mut self, stream: StreamId, mut waiter: Waiter, host: &dyn Host, now: Time) -> Step {
        if let Some(step) = reserved::answer(&waiter.request, &waiter.request_id, self.authenticator.is_ready(now)) {
            return step;
        }
        let outcome = match self.access.permit_public(&waiter.request) {
            Some(permit) => {
                let operation = self.access.operation(&waiter.request).copied();
                Ok(self.forward(&waiter, None, operation.as_ref(), permit, host, now))
            }
            None => self.admit(&waiter, host, now),
        };
        match outcome {
            Ok(step) => step,
            Err(Wanting::Refused(refusal)) => refuse(&refusal, &waiter.request_id, waiter.request.is_navigation()),
            Err(Wanting::Later(wait)) => {
                let (page, request_id) = (waiter.request.is_navigation(), waiter.request_id.clone());
                waiter.deadline = waiter.deadline.or(Some(now.plus(wait)));
                match self.waiting.add(stream, waiter) {
                    true => Step::Await,
                    false => refuse(&Refusal::Overloaded, &request_id, page),
                }
            }
        }
    }

    /// Everything but the public: who, may they, and then on.
    fn admit(&mut self, waiter: &Waiter, host: &dyn Host, now: Time) -> Result<Step, Wanting> {
        let caller = match self.sender(&waiter.request, host, now)? {
            Sender::Known(caller) => caller,
            Sender::Later(wait) => return Err(Wanting::Later(wait)),
        };
        let operation = self.access.operation(&waiter.request).copied();
        let permit = self.access.permit_known(&waiter.request, operation.as_ref());
        let permit = permit.map_err(|denial| Refusal::Denied(denial, operation.map(|operation| operation.name)))?;
        Ok(self.forward(waiter, Some(&caller), operation.as_ref(), permit, host, now))
    }

    fn sender(&mut self, request: &Request, host: &dyn Host, now: Time) -> Result<Sender, Refusal> {
        let header = self.upstream.credentials_header();
        let token = match Credentials::read(request.headers(), header) {
            Credentials::Bearer(token) => token,
            Credentials::None => return Err(Refusal::NoCredentials),
            Credentials::OtherScheme => return Err(Refusal::OtherScheme),
            Credentials::Malformed => return Err(Refusal::BadCredentials),
        };
        match self.authenticator.verify(token, host, now) {
            Verdict::Known(caller) => Ok(Sender::Known(caller)),
            Verdict::Wait(wait) => Ok(Sender::Later(wait)),
            Verdict::Refused(fault) => Err(Refusal::BadToken(fault)),
            Verdict::Unavailable(rest) => Err(Refusal::ProviderUnavailable(rest)),
        }
    }

    fn forward(
        &mut self,
        waiter: &Waiter,
        caller: Option<&Caller>,
        operation: Option<&Operation>,
        permit: Permit,
        host: &dyn Host,
        now: Time,
    ) -> Step {
        let Gateway { routing, affinity, upstream, .. } = self;
        let headers = waiter.request.headers();
        let mut edits = Edits::new();
        upstream.strip(headers, affinity.cookie_name(), &mut edits);

        let role = permit.role().map(|role| role.name());
        let stamp = Stamp { caller, role, request_id: &waiter.request_id };
        upstream.stamp(headers, &stamp, &mut edits);

        let asker = Asker {
            role,
            client: caller.and_then(|caller| caller.client.as_deref()),
            claims: caller.map(|caller| &caller.claims),
        };
        let route = routing.route(&waiter.request, &asker, operation.is_some_and(|operation| operation.slow));
        edits.push(Edit::Set("x-airgate-route".into(), route.class.name().into()));
        if let Some(name) = route.upstream {
            edits.push(Edit::Set("x-airgate-upstream".into(), name.into()));
        }
        edits.extend(route.headers.iter().map(|(name, value)| Edit::Set(name.to_owned().into(), value.into())));
        if is_repeatable(&waiter.request, operation) {
            edits.push(Edit::Set("x-airgate-retry".into(), b"safe".to_vec()));
        }

        // A health check belongs to nobody: no cookie for load balancers.
        let stay = match route.class {
            Class::Health => Stay::default(),
            _ => affinity.on_request(headers, caller.map(bearer), host, now),
        };
        stamp_stay(&stay, &mut edits);
        if let Some(path) = waiter.request.target().rewrite() {
            edits.push(Edit::Set(":path".into(), path));
        }
        Step::Forward(Forward { edits, exchange: Exchange::new(permit, stay) })
    }
}

/// Why [`Gateway::admit`] has nothing to forward.
enum Wanting {
    Refused(Refusal),
    Later(std::time::Duration),
}

impl From<Refusal> for Wanting {
    fn from(refusal: Refusal) -> Wanting {
        Wanting::Refused(refusal)
    }
}

fn refuse(refusal: &Refusal, request_id: &str, page: bool) -> Step {
    Step::Reply { reply: refusal.reply(request_id, page), reason: refusal.reason() }
}

fn bearer(caller: &Caller) -> Bearer<'_> {
    Bearer { provider: &caller.provider, subject: &caller.subject, client: caller.client.as_deref() }
}

fn stamp_stay(stay: &Stay, edits: &mut Edits) {
    if let Some(key) = stay.key() {
        edits.push(Edit::Set("x-airgate-affinity".into(), key.into()));
    }
    if let Some(pin) = stay.pin() {
        edits.push(Edit::Set("x-airgate-pin".into(), pin.into()));
    }
}

/// Whether the proxy may send the request twice. Nearly every operation of
/// Airbyte is a POST, so only its own list can tell; for pages and files the
/// method does. Long calls start work even where they only read.
fn is_repeatable(request: &Request, operation: Option<&Operation>) -> bool {
    match operation {
        Some(operation) => operation.effect == Effect::Reads && !operation.slow,
        None => {
            let path = request.target().matched();
            let api = path == "/api" || path.starts_with("/api/");
            !api && matches!(request.method(), "GET" | "HEAD")
        }
    }
}

/// The proxy's id of the request where it is one, else our own.
fn request_id(headers: &Headers, host: &dyn Host) -> String {
    let sent = headers.first("x-request-id").and_then(|id| std::str::from_utf8(id).ok());
    let sane = |id: &&str| {
        (1..=128).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte))
    };
    match sent.filter(sane) {
        Some(id) => id.to_owned(),
        None => {
            // Only a name: without random bytes it is all zeros, and harmless.
            let mut random = [0; 16];
            host.random(&mut random);
            random.iter().map(|byte| format!("{byte:02x}")).collect()
        }
    }
}

#[cfg(test)]
mod tests;
