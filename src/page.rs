//! Every page that the gateway shows itself, on one template: plain HTML and
//! CSS, nothing from elsewhere, no script.

mod account;
mod branding;
mod moment;
mod trouble;

use std::borrow::Cow;
use std::time::Duration;

use ct_codecs::{Base64UrlSafeNoPadding, Encoder};

use crate::host::Host;
use crate::http::{Form, Reply};
use crate::time::Time;

pub(crate) use account::{Me, chooser, confirm_sign_out, signed_out, signing_out};
pub(crate) use branding::Branding;
pub(crate) use trouble::{LoginTrouble, StepUpTrouble, sign_in_needed};

const STYLE: &str = include_str!("page/page.css");

/// One page. All of it is text and is escaped.
pub(crate) struct Page<'a> {
    pub title: &'a str,
    /// A paragraph a line.
    pub text: Cow<'a, str>,
    pub facts: Vec<(&'a str, Fact<'a>)>,
    /// What the reader can do, the likeliest first.
    pub actions: Vec<Action<'a>>,
    pub request_id: &'a str,
}

/// Something that the reader is told.
pub(crate) enum Fact<'a> {
    Text(Cow<'a, str>),
    /// A moment, and how far off it is.
    Moment(Time, Duration),
}

/// Something that the reader can do.
pub(crate) enum Action<'a> {
    Link {
        href: Cow<'a, str>,
        label: Cow<'a, str>,
    },
    /// One of several links of equal rank.
    Choice {
        href: Cow<'a, str>,
        label: Cow<'a, str>,
    },
    /// A link that the browser follows by itself. After a posted form this is
    /// what a redirect to the provider would be, but browsers hold redirects, and
    /// those that follow at the provider, to `form-action` (seen in Chromium 156).
    Onward {
        href: Cow<'a, str>,
        label: Cow<'a, str>,
    },
    /// A form without fields.
    Post {
        path: &'a str,
        label: &'a str,
    },
}

/// A value for `style-src` that is not used twice. Without random bytes it is a
/// constant: what keeps foreign markup out is that everything is escaped.
pub(crate) fn nonce(host: &dyn Host) -> String {
    let mut random = [0; 16];
    host.random(&mut random);
    Base64UrlSafeNoPadding::encode_to_string(random).unwrap_or_default()
}

/// Where a login starts that ends at `return_to`, a path with its query. `more`:
/// `provider`, `step_up` (the name of the rule that asks for it), `prompt`.
pub(crate) fn login_url(return_to: &str, more: &[(&str, &str)]) -> String {
    let mut form = Form::new([("return", return_to)]);
    for (name, value) in more {
        form.add(name, value);
    }
    format!("/.airgate/login?{}", form.text())
}

impl Page<'_> {
    /// The page as an answer.
    pub fn reply(&self, status: u16, branding: &Branding, nonce: &str) -> Reply {
        let headers: Vec<(Cow<'static, str>, Vec<u8>)> = vec![
            ("content-type".into(), b"text/html; charset=utf-8".to_vec()),
            ("cache-control".into(), b"no-store".to_vec()),
            ("content-security-policy".into(), policy(nonce).into_bytes()),
            ("x-content-type-options".into(), b"nosniff".to_vec()),
            // Not no-referrer: with that a form is posted with `Origin: null`,
            // and browsers without Sec-Fetch-Site could not sign out.
            ("referrer-policy".into(), b"strict-origin".to_vec()),
            ("x-request-id".into(), self.request_id.into()),
        ];
        Reply { status, headers, body: self.html(branding, nonce).into_bytes() }
    }

    fn html(&self, branding: &Branding, nonce: &str) -> String {
        let (title, name) = (escaped(self.title), escaped(branding.name()));
        let mut html = format!(
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta name=\"color-scheme\" content=\"light dark\">\n<link rel=\"icon\" href=\"data:,\">\n\
             <title>{title} · {name}</title>\n{}<style nonce=\"{}\">\n{STYLE}</style>\n</head>\n<body>\n<header>",
            self.refresh(),
            escaped(nonce)
        );
        match branding.logo() {
            Some(logo) => html.push_str(&format!("<img src=\"{}\" alt=\"{name}\">", escaped(logo))),
            None => {
                let initial = branding.name().chars().take(1).collect::<String>().to_uppercase();
                html.push_str(&format!(
                    "<span class=\"mark\" aria-hidden=\"true\">{}</span> {name}",
                    escaped(&initial)
                ));
            }
        }
        html.push_str(&format!("</header>\n<main>\n<h1>{title}</h1>\n"));
        for paragraph in self.text.lines() {
            html.push_str(&format!("<p>{}</p>\n", escaped(paragraph)));
        }
        self.add_facts(&mut html);
        self.add_actions(&mut html);
        let id = escaped(self.request_id);
        html.push_str(&format!("</main>\n<footer>Request id <code>{id}</code></footer>\n</body>\n</html>\n"));
        html
    }

    fn refresh(&self) -> String {
        let onward = self.actions.iter().find_map(|action| match action {
            Action::Onward { href, .. } => Some(href),
            _ => None,
        });
        onward.map_or_else(String::new, |href| {
            format!("<meta http-equiv=\"refresh\" content=\"0; url={}\">\n", escaped(href))
        })
    }

    fn add_facts(&self, html: &mut String) {
        if self.facts.is_empty() {
            return;
        }
        html.push_str("<dl>\n");
        for (name, fact) in &self.facts {
            html.push_str(&format!("<div><dt>{}</dt><dd>{}</dd></div>\n", escaped(name), fact.html()));
        }
        html.push_str("</dl>\n");
    }

    fn add_actions(&self, html: &mut String) {
        if self.actions.is_empty() {
            return;
        }
        html.push_str("<div class=\"actions\">\n");
        for (index, action) in self.actions.iter().enumerate() {
            html.push_str(&action.html(index == 0));
        }
        html.push_str("</div>\n");
    }
}

impl Fact<'_> {
    fn html(&self) -> String {
        match self {
            Fact::Text(text) => escaped(text).into_owned(),
            Fact::Moment(at, off) => {
                let off = moment::span(*off);
                match (moment::rfc3339(*at), moment::words(*at)) {
                    (Some(date), Some(words)) => {
                        format!("<time datetime=\"{date}\">{words}</time> <small>in {off}</small>")
                    }
                    _ => format!("in {off}"),
                }
            }
        }
    }
}

impl Action<'_> {
    fn html(&self, first: bool) -> String {
        let class = if first { " class=\"first\"" } else { "" };
        match self {
            Action::Link { href, label } | Action::Onward { href, label } => {
                format!("<a{class} href=\"{}\">{}</a>\n", escaped(href), escaped(label))
            }
            Action::Choice { href, label } => {
                format!("<a class=\"choice\" href=\"{}\">{}</a>\n", escaped(href), escaped(label))
            }
            Action::Post { path, label } => format!(
                "<form method=\"post\" action=\"{}\"><button{class}>{}</button></form>\n",
                escaped(path),
                escaped(label)
            ),
        }
    }
}

fn policy(nonce: &str) -> String {
    format!(
        "default-src 'none'; style-src 'nonce-{nonce}'; img-src data:; form-action 'self'; base-uri 'none'; \
         frame-ancestors 'none'"
    )
}

/// Fit for text and for attribute values in double quotes.
fn escaped(text: &str) -> Cow<'_, str> {
    if !text.contains(['&', '<', '>', '"', '\'']) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len().saturating_add(16));
    for character in text.chars() {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            other => safe.push(other),
        }
    }
    Cow::Owned(safe)
}

#[cfg(test)]
mod tests;
