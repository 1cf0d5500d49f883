//! Whether the bytes of a body mean what they say.
//!
//! Airbyte's server decodes `Content-Encoding` (gzip, deflate, br, snappy) and the
//! charset of `Content-Type` before it parses. The gateway decodes nothing, so it
//! reads only bodies that need no decoding: the same bytes can be valid JSON as they
//! stand and, inflated, other valid JSON.

use super::Headers;

/// Why a body is not read. Answered with 415 (RFC 9110 section 15.5.16).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContentFault {
    /// `Content-Encoding` other than `identity`.
    Encoding,
    /// `Transfer-Encoding` other than `chunked`.
    TransferEncoding,
    /// `Content-Type` is doubled, or not one that is parsed here.
    Type,
    /// A charset other than UTF-8.
    Charset,
}

impl ContentFault {
    /// The reason in the record.
    pub fn reason(self) -> &'static str {
        match self {
            ContentFault::Encoding => "content_encoding",
            ContentFault::TransferEncoding => "transfer_encoding",
            ContentFault::Type => "content_type",
            ContentFault::Charset => "content_charset",
        }
    }
}

/// What a body may be declared as. Without a declaration it is taken for what is
/// parsed: Airbyte, too, takes an undeclared body for JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// JSON.
    Json,
    /// A form.
    Form,
    /// A form or JSON, for Airbyte's token endpoints.
    FormOrJson,
}

impl Content {
    /// Accepts a body that can be parsed as it stands, by what its headers declare.
    ///
    /// # Errors
    /// What would have to be decoded first, or that it is declared as something
    /// else.
    pub fn check(self, headers: &Headers) -> Result<(), ContentFault> {
        let only =
            |name: &str, coding: &[u8]| headers.all(name).all(|value| value.trim_ascii().eq_ignore_ascii_case(coding));
        if !only("content-encoding", b"identity") {
            return Err(ContentFault::Encoding);
        }
        if !only("transfer-encoding", b"chunked") {
            return Err(ContentFault::TransferEncoding);
        }
        let mut types = headers.all("content-type");
        let declared = match (types.next(), types.next()) {
            (None, _) => Ok(()),
            (Some(value), None) => self.check_type(value),
            _ => Err(ContentFault::Type),
        };
        match declared {
            // The token endpoint refuses other types itself, in the form that OAuth
            // clients read (RFC 6749 section 5.2).
            Err(ContentFault::Type) if self == Content::FormOrJson => Ok(()),
            declared => declared,
        }
    }

    fn check_type(self, value: &[u8]) -> Result<(), ContentFault> {
        let value = std::str::from_utf8(value).map_err(|_| ContentFault::Type)?;
        let mut parts = value.split(';').map(str::trim);
        if !self.accepts(&parts.next().unwrap_or_default().to_ascii_lowercase()) {
            return Err(ContentFault::Type);
        }
        parts.try_for_each(check_parameter)
    }

    fn accepts(self, media: &str) -> bool {
        let is_form = media == "application/x-www-form-urlencoded";
        let is_json = media == "application/json";
        match self {
            Content::Form => is_form,
            Content::FormOrJson => is_form || is_json,
            // A comma is what two `Content-Type` lines leave behind once they are joined.
            Content::Json => {
                is_json || media.starts_with("application/") && media.ends_with("+json") && !media.contains(',')
            }
        }
    }
}

