//! What an entry of the policy is about.

use super::glob::Glob;
use super::words::{did_you_mean, globs, owned, patterns, quoted, read_words};
use super::{Catalog, Effect, Fit, Operation, is_page};
use crate::http::{PathPattern, Request};
use crate::settings::Section;

/// Conditions on what is asked. All must hold; of the words of each, any will
/// do.
#[derive(Default)]
pub(super) struct What {
    operations: Vec<Glob>,
    tags: Vec<String>,
    effect: Option<Effect>,
    methods: Vec<String>,
    paths: Vec<PathPattern>,
}

/// What is asked.
pub(super) struct Asked<'a> {
    pub operation: Option<&'a Operation>,
    pub method: &'a str,
    pub path: &'a str,
    pub tag: Option<&'a str>,
    /// `None`: nobody knows.
    pub effect: Option<Effect>,
}

impl<'a> Asked<'a> {
    pub fn new(request: &'a Request, operation: Option<&'a Operation>) -> Asked<'a> {
        let path = request.target().matched();
        let effect = match operation {
            Some(operation) => Some(operation.effect),
            None => is_page(request).then_some(Effect::Reads),
        };
        Asked { operation, method: method(request), path, tag: tag(path), effect }
    }
}

impl What {
    /// Reads `{operation, tag, effect, method, path}`.
    pub fn read(section: &Section<'_>, catalog: &Catalog<'_>) -> What {
        let operations = read_operations(section, "operation", catalog);
        let tags = read_words(section, "tag");
        for word in tags.iter().filter(|word| !catalog.tags().any(|known| known == **word)) {
            let mistake = quoted(word, "no operation's path has this tag");
            section.mistake("tag", mistake + &did_you_mean(word, catalog.tags()));
        }
        let effect = section.choice("effect", &[("reads", Effect::Reads), ("mutates", Effect::Mutates)]);
        let methods = read_words(section, "method");
        if methods.iter().any(|method| *method == "HEAD" || !method.bytes().all(|byte| byte.is_ascii_uppercase())) {
            section.mistake("method", "expected a method such as POST, in capitals; GET covers HEAD");
        }
        let paths = patterns(section, "path");
        section.finish();
        if ["operation", "tag", "effect", "method", "path"].iter().all(|name| !section.has(name)) {
            section.mistake("operation", "is about what? Write operation, tag, effect, method or path");
        }
        What { operations, tags: owned(tags), effect, methods: owned(methods), paths }
    }

    /// Whether it is about what is asked. `gives`: what nobody knows does not
    /// match; otherwise it does.
    pub fn fit(&self, asked: &Asked<'_>, gives: bool) -> Fit {
        let named = |operation: &Operation| self.operations.iter().any(|glob| glob.matches(&operation.name));
        let any = |words: &[String], word: &str| words.is_empty() || words.iter().any(|known| known == word);
        match () {
            () if !any(&self.methods, asked.method) => Fit::No("method"),
            () if self.effect.is_some_and(|effect| asked.effect.map_or(gives, |known| known != effect)) => {
                Fit::No("effect")
            }
            () if !any(&self.tags, asked.tag.unwrap_or_default()) => Fit::No("tag"),
            () if !(self.operations.is_empty() || asked.operation.is_some_and(named)) => Fit::No("operation"),
            () => self.path_fit(asked),
        }
    }

    /// Whether it is about this path.
    pub fn path_fit(&self, asked: &Asked<'_>) -> Fit {
        match self.paths.is_empty() || self.paths.iter().any(|pattern| pattern.matches(asked.path)) {
            true => Fit::Yes,
            false => Fit::No("path"),
        }
    }
}

/// Names of operations, or patterns of names; each must be there.
pub(super) fn read_operations(section: &Section<'_>, name: &'static str, catalog: &Catalog<'_>) -> Vec<Glob> {
    let words = read_words(section, name);
    for word in &words {
        let glob = Glob::new(word);
        if catalog.names().any(|known| glob.matches(known)) {
            continue;
        }
        let mistake = match word.contains('*') {
            true => quoted(word, "no operation has such a name"),
            false => quoted(word, "no operation has this name") + &did_you_mean(word, catalog.names()),
        };
        section.mistake(name, mistake);
    }
    globs(words)
}

/// HEAD asks what GET asks.
pub(super) fn method(request: &Request) -> &str {
    match request.method() {
        "HEAD" => "GET",
        method => method,
    }
}

/// The resource in an operation's path.
pub fn tag(path: &str) -> Option<&str> {
    let below = |root: &str| path.strip_prefix(root);
    let rest = match below("/api/v1/web_backend/").or_else(|| below("/api/public/v1/")).or_else(|| below("/api/v1/")) {
        Some(rest) => rest,
        None if path == "/scim" || path.starts_with("/scim/") => "scim",
        None => return None,
    };
    rest.split('/').next().filter(|tag| !tag.is_empty())
}
