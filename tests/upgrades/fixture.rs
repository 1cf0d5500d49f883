//! The file of a version.

use std::collections::BTreeMap;
use std::path::PathBuf;

use airgate::config::Settings;
use airgate::gateway::Gateway;
use airgate::host::Host;
use airgate::time::Time;
use ct_codecs::{Base64UrlSafeNoPadding, Decoder};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::browser::{Browser, Cookies};
use super::site::{Desk, Site, encode};

/// What a version wrote, and what it takes to read it.
#[derive(Serialize, Deserialize)]
pub struct Fixture {
    pub version: String,
    /// Milliseconds since the epoch.
    pub written: u64,
    pub environment: BTreeMap<String, String>,
    pub configuration: Value,
    /// What each browser keeps.
    pub browsers: BTreeMap<String, Cookies>,
    /// The `state` of each browser that is at the provider, and what else the provider was told.
    pub logins: BTreeMap<String, BTreeMap<String, String>>,
    /// In base64url.
    pub shelf: BTreeMap<String, String>,
}

/// Somebody comes back a moment later: the shortest rest after a failure is half a second.
const LATER: u64 = 100;

impl Fixture {
    pub fn all() -> Vec<Fixture> {
        let files = std::fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path());
        let mut files: Vec<_> = files.filter(|path| path.extension().is_some_and(|end| end == "json")).collect();
        files.sort();
        files.iter().map(|file| serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap()).collect()
    }

    /// A gateway of this version, over what lay on the shelf then, that has been asked nothing yet.
    pub fn open(&self) -> Site {
        self.open_as(|_| {})
    }

    /// The same with a configuration that was changed.
    pub fn open_as(&self, change: impl FnOnce(&mut Value)) -> Site {
        let host = Desk::default();
        for (name, value) in &self.shelf {
            host.keep(name, &Base64UrlSafeNoPadding::decode_to_vec(value, None).unwrap());
        }
        let mut configuration = self.configuration.clone();
        change(&mut configuration);
        open(&configuration, &self.environment, host, Time::from_millis(self.written + LATER))
    }

    pub fn browser(&self, who: &str) -> Browser {
        Browser { cookies: self.browsers.get(who).unwrap_or_else(|| panic!("nobody is {who}")).clone() }
    }

    pub fn save(&self) {
        let path = folder().join(format!("{}.json", self.version));
        assert!(!path.exists(), "{} is there: what a version wrote is never written anew", path.display());
        let text = serde_json::to_string_pretty(self).unwrap() + "\n";
        std::fs::write(&path, text).unwrap();
    }
}

pub fn open(configuration: &Value, environment: &BTreeMap<String, String>, host: Desk, now: Time) -> Site {
    let settings = Settings::read(configuration, &|name| environment.get(name).cloned());
    let settings = settings.unwrap_or_else(|mistakes| panic!("{mistakes:?}"));
    Site { gateway: Gateway::new(settings, &host), host, now, calls: Vec::new() }
}

/// What lies on a host's shelf, the empty places left out.
pub fn shelf_of(host: &Desk) -> BTreeMap<String, String> {
    let shelf = host.shelf.borrow();
    let filled = shelf.iter().filter(|(_, (value, _))| !value.is_empty());
    filled.map(|(name, (value, _))| (name.clone(), encode(value))).collect()
}

fn folder() -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests/upgrades"].iter().collect()
}
