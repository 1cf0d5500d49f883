//! What an entry of the policy is about.

use super::body::Certainty;
use super::glob::Glob;
use super::words::{did_you_mean, globs, owned, patterns, quoted, read_words};
use super::{Catalog, Effect, Fit, Impact, Operation, is_page};
use crate::http::{PathPattern, Request};
use crate::settings::Section;

/// Conditions on what is asked. All must hold; of the words of each, any will
/// do.
#[derive(Default)]
pub(super) struct What {
    operations: Vec<Glob>,
    /// The least that an operation leaves behind.
    preset: Option<Impact>,
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
    /// `None`: it is not known.
    pub effect: Option<Effect>,
    /// `None`: it is not known.
    pub impact: Option<Impact>,
    /// Whether what is not known counts for the request rather than against it.
    pub favourably: bool,
}

impl<'a> Asked<'a> {
    pub fn new(request: &'a Request, operation: Option<&'a Operation>) -> Asked<'a> {
        let path = request.target().matched();
        let tag = tag(path);
        let is_page = is_page(request);
        let asked =
            Asked { operation, method: method(request), path, tag, effect: None, impact: None, favourably: false };
        match operation {
            Some(operation) => asked.with_facts(operation),
            None if is_page => Asked { effect: Some(Effect::Reads), impact: Some(Impact::None), ..asked },
            None => asked,
        }
    }

    /// An operation of the table, for what can be said of it without a request.
    pub fn of_row(method: &'a str, path: &'a str, operation: &'a Operation) -> Asked<'a> {
        let tag = tag(path);
        let asked =
            Asked { operation: Some(operation), method, path, tag, effect: None, impact: None, favourably: false };
        if operation.depends_on_content() { asked } else { asked.with_facts(operation) }
    }

    fn with_facts(self, operation: &Operation) -> Asked<'a> {
        let is_certain = operation.certainty == Certainty::Certain;
        // What reads may turn out to start a discovery; what mutates stays so.
        let effect = (is_certain || operation.effect == Effect::Mutates).then_some(operation.effect);
        let impact = is_certain.then_some(operation.impact);
        Asked { effect, impact, favourably: operation.certainty == Certainty::Awaited, ..self }
    }

    /// Whether a condition on something that is not known holds: for what allows it
    /// does not, for what denies it does; the other way round where the unknown is
    /// read favourably.
    fn unknown_holds(&self, gives: bool) -> bool {
        gives == self.favourably
    }
}

impl What {
    /// Reads `{operation, preset, tag, effect, method, path}`.
    pub fn read(section: &Section<'_>, catalog: &Catalog<'_>) -> What {
        let operations = read_operations(section, "operation", catalog);
        let tags = read_words(section, "tag");
        for word in tags.iter().filter(|word| !catalog.tags().any(|known| known == **word)) {
            let mistake = quoted(word, "no operation's path has this tag");
            section.mistake("tag", mistake + &did_you_mean(word, catalog.tags()));
        }
        let preset = section.choice("preset", &[("changes", Impact::Changes), ("destructive", Impact::Destroys)]);
        let effect = section.choice("effect", &[("reads", Effect::Reads), ("mutates", Effect::Mutates)]);
        let methods = read_words(section, "method");
        if methods.iter().any(|method| *method == "HEAD" || !method.bytes().all(|byte| byte.is_ascii_uppercase())) {
            section.mistake("method", "expected a method such as POST, in capitals; GET covers HEAD");
        }
        let paths = patterns(section, "path");
        section.finish();
        if ["operation", "preset", "tag", "effect", "method", "path"].iter().all(|name| !section.has(name)) {
            section.mistake("operation", "is about what? Write operation, preset, tag, effect, method or path");
        }
        What { operations, preset, tags: owned(tags), effect, methods: owned(methods), paths }
    }

    /// Whether it is about what is asked. `gives`: what is not known does not match;
    /// otherwise it does.
    pub fn fit(&self, asked: &Asked<'_>, gives: bool) -> Fit {
        let named = |operation: &Operation| self.operations.iter().any(|glob| glob.matches(&operation.name));
        let any = |words: &[String], word: &str| words.is_empty() || words.iter().any(|known| known == word);
        match () {
            () if !any(&self.methods, asked.method) => Fit::No("method"),
            () if self
                .effect
                .is_some_and(|effect| !asked.effect.map_or(asked.unknown_holds(gives), |known| known == effect)) =>
            {
                Fit::No("effect")
            }
            () if self
                .preset
                .is_some_and(|preset| !asked.impact.map_or(asked.unknown_holds(gives), |impact| impact >= preset)) =>
            {
                Fit::No("preset")
            }
            () if !any(&self.tags, asked.tag.unwrap_or_default()) => Fit::No("tag"),
            () if !(self.operations.is_empty() || asked.operation.is_some_and(named)) => Fit::No("operation"),
            () => self.path_fit(asked),
        }
    }

    /// Whether it can depend on what body and query decide.
    pub fn depends_on_content(&self) -> bool {
        self.preset.is_some() || self.effect.is_some()
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
