//! A request's way through all rooms: who, what, may they, where to.
//!
//! The gateway does no I/O. The host hands it events and carries out what it
//! answers; a request that depends on a provider waits on a list in here, and
//! comes back as a [`Wake`] when the provider has answered or time is up.

mod account;
mod alone;
mod browser;
#[cfg(not(target_arch = "wasm32"))]
mod explain;
mod gate;
mod machine;
mod origin;
mod refusal;
mod reserved;
mod response;
mod step;
mod waiting;

use std::rc::Rc;
use std::time::Duration;

use crate::access::{
    self, Access, BodyNeed, BodyQuestion, Denial, Effect, Errand, Foresight, Operation, Permit, Prospect, Question,
    Role, Trace,
};
use crate::address;
use crate::affinity::{Affinity, Bearer, Stay};
use crate::audit::{Audit, Field};
use crate::caller::{Auth, Caller};
use crate::config::{Bodies, Settings};
use crate::host::Host;
use crate::http::{Answer, CallId, CallIds, Content, Edits, Headers, Request, Stripped};
use crate::identity::{Authenticator, Change, Credentials, Relay, SignIn, Verdict, Visit, Visitor};
use crate::page::Branding;
use crate::routing::{self, Class, Route, Routing};
use crate::time::Time;
use crate::upstream::{Stamp, Upstream};
use account::Judged;
use refusal::Refusal;
use waiting::{Exceeded, List, Waiter, Waiting, ask_again};

pub use alone::{AffinityAlone, RoutingAlone, TokensAlone};
#[cfg(not(target_arch = "wasm32"))]
pub use explain::{Asker, Explained, Inquiry};
pub use gate::Gate;
pub use response::Exchange;
pub use step::{Advance, Body, Forward, Head, Outcome, Step, StreamId, Wake};

/// The gateway.
pub struct Gateway {
    external_url: String,
    bodies: Bodies,
    authenticator: Authenticator,
    sign_in: Option<SignIn>,
    relay: Option<Relay>,
    access: Access,
    routing: Routing,
    affinity: Affinity,
    upstream: Upstream,
    branding: Branding,
    audit: Audit,
    ids: CallIds,
    waiting: Waiting,
}

/// Who sent a request.
enum Sender {
    /// The bearer of a token.
    Bearer(Rc<Caller>),
    /// Somebody with a session.
    Visitor(Visitor),
}

impl Sender {
    fn caller(&self) -> &Caller {
        match self {
            Sender::Bearer(caller) => caller,
            Sender::Visitor(visitor) => &visitor.caller,
        }
    }

    /// How it is known.
    fn auth(&self) -> Auth {
        match self {
            Sender::Bearer(_) => Auth::Bearer,
            Sender::Visitor(_) => Auth::Session,
        }
    }
}

impl Gateway {
    /// How long a browser waits for its login, or a machine for its token. The
    /// calls to the provider have ended by then, one way or another.
    const LOGIN_WAIT: Duration = Duration::from_secs(20);

    /// A gateway without keys; [`Gateway::on_tick`] fetches them.
    pub fn new(settings: Settings, host: &dyn Host) -> Gateway {
        let Settings { external_url, bodies, identity, access, routing, affinity, upstream, branding, audit } =
            settings;
        let claims = routing.claims().chain(access.claims()).cloned().collect();
        let (authenticator, sign_in, relay) = identity.open(claims, host);
        Gateway {
            external_url,
            bodies,
            authenticator,
            sign_in,
            relay,
            access,
            routing,
            affinity,
            upstream,
            branding,
            audit,
            ids: CallIds::default(),
            waiting: Waiting::default(),
        }
    }

    /// Decides about a request. `ends`: nothing follows its headers.
    pub fn on_request(&mut self, stream: StreamId, headers: Headers, ends: bool, host: &dyn Host, now: Time) -> Step {
        let request_id = request_id(&headers, host);
        match Request::new(headers) {
            Ok(request) => self.decide(stream, Waiter::new(request, request_id, ends, now), host, now),
            Err(refusal) => self.refuse(&Refusal::BadRequest(refusal.reason()), &request_id, None, host, now),
        }
    }

