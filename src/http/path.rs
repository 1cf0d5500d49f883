//! The one reading of a request's path.
//!
//! A gateway that reads a path otherwise than its upstream can be walked
//! around (`/open/..;/api`). So nothing is resolved and nothing is guessed:
//! a path has one reading or it is refused, and what is judged is what is
//! forwarded.

use memchr::memchr;

/// Path and query of a request, in their one reading.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    path: String,
    query: Option<Vec<u8>>,
    rewritten: bool,
}

/// Why a path could be read two ways.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PathRefusal {
    /// Does not begin with a slash.
    NotAbsolute,
    /// `//`: some servers merge it, some do not.
    EmptySegment,
    /// `.` or `..`, in any spelling.
    DotSegment,
    /// `;`: a path parameter to some, a plain character to others.
    Semicolon,
    /// `\`, which some take for a slash.
    Backslash,
    /// `%2f`: a slash to whoever decodes first.
    EncodedSlash,
    /// `%5c`.
    EncodedBackslash,
    /// `%25`: whoever decodes twice reads another path.
    DoubleEncoding,
    /// `%` without two hexadecimal digits.
    BadEscape,
    /// A control character, plain or encoded; NUL among them.
    ControlCharacter,
    /// A space or another character that RFC 3986 does not allow in a path.
    ForbiddenCharacter,
    /// Bytes above 127, plain, or encoded ones that are not UTF-8.
    NotUtf8,
    /// A fragment, which is none of a server's business.
    Fragment,
}

impl PathRefusal {
    /// The reason in the record.
    pub fn reason(self) -> &'static str {
        match self {
            PathRefusal::NotAbsolute => "path_not_absolute",
            PathRefusal::EmptySegment => "path_empty_segment",
            PathRefusal::DotSegment => "path_dot_segment",
            PathRefusal::Semicolon => "path_semicolon",
            PathRefusal::Backslash => "path_backslash",
            PathRefusal::EncodedSlash => "path_encoded_slash",
            PathRefusal::EncodedBackslash => "path_encoded_backslash",
            PathRefusal::DoubleEncoding => "path_double_encoding",
            PathRefusal::BadEscape => "path_bad_escape",
            PathRefusal::ControlCharacter => "path_control_character",
            PathRefusal::ForbiddenCharacter => "path_forbidden_character",
            PathRefusal::NotUtf8 => "path_not_utf8",
            PathRefusal::Fragment => "path_fragment",
        }
    }
}

impl Target {
    /// Reads a request target in origin form (RFC 9112 section 3.2.1).
    ///
    /// Escapes of unreserved characters are decoded (RFC 3986 section 6.2.2.2:
    /// both spellings mean the same) and the hexadecimal digits of the others
    /// written in capitals.
    pub fn parse(raw: &[u8]) -> Result<Target, PathRefusal> {
        if memchr(b'#', raw).is_some() {
            return Err(PathRefusal::Fragment);
        }
        let (path, query) = match memchr(b'?', raw) {
            Some(at) => (raw.get(..at), raw.get(at.saturating_add(1)..).map(<[u8]>::to_vec)),
            None => (Some(raw), None),
        };
        // No host should hand one out, and none is written into a header again.
        if query.as_ref().is_some_and(|query| query.iter().any(u8::is_ascii_control)) {
            return Err(PathRefusal::ControlCharacter);
        }
        let raw_path = path.unwrap_or_default();
        let path = decode(raw_path)?;
        let Some(segments) = path.as_bytes().strip_prefix(b"/") else {
            return Err(PathRefusal::NotAbsolute);
        };
        let mut segments = segments.split(|byte| *byte == b'/').peekable();
        while let Some(segment) = segments.next() {
            match segment {
                // A slash at the very end leaves an empty last segment.
                b"" if segments.peek().is_some() => return Err(PathRefusal::EmptySegment),
                b"." | b".." => return Err(PathRefusal::DotSegment),
                _ => {}
            }
        }
        let rewritten = path.as_bytes() != raw_path;
        Ok(Target { path, query, rewritten })
    }

    /// The path that is forwarded.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The path that is matched: a trailing slash equals none.
    pub fn matched(&self) -> &str {
        match self.path.strip_suffix('/') {
            Some("") | None => &self.path,
            Some(path) => path,
        }
    }

    /// The query without its question mark, as it came.
    pub fn query(&self) -> Option<&[u8]> {
        self.query.as_deref()
    }

