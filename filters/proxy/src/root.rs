//! The root context: configuration, time, and calls to providers.

use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

use airgate::gateway::{Gate, Outcome, StreamId, Wake};
use airgate::http::{Answer, Call, CallId};
use airgate::metrics::Counts;
use airgate::time::Time;
use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::{Action, ContextType};

use crate::configuration;
use crate::host::{self, Proxy};
use crate::shared::Shared;
use crate::stream::{Stream, carry_out};

/// How often keys that are wanted are fetched and waiting requests looked after.
/// Five times a second costs nothing one could measure and delays a request that
/// needs new keys by a tenth of a second on average.
const TICK: Duration = Duration::from_millis(200);

/// Every call is answered, if only by a timeout. The bound guards against a host
/// that never answers, and is more than all lists of the gateway can cause at
/// once (1,024 logins and refreshes, 128 token requests): otherwise those could
/// keep keys from being fetched.
const MAX_CALLS: usize = 2048;

/// The root context.
pub struct Root<G: Gate> {
    id: u32,
    shared: Rc<Shared<G>>,
    calls: HashMap<u32, CallId>,
    /// The proxy's counters, by the order of [`Counts::names`].
    counters: Vec<Option<u32>>,
}

impl<G: Gate> Root<G> {
    /// A context without configuration.
    pub fn new(id: u32) -> Root<G> {
        Root { id, shared: Rc::default(), calls: HashMap::new(), counters: Vec::new() }
    }

    fn with_gateway(&mut self, event: impl FnOnce(&mut G, &Proxy, Time) -> Outcome<G::Exchange>) {
        let Some(now) = host::now() else {
            return;
        };
        let outcome = match self.shared.gateway.try_borrow_mut() {
            Ok(mut gateway) => gateway.as_mut().map(|gateway| event(gateway, &self.shared.proxy, now.time())),
            Err(_) => None,
        };
        let Some(outcome) = outcome else {
            return;
        };
        self.make(outcome.calls);
        for wake in outcome.wakes {
            self.wake(wake);
        }
    }

    /// Makes calls, and tells the gateway of those that could not be made.
    fn make(&mut self, calls: Vec<Call>) {
        for call in calls {
            let token = if self.calls.len() < MAX_CALLS { host::call(&call) } else { None };
            match token {
                Some(token) => {
                    self.calls.insert(token, call.id);
                }
                None => {
                    log::warn!("cannot call {} by cluster {}", call.endpoint.authority, call.cluster);
                    self.with_gateway(|gateway, host, now| gateway.on_called(call.id, &Answer::Failed, host, now));
                }
            }
        }
    }

    /// Adds what was counted here to the proxy's counters. All of them are there
    /// from the first tick on: dashboards and alerts ask for what has not
    /// happened yet. While a configuration is only tried, nothing ticks.
    fn hand_over_counts(&mut self) {
        if self.counters.is_empty() {
            for name in Counts::names() {
                self.counters.push(host::counter(&name));
            }
        }
        for (counter, count) in self.counters.iter().zip(self.shared.proxy.counted()) {
            if let (Some(counter), 1..) = (counter, count) {
                host::raise(*counter, count);
            }
        }
    }

    fn wake(&self, wake: Wake<G::Exchange>) {
        // It stays there: a request whose headers go ahead may have to be answered
        // later, and each stream removes its own.
        let slot = self.shared.waiting.try_borrow().ok().and_then(|waiting| waiting.get(&wake.stream).cloned());
        let Some(slot) = slot else {
            return;
        };
        host::with_stream(wake.stream.0, self.id, || {
            // Never both a local reply and a resume (Envoy CVE-2022-29228).
            if carry_out(wake.step, &slot) == Action::Continue {
                host::resume();
            }
        });
    }
}

impl<G: Gate> Context for Root<G> {
    fn on_http_call_response(&mut self, token: u32, headers: usize, body: usize, _trailers: usize) {
        if let Some(call) = self.calls.remove(&token) {
            let answer = host::answer(headers, body);
            self.with_gateway(|gateway, host, now| gateway.on_called(call, &answer, host, now));
        }
    }
}

impl<G: Gate> RootContext for Root<G> {
    fn on_configure(&mut self, _size: usize) -> bool {
        let Some(gateway) = configuration::read(|config, environment| G::open(config, environment, &self.shared.proxy))
        else {
            return false;
        };
        match self.shared.gateway.try_borrow_mut() {
            Ok(mut place) => *place = Some(gateway),
            Err(_) => return false,
        }
        // Without ticks no key would ever be fetched.
        !G::TICKS || host::tick_every(TICK)
    }

    fn on_tick(&mut self) {
        self.with_gateway(|gateway, host, now| gateway.on_tick(host, now));
        self.hand_over_counts();
    }

    fn create_http_context(&self, id: u32) -> Option<Box<dyn HttpContext>> {
        Some(Box::new(Stream::new(StreamId(id), Rc::clone(&self.shared))))
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }
}
