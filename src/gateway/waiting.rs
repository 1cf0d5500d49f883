//! Requests that wait for a provider, or for their own body.

use std::collections::HashMap;

use super::account::Known;
use super::refusal::Refusal;
use super::{Ahead, Body, Step, StreamId, Wake};
use crate::access::Operation;
use crate::http::{Content, Request};
use crate::identity::{LoginId, RelayId};
use crate::time::Time;

/// How many requests may wait at once. Each holds its headers (60 KiB at most)
/// and, in the proxy, its connection; beyond this the next one is refused.
const CAPACITY: usize = 512;

/// How many bodies may be on their way at once. A client that is slow with its
/// own is the proxy's matter; its place is taken as long.
const READERS: usize = 256;

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
}

/// One request on its way through the gateway.
pub(super) struct Waiter {
    pub request: Request,
    pub request_id: String,
    /// Until when it may wait; set when it first has to, and kept from then on.
    pub deadline: Option<Time>,
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

    /// Whether the request itself says that it has no body, which is not known
    /// yet. Who lies is judged like somebody whose body cannot be read.
    pub fn says_it_is_empty(&self) -> bool {
        self.body.is_none() && self.request.headers().all("content-length").eq([b"0"])
    }
}

impl Waiting {
    /// Puts a request on the list, and gives it back where the list is full.
    pub fn add(&mut self, stream: StreamId, waiter: Waiter) -> Result<(), Box<Waiter>> {
        if self.requests.len() >= CAPACITY {
            return Err(Box::new(waiter));
        }
        self.requests.insert(stream, waiter);
        Ok(())
    }

    /// Keeps a request until its body has come.
    pub fn add_reader(&mut self, stream: StreamId, waiter: Waiter) -> Result<(), Box<Waiter>> {
        if self.readers.len() >= READERS {
            return Err(Box::new(waiter));
        }
        self.readers.insert(stream, waiter);
        Ok(())
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

    /// Takes those off the list whose time is up, a batch at a time.
    pub fn take_late(&mut self, now: Time) -> Vec<(StreamId, Waiter)> {
        let late = |waiter: &mut Waiter| waiter.deadline.is_none_or(|deadline| deadline <= now);
        self.requests.extract_if(|_, waiter| late(waiter)).take(BATCH).collect()
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
