//! Operations whose meaning depends on their body or query.
//!
//! Reads members and parameters as strictly as Airbyte could: the lenient reading
//! of an operation holds only where every reader agrees on it.

use serde_json::{Map, Value};

use super::{Effect, Impact, Needs, Operation, Role};
use crate::http::read_query;

/// What has to be known of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyQuestion {
    /// `jobType`: `sync` and `refresh` start a job; `clear` and `reset` destroy
    /// data.
    JobType,
    /// `withRefreshedCatalog`: whether a discovery is started, which takes
    /// minutes.
    RefreshedCatalog,
    /// `refreshMode`: `Merge` keeps what was synced, `Truncate` replaces it.
    RefreshMode,
    /// `status`: `deprecated` deletes the connection.
    Status,
    /// The same in `connectionUpdate`.
    InnerStatus,
    /// The same; and `syncCatalog` without `skipReset`, which can reset streams.
    StatusAndCatalog,
}

/// Whether it is known what the body and the query of a request decide.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Certainty {
    /// It is.
    Certain,
    /// They may say anything. What speaks against the request counts.
    Unread,
    /// The body has not come. What speaks for the request counts.
    Awaited,
}

impl BodyQuestion {
    /// The longest body that is parsed, in bytes.
    pub const LIMIT: usize = 64 * 1024;

    /// What has to be known for an operation of Airbyte's list.
    pub(super) fn of(operation: &str) -> Option<BodyQuestion> {
        match operation {
            "publicCreateJob" => Some(BodyQuestion::JobType),
            "webBackendGetConnection" => Some(BodyQuestion::RefreshedCatalog),
            "refreshConnectionStream" => Some(BodyQuestion::RefreshMode),
            "updateConnection" | "patchConnection" => Some(BodyQuestion::Status),
            "updateConnectionWithReason" => Some(BodyQuestion::InnerStatus),
            "webBackendUpdateConnection" => Some(BodyQuestion::StatusAndCatalog),
            _ => None,
        }
    }

    /// Whether the answer decides the role that is needed. Otherwise only rules
    /// with a preset depend on it.
    fn decides_role(self) -> bool {
        matches!(self, BodyQuestion::JobType | BodyQuestion::RefreshedCatalog | BodyQuestion::RefreshMode)
    }
}

impl Operation {
    /// Whether the role that it needs depends on its body.
    pub(super) fn wants_body_for_role(&self) -> bool {
        !self.has_set_role && self.body.is_some_and(BodyQuestion::decides_role)
    }

    /// Whether body or query decide what it is, so that the table does not say all.
    pub(super) fn depends_on_content(&self) -> bool {
        BodyQuestion::of(&self.name).is_some() || self.name == DISCOVERING_GET
    }

    /// The operation once its body is known; `None`: it is too long, or cannot be
    /// read in one way only. Then the stricter reading stays, which is the table's.
    pub(crate) fn by_body(mut self, body: Option<&Value>) -> Operation {
        let Some(question) = self.body.take() else {
            return self;
        };
        match body.and_then(Value::as_object) {
            Some(members) => self.relax(question, members),
            None => {
                self.certainty = Certainty::Unread;
                self.slow |= question == BodyQuestion::RefreshedCatalog;
            }
        }
        self
    }

    /// The operation as the body that asks least would have it.
    pub(super) fn at_best(&self) -> Operation {
        let mut operation = self.clone();
        match operation.body.take() {
            None => return operation,
            Some(BodyQuestion::JobType | BodyQuestion::RefreshMode) => operation.set_start_only(),
            Some(BodyQuestion::RefreshedCatalog) => operation.set_needs(Needs::Role(Role::Reader)),
            Some(BodyQuestion::Status | BodyQuestion::InnerStatus | BodyQuestion::StatusAndCatalog) => {
                operation.impact = Impact::Changes;
            }
        }
        operation.certainty = Certainty::Awaited;
        operation
    }

    /// The operation once its query is known: `GET /api/public/v1/streams` starts a
    /// discovery with `ignoreCache`, as `sources/discover_schema` does.
    pub(super) fn by_query(mut self, query: Option<&[u8]>) -> Operation {
        if self.name == DISCOVERING_GET && !uses_cache(query) {
            self.needs = Needs::Role(Role::Editor);
            self.set_discovery();
        }
        self
    }

