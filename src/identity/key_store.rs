//! A provider's keys over time: fetched, refreshed, kept through outages.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::discovery::{Metadata, ProviderFault, read_discovery};
use super::keys::KeySet;
use crate::host::Host;
use crate::http::{Answer, Call, CallId, CallIds, Endpoint};
use crate::settings::Section;
use crate::time::Time;

/// An unknown key id causes at most one fetch per this span.
const REFETCH_INTERVAL: Duration = Duration::from_secs(10);
/// After a failure: one second, doubled each time up to this.
const MAX_BACKOFF: Duration = Duration::from_secs(60);
/// An answer this long after its timeout will not come any more.
const LOST_AFTER: Duration = Duration::from_secs(5);
/// The longest key set that is kept in shared data, which is never freed.
const MAX_KEPT: usize = 64 << 10;

/// When keys are fetched and how long they last.
#[derive(Clone, Copy, Debug)]
pub(super) struct KeySettings {
    refresh: Duration,
    stale: Duration,
    /// How long a request waits for keys.
    pub wait: Duration,
    timeout: Duration,
}

impl KeySettings {
    /// Reads `keys` of a provider.
    pub fn read(provider: &Section<'_>) -> KeySettings {
        let section = provider.section_or_empty("keys");
        let seconds = Duration::from_secs;
        let settings = KeySettings {
            refresh: section.duration("refresh", seconds(900), (seconds(10), seconds(86_400))),
            stale: section.duration("stale", seconds(86_400), (seconds(60), seconds(30 * 86_400))),
            wait: section.duration("wait", seconds(5), (seconds(0), seconds(30))),
            timeout: section.duration("timeout", seconds(5), (Duration::from_millis(100), seconds(30))),
        };
        if settings.stale < settings.refresh {
            section.mistake("stale", "must not be shorter than refresh");
        }
        section.finish();
        settings
    }
}

/// Where keys come from.
#[derive(Clone, Debug)]
pub(super) struct KeySource {
    /// Names under which discovery may answer: the issuer and its aliases.
    pub issuers: Vec<String>,
    /// The discovery document; `None` if `jwks_uri` is configured.
    pub discovery: Option<Endpoint>,
    /// The configured `jwks_uri`.
    pub jwks_uri: Option<Endpoint>,
    /// The proxy's name for the way to the discovery document.
    pub cluster: String,
    /// The proxy's name for the way to the keys.
    pub jwks_cluster: String,
}

/// The keys of one provider.
pub(super) struct KeyStore {
    settings: KeySettings,
    source: Option<KeySource>,
    shelf: Option<String>,
    current: Option<Current>,
    fetch: Option<Fetch>,
    /// Where the keys are, as discovery said last.
    endpoint: Option<Endpoint>,
    /// What discovery said last, also through an outage.
    document: Value,
    metadata: Metadata,
    due: Time,
    last_start: Option<Time>,
    failures: u32,
    wanted: bool,
}

struct Current {
    set: KeySet,
    fetched: Option<Time>,
}

struct Fetch {
    id: CallId,
    stage: Stage,
    since: Time,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Discovery,
    Keys,
}

/// A key set as it lies in shared data.
#[derive(Serialize, Deserialize)]
struct Kept {
    fetched: u64,
    jwks: String,
    #[serde(default)]
    document: Value,
}

/// What an answer led to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// The answer was nobody's: late, doubled, or of another call.
    None,
    /// Another call has to follow.
    Call(Call),
    /// There are new keys.
    Fresh,
    /// The provider could not be used; requests that wait should be told.
    Failed(ProviderFault),
}

/// What a request can do that finds no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outlook {
    /// A fetch is on its way or about to start.
    Wait,
    /// The provider failed; the next try comes after this span.
    Unavailable(Duration),
    /// The keys are fresh enough to say that there is no such key.
    Final,
}

impl KeyStore {
    /// A store for keys that never change.
    pub fn inline(set: KeySet, settings: KeySettings) -> KeyStore {
        let current = Some(Current { set, fetched: None });
        KeyStore { current, ..KeyStore::new(settings, None, None) }
    }

