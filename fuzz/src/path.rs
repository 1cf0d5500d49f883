use airgate::http::{PathPattern, Target};

/// A path has one reading or none, and reading it again changes nothing.
pub fn path(data: &[u8]) -> bool {
    let target = Target::parse(data);
    if let Ok(target) = &target {
        let whole = target.whole();
        let again = Target::parse(&whole).expect("what is forwarded can be read");
        assert_eq!(again.path(), target.path());
        assert_eq!((again.rewrite(), again.query()), (None, target.query()));
        assert_eq!(target.rewrite().unwrap_or(data.to_vec()), whole, "rewritten unless it is right already");
        check_segments(target.path());
        // A path names itself, so a rule about it is never missed.
        match PathPattern::parse(target.path()) {
            Ok(pattern) if !target.path().contains('*') => assert!(pattern.matches(target.matched())),
            _ => {}
        }
        assert!(PathPattern::parse("/**").is_ok_and(|all| all.matches(target.matched())));
    }
    if let Some(pattern) = std::str::from_utf8(data).ok().and_then(|text| PathPattern::parse(text).ok()) {
        pattern.matches("/api/v1/health");
    }
    target.is_ok()
}

/// Nothing is left that another reader could resolve, decode or take for a separator.
fn check_segments(path: &str) {
    assert!(path.starts_with('/') && path.is_ascii());
    let inner = path.strip_suffix('/').unwrap_or(path);
    assert!(inner.split('/').skip(1).all(|segment| !matches!(segment, "" | "." | "..")), "{path}");
    assert!(!path.contains([';', '\\', '#', '?']) && !path.bytes().any(|byte| byte <= b' ' || byte == 127), "{path}");
    let lower = path.to_ascii_lowercase();
    for escape in ["%2f", "%5c", "%25", "%2e", "%00", "%3b", "%0"] {
        assert!(!lower.contains(escape), "{escape} in {path}");
    }
}
