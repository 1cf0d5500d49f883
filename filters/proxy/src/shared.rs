//! What the root context and its streams have in common.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use airgate::audit::Record;
use airgate::gateway::{Gate, StreamId};

use crate::host::Proxy;

/// Hangs on the root context; each stream holds it as well.
pub struct Shared<G: Gate> {
    /// `None` until there is a configuration without mistakes.
    pub gateway: RefCell<Option<G>>,
    /// What the gateway borrows.
    pub proxy: Proxy,
    /// Where to leave the answer for each stream that waits.
    pub waiting: RefCell<HashMap<StreamId, Slot<G::Exchange>>>,
}

impl<G: Gate> Default for Shared<G> {
    fn default() -> Shared<G> {
        Shared { gateway: RefCell::default(), proxy: Proxy::default(), waiting: RefCell::default() }
    }
}

/// Where the decision about a request is left for its response. The root context
/// fills it for requests that waited: a stream's own object is busy then.
pub type Slot<E> = Rc<RefCell<Decided<E>>>;

/// What was decided about a request, and what is to be written about it.
pub struct Decided<E> {
    /// The decision.
    pub way: Way<E>,
    /// `None`: nothing.
    pub record: Option<Record>,
}

impl<E> Default for Decided<E> {
    fn default() -> Decided<E> {
        Decided { way: Way::Open, record: None }
    }
}

/// What was decided about a request.
pub enum Way<E> {
    /// Nothing yet.
    Open,
    /// Its body is being collected.
    Reading {
        /// At most so many bytes are wanted.
        limit: usize,
        /// Whether its headers went on already.
        ahead: bool,
    },
    /// It went on.
    Forwarded(E),
    /// It was answered here; the answer sets these cookies. Not in the answer
    /// itself, since nginx keeps only the last of several there.
    Answered(Vec<String>),
    /// It could not be read, and was refused.
    Broken,
}
