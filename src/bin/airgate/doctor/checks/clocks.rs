//! Do the gateway's clock and the provider's agree?

use crate::doctor::facts::Provider;
use crate::doctor::finding::Finding;

/// `Date` counts whole seconds on both sides, and answers take their time.
const UNKNOWN: f64 = 3.0;

/// Clocks against ours, in seconds.
pub struct Clocks {
    pub gateway: f64,
    pub provider: f64,
}

pub fn check(clocks: &Clocks, provider: &Provider) -> Option<Finding> {
    let ahead = clocks.gateway - clocks.provider;
    let apart = ahead.abs();
    let which = if ahead > 0.0 { "ahead of" } else { "behind" };
    let what = format!("the gateway's clock is {apart:.0} s {which} that of {}", provider.issuer);
    let finding = if apart > provider.leeway + UNKNOWN {
        Finding::error("clocks.apart", provider.issuer.as_str(), what)
    } else if apart > UNKNOWN + 2.0 {
        Finding::warning("clocks.apart", provider.issuer.as_str(), what)
    } else {
        return None;
    };
    let why = "Beyond the leeway (60 s, unless configured) tokens are not valid yet, or no longer, and nobody \
               gets in.";
    Some(finding.because(why).change("Set the clocks by NTP, on the gateway's machine first."))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::finding::Severity;

    #[test]
    fn clocks_are_compared_with_each_other() {
        let provider = Provider { issuer: "https://idp.example.com".into(), clusters: vec![], leeway: 60.0 };
        for (gateway, theirs, severity) in [
            (0.0, 0.0, None),
            (3600.0, 3599.0, None),
            (0.0, 20.0, Some(Severity::Warning)),
            (-50.0, 50.0, Some(Severity::Error)),
            (3600.0, 0.0, Some(Severity::Error)),
        ] {
            let found = check(&Clocks { gateway, provider: theirs }, &provider);
            assert_eq!(found.map(|finding| finding.severity), severity, "{gateway} {theirs}");
        }
    }
}