    fn relax(&mut self, question: BodyQuestion, members: &Map<String, Value>) {
        match question {
            BodyQuestion::JobType if is_one_of(members, "jobType", &["sync", "refresh"]) => self.set_start_only(),
            BodyQuestion::RefreshMode if is_one_of(members, "refreshMode", &["Merge"]) => self.set_start_only(),
            BodyQuestion::RefreshedCatalog if is_absent_or(members, "withRefreshedCatalog", false) => {
                self.set_needs(Needs::Role(Role::Reader));
            }
            BodyQuestion::RefreshedCatalog => self.set_discovery(),
            BodyQuestion::Status if stays(members) => self.impact = Impact::Changes,
            BodyQuestion::InnerStatus if inner_stays(members) => self.impact = Impact::Changes,
            BodyQuestion::StatusAndCatalog if stays(members) && !may_reset(members) => self.impact = Impact::Changes,
            _ => {}
        }
    }

    /// It starts a discovery: a pod that walks the source for minutes.
    fn set_discovery(&mut self) {
        self.slow = true;
        self.effect = Effect::Mutates;
    }

    /// It starts work and destroys nothing.
    fn set_start_only(&mut self) {
        self.impact = Impact::None;
        if !self.has_set_role {
            self.needs = Needs::Role(Role::Runner);
            self.never_for_agents = false;
        }
    }

    fn set_needs(&mut self, needs: Needs) {
        if !self.has_set_role {
            self.needs = needs;
        }
    }
}

/// The operation that reads a source's streams, from Airbyte's cache or from the
/// source itself.
const DISCOVERING_GET: &str = "getStreamProperties";

fn uses_cache(query: Option<&[u8]>) -> bool {
    let Some(fields) = read_query(query.unwrap_or_default()) else {
        return false;
    };
    fields.iter().all(|(name, value)| match is_spelling_of(name, "ignoreCache") {
        true => name == "ignoreCache" && value == "false",
        false => true,
    })
}

/// Whether a member has one of these values; `false` if it is absent, or if
/// another member's name differs from its name by case and separators only.
fn is_one_of(members: &Map<String, Value>, name: &str, values: &[&str]) -> bool {
    let value = member(members, name).and_then(|value| value?.as_str());
    value.is_some_and(|value| values.contains(&value))
}

/// A member that decides: `Some(None)` if it is absent, `None` if another member's
/// name could be taken for it.
fn member<'a>(members: &'a Map<String, Value>, name: &str) -> Option<Option<&'a Value>> {
    let is_ambiguous = members.keys().any(|key| key != name && is_spelling_of(key, name));
    (!is_ambiguous).then(|| members.get(name))
}

/// Whether two names differ by case and separators only.
fn is_spelling_of(key: &str, name: &str) -> bool {
    let letters = key.bytes().filter(u8::is_ascii_alphanumeric).map(|byte| byte.to_ascii_lowercase());
    letters.eq(name.bytes().map(|byte| byte.to_ascii_lowercase()))
}

fn is_absent(members: &Map<String, Value>, name: &str) -> bool {
    matches!(member(members, name), Some(None | Some(Value::Null)))
}

fn is_absent_or(members: &Map<String, Value>, name: &str, value: bool) -> bool {
    is_absent(members, name) || member(members, name) == Some(Some(&Value::Bool(value)))
}

/// Whether an update leaves the connection alive.
fn stays(members: &Map<String, Value>) -> bool {
    is_absent(members, "status") || is_one_of(members, "status", &["active", "inactive", "locked"])
}

fn inner_stays(members: &Map<String, Value>) -> bool {
    matches!(member(members, "connectionUpdate"), Some(Some(Value::Object(inner))) if stays(inner))
}

/// Whether an update of the web app can reset streams: Airbyte does so where the
/// catalog of a stream changes, unless it is told not to.
fn may_reset(members: &Map<String, Value>) -> bool {
    !is_absent(members, "syncCatalog") && member(members, "skipReset") != Some(Some(&Value::Bool(true)))
}

#[cfg(test)]
mod tests;
