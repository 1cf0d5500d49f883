//! Does everybody read a path and a header's name in the same way?

use crate::doctor::facts::{Facts, Manager};
use crate::doctor::finding::Finding;
use crate::doctor::node::Node;

const WHY: &str = "airgate refuses ambiguous paths itself, but routes and filters before it read what Envoy reads: one \
                   reading for all is one mistake less.";

pub fn check(facts: &Facts<'_>) -> Vec<Finding> {
    facts.gateways().flat_map(|(manager, _)| judge(manager)).collect()
}

fn judge(manager: &Manager<'_>) -> Vec<Finding> {
    let get = |key: &str| manager.node.get(key);
    let finding = |id, place: Node<'_>, what: &str, change: &str| {
        let what = format!("listener {} {what}", manager.listener);
        Finding::warning(id, &place, what).because(WHY).change(change)
    };
    let mut findings = Vec::new();
    let (normalize, merge) = (get("normalize_path"), get("merge_slashes"));
    if !normalize.is_true() {
        findings.push(finding(
            "paths.normalize",
            normalize,
            "does not resolve . and .. in paths",
            "normalize_path: true",
        ));
    }
    if !merge.is_true() {
        findings.push(finding("paths.slashes", merge, "keeps // in paths", "merge_slashes: true"));
    }
    let escaped = get("path_with_escaped_slashes_action");
    if !matches!(escaped.text(), Some("REJECT_REQUEST" | "UNESCAPE_AND_REDIRECT" | "UNESCAPE_AND_FORWARD")) {
        let change = "path_with_escaped_slashes_action: REJECT_REQUEST";
        findings.push(finding("paths.escaped-slashes", escaped, "keeps %2F and %5C in paths", change));
    }
    let underscores = manager.node.at(&["common_http_protocol_options", "headers_with_underscores_action"]);
    if !matches!(underscores.text(), Some("REJECT_REQUEST" | "DROP_HEADER")) {
        let change = "common_http_protocol_options:\n  headers_with_underscores_action: REJECT_REQUEST";
        let what = "takes header names with an underscore";
        let why = "x_airgate_user and x-airgate-user are one header to some servers.";
        findings.push(finding("paths.underscores", underscores, what, change).because(why));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Envoy, is};
    use serde_json::json;

    #[test]
    fn each_broken_thing_is_found() {
        is(&Envoy::sound().set("/manager/normalize_path", json!(false)), &["paths.normalize"]);
        is(&Envoy::sound().set("/manager/merge_slashes", json!(null)), &["paths.slashes"]);
        let escaped = json!("KEEP_UNCHANGED");
        is(&Envoy::sound().set("/manager/path_with_escaped_slashes_action", escaped), &["paths.escaped-slashes"]);
        is(&Envoy::sound().set("/manager/common_http_protocol_options", json!({})), &["paths.underscores"]);
    }
}
