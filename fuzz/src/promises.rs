//! What holds for every request, whatever was sent: the second half of DESIGN's promises, said anew and without the
//! code that keeps them.

use airgate::access::PermitReason;
use airgate::audit::Record;
use airgate::gateway::{Forward, Step};
use airgate::http::{Edit, Edits, Headers, Reply, Target};

use super::site::{SECRET, sealing_key};

type Field = (Vec<u8>, Vec<u8>);

/// What became of a request.
#[derive(Debug, PartialEq)]
pub enum Fate {
    /// It went on, by this leave and for this user.
    Forwarded { reason: PermitReason, user: Option<String> },
    /// It was answered here.
    Replied { status: u16, reason: &'static str },
    /// It waits for a provider.
    Waits,
    /// It waits for its body.
    Reads,
}

impl Fate {
    /// Who is known to Airbyte as the sender.
    pub fn user(&self) -> Option<&str> {
        match self {
            Fate::Forwarded { user, .. } => user.as_deref(),
            _ => None,
        }
    }

    /// Whether somebody was let in who had to be known for it.
    pub fn is_let_in(&self) -> bool {
        matches!(self, Fate::Forwarded { reason, .. } if *reason != PermitReason::Public)
    }
}

pub fn holds(text: &[u8], part: &str) -> bool {
    let first = part.as_bytes().first();
    let mut places = text.iter().enumerate().filter(|(_, byte)| Some(*byte) == first);
    places.any(|(at, _)| text[at..].starts_with(part.as_bytes()))
}

/// Checks a step, and says what it means. `sent` are the request's headers.
pub fn check(sent: &Headers, step: &Step) -> Fate {
    check_with(sent, step, false)
}

/// The same; `passes`: `Authorization` is between client and Airbyte.
pub fn check_with(sent: &Headers, step: &Step, passes: bool) -> Fate {
    match step {
        Step::Forward(forward) => check_forward(sent, forward, passes),
        Step::Reply { reply, reason, cookies, record } => {
            check_reply(reply);
            for cookie in cookies {
                check_text(cookie.as_bytes(), "a cookie");
                assert!(cookie.contains("; Secure") && cookie.contains("; HttpOnly"), "a cookie for all: {cookie}");
            }
            record.iter().for_each(check_record);
            Fate::Replied { status: reply.status, reason }
        }
        Step::Await => Fate::Waits,
        Step::Read { limit, .. } => {
            assert!(*limit <= 64 * 1024, "a body of {limit} bytes is too much to ask for");
            Fate::Reads
        }
    }
}

fn check_forward(sent: &Headers, forward: &Forward, passes: bool) -> Fate {
    let fields = edited(sent, &forward.edits);
    let all = |name: &str| -> Vec<&[u8]> {
        let same = |field: &&Field| field.0.eq_ignore_ascii_case(name.as_bytes());
        fields.iter().filter(same).map(|(_, value)| value.as_slice()).collect()
    };
    // The path that was judged is the path that goes on, and has one reading.
    let path = all(":path");
    assert_eq!(path.len(), 1, "one path");
    let (asked, goes) = (Target::parse(sent.first(":path").unwrap_or_default()), Target::parse(path[0]));
    assert_eq!(goes.as_ref().map(Target::rewrite), Ok(None), "what is forwarded is spelled in the one way");
    assert_eq!(asked.as_ref().map(Target::whole), Ok(path[0].to_vec()), "the path that was judged is forwarded");

    // What the client says about itself has gone; what is left of these names is ours, once each.
    let ours = |name: &[u8]| {
        let says = |edit: Edit<'_>| matches!(edit, Edit::Set(said, _) | Edit::Add(said, _) if said == name);
        forward.edits.iter().any(says)
    };
    for (name, value) in &fields {
        let plain: Vec<u8> =
            name.iter().map(|byte| if b"_.".contains(byte) { b'-' } else { byte.to_ascii_lowercase() }).collect();
        if plain.starts_with(b"x-airgate-") {
            assert!(ours(name), "a client's own {}", String::from_utf8_lossy(name));
            assert_eq!(all(&String::from_utf8_lossy(name)).len(), 1, "said once");
            assert!(value.iter().all(|byte| (b' '..=b'~').contains(byte)), "plain text: {value:?}");
        }
        if plain.starts_with(b"x-airbyte-") {
            let may_pass: [&[u8]; 2] = [b"x-airbyte-analytic-source", b"x-airbyte-version"];
            assert!(may_pass.iter().any(|known| name.eq_ignore_ascii_case(known)), "a client must not say this");
        }
        for forbidden in ["x-original-url", "x-http-method-override", "forwarded"] {
            assert_ne!(plain, forbidden.as_bytes(), "a client must not say this");
        }
        assert_ne!(plain, b"proxy-authorization", "credentials stay here");
        assert!(passes || plain != b"authorization" || ours(name), "credentials stay here");
        if name.eq_ignore_ascii_case(b"cookie") {
            check_cookies(value);
        }
    }
    check_edits(&forward.edits);
    forward.record.iter().for_each(check_record);

    let user = all("x-airgate-user").first().map(|user| String::from_utf8_lossy(user).into_owned());
    let reason = forward.exchange.permit().reason();
    if reason == PermitReason::Public {
        assert!(user.is_none() && all("x-airgate-role").is_empty(), "the public is nobody");
        assert!(matches!(all(":method")[..], [b"GET" | b"HEAD"]), "the public only reads");
    } else {
        assert!(user.is_some(), "whoever is let in is somebody");
    }
    Fate::Forwarded { reason, user }
}

/// The fields after the edits, as a host carries them out.
fn edited(sent: &Headers, edits: &Edits) -> Vec<Field> {
    let mut fields: Vec<Field> = sent.iter().map(|(name, value)| (name.to_vec(), value.to_vec())).collect();
    for edit in edits.iter() {
        match edit {
            Edit::Remove(name) => fields.retain(|(field, _)| !field.eq_ignore_ascii_case(name)),
            Edit::Set(name, value) => {
                fields.retain(|(field, _)| !field.eq_ignore_ascii_case(name));
                fields.push((name.to_vec(), value.to_vec()));
            }
            Edit::Add(name, value) => fields.push((name.to_vec(), value.to_vec())),
        }
    }
    fields
}

/// Checks what is to be changed in a response's headers.
pub fn check_edits(edits: &Edits) {
    for edit in edits.iter() {
        if let Edit::Set(name, value) | Edit::Add(name, value) = edit {
            // The rest of a client's own cookies may hold any byte; a host refuses those that no header can.
            if name != b"cookie" {
                check_text(value, &String::from_utf8_lossy(name));
            }
        }
    }
}

/// None of our cookies reaches Airbyte.
fn check_cookies(line: &[u8]) {
    for pair in line.split(|byte| *byte == b';') {
        let name = pair.split(|byte| *byte == b'=').next().unwrap_or_default().trim_ascii();
        let name = name.to_ascii_lowercase();
        assert!(!name.starts_with(b"__host-airgate-") && !name.starts_with(b"__secure-airgate-"), "our own cookie");
    }
}

fn check_reply(reply: &Reply) {
    assert!(matches!(reply.status, 200 | 302 | 303 | 400..=599), "status {}", reply.status);
    for (name, value) in &reply.headers {
        check_text(value, name);
        if name == "location" {
            let here = value.first() == Some(&b'/') && !matches!(value.get(1), Some(b'/' | b'\\'));
            let text = String::from_utf8_lossy(value);
            assert!(here || text.starts_with("https://idp.example/"), "sent elsewhere: {text}");
        }
    }
    check_secrets(&reply.body, "a reply");
}

/// The record of a request: on one line, bounded, and with no secret in it.
pub fn check_record(record: &Record) {
    let mut size = 0;
    for (field, text) in record.fields() {
        assert!(!text.chars().any(char::is_control), "{field:?} leaves its line");
        check_secrets(text.as_bytes(), "the record");
        size += text.len();
    }
    assert!(size < 8192, "a record of {size} bytes");
}

fn check_text(text: &[u8], place: &str) {
    assert!(!text.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0)), "a line ends in {place}");
    // Our own calls carry what is secret; what a client gets, or Airbyte, never does.
    check_secrets(text, place);
}

fn check_secrets(text: &[u8], place: &str) {
    assert!(!is_telling(text), "a secret in {place}: {}", String::from_utf8_lossy(text));
}

/// Whether a text holds what must not be shown. The fuzzer reads it off the comparisons here: what it sends itself is
/// no secret, and such an input no finding.
pub fn is_telling(text: &[u8]) -> bool {
    holds(text, SECRET) || holds(text, sealing_key())
}
