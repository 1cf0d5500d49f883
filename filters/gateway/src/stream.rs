//! One request and its response.

use std::rc::Rc;

use airgate::gateway::{Step, StreamId};
use airgate::http::Reply;
use proxy_wasm::traits::{Context, HttpContext};
use proxy_wasm::types::Action;

use crate::host::{self, Map};
use crate::shared::{Shared, Slot};

/// The context of one request.
pub struct Stream {
    id: StreamId,
    shared: Rc<Shared>,
    exchange: Slot,
    waits: bool,
}

impl Stream {
    /// A request that has not been read yet.
    pub fn new(id: StreamId, shared: Rc<Shared>) -> Stream {
        Stream { id, shared, exchange: Slot::default(), waits: false }
    }

    fn decide(&self) -> Option<Step> {
        let now = host::now()?;
        let headers = host::headers(Map::Request)?;
        let mut gateway = self.shared.gateway.try_borrow_mut().ok()?;
        Some(gateway.as_mut()?.on_request(self.id, headers, &host::Proxy, now))
    }

    /// Body and trailers go on only behind headers that went on. In a host that
    /// hands them out while headers are held, to continue here would send the
    /// whole request on unjudged.
    fn follow(&self) -> Action {
        match self.exchange.try_borrow() {
            Ok(exchange) if exchange.is_some() => Action::Continue,
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
    fn on_http_request_headers(&mut self, _count: usize, _end_of_stream: bool) -> Action {
        // No decision, no way through.
        let step = self.decide().unwrap_or_else(broken);
        match &step {
            Step::Await => {
                self.waits = true;
                match self.shared.waiting.try_borrow_mut() {
                    Ok(mut waiting) => drop(waiting.insert(self.id, Rc::clone(&self.exchange))),
                    Err(_) => return refuse(),
                }
                Action::Pause
            }
            _ => carry_out(step, &self.exchange),
        }
    }

    fn on_http_request_body(&mut self, _size: usize, _end_of_stream: bool) -> Action {
        self.follow()
    }

    fn on_http_request_trailers(&mut self, _count: usize) -> Action {
        self.follow()
    }

    fn on_http_response_headers(&mut self, _count: usize, _end_of_stream: bool) -> Action {
        let Ok(exchange) = self.exchange.try_borrow() else {
            return Action::Continue;
        };
        if let Some(exchange) = exchange.as_ref()
            && let Some(now) = host::now()
            && let Ok(gateway) = self.shared.gateway.try_borrow()
            && let Some(gateway) = gateway.as_ref().filter(|gateway| gateway.wants_response(exchange, now))
            && let Some(headers) = host::headers(Map::Response)
        {
            for edit in gateway.on_response(exchange, &headers, now) {
                host::edit(Map::Response, &edit);
            }
        }
        Action::Continue
    }
}

/// Does to the stream in effect what was decided about it.
pub fn carry_out(step: Step, slot: &Slot) -> Action {
    match step {
        Step::Await => Action::Pause,
        Step::Reply { reply, reason } => {
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
            *slot = Some(forward.exchange);
            Action::Continue
        }
    }
}

fn answer(reply: &Reply, reason: &'static str) {
    host::set_property("airgate.reason", reason.as_bytes());
    host::reply(reply, reason);
}

fn refuse() -> Action {
    if let Step::Reply { reply, reason } = broken() {
        answer(&reply, reason);
    }
    Action::Pause
}

/// The host did not give us what a decision needs.
fn broken() -> Step {
    let headers = vec![("content-type".into(), b"application/json".to_vec())];
    let body =
        br#"{"status":503,"error":"temporarily_unavailable","message":"The gateway could not read the request."}"#;
    Step::Reply { reply: Reply { status: 503, headers, body: body.to_vec() }, reason: "host_failure" }
}
