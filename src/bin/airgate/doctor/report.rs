//! What was found, as a whole.

use serde_json::{Value, json};

use super::finding::{Finding, Severity};

/// What was found, as a whole.
pub struct Report {
    /// The worst first.
    pub findings: Vec<Finding>,
    /// What could not be looked at, and why.
    pub unknown: Vec<String>,
}

/// What people ask first, and the findings that answer it.
const QUESTIONS: [(&str, &str); 3] = [
    ("Is a client kept on its backend?", "affinity."),
    ("Are backends healthy?", "backends."),
    ("Do timeouts fit?", "timeouts."),
];

impl Report {
    pub fn new(mut findings: Vec<Finding>, unknown: Vec<String>) -> Report {
        findings.sort_by_key(|finding| finding.severity);
        Report { findings, unknown }
    }

    pub fn count(&self, severity: Severity) -> usize {
        self.findings.iter().filter(|finding| finding.severity == severity).count()
    }

    /// Each question with `yes`, `no`, `partly` or `unknown`.
    pub fn answers(&self) -> Vec<(&'static str, &'static str)> {
        let missing = self.findings.iter().any(|finding| finding.id == "gateway.missing");
        let answer = |family: &str| {
            let worst = self.findings.iter().find(|finding| finding.id.starts_with(family));
            match worst.map(|finding| finding.severity) {
                _ if missing => "unknown",
                Some(Severity::Error) => "no",
                Some(Severity::Warning) => "partly",
                Some(Severity::Note) | None => "yes",
            }
        };
        QUESTIONS.iter().map(|(question, family)| (*question, answer(family))).collect()
    }

    pub fn json(&self) -> Value {
        let answers =
            self.answers().into_iter().map(|(question, answer)| json!({"question": question, "answer": answer}));
        json!({
            "questions": answers.collect::<Vec<_>>(),
            "findings": self.findings.iter().map(Finding::json).collect::<Vec<_>>(),
            "not_looked_at": self.unknown,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_are_answered_by_the_worst_finding() {
        let findings = vec![
            Finding::note("clients.hops", "", ""),
            Finding::warning("timeouts.long", "", ""),
            Finding::warning("backends.down", "", ""),
            Finding::error("timeouts.slow", "", ""),
        ];
        let report = Report::new(findings, vec![]);
        let answers: Vec<_> = report.answers().into_iter().map(|(_, answer)| answer).collect();
        assert_eq!(answers, ["yes", "partly", "no"]);
        assert_eq!(report.findings.first().unwrap().id, "timeouts.slow");
        let nothing = Report::new(vec![Finding::error("gateway.missing", "", "")], vec![]);
        assert!(nothing.answers().iter().all(|(_, answer)| *answer == "unknown"));
    }
}
