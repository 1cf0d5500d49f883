use std::collections::HashMap;

use super::*;
use crate::access::Role;
use crate::testing::test;

/// The table as people read it.
const WRITTEN: &str = include_str!("../operations.tsv");

pub(in crate::access) struct Row {
    pub method: &'static str,
    pub path: &'static str,
    pub name: &'static str,
    pub airbyte_role: &'static str,
    pub role: &'static str,
    pub effect: &'static str,
    pub slow: bool,
    pub preset: &'static str,
    pub reason: &'static str,
    pub agents: &'static str,
    pub why: &'static str,
}

pub(in crate::access) fn rows() -> Vec<Row> {
    let lines = WRITTEN.lines().filter(|line| !line.starts_with('#'));
    let rows: Vec<Row> = lines
        .map(|line| {
            let mut cells = line.split('\t');
            let mut cell = || cells.next().unwrap_or_default();
            Row {
                method: cell(),
                path: cell(),
                name: cell(),
                airbyte_role: cell(),
                role: cell(),
                effect: cell(),
                slow: cell() == "slow",
                preset: cell(),
                reason: cell(),
                agents: cell(),
                why: cell(),
            }
        })
        .collect();
    assert_eq!(rows.len(), 481);
    rows
}

/// The rule in the head of the table.
fn rule(row: &Row) -> &'static str {
    match (row.airbyte_role, row.effect) {
        ("reader" | "org_reader" | "org_member" | "anonymous", _) => "reader",
        ("runner", _) => "runner",
        ("editor" | "source_editor" | "destination_editor" | "source_or_destination_editor" | "org_editor", _) => {
            "editor"
        }
        ("dataplane_internal", _) => "closed",
        ("any_authenticated" | "self_or_instance_admin", "reads") => "reader",
        ("any_authenticated", _) => "editor",
        _ => "admin",
    }
}

/// Every operation whose role is not the one that the rule gives, and why it is
/// in the table.
const JUDGED: [(&str, &[&str]); 6] = [
    ("public", &["GET /api/v1/health", "GET /api/public/v1/health"]),
    ("reader", &["POST /api/v1/permissions/check", "POST /api/v1/permissions/check_multiple_workspaces"]),
    ("runner", &["POST /api/v1/destinations/discover_schema"]),
    (
        "editor",
        &[
            "POST /api/public/v1/jobs",
            "GET /api/public/v1/oauth/callback",
            "POST /api/v1/connections/refresh",
            "POST /api/v1/commands/run/spec",
            "POST /api/v1/connector_builder_assist/warm",
            "POST /api/v1/connector_builder_projects/complete_oauth",
            "POST /api/v1/connector_builder_projects/read_stream",
            "POST /api/v1/web_backend/connections/get",
        ],
    ),
    (
        "admin",
        &[
            "DELETE /api/public/v1/applications/{applicationId}",
            "DELETE /api/public/v1/workspaces/{workspaceId}",
            "GET /api/public/v1/applications",
            "GET /api/public/v1/applications/{applicationId}",
            "POST /api/public/v1/applications",
            "POST /api/v1/actor_definitions/update",
            "POST /api/v1/applications/create",
            "POST /api/v1/applications/delete",
            "POST /api/v1/applications/list",
            "POST /api/v1/attempt/save_stats",
            "POST /api/v1/attempt/save_stream_metadata",
            "POST /api/v1/destination_definitions/delete",
            "POST /api/v1/destination_definitions/update",
            "POST /api/v1/instance_configuration/setup",
            "POST /api/v1/source_definitions/delete",
            "POST /api/v1/source_definitions/update",
            "POST /api/v1/source_oauths/oauth_params/create",
            "POST /api/v1/user_invitations/accept",
            "POST /api/v1/user_invitations/cancel",
            "POST /api/v1/user_invitations/decline",
        ],
    ),
    (
        "closed",
        &[
            "POST /api/v1/dataplanes/create",
            "POST /api/v1/dataplanes/delete",
            "POST /api/v1/dataplanes/health",
            "POST /api/v1/dataplanes/list",
            "POST /api/v1/dataplanes/token",
            "POST /api/v1/dataplanes/update",
            "POST /api/v1/service_accounts/token",
            "POST /api/v1/sources/write_discover_catalog_result",
        ],
    ),
];

/// How many operations each role is asked for by, so that a rule cannot change
/// unseen.
const COUNTS: [(&str, usize); 6] =
    [("public", 2), ("reader", 161), ("runner", 9), ("editor", 111), ("admin", 180), ("closed", 18)];

