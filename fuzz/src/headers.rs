use airgate::gateway::StreamId;
use airgate::http::Headers;

use super::promises::{Fate, check, is_telling};
use super::site::{NOW, Site, config_offline, now, shared, token};

/// Whole header maps: as a host passes them, byte by byte, and as lines of `name: value` beside a good token or none.
pub fn headers(data: &[u8]) -> bool {
    if is_telling(data) {
        return false;
    }
    if let Ok(headers) = Headers::from_wire(data.to_vec()) {
        let length: usize = headers.iter().map(|(name, value)| name.len() + value.len()).sum();
        assert!(headers.iter().count() * 8 <= data.len(), "each field has its two lengths");
        assert!(headers.iter().count() == 0 || length <= data.len());
    }
    shared("headers", || Site::new(&config_offline()), |site| ask(site, data))
}

fn ask(site: &mut Site, data: &[u8]) -> bool {
    let fields: Vec<(&[u8], &[u8])> = data.split(|byte| *byte == b'\n').map(field).collect();
    let good = format!("Bearer {}", token(1, "alice", NOW));
    let credentials: [(&[u8], &[u8]); 1] = [(b"authorization", good.as_bytes())];

    let anonymous = Headers::from_pairs(fields.iter().copied());
    let step = site.send(1, anonymous.clone());
    assert!(!check(&anonymous, &step).is_let_in(), "nobody is let in");
    site.gateway.on_stream_end(StreamId(1));

    let known = Headers::from_pairs(fields.iter().chain(&credentials).copied());
    let step = site.send(2, known.clone());
    let fate = check(&known, &step);
    if let Fate::Forwarded { user: Some(user), .. } = &fate {
        assert_eq!(user, "alice", "whatever else was sent");
        // A record is written from the headers when a request ends without a decision.
        if let Some(record) = site.gateway.on_undecided(StreamId(3), "client_gone", &site.host, now()) {
            site.gateway.on_log(record, || Some(known), &site.host, now);
        }
    }
    fate.is_let_in()
}

/// A colon at the very beginning belongs to the name.
fn field(line: &[u8]) -> (&[u8], &[u8]) {
    let colon = line.iter().skip(1).position(|byte| *byte == b':').map(|at| at + 1);
    match colon {
        Some(at) => (&line[..at], line[at + 1..].trim_ascii()),
        None => (line, b""),
    }
}
