//! What a gateway answers to an event: what to do with a request.

use super::Exchange;
use crate::access::Prospect;
use crate::audit::Record;
use crate::http::{Call, Edits, Reply};

/// The host's name for one request, as long as that lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct StreamId(pub u32);

/// What to do with a request.
#[derive(Debug)]
pub enum Step<E = Exchange> {
    /// Send it on, changed.
    Forward(Forward<E>),
    /// Answer it here.
    Reply {
        /// The answer.
        reply: Reply,
        /// Why, in one word for the record.
        reason: &'static str,
        /// `Set-Cookie` values for the response, to be added when its headers
        /// come by: a host may keep but one of those in the answer itself.
        cookies: Vec<String>,
        /// What is to be written when the request ends; `None`: nothing.
        record: Option<Record>,
    },
    /// Hold it: a [`Wake`] for this stream follows.
    Await,
    /// Hold its body back and collect it: [`super::Gateway::on_body`] is next.
    Read {
        /// Bytes beyond which the body need not be collected any further.
        limit: usize,
        /// What becomes of its headers meanwhile.
        head: Head,
    },
}

/// The headers of a request whose body is being read.
#[derive(Debug)]
pub enum Head {
    /// They are held as well.
    Held,
    /// They go ahead, since the host cannot hold them.
    Ahead(Advance),
}

/// The leave to send a request's headers ahead, and nothing else of it. It cannot
/// be made without a [`Prospect`].
#[derive(Debug)]
pub struct Advance {
    /// What to change in them, in order.
    pub edits: Edits,
    #[expect(dead_code, reason = "it need only be there")]
    prospect: Prospect,
}

impl Advance {
    pub(super) fn new(edits: Edits, prospect: Prospect) -> Advance {
        Advance { edits, prospect }
    }
}

impl<E> Step<E> {
    /// Whether there is a record of it, or may be one later.
    pub fn is_told_of(&self) -> bool {
        match self {
            Step::Forward(Forward { record, .. }) | Step::Reply { record, .. } => record.is_some(),
            Step::Await | Step::Read { .. } => true,
        }
    }
}

/// A request's body.
#[derive(Clone, PartialEq, Eq)]
pub enum Body {
    /// All of it.
    Whole(Vec<u8>),
    /// It is longer than wanted.
    TooLong,
}

/// The leave to send a request on. The gateway's [`Exchange`] cannot be made
/// without a [`crate::access::Permit`].
#[derive(Debug)]
pub struct Forward<E = Exchange> {
    /// What to change in the request's headers, in order.
    pub edits: Edits,
    /// What the response needs to know later.
    pub exchange: E,
    /// What is to be written when the request ends; `None`: nothing.
    pub record: Option<Record>,
}

/// A request that waited and now has its answer.
#[derive(Debug)]
pub struct Wake<E = Exchange> {
    /// Which request.
    pub stream: StreamId,
    /// What to do with it; never [`Step::Await`], and [`Step::Read`] only with
    /// headers that go ahead.
    pub step: Step<E>,
}

/// What an event that is no request led to.
#[derive(Debug)]
pub struct Outcome<E = Exchange> {
    /// Calls to make.
    pub calls: Vec<Call>,
    /// Requests that wait no longer.
    pub wakes: Vec<Wake<E>>,
}

impl<E> Default for Outcome<E> {
    fn default() -> Outcome<E> {
        Outcome { calls: Vec::new(), wakes: Vec::new() }
    }
}