    /// The body that was asked for has come.
    pub fn on_body(&mut self, stream: StreamId, body: Body, host: &dyn Host, now: Time) -> Step {
        match self.waiting.take_reader(stream) {
            Some(waiter) => self.decide(stream, Waiter { body: Some(body), ..waiter }, host, now),
            None => self.refuse(&Refusal::BodyUnexpected, "", None, host, now),
        }
    }

    /// A request whose headers went ahead was answered before its body had come:
    /// the upstream's answer must not pass, since there is no permit. One of the
    /// proxy's own may.
    pub fn on_early_answer(&mut self, stream: StreamId, host: &dyn Host, now: Time) -> Step {
        let waiter = self.waiting.take_reader(stream);
        let request_id = waiter.as_ref().map(|waiter| waiter.request_id.clone()).unwrap_or_default();
        self.refuse(&Refusal::AnsweredEarly, &request_id, waiter.as_ref(), host, now)
    }

    /// A request ended before its answer came.
    pub fn on_stream_end(&mut self, stream: StreamId) {
        if let Some(waiter) = self.waiting.remove(stream) {
            self.forget(&waiter);
        }
    }

    /// Nobody is left to take what was asked for.
    fn forget(&mut self, waiter: &Waiter) {
        if let (Some(sign_in), Some(login)) = (&mut self.sign_in, waiter.login) {
            sign_in.forget(login);
        }
        if let (Some(relay), Some(asked)) = (&mut self.relay, waiter.relay) {
            relay.forget(asked);
        }
    }

    /// Ends the wait of a request that is about to be refused: cancels the call
    /// that was to be made for it, and keeps the cookies that are due.
    fn give_up(&mut self, waiter: &mut Waiter) {
        self.forget(waiter);
        if let Some(ahead) = waiter.ahead.take() {
            waiter.cookies = ahead.cookies;
        }
    }

    /// Time passed: makes the calls that are due and sends those away who have
    /// waited long enough. To be called a few times a second.
    pub fn on_tick(&mut self, host: &dyn Host, now: Time) -> Outcome {
        let mut change = self.authenticator.tick(&mut self.ids, host, now);
        if let Some(sign_in) = &mut self.sign_in {
            change.join(sign_in.tick(&mut self.authenticator, &mut self.ids, host, now));
        }
        if let Some(relay) = &mut self.relay {
            change.join(relay.tick(&mut self.authenticator, &mut self.ids, now));
        }
        change.calls.extend(self.upstream.tick(&mut self.ids, now));
        let mut outcome = self.settle(change, host, now);
        let late = self.send_away(outcome.wakes.len(), host, now);
        outcome.wakes.extend(late);
        outcome
    }

    /// The answer to a call came. One that nobody waits for is dropped.
    pub fn on_called(&mut self, id: CallId, answer: &Answer, host: &dyn Host, now: Time) -> Outcome {
        let mut change = self.authenticator.answer(id, answer, &mut self.ids, host, now);
        if let Some(sign_in) = &mut self.sign_in {
            change.join(sign_in.answer(id, answer, &mut self.authenticator, &mut self.ids, host, now));
        }
        if let Some(relay) = &mut self.relay {
            change.settled |= relay.answer(id, answer);
        }
        change.settled |= self.upstream.answer(id, answer, now);
        self.settle(change, host, now)
    }

    /// What to change in the headers of the upstream's response.
    pub fn on_response(&mut self, exchange: &Exchange, headers: impl FnOnce() -> Option<Headers>, now: Time) -> Edits {
        response::edits(&self.affinity, &mut self.upstream, exchange, headers, now)
    }

    fn settle(&mut self, change: Change, host: &dyn Host, now: Time) -> Outcome {
        let called = self.waiting.take_called(change.settled);
        let wakes = ask_again(called, |stream, waiter| self.decide(stream, waiter, host, now));
        Outcome { calls: change.calls, wakes }
    }

    /// Answers those who have waited long enough. `answered`: how many requests
    /// this event answers already.
    fn send_away(&mut self, answered: usize, host: &dyn Host, now: Time) -> Vec<Wake> {
        let mut wakes = Vec::new();
        for (stream, mut waiter) in self.waiting.take_late(answered, now) {
            self.give_up(&mut waiter);
            let refusal = match waiter.lacks_body() {
                true => Refusal::BodyTimeout,
                false => Refusal::ProviderUnavailable(Duration::from_secs(1)),
            };
            wakes.push(Wake { stream, step: self.refuse(&refusal, &waiter.request_id, Some(&waiter), host, now) });
        }
        wakes
    }

