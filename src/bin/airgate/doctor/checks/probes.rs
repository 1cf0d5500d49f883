//! How the gateway answers.

use crate::doctor::finding::Finding;

/// What a few harmless requests showed.
pub struct Probes {
    pub gateway: String,
    /// A request for the gateway's own health: its status, or why there is none.
    pub health: Result<u16, String>,
    /// A read of Airbyte's without credentials.
    pub stranger: Option<u16>,
    pub stay: Stay,
}

/// Whether a client is kept.
pub enum Stay {
    /// Not asked, and why.
    Unasked(String),
    /// No cookie came with the first answer.
    NoCookie,
    /// A cookie came; how many of so many requests that brought it were given another.
    Cookie { anew: usize, of: usize },
}

pub fn check(probes: &Probes) -> Vec<Finding> {
    let gateway = probes.gateway.as_str();
    let status = match &probes.health {
        Ok(200) => return [stranger(probes), kept(probes)].into_iter().flatten().collect(),
        Ok(status) => format!("the gateway answered {status} when asked for its health"),
        Err(error) => format!("the gateway could not be asked: {error}"),
    };
    let finding = Finding::error("gateway.health", format!("GET {gateway}/.airgate/health"), status)
        .because(
            "airgate answers this by itself with 200. Anything else: it is not there, not configured, or it crashed.",
        )
        .change("See that the URL is the gateway's, and look into Envoy's log for \"wasm\" and \"airgate\".");
    vec![finding]
}

fn stranger(probes: &Probes) -> Option<Finding> {
    let status = probes.stranger.filter(|status| (200..300).contains(status))?;
    let place = format!("GET {}{}", probes.gateway, super::super::probe::STRANGER);
    let finding = Finding::error("gateway.open", place, format!("a request without credentials was answered {status}"))
        .because("Whoever reaches the gateway reads what is in Airbyte.")
        .change(
            "Look at the findings on the filter and its routes, and at `public` and `access.operations` in \
                 airgate's configuration.",
        );
    Some(finding)
}

fn kept(probes: &Probes) -> Option<Finding> {
    let place = format!("GET {}", probes.gateway);
    match probes.stay {
        Stay::Cookie { anew: 0, .. } | Stay::Unasked(_) => None,
        Stay::NoCookie => Some(
            Finding::error("affinity.no-cookie", place, "the first answer set no affinity cookie")
                .because("The client has nothing by which it could be kept on its backend.")
                .change(
                    "See whether something between here and airgate, or a filter of Envoy's, removes \
                         Set-Cookie.",
                ),
        ),
        Stay::Cookie { anew, of } => Some(
            Finding::error(
                "affinity.not-honoured",
                place,
                format!(
                    "{anew} of {of} requests that brought their \
                                        affinity cookie were given another"
                ),
            )
            .because("The client moves to another backend each time that happens.")
            .change(
                "Give all replicas of the gateway the same affinity key, and see whether something \
                         removes the Cookie header.",
            ),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(health: Result<u16, String>, stranger: u16, stay: Stay) -> Vec<&'static str> {
        let probes = Probes { gateway: "https://airbyte.example.com".into(), health, stranger: Some(stranger), stay };
        check(&probes).iter().map(|finding| finding.id).collect()
    }

    #[test]
    fn each_broken_thing_is_found() {
        let kept = || Stay::Cookie { anew: 0, of: 3 };
        assert!(ids(Ok(200), 401, kept()).is_empty());
        assert!(ids(Ok(200), 302, Stay::Unasked("no token".into())).is_empty());
        assert_eq!(ids(Ok(503), 503, kept()), ["gateway.health"]);
        assert_eq!(ids(Err("refused".into()), 0, kept()), ["gateway.health"]);
        assert_eq!(ids(Ok(200), 200, kept()), ["gateway.open"]);
        assert_eq!(ids(Ok(200), 401, Stay::NoCookie), ["affinity.no-cookie"]);
        assert_eq!(ids(Ok(200), 401, Stay::Cookie { anew: 2, of: 3 }), ["affinity.not-honoured"]);
    }
}
