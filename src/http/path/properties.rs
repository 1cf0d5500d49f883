//! What holds for every path, however it is spelled.

use super::*;
use proptest::prelude::*;

/// Texts in which something often has to be read, and some that are any bytes.
fn raw() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        4 => prop::sample::select(&["a", "Z", "~", "-", ".", "/", "%61", "%7e", "%2E", "%2f", "%c3%a9", "%C3", "%20"][..])
            .prop_map(str::to_owned),
        2 => any::<u8>().prop_map(|byte| format!("%{byte:02x}")),
        1 => any::<u8>().prop_map(|byte| format!("%{byte:02X}")),
        1 => "[!-~]{0,3}",
    ];
    let spelled = prop::collection::vec(piece, 0..12).prop_map(|pieces| format!("/{}", pieces.concat()).into_bytes());
    prop_oneof![8 => spelled, 1 => prop::collection::vec(any::<u8>(), 0..24)]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_read_is_read_the_same_again(raw in raw()) {
        if let Ok(target) = Target::parse(&raw) {
            let again = Target::parse(&target.whole());
            prop_assert_eq!(again.as_ref().map(Target::rewrite), Ok(None), "in its one spelling");
            prop_assert_eq!(again.as_ref().map(Target::path), Ok(target.path()));
            prop_assert_eq!(again.as_ref().map(Target::query), Ok(target.query()));
            prop_assert_eq!(target.rewrite().is_none(), target.whole() == raw || raw.ends_with(b"?"));
            let matched = Target::parse(target.matched().as_bytes()).unwrap();
            prop_assert_eq!(matched.matched(), target.matched());
        }
    }

    #[test]
    fn a_path_is_read_as_each_other_spelling_of_it_is(raw in "/[a-z0-9._~/-]{0,24}", places in any::<u32>()) {
        let escaped = |(at, char): (usize, char)| match char {
            '/' => "/".to_owned(),
            char if places >> (at % 32) & 1 == 1 => format!("%{:02x}", u32::from(char)),
            char => char.to_string(),
        };
        let spelled: String = raw.chars().enumerate().map(escaped).collect();
        let (plain, spelled) = (Target::parse(raw.as_bytes()), Target::parse(spelled.as_bytes()));
        prop_assert_eq!(plain.map(|target| target.whole()), spelled.map(|target| target.whole()));
    }
}
