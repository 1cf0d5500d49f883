//! What the root context and its streams have in common.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use airgate::audit::Record;
use airgate::gateway::{Exchange, Gateway, StreamId};

use crate::host::Proxy;

/// Hangs on the root context; each stream holds it as well.
#[derive(Default)]
pub struct Shared {
    /// `None` until there is a configuration without mistakes.
    pub gateway: RefCell<Option<Gateway>>,
    /// What the gateway borrows.
    pub proxy: Proxy,
    /// Where to leave the answer for each stream that waits.
    pub waiting: RefCell<HashMap<StreamId, Slot>>,
}

/// Where the decision about a request is left for its response. The root context
/// fills it for requests that waited: a stream's own object is busy then.
pub type Slot = Rc<RefCell<Decided>>;

/// What was decided about a request, and what is to be written about it.
#[derive(Default)]
pub struct Decided {
    /// The decision.
    pub way: Way,
    /// `None`: nothing.
    pub record: Option<Record>,
}

/// What was decided about a request.
#[derive(Default)]
pub enum Way {
    /// Nothing yet.
    #[default]
    Open,
    /// Its body is being collected.
    Reading {
        /// At most so many bytes are wanted.
        limit: usize,
        /// Whether its headers went on already.
        ahead: bool,
    },
    /// It went on.
    Forwarded(Exchange),
    /// It was answered here; the answer sets these cookies. Not in the answer
    /// itself, since nginx keeps only the last of several there.
    Answered(Vec<String>),
    /// It could not be read, and was refused.
    Broken,
}
