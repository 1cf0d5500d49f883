//! One request and its response.

use std::rc::Rc;

use airgate::audit::{Audit, Field};
use airgate::gateway::{Advance, Body, Forward, Gate, Head, Step, StreamId};
use airgate::host::Host;
use airgate::http::{Edit, Edits, Reply};
use airgate::time::Time;
use proxy_wasm::traits::{Context, HttpContext};
use proxy_wasm::types::Action;

use crate::host::{self, Map, Moment, Proxy};
use crate::shared::{Decided, Shared, Slot, Way};

/// The context of one request.
pub struct Stream<G: Gate> {
    id: StreamId,
    shared: Rc<Shared<G>>,
    decided: Slot<G::Exchange>,
    /// Whether gateway or root know of it.
    waits: bool,
    /// Microseconds that it took to decide, as far as it did not wait.
    spent: u64,
}

impl<G: Gate> Stream<G> {
    /// A request that has not been read yet.
    pub fn new(id: StreamId, shared: Rc<Shared<G>>) -> Stream<G> {
        Stream { id, shared, decided: Slot::default(), waits: false, spent: 0 }
    }

    fn decide(&mut self, ends: bool) -> Option<Step<G::Exchange>> {
        let headers = host::headers(Map::Request)?;
        self.with_gateway(|gateway, id, host, now| Some(gateway.on_request(id, headers, ends, host, now)))
    }

    fn decide_by_body(&mut self, body: Body) -> Option<Step<G::Exchange>> {
        self.with_gateway(|gateway, id, host, now| gateway.on_body(id, body, host, now))
    }

    fn with_gateway(
        &mut self,
        event: impl FnOnce(&mut G, StreamId, &Proxy, Time) -> Option<Step<G::Exchange>>,
    ) -> Option<Step<G::Exchange>> {
        let begun = host::now()?;
        let mut gateway = self.shared.gateway.try_borrow_mut().ok()?;
        let step = event(gateway.as_mut()?, self.id, &self.shared.proxy, begun.time())?;
        if step.is_told_of() {
            let spent = host::now().map_or(0, |ended| ended.micros_since(begun));
            self.spent = self.spent.saturating_add(spent);
        }
        Some(step)
    }

    fn follow_step(&mut self, step: Step<G::Exchange>) -> Action {
        if matches!(step, Step::Await | Step::Read { .. }) {
            self.waits = true;
            // The root context answers it: with the decision, or because its body
            // takes too long.
            match self.shared.waiting.try_borrow_mut() {
                Ok(mut waiting) => drop(waiting.insert(self.id, Rc::clone(&self.decided))),
                Err(_) => return refuse(&self.decided),
            }
        }
        match step {
            Step::Await => Action::Pause,
            Step::Read { limit, head: Head::Held } => {
                read(limit, false, &self.decided);
                Action::Pause
            }
            step => carry_out(step, &self.decided),
        }
    }

    /// How many bytes of its body are wanted for the decision, at most.
    fn reads(&self) -> Option<usize> {
        match self.decided.try_borrow().as_deref() {
            Ok(Decided { way: Way::Reading { limit, .. }, .. }) => Some(*limit),
            _ => None,
        }
    }

    /// Collects a body that is wanted, until it ends or is too long.
    fn read_on(&mut self, limit: usize, size: usize, end: bool) -> Action {
        let body = match () {
            () if size > limit => Body::TooLong,
            () if end => Body::Whole(host::request_body(size)),
            () => return Action::Pause,
        };
        match self.decide_by_body(body) {
            Some(step) => self.follow_step(step),
            None => refuse(&self.decided),
        }
    }

    /// The request was answered before its body was judged. The upstream's answer
    /// must not pass, nor one of which nobody knows whose it is.
    fn answer_early(&mut self) -> Action {
        let is_the_proxys =
            self.shared.proxy.fact("response.code_details").is_some_and(|details| details != b"via_upstream");
        match self.with_gateway(|gateway, id, host, now| gateway.on_early_answer(id, host, now)) {
            Some(Step::Reply { record, .. }) if is_the_proxys => {
                if let Ok(mut decided) = self.decided.try_borrow_mut() {
                    *decided = Decided { way: Way::Answered(Vec::new()), record };
                }
                Action::Continue
            }
            Some(step) => carry_out(step, &self.decided),
            None => refuse(&self.decided),
        }
    }

    /// Body and trailers go on only behind headers that went on. In a host that
    /// hands them out while headers are held, to continue here would send the
    /// whole request on unjudged.
    fn follow(&self) -> Action {
        match self.decided.try_borrow().as_deref() {
            Ok(Decided { way: Way::Forwarded(_), .. }) => Action::Continue,
            _ => Action::Pause,
        }
    }
}

impl<G: Gate> Context for Stream<G> {}

/// The proxy has let go of the request. `on_done` would say so a moment earlier,
/// and cost each request one more way into the VM.
impl<G: Gate> Drop for Stream<G> {
    fn drop(&mut self) {
        if self.waits {
            // Off both lists: acting on a stream that is gone acts on another.
            if let Ok(mut waiting) = self.shared.waiting.try_borrow_mut() {
                waiting.remove(&self.id);
            }
            if let Ok(mut gateway) = self.shared.gateway.try_borrow_mut()
                && let Some(gateway) = gateway.as_mut()
            {
                gateway.on_stream_end(self.id);
            }
        }
    }
}

