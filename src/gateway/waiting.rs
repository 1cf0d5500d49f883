//! Requests that wait for a provider, or for their own body.
//!
//! Each list has its own limits ([`List`]): clients that have not authenticated
//! cannot take the places of callers, and one caller or one client address
//! cannot take the places of all others.

mod limits;

use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

use super::account::Known;
use super::refusal::Refusal;
use super::{Ahead, Body, Step, StreamId, Wake};
use crate::access::Operation;
use crate::address::ClientAddress;
use crate::caller::Caller;
use crate::host::Host;
use crate::http::{Content, Request};
use crate::identity::{LoginId, RelayId};
use crate::time::Time;
pub(super) use limits::{Exceeded, List};

/// How long a body may take to arrive, as far as it is read: 64 KiB at most.
pub(super) const BODY_WAIT: Duration = Duration::from_secs(10);

/// A limit that stays reached is logged once in this time.
const LOG_INTERVAL: Duration = Duration::from_secs(10);

/// How many requests are answered in one event. Envoy answers them when the
/// event ends, each answer inside the one before: some 300 overflow the stack of
/// the VM (1.36.4 and 1.40.0). Who is left over comes with the next tick.
const BATCH: usize = 64;

/// The waiting list. A request that ends in the meantime is taken off it, since
/// acting on a stream that is gone is an error that hosts punish.
#[derive(Default)]
pub(super) struct Waiting {
    requests: HashMap<StreamId, Waiter>,
    readers: HashMap<StreamId, Waiter>,
    called: Vec<StreamId>,
    logged: HashMap<List, Time>,
}

/// One request on its way through the gateway.
pub(super) struct Waiter {
    pub request: Request,
    pub request_id: String,
    /// Until when it may wait; set when it first has to, and kept from then on.
    pub deadline: Option<Time>,
    /// Until when its body may take; set when the body is first asked for.
    pub body_deadline: Option<Time>,
    /// Where it was sent from. Read when it is first put on a list, while the
    /// host still has its stream in effect; `None`: not read yet.
    pub address: Option<ClientAddress>,
    /// The owner of the session whose refresh it waits for.
    pub refreshes: Option<Rc<Caller>>,
    /// Whether nothing follows its headers.
    pub ends: bool,
    /// Its body, once that was asked for.
    pub body: Option<Body>,
    /// What became certain when its headers went ahead of its body.
    pub ahead: Option<Box<Ahead>>,
    /// The login that it brought a code for.
    pub login: Option<LoginId>,
    /// The token that it asked for.
    pub relay: Option<RelayId>,
    /// `Set-Cookie` values for whatever response it gets.
    pub cookies: Vec<String>,
    /// What it is to be remembered by.
    pub known: Known,
}

impl Waiter {
    pub fn new(request: Request, request_id: String, ends: bool, now: Time) -> Waiter {
        let known = Known { since: now, ..Known::default() };
        Waiter {
            request,
            request_id,
            deadline: None,
            body_deadline: None,
            address: None,
            refreshes: None,
            ends,
            body: None,
            ahead: None,
            login: None,
            relay: None,
            cookies: Vec::new(),
            known,
        }
    }

    /// Its body, as soon as there is nothing more to come.
    pub fn body(&self) -> Option<&Body> {
        static EMPTY: Body = Body::Whole(Vec::new());
        self.body.as_ref().or_else(|| self.ends.then_some(&EMPTY))
    }

    /// Refuses a body that cannot be judged as it stands; no body needs no
    /// declaration.
    pub fn check_content(&self, content: Content, operation: Option<&Operation>) -> Result<(), Refusal> {
        let is_empty = matches!(self.body(), Some(Body::Whole(body)) if body.is_empty()) || self.says_it_is_empty();
        let fault = if is_empty { None } else { content.check(self.request.headers()).err() };
        let operation = || operation.map(|operation| operation.name.clone());
        fault.map_or(Ok(()), |fault| Err(Refusal::UnsupportedContent { fault, operation: operation() }))
    }

    /// The authenticated caller. `None`: the client has not authenticated, or
    /// not yet.
    pub fn caller(&self) -> Option<&Caller> {
        let sender = self.known.sender.as_ref().map(|(caller, _)| caller);
        sender.or(self.refreshes.as_ref()).map(|caller| &**caller)
    }

    /// The list on which it waits for a provider.
    pub fn list(&self) -> List {
        match (self.login, self.relay, self.caller()) {
            (Some(_), ..) => List::Logins,
            (_, Some(_), _) => List::TokenRequests,
            (.., Some(_)) => List::Callers,
            (.., None) => List::Keys,
        }
    }

