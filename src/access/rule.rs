//! Rules: what is allowed, denied or asked for before roles are.

use std::rc::Rc;
use std::time::{Duration, UNIX_EPOCH};

use super::membership::GroupNames;
use super::what::{Asked, What};
use super::which::Which;
use super::who::{Asking, Who};
use super::words::{owned, read_name, read_words};
use super::{Catalog, Fit, IdFit, IdKind, Ids, Operation, Vouchers};
use crate::demand::Demand;
use crate::settings::Section;
use crate::time::Time;

/// What a rule that matches leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// It goes on, whatever the caller's role.
    Allow,
    /// It is refused.
    Deny,
    /// It goes to the next rule if the sign-in is good enough, else it is
    /// refused until there is a better one.
    StepUp,
}

impl Then {
    const NAMES: [(&'static str, Then); 3] = [("allow", Then::Allow), ("deny", Then::Deny), ("step_up", Then::StepUp)];

    /// The word in configuration and records.
    pub fn name(self) -> &'static str {
        match self {
            Then::Allow => "allow",
            Then::Deny => "deny",
            Then::StepUp => "step_up",
        }
    }
}

/// An entry of `access.rules`.
pub(super) struct Rule {
    pub name: Rc<str>,
    who: Who,
    what: What,
    pub which: Which,
    until: Option<Time>,
    pub then: Then,
    pub reason: Option<Rc<str>>,
    pub demand: Rc<Demand>,
    pub report_only: bool,
}

/// All rules, in order.
#[derive(Default)]
pub(super) struct Rules {
    list: Vec<Rule>,
    /// For each operation of the built-in list the rules that may be about it: a
    /// bit each. So a rule costs nothing where it is about something else.
    about: Vec<u64>,
    /// How many of these words belong to one operation.
    width: usize,
    /// Tells what callers remember of these rules from what they remember of
    /// others.
    mark: Rc<()>,
}

impl Rules {
    /// Reads `rules`.
    pub fn read(access: &Section<'_>, catalog: &Catalog<'_>, names: &mut GroupNames, vouchers: &Vouchers<'_>) -> Rules {
        let mut list: Vec<Rule> = Vec::new();
        for section in access.sections("rules") {
            let Some(rule) = Rule::read(&section, catalog, names, vouchers) else {
                continue;
            };
            if list.iter().any(|other| other.name == rule.name) {
                section.mistake("name", "another rule has this name");
            }
            list.push(rule);
        }
        let width = list.len().div_ceil(64);
        let mut about = Vec::new();
        if width > 0 {
            for (path, method, operation) in catalog.rows() {
                let asked = Asked::of_row(method, path, operation);
                for word in list.chunks(64) {
                    about
                        .push(word.iter().rev().fold(0, |bits, rule| bits << 1 | u64::from(rule.may_be_about(&asked))));
                }
            }
        }
        Rules { list, about, width, mark: Rc::default() }
    }

    pub fn iter(&self) -> impl Iterator<Item = &Rule> {
        self.list.iter()
    }

    /// The rules that may be about somebody, a bit each.
    pub fn of<'a>(&self, asking: &Asking<'a>) -> Option<&'a [u64]> {
        let bits =
            |word: &[Rule]| word.iter().rev().fold(0, |bits, rule| bits << 1 | u64::from(rule.may_be_of(asking)));
        asking.caller.reckoned.of(&self.mark, || self.list.chunks(64).map(bits).collect())
    }

    /// The rules that may be about an operation and about somebody, in order, each
    /// with its place. `None`: all may be.
    pub fn about(&self, operation: Option<&Operation>, who: Option<&[u64]>) -> impl Iterator<Item = (usize, &Rule)> {
        let row = operation.and_then(|operation| operation.row).map(usize::from);
        let start = row.map(|row| row.saturating_mul(self.width));
        let what = start.and_then(|start| self.about.get(start..start.saturating_add(self.width)));
        let word = move |index: usize| {
            let of = |words: Option<&[u64]>| words.map_or(Some(u64::MAX), |words| words.get(index).copied());
            Some(of(what)? & of(who)?)
        };
        let mut place = 0_usize;
        std::iter::from_fn(move || {
            place = next_bit(word, place)?;
            let found = (place, self.list.get(place)?);
            place = place.saturating_add(1);
            Some(found)
        })
    }
}

/// The first bit that is set, from this one on.
fn next_bit(word_at: impl Fn(usize) -> Option<u64>, from: usize) -> Option<usize> {
    let (mut index, shift) = (from >> 6, from & 63);
    let mut word = word_at(index)? >> shift << shift;
    while word == 0 {
        index = index.saturating_add(1);
        word = word_at(index)?;
    }
    Some(index << 6 | word.trailing_zeros() as usize)
}

impl Rule {
    fn read(
        section: &Section<'_>,
        catalog: &Catalog<'_>,
        names: &mut GroupNames,
        vouchers: &Vouchers<'_>,
    ) -> Option<Rule> {
        let name = read_name(section);
        let who = section.section("who").map(|who| Who::read_alone(&who, names, vouchers));
        let what = section.section("what").map(|what| What::read(&what, catalog));
        let which = section.section("which").map(|which| read_which(&which));
        let until = section.text("until").and_then(|text| {
            let expected = "expected a date such as 2026-12-31, or a moment such as 2026-12-31T18:00:00Z";
            moment(text).or_else(|| section.wrong("until", expected))
        });
        section.require("then");
        let then = section.choice("then", &Then::NAMES);
        let reason = read_reason(section, then);
        let demand = read_demand(section, then);
        let report_only = section.boolean("report_only", false);
        section.finish();
        if then == Some(Then::Allow) && ["who", "what", "which"].iter().all(|name| !section.has(name)) {
            section.mistake("then", "allows everybody everything; write who, what or which beside it");
        }
        Some(Rule {
            name: name?.into(),
            who: who.unwrap_or_default(),
            what: what.unwrap_or_default(),
            which: which.unwrap_or_default(),
            until,
            then: then?,
            reason,
            demand: Rc::new(demand),
            report_only,
        })
    }

