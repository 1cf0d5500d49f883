//! The shelf's ring for refreshes: 256 places, each for the tokens whose hash
//! begins with its number.
//!
//! A place is a text with a line for each token:
//! `<hash> <milliseconds> lease|renewed|ended|outage|refused <what belongs to it>`.
//! All tokens of a place change by one compare-and-swap, so there is nothing to
//! agree on but the line itself. A line that means something else has another
//! word, or more words: who does not know it takes the whole place for empty.
//!
//! A place never holds more than [`MAX_VALUE`]: what no longer counts goes
//! whenever it is written, then the oldest results do. With sessions of 3.5 kB
//! that is room for a thousand refreshes in two minutes, and never more than 4
//! MiB, which hosts do not give back.

use ct_codecs::{Base64UrlSafeNoPadding, Decoder, Encoder};

use super::TokenHash;
use super::record::{Failures, Record, State};
use crate::host::Host;
use crate::identity::shelf::{self, Change};
use crate::time::Time;

/// In bytes. The largest session has three cookies of 3,800 characters.
const MAX_VALUE: usize = 16 << 10;

/// Makes all places.
pub(super) fn prepare(host: &dyn Host) {
    for number in 0..=u8::MAX {
        shelf::prepare(&name(number), host);
    }
}

/// What lies there of a token.
pub(super) fn find(hash: TokenHash, host: &dyn Host, now: Time) -> Option<Record> {
    let place = host.recall(&place(hash))?;
    read(&place.value, now).into_iter().find(|(of, _)| *of == hash).map(|(_, record)| record)
}

/// Takes the lease. Answers what bars it; without a shelf nothing does.
pub(super) fn claim(hash: TokenHash, lease: &Record, host: &dyn Host, now: Time) -> Option<Record> {
    put(hash, lease, &|found| found.bars(now), host, now)
}

/// Leaves the result of a call that was made under the lease `own`. Answers what
/// beats it.
pub(super) fn settle(hash: TokenHash, result: &Record, own: Option<u64>, host: &dyn Host, now: Time) -> Option<Record> {
    put(hash, result, &|found| found.beats(result, own), host, now)
}

/// Writes a line, unless there is one that stays; answers that one. A line that
/// cannot be written is known to this worker alone.
fn put(
    hash: TokenHash,
    record: &Record,
    stays: &dyn Fn(&Record) -> bool,
    host: &dyn Host,
    now: Time,
) -> Option<Record> {
    let mut found = None;
    let change = shelf::change(&place(hash), host, &mut |value| {
        let mut lines = read(value, now);
        found = lines.extract_if(.., |(of, _)| *of == hash).next().map(|(_, record)| record);
        if found.as_ref().is_some_and(stays) {
            return None;
        }
        found = None;
        lines.retain(|(of, _)| *of != hash);
        write(hash, record, lines)
    });
    found.filter(|_| change == Change::Left)
}

fn place(TokenHash([number, ..]): TokenHash) -> String {
    name(number)
}

fn name(number: u8) -> String {
    format!("airgate.refresh.{number}")
}

/// The lines that still count. Whatever we cannot have written is not there.
fn read(value: &[u8], now: Time) -> Vec<(TokenHash, Record)> {
    let text = std::str::from_utf8(value).unwrap_or_default();
    let lines: Option<Vec<_>> = text.lines().map(read_line).collect();
    let mut lines = lines.unwrap_or_default();
    lines.retain(|(_, record)| record.counts(now));
    lines
}

fn read_line(line: &str) -> Option<(TokenHash, Record)> {
    let mut words = line.split(' ');
    let (hash, at, word, rest) = (words.next()?, words.next()?, words.next()?, words.next()?);
    let mut bytes = [0; 32];
    let hash = Base64UrlSafeNoPadding::decode(&mut bytes, hash, None).ok()?.first_chunk().copied()?;
    let at = Time::from_millis(at.parse().ok()?);
    let state = match word {
        "lease" => State::Lease(rest.parse().ok()?),
        "renewed" => State::Renewed(rest.to_owned()),
        "ended" => State::Ended,
        "outage" => State::Outage(Failures { count: rest.parse().ok()?, client_refused: false }),
        "refused" => State::Outage(Failures { count: rest.parse().ok()?, client_refused: true }),
        _ => return None,
    };
    words.next().is_none().then_some((TokenHash(hash), Record { at, state }))
}

/// One line and as many of the others as fit. `None`: it does not fit by itself.
fn write(hash: TokenHash, record: &Record, others: Vec<(TokenHash, Record)>) -> Option<Vec<u8>> {
    let mut value = write_line(&hash, record)?;
    let (mut leases, mut results): (Vec<_>, Vec<_>) =
        others.into_iter().partition(|(_, record)| matches!(record.state, State::Lease(_)));
    // The youngest first. They are few; a sort of their own type would be 10 kB
    // in the module.
    while let Some((at, _)) = results.iter().enumerate().max_by_key(|(_, (_, record))| record.at) {
        leases.push(results.swap_remove(at));
    }
    for (hash, record) in &leases {
        let line = write_line(hash, record)?;
        if value.len().saturating_add(line.len()) <= MAX_VALUE {
            value.push_str(&line);
        }
    }
    (value.len() <= MAX_VALUE).then(|| value.into_bytes())
}

fn write_line(TokenHash(hash): &TokenHash, record: &Record) -> Option<String> {
    let hash = Base64UrlSafeNoPadding::encode_to_string(hash).ok()?;
    let at = record.at.millis();
    Some(match &record.state {
        State::Lease(nonce) => format!("{hash} {at} lease {nonce}\n"),
        State::Renewed(sealed) if sealed.bytes().all(|byte| byte.is_ascii_graphic()) => {
            format!("{hash} {at} renewed {sealed}\n")
        }
        State::Renewed(_) => return None,
        State::Ended => format!("{hash} {at} ended -\n"),
        State::Outage(Failures { count, client_refused: false }) => format!("{hash} {at} outage {count}\n"),
        State::Outage(Failures { count, client_refused: true }) => format!("{hash} {at} refused {count}\n"),
    })
}
