//! What a decision depends on that records do not say.

use airgate::access::{Fit, Note, Role, RuleOutcome, Then, Trace};

use crate::line::Line;

/// What a decision depended on that records do not say.
pub struct Heard<'a> {
    line: &'a Line,
    new_agents: &'a [bool],
    /// Entries of `access.roles` that only their claim keeps away.
    pub roles_by_claim: Vec<(usize, Role)>,
    /// Why a request that is refused may be allowed all the same.
    pub may_allow: Option<String>,
    /// Why one that is allowed may be refused.
    pub may_refuse: Option<String>,
    /// The rule that decided.
    pub by: String,
}

impl<'a> Heard<'a> {
    pub fn nothing(line: &'a Line, new_agents: &'a [bool]) -> Heard<'a> {
        Heard { line, new_agents, roles_by_claim: Vec::new(), may_allow: None, may_refuse: None, by: String::new() }
    }

    /// Whether a condition that does not hold asks for what the record does not
    /// have.
    fn is_open(&self, word: &str) -> bool {
        match word {
            "claim" => true,
            "act" => !self.line.get("airgate.on_behalf_of").is_empty(),
            "user" => self.line.get("enduser.id").starts_with(PSEUDONYM),
            "email_domain" => self.line.get("enduser.email").starts_with(PSEUDONYM),
            _ => false,
        }
    }
}

/// How the record begins what stands for a name.
const PSEUDONYM: &str = "p.";

impl Trace for Heard<'_> {
    fn note(&mut self, note: Note<'_>) {
        match note {
            Note::Grant { index, role, who: Fit::No("claim") } => self.roles_by_claim.push((index, role)),
            Note::Agent { index, who: Fit::No(word), report_only: false, .. }
                if self.is_open(word) && self.new_agents.get(index) == Some(&true) =>
            {
                self.may_refuse.get_or_insert(format!("access.agents[{index}] asks for {word}"));
            }
            Note::Rule { name, then, what: Fit::Yes, who: Fit::No(word), .. } if self.is_open(word) => {
                let doubt = if then == Then::Allow { &mut self.may_allow } else { &mut self.may_refuse };
                doubt.get_or_insert(format!("the rule {name:?} asks for {word}"));
            }
            Note::Rule { name, then, outcome: RuleOutcome::Decides, .. } => {
                name.clone_into(&mut self.by);
                if then == Then::StepUp && self.line.get("airgate.rule") != name {
                    self.may_allow.get_or_insert(format!("the rule {name:?} asks how they signed in"));
                }
            }
            _ => {}
        }
    }
}