    /// What `:path` must become so that the upstream reads what was judged;
    /// `None` if it already is.
    pub fn rewrite(&self) -> Option<Vec<u8>> {
        self.rewritten.then(|| self.whole())
    }

    /// Path and query, as they are forwarded.
    pub fn whole(&self) -> Vec<u8> {
        let mut whole = self.path.clone().into_bytes();
        if let Some(query) = &self.query {
            whole.push(b'?');
            whole.extend_from_slice(query);
        }
        whole
    }
}

fn decode(raw: &[u8]) -> Result<String, PathRefusal> {
    // Nearly every path says what it means.
    if raw.iter().all(|byte| *byte != b'%' && refuse_plain(*byte).is_ok()) {
        return String::from_utf8(raw.to_vec()).map_err(|_| PathRefusal::NotUtf8);
    }
    let mut path = String::with_capacity(raw.len());
    // Escaped bytes above 127 must form UTF-8; what lies between two escapes
    // is ASCII, so each run of escapes is judged by itself.
    let mut escaped: Vec<u8> = Vec::new();
    let mut rest = raw.iter().copied();
    while let Some(byte) = rest.next() {
        let byte = match byte {
            b'%' => match unescape(rest.next(), rest.next())? {
                unreserved @ (b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~') => unreserved,
                other => {
                    refuse_escaped(other)?;
                    escaped.push(other);
                    push_escape(&mut path, other);
                    continue;
                }
            },
            plain => {
                refuse_plain(plain)?;
                plain
            }
        };
        end_run(&mut escaped)?;
        path.push(char::from(byte));
    }
    end_run(&mut escaped)?;
    Ok(path)
}

fn end_run(escaped: &mut Vec<u8>) -> Result<(), PathRefusal> {
    if std::str::from_utf8(escaped).is_err() {
        return Err(PathRefusal::NotUtf8);
    }
    escaped.clear();
    Ok(())
}

fn unescape(high: Option<u8>, low: Option<u8>) -> Result<u8, PathRefusal> {
    let digit = |byte: Option<u8>| byte.and_then(|byte| char::from(byte).to_digit(16));
    let (Some(high), Some(low)) = (digit(high), digit(low)) else {
        return Err(PathRefusal::BadEscape);
    };
    u8::try_from((high << 4) | low).map_err(|_| PathRefusal::BadEscape)
}

fn push_escape(path: &mut String, byte: u8) {
    let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16).unwrap_or('0').to_ascii_uppercase();
    path.extend(['%', digit(byte >> 4), digit(byte & 15)]);
}

fn refuse_escaped(byte: u8) -> Result<(), PathRefusal> {
    match byte {
        b'/' => Err(PathRefusal::EncodedSlash),
        b'\\' => Err(PathRefusal::EncodedBackslash),
        b'%' => Err(PathRefusal::DoubleEncoding),
        b';' => Err(PathRefusal::Semicolon),
        0..=31 | 127 => Err(PathRefusal::ControlCharacter),
        _ => Ok(()),
    }
}

#[inline(always)]
fn refuse_plain(byte: u8) -> Result<(), PathRefusal> {
    match byte {
        b'\\' => Err(PathRefusal::Backslash),
        b';' => Err(PathRefusal::Semicolon),
        0..=31 | 127 => Err(PathRefusal::ControlCharacter),
        b' ' | b'"' | b'<' | b'>' | b'^' | b'`' | b'{' | b'|' | b'}' | b'[' | b']' => {
            Err(PathRefusal::ForbiddenCharacter)
        }
        128..=255 => Err(PathRefusal::NotUtf8),
        _ => Ok(()),
    }
}

