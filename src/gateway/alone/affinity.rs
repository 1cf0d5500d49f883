//! Affinity alone.

use serde_json::Value;

use crate::affinity::{Affinity, Stay};
use crate::gateway::{Forward, Gate, Step, StreamId, response, stamp_stay};
use crate::host::Host;
use crate::http::{Edits, Headers, cookies_without};
use crate::settings::{self, Environment, Mistake, Section};
use crate::time::Time;

const OURS: [&str; 2] = ["x-airgate-affinity", "x-airgate-pin"];

/// Keeps clients on their backends, and does nothing else.
pub struct AffinityAlone(Affinity);

impl Gate for AffinityAlone {
    type Exchange = Stay;

    const TICKS: bool = false;

    fn open(config: &Value, environment: Environment<'_>, _: &dyn Host) -> Result<AffinityAlone, Vec<Mistake>> {
        settings::read(config, environment, |root| Some(AffinityAlone(read(root))))
    }

    fn on_request(&mut self, _: StreamId, headers: Headers, _: bool, host: &dyn Host, now: Time) -> Step<Stay> {
        let AffinityAlone(affinity) = self;
        let mut stripped = super::strip(&headers, &OURS);
        let is_ours = |sent: &[u8]| affinity.cookie_name().is_some_and(|name| sent == name.as_bytes());
        cookies_without(&headers, is_ours).note(stripped.edits());
        let stay = affinity.on_request(&headers, None, host, now);
        stamp_stay(&stay, &mut stripped);
        Step::Forward(Forward { edits: stripped.finish(), exchange: stay, record: None })
    }

    fn on_response(&mut self, stay: &Stay, headers: impl FnOnce() -> Option<Headers>, now: Time) -> Edits {
        let mut edits = Edits::default();
        if self.0.wants_response(stay, now)
            && let Some(headers) = headers()
        {
            if headers.first(response::PIN).is_some() {
                edits.remove(response::PIN.as_bytes());
            }
            response::keep(&self.0, stay, &[], &headers, now, &mut edits);
        }
        edits
    }
}

fn read(root: &Section<'_>) -> Affinity {
    let external = root.origin("external_url");
    let section = root.section_or_empty("affinity");
    let affinity = Affinity::read(&section, external.map_or("", |(url, _)| url));
    // Cookies are sealed for one address.
    if section.has("keys") {
        root.require("external_url");
    }
    if matches!(section.get("bearer").and_then(Value::as_str), Some("subject" | "client")) {
        section.mistake("bearer", "depends on who asks, which only airgate.wasm knows");
    }
    affinity
}
