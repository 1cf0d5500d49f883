//! A decision in words, step by step.

use airgate::access::{Boundary, Effect, Fit, IdFit, IdKind, Ids, Note, Role, RuleOutcome, Trace};
use serde_json::{Value, json};

/// What a [`Trace`] heard.
#[derive(Default)]
pub struct Story {
    steps: Vec<Step>,
}

/// One step.
pub struct Step {
    /// What it is about, in one word.
    pub about: &'static str,
    /// The step in words.
    pub text: String,
    /// The step in fields.
    pub fields: Value,
}

impl Story {
    pub fn tell(&mut self, about: &'static str, text: impl Into<String>, fields: Value) {
        self.steps.push(Step { about, text: text.into(), fields });
    }

    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    pub fn json(&self) -> Value {
        let one = |step: &Step| {
            let mut value = json!({"about": step.about, "text": step.text});
            if let (Some(members), Some(fields)) = (value.as_object_mut(), step.fields.as_object()) {
                members.extend(fields.iter().map(|(name, value)| (name.clone(), value.clone())));
            }
            value
        };
        self.steps.iter().map(one).collect()
    }
}

impl Trace for Story {
    fn note(&mut self, note: Note<'_>) {
        match note {
            Note::Operation { name: Some(name), tag, effect } => {
                let tag_text = tag.map(|tag| format!(", about {tag}")).unwrap_or_default();
                let effect = effect_word(effect);
                let fields = json!({"name": name, "tag": tag, "effect": effect});
                self.tell("operation", format!("{name}{tag_text}, {effect}"), fields);
            }
            Note::Operation { name: None, effect, .. } => {
                let text = match effect {
                    Some(Effect::Reads) => "none: a page or a file",
                    _ => "none that Airbyte's table or access.operations has",
                };
                self.tell("operation", text, json!({"name": null, "effect": effect_word(effect)}));
            }
            Note::Ids(ids) => self.ids(ids),
            Note::Closed => {
                self.tell("closed", "for Airbyte's own data planes, and not opened by access.open", json!({}))
            }
            Note::Group { name, by_email } => {
                let source = if by_email { "by access.groups" } else { "by the provider" };
                self.tell("group", format!("{name}, {source}"), json!({"name": name, "by_email": by_email}));
            }
            Note::Grant { index, role, who } => {
                let fields =
                    json!({"entry": format!("access.roles[{index}]"), "role": role.name(), "matches": fit_json(who)});
                self.tell("grant", format!("access.roles[{index}], {}: {}", role.name(), fit(who)), fields);
            }
            Note::Standing { role, highest, is_default } => {
                let name = role_name(role);
                let text = match (is_default, highest == role) {
                    (true, true) => format!("{name}, by access.default_role"),
                    (false, true) => name.to_owned(),
                    (_, false) => {
                        format!("{name} for certain, perhaps {}: the groups are not known", role_name(highest))
                    }
                };
                let fields =
                    json!({"role": role.map(Role::name), "highest": highest.map(Role::name), "is_default": is_default});
                self.tell("role", text, fields);
            }
            Note::Actor { subject } => {
                self.tell("agent", format!("{subject:?} acts for the token's subject"), json!({"actor": subject}));
            }
            Note::Agent { index, name, who, report_only } => {
                let reported = if report_only { ", reported only" } else { "" };
                let fields = json!({"entry": format!("access.agents[{index}]"), "name": name, "matches": fit_json(who), "report_only": report_only});
                self.tell("agent", format!("access.agents[{index}] {name:?}: {}{reported}", fit(who)), fields);
            }
            Note::Boundary { entry, crossed, ids } => {
                let whose = entry.map_or("every agent's".to_owned(), |name| format!("the one of {name:?}"));
                let text = match crossed {
                    None => format!("{whose}: inside"),
                    Some(Boundary::Never) => format!("{whose}: no agent may do this"),
                    Some(Boundary::NoOperation) => format!("{whose}: agents may only call operations"),
                    Some(Boundary::Operation) => format!("{whose}: not among its operations"),
                    Some(Boundary::Ids) => format!("{whose}: {}", id_fit(ids)),
                };
                let word = crossed.map(|crossed| match crossed {
                    Boundary::Never => "never",
                    Boundary::NoOperation => "no_operation",
                    Boundary::Operation => "operation",
                    Boundary::Ids => "ids",
                });
                self.tell("boundary", text, json!({"entry": entry, "crossed": word}));
            }
            Note::Rule { index, name, then, what, who, which, outcome } => {
                let what_text = match (what, who) {
                    (Fit::No(word), _) => format!("not about this: {word}"),
                    (_, Fit::No(word)) => format!("not about them: {word}"),
                    _ => match outcome {
                        RuleOutcome::Passed => format!("not about this: {}", id_fit(which)),
                        RuleOutcome::Over => "its until has passed".to_owned(),
                        RuleOutcome::Decides => format!("decides: {}", then.name()),
                        RuleOutcome::DemandMet => "the sign-in is good enough, so on".to_owned(),
                        RuleOutcome::PerhapsByGroup => "perhaps about them: the groups are not known".to_owned(),
                        RuleOutcome::ReportedOnly => format!("would {}, and is reported only", then.name()),
                    },
                };
                let outcome = match outcome {
                    RuleOutcome::Passed => "passed",
                    RuleOutcome::Over => "over",
                    RuleOutcome::Decides => "decides",
                    RuleOutcome::DemandMet => "demand_met",
                    RuleOutcome::PerhapsByGroup => "perhaps_by_group",
                    RuleOutcome::ReportedOnly => "reported_only",
                };
                let fields = json!({
                    "entry": format!("access.rules[{index}]"), "name": name, "then": then.name(), "outcome": outcome,
                    "what": fit_json(what), "who": fit_json(who), "which": id_fit(which),
                });
                self.tell("rule", format!("access.rules[{index}] {name:?}: {what_text}"), fields);
            }
            Note::Needs { role } => {
                self.tell("needs", format!("the role {}", role.name()), json!({"role": role.name()}))
            }
            Note::ReportOnly { entry } => {
                let text = match entry {
                    None => "access.report_only: nothing is refused to anybody".to_owned(),
                    Some(entry) => format!("access.report_only[{entry}]: nothing is refused to them"),
                };
                self.tell("report_only", text, json!({"entry": entry}));
            }
            Note::Reported { denial, rule } => {
                let by = rule.map(|rule| format!(", by the rule {rule:?}")).unwrap_or_default();
                let fields = json!({"reason": denial.reason(), "rule": rule});
                self.tell("reported", format!("would be refused if it were enforced: {}{by}", denial.reason()), fields);
            }
            Note::Budget { entry, limit } => {
                let text =
                    format!("{entry:?} may change {limit} times a minute in each worker; counted there, not here");
                self.tell("budget", text, json!({"entry": entry, "limit": limit}));
            }
        }
    }
}

