//! Virtual hosts and their routes.

use super::Sample;
use crate::doctor::node::Node;

/// A virtual host.
pub struct Host<'a> {
    domains: Vec<&'a str>,
    pub routes: Vec<Route<'a>>,
}

/// A route.
pub struct Route<'a> {
    pub node: Node<'a>,
    /// Its `route`: absent where it redirects or answers itself.
    pub action: Node<'a>,
    host: Node<'a>,
    configuration: Node<'a>,
}

/// All routes of a route configuration.
pub fn routes<'a>(configuration: &Node<'a>) -> Vec<Host<'a>> {
    let route = |host: &Node<'a>, node: Node<'a>| Route {
        action: node.get("route"),
        node,
        host: host.clone(),
        configuration: configuration.clone(),
    };
    let host = |host: &Node<'a>| Host {
        domains: host.get("domains").items().iter().map(Node::word).collect(),
        routes: host.get("routes").items().into_iter().map(|node| route(host, node)).collect(),
    };
    configuration.get("virtual_hosts").items().iter().map(host).collect()
}

/// Where an action leads: of a route, or of a TCP proxy.
pub fn clusters<'a>(action: &Node<'a>) -> Vec<&'a str> {
    let weighted = action.at(&["weighted_clusters", "clusters"]).items();
    let named = weighted.iter().filter_map(|cluster| cluster.get("name").text());
    action.get("cluster").text().into_iter().chain(named).collect()
}

impl Host<'_> {
    /// How well this host fits a name: exactly, by its ending, whatever the name, not at all.
    pub fn fits(&self, name: &str) -> u8 {
        let bare = name.rsplit_once(':').map_or(name, |(bare, _)| bare);
        let fit = |domain: &&str| match domain.strip_prefix('*') {
            None if *domain == name || *domain == bare => 3,
            Some("") => 1,
            Some(end) if name.ends_with(end) || bare.ends_with(end) => 2,
            _ => 0,
        };
        self.domains.iter().map(fit).max().unwrap_or_default()
    }
}

impl<'a> Route<'a> {
    pub fn clusters(&self) -> Vec<&'a str> {
        clusters(&self.action)
    }

    pub fn name(&self) -> &'a str {
        self.node.get("name").text().unwrap_or("without a name")
    }

    /// Whether a filter stands before this route. The innermost word on it counts.
    pub fn is_filtered_by(&self, filter: &str, disabled: bool) -> bool {
        let word = |node: &Node<'a>| {
            let own = node.get("typed_per_filter_config").get(filter);
            own.is_there().then(|| !own.get("disabled").is_true())
        };
        word(&self.node).or_else(|| word(&self.host)).or_else(|| word(&self.configuration)).unwrap_or(!disabled)
    }

    /// Its retry policy, or its host's.
    pub fn retries(&self) -> Node<'a> {
        self.action.get("retry_policy").or(self.host.get("retry_policy"))
    }

    /// Whether it demands this header.
    pub fn demands(&self, header: &str) -> bool {
        self.matcher(header).is_some()
    }

    /// The very value that it demands of this header.
    pub fn demanded(&self, header: &str) -> Option<&'a str> {
        let matcher = self.matcher(header)?;
        matcher.at(&["string_match", "exact"]).or(matcher.get("exact_match")).text()
    }

    fn matcher(&self, header: &str) -> Option<Node<'a>> {
        let is_it = |matcher: &Node<'a>| {
            matcher.get("name").word().eq_ignore_ascii_case(header)
                && !matcher.get("invert_match").is_true()
                && matcher.get("present_match").value() != Some(&serde_json::Value::Bool(false))
        };
        self.node.at(&["match", "headers"]).items().into_iter().find(is_it)
    }

    /// Whether it takes a request. `None`: that depends on more than we judge, such as a regular expression.
    pub fn takes(&self, sample: &Sample) -> Option<bool> {
        let matcher = self.node.get("match");
        let mut sure = true;
        for part in headers(&matcher, sample).into_iter().chain([path(&matcher, sample.path)]) {
            match part {
                Some(true) => {}
                Some(false) => return Some(false),
                None => sure = false,
            }
        }
        const BEYOND: [&str; 7] = [
            "query_parameters",
            "cookies",
            "grpc",
            "runtime_fraction",
            "tls_context",
            "dynamic_metadata",
            "filter_state",
        ];
        (sure && !BEYOND.iter().any(|key| matcher.get(key).is_there())).then_some(true)
    }
}

