//! What the unit tests share. Every test of the core runs twice: natively and
//! in a wasm test runner (`make test-wasm`).

use std::cell::{Cell, RefCell};
use std::collections::HashMap;

use crate::host::{Host, Recalled, Version};

#[cfg(not(all(target_arch = "wasm32", target_os = "unknown")))]
pub use core::prelude::v1::test;
#[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
pub use wasm_bindgen_test::wasm_bindgen_test as test;

/// A host whose random bytes count upwards, so that tests can foresee them, with
/// a shelf.
#[derive(Debug, Default)]
pub struct TestHost {
    counter: Cell<u8>,
    /// What lies on the shelf, and its version.
    pub shelf: RefCell<HashMap<String, (Vec<u8>, u32)>>,
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
}
