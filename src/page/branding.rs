//! Whose pages these are.

use ct_codecs::{Base64, Decoder};

use crate::settings::Section;

/// The longest name, in characters: it stands in a headline on a phone.
const MAX_NAME: usize = 64;
/// The longest logo, as it is written: it is sent with every page.
const MAX_LOGO: usize = 32 << 10;
const LOGO_TYPES: [&str; 4] = ["png", "jpeg", "svg+xml", "webp"];

/// The product's name and logo.
#[derive(Clone, Debug)]
pub(crate) struct Branding {
    name: String,
    logo: Option<String>,
}

impl Branding {
    /// Reads `branding`.
    pub fn read(root: &Section<'_>) -> Branding {
        let section = root.section_or_empty("branding");
        let name = section.text("name").unwrap_or("Airbyte");
        if name.chars().count() > MAX_NAME || name.chars().any(char::is_control) || name.trim().is_empty() {
            section.mistake("name", format!("expected a name of at most {MAX_NAME} characters, on one line"));
        }
        let logo = section.text("logo").map(str::to_owned);
        if let Some(fault) = logo.as_deref().and_then(logo_fault) {
            section.mistake("logo", fault);
        }
        section.finish();
        Branding { name: name.to_owned(), logo }
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The logo as a `data:` URL. In an `img` element no script in it runs.
    pub fn logo(&self) -> Option<&str> {
        self.logo.as_deref()
    }
}

fn logo_fault(url: &str) -> Option<&'static str> {
    let image = url.strip_prefix("data:image/").and_then(|rest| rest.split_once(";base64,"));
    let Some((_, data)) = image.filter(|(kind, _)| LOGO_TYPES.contains(kind)) else {
        return Some("expected data:image/png;base64,… (or jpeg, svg+xml, webp): pages load nothing from elsewhere");
    };
    if url.len() > MAX_LOGO {
        return Some("must not be longer than 32 KiB: it is sent with every page");
    }
    match Base64::decode_to_vec(data, None) {
        Ok(bytes) if !bytes.is_empty() => None,
        _ => Some("what follows base64, is no base64 with padding"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::read;
    use crate::testing::test;
    use serde_json::{Value, json};

    fn branding(value: Value) -> Result<Branding, Vec<String>> {
        read(&json!({ "branding": value }), &|_| None, |root| Some(Branding::read(root)))
            .map_err(|mistakes| mistakes.iter().map(|mistake| mistake.path().to_owned()).collect())
    }

    #[test]
    fn without_a_word_it_is_airbyte() {
        let branding = read(&json!({}), &|_| None, |root| Some(Branding::read(root))).unwrap();
        assert_eq!((branding.name(), branding.logo()), ("Airbyte", None));
    }

    #[test]
    fn a_name_and_a_logo_are_taken_as_they_are() {
        for kind in LOGO_TYPES {
            let logo = format!("data:image/{kind};base64,AAAA");
            let branding = branding(json!({"name": "Dätä & Co", "logo": logo})).unwrap();
            assert_eq!((branding.name(), branding.logo()), ("Dätä & Co", Some(logo.as_str())));
        }
        assert!(branding(json!({"name": "ä".repeat(64)})).is_ok());
    }

    #[test]
    fn what_would_spoil_a_page_is_a_mistake() {
        for name in ["ä".repeat(65), "a\nb".into(), "  ".into(), "a\u{85}".into()] {
            assert_eq!(branding(json!({ "name": name })).unwrap_err(), ["branding.name"], "{name:?}");
        }
        let long = format!("data:image/png;base64,{}", "A".repeat(32 << 10));
        for logo in [
            "https://example.com/logo.png",
            "data:text/html;base64,AAAA",
            "data:image/gif;base64,AAAA",
            "data:image/png,AAAA",
            "data:image/png;base64,",
            "data:image/png;base64,AA",
            "data:image/png;base64,A\"><x>",
            "data:image/png;base64,AAAA\n",
            &long,
        ] {
            assert_eq!(branding(json!({ "logo": logo })).unwrap_err(), ["branding.logo"], "{logo:.60}");
        }
        assert_eq!(branding(json!({"color": "red"})).unwrap_err(), ["branding.color"]);
    }
}
