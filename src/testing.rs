//! What the unit tests share. Every test of the core runs twice: natively and
//! in a wasm test runner (`make test-wasm`).

use std::cell::{Cell, RefCell};
use std::collections::HashMap;

use crate::decision::Decision;
use crate::host::{Host, Recalled, Version};
use crate::metrics::{Counter, Counts};

#[cfg(not(all(target_arch = "wasm32", target_os = "unknown")))]
pub use core::prelude::v1::test;
#[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
pub use wasm_bindgen_test::wasm_bindgen_test as test;

/// A key as a random generator makes it, another one for each number.
pub fn key_bytes(number: u8) -> [u8; 32] {
    hmac_sha256::Hash::hash(&[number])
}

/// The same as the environment holds it.
pub fn key(number: u8) -> String {
    use ct_codecs::{Base64UrlSafeNoPadding, Encoder};
    Base64UrlSafeNoPadding::encode_to_string(key_bytes(number)).unwrap()
}

/// A host whose random bytes count upwards, so that tests can foresee them, with
/// a shelf, counters, and what it was told about requests.
#[derive(Debug, Default)]
pub struct TestHost {
    counter: Cell<u8>,
    /// What lies on the shelf, and its version.
    pub shelf: RefCell<HashMap<String, (Vec<u8>, u32)>>,
    /// What it knows about the request that ended.
    pub facts: RefCell<HashMap<&'static str, Vec<u8>>>,
    /// What it was told about requests, in order.
    pub told: RefCell<Vec<(String, String)>>,
    counts: Counts,
}

impl TestHost {
    /// What was counted since the last time, with names.
    pub fn counted(&self) -> Vec<(String, u32)> {
        Counts::names().into_iter().zip(self.counts.take()).filter(|(_, count)| *count > 0).collect()
    }
}

impl Host for TestHost {
    fn random(&self, bytes: &mut [u8]) -> bool {
        for byte in bytes {
            *byte = self.counter.get();
            self.counter.set(byte.wrapping_add(1));
        }
        true
    }

    fn keep(&self, name: &str, value: &[u8]) {
        let mut shelf = self.shelf.borrow_mut();
        let place = shelf.entry(name.to_owned()).or_default();
        *place = (value.to_owned(), place.1 + 1);
    }

    fn recall(&self, name: &str) -> Option<Recalled> {
        let shelf = self.shelf.borrow();
        shelf.get(name).map(|(value, version)| Recalled { value: value.clone(), version: Version(*version) })
    }

    fn replace(&self, name: &str, value: &[u8], version: Version) -> bool {
        let unchanged = self.recall(name).is_some_and(|recalled| recalled.version == version);
        if unchanged {
            self.keep(name, value);
        }
        unchanged
    }

    fn count(&self, counter: Counter) {
        self.counts.raise(counter);
    }

    fn count_decision(&self, decision: Decision, reason: &'static str) {
        assert!(decision.reasons().contains(&reason), "{decision:?}: {reason} is not in the table");
        self.counts.raise_decision(decision, reason);
    }

    fn fact(&self, name: &str) -> Option<Vec<u8>> {
        self.facts.borrow().get(name).cloned()
    }

    fn tell(&self, name: &str, text: &str) {
        self.told.borrow_mut().push((name.to_owned(), text.to_owned()));
    }
}
