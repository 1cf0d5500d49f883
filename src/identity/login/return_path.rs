//! Where a browser may be sent back to.

use crate::http::Target;

/// Bytes of the longest return address: sealed into a `state`, it must fit into
/// what providers take in a URL.
const MAX_LENGTH: usize = 2000;

/// The one check of return addresses: a path of ours with its query, in the
/// spelling in which it will be judged, or `/`. A query that makes it too long
/// is left out.
pub(in crate::identity) fn return_path(text: &str) -> String {
    read(text).unwrap_or_else(|| "/".to_owned())
}

fn read(text: &str) -> Option<String> {
    // Browsers write nothing else into a request, but what they do to such
    // bytes in a Location differs (tabs vanish, `\` becomes `/`).
    let plain = |byte: u8| matches!(byte, b'!'..=b'~') && !b"\"<>\\".contains(&byte);
    if !text.bytes().all(plain) {
        return None;
    }
    // Neither `//` nor dot segments, in any spelling: no other host, and no way
    // round the next check.
    let target = Target::parse(text.as_bytes()).ok()?;
    let path = target.path();
    // Back to a sign-in or a sign-out would be a loop, or a trap; to see who one
    // is, is neither.
    if path != "/.airgate/me" && (path == "/.airgate" || path.starts_with("/.airgate/")) {
        return None;
    }
    let whole = match target.query().map(std::str::from_utf8) {
        Some(Ok(query)) => format!("{path}?{query}"),
        _ => path.to_owned(),
    };
    [whole.as_str(), path].into_iter().find(|address| address.len() <= MAX_LENGTH).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::test;

    /// What leads elsewhere, or could in some reader's eyes.
    const HOSTILE: [&str; 120] = [
        "",
        " ",
        "?",
        "#",
        ".",
        "..",
        "*",
        "evil",
        "evil.example",
        "@evil.example",
        ":evil.example",
        "http:",
        "https:",
        "http://evil.example",
        "https://evil.example/",
        "HTTPS://evil.example/",
        "https:evil.example",
        "https:/evil.example",
        "https:///evil.example",
        "https:\\\\evil.example",
        "http:\u{9}//evil.example",
        "javascript:alert(1)",
        "java\nscript:alert(1)",
        "data:text/html,x",
        "vbscript:x",
        "file:///etc/passwd",
        "mailto:a@evil.example",
        "//",
        "///",
        "////",
        "//evil.example",
        "///evil.example",
        "////evil.example",
        "//evil.example/%2e%2e",
        "//evil.example@airbyte.example.com",
        "//airbyte.example.com@evil.example",
        "//user:password@evil.example",
        "//airbyte.example.com.evil.example",
        "//2130706433/",
        "//[::1]/",
        "//0x7f.1/",
        "//evil%E3%80%82example",
        "//\u{ff0f}evil.example",
        "\\",
        "\\\\evil.example",
        "\\/evil.example",
        "/\\",
        "/\\evil.example",
        "/\\/evil.example",
        "/\\\\evil.example",
        "//\\evil.example",
        "/a\\..\\..\\evil",
        "/a?next=\\evil",
        "/%5cevil.example",
        "/%5Cevil.example",
        "/%5c%5cevil.example",
        "/%2fevil.example",
        "/%2Fevil.example",
        "%2f%2fevil.example",
        "%2f",
        "/%252fevil.example",
        "/%25252fevil.example",
        "/%09/evil.example",
        "/%0a/evil.example",
        "/%0d/evil.example",
        "/%0d%0aLocation:%20//evil.example",
        "/%00/evil.example",
        "/%00",
        "/%01",
        "/%1f/evil.example",
        "/%7f/evil.example",
        "/\t/evil.example",
        "/\n/evil.example",
        "/\r/evil.example",
        "/\r\nSet-Cookie: a=b",
        "/a?b=\r\nSet-Cookie: a=b",
        "/\0/evil.example",
        "/\u{b}/evil.example",
        "/\u{c}/evil.example",
        "/\u{7f}/evil.example",
        "\t/evil",
        "\t//evil.example",
        " //evil.example",
        " /a",
        "/ /evil.example",
        "/a ",
        "/a?b c",
        "\u{a0}//evil.example",
        "\u{feff}/a",
        "/\u{2028}/evil.example",
        "/\u{2215}evil.example",
        "/\u{ff0f}evil.example",
        "/\u{ff3c}evil.example",
        "/\u{202e}moc.live",
        "/\u{e4}",
        "/a?\u{e4}",
        "/%ff",
        "/%c0%af/evil.example",
        "/%c0%ae%c0%ae/evil.example",
        "/%u002fevil.example",
        "/.",
        "/..",
        "/./",
        "/../",
        "/.//evil.example",
        "/..//evil.example",
        "/a/..//evil.example",
        "/%2e%2e//evil.example",
        "/%2e/%2e%2e/evil.example",
        "/a/%2E%2E/b",
        "/.%2e/evil.example",
        "/a//evil.example",
        "/a//",
        "/;/evil.example",
        "/;@evil.example",
        "/..;/evil.example",
        "/%3b/evil.example",
        "/a#@evil.example",
        "/a#//evil.example",
        "/<script>alert(1)</script>",
    ];

    #[test]
    fn hostile_addresses_lead_to_the_front_page() {
        for text in HOSTILE {
            assert_eq!(return_path(text), "/", "{text:?}");
        }
        for text in ["/?a=\"><script>", "/?a='\u{0}", "/a?b=<", "/a|b", "/a^b", "/a`b", "/a{b}", "/[a]", "/a%", "/a%zz"]
        {
            assert_eq!(return_path(text), "/", "{text:?}");
        }
    }

    #[test]
    fn no_single_byte_before_or_after_the_first_slash_leads_elsewhere() {
        for byte in 0..=127u8 {
            let char = char::from(byte);
            for text in
                [format!("{char}/evil.example"), format!("/{char}/evil.example"), format!("/{char}evil.example")]
            {
                let path = return_path(&text);
                assert!(path == "/" || path == text, "{text:?} became {path:?}");
                let second = path.as_bytes().get(1).copied();
                assert!(path.starts_with('/') && second != Some(b'/') && second != Some(b'\\'), "{path:?}");
            }
        }
    }

    #[test]
    fn our_own_pages_are_no_destination() {
        for text in [
            "/.airgate",
            "/.airgate/",
            "/.airgate?x",
            "/.airgate/login?return=/a",
            "/.airgate/logout",
            "/.airgate/callback/corp?code=a",
            "/%2eairgate/logout",
            "/%2Eairgate/logout",
            "/.%61irgate/logout",
            "/.air%67ate",
        ] {
            assert_eq!(return_path(text), "/", "{text:?}");
        }
    }

    #[test]
    fn deep_links_come_back_whole() {
        for text in [
            "/",
            "/?",
            "/workspaces/8d2c/connections/11/timeline?eventId=7&openLogs=true",
            "/a/",
            "/a.b-c_d~e",
            "/.airgates",
            "/a:b@c!$&'()*+,=",
            "/auth_flow?code=4%2F0Ad&state=x%20y&scope=https://www.googleapis.com/auth/drive",
            "/a?next=//evil.example",
            "/a?b=%0d%0a%00%5c",
            "/a?b=c?d/../e;f{g}|h^i`j[k]",
            "/caf%C3%A9?q=caf%C3%A9",
        ] {
            assert_eq!(return_path(text), text);
        }
        assert_eq!(return_path("/%7euser?q=%7e"), "/~user?q=%7e", "the path in its one spelling");
    }

    #[test]
    fn what_was_checked_passes_again_as_it_is() {
        for text in HOSTILE.into_iter().chain(["/%7euser?q=%7e", "/a/", "/a?", "/caf%c3%a9?#", "/.airgate/me?x=%41"]) {
            let checked = return_path(text);
            assert_eq!(return_path(&checked), checked, "{text:?}");
        }
    }

    #[test]
    fn long_ones_are_cut_at_the_query() {
        let path = "/".to_owned() + &"a".repeat(999);
        let fits = format!("{path}?{}", "b".repeat(999));
        assert_eq!((fits.len(), return_path(&fits)), (2000, fits.clone()));
        assert_eq!(return_path(&(fits + "b")), path);
        let longest = "/".to_owned() + &"a".repeat(1999);
        assert_eq!(return_path(&longest), longest);
        assert_eq!(return_path(&(longest + "a")), "/");
    }
}