#[test]
fn every_row_is_compiled_in() {
    let operations = Operations::builtin();
    let places: HashMap<&str, u16> =
        TABLE.lines().zip(0..).map(|(line, place)| (line.rsplitn(4, '\t').last().unwrap(), place)).collect();
    for row in rows() {
        let path = row.path.replace(['{', '}'], "");
        let expected = Operation {
            name: row.name.into(),
            effect: if row.effect == "reads" { Effect::Reads } else { Effect::Mutates },
            slow: row.slow,
            needs: Needs::named(row.role).unwrap(),
            impact: match row.preset {
                "destructive" => Impact::Destroys,
                "changes" => Impact::Changes,
                _ => Impact::None,
            },
            body: BodyQuestion::of(row.name),
            never_for_agents: row.agents == "never",
            row: Some(places[format!("{}\t{}\t{}", row.path, row.method, row.name).as_str()]),
            places: operations.find(row.method, &path).unwrap().places,
            has_set_role: false,
            certainty: Certainty::Certain,
        };
        assert_eq!(operations.find(row.method, &path), Some(&expected), "{} {path}", row.method);
    }
    assert_eq!(super::rows().count(), 481);
}

#[test]
fn every_place_of_an_id_is_compiled_in() {
    let operations = Operations::builtin();
    let table = include_str!("../operation_ids.tsv");
    let mut places = 0;
    for line in table.lines().filter(|line| !line.starts_with('#')) {
        let cells: Vec<&str> = line.split('\t').collect();
        let path = cells[1].replace(['{', '}'], "");
        let operation = operations.find(cells[0], &path).unwrap_or_else(|| panic!("{line}"));
        assert_eq!(operation.name, cells[2], "{line}");
        let expected: Vec<String> =
            cells.get(3).unwrap_or(&"").split(' ').filter(|place| !place.is_empty()).map(str::to_owned).collect();
        let compiled: Vec<_> = operation.places.unwrap().iter().collect();
        assert_eq!(compiled.len(), expected.len(), "{line}");
        for (place, written) in compiled.iter().zip(&expected) {
            let part = ["path", "query", "body"][place.part as usize];
            let kind = place.kind.map_or_else(
                || written.rsplit(':').next().unwrap().trim_end_matches('!').to_owned(),
                |kind| kind.name().to_owned(),
            );
            let required = if place.required { "!" } else { "" };
            assert_eq!(&format!("{part}:{}:{kind}{required}", place.name), written, "{line}");
            assert_eq!(place.kind.is_none(), !KINDS.contains(&kind.as_str()), "{line}");
        }
        places += compiled.len();
    }
    assert_eq!(places, PLACES);
}

/// The kinds that a policy lists, or that may be one of them.
const KINDS: [&str; 7] = ["workspace", "connection", "source", "destination", "actor", "scope", "any"];

/// How many places there are, so that none is lost unseen.
const PLACES: usize = 581;

#[test]
fn every_row_has_the_role_of_the_rule_or_a_reason() {
    let judged: HashMap<&str, &str> =
        JUDGED.iter().flat_map(|(role, list)| list.iter().map(|operation| (*operation, *role))).collect();
    let mut met = 0;
    for row in rows() {
        let operation = format!("{} {}", row.method, row.path);
        let expected = match judged.get(operation.as_str()) {
            Some(role) => {
                met += 1;
                assert_ne!(*role, rule(&row), "{operation}: the rule says so already");
                role
            }
            None => rule(&row),
        };
        assert_eq!(row.role, expected, "{operation}");
        assert_eq!(row.reason.is_empty(), row.role == rule(&row), "{operation}: {:?}", row.reason);
    }
    assert_eq!(met, judged.len(), "judged, but in no row");
    for (role, count) in COUNTS {
        assert_eq!(rows().iter().filter(|row| row.role == role).count(), count, "{role}");
    }
}

#[test]
fn every_row_that_no_agent_may_is_an_admins_or_has_a_reason() {
    for row in rows() {
        let operation = format!("{} {}", row.method, row.path);
        let admins = ["admin", "closed"].contains(&row.role);
        assert!(["", "never"].contains(&row.agents), "{operation}: {:?}", row.agents);
        assert_eq!(row.agents == "never", admins || !row.why.is_empty(), "{operation}");
        assert!(!admins || row.why.is_empty(), "{operation}: the rule says so already");
        // What the name gives away is judged one by one.
        let lower = row.name.to_lowercase();
        let telling = ["delete", "clear", "reset", "custom", "oauth", "secret", "permission", "application"];
        let judged = [
            // Reads, of oneself or masked.
            "checkPermissions",
            "checkPermissionsAcrossMultipleWorkspaces",
            "listPermissionsByUser",
        ];
        if row.method == "DELETE" && row.name != "publicCancelJob" || telling.iter().any(|word| lower.contains(word)) {
            assert!(row.agents == "never" || judged.contains(&row.name), "{operation}");
        }
    }
    assert_eq!(rows().iter().filter(|row| row.agents == "never").count(), 307);
}

