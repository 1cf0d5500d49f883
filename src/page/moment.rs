//! Dates for people and for programs.

use std::time::{Duration, UNIX_EPOCH};

use crate::time::Time;

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// The last second that four digits of a year can say.
const LAST: u64 = 253_402_300_799;

/// A moment as RFC 3339 writes it; `None` beyond the year 9999.
pub(super) fn rfc3339(at: Time) -> Option<String> {
    let at = Some(at.seconds()).filter(|seconds| *seconds <= LAST)?;
    Some(humantime::format_rfc3339_seconds(UNIX_EPOCH.checked_add(Duration::from_secs(at))?).to_string())
}

/// A moment as people say it, to the minute.
pub(super) fn words(at: Time) -> Option<String> {
    let text = rfc3339(at)?;
    let (date, time) = text.split_once('T')?;
    let mut parts = date.split('-');
    let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    let month = MONTHS.get(month.parse::<usize>().ok()?.checked_sub(1)?)?;
    Some(format!("{} {month} {year}, {} UTC", day.trim_start_matches('0'), time.get(..5)?))
}

/// A span, to the minute; never longer than it is.
pub(super) fn span(span: Duration) -> String {
    let minutes = span.as_secs() / 60;
    match (minutes / 1440, minutes / 60 % 24, minutes % 60) {
        (0, 0, 0) => "less than a minute".to_owned(),
        (0, 0, minutes) => format!("{minutes} min"),
        (0, hours, minutes) => format!("{hours} h {minutes} min"),
        (days, hours, _) => format!("{days} d {hours} h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::test;

    #[test]
    fn moments_are_written_both_ways() {
        let leap_day = Time::from_seconds(1_709_251_199);
        assert_eq!(rfc3339(leap_day).unwrap(), "2024-02-29T23:59:59Z");
        assert_eq!(words(leap_day).unwrap(), "29 Feb 2024, 23:59 UTC");
        assert_eq!(rfc3339(Time::default()).unwrap(), "1970-01-01T00:00:00Z");
        assert_eq!(rfc3339(Time::from_seconds(253_402_300_799)).unwrap(), "9999-12-31T23:59:59Z");
        assert_eq!(rfc3339(Time::from_seconds(253_402_300_800)), None);
        assert_eq!(words(Time::from_millis(u64::MAX)), None);
    }

    #[test]
    fn spans_are_cut_to_what_matters() {
        let cases = [(59, "less than a minute"), (60, "1 min"), (26_999, "7 h 29 min"), (180_000, "2 d 2 h")];
        for (seconds, expected) in cases {
            assert_eq!(span(Duration::from_secs(seconds)), expected);
        }
    }
}