    fn decide(&mut self, stream: StreamId, mut waiter: Waiter, host: &dyn Host, now: Time) -> Step {
        waiter.cookies.clear();
        match self.judge(&mut waiter, host, now) {
            Ok(step) => self.account(step, &waiter.request_id, Some(&waiter), host, now),
            Err(Wanting::Refused(refusal)) => self.refuse(&refusal, &waiter.request_id, Some(&waiter), host, now),
            Err(Wanting::Later(wait)) => {
                waiter.deadline = waiter.deadline.or(Some(now.plus(wait)));
                match self.waiting.add(stream, waiter, host) {
                    Ok(()) => Step::Await,
                    Err(refused) => {
                        let list = refused.0.list();
                        self.refuse_by_limit(list, *refused, host, now)
                    }
                }
            }
            // Of a request without one some hosts never say that it has ended.
            Err(Wanting::Body(_, Head::Held)) if waiter.says_it_is_empty() => {
                waiter.body = Some(Body::Whole(Vec::new()));
                self.decide(stream, waiter, host, now)
            }
            Err(Wanting::Body(limit, head)) => match self.waiting.add_reader(stream, waiter, host, now) {
                Ok(()) => Step::Read { limit, head },
                Err(refused) => {
                    let list = refused.0.body_list();
                    self.refuse_by_limit(list, *refused, host, now)
                }
            },
        }
    }

    /// Refuses a request for which a list has no place: counted always, logged
    /// now and then.
    fn refuse_by_limit(
        &mut self,
        list: List,
        (mut waiter, exceeded): (Waiter, Exceeded),
        host: &dyn Host,
        now: Time,
    ) -> Step {
        self.give_up(&mut waiter);
        host.count(list.counter());
        if self.waiting.logs(list, now) {
            let (name, size) = (list.name(), list.size(exceeded));
            let fact = host.fact("source.address").unwrap_or_default();
            let address = String::from_utf8_lossy(&fact);
            let address = self.audit.shown(Field::Address, address::split(&address).0).into_owned();
            let subject = waiter.caller().map_or_else(Default::default, |caller| {
                let subject = self.audit.shown(Field::Subject, &caller.subject);
                format!(", subject {subject:?} of provider {}", caller.provider)
            });
            let reached = match exceeded {
                Exceeded::Caller => "of one caller",
                Exceeded::Address => "of one address",
                Exceeded::Places => "in all",
            };
            log::warn!("limit {name}: {size} requests {reached} wait already; refused one from {address:?}{subject}");
        }
        self.refuse(&Refusal::Limit(exceeded), &waiter.request_id, Some(&waiter), host, now)
    }

    fn judge(&mut self, waiter: &mut Waiter, host: &dyn Host, now: Time) -> Result<Step, Wanting> {
        if let Some(ahead) = waiter.ahead.take() {
            return self.catch_up(waiter, *ahead, now);
        }
        if let Some(step) = self.reserved(waiter, host, now)? {
            return Ok(step);
        }
        let errand = self.access.errand(&waiter.request);
        match self.access.permit_public(&waiter.request, errand.operation.as_ref()) {
            Some(permit) => self.forward(waiter, None, errand.operation.as_ref(), permit, host, now),
            None => self.admit(waiter, errand, host, now),
        }
    }

    /// Everything but the public: who, may they, and then on.
    fn admit(&mut self, waiter: &mut Waiter, errand: Errand, host: &dyn Host, now: Time) -> Result<Step, Wanting> {
        let sender = match self.sender(waiter, host, now) {
            Err(Wanting::Refused(refusal @ (Refusal::NoCredentials | Refusal::SessionEnded))) => {
                return self.nobody(waiter, refusal, host, now);
            }
            Err(Wanting::Refused(refusal)) => return Err(refusal.into()),
            sender => sender,
        };
        self.pass(waiter, errand, sender, &mut (), host, now)
    }

