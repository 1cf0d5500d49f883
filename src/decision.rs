//! What became of a request, in the words of records and metrics.

/// How the gateway decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It went on to Airbyte.
    Allow,
    /// It was refused.
    Deny,
    /// The gateway answered it itself, as it was asked to: a login, a page.
    Answer,
}

impl Decision {
    /// All of them.
    pub const ALL: [Decision; 3] = [Decision::Allow, Decision::Deny, Decision::Answer];

    /// The word in records and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Decision::Allow => "allow",
            Decision::Deny => "deny",
            Decision::Answer => "answer",
        }
    }

    /// What an answer of the gateway's own is, by its status.
    pub fn of_status(status: u16) -> Decision {
        if status >= 400 { Decision::Deny } else { Decision::Answer }
    }

    /// Every reason that there is for it, so that each has a counter before it
    /// first happens. A test finds those that are missing.
    pub fn reasons(self) -> &'static [&'static str] {
        match self {
            Decision::Allow => ALLOW,
            Decision::Deny => DENY,
            Decision::Answer => ANSWER,
        }
    }
}

/// Without a word of its own: a reason that nobody wrote down below.
pub const OTHER: &str = "other";

const ALLOW: &[&str] = &["public", "token", "role", "default_role", "rule", "report_only", OTHER];

const DENY: &[&str] = &[
    // What reaches no decision of ours.
    "proxy_refused",
    "client_gone",
    "host_failure",
    "overloaded",
    "too_many_by_caller",
    "too_many_by_address",
    "body_timeout",
    "body_unexpected",
    // Requests that can be read two ways.
    "bad_method",
    "no_path",
    "bad_authority",
    "bad_query",
    "content_encoding",
    "transfer_encoding",
    "content_type",
    "content_charset",
    "body_too_long",
    "body_out_of_reach",
    "answered_early",
    "path_not_absolute",
    "path_empty_segment",
    "path_dot_segment",
    "path_semicolon",
    "path_backslash",
    "path_encoded_slash",
    "path_encoded_backslash",
    "path_double_encoding",
    "path_bad_escape",
    "path_control_character",
    "path_forbidden_character",
    "path_not_utf8",
    "path_fragment",
    // Who is it?
    "no_credentials",
    "unsupported_scheme",
    "malformed_credentials",
    "session_ended",
    "provider_unavailable",
    "opaque_token",
    "token_too_long",
    "malformed",
    "unsupported_header",
    "algorithm_not_allowed",
    "unknown_issuer",
    "unknown_kid",
    "ambiguous_key",
    "bad_signature",
    "expired",
    "not_yet_valid",
    "issued_in_future",
    "wrong_audience",
    "wrong_kind",
    "wrong_client",
    "missing_claim",
    "bad_claim",
    "required_claim",
    "sender_constrained",
    // May they?
    "no_origin",
    "cross_site",
    "wrong_origin",
    "closed",
    "no_role",
    "low_role",
    "groups_overage",
    "rule_denied",
    "step_up_required",
    "agent_never",
    "agent_no_operation",
    "agent_operation",
    "agent_ids",
    "agent_budget",
    // The way to Airbyte.
    "no_airbyte_token",
    "airbyte_login_closed",
    "not_found",
    "wrong_token_url",
    // Logins.
    "login_denied",
    "login_lost",
    "step_up_unmet",
    "unknown_step_up",
    "login_code_refused",
    "login_client_refused",
    "login_refused",
    "login_bad_answer",
    "login_no_id_token",
    "login_wrong_nonce",
    "login_wrong_at_hash",
    "login_too_old",
    "login_wrong_subject",
    "session_too_large",
    "callback_malformed",
    "callback_doubled_parameter",
    "callback_no_state",
    "callback_bad_state",
    "callback_wrong_provider",
    "callback_unknown_provider",
    "callback_wrong_issuer",
    "callback_missing_issuer",
    "callback_no_code",
    // Sign-outs from elsewhere.
    "logout_token_missing",
    "logout_token_wrong_type",
    "logout_token_no_event",
    "logout_token_nonce",
    "logout_token_nobody",
    "logout_token_missing_claim",
    "logout_token_bad_claim",
    "logout_token_expired",
    "logout_token_in_future",
    // Tokens for machines.
    "invalid_request",
    "unsupported_grant_type",
    "invalid_client",
    "provider_too_many_requests",
    "provider_refused",
    OTHER,
];