/// What the web app asks for before it shows anything: the person, their
/// permissions, workspaces and organizations, and the instance.
const AT_LOAD: [&str; 20] = [
    "GET /api/v1/health",
    "GET /api/v1/instance_configuration",
    "GET /api/v1/web_backend/config",
    "POST /api/v1/deployment/metadata",
    "POST /api/v1/entitlements/get_entitlements",
    "POST /api/v1/organizations/get",
    "POST /api/v1/organizations/get_organization_info",
    "POST /api/v1/organizations/list_by_user_id",
    "POST /api/v1/organizations/list_summaries",
    "POST /api/v1/permissions/check",
    "POST /api/v1/permissions/list_by_user",
    "POST /api/v1/users/get",
    "POST /api/v1/users/get_by_auth_id",
    "POST /api/v1/users/get_or_create_by_auth_id",
    "POST /api/v1/web_backend/check_updates",
    "POST /api/v1/web_backend/workspace/state",
    "POST /api/v1/workspaces/get",
    "POST /api/v1/workspaces/get_organization_info",
    "POST /api/v1/workspaces/list_by_user_id",
    "POST /api/v1/workspaces/list_paginated",
];

#[test]
fn a_reader_can_load_the_web_app() {
    let operations = Operations::builtin();
    for operation in AT_LOAD {
        let (method, path) = operation.split_once(' ').unwrap();
        let needs = operations.find(method, path).unwrap_or_else(|| panic!("{operation}")).needs;
        assert!(matches!(needs, Needs::Nothing | Needs::Role(Role::Reader)), "{operation} {needs:?}");
    }
}

#[test]
fn what_is_not_in_the_list_is_no_operation() {
    let operations = Operations::builtin();
    for (method, path) in [
        ("GET", "/api/v1/connections/sync"),
        ("POST", "/api/v1/connections/syncs"),
        ("POST", "/API/v1/connections/sync"),
        ("post", "/api/v1/connections/sync"),
        ("GET", "/api/public/v1/jobs/1/2"),
        ("GET", "/"),
        ("GET", ""),
    ] {
        assert_eq!(operations.find(method, path), None, "{method} {path}");
    }
}

#[test]
fn the_long_calls_people_complain_about_are_slow() {
    let operations = Operations::builtin();
    for (method, path) in [
        ("POST", "/api/v1/sources/discover_schema"),
        ("POST", "/api/v1/connections/sync"),
        ("POST", "/api/public/v1/connections"),
        ("GET", "/api/public/v1/streams"),
    ] {
        assert!(operations.find(method, path).unwrap().slow, "{method} {path}");
    }
    assert!(!operations.find("GET", "/api/public/v1/connections").unwrap().slow);
}

/// Operations that mutate by name and leave nothing changed: they start, stop or
/// check work, or answer a question.
const ONLY_START: [&str; 35] = [
    "applicationTokenRequest",
    "assistV1Process",
    "assistV1Warm",
    "cancelCommand",
    "cancelJob",
    "checkConnectionToDestination",
    "checkConnectionToDestinationForUpdate",
    "checkConnectionToSource",
    "checkConnectionToSourceForUpdate",
    "checkDataWorkerCapacity",
    "checkDomainVerification",
    "checkPermissions",
    "checkPermissionsAcrossMultipleWorkspaces",
    "createJob",
    "didPreviousJobSucceed",
    "discoverCatalogForDestination",
    "discoverSchemaForSource",
    "evaluateOutlier",
    "executeDestinationCheckConnection",
    "executeSourceCheckConnection",
    "executeSourceDiscoverSchema",
    "fullResolveManifest",
    "generateDiagnosticReport",
    "publicCancelJob",
    "publicGetAccessToken",
    "readStream",
    "resolveManifest",
    "runCheckCommand",
    "runDiscoverCommand",
    "runReplicateCommand",
    "runSpecCommand",
    "syncConnection",
    "tryNotificationConfig",
    "tryNotificationWebhookConfig",
    "webBackendValidateMappers",
];

/// Operations that destroy something without saying so in their name.
const DESTROYING: [&str; 15] = [
    "clearConnection",
    "clearConnectionStream",
    "createOrUpdateState",
    "createOrUpdateStateSafe",
    "patchConnection",
    "publicCreateJob",
    "publicRemoveGroupMember",
    "refreshConnectionStream",
    "removeGroupMember",
    "resetConnection",
    "resetConnectionStream",
    "revokeSourceOAuthTokens",
    "updateConnection",
    "updateConnectionWithReason",
    "webBackendUpdateConnection",
];

#[test]
fn every_operation_that_changes_something_is_in_a_preset() {
    for row in rows() {
        let is_delete = row.name.starts_with("delete") || row.name.starts_with("publicDelete");
        let expected = match row.effect {
            "reads" => "",
            _ if is_delete || DESTROYING.contains(&row.name) => "destructive",
            _ if ONLY_START.contains(&row.name) => "",
            _ => "changes",
        };
        assert_eq!(row.preset, expected, "{}", row.name);
    }
    let count = |preset: &str| rows().iter().filter(|row| row.preset == preset).count();
    assert_eq!((count("destructive"), count("changes")), (57, 161));
}
