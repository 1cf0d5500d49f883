//! What a filter carries events to, and carries out the answers of.

use serde_json::Value;

use super::{Body, Exchange, Gateway, Outcome, Step, StreamId};
use crate::audit::Record;
use crate::config::Settings;
use crate::host::Host;
use crate::http::{Answer, CallId, Edits, Headers};
use crate::settings::{Environment, Mistake};
use crate::time::Time;

/// Something that decides about requests: the whole gateway, or one room of it.
/// What it has no use for it leaves out, and then the module does not hold it.
pub trait Gate: Sized + 'static {
    /// What the response to a forwarded request needs to know.
    type Exchange;

    /// Whether it has to do with time: without, it gets neither ticks nor
    /// answers to calls, and what it counts is told to nobody.
    const TICKS: bool;

    /// Reads a configuration, with secrets from `environment`, and opens.
    ///
    /// # Errors
    /// Every mistake, each with its path; nothing starts with one.
    fn open(config: &Value, environment: Environment<'_>, host: &dyn Host) -> Result<Self, Vec<Mistake>>;

    /// Decides about a request. `ends`: nothing follows its headers.
    fn on_request(
        &mut self,
        stream: StreamId,
        headers: Headers,
        ends: bool,
        host: &dyn Host,
        now: Time,
    ) -> Step<Self::Exchange>;

    /// The body has come that [`Step::Read`] asked for. `None`: it never asks.
    fn on_body(&mut self, stream: StreamId, body: Body, host: &dyn Host, now: Time) -> Option<Step<Self::Exchange>> {
        let _ = (stream, body, host, now);
        None
    }

    /// A request was answered whose headers went ahead and whose body has not come
    /// yet. `None`: none ever do.
    fn on_early_answer(&mut self, stream: StreamId, host: &dyn Host, now: Time) -> Option<Step<Self::Exchange>> {
        let _ = (stream, host, now);
        None
    }

    /// A request ended before its answer came.
    fn on_stream_end(&mut self, stream: StreamId) {
        let _ = stream;
    }

    /// Time passed. To be called a few times a second.
    fn on_tick(&mut self, host: &dyn Host, now: Time) -> Outcome<Self::Exchange> {
        let _ = (host, now);
        Outcome::default()
    }

    /// The answer to a call came.
    fn on_called(&mut self, id: CallId, answer: &Answer, host: &dyn Host, now: Time) -> Outcome<Self::Exchange> {
        let _ = (id, answer, host, now);
        Outcome::default()
    }

    /// What to change in the headers of a response, which are asked for only if
    /// they matter.
    fn on_response(
        &mut self,
        exchange: &Self::Exchange,
        headers: impl FnOnce() -> Option<Headers>,
        now: Time,
    ) -> Edits {
        let _ = (exchange, headers, now);
        Edits::default()
    }

    /// The record of a request that ended without a decision, for `reason` unless
    /// it was waiting for one.
    fn on_undecided(&mut self, stream: StreamId, reason: &'static str, host: &dyn Host, now: Time) -> Option<Record> {
        let _ = (stream, reason, host, now);
        None
    }

    /// A request that has a record has ended. `headers` are asked for where the
    /// record does not say what was asked for.
    fn on_log(
        &self,
        record: Record,
        headers: impl FnOnce() -> Option<Headers>,
        host: &dyn Host,
        now: impl FnOnce() -> Time,
    ) {
        let _ = (record, headers, host, now);
    }
}

impl Gate for Gateway {
    type Exchange = Exchange;

    const TICKS: bool = true;

    fn open(config: &Value, environment: Environment<'_>, host: &dyn Host) -> Result<Gateway, Vec<Mistake>> {
        Ok(Gateway::new(Settings::read(config, environment)?, host))
    }

    fn on_request(&mut self, stream: StreamId, headers: Headers, ends: bool, host: &dyn Host, now: Time) -> Step {
        self.on_request(stream, headers, ends, host, now)
    }

    fn on_body(&mut self, stream: StreamId, body: Body, host: &dyn Host, now: Time) -> Option<Step> {
        Some(self.on_body(stream, body, host, now))
    }

    fn on_early_answer(&mut self, stream: StreamId, host: &dyn Host, now: Time) -> Option<Step> {
        Some(self.on_early_answer(stream, host, now))
    }

    fn on_stream_end(&mut self, stream: StreamId) {
        self.on_stream_end(stream);
    }

    fn on_tick(&mut self, host: &dyn Host, now: Time) -> Outcome {
        self.on_tick(host, now)
    }

    fn on_called(&mut self, id: CallId, answer: &Answer, host: &dyn Host, now: Time) -> Outcome {
        self.on_called(id, answer, host, now)
    }

    fn on_response(&mut self, exchange: &Exchange, headers: impl FnOnce() -> Option<Headers>, now: Time) -> Edits {
        self.on_response(exchange, headers, now)
    }

    fn on_undecided(&mut self, stream: StreamId, reason: &'static str, host: &dyn Host, now: Time) -> Option<Record> {
        self.on_undecided(stream, reason, host, now)
    }

    fn on_log(
        &self,
        record: Record,
        headers: impl FnOnce() -> Option<Headers>,
        host: &dyn Host,
        now: impl FnOnce() -> Time,
    ) {
        self.on_log(record, headers, host, now);
    }
}
