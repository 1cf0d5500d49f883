//! A record as one line of JSON.

use std::time::{Duration, UNIX_EPOCH};

use serde_json::Value;

use super::Record;
use crate::time::Time;

/// The last millisecond that four digits of a year can say.
const LAST: u64 = 253_402_300_799_999;

/// The line, without its end.
pub(super) fn line(record: &Record, now: Time) -> String {
    let at = UNIX_EPOCH.checked_add(Duration::from_millis(now.millis().min(LAST))).unwrap_or(UNIX_EPOCH);
    let mut line = format!("{{\"time\":\"{}\"", humantime::format_rfc3339_millis(at));
    push(&mut line, "airgate.decision", record.decision.name(), false);
    push(&mut line, "airgate.reason", record.reason, false);
    for (field, text) in record.fields() {
        push(&mut line, field.name(), text, field.is_number());
    }
    line.push('}');
    line
}

fn push(line: &mut String, name: &str, text: &str, is_number: bool) {
    line.push_str(",\"");
    line.push_str(name);
    line.push_str("\":");
    match text.parse::<u64>() {
        Ok(number) if is_number => line.push_str(&number.to_string()),
        _ => line.push_str(&Value::from(text).to_string()),
    }
}
