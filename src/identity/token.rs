//! A compact JWS (RFC 7515 section 7.1), read strictly. Nothing in it is
//! believed yet.

use ct_codecs::{Base64UrlSafeNoPadding, Decoder};
use serde_json::{Map, Value};

use super::TokenFault;
use crate::algorithm::Algorithm;
use crate::json;

/// A token whose shape is right and whose content nobody has vouched for.
#[derive(Debug)]
pub struct Token<'a> {
    header: Header,
    claims: Map<String, Value>,
    signed: &'a [u8],
    signature: Vec<u8>,
}

impl<'a> Token<'a> {
    /// The longest token that is looked at, in bytes. Airbyte refuses request
    /// headers of more than 32 KiB in all.
    pub const MAX_LENGTH: usize = 16 * 1024;

    /// Reads a token, in time linear to its length.
    pub fn parse(text: &'a [u8]) -> Result<Token<'a>, TokenFault> {
        if text.len() > Self::MAX_LENGTH {
            return Err(TokenFault::TooLong);
        }
        read(text).map_err(|fault| match fault {
            TokenFault::Malformed if !has_jwt_shape(text) => TokenFault::Opaque,
            fault => fault,
        })
    }

    /// The `alg` of the header, one that airgate knows.
    pub fn algorithm(&self) -> Algorithm {
        self.header.algorithm
    }

    /// The `kid` of the header: a name to compare, of at most 1 KiB, and never
    /// a path or an address.
    pub fn kid(&self) -> Option<&str> {
        self.header.kid.as_deref()
    }

    /// The `typ` of the header, as it is written.
    pub fn typ(&self) -> Option<&str> {
        self.header.typ.as_deref()
    }

    /// The claims, unverified.
    pub fn claims(&self) -> &Map<String, Value> {
        &self.claims
    }

    /// The `iss` claim, unverified: good for choosing the provider, no more.
    pub fn issuer(&self) -> Option<&str> {
        self.claims.get("iss")?.as_str()
    }

    /// The bytes that were signed.
    pub fn signed(&self) -> &'a [u8] {
        self.signed
    }

    /// The signature, decoded.
    pub fn signature(&self) -> &[u8] {
        &self.signature
    }
}

/// Whether the text looks like a compact JWS or JWE: their first part encodes
/// an object, and `{"` encodes to `ey`.
fn has_jwt_shape(text: &[u8]) -> bool {
    text.starts_with(b"ey") && text.contains(&b'.')
}

fn read(text: &[u8]) -> Result<Token<'_>, TokenFault> {
    let (signed, payload, signature) = cut(text).ok_or(TokenFault::Malformed)?;
    let header = signed.split(|byte| *byte == b'.').next().unwrap_or_default();
    let header = Header::read(object(header)?)?;
    let (claims, signature) = (object(payload)?, decode(signature)?);
    Ok(Token { header, claims, signed, signature })
}

/// What is signed, the payload in it, and the signature: exactly three parts.
fn cut(text: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let mut parts = text.rsplitn(4, |byte| *byte == b'.');
    let (signature, payload, _header) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() {
        return None;
    }
    let end = text.len().checked_sub(signature.len())?.checked_sub(1)?;
    Some((text.get(..end)?, payload, signature))
}

/// Base64url without padding; ct-codecs refuses the standard alphabet, white
/// space and unused bits that are set.
fn decode(text: &[u8]) -> Result<Vec<u8>, TokenFault> {
    Base64UrlSafeNoPadding::decode_to_vec(text, None).map_err(|_| TokenFault::Malformed)
}

fn object(text: &[u8]) -> Result<Map<String, Value>, TokenFault> {
    match json::parse(&decode(text)?) {
        Ok(Value::Object(map)) => Ok(map),
        _ => Err(TokenFault::Malformed),
    }
}

/// The JOSE header. Members that point to keys (`jwk`, `jku`, `x5u`, `x5c`,
/// `x5t`) have no place here: whoever signs does not choose the key.
#[derive(Debug)]
struct Header {
    algorithm: Algorithm,
    kid: Option<String>,
    typ: Option<String>,
}

impl Header {
    const MAX_KID: usize = 1024;

    fn read(mut members: Map<String, Value>) -> Result<Header, TokenFault> {
        let kid = text(members.remove("kid"))?;
        let typ = text(members.remove("typ"))?;
        let algorithm = text(members.remove("alg"))?.ok_or(TokenFault::Malformed)?;
        let content = text(members.remove("cty"))?;
        if kid.as_ref().is_some_and(|kid| kid.len() > Self::MAX_KID) {
            return Err(TokenFault::Malformed);
        }
        if ["crit", "b64", "zip", "enc"].iter().any(|name| members.contains_key(*name)) {
            return Err(TokenFault::UnsupportedHeader);
        }
        if content.is_some_and(|content| media_type(&content) == "jwt") {
            return Err(TokenFault::UnsupportedHeader);
        }
        let algorithm = Algorithm::parse(&algorithm).ok_or(TokenFault::AlgorithmNotAllowed)?;
        Ok(Header { algorithm, kid, typ })
    }
}

/// A media type in the form in which `typ` and `cty` are compared: RFC 7515
/// section 4.1.9 leaves `application/` and the case to the writer.
pub(super) fn media_type(text: &str) -> String {
    let text = text.to_ascii_lowercase();
    text.strip_prefix("application/").map(str::to_owned).unwrap_or(text)
}

/// A member that is a text if it is there.
fn text(member: Option<Value>) -> Result<Option<String>, TokenFault> {
    match member {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(TokenFault::Malformed),
    }
}

#[cfg(test)]
mod tests;