    pub fn claim(&self) -> Option<&crate::pointer::Pointer> {
        self.who.claim()
    }

    pub fn is_over(&self, now: Time) -> bool {
        self.until.is_some_and(|until| until <= now)
    }

    pub fn who(&self, asking: &Asking<'_>) -> Fit {
        self.who.fit(asking)
    }

    /// Whether it is about somebody, however they are known.
    fn may_be_of(&self, asking: &Asking<'_>) -> bool {
        matches!(self.who(asking), Fit::Yes | Fit::PerhapsByGroup | Fit::No("auth"))
    }

    /// Whether it may be about an operation whose path is known, with some body.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn may_be_about_path(&self, asked: &Asked<'_>) -> bool {
        self.what.fit(asked, false) == Fit::Yes
    }

    /// Whether it may be about an operation, at some path and with some body.
    fn may_be_about(&self, asked: &Asked<'_>) -> bool {
        // What is not known yet may turn out either way, and counts as a match.
        let fit = self.what.fit(asked, false);
        fit == Fit::Yes || fit == Fit::No("path")
    }

    /// Whether it is about what is asked. Of an operation in the list everything
    /// but the path was asked when the rules were read.
    pub fn what(&self, asked: &Asked<'_>) -> Fit {
        match asked.operation {
            Some(operation) if operation.row.is_some() && !operation.depends_on_content() => self.what.path_fit(asked),
            _ => self.what.fit(asked, self.gives()),
        }
    }

    /// The same, of a rule that was not asked when the rules were read.
    pub fn what_anew(&self, asked: &Asked<'_>) -> Fit {
        self.what.fit(asked, self.gives())
    }

    /// Whether it can depend on what a body decides.
    pub fn depends_on_content(&self) -> bool {
        self.what.depends_on_content()
    }

    pub fn which(&self, ids: &Ids) -> IdFit {
        if self.gives() { self.which.gives(ids) } else { self.which.takes(ids) }
    }

    /// Whether a fit of ids is a match.
    pub fn holds(&self, fit: IdFit) -> bool {
        match fit {
            IdFit::NotAsked | IdFit::Listed => true,
            IdFit::NotListed | IdFit::NotCarried | IdFit::OtherKind => false,
            IdFit::Unclear => !self.gives(),
        }
    }

    /// Whether it allows, and so needs certainty.
    pub fn gives(&self) -> bool {
        self.then == Then::Allow
    }
}

fn read_which(section: &Section<'_>) -> Which {
    let which = Which::read(
        section,
        [
            ("workspace", IdKind::Workspace),
            ("connection", IdKind::Connection),
            ("source", IdKind::Source),
            ("destination", IdKind::Destination),
        ],
    );
    section.finish();
    if which.is_empty() {
        section.mistake("connection", "which? Write connection, workspace, source or destination");
    }
    which
}

fn read_reason(section: &Section<'_>, then: Option<Then>) -> Option<Rc<str>> {
    let reason = section.text("reason")?;
    match then {
        Some(Then::Allow | Then::StepUp) => section.wrong("reason", "has a place with then: deny only"),
        _ if reason.chars().count() > 200 || reason.chars().any(char::is_control) => {
            section.wrong("reason", "expected one line of at most 200 characters")
        }
        _ => Some(reason.into()),
    }
}

fn read_demand(section: &Section<'_>, then: Option<Then>) -> Demand {
    const LIMITS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(400 * 86_400));
    let is_step_up = then == Some(Then::StepUp);
    if is_step_up {
        section.require("step_up");
    }
    let Some(inner) = section.section("step_up") else {
        return Demand::default();
    };
    if then.is_some() && !is_step_up {
        section.mistake("step_up", "has a place with then: step_up only");
    }
    let acr = owned(read_words(&inner, "acr"));
    let max_age = inner.optional_duration("max_age", LIMITS);
    inner.finish();
    // They are sent in a quoted header field, with spaces between.
    if acr.iter().any(|word| !word.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"\\".contains(&byte))) {
        inner.mistake("acr", "expected words without spaces, quotes and backslashes");
    }
    if !inner.has("acr") && !inner.has("max_age") {
        inner.mistake("acr", "demands nothing; write acr or max_age");
    }
    Demand { acr, max_age }
}

/// A date, through whose end in UTC it lasts, or a moment.
fn moment(text: &str) -> Option<Time> {
    // The parser takes a second Z for a fraction.
    let read = |text: &str| {
        let ends_once = text.find('Z').and_then(|at| at.checked_add(1)) == Some(text.len());
        let at = humantime::parse_rfc3339(text).ok().filter(|_| ends_once)?.duration_since(UNIX_EPOCH).ok()?;
        Some(Time::from_seconds(at.as_secs()))
    };
    match text.len() {
        10 => {
            let mut midnight = text.to_owned();
            midnight.push_str("T00:00:00Z");
            read(&midnight).map(|day| day.plus(Duration::from_secs(86_400)))
        }
        _ => read(text),
    }
}

#[cfg(test)]
mod tests;