    /// A store for keys that are fetched. `shelf` names their place in shared
    /// data, where workers and later reloads find them; `None`: not kept.
    pub fn remote(source: KeySource, settings: KeySettings, shelf: Option<String>) -> KeyStore {
        let endpoint = source.jwks_uri.clone();
        KeyStore { endpoint, ..KeyStore::new(settings, Some(source), shelf) }
    }

    fn new(settings: KeySettings, source: Option<KeySource>, shelf: Option<String>) -> KeyStore {
        KeyStore {
            settings,
            source,
            shelf,
            current: None,
            fetch: None,
            endpoint: None,
            document: Value::Null,
            metadata: Metadata::default(),
            due: Time::default(),
            last_start: None,
            failures: 0,
            wanted: false,
        }
    }

    /// The keys, unless they are too old to trust.
    pub fn keys(&self, now: Time) -> Option<&KeySet> {
        let current = self.current.as_ref()?;
        match current.fetched {
            Some(fetched) if now.since(fetched) > self.settings.stale => None,
            _ => Some(&current.set),
        }
    }

    /// What the provider says about itself; empty before discovery, or without.
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// Whether any keys are usable now.
    pub fn is_ready(&self, now: Time) -> bool {
        self.keys(now).is_some()
    }

    /// What to tell a request that finds no key: either none at all yet, or
    /// none of the id that its token names. May cause a fetch on the next tick.
    pub fn outlook(&mut self, now: Time) -> Outlook {
        if self.source.is_none() {
            return Outlook::Final;
        }
        if self.fetch.is_some() {
            return Outlook::Wait;
        }
        let recent = self.last_start.is_some_and(|start| now.since(start) < REFETCH_INTERVAL);
        if self.failures > 0 && (recent || self.due > now) {
            let rest = self.due.since(now).max(Duration::from_secs(1));
            return Outlook::Unavailable(rest);
        }
        if recent && self.is_ready(now) {
            return Outlook::Final;
        }
        self.wanted = true;
        Outlook::Wait
    }

    /// The same for a token that the provider handed over in person, at `since`:
    /// nobody else can have made it, so its key is worth a fetch that a stranger's
    /// is not.
    pub fn outlook_in_person(&mut self, since: Time, now: Time) -> Outlook {
        let asked = self.last_start.is_some_and(|start| start >= since);
        match self.outlook(now) {
            Outlook::Final if self.source.is_some() && !asked => {
                self.wanted = true;
                Outlook::Wait
            }
            outlook => outlook,
        }
    }

    /// What is due now: a call, or keys that another worker left on the shelf.
    pub fn tick(&mut self, ids: &mut CallIds, host: &dyn Host, now: Time) -> Progress {
        if let Some(fetch) = &self.fetch {
            let lost = self.settings.timeout.saturating_add(LOST_AFTER);
            if now.since(fetch.since) <= lost {
                return Progress::None;
            }
            self.fail(host, now);
            return Progress::Failed(ProviderFault::Unreachable);
        }
        if self.source.is_none() || (!self.wanted && now < self.due) {
            return Progress::None;
        }
        self.wanted = false;
        if self.take_kept(host, now) {
            return Progress::Fresh;
        }
        let stage = if self.endpoint.is_none() { Stage::Discovery } else { Stage::Keys };
        self.last_start = Some(now);
        self.call(stage, ids, now).map_or(Progress::None, Progress::Call)
    }

    /// Takes the answer to a call.
    pub fn answer(&mut self, id: CallId, answer: &Answer, ids: &mut CallIds, host: &dyn Host, now: Time) -> Progress {
        match &self.fetch {
            Some(fetch) if fetch.id == id => {}
            _ => return Progress::None,
        }
        let stage = self.fetch.take().map(|fetch| fetch.stage);
        let outcome = match stage {
            Some(Stage::Discovery) => self.discovered(answer, ids, now),
            _ => self.fetched(answer, host, now),
        };
        outcome.unwrap_or_else(|fault| {
            self.fail(host, now);
            Progress::Failed(fault)
        })
    }

    fn discovered(&mut self, answer: &Answer, ids: &mut CallIds, now: Time) -> Result<Progress, ProviderFault> {
        let issuers = self.source.as_ref().map(|source| source.issuers.as_slice()).unwrap_or_default();
        let document = read_discovery(body(answer)?, issuers)?;
        self.adopt_document(document);
        Ok(self.call(Stage::Keys, ids, now).map_or(Progress::None, Progress::Call))
    }