impl<G: Gate> HttpContext for Stream<G> {
    fn on_http_request_headers(&mut self, _count: usize, end_of_stream: bool) -> Action {
        // No decision, no way through.
        match self.decide(end_of_stream) {
            Some(step) => self.follow_step(step),
            None => refuse(&self.decided),
        }
    }

    fn on_http_request_body(&mut self, size: usize, end_of_stream: bool) -> Action {
        match self.reads() {
            Some(limit) => self.read_on(limit, size, end_of_stream),
            None => self.follow(),
        }
    }

    fn on_http_request_trailers(&mut self, _count: usize) -> Action {
        match self.reads() {
            // How much was collected is not said here.
            Some(limit) => self.read_on(limit, limit, true),
            None => self.follow(),
        }
    }

    fn on_http_response_headers(&mut self, _count: usize, _end_of_stream: bool) -> Action {
        let slot = Rc::clone(&self.decided);
        let Ok(decided) = slot.try_borrow() else {
            return Action::Continue;
        };
        match &decided.way {
            Way::Reading { ahead: true, .. } => {
                drop(decided);
                return self.answer_early();
            }
            Way::Open | Way::Reading { .. } | Way::Broken => {}
            Way::Answered(cookies) => {
                for cookie in cookies {
                    host::edit(Map::Response, Edit::Add(b"set-cookie", cookie.as_bytes()));
                }
            }
            Way::Forwarded(exchange) => {
                if let Some(now) = host::now()
                    && let Ok(mut gateway) = self.shared.gateway.try_borrow_mut()
                    && let Some(gateway) = gateway.as_mut()
                {
                    for edit in gateway.on_response(exchange, || host::headers(Map::Response), now.time()).iter() {
                        host::edit(Map::Response, edit);
                    }
                }
            }
        }
        Action::Continue
    }

    fn on_log(&mut self) {
        let decided =
            self.decided.try_borrow_mut().map(|mut decided| std::mem::take(&mut *decided)).unwrap_or_default();
        let Ok(mut gateway) = self.shared.gateway.try_borrow_mut() else {
            return;
        };
        let (Some(gateway), host) = (gateway.as_mut(), &self.shared.proxy) else {
            return;
        };
        let now = || host::now().map(Moment::time).unwrap_or_default();
        let record = match decided.way {
            Way::Forwarded(_) | Way::Answered(_) => decided.record,
            // Envoy refuses some requests before any filter sees them.
            Way::Open | Way::Reading { .. } => gateway.on_undecided(self.id, "proxy_refused", host, now()),
            Way::Broken => gateway.on_undecided(self.id, "host_failure", host, now()),
        };
        if let Some(mut record) = record {
            record.add_number(Field::DurationUs, self.spent);
            gateway.on_log(record, || host::headers(Map::Request), host, now);
        } else {
            Audit::leave_out(host);
        }
    }
}

/// Does to the stream in effect what was decided about it.
pub fn carry_out<E>(step: Step<E>, slot: &Slot<E>) -> Action {
    match step {
        // A request that waited has said all it has to say.
        Step::Await | Step::Read { head: Head::Held, .. } => refuse(slot),
        Step::Read { limit, head: Head::Ahead(Advance { edits, .. }) } => {
            if !edit_all(&edits) || !read(limit, true, slot) {
                return refuse(slot);
            }
            Action::Continue
        }
        Step::Reply { reply, reason, cookies, record } => {
            if let Ok(mut slot) = slot.try_borrow_mut() {
                *slot = Decided { way: Way::Answered(cookies), record };
            }
            host::reply(&reply, reason);
            Action::Pause
        }
        Step::Forward(Forward { edits, exchange, record }) => {
            if !edit_all(&edits) {
                return refuse(slot);
            }
            let Ok(mut slot) = slot.try_borrow_mut() else {
                return refuse(slot);
            };
            *slot = Decided { way: Way::Forwarded(exchange), record };
            Action::Continue
        }
    }
}

/// Changes a request's headers. `false`: not all of them, and half of the edits
/// would let a header through that the client must not say.
fn edit_all(edits: &Edits) -> bool {
    edits.iter().all(|edit| host::edit(Map::Request, edit))
}

/// The body is wanted next.
fn read<E>(limit: usize, ahead: bool, slot: &Slot<E>) -> bool {
    slot.try_borrow_mut().map(|mut slot| slot.way = Way::Reading { limit, ahead }).is_ok()
}

/// The host did not give us what a decision needs.
fn refuse<E>(slot: &Slot<E>) -> Action {
    if let Ok(mut slot) = slot.try_borrow_mut() {
        slot.way = Way::Broken;
    }
    let headers = vec![("content-type".into(), b"application/json".to_vec())];
    let body =
        br#"{"status":503,"error":"temporarily_unavailable","message":"The gateway could not read the request."}"#;
    host::reply(&Reply { status: 503, headers, body: body.to_vec() }, "host_failure");
    Action::Pause
}