fn check_parameter(parameter: &str) -> Result<(), ContentFault> {
    let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
    let value = value.trim().trim_matches('"');
    let is_utf8 = value.eq_ignore_ascii_case("utf-8") || value.eq_ignore_ascii_case("utf8");
    match name.trim().eq_ignore_ascii_case("charset") {
        true if !is_utf8 => Err(ContentFault::Charset),
        _ if value.contains(',') => Err(ContentFault::Type),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::test;

    fn json(fields: &[(&str, &str)]) -> Result<(), ContentFault> {
        Content::Json.check(&Headers::from_pairs(fields.iter().copied()))
    }

    const JSON: (&str, &str) = ("content-type", "application/json");

    #[test]
    fn plain_json_is_accepted() {
        for value in [
            "application/json",
            "Application/JSON",
            "application/json;charset=utf-8",
            "application/json; charset=\"UTF-8\"",
            "application/json ; charset=utf8; profile=x",
            "application/scim+json",
        ] {
            assert_eq!(json(&[("content-type", value)]), Ok(()), "{value}");
        }
        assert_eq!(json(&[JSON, ("content-encoding", "identity"), ("transfer-encoding", "chunked")]), Ok(()));
    }

    #[test]
    fn encoded_body_is_refused() {
        for value in [
            "gzip",
            "x-gzip",
            "deflate",
            "x-deflate",
            "br",
            "snappy",
            "zstd",
            "compress",
            "",
            "identity, deflate",
            "deflate, identity",
            "Deflate",
            "identityx",
            "*",
            "identity;q=1",
        ] {
            assert_eq!(json(&[JSON, ("content-encoding", value)]), Err(ContentFault::Encoding), "{value:?}");
        }
        let twice = [JSON, ("content-encoding", "identity"), ("content-encoding", "deflate")];
        assert_eq!(json(&twice), Err(ContentFault::Encoding));
        for value in ["gzip, chunked", "gzip", "chunked, chunked", "identity", ""] {
            assert_eq!(json(&[JSON, ("transfer-encoding", value)]), Err(ContentFault::TransferEncoding), "{value:?}");
        }
    }

    #[test]
    fn body_that_is_not_declared_as_json_is_refused() {
        for value in [
            "",
            "text/plain",
            "text/json",
            "application/x-www-form-urlencoded",
            "multipart/form-data; boundary=x",
            "application/jsonx",
            "application/json, text/plain",
            "application/json; a=b, application/xml",
            "json",
            "application/yaml",
            "x+json",
            "application/json-patch",
            "application/octet-stream",
        ] {
            assert_eq!(json(&[("content-type", value)]), Err(ContentFault::Type), "{value:?}");
        }
        assert_eq!(json(&[]), Ok(()), "undeclared");
        assert_eq!(json(&[JSON, JSON]), Err(ContentFault::Type));
        assert_eq!(
            Content::Json.check(&Headers::from_pairs([("content-type", &b"application/json\xff"[..])])),
            Err(ContentFault::Type)
        );
    }

    #[test]
    fn other_charset_is_refused() {
        for value in ["utf-16", "UTF-16LE", "iso-8859-1", "utf-7", "", "\"utf-32\"", "utf-8x"] {
            let value = format!("application/json; charset={value}");
            assert_eq!(json(&[("content-type", &value)]), Err(ContentFault::Charset), "{value}");
        }
        for value in [
            "application/json; charset=utf-8; charset=utf-16",
            "application/json; CHARSET = utf-16",
            "application/json;charset",
        ] {
            assert_eq!(json(&[("content-type", value)]), Err(ContentFault::Charset), "{value}");
        }
    }

    #[test]
    fn form_is_accepted_where_one_is_parsed() {
        let form = |content: Content, value: &str| content.check(&Headers::from_pairs([("content-type", value)]));
        let urlencoded = "application/x-www-form-urlencoded";
        assert_eq!(form(Content::FormOrJson, urlencoded), Ok(()));
        assert_eq!(form(Content::FormOrJson, "application/json"), Ok(()));
        assert_eq!(form(Content::FormOrJson, "text/plain"), Ok(()), "left to the token endpoint");
        assert_eq!(form(Content::Form, urlencoded), Ok(()));
        assert_eq!(form(Content::Form, "application/json"), Err(ContentFault::Type));
        let other_charset = [urlencoded, "; charset=utf-16"].concat();
        assert_eq!(form(Content::FormOrJson, &other_charset), Err(ContentFault::Charset));
        assert_eq!(Content::FormOrJson.check(&Headers::from_pairs([("accept", "*/*")])), Ok(()));
        assert_eq!(Content::Form.check(&Headers::from_pairs([("accept", "*/*")])), Ok(()));
        let encoded = Headers::from_pairs([("content-encoding", "gzip")]);
        assert_eq!(Content::FormOrJson.check(&encoded), Err(ContentFault::Encoding));
    }
}
