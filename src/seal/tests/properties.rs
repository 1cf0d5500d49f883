//! What holds for every sealed value.

use super::*;
use proptest::prelude::*;

const PURPOSES: [&str; 3] = ["session", "login", "state"];

/// A value as JSON says it, a few levels deep.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((any::<String>(), inner), 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn purpose() -> impl Strategy<Value = usize> {
    0..PURPOSES.len()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_sealed_is_opened_as_it_was(value in value(), purpose in purpose(), until in any::<u64>(), now in any::<u64>()) {
        let ring = ring(&[("k2", 2), ("k1", 1)]);
        let sealed = ring.seal_any_length(PURPOSES[purpose], value.clone(), at(until)).unwrap();
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        prop_assert!(sealed.bytes().all(plain), "a cookie can hold it");
        for (index, other) in PURPOSES.iter().enumerate() {
            let opened = ring.open_any_length(other, sealed.as_bytes(), at(now));
            let expected = Opened { value: value.clone(), expires: at(until), by_first_key: true };
            prop_assert_eq!(opened, (index == purpose && now < until).then_some(expected));
        }
    }

    #[test]
    fn changed_anywhere_it_is_none(
        value in value(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        part in any::<prop::sample::Index>(),
    ) {
        let ring = ring(&[("k1", 1)]);
        let (one, other) = (
            ring.seal_any_length("session", value.clone(), at(1000)).unwrap(),
            ring.seal_any_length("session", value, at(1000)).unwrap(),
        );
        let mut bytes = one.clone().into_bytes();
        for (place, byte) in changes {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        let opens = |sealed: &[u8]| ring.open_any_length("session", sealed, at(0)).is_some();
        prop_assert_eq!(opens(&bytes), bytes == one.as_bytes());

        // A part of one in the place of the same of another: all but the header are each value's own.
        let mut parts: Vec<&str> = one.split('.').collect();
        let others: Vec<&str> = other.split('.').collect();
        let place = 1 + part.index(parts.len() - 1);
        parts[place] = others[place];
        prop_assert!(!opens(parts.join(".").as_bytes()), "part {}", place);
    }
}