#[cfg(all(test, not(target_arch = "wasm32")))]
mod properties;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::test;

    #[track_caller]
    fn refused(raw: &[u8], expected: PathRefusal) {
        assert_eq!(Target::parse(raw), Err(expected), "{}", String::from_utf8_lossy(raw));
    }

    #[track_caller]
    fn reads(raw: &str, path: &str) -> Target {
        let target = Target::parse(raw.as_bytes()).unwrap_or_else(|refusal| panic!("{raw}: {refusal:?}"));
        assert_eq!(target.path(), path);
        target
    }

    #[test]
    fn what_can_be_read_two_ways_is_refused() {
        use PathRefusal::*;
        refused(b"", NotAbsolute);
        refused(b"api", NotAbsolute);
        refused(b"*", NotAbsolute);
        refused(b"http://evil/", NotAbsolute);
        refused(b"//evil", EmptySegment);
        refused(b"/api//v1", EmptySegment);
        refused(b"/api//", EmptySegment);
        refused(b"/..", DotSegment);
        refused(b"/open/../api", DotSegment);
        refused(b"/open/./api", DotSegment);
        refused(b"/open/%2e%2E/api", DotSegment);
        refused(b"/open/.%2e/api", DotSegment);
        refused(b"/open/%2e", DotSegment);
        refused(b"/open/..;/api", Semicolon);
        refused(b"/api;a=b", Semicolon);
        refused(b"/api%3Ba=b", Semicolon);
        refused(b"/open\\..\\api", Backslash);
        refused(b"/open%5c..%5Capi", EncodedBackslash);
        refused(b"/open%2fapi", EncodedSlash);
        refused(b"/open%2Fapi", EncodedSlash);
        refused(b"/open%252fapi", DoubleEncoding);
        refused(b"/%252e%252e/", DoubleEncoding);
        refused(b"/a%", BadEscape);
        refused(b"/a%2", BadEscape);
        refused(b"/a%zz", BadEscape);
        refused(b"/a%u002e", BadEscape);
        refused(b"/a%00", ControlCharacter);
        refused(b"/a\0", ControlCharacter);
        refused(b"/a%0d%0aSet-Cookie:x", ControlCharacter);
        refused(b"/a\tb", ControlCharacter);
        refused(b"/a%7f", ControlCharacter);
        refused(b"/a b", ForbiddenCharacter);
        refused(b"/a|b", ForbiddenCharacter);
        refused(b"/a\xff", NotUtf8);
        refused("/ä".as_bytes(), NotUtf8);
        refused(b"/%ff", NotUtf8);
        refused(b"/%C3", NotUtf8);
        refused(b"/%C3/%A4", NotUtf8);
        refused(b"/%C0%AE%C0%AE/", NotUtf8);
        refused(b"/a#b", Fragment);
        refused(b"/a?b#c", Fragment);
    }

    #[test]
    fn no_byte_makes_a_path_that_reads_otherwise_the_second_time() {
        for byte in 0..=255u8 {
            for raw in [vec![b'/', byte], format!("/a%{byte:02x}b").into_bytes(), format!("/a%{byte:02X}").into_bytes()]
            {
                if let Ok(target) = Target::parse(&raw) {
                    let again = Target::parse(target.path().as_bytes()).unwrap();
                    assert_eq!(again.path(), target.path());
                    assert_eq!(again.rewrite(), None);
                }
            }
        }
    }

    #[test]
    fn equal_spellings_become_one() {
        assert_eq!(reads("/%61pi/%7Euser", "/api/~user").rewrite().unwrap(), b"/api/~user");
        assert_eq!(reads("/caf%c3%a9?x=%zz", "/caf%C3%A9").rewrite().unwrap(), b"/caf%C3%A9?x=%zz");
        assert_eq!(reads("/a%20b", "/a%20b").rewrite(), None);
        assert_eq!(reads("/api/v1?", "/api/v1").rewrite(), None);
    }

    #[test]
    fn a_trailing_slash_equals_none_for_matching_only() {
        let target = reads("/api/v1/health/", "/api/v1/health/");
        assert_eq!(target.matched(), "/api/v1/health");
        assert_eq!(reads("/", "/").matched(), "/");
    }

    #[test]
    fn case_and_dots_inside_a_name_are_the_path() {
        reads("/API/v1", "/API/v1");
        reads("/api./...", "/api./...");
        reads("/a:b@c!$&'()*+,=", "/a:b@c!$&'()*+,=");
    }

    #[test]
    fn the_query_is_kept_as_it_came() {
        let target = Target::parse(b"/auth_flow?code=a%2fb&state=\xff//..;").unwrap();
        assert_eq!(target.query(), Some(&b"code=a%2fb&state=\xff//..;"[..]));
        assert_eq!(target.path(), "/auth_flow");
    }

    /// Found by fuzzing: beside a path that is written anew such a query went
    /// into the new header.
    #[test]
    fn a_query_that_would_end_its_header_is_refused() {
        for query in ["\0", "a=\r\nx: y", "\n", "\t", "\u{7f}"] {
            refused(format!("/%4a?{query}").as_bytes(), PathRefusal::ControlCharacter);
        }
    }
}