    /// What becomes of the request of somebody who is known, or will be soon.
    fn pass<T: Trace>(
        &mut self,
        waiter: &mut Waiter,
        errand: Errand,
        sender: Result<Sender, Wanting>,
        trace: &mut T,
        host: &dyn Host,
        now: Time,
    ) -> Result<Step, Wanting> {
        let known = sender.as_ref().ok().map(|sender| (sender.caller(), sender.auth()));
        let need = self.access.body_need(&waiter.request, errand.operation.as_ref(), known, now);
        if need != BodyNeed::None
            && let Err(refusal) = waiter.check_content(Content::Json, errand.operation.as_ref())
        {
            if need == BodyNeed::Decide {
                return Err(refusal.into());
            }
            // It counts as unreadable, and only in the record.
            waiter.body = Some(Body::TooLong);
        }
        let wanted = need != BodyNeed::None && waiter.body().is_none();
        // Whoever only listens sends nothing ahead, and has the body at hand.
        let ahead = self.bodies == Bodies::HeadersAhead && !T::LISTENS;
        let sender = match sender {
            // Before a wait for keys, since nothing but a stream's own callbacks
            // can hand out its body.
            Err(_) if wanted && !ahead => return Err(Wanting::Body(BodyQuestion::LIMIT, Head::Held)),
            sender => sender?,
        };
        if let (Sender::Visitor(_), Some(operation)) = (&sender, &errand.operation) {
            self.check_origin_of(&waiter.request, operation)?;
        }
        let question = question(waiter, &sender, now);
        let mut verdict = match () {
            () if !wanted => self.access.judge(&question, errand, trace),
            // A caller whom no body could help does not take a place for one.
            () if !ahead => match self.access.refuses_any_body(&question, &errand, trace) {
                Some(refused) => refused,
                None => return Err(Wanting::Body(BodyQuestion::LIMIT, Head::Held)),
            },
            () => match self.access.foresee(&question, &errand) {
                Foresight::Settled(verdict) => *verdict,
                Foresight::Open { prospect, operation } => {
                    return Err(self.send_ahead(waiter, sender, operation.as_ref(), prospect, host, now));
                }
            },
        };
        // Whoever only listens sends nothing on.
        if !T::LISTENS {
            verdict = self.access.spend(verdict, now);
        }
        let (outcome, judged) = Judged::of(verdict);
        let operation = judged.operation.clone();
        waiter.known.judged = Some(judged);
        if let (Err(Denial::StepUp { rule, demand, .. }), Sender::Visitor(visitor)) = (&outcome, &sender)
            && waiter.request.is_navigation()
        {
            return self.step_up(demand, rule, &visitor.caller.provider, waiter, host, now);
        }
        let permit = outcome.map_err(|denial| denied(denial, operation.as_ref(), &sender))?;
        self.forward(waiter, Some(&sender), operation.as_ref(), permit, host, now)
    }

    /// The headers of a request go on before its body is known.
    fn send_ahead(
        &mut self,
        waiter: &mut Waiter,
        sender: Sender,
        operation: Option<&Operation>,
        prospect: Prospect,
        host: &dyn Host,
        now: Time,
    ) -> Wanting {
        match self.prepare(waiter, Some(&sender), operation, prospect.role(), host, now) {
            Ok((edits, stay)) => {
                let cookies = std::mem::take(&mut waiter.cookies);
                waiter.ahead = Some(Box::new(Ahead { sender, stay, cookies, since: now }));
                Wanting::Body(BodyQuestion::LIMIT, Head::Ahead(Advance::new(edits, prospect)))
            }
            Err(wanting) => wanting,
        }
    }

    /// The body of a request has come whose headers went ahead. Who sent it was
    /// found out then.
    fn catch_up(&mut self, waiter: &mut Waiter, ahead: Ahead, now: Time) -> Result<Step, Wanting> {
        let Ahead { sender, stay, cookies, since } = ahead;
        waiter.cookies = cookies;
        let errand = self.access.errand(&waiter.request);
        // A body that came although `Content-Length: 0` denied it was not checked.
        if waiter.check_content(Content::Json, None).is_err() {
            waiter.body = Some(Body::TooLong);
        }
        let verdict = self.access.judge(&question(waiter, &sender, now), errand, &mut ());
        let (outcome, judged) = Judged::of(self.access.spend(verdict, now));
        let refusal = |denial| denied(denial, judged.operation.as_ref(), &sender);
        let permit = outcome.map_err(refusal);
        waiter.known.judged = Some(judged);
        let exchange = exchange(waiter, Some(&sender), permit?, stay, since);
        Ok(Step::Forward(Forward { edits: Edits::default(), exchange, record: None }))
    }

