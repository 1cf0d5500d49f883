//! Which texts of a token may become headers, cookies and log lines.

use serde_json::Value;

/// The longest user, group or client name, in bytes. An AWS role's ARN with its
/// path has some 650.
pub(super) const MAX_NAME: usize = 1024;

/// A name that arrives everywhere as it is written: no control characters, and
/// no space at the ends, which header parsers cut off (`" alice"` would end as
/// `alice`).
pub(super) fn name(value: &Value) -> Option<&str> {
    let text = value.as_str()?;
    let fits = !text.is_empty() && text.len() <= MAX_NAME && text.trim() == text;
    (fits && !text.contains(char::is_control)).then_some(text)
}

/// A display name, cut to 256 characters.
pub(super) fn display_name(value: &Value) -> Option<String> {
    const MAX: usize = 256;
    let text = value.as_str()?.trim();
    (!text.is_empty() && !text.contains(char::is_control)).then(|| text.chars().take(MAX).collect())
}

/// An address with one `@` and something on each side. RFC 5321 allows `@` in
/// a quoted local part; two of them have fooled too many readers.
pub(super) fn email(value: &Value) -> Option<&str> {
    const MAX: usize = 320;
    let text = value.as_str().filter(|text| text.len() <= MAX)?;
    let (local, domain) = text.split_once('@')?;
    let plain = !text.contains(|c: char| c.is_control() || c.is_whitespace());
    (plain && !local.is_empty() && !domain.is_empty() && !domain.contains('@')).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::test;
    use serde_json::json;

    #[test]
    fn names_cannot_split_a_header_or_change_on_the_way() {
        for good in
            ["a", "ünïcödé", "a b", "a,b", "arn:aws:sts::123456789012:assumed-role/deploy/i-0123", &"x".repeat(1024)]
        {
            assert_eq!(name(&json!(good)), Some(good));
        }
        let long = "x".repeat(40_000);
        for bad in ["", " ", " a", "a ", "\u{a0}a", "a\r\nx-role: admin", "a\n", "\0", "a\u{7f}", "a\u{85}b", &long] {
            assert_eq!(name(&json!(bad)), None, "{bad:?}");
        }
        for bad in [json!(1), json!(null), json!(["a"]), json!({}), json!(true)] {
            assert_eq!(name(&bad), None, "{bad}");
        }
    }

    #[test]
    fn an_email_has_one_at() {
        assert_eq!(email(&json!("alice@example.com")), Some("alice@example.com"));
        let long = format!("{}@example.com", "a".repeat(320));
        let bad = ["", "@", "a@", "@b", "a", "a@b@c", "\"a@x\"@b", "a @b", "a@b\n", "a@b\r\nc: d", "a@b\0", &long];
        for bad in bad {
            assert_eq!(email(&json!(bad)), None, "{bad:?}");
        }
        assert_eq!(email(&json!(["alice@example.com"])), None);
    }

    #[test]
    fn display_names_are_cut() {
        assert_eq!(display_name(&json!(" Alice Ä ")).as_deref(), Some("Alice Ä"));
        assert_eq!(display_name(&json!("Ä".repeat(300))), Some("Ä".repeat(256)));
        for bad in [json!(""), json!("a\nb"), json!(7)] {
            assert_eq!(display_name(&bad), None, "{bad}");
        }
    }
}
