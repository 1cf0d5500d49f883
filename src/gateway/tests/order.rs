//! What a request's headers say does not depend on how they are written down: neither on their order nor on the case
//! of their names. Lines of one name keep their order among themselves (RFC 9110 section 5.3).

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::audit::Record;
use proptest::prelude::*;

type Field = (String, Vec<u8>);

/// A gateway where everything that looks at headers has something to find, and somebody's session.
struct House {
    bed: Bed,
    cookie: String,
    good: String,
    agent: String,
}

impl House {
    fn new() -> House {
        let mut bed = Bed::with_login(|config| {
            config["public"] = json!(["/open/**"]);
            config["routing"] =
                json!({"rules": [{"when": {"header": {"name": "x-beta"}}, "then": {"upstream": "canary"}}]});
            config["access"] = json!({
                "default_role": "reader",
                "roles": [{"role": "editor", "group": "a"}],
                "rules": [
                    {"name": "no", "who": {"auth": "session"}, "what": {"operation": "deleteConnection"}, "then": "deny"},
                ],
                "agents": [{"name": "bot", "client": "bot", "preset": "observer"}],
            });
            config["audit"] = json!({"to": "log"});
        });
        let cookie = bed.signed_in().header();
        let good = format!("Bearer {}", bed.token());
        let agent = format!("Bearer {}", bed.token_with(json!({"azp": "bot"})));
        House { bed, cookie, good, agent }
    }

    /// What becomes of a request, said without regard to order and case.
    fn ask(&mut self, fields: &[Field]) -> String {
        // Random bytes begin anew; what lies on the shelf stays there.
        let host = TestHost::default();
        host.shelf.replace(self.bed.host.shelf.take());
        self.bed.host = host;
        let headers = Headers::from_pairs(fields.iter().map(|(name, value)| (name, value)));
        let bed = &mut self.bed;
        let mut step = bed.gateway.on_request(StreamId(7), headers.clone(), false, &bed.host, bed.now);
        if let Step::Read { .. } = step {
            let body = Body::Whole(br#"{"connectionId":"1","jobType":"sync"}"#.to_vec());
            step = bed.gateway.on_body(StreamId(7), body, &bed.host, bed.now);
        }
        let record =
            |record: &Option<Record>| record.iter().flat_map(Record::fields).map(|it| format!("{it:?}")).collect();
        let mut record: Vec<String> = match &step {
            Step::Forward(forward) => record(&forward.record),
            Step::Reply { record: written, .. } => record(written),
            _ => Vec::new(),
        };
        record.sort();
        let said = match step {
            Step::Forward(forward) => {
                let response = || Some(Headers::from_pairs([(":status", "200")]));
                let back = bed.gateway.on_response(&forward.exchange, response, bed.now);
                let reason = forward.exchange.permit().reason();
                format!(
                    "{reason:?} {:?} {} changes on the way back",
                    sent_on(fields, &forward.edits),
                    back.iter().count()
                )
            }
            Step::Reply { reply, reason, cookies, .. } => {
                let names: Vec<_> = cookies.iter().map(|cookie| cookie.split('=').next()).collect();
                // Where a login leads is sealed, and so never the same twice.
                let headers: Vec<_> =
                    reply.headers.iter().filter(|(name, value)| name != "location" || value.len() < 200).collect();
                format!("{} {reason} {headers:?} {names:?} {}", reply.status, String::from_utf8_lossy(&reply.body))
            }
            other => panic!("{other:?} with all keys there"),
        };
        bed.gateway.on_stream_end(StreamId(7));
        bed.gateway.on_tick(&bed.host, bed.now);
        format!("{said} {record:?}")
    }
}

/// What the upstream is told.
fn sent_on(fields: &[Field], edits: &Edits) -> BTreeMap<String, Vec<String>> {
    let mut sent: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, value) in fields {
        sent.entry(name.to_ascii_lowercase()).or_default().push(String::from_utf8_lossy(value).into_owned());
    }
    for edit in edits.iter() {
        match edit {
            Edit::Remove(name) => drop(sent.remove(&text(name).to_ascii_lowercase())),
            Edit::Set(name, value) => {
                sent.insert(text(name).to_ascii_lowercase(), vec![text(value)]);
            }
            Edit::Add(name, value) => sent.entry(text(name).to_ascii_lowercase()).or_default().push(text(value)),
        }
    }
    for (name, values) in sent.iter().filter(|(name, _)| name.starts_with("x-airgate-")) {
        assert_eq!(values.len(), 1, "{name}: {values:?}");
    }
    sent
}