    /// Who asks. A bearer token beside a session decides alone, and a bad one
    /// never falls back to the session.
    fn sender(&mut self, waiter: &mut Waiter, host: &dyn Host, now: Time) -> Result<Sender, Wanting> {
        let field = self.upstream.credentials_header();
        match read_token(&mut self.authenticator, waiter.request.headers(), field, host, now)? {
            Some(caller) => {
                waiter.known.is_from(&caller, Auth::Bearer);
                Ok(Sender::Bearer(caller))
            }
            None => self.visitor(waiter, host, now),
        }
    }

    fn visitor(&mut self, waiter: &mut Waiter, host: &dyn Host, now: Time) -> Result<Sender, Wanting> {
        let Some(sign_in) = &mut self.sign_in else {
            return Err(Refusal::NoCredentials.into());
        };
        match sign_in.visit(&self.authenticator, waiter.request.headers(), host, now) {
            Visit::None => Err(Refusal::NoCredentials.into()),
            Visit::Ended(cookies) => {
                waiter.cookies = cookies;
                Err(Refusal::SessionEnded.into())
            }
            Visit::Wait(wait, caller) => {
                waiter.refreshes = caller;
                Err(Wanting::Later(wait))
            }
            Visit::Known(mut visitor) => {
                waiter.known.is_from(&visitor.caller, Auth::Session);
                waiter.cookies = std::mem::take(&mut visitor.cookies);
                // Before anything is decided: what another site made the browser
                // send is not this person's word.
                self.check_origin(&waiter.request)?;
                Ok(Sender::Visitor(visitor))
            }
        }
    }

    fn forward(
        &mut self,
        waiter: &mut Waiter,
        sender: Option<&Sender>,
        operation: Option<&Operation>,
        permit: Permit,
        host: &dyn Host,
        now: Time,
    ) -> Result<Step, Wanting> {
        let (edits, stay) = self.prepare(waiter, sender, operation, permit.role(), host, now)?;
        let exchange = exchange(waiter, sender, permit, stay, now);
        Ok(Step::Forward(Forward { edits, exchange, record: None }))
    }

    /// What to change in the headers of a request that goes on, and where it is
    /// to stay.
    fn prepare(
        &mut self,
        waiter: &mut Waiter,
        sender: Option<&Sender>,
        operation: Option<&Operation>,
        role: Option<Role>,
        host: &dyn Host,
        now: Time,
    ) -> Result<(Edits, Stay), Wanting> {
        let Gateway { routing, affinity, upstream, .. } = self;
        let caller = sender.map(Sender::caller);
        let headers = waiter.request.headers();
        let mut stripped = upstream.strip(headers, affinity.cookie_name());

        let role = role.map(Role::name);
        let stamp =
            Stamp { caller, auth: sender.map(|sender| sender.auth().name()), role, request_id: &waiter.request_id };
        upstream.stamp(headers, &stamp, &mut stripped);
        // Whoever is nobody is nobody to Airbyte too.
        if sender.is_some() && !upstream.authorize(stripped.edits(), now) {
            return Err(Refusal::NoAirbyteToken.into());
        }

        let asker = routing::Asker {
            role,
            client: caller.and_then(|caller| caller.client.as_deref()),
            claims: caller.map(|caller| &caller.claims),
        };
        let route = routing.route(&waiter.request, &asker, operation.is_some_and(|operation| operation.slow));
        waiter.known.class = Some(route.class);
        stamp_route(&route, is_repeatable(&waiter.request, operation), &mut stripped);

        // A health check belongs to nobody: no cookie for load balancers.
        let stay = match (route.class, sender) {
            (Class::Health, _) => Stay::default(),
            // A browser is kept by its cookie, whoever is signed in.
            (_, Some(Sender::Bearer(caller))) => affinity.on_request(headers, Some(bearer(caller)), host, now),
            (_, _) => affinity.on_request(headers, None, host, now),
        };
        stamp_stay(&stay, &mut stripped);
        let mut edits = stripped.finish();
        if let Some(path) = waiter.request.target().rewrite() {
            edits.set(":path", path);
        }
        Ok((edits, stay))
    }

