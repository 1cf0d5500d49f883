//! One request and its response.

use std::rc::Rc;

use airgate::gateway::{Body, Step, StreamId};
use airgate::http::{Edit, Reply};
use proxy_wasm::traits::{Context, HttpContext};
use proxy_wasm::types::Action;

use crate::host::{self, Map};
use crate::shared::{Decided, Shared, Slot};

/// The context of one request.
pub struct Stream {
    id: StreamId,
    shared: Rc<Shared>,
    decided: Slot,
    /// Whether gateway or root know of it.
    waits: bool,
    /// How many bytes of its body are wanted for the decision, at most.
    reads: Option<usize>,
}

impl Stream {
    /// A request that has not been read yet.
    pub fn new(id: StreamId, shared: Rc<Shared>) -> Stream {
        Stream { id, shared, decided: Slot::default(), waits: false, reads: None }
    }

    fn decide(&self) -> Option<Step> {
        let now = host::now()?;
        let headers = host::headers(Map::Request)?;
        let mut gateway = self.shared.gateway.try_borrow_mut().ok()?;
        Some(gateway.as_mut()?.on_request(self.id, headers, &host::Proxy, now))
    }

    fn decide_by_body(&self, body: Body) -> Option<Step> {
        let now = host::now()?;
        let mut gateway = self.shared.gateway.try_borrow_mut().ok()?;
        Some(gateway.as_mut()?.on_body(self.id, body, &host::Proxy, now))
    }

    fn follow_step(&mut self, step: Step) -> Action {
        match step {
            Step::Await => {
                self.waits = true;
                match self.shared.waiting.try_borrow_mut() {
                    Ok(mut waiting) => drop(waiting.insert(self.id, Rc::clone(&self.decided))),
                    Err(_) => return refuse(),
                }
                Action::Pause
            }
            Step::Read { limit } => {
                self.waits = true;
                self.reads = Some(limit);
                Action::Pause
            }
            step => carry_out(step, &self.decided),
        }
    }

    /// Collects a body that is wanted, until it ends or is too long.
    fn read_on(&mut self, limit: usize, size: usize, end: bool) -> Action {
        let body = match () {
            () if size > limit => Body::TooLong,
            () if end => Body::Whole(host::request_body(size)),
            () => return Action::Pause,
        };
        self.reads = None;
        let step = self.decide_by_body(body).unwrap_or_else(broken);
        self.follow_step(step)
    }

    /// Body and trailers go on only behind headers that went on. In a host that
    /// hands them out while headers are held, to continue here would send the
    /// whole request on unjudged.
    fn follow(&self) -> Action {
        match self.decided.try_borrow().as_deref() {
            Ok(Decided::Forwarded(_)) => Action::Continue,
            _ => Action::Pause,
        }
    }
}

impl Context for Stream {
    fn on_done(&mut self) -> bool {
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
        true
    }
}

impl HttpContext for Stream {
    fn on_http_request_headers(&mut self, _count: usize, end_of_stream: bool) -> Action {
        // No decision, no way through.
        let step = self.decide().unwrap_or_else(broken);
        match (self.follow_step(step), self.reads) {
            (_, Some(limit)) if end_of_stream => self.read_on(limit, 0, true),
            (action, _) => action,
        }
    }

    fn on_http_request_body(&mut self, size: usize, end_of_stream: bool) -> Action {
        match self.reads {
            Some(limit) => self.read_on(limit, size, end_of_stream),
            None => self.follow(),
        }
    }

    fn on_http_request_trailers(&mut self, _count: usize) -> Action {
        match self.reads {
            // How much was collected is not said here.
            Some(limit) => self.read_on(limit, limit, true),
            None => self.follow(),
        }
    }

    fn on_http_response_headers(&mut self, _count: usize, _end_of_stream: bool) -> Action {
        let Ok(decided) = self.decided.try_borrow() else {
            return Action::Continue;
        };
        match &*decided {
            Decided::Open => {}
            Decided::Answered(cookies) => {
                for cookie in cookies {
                    host::edit(Map::Response, &Edit::Add("set-cookie".into(), cookie.clone().into_bytes()));
                }
            }
            Decided::Forwarded(exchange) => {
                if let Some(now) = host::now()
                    && let Ok(mut gateway) = self.shared.gateway.try_borrow_mut()
                    && let Some(gateway) = gateway.as_mut()
                {
                    for edit in gateway.on_response(exchange, || host::headers(Map::Response), now) {
                        host::edit(Map::Response, &edit);
                    }
                }
            }
        }
        Action::Continue
    }
}

/// Does to the stream in effect what was decided about it.
pub fn carry_out(step: Step, slot: &Slot) -> Action {
    match step {
        // A request that waited has said all it has to say.
        Step::Await | Step::Read { .. } => refuse(),
        Step::Reply { reply, reason, cookies } => {
            if let Ok(mut slot) = slot.try_borrow_mut() {
                *slot = Decided::Answered(cookies);
            }
            answer(&reply, reason);
            Action::Pause
        }
        Step::Forward(forward) => {
            let Ok(mut slot) = slot.try_borrow_mut() else {
                return refuse();
            };
            if !forward.edits.iter().all(|edit| host::edit(Map::Request, edit)) {
                // Half of the edits would let a header through that the client
                // must not say.
                return refuse();
            }
            *slot = Decided::Forwarded(forward.exchange);
            Action::Continue
        }
    }
}

fn answer(reply: &Reply, reason: &'static str) {
    host::set_property("airgate.reason", reason.as_bytes());
    host::reply(reply, reason);
}

fn refuse() -> Action {
    if let Step::Reply { reply, reason, .. } = broken() {
        answer(&reply, reason);
    }
    Action::Pause
}

/// The host did not give us what a decision needs.
fn broken() -> Step {
    let headers = vec![("content-type".into(), b"application/json".to_vec())];
    let body =
        br#"{"status":503,"error":"temporarily_unavailable","message":"The gateway could not read the request."}"#;
    Step::Reply {
        reply: Reply { status: 503, headers, body: body.to_vec() },
        reason: "host_failure",
        cookies: Vec::new(),
    }
}
