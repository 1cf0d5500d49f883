//! NumericDate (RFC 7519 section 2): seconds since the epoch, in any form that
//! JSON has for numbers.

use serde_json::Value;

use crate::time::Time;

/// Reads a date, cut to milliseconds; a date before the epoch is the epoch.
///
/// A date after the year 9999 is none: it is milliseconds taken for seconds, or
/// a sum that wrapped, and as `exp` it would make a token that never ends.
pub(in crate::identity) fn read(value: &Value) -> Option<Time> {
    const LAST: u64 = 253_402_300_799_999;
    let Value::Number(seconds) = value else {
        return None;
    };
    let millis = match (seconds.as_u64(), seconds.as_f64()) {
        (Some(seconds), _) => seconds.saturating_mul(1000),
        // The cast saturates at both ends.
        (None, Some(seconds)) => (seconds * 1000.0) as u64,
        (None, None) => return None,
    };
    (millis <= LAST).then_some(Time::from_millis(millis))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::test;

    #[test]
    fn numbers_of_any_form_are_dates_and_nothing_wraps() {
        let cases = [
            ("0", Some(0)),
            ("-0", Some(0)),
            ("1700000000", Some(1_700_000_000_000)),
            ("1700000000.5", Some(1_700_000_000_500)),
            ("1.7e9", Some(1_700_000_000_000)),
            ("17E8", Some(1_700_000_000_000)),
            ("-1", Some(0)),
            ("-1.5", Some(0)),
            ("-1e300", Some(0)),
            ("-9223372036854775808", Some(0)),
            ("-99999999999999999999", Some(0)),
            ("1e-300", Some(0)),
            ("253402300799", Some(253_402_300_799_000)),
            ("253402300800", None),
            ("1700000000000", None),
            ("9223372036854775807", None),
            ("9223372036854775808", None),
            ("18446744073709551615", None),
            ("18446744073709551616", None),
            ("18446744073709551.616", None),
            ("1e300", None),
        ];
        for (text, expected) in cases {
            let value = crate::json::parse(text.as_bytes()).unwrap();
            assert_eq!(read(&value).map(Time::millis), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_number_is_no_date() {
        for text in ["\"1700000000\"", "\"\"", "true", "false", "null", "[1700000000]", "{}"] {
            assert_eq!(read(&crate::json::parse(text.as_bytes()).unwrap()), None, "{text}");
        }
    }
}
