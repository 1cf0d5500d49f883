//! Do timeouts fit? Airbyte's long calls are POSTs that say nothing for minutes.

use std::time::Duration;

use crate::doctor::facts::{Facts, Manager, Route, SAMPLES, Sample};
use crate::doctor::finding::Finding;

const SLOW: Duration = Duration::from_secs(1800);
/// Airbyte gives up after 300 s, and its own answer should win.
const BUILDER: Duration = Duration::from_secs(300);
/// For everything else: about 60 s.
const SHORTEST: Duration = Duration::from_secs(55);
/// Airbyte's server reads no longer than this.
const LONGEST: Duration = Duration::from_secs(600);

pub fn check(facts: &Facts<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut slowest = None;
    for (manager, _) in facts.gateways() {
        for sample in &SAMPLES {
            for route in manager.routes_of(sample).into_iter().filter(|route| route.action.is_there()) {
                for found in judge(manager, route, sample) {
                    // Several samples may take one route: one line of it is wrong, not several.
                    if !findings.iter().any(|known: &Finding| known.place == found.place) {
                        findings.push(found);
                    }
                }
                if sample.class == "slow" {
                    slowest = slowest.max(Some(manager.timeout(route).unwrap_or(Duration::MAX).min(SLOW)));
                }
            }
        }
    }
    findings.sort_by_key(|finding| finding.severity);
    findings.extend(slowest.zip(facts.drain_time).and_then(|(slowest, drain)| drained(slowest, drain)));
    findings
}

fn judge(manager: &Manager<'_>, route: &Route<'_>, sample: &Sample) -> Vec<Finding> {
    let limits = [
        ("timeout", route.action.get("timeout"), manager.timeout(route)),
        ("idle_timeout", route.action.get("idle_timeout"), manager.idle_timeout(route)),
    ];
    let judged = limits.into_iter().filter_map(|(key, place, limit)| {
        let takes = format!("{} (class {}) takes route {}", sample.name(), sample.class, route.name());
        let ends = |limit| match key {
            "timeout" => format!("{takes}, which ends it after {}", humantime::format_duration(limit)),
            _ => format!("{takes}, which ends it after {} of silence", humantime::format_duration(limit)),
        };
        let short = |finding: Finding, least: &str| finding.because(CUT).change(format!("{key}: {least}"));
        match (sample.class, limit) {
            ("slow", Some(limit)) if limit < SLOW => {
                Some(short(Finding::error("timeouts.slow", &place, ends(limit)), "1800s"))
            }
            ("builder", Some(limit)) if limit < BUILDER => {
                Some(short(Finding::error("timeouts.builder", &place, ends(limit)), "330s"))
            }
            ("slow" | "builder", _) => None,
            (_, Some(limit)) if limit < SHORTEST => {
                Some(short(Finding::warning("timeouts.short", &place, ends(limit)), "60s"))
            }
            (_, limit) if limit.is_none_or(|limit| limit > LONGEST) => {
                let long = limit.map_or("for ever".to_owned(), |limit| humantime::format_duration(limit).to_string());
                let what = format!("{takes}, whose {key} lets it hang {long}");
                Some(Finding::warning("timeouts.long", &place, what).because(HANGS).change(format!("{key}: 60s")))
            }
            _ => None,
        }
    });
    judged.collect()
}

const CUT: &str = "The client gets 504 while Airbyte still works on it, and asks again: the most reported trouble with \
                   proxies before Airbyte. Discovery and checks start pods, which takes minutes; the connector builder \
                   gives up by itself after 300 s; all else is done in a minute.";
const HANGS: &str = "A replica that hangs holds its clients, and their connections, for as long.";

fn drained(slowest: Duration, drain: Duration) -> Option<Finding> {
    (drain < slowest).then(|| {
        let what = format!(
            "Envoy drains for {}, and slow calls may take {}",
            humantime::format_duration(drain),
            humantime::format_duration(slowest)
        );
        Finding::warning("timeouts.drain", "/server_info: command_line_options.drain_time", what)
            .because("What still runs when the time is over is cut: at each reload of a listener, at each restart.")
            .change("envoy --drain-time-s 1860 --parent-shutdown-time-s 1920")
    })
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Envoy, is};
    use serde_json::json;

    #[test]
    fn each_broken_thing_is_found() {
        is(&Envoy::sound().set("/routes/0/route/timeout", json!("60s")), &["timeouts.slow"]);
        is(&Envoy::sound().set("/routes/0/route/idle_timeout", json!(null)), &["timeouts.slow"]);
        is(&Envoy::sound().set("/routes/0/route/timeout", json!("0s")), &[]);
        let total = Envoy::sound().set("/manager/common_http_protocol_options/max_stream_duration", json!("90s"));
        is(&total, &["timeouts.slow", "timeouts.builder"]);
        is(&Envoy::sound().set("/routes/1/route/timeout", json!("60s")), &["timeouts.builder"]);
        is(&Envoy::sound().set("/routes/2/route/timeout", json!(null)), &["timeouts.short"]);
        is(&Envoy::sound().set("/routes/2/route/timeout", json!("0s")), &["timeouts.long"]);
        is(&Envoy::sound().set("/manager/stream_idle_timeout", json!("5s")), &["timeouts.short"]);
        is(&Envoy::sound().set("/server/command_line_options/drain_time", json!("600s")), &["timeouts.drain"]);
    }

    #[test]
    fn a_slow_call_that_takes_another_route_is_found() {
        let slow = json!({"name": "x-airgate-route", "string_match": {"exact": "slow"}});
        let only_public = json!({"prefix": "/api/public/", "headers": [slow]});
        is(&Envoy::sound().set("/routes/0/match", only_public), &["timeouts.slow", "timeouts.slow"]);
    }
}
