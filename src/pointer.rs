//! Where a claim stands: a JSON Pointer (RFC 6901).

use serde_json::{Map, Value};

/// A path to a claim, such as `/sub` or `/realm_access/roles`. In a claim's
/// name `/` is written `~1` and `~` is written `~0`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Pointer {
    member: String,
    rest: String,
}

impl Pointer {
    /// Reads a pointer; the error says what is wrong with it.
    pub fn parse(text: &str) -> Result<Pointer, &'static str> {
        let path = text.strip_prefix('/').ok_or("expected a JSON Pointer such as /sub, which begins with a slash")?;
        if path.is_empty() {
            return Err("a JSON Pointer names a claim");
        }
        if text.split('~').skip(1).any(|after| !after.starts_with(['0', '1'])) {
            return Err("in a JSON Pointer ~ is written ~0, and / in a claim's name ~1");
        }
        let (member, rest) = path.find('/').and_then(|at| path.split_at_checked(at)).unwrap_or((path, ""));
        Ok(Pointer { member: unescape(member), rest: rest.to_owned() })
    }

    /// The claim, if it is there; `null` counts as not there.
    pub fn find<'a>(&self, claims: &'a Map<String, Value>) -> Option<&'a Value> {
        claims.get(&self.member)?.pointer(&self.rest).filter(|value| !value.is_null())
    }

    /// Copies the claim to its own place in `slim`, and of the objects around it
    /// only the names that lead there. A list stays whole, also where the
    /// pointer names one of its items: cut, its items would have other numbers.
    pub fn copy(&self, claims: &Map<String, Value>, slim: &mut Map<String, Value>) {
        if self.find(claims).is_none() {
            return;
        }
        let (mut from, mut to, mut name) = (claims, slim, self.member.clone());
        for next in self.rest.split('/').skip(1).map(unescape) {
            let Some(Value::Object(inner)) = from.get(&name) else {
                break;
            };
            let place = to.entry(name).or_insert_with(|| Value::Object(Map::new()));
            let Value::Object(place) = place else {
                return;
            };
            (from, to, name) = (inner, place, next);
        }
        if let Some(value) = from.get(&name) {
            to.insert(name, value.clone());
        }
    }

    /// The claim's name, or that of the outermost object around it.
    pub fn member(&self) -> &str {
        &self.member
    }
}

fn unescape(name: &str) -> String {
    name.replace("~1", "/").replace("~0", "~")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::test;
    use serde_json::json;

    #[test]
    fn pointers_reach_nested_claims() {
        let claims = json!({
            "sub": "alice",
            "realm_access": {"roles": ["a", "b"]},
            "https://sts.amazonaws.com/": {"aws_account": "123", "tags": {"a/b": "c"}},
            "m~n": {"": 1},
            "nothing": null,
        });
        let claims = claims.as_object().unwrap();
        let cases = [
            ("/sub", Some(json!("alice"))),
            ("/realm_access/roles", Some(json!(["a", "b"]))),
            ("/realm_access/roles/1", Some(json!("b"))),
            ("/realm_access/roles/01", None),
            ("/realm_access/roles/-", None),
            ("/https:~1~1sts.amazonaws.com~1/aws_account", Some(json!("123"))),
            ("/https:~1~1sts.amazonaws.com~1/tags/a~1b", Some(json!("c"))),
            ("/m~0n/", Some(json!(1))),
            ("/sub/length", None),
            ("/nothing", None),
            ("/Sub", None),
            ("/~01", None),
        ];
        for (text, expected) in cases {
            assert_eq!(Pointer::parse(text).unwrap().find(claims), expected.as_ref(), "{text}");
        }
    }

    #[test]
    fn a_claim_is_copied_to_its_place_without_its_neighbours() {
        let claims = json!({
            "sub": "alice",
            "realm_access": {"roles": ["a", "b"], "other": 1, "deep": {"x": 1, "": {"y~/": 2}}},
            "amr": ["pwd", "mfa"],
            "nothing": null,
        });
        let claims = claims.as_object().unwrap();
        let realm = claims["realm_access"].clone();
        let cases: [(&[&str], Value); 8] = [
            (&["/sub", "/nothing", "/absent", "/sub/x", "/realm_access/absent/x", "/amr/9"], json!({"sub": "alice"})),
            (&["/realm_access/roles"], json!({"realm_access": {"roles": ["a", "b"]}})),
            (&["/realm_access/deep//y~0~1"], json!({"realm_access": {"deep": {"": {"y~/": 2}}}})),
            (&["/amr/1"], json!({"amr": ["pwd", "mfa"]})),
            (
                &["/realm_access/roles/1", "/realm_access/other"],
                json!({"realm_access": {"roles": ["a", "b"], "other": 1}}),
            ),
            (&["/realm_access/roles", "/realm_access"], json!({ "realm_access": realm })),
            (&["/realm_access", "/realm_access/deep/x"], json!({ "realm_access": realm })),
            (&["/amr", "/amr/0", "/amr"], json!({"amr": ["pwd", "mfa"]})),
        ];
        for (texts, expected) in cases {
            let mut slim = Map::new();
            for text in texts {
                Pointer::parse(text).unwrap().copy(claims, &mut slim);
            }
            assert_eq!(Value::Object(slim), expected, "{texts:?}");
        }
    }

    #[test]
    fn mistakes_are_named() {
        for text in ["", "/", "sub", "realm_access.roles", "$.sub", "/a~", "/a~2", "/a~/b", "#/sub"] {
            assert!(Pointer::parse(text).is_err(), "{text}");
        }
    }
}