impl Story {
    fn ids(&mut self, ids: &Ids) {
        let own = ids.iter().map(|(kind, id)| format!("{} {id}", kind.name()));
        let elsewhere = ids.elsewhere().map(|(kind, id)| format!("{} {id} (ignored by Airbyte there)", kind.name()));
        let list: Vec<String> = own.chain(elsewhere).collect();
        if list.is_empty() && !ids.are_unclear() {
            return;
        }
        let mut text = list.join(", ");
        if ids.are_unclear() {
            text.push_str(if list.is_empty() { "what cannot be told for certain" } else { ", and perhaps more" });
        }
        let field = |(kind, id): (IdKind, &str)| json!({"kind": kind.name(), "id": id});
        let (own, elsewhere): (Value, Value) = (ids.iter().map(field).collect(), ids.elsewhere().map(field).collect());
        self.tell("touches", text, json!({"ids": own, "elsewhere": elsewhere, "unclear": ids.are_unclear()}));
    }
}

fn effect_word(effect: Option<Effect>) -> &'static str {
    match effect {
        Some(Effect::Reads) => "reads",
        Some(Effect::Mutates) => "mutates",
        None => "effect unknown",
    }
}

fn role_name(role: Option<Role>) -> &'static str {
    role.map_or("none", Role::name)
}

fn fit(fit: Fit) -> String {
    match fit {
        Fit::Yes => "matches".to_owned(),
        Fit::No(word) => format!("does not match ({word})"),
        Fit::PerhapsByGroup => "perhaps: the groups are not known".to_owned(),
    }
}

fn fit_json(fit: Fit) -> Value {
    match fit {
        Fit::Yes => true.into(),
        Fit::No(word) => word.into(),
        Fit::PerhapsByGroup => "perhaps".into(),
    }
}

fn id_fit(fit: IdFit) -> &'static str {
    match fit {
        IdFit::NotAsked => "no ids are listed",
        IdFit::Listed => "what it touches is listed",
        IdFit::NotListed => "what it touches is not listed",
        IdFit::NotCarried => "it carries no id of a listed kind where its operation takes one",
        IdFit::OtherKind => "it is also about another resource than those listed",
        IdFit::Unclear => "what it touches cannot be told for certain",
    }
}
