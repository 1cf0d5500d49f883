//! What the unit tests share. Every test of the core runs twice: natively and
//! in a wasm test runner (`make test-wasm`).

use crate::host::Host;

#[cfg(not(all(target_arch = "wasm32", target_os = "unknown")))]
pub use core::prelude::v1::test;
#[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
pub use wasm_bindgen_test::wasm_bindgen_test as test;

/// A host whose random bytes count upwards, so that tests can foresee them.
#[derive(Debug, Default)]
pub struct TestHost {
    counter: std::cell::Cell<u8>,
}

impl Host for TestHost {
    fn random(&self, bytes: &mut [u8]) -> bool {
        for byte in bytes {
            *byte = self.counter.get();
            self.counter.set(byte.wrapping_add(1));
        }
        true
    }
}