    /// Every refusal, in one way: a page for a person's browser, JSON for
    /// programs, the cookies that are due in both.
    fn refuse(&self, refusal: &Refusal, request_id: &str, waiter: Option<&Waiter>, host: &dyn Host, now: Time) -> Step {
        let page = waiter.is_some_and(|waiter| waiter.request.is_navigation());
        let pages = page.then(|| self.pages(host));
        let reply = refusal.reply(request_id, pages, self.login_url(refusal.step_up()).as_deref());
        let cookies = waiter.map(|waiter| waiter.cookies.clone()).unwrap_or_default();
        let step = Step::Reply { reply, reason: refusal.reason(), cookies, record: None };
        self.account(step, request_id, waiter, host, now)
    }
}

/// Why there is no step yet.
enum Wanting {
    Refused(Refusal),
    /// It depends on a provider, for at most this long.
    Later(Duration),
    /// It depends on the body, of at most so many bytes.
    Body(usize, Head),
}

impl From<Refusal> for Wanting {
    fn from(refusal: Refusal) -> Wanting {
        Wanting::Refused(refusal)
    }
}

/// What became certain of a request when its headers went ahead.
struct Ahead {
    sender: Sender,
    stay: Stay,
    /// `Set-Cookie` values of the session.
    cookies: Vec<String>,
    /// When they went.
    since: Time,
}

fn question<'a>(waiter: &'a Waiter, sender: &'a Sender, now: Time) -> Question<'a> {
    let body = match waiter.body() {
        Some(Body::Whole(body)) => Some(body.as_slice()),
        _ => None,
    };
    Question { request: &waiter.request, caller: sender.caller(), auth: sender.auth(), body, now }
}

fn denied(denial: Denial, operation: Option<&Operation>, sender: &Sender) -> Refusal {
    let operation = operation.map(|operation| operation.name.clone());
    Refusal::Denied { denial, operation, bearer: matches!(sender, Sender::Bearer(_)) }
}

fn exchange(waiter: &mut Waiter, sender: Option<&Sender>, permit: Permit, stay: Stay, since: Time) -> Exchange {
    Exchange::new(permit, stay, std::mem::take(&mut waiter.cookies), since, sender.map(Sender::auth))
}

/// Whom the token in a request stands for; `None`: it brings none.
fn read_token(
    authenticator: &mut Authenticator,
    headers: &Headers,
    field: &'static str,
    host: &dyn Host,
    now: Time,
) -> Result<Option<Rc<Caller>>, Wanting> {
    if let Credentials::Bearer(token) = Credentials::find(headers, field)
        && let Some(caller) = authenticator.recall(token, host, now)
    {
        return Ok(Some(caller));
    }
    let token = match Credentials::read(headers, field) {
        Credentials::Bearer(token) => token,
        Credentials::None => return Ok(None),
        Credentials::OtherScheme => return Err(Refusal::OtherScheme.into()),
        Credentials::Malformed => return Err(Refusal::BadCredentials.into()),
    };
    match authenticator.verify(token, host, now) {
        Verdict::Known(caller) => Ok(Some(caller)),
        Verdict::Wait(wait) => Err(Wanting::Later(wait)),
        Verdict::Refused(fault) => Err(Refusal::BadToken(fault).into()),
        Verdict::Unavailable(rest) => Err(Refusal::ProviderUnavailable(rest).into()),
    }
}

fn bearer(caller: &Caller) -> Bearer<'_> {
    Bearer { provider: &caller.provider, subject: &caller.subject, client: caller.client.as_deref() }
}

fn stamp_route(route: &Route<'_>, repeatable: bool, stripped: &mut Stripped) {
    stripped.add("x-airgate-route", route.class.name());
    if let Some(name) = route.upstream {
        stripped.add("x-airgate-upstream", name);
    }
    route.headers.iter().for_each(|(name, value)| stripped.edits().set(name, value));
    if repeatable {
        stripped.add("x-airgate-retry", "safe");
    }
}

fn stamp_stay(stay: &Stay, stripped: &mut Stripped) {
    if let Some(key) = stay.key() {
        stripped.add("x-airgate-affinity", key);
    }
    if let Some(pin) = stay.pin() {
        stripped.add("x-airgate-pin", pin);
    }
}

/// Whether the proxy may send the request twice. Nearly every operation of
/// Airbyte is a POST, so only its own list can tell; for pages and files the
/// method does. Long calls start work even where they only read.
fn is_repeatable(request: &Request, operation: Option<&Operation>) -> bool {
    match operation {
        Some(operation) => operation.effect == Effect::Reads && !operation.slow,
        None => access::is_page(request),
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