fn path(matcher: &Node<'_>, path: &str) -> Option<bool> {
    let under = |prefix: &str| path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    if let Some(prefix) = matcher.get("prefix").text() {
        Some(path.starts_with(prefix))
    } else if let Some(exact) = matcher.get("path").text() {
        Some(path == exact)
    } else if let Some(prefix) = matcher.get("path_separated_prefix").text() {
        Some(under(prefix))
    } else {
        // Anything else could be a regular expression.
        matches!(matcher.at(&["safe_regex", "regex"]).text(), Some(".*" | "/.*" | "^.*$" | "^/.*$")).then_some(true)
    }
}

fn headers(matcher: &Node<'_>, sample: &Sample) -> Vec<Option<bool>> {
    let judge = |header: &Node<'_>| {
        let value = sample.header(header.get("name").word());
        let holds = header_holds(header, value)?;
        Some(holds != header.get("invert_match").is_true())
    };
    matcher.get("headers").items().iter().map(judge).collect()
}

fn header_holds(header: &Node<'_>, value: Option<&str>) -> Option<bool> {
    if let Some(present) = header.get("present_match").value() {
        return Some(present.as_bool() == Some(value.is_some()));
    }
    let test = header.get("string_match");
    let said = |key: &str, old: &str| test.get(key).text().or(header.get(old).text());
    let exact = said("exact", "exact_match").map(|text| value == Some(text));
    let on = |judge: fn(&str, &str) -> bool| move |text: &str| value.is_some_and(|value| judge(value, text));
    exact
        .or(said("prefix", "prefix_match").map(on(|value, text| value.starts_with(text))))
        .or(said("suffix", "suffix_match").map(on(|value, text| value.ends_with(text))))
        .or(said("contains", "contains_match").map(on(|value, text| value.contains(text))))
        // With nothing but a name the header has to be there. What is left are numbers and regular expressions, which
        // an absent header does not match either.
        .or(if value.is_none() { Some(false) } else { None })
        .or(is_bare(header).then_some(true))
}

fn is_bare(header: &Node<'_>) -> bool {
    ["string_match", "safe_regex_match", "range_match"].iter().all(|key| !header.get(key).is_there())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    const READ: Sample = Sample { class: "api", method: "POST", path: "/api/v1/connections/get", repeatable: true };

    fn takes(matcher: Value) -> Option<bool> {
        let configuration = json!({"virtual_hosts": [{"routes": [{"match": matcher}]}]});
        let hosts = routes(&Node::root(&configuration));
        hosts[0].routes[0].takes(&READ)
    }

    #[test]
    fn paths_match_as_envoy_matches_them() {
        for (matcher, expected) in [
            (json!({"prefix": "/"}), Some(true)),
            (json!({"prefix": "/api/public/"}), Some(false)),
            (json!({"path": "/api/v1/connections/get"}), Some(true)),
            (json!({"path_separated_prefix": "/api/v1"}), Some(true)),
            (json!({"path_separated_prefix": "/api/v"}), Some(false)),
            (json!({"safe_regex": {"regex": ".*"}}), Some(true)),
            (json!({"safe_regex": {"regex": "/api/.*"}}), None),
            (json!({"prefix": "/", "query_parameters": [{"name": "x"}]}), None),
            (json!({}), None),
        ] {
            assert_eq!(takes(matcher.clone()), expected, "{matcher}");
        }
    }

    #[test]
    fn headers_match_as_envoy_matches_them() {
        for (header, expected) in [
            (json!({"name": "X-Airgate-Route", "string_match": {"exact": "api"}}), Some(true)),
            (json!({"name": "x-airgate-route", "string_match": {"exact": "slow"}}), Some(false)),
            (json!({"name": "x-airgate-route", "exact_match": "slow", "invert_match": true}), Some(true)),
            (json!({"name": "x-airgate-route", "present_match": true}), Some(true)),
            (json!({"name": "x-airgate-upstream", "present_match": true}), Some(false)),
            (json!({"name": "x-airgate-upstream", "present_match": false}), Some(true)),
            (json!({"name": "x-airgate-retry"}), Some(true)),
            (json!({"name": "x-other"}), Some(false)),
            (json!({"name": ":path", "string_match": {"prefix": "/api"}}), Some(true)),
            (json!({"name": ":path", "string_match": {"safe_regex": {"regex": "x"}}}), None),
            (json!({"name": "x-other", "string_match": {"safe_regex": {"regex": "x"}}}), Some(false)),
        ] {
            assert_eq!(takes(json!({"prefix": "/", "headers": [header]})), expected, "{header}");
        }
    }

    #[test]
    fn the_host_that_fits_best() {
        let host = |domain| Host { domains: vec![domain], routes: Vec::new() };
        for (domain, fit) in [("*", 1), ("*.example.com", 2), ("a.example.com", 3), ("a.example.com:8443", 3), ("b", 0)]
        {
            assert_eq!(host(domain).fits("a.example.com:8443"), fit, "{domain}");
        }
    }
}
