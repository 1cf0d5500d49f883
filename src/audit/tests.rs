use serde_json::{Value, json};

use super::*;
use crate::settings;
use crate::testing::{TestHost, test};

fn audit(section: Value) -> Audit {
    let environment = |_: &str| Some(crate::testing::key(1));
    settings::read(&json!({"audit": section}), &environment, |root| Some(Audit::read(root)))
        .unwrap_or_else(|found| panic!("{found:?}"))
}

fn mistakes(section: Value) -> Vec<String> {
    let environment = |name: &str| (name == "SHORT").then(|| "AAAA".to_owned());
    let read = settings::read(&json!({"audit": section}), &environment, |root| Some(Audit::read(root)));
    read.err().unwrap_or_default().iter().map(ToString::to_string).collect()
}

/// The line of a record, as a program reads it.
fn read(line: &str) -> Value {
    assert!(line.len() <= 8192, "{} bytes", line.len());
    assert!(!line.contains(|it: char| it.is_control() || "\u{2028}\u{2029}".contains(it)), "{line}");
    serde_json::from_str(line).unwrap()
}

const NOW: Time = Time::from_millis(1_800_000_000_123);

#[test]
fn a_line_says_everything_once() {
    let audit = audit(json!({"to": "log"}));
    let mut record = audit.begin(Decision::Allow, "role", false, false).unwrap();
    audit.note(&mut record, Field::User, "ana");
    audit.note(&mut record, Field::Client, "");
    audit.note_id(&mut record, "r1", true);
    let head = [(":method", "GET"), (":path", "/api/v1/x?code=s3cret&y=1"), (":authority", "airbyte.example.com")];
    audit.note_head(&mut record, &Headers::from_pairs(head));
    record.add_number(Field::DurationUs, 31);
    note_fact(&mut record, Field::Status, &200_u64.to_le_bytes());
    note_fact(&mut record, Field::Flags, b"0");
    note_fact(&mut record, Field::TotalMs, &12_345_678_u64.to_le_bytes());
    note_fact(&mut record, Field::ResponseSize, b"no number");
    note_fact(&mut record, Field::Upstream, b"10.0.0.7:8001");
    let line = line::line(&record, NOW);
    assert!(
        line.starts_with(r#"{"time":"2027-01-15T08:00:00.123Z","airgate.decision":"allow","airgate.reason":"role""#)
    );
    assert_eq!(
        read(&line),
        json!({
            "time": "2027-01-15T08:00:00.123Z",
            "airgate.decision": "allow",
            "airgate.reason": "role",
            "enduser.id": "ana",
            "airgate.request_id": "r1",
            "http.request.method": "GET",
            "server.address": "airbyte.example.com",
            "url.path": "/api/v1/x",
            "url.query": "code=REDACTED&y=1",
            "airgate.duration_us": 31,
            "http.response.status_code": 200,
            "airgate.flags": 0,
            "duration_ms": 12,
            "upstream.address": "10.0.0.7:8001",
        })
    );
}

#[test]
fn whatever_comes_it_is_one_valid_line() {
    let nasty: [&[u8]; 8] = [
        b"\"}\n{\"enduser.id\":\"mallory\"",
        "\u{2028}\u{2029}\u{85}\u{202e}\u{feff}\u{10ffff}".as_bytes(),
        b"\xff\xfe\x00\xed\xa0\x80",
        b"\\u0022\\",
        &[b'"'; 100_000],
        &[b'\n'; 100_000],
        &[0xff; 100_000],
        &"\u{1f980}".repeat(25_000).into_bytes(),
    ];
    let audit = audit(json!({"to": "log"}));
    for bytes in nasty {
        let text = String::from_utf8_lossy(bytes);
        let mut record = audit.begin(Decision::Deny, "closed", false, false).unwrap();
        for field in Field::ALL {
            if field.is_number() {
                note_fact(&mut record, field, bytes);
            } else if ![Field::Path, Field::Query, Field::Method, Field::Host, Field::RequestId].contains(&field) {
                audit.note(&mut record, field, &text);
            }
        }
        audit.note_id(&mut record, &text, true);
        let target = [bytes, b"?", bytes].concat();
        let head = [(&b":method"[..], bytes), (b":path", &target), (b":authority", bytes)];
        audit.note_head(&mut record, &Headers::from_pairs(head));
        let read = read(&line::line(&record, Time::from_millis(u64::MAX)));
        assert_eq!(read["airgate.decision"], "deny");
        assert_eq!(read["time"], "9999-12-31T23:59:59.999Z");
        assert!(read.as_object().unwrap().len() > 20 && read["enduser.id"] != "mallory");
    }
}

#[test]
fn the_proxy_is_told_what_it_does_not_know() {
    let audit = audit(json!({}));
    let mut record = audit.begin(Decision::Allow, "role", false, false).unwrap();
    for field in [Field::User, Field::Method, Field::Port, Field::Host] {
        audit.note(&mut record, field, "x");
    }
    audit.note_id(&mut record, "r1", true);
    audit.note_head(&mut record, &Headers::from_pairs([(":path", "/a?key=1"), (":method", "GET")]));
    let host = TestHost::default();
    host.facts.borrow_mut().insert("source.address", b"192.0.2.7:4711".to_vec());
    audit.write(record, &host, || NOW);
    let told = host.told.into_inner();
    let told: Vec<_> = told.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    assert_eq!(
        told,
        [
            ("airgate.decision", "allow"),
            ("airgate.reason", "role"),
            ("airgate.enduser.id", "x"),
            ("airgate.url.query", "key=REDACTED"),
            ("airgate.url.path", "/a"),
            ("airgate.client.address", "192.0.2.7"),
        ]
    );
    let mut record = audit.begin(Decision::Allow, "role", false, false).unwrap();
    audit.note_id(&mut record, "ours", false);
    assert_eq!(record.get(Field::RequestId), Some("ours"), "the proxy has another");
}

#[test]
fn people_can_be_hidden() {
    let audit = audit(json!({"pseudonyms": {"key": {"env": "K"}, "of": ["user", "address"]}}));
    let mut record = audit.begin(Decision::Allow, "role", false, false).unwrap();
    for (field, text) in [
        (Field::User, "ana"),
        (Field::OnBehalfOf, "ana"),
        (Field::Subject, "7"),
        (Field::Email, "ana@example.com"),
        (Field::Client, "ana"),
        (Field::Subject, ""),
    ] {
        audit.note(&mut record, field, text);
    }
    let host = TestHost::default();
    host.facts.borrow_mut().insert("source.address", b"[2001:db8::1]:4711".to_vec());
    audit.write(record, &host, || NOW);
    let told = host.told.into_inner();
    let of =
        |field: Field| told.iter().filter(move |(name, _)| name == field.property()).map(|(_, text)| text.as_str());
    // HMAC-SHA256 with the SHA-256 of the byte 1 as its key, the first 16 bytes.
    assert_eq!(of(Field::User).collect::<Vec<_>>(), ["p.std89mXfkmRPtkLlSPDoAg"]);
    assert_eq!(of(Field::OnBehalfOf).collect::<Vec<_>>(), ["p.std89mXfkmRPtkLlSPDoAg"]);
    assert_eq!(of(Field::Subject).count(), 1);
    assert!(of(Field::Subject).chain(of(Field::Address)).all(|text| text.starts_with("p.") && text.len() == 24));
    assert_eq!(of(Field::Email).collect::<Vec<_>>(), ["ana@example.com"]);
    assert_eq!(of(Field::Client).collect::<Vec<_>>(), ["ana"]);
    assert_eq!((of(Field::Address).count(), of(Field::Port).count()), (1, 0));
}

#[test]
fn who_gets_a_record_is_a_setting() {
    use Decision::{Allow, Answer, Deny};
    for (scope, wanted) in [
        ("all", [true, true, true, true, true]),
        ("mutations", [false, true, true, true, true]),
        ("refusals", [false, false, true, false, true]),
    ] {
        let audit = audit(json!({"record": scope}));
        let cases = [
            (Allow, false, false),
            (Allow, true, false),
            (Deny, false, false),
            (Answer, true, false),
            (Allow, false, true),
        ];
        let found = cases.map(|(decision, changes, reported)| audit.begin(decision, "x", changes, reported).is_some());
        assert_eq!(found, wanted, "{scope}");
    }
    assert_eq!(audit(json!({"to": "none"})).begin(Deny, "x", true, true), None);
}

#[test]
fn mistakes_are_named() {
    for (section, found) in [
        (json!({"to": "file"}), "audit.to: expected one of: proxy, log, none"),
        (json!({"record": "some"}), "audit.record: expected one of: all, mutations, refusals"),
        (json!({"pseudonyms": {}}), "audit.pseudonyms.key: must be written"),
        (
            json!({"pseudonyms": {"key": {"env": "SHORT"}}}),
            "audit.pseudonyms.key: the variable holds no key: expected 32 bytes as 43 characters of base64url",
        ),
        (
            json!({"pseudonyms": {"key": {"env": "NONE"}}}),
            "audit.pseudonyms.key.env: the environment has no such variable",
        ),
        (json!({"secret_parameters": [1]}), "audit.secret_parameters[0]: expected a text that is not empty"),
        (json!({"colour": 1}), "audit.colour: unknown field"),
    ] {
        assert_eq!(mistakes(section), [found]);
    }
}