/// The head and a choice of what a client may add; `@…` stands for what only the house has.
fn fields() -> impl Strategy<Value = Vec<(&'static str, &'static str)>> {
    let method = prop::sample::select(&["GET", "GET", "POST", "POST", "HEAD"][..]);
    let path = prop::sample::select(
        &[
            "/",
            "/open/x",
            "/api/v1/connections/get",
            "/api/v1/connections/delete",
            "/api/public/v1/jobs",
            "/%61pi/v1/x",
            "/a/../b",
            "/.airgate/me",
            "/.airgate/logout",
            "/.airgate/callback/corp?code=1&state=2",
        ][..],
    );
    let who = &[
        ("authorization", "@good"),
        ("authorization", "@agent"),
        ("proxy-authorization", "@good"),
        ("cookie", "@session"),
    ][..];
    let more = &[
        ("authorization", "@good"),
        ("authorization", "Bearer x.y.z"),
        ("authorization", "Basic YTpi"),
        ("cookie", "__Host-airgate-session=1.x"),
        ("cookie", "__Host-airgate-affinity=x; a=b"),
        ("cookie", "c=d"),
        ("cookie", "e=f"),
        ("accept", "text/html"),
        ("accept", "application/json"),
        ("sec-fetch-mode", "navigate"),
        ("sec-fetch-mode", "cors"),
        ("sec-fetch-site", "same-origin"),
        ("sec-fetch-site", "same-origin"),
        ("sec-fetch-site", "cross-site"),
        ("origin", "https://airbyte.example.com"),
        ("origin", "null"),
        ("content-type", "application/json"),
        ("access-control-request-method", "POST"),
        ("connection", "upgrade"),
        ("upgrade", "websocket"),
        ("user-agent", "curl/8"),
        ("x-airgate-user", "mallory"),
        ("x_airgate_role", "admin"),
        ("x-airgate-affinity", "b"),
        ("x-airbyte-user-id", "1"),
        ("x-original-url", "/open/x"),
        ("x-forwarded-proto", "http"),
        ("x-http-method-override", "GET"),
        ("x-request-id", "r2"),
        ("x-beta", "1"),
        ("host", "evil.example"),
        (":authority", "other.example"),
    ][..];
    let who = prop::option::weighted(0.8, prop::sample::select(who));
    let more = prop::collection::vec(prop::sample::select(more), 0..6);
    (method, path, who, more).prop_map(|(method, path, who, more)| {
        let mut fields = vec![(":method", method), (":path", path), (":authority", "airbyte.example.com")];
        fields.extend(who);
        fields.extend(more);
        fields
    })
}

/// The same fields in another order and spelling.
fn turned(fields: &[Field], places: &[u16], capitals: u64) -> Vec<Field> {
    let mut order: Vec<usize> = (0..fields.len()).collect();
    order.sort_by_key(|at| places[*at]);
    // Each name takes the places that fell to it, first things first.
    let mut left: BTreeMap<&str, std::vec::IntoIter<&Field>> = BTreeMap::new();
    for (name, _) in fields {
        let same: Vec<&Field> = fields.iter().filter(|(other, _)| other == name).collect();
        left.entry(name).or_insert(same.into_iter());
    }
    let mut bits = (0..64).cycle().map(|bit| capitals >> bit & 1 == 1);
    let spelled = |name: &str, bits: &mut dyn Iterator<Item = bool>| -> String {
        name.chars().map(|char| if bits.next().unwrap() { char.to_ascii_uppercase() } else { char }).collect()
    };
    let next = |at: usize| left.get_mut(fields[at].0.as_str()).unwrap().next().unwrap();
    let turned: Vec<&Field> = order.into_iter().map(next).collect();
    turned.into_iter().map(|(name, value)| (spelled(name, &mut bits), value.clone())).collect()
}

#[test]
fn neither_order_nor_case_of_headers_changes_a_decision() {
    let mut house = House::new();
    let strategy = (fields(), prop::collection::vec(any::<u16>(), 10), any::<u64>());
    let config = ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() };
    let mut runner = proptest::test_runner::TestRunner::new(config);
    let house = RefCell::new(&mut house);
    let met = RefCell::new(BTreeSet::new());
    let outcome = runner.run(&strategy, |(fields, places, capitals)| {
        let mut house = house.borrow_mut();
        let fields: Vec<Field> = fields
            .into_iter()
            .map(|(name, value)| {
                let value = match value {
                    "@good" => &house.good,
                    "@agent" => &house.agent,
                    "@session" => &house.cookie,
                    value => value,
                };
                (name.to_owned(), value.as_bytes().to_vec())
            })
            .collect();
        let said = house.ask(&fields);
        let words: Vec<&str> = said.split(' ').take(if said.starts_with(char::is_numeric) { 2 } else { 1 }).collect();
        met.borrow_mut().insert(words.join(" "));
        prop_assert_eq!(said, house.ask(&turned(&fields, &places, capitals)));
        Ok(())
    });
    outcome.unwrap_or_else(|found| panic!("{found}"));
    // Otherwise it would hold of refusals only.
    let met = met.into_inner();
    for word in ["Role", "Public", "401 no_credentials", "400 malformed_credentials", "403 low_role"] {
        assert!(met.contains(word), "{word} is not in {met:?}");
    }
}