    /// The list on which it waits for its body.
    pub fn body_list(&self) -> List {
        if self.caller().is_some() { List::CallerBodies } else { List::OtherBodies }
    }

    /// Whether the request itself says that it has no body, which is not known
    /// yet. Who lies is judged like somebody whose body cannot be read.
    pub fn says_it_is_empty(&self) -> bool {
        self.body.is_none() && self.request.headers().all("content-length").eq([b"0"])
    }
}

impl Waiter {
    fn read_address(&mut self, host: &dyn Host) {
        self.address = self.address.or_else(|| Some(ClientAddress::read(host)));
    }

    /// Whether its time ran out while its body was still on its way.
    pub fn lacks_body(&self) -> bool {
        self.body_deadline.is_some() && self.body.is_none()
    }
}

impl Waiting {
    /// Puts a request on its list. Where a limit is reached, gives it back with
    /// the limit.
    pub fn add(
        &mut self,
        stream: StreamId,
        mut waiter: Waiter,
        host: &dyn Host,
    ) -> Result<(), Box<(Waiter, Exceeded)>> {
        waiter.read_address(host);
        match waiter.list().admit(&waiter, self.requests.values(), Waiter::list) {
            Err(exceeded) => Err(Box::new((waiter, exceeded))),
            Ok(()) => {
                self.requests.insert(stream, waiter);
                Ok(())
            }
        }
    }

    /// Keeps a request until its body has come. Where a limit is reached, gives
    /// it back with the limit.
    pub fn add_reader(
        &mut self,
        stream: StreamId,
        mut waiter: Waiter,
        host: &dyn Host,
        now: Time,
    ) -> Result<(), Box<(Waiter, Exceeded)>> {
        waiter.read_address(host);
        match waiter.body_list().admit(&waiter, self.readers.values(), Waiter::body_list) {
            Err(exceeded) => Err(Box::new((waiter, exceeded))),
            Ok(()) => {
                waiter.body_deadline = Some(now.plus(BODY_WAIT));
                self.readers.insert(stream, waiter);
                Ok(())
            }
        }
    }

    /// Whether a limit of a list that is reached is to be logged now.
    pub fn logs(&mut self, list: List, now: Time) -> bool {
        // A clock that was set back must not silence it for long.
        let recent = |at: &Time| *at <= now && now.since(*at) < LOG_INTERVAL;
        let silent = self.logged.get(&list).is_some_and(recent);
        if !silent {
            self.logged.insert(list, now);
        }
        !silent
    }

    /// The request whose body has come.
    pub fn take_reader(&mut self, stream: StreamId) -> Option<Waiter> {
        self.readers.remove(&stream)
    }

    /// Takes a request off the list.
    pub fn remove(&mut self, stream: StreamId) -> Option<Waiter> {
        self.readers.remove(&stream).or_else(|| self.requests.remove(&stream))
    }

    /// Takes those off the list who were called, a batch at a time. `all`: something
    /// has changed, and everybody on the list is to ask again.
    pub fn take_called(&mut self, all: bool) -> Vec<(StreamId, Waiter)> {
        if all {
            self.called = self.requests.keys().copied().collect();
        }
        let kept = self.called.len().saturating_sub(BATCH);
        let batch = self.called.split_off(kept);
        batch.into_iter().filter_map(|stream| self.requests.remove_entry(&stream)).collect()
    }

    /// Takes those off both lists whose time is up. `answered`: how many requests
    /// this event answers already; together they are a batch at most.
    pub fn take_late(&mut self, answered: usize, now: Time) -> Vec<(StreamId, Waiter)> {
        let room = BATCH.saturating_sub(answered);
        let late = |deadline: Option<Time>| deadline.is_none_or(|deadline| deadline <= now);
        let mut taken: Vec<_> = self.readers.extract_if(|_, waiter| late(waiter.body_deadline)).take(room).collect();
        let room = room.saturating_sub(taken.len());
        taken.extend(self.requests.extract_if(|_, waiter| late(waiter.deadline)).take(room));
        taken
    }
}

/// Those who were called ask again; what comes back is for those that wait no
/// longer.
pub(super) fn ask_again<E>(
    called: Vec<(StreamId, Waiter)>,
    mut decide: impl FnMut(StreamId, Waiter) -> Step<E>,
) -> Vec<Wake<E>> {
    let again = called.into_iter().filter_map(|(stream, waiter)| match decide(stream, waiter) {
        Step::Await => None,
        step => Some(Wake { stream, step }),
    });
    again.collect()
}
