//! A name with `*` for any characters, none included.

/// A pattern for a whole name. Only `*` has a meaning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Glob {
    first: String,
    /// What follows each `*`.
    rest: Vec<String>,
}

impl Glob {
    pub fn new(text: &str) -> Glob {
        let mut parts = text.split('*').map(str::to_owned);
        Glob { first: parts.next().unwrap_or_default(), rest: parts.collect() }
    }

    /// Each part where it comes first leaves the most to those behind it, so
    /// nothing has to be tried twice.
    pub fn matches(&self, name: &str) -> bool {
        let Some(mut left) = name.strip_prefix(self.first.as_str()) else {
            return false;
        };
        let Some((last, middle)) = self.rest.split_last() else {
            return left.is_empty();
        };
        for part in middle {
            match left.split_once(part.as_str()) {
                Some((_, behind)) => left = behind,
                None => return false,
            }
        }
        left.ends_with(last.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::test;

    #[test]
    fn only_the_asterisk_has_a_meaning() {
        let role = "arn:aws:iam::123456789012:role/";
        let cases = [
            ("ci-bot", "ci-bot", true),
            ("ci-bot", "ci-bot2", false),
            ("ci-bot", "a-ci-bot", false),
            ("ci-bot", "CI-BOT", false),
            ("ci-*", "ci-", true),
            ("ci-*", "ci-bot", true),
            ("ci-*", "c", false),
            ("*-bot", "ci-bot", true),
            ("*-bot", "ci-bot-", false),
            ("a*a", "a", false),
            ("a*a", "aa", true),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "acb", false),
            ("a**c", "ac", true),
            ("*ab*ab*", "aab", false),
            ("*ab*ab*", "abab", true),
            ("*", "", true),
            ("*", "anything", true),
            ("a.c", "abc", false),
            ("a?c", "abc", false),
            ("[ab]", "a", false),
            ("\u{e4}*\u{fc}", "\u{e4}\u{f6}\u{fc}", true),
            (&format!("{role}airbyte-*"), &format!("{role}airbyte-sync"), true),
            (&format!("{role}airbyte-*"), &format!("{role}other"), false),
            ("arn:aws:sts::*:assumed-role/ci/*", "arn:aws:sts::1:assumed-role/ci/run-1", true),
        ];
        for (pattern, name, expected) in cases {
            assert_eq!(Glob::new(pattern).matches(name), expected, "{pattern} on {name}");
        }
        assert!(!Glob::new(&"*a".repeat(10_000)).matches(&"a".repeat(9_999)));
    }
}
