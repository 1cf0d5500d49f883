//! The record: one for each request, of who asked for what and what became of
//! it, fit to be read by somebody who was not there.
//!
//! Nothing in here decides anything. What is known is handed in piece by piece,
//! bounded and cleaned as it comes; what the proxy alone knows is asked for when
//! the record is written.

mod field;
mod line;
mod pseudonym;
mod record;
mod settings;
mod target;

pub use field::Field;
pub use record::Record;

use std::borrow::Cow;

use crate::address;
use crate::decision::Decision;
use crate::host::Host;
use crate::http::Headers;
use crate::time::Time;
use pseudonym::Pseudonyms;
use settings::{Scope, Sink};
use target::Secrets;

/// How records are made and where they go.
pub struct Audit {
    sink: Sink,
    scope: Scope,
    pseudonyms: Option<Pseudonyms>,
    secrets: Secrets,
}

/// The most bytes of a text in a log line.
const SHOWN: usize = 256;

/// What the proxy tells when a request has ended, and as what.
const FACTS: [(Field, &str); 7] = [
    (Field::Status, "response.code"),
    (Field::Flags, "response.flags"),
    (Field::Details, "response.code_details"),
    (Field::Upstream, "upstream.address"),
    (Field::RequestSize, "request.total_size"),
    (Field::ResponseSize, "response.total_size"),
    (Field::TotalMs, "request.duration"),
];

impl Audit {
    /// Begins a record; `None`: nobody wants one. `changes`: whether the request
    /// could change something; `reported`: whether it would be refused, were a
    /// rule enforced.
    pub fn begin(&self, decision: Decision, reason: &'static str, changes: bool, reported: bool) -> Option<Record> {
        let refused = decision == Decision::Deny || reported;
        let wanted = match self.scope {
            Scope::All => true,
            Scope::Mutations => refused || changes,
            Scope::Refusals => refused,
        };
        (wanted && self.sink != Sink::None).then(|| Record::new(decision, reason))
    }

    /// Adds what a text says.
    pub fn note(&self, record: &mut Record, field: Field, text: &str) {
        match self.pseudonyms.as_ref().and_then(|pseudonyms| pseudonyms.of(field, text)) {
            Some(pseudonym) => record.add_clean(field, &pseudonym),
            None if self.sink == Sink::Proxy && field.is_the_proxys() => {}
            None => record.add(field, text),
        }
    }

    /// Returns a text as the record shows it: bounded, cleaned, and a pseudonym
    /// where the record has one.
    pub fn shown<'a>(&self, field: Field, text: &'a str) -> Cow<'a, str> {
        match self.pseudonyms.as_ref().and_then(|pseudonyms| pseudonyms.of(field, text)) {
            Some(pseudonym) => pseudonym.into(),
            None => record::clean(text, SHOWN),
        }
    }

    /// Adds the request's id; the proxy's own needs no saying where the proxy
    /// writes the record.
    pub fn note_id(&self, record: &mut Record, id: &str, is_the_proxys: bool) {
        if self.sink == Sink::Log || !is_the_proxys {
            record.add(Field::RequestId, id);
        }
    }

    /// Adds what was asked for: a head as good as it can be read.
    pub fn note_head(&self, record: &mut Record, headers: &Headers) {
        record.has_head = true;
        let text = |name: &str| String::from_utf8_lossy(headers.first(name).unwrap_or_default());
        let target = headers.first(":path").unwrap_or_default();
        let mut parts = target.splitn(2, |byte| *byte == b'?');
        let path = parts.next().unwrap_or_default();
        record.add_clean(Field::Query, &parts.next().map(|query| self.secrets.query(path, query)).unwrap_or_default());
        record.add_clean(Field::Path, &self.secrets.path(path));
        if self.sink == Sink::Log {
            record.add(Field::Method, &text(":method"));
            record.add(Field::Host, &text(":authority"));
        }
    }

    /// Writes a record, once its request has ended. The proxy's own record says
    /// when.
    pub fn write(&self, mut record: Record, host: &dyn Host, now: impl FnOnce() -> Time) {
        self.note_address(&mut record, host);
        match self.sink {
            Sink::None => {}
            Sink::Proxy => {
                host.tell("airgate.decision", record.decision.name());
                host.tell("airgate.reason", record.reason);
                for (field, text) in record.fields() {
                    host.tell(field.property(), text);
                }
            }
            Sink::Log => {
                Audit::leave_out(host);
                for (field, name) in FACTS {
                    if let Some(value) = host.fact(name) {
                        note_fact(&mut record, field, &value);
                    }
                }
                log::info!("{}", line::line(&record, now()));
            }
        }
    }

    /// Says that the proxy's own record of a request is not wanted. A filter of
    /// its access log goes by this, and so still shows what never came here.
    pub fn leave_out(host: &dyn Host) {
        host.tell("airgate.record", "no");
    }

    /// Where the request came from. The proxy knows too, but not whether that is
    /// to be told.
    fn note_address(&self, record: &mut Record, host: &dyn Host) {
        let address = host.fact("source.address").unwrap_or_default();
        let address = String::from_utf8_lossy(&address);
        let (address, port) = address::split(&address);
        self.note(record, Field::Address, address);
        self.note(record, Field::Port, port);
    }
}

/// Numbers are eight bytes, or digits where hosts differ; spans nanoseconds.
fn note_fact(record: &mut Record, field: Field, value: &[u8]) {
    if !field.is_number() {
        return record.add(field, &String::from_utf8_lossy(value));
    }
    let number = match <[u8; 8]>::try_from(value) {
        Ok(bytes) => Some(u64::from_le_bytes(bytes)),
        Err(_) => std::str::from_utf8(value).ok().and_then(|digits| digits.parse().ok()),
    };
    if let Some(number) = number {
        record.add_number(field, if field == Field::TotalMs { number / 1_000_000 } else { number });
    }
}

#[cfg(test)]
mod tests;
