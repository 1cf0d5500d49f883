//! The report in words.

use super::finding::{Finding, Severity};
use super::report::Report;

const WIDTH: usize = 100;

/// The report in words.
pub fn words(report: &Report) -> String {
    let mut text = String::new();
    for (question, answer) in report.answers() {
        text.push_str(&format!("{question:<34}{answer}\n"));
    }
    for finding in &report.findings {
        text.push('\n');
        text.push_str(&paragraphs(finding));
    }
    if !report.unknown.is_empty() {
        text.push_str("\nnot looked at:\n");
        for unknown in &report.unknown {
            text.push_str(&wrapped("  ", "    ", unknown));
        }
    }
    text.push_str(&format!("\n{}\n", sum(report)));
    text
}

fn paragraphs(finding: &Finding) -> String {
    let title = format!("{} ({})", finding.what, finding.id);
    let mut text = wrapped(&format!("{}: ", finding.severity.name()), "  ", &title);
    text.push_str(&format!("  where   {}\n", finding.place));
    text.push_str(&wrapped("  why     ", "          ", finding.why));
    for (index, line) in finding.change.lines().enumerate() {
        text.push_str(if index == 0 { "  change  " } else { "          " });
        text.push_str(line);
        text.push('\n');
    }
    text
}

fn sum(report: &Report) -> String {
    let count = |severity, one: &str| match report.count(severity) {
        1 => format!("1 {one}"),
        count => format!("{count} {one}s"),
    };
    if report.findings.is_empty() {
        return "nothing found".to_owned();
    }
    format!(
        "{}, {}, {}",
        count(Severity::Error, "error"),
        count(Severity::Warning, "warning"),
        count(Severity::Note, "note")
    )
}

fn wrapped(first: &str, rest: &str, words: &str) -> String {
    let (mut text, mut line) = (String::new(), first.to_owned());
    let mut is_fresh = true;
    for word in words.split_whitespace() {
        if !is_fresh && line.chars().count().saturating_add(word.chars().count()) >= WIDTH {
            text.push_str(&line);
            text.push('\n');
            line = rest.to_owned();
            is_fresh = true;
        }
        if !is_fresh {
            line.push(' ');
        }
        line.push_str(word);
        is_fresh = false;
    }
    text + &line + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_reads_well() {
        let finding = Finding::error("timeouts.slow", ".configs[0]", "a slow call ends")
            .because("Because.")
            .change("timeout: 1800s\nidle_timeout: 1800s");
        let report = Report::new(vec![finding], vec!["the clock".to_owned()]);
        assert_eq!(
            words(&report),
            "Is a client kept on its backend?  yes\n\
             Are backends healthy?             yes\n\
             Do timeouts fit?                  no\n\n\
             error: a slow call ends (timeouts.slow)\n  where   .configs[0]\n  why     Because.\n  \
             change  timeout: 1800s\n          idle_timeout: 1800s\n\n\
             not looked at:\n  the clock\n\n1 error, 0 warnings, 0 notes\n"
        );
        assert!(words(&Report::new(vec![], vec![])).ends_with("\nnothing found\n"));
    }

    #[test]
    fn long_lines_are_wrapped() {
        let text = wrapped("a: ", "  ", &"word ".repeat(50));
        assert!(text.lines().count() == 3 && text.lines().all(|line| line.len() <= WIDTH), "{text}");
    }
}
