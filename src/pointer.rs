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
        let member = member.replace("~1", "/").replace("~0", "~");
        Ok(Pointer { member, rest: rest.to_owned() })
    }

    /// The claim, if it is there; `null` counts as not there.
    pub fn find<'a>(&self, claims: &'a Map<String, Value>) -> Option<&'a Value> {
        claims.get(&self.member)?.pointer(&self.rest).filter(|value| !value.is_null())
    }

    /// The claim's name, or that of the outermost object around it.
    pub fn member(&self) -> &str {
        &self.member
    }
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
    fn mistakes_are_named() {
        for text in ["", "/", "sub", "realm_access.roles", "$.sub", "/a~", "/a~2", "/a~/b", "#/sub"] {
            assert!(Pointer::parse(text).is_err(), "{text}");
        }
    }
}
