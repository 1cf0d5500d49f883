//! What the fuzzer starts from, and what once fell under it: each file goes through its target, on any Rust.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::arithmetic_side_effects,
    missing_docs,
    reason = "a target that panics has found something, as it should"
)]

#[path = "../fuzz/src/lib.rs"]
mod fuzz;

use std::panic::{AssertUnwindSafe, catch_unwind};

/// Each file of `fuzz/seeds/<name>/` once; the test's name is the target's.
macro_rules! replay {
    ($($target:ident),*) => {
        $(#[test]
        fn $target() {
            replay(stringify!($target), fuzz::$target);
        })*

        #[test]
        fn every_folder_of_seeds_is_replayed() {
            let mut folders: Vec<String> = names(&folder("")).collect();
            folders.sort();
            let mut targets = vec![$(stringify!($target)),*];
            targets.sort_unstable();
            assert_eq!(folders, targets);
        }
    };
}

replay!(
    configuration,
    cookies,
    discovery,
    gateway,
    headers,
    jwks,
    login,
    operations,
    path,
    session,
    token,
    token_answer
);

fn replay(name: &str, target: fn(&[u8]) -> bool) {
    let folder = folder(name);
    let mut fallen = Vec::new();
    for file in names(&folder) {
        let seed = std::fs::read(folder.join(&file)).unwrap();
        // What is called good is to be taken for good, lest nothing but refusals be replayed.
        match catch_unwind(AssertUnwindSafe(|| target(&seed))) {
            Ok(good) if good || !file.starts_with("good") => {}
            Ok(_) => fallen.push(format!("{file} is not taken for good")),
            Err(_) => fallen.push(file),
        }
    }
    assert!(fallen.is_empty(), "{fallen:?}");
    assert!(names(&folder).any(|file| file.starts_with("good")), "nothing good");
}

fn folder(name: &str) -> std::path::PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "fuzz/seeds", name].iter().collect()
}

fn names(folder: &std::path::Path) -> impl Iterator<Item = String> {
    std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap())
}
