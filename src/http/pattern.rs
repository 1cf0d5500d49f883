//! Path patterns, as the user writes them.

/// A path pattern: anchored at both ends and literal, but for two words.
/// `*` stands for one segment, a final `**` for any number of them, none
/// included. `/api/**` matches `/api` and everything below.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathPattern {
    segments: Vec<String>,
    open_ended: bool,
}

impl PathPattern {
    /// Reads a pattern; the error says what is wrong with it.
    pub fn parse(text: &str) -> Result<PathPattern, &'static str> {
        let (closed, open_ended) = match text.strip_suffix("/**") {
            Some(closed) => (closed, true),
            None => (text, false),
        };
        let path = closed.strip_suffix('/').unwrap_or(closed);
        let mut segments = path.split('/');
        if !text.starts_with('/') || segments.next() != Some("") {
            return Err("a path pattern begins with a slash");
        }
        let segments: Vec<String> = segments.map(str::to_owned).collect();
        for segment in &segments {
            match segment.as_str() {
                "" => return Err("a path pattern has no empty segments"),
                "*" => {}
                "**" => return Err("** stands only at the end of a path pattern"),
                literal if literal.contains('*') => return Err("* stands for a whole segment only"),
                literal if is_one_spelling(literal) => {}
                _ => return Err("no request has such a path: airgate refuses it or spells it otherwise"),
            }
        }
        Ok(PathPattern { segments, open_ended })
    }

    /// Whether the pattern matches a path as [`super::Target::matched`] gives it.
    pub fn matches(&self, path: &str) -> bool {
        let mut rest = path.split('/').skip(1).filter(|segment| !segment.is_empty());
        for segment in &self.segments {
            match rest.next() {
                Some(found) if segment == "*" || segment == found => {}
                _ => return false,
            }
        }
        self.open_ended || rest.next().is_none()
    }
}

/// Whether a request's path can hold this segment just as it is written.
fn is_one_spelling(segment: &str) -> bool {
    let path = format!("/{segment}");
    super::Target::parse(path.as_bytes()).is_ok_and(|target| target.path() == path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::test;

    #[test]
    fn patterns_are_anchored_and_literal() {
        let cases = [
            ("/api/v1/health", "/api/v1/health", true),
            ("/api/v1/health/", "/api/v1/health", true),
            ("/api/v1/health", "/api/v1/health2", false),
            ("/api/v1/health", "/x/api/v1/health", false),
            ("/api/v1/health", "/api/v1", false),
            ("/api.v1", "/apixv1", false),
            ("/api/**", "/api", true),
            ("/api/**", "/api/a/b", true),
            ("/api/**", "/apis", false),
            ("/**", "/", true),
            ("/**", "/a/b", true),
            ("/", "/", true),
            ("/", "/a", false),
            ("/jobs/*", "/jobs/1", true),
            ("/jobs/*", "/jobs", false),
            ("/jobs/*", "/jobs/1/2", false),
            ("/a/*/c", "/a/b/c", true),
        ];
        for (pattern, path, expected) in cases {
            assert_eq!(PathPattern::parse(pattern).unwrap().matches(path), expected, "{pattern} on {path}");
        }
    }

    #[test]
    fn patterns_that_can_never_match_as_meant_are_mistakes() {
        for pattern in ["", "api", "/a/**/b", "/a*", "//a", "/a/../b", "/a b", "/%61", "/a?b=c", "/a;b", "**"] {
            assert!(PathPattern::parse(pattern).is_err(), "{pattern}");
        }
    }
}
