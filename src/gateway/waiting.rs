//! Requests that wait for a provider.

use std::collections::HashMap;

use super::StreamId;
use crate::http::Request;
use crate::time::Time;

/// How many requests may wait at once. Each holds its headers (60 KiB at most)
/// and, in the proxy, its connection; beyond this the next one is refused.
const CAPACITY: usize = 512;

/// The waiting list. A request that ends in the meantime is taken off it, since
/// acting on a stream that is gone is an error that hosts punish.
#[derive(Default)]
pub(super) struct Waiting {
    requests: HashMap<StreamId, Waiter>,
}

/// One request on its way through the gateway.
pub(super) struct Waiter {
    pub request: Request,
    pub request_id: String,
    /// Until when it may wait; set when it first has to, and kept from then on.
    pub deadline: Option<Time>,
}

impl Waiting {
    /// Puts a request on the list. `false`: the list is full.
    pub fn add(&mut self, stream: StreamId, waiter: Waiter) -> bool {
        let room = self.requests.len() < CAPACITY;
        if room {
            self.requests.insert(stream, waiter);
        }
        room
    }

    /// Takes a request off the list.
    pub fn remove(&mut self, stream: StreamId) {
        self.requests.remove(&stream);
    }

    /// Takes every request off the list, to ask again for each.
    pub fn take_all(&mut self) -> Vec<(StreamId, Waiter)> {
        self.requests.drain().collect()
    }

    /// Takes those off the list whose time is up.
    pub fn take_late(&mut self, now: Time) -> Vec<(StreamId, Waiter)> {
        self.requests.extract_if(|_, waiter| waiter.deadline.is_none_or(|deadline| deadline <= now)).collect()
    }
}