    fn fetched(&mut self, answer: &Answer, host: &dyn Host, now: Time) -> Result<Progress, ProviderFault> {
        let text = body(answer)?;
        let set = KeySet::parse(text).map_err(ProviderFault::Keys)?;
        self.keep(text, host, now);
        self.adopt(set, now);
        Ok(Progress::Fresh)
    }

    fn adopt(&mut self, set: KeySet, fetched: Time) {
        self.current = Some(Current { set, fetched: Some(fetched) });
        self.failures = 0;
        self.due = fetched.plus(self.settings.refresh);
    }

    fn adopt_document(&mut self, document: Value) {
        self.metadata = Metadata::read(&document);
        self.endpoint = self.metadata.jwks_uri.clone();
        self.document = document;
    }

    fn fail(&mut self, host: &dyn Host, now: Time) {
        self.fetch = None;
        // The keys may have moved: the next try asks discovery anew.
        self.endpoint = self.source.as_ref().and_then(|source| source.jwks_uri.clone());
        self.failures = self.failures.saturating_add(1);
        self.due = now.plus(backoff(self.failures, host));
    }

    fn call(&mut self, stage: Stage, ids: &mut CallIds, now: Time) -> Option<Call> {
        let source = self.source.as_ref()?;
        let (cluster, endpoint) = match stage {
            Stage::Discovery => (&source.cluster, source.discovery.as_ref()?),
            Stage::Keys => (&source.jwks_cluster, self.endpoint.as_ref()?),
        };
        let id = ids.take();
        self.fetch = Some(Fetch { id, stage, since: now });
        let (cluster, endpoint, timeout) = (cluster.clone(), endpoint.clone(), self.settings.timeout);
        Some(Call { id, cluster, endpoint, authorization: None, form: None, timeout })
    }

    fn keep(&self, text: &[u8], host: &dyn Host, now: Time) {
        let (Some(shelf), Ok(text)) = (&self.shelf, std::str::from_utf8(text)) else {
            return;
        };
        let kept = Kept { fetched: now.millis(), jwks: text.to_owned(), document: self.document.clone() };
        if let Ok(value) = serde_json::to_vec(&kept)
            && value.len() <= MAX_KEPT
        {
            host.keep(shelf, &value);
        }
    }

    /// Adopts the keys in shared data if they are younger than ours.
    fn take_kept(&mut self, host: &dyn Host, now: Time) -> bool {
        let Some(kept) = self.shelf.as_ref().and_then(|shelf| host.recall(shelf)) else {
            return false;
        };
        let Ok(kept) = serde_json::from_slice::<Kept>(&kept.value) else {
            return false;
        };
        let fetched = Time::from_millis(kept.fetched);
        let ours = self.current.as_ref().and_then(|current| current.fetched);
        if fetched > now || Some(fetched) <= ours || now.since(fetched) > self.settings.stale {
            return false;
        }
        let Ok(set) = KeySet::parse(kept.jwks.as_bytes()) else {
            return false;
        };
        self.adopt(set, fetched);
        if self.source.as_ref().is_some_and(|source| source.discovery.is_some()) && kept.document.is_object() {
            self.adopt_document(kept.document);
        }
        true
    }
}

fn body(answer: &Answer) -> Result<&[u8], ProviderFault> {
    match answer {
        Answer::Response { status: 200, body } => Ok(body),
        Answer::Response { status, .. } => Err(ProviderFault::Status(*status)),
        Answer::TooLarge => Err(ProviderFault::TooLarge),
        Answer::Failed => Err(ProviderFault::Unreachable),
    }
}

/// Exponential, and jittered by half: workers that failed together do not come
/// back together.
pub(super) fn backoff(failures: u32, host: &dyn Host) -> Duration {
    let base = Duration::from_secs(1).saturating_mul(1 << failures.saturating_sub(1).min(6)).min(MAX_BACKOFF);
    let mut random = [128];
    host.random(&mut random);
    let [random] = random;
    let part = base.checked_div(512).unwrap_or_default().saturating_mul(u32::from(random));
    base.checked_div(2).unwrap_or_default().saturating_add(part)
}

#[cfg(test)]
mod tests;