const ANSWER: &[&str] = &[
    "health",
    "me",
    "choose_provider",
    "login_started",
    "step_up_started",
    "login_elsewhere",
    "signed_in",
    "confirm_sign_out",
    "signed_out",
    "signed_out_page",
    "backchannel_logout",
    "token_relayed",
    "airbyte_login_kept",
    OTHER,
];

#[cfg(not(target_arch = "wasm32"))]
#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::{Path, PathBuf};

    use super::*;

    fn sources(folder: &Path) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let (folders, files): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
        let inner = folders.iter().filter(|path| !path.ends_with("tests")).flat_map(|path| sources(path));
        let is_code = |path: &PathBuf| path.extension().is_some_and(|kind| kind == "rs") && !path.ends_with("tests.rs");
        files.into_iter().filter(is_code).chain(inner).collect()
    }

    /// The word that a text begins with, in quotes.
    fn quoted(text: &str) -> Option<&str> {
        let (word, _) = text.strip_prefix('"')?.split_once('"')?;
        is_reason(word).then_some(word)
    }

    fn is_reason(word: &str) -> bool {
        // `none` is a role in the configuration.
        let plain = word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
        plain && word.starts_with(|first: char| first.is_ascii_lowercase()) && word != "none"
    }

    /// Every reason that the code can give, by the few ways in which it does.
    fn given(code: &str) -> BTreeSet<String> {
        let code = code.split_whitespace().collect::<Vec<_>>().join(" ");
        let mut found = BTreeSet::new();
        for begin in ["BadRequest(", "Bad(", "refused(", "reason: "] {
            found.extend(code.split(begin).skip(1).filter_map(quoted).map(str::to_owned));
        }
        for end in [", waiter", ", Some(waiter)", ", None)"] {
            let before = code.split(end).filter_map(|text| text.strip_suffix('"')?.rsplit('"').next());
            found.extend(before.filter(|word| is_reason(word)).map(str::to_owned));
        }
        for name in ["fn reason(", "fn words("] {
            for body in code.split(name).skip(1) {
                let body = body.split(" fn ").next().unwrap();
                let arms = body.split("=> ").skip(1).map(|arm| arm.strip_prefix('(').unwrap_or(arm));
                found.extend(arms.filter_map(quoted).map(str::to_owned));
            }
        }
        found
    }

    #[test]
    fn every_reason_in_the_code_is_in_the_table() {
        let mut reasons = BTreeSet::new();
        for file in sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src")) {
            let text = std::fs::read_to_string(&file).unwrap();
            reasons.extend(given(text.split("#[cfg(test)]\nmod tests {").next().unwrap()));
        }
        let listed: BTreeSet<String> =
            Decision::ALL.iter().flat_map(|decision| decision.reasons()).map(|reason| (*reason).to_owned()).collect();
        assert!(reasons.len() > 80, "{reasons:?}");
        let missing: Vec<_> = reasons.difference(&listed).collect();
        assert!(missing.is_empty(), "in the code, not in the table: {missing:?}");
        // Those of the filters, of permits, and one that is chosen between two.
        let elsewhere = ["proxy_refused", "client_gone", "host_failure", "token", "step_up_started", OTHER];
        let unused: Vec<_> = listed.difference(&reasons).filter(|word| !elsewhere.contains(&word.as_str())).collect();
        assert!(unused.is_empty(), "in the table, not in the code: {unused:?}");
    }

    #[test]
    fn no_reason_is_listed_twice() {
        for decision in Decision::ALL {
            let reasons = decision.reasons();
            assert_eq!(reasons.iter().collect::<BTreeSet<_>>().len(), reasons.len(), "{decision:?}");
        }
    }
}
