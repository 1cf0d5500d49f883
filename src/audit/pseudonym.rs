//! Names that tell one person from another, and not who it is.

use ct_codecs::{Base64UrlSafeNoPadding, Encoder};
use hmac_sha256::HMAC;

use super::Field;
use crate::settings::Section;

/// Replaces names by keyed hashes: the same for the same name, so that a record
/// can still be followed, and whoever has the key can find the person.
pub(super) struct Pseudonyms {
    key: [u8; 32],
    of: Vec<Whom>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Whom {
    User,
    Email,
    Address,
}

const NAMES: [(&str, Whom); 3] = [("user", Whom::User), ("email", Whom::Email), ("address", Whom::Address)];

impl Pseudonyms {
    /// Reads `pseudonyms`.
    pub fn read(audit: &Section<'_>) -> Option<Pseudonyms> {
        let section = audit.section("pseudonyms")?;
        let key = section.key("key");
        let mut of = NAMES.map(|(_, whom)| whom).to_vec();
        if section.has("of") {
            of.clear();
            for name in section.texts("of") {
                match NAMES.iter().find(|(word, _)| *word == name) {
                    Some((_, whom)) => of.push(*whom),
                    None => section.mistake("of", "expected user, email or address"),
                }
            }
        }
        section.finish();
        Some(Pseudonyms { key: key?, of })
    }

    /// The pseudonym, where what a field says is one of those that get one.
    pub fn of(&self, field: Field, text: &str) -> Option<String> {
        let whom = match field {
            Field::User | Field::Subject | Field::OnBehalfOf => Whom::User,
            Field::Email => Whom::Email,
            Field::Address => Whom::Address,
            _ => return None,
        };
        if text.is_empty() || !self.of.contains(&whom) {
            return None;
        }
        let [tag @ .., _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _] = HMAC::mac(text, self.key);
        Some(["p.", &Base64UrlSafeNoPadding::encode_to_string(tag).ok()?].concat())
    }
}
