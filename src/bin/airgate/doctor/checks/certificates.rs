//! Are certificates near their end?

use std::time::{Duration, SystemTime};

use crate::doctor::facts::Facts;
use crate::doctor::finding::Finding;
use crate::doctor::node::Node;

const SOON: Duration = Duration::from_secs(14 * 24 * 3600);

pub fn check(facts: &Facts<'_>) -> Vec<Finding> {
    let ours = facts.certificates.iter().flat_map(|entry| entry.get("cert_chain").items());
    let mut findings: Vec<Finding> = ours.filter_map(|one| judge(&one, facts.now)).collect();
    // A certificate may be in several listeners.
    findings.dedup_by(|one, other| one.what == other.what);
    findings
}

fn judge(certificate: &Node<'_>, now: SystemTime) -> Option<Finding> {
    let time = |key: &str| humantime::parse_rfc3339(certificate.get(key).text()?).ok();
    let (begins, ends) = (time("valid_from")?, time("expiration_time")?);
    let name = name(certificate);
    let place = || "/certs".to_owned() + certificate.path();
    let change = "Renew it, and see to it that what renews it runs.";
    let why = "Clients refuse to talk to a gateway whose certificate is not valid.";
    let Ok(left) = ends.duration_since(now) else {
        let what = format!("the certificate {name} ended on {}", date(ends));
        return Some(Finding::error("certificates.ended", place(), what).because(why).change(change));
    };
    if begins > now {
        let what = format!("the certificate {name} is valid only from {}", date(begins));
        return Some(
            Finding::error("certificates.ended", place(), what).because(why).change("Use it later, or set the clock."),
        );
    }
    // Short-lived ones are renewed later.
    let lifetime = ends.duration_since(begins).unwrap_or_default();
    (left < SOON.min(lifetime.mul_f64(0.25))).then(|| {
        let what = format!("the certificate {name} ends on {}", date(ends));
        Finding::warning("certificates.ending", place(), what).because(why).change(change)
    })
}

fn name(certificate: &Node<'_>) -> String {
    let names = certificate.get("subject_alt_names").items();
    let first = names.first().and_then(|name| name.get("dns").text().or(name.get("ip_address").text()));
    let serial = certificate.get("serial_number").word();
    first
        .map_or_else(|| format!("with serial number {serial}"), |first| format!("for {first} (serial number {serial})"))
}

fn date(time: SystemTime) -> String {
    humantime::format_rfc3339_seconds(time).to_string()
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Envoy, is};
    use serde_json::json;

    #[test]
    fn each_broken_thing_is_found() {
        // It is 2026-08-01 there.
        for (begins, ends, found) in [
            ("2026-07-01", "2026-09-29", &[] as &[&str]),
            ("2026-06-01", "2026-08-14", &["certificates.ending"]),
            ("2026-07-28", "2026-08-03", &[]),
            ("2026-05-01", "2026-07-31", &["certificates.ended"]),
            ("2026-08-02", "2026-10-31", &["certificates.ended"]),
        ] {
            let chain = json!([{"subject_alt_names": [{"dns": "localhost"}],
                "valid_from": format!("{begins}T00:00:00Z"),
                "expiration_time": format!("{ends}T00:00:00Z")}]);
            is(&Envoy::sound().set("/certificates/0/cert_chain", chain), found);
        }
        is(&Envoy::sound().set("/certificates/0/cert_chain", json!([{"valid_from": "once"}])), &[]);
    }
}
