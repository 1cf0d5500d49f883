"""Tokens that are no compact JWS over one claims object that all read alike."""

import json

import pytest
from identity.gate import case

from lab.forge import base64url, json_bytes, nested
from lab.rogue import Site


def parts(change):
    """An ordinary token, its three parts changed."""
    return lambda site: change(*site.token().split("."))


def payload(change):
    """Another payload, made of the ordinary one's bytes, under a good signature."""
    return lambda site: site.signing[0].token(change(json_bytes(site.claims())))


def member(text: str, ends_in: str = "") -> object:
    """One more member, as it is written, before the others (or after them)."""
    return payload(lambda json: b"{" + text.encode() + b"," + json[1:])


def last(text: str) -> object:
    return payload(lambda json: json[:-1] + b"," + text.encode() + b"}")


def head(text: bytes):
    """This very header over ordinary claims, under a good signature."""
    return lambda site: site.token(header=text)


def loose(text: str) -> str:
    """The standard alphabet of base64; a token that has none of its letters is made again."""
    return text.replace("-", "+").replace("_", "/")


def standard_alphabet(site: Site) -> str:
    while True:
        signed, _, signature = site.token().rpartition(".")
        if loose(signature) != signature:
            return f"{signed}.{loose(signature)}"


def unused_bits(part: str) -> str:
    """The same bytes to a decoder that does not look at the last bits."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    assert len(part) % 4 in (2, 3), "has no unused bits"
    return part[:-1] + alphabet[alphabet.index(part[-1]) | 1]


def signature_with_unused_bits(head: str, body: str, signature: str) -> str:
    return f"{head}.{body}.{unused_bits(signature)}"


def signed_unused_bits(site: Site) -> str:
    """In the payload, and signed so: the signature is over what is written."""
    key, claims = site.signing[0], json_bytes(site.claims())
    body = base64url(claims + b" " * ((1 - len(claims)) % 3))
    signed = f"{base64url(json_bytes({'alg': key.alg, 'kid': key.kid}))}.{unused_bits(body)}"
    return f"{signed}.{base64url(key.sign(signed.encode()))}"


def five_parts(site: Site) -> str:
    header = {"alg": "RSA-OAEP", "enc": "A256GCM", "kid": "RS256"}
    return ".".join([base64url(json_bytes(header)), *(base64url(bytes(size)) for size in (256, 12, 200, 16))])


MALFORMED = [
    case("two parts", parts(lambda h, p, s: f"{h}.{p}")),
    case("four parts", parts(lambda h, p, s: f"{h}.{p}.{s}.{s}")),
    case("a dot at the end", parts(lambda h, p, s: f"{h}.{p}.{s}.")),
    case("an empty payload", parts(lambda h, p, s: f"{h}..{s}")),
    case("five parts, encrypted", five_parts),
    case("five parts, all good", parts(lambda h, p, s: f"{h}.{p}.{s}.{p}.{s}")),
    case("a token in a token", lambda site: site.signing[0].token(site.token().encode())),
    # base64url has one spelling for each text.
    case("padding", parts(lambda h, p, s: f"{h}.{p}.{s}{'=' * (-len(s) % 4)}")),
    case("too much padding", parts(lambda h, p, s: f"{h}.{p}.{s}====")),
    case("the standard alphabet", standard_alphabet),
    case("unused bits in the signature", parts(signature_with_unused_bits)),
    case("unused bits in the payload", signed_unused_bits),
    case("a tilde", parts(lambda h, p, s: f"{h}.{p}.{s}~")),
    case("one letter more", parts(lambda h, p, s: f"{h}.{p}.{s}{'A' * (5 - len(s) % 4)}")),
    # A member has one value.
    case("sub twice, ours first", last('"sub":"mallory"')),
    case("sub twice, ours last", member('"sub":"mallory"')),
    case("sub twice, the same", last('"sub":"alice"')),
    case("sub twice, in escapes", last('"s\\u0075b":"mallory"')),
    case("sub twice, all in escapes", member('"\\u0073\\u0075\\u0062":"mallory"')),
    case("iss twice", member('"iss":"https://evil.example"')),
    case("exp twice", last('"exp":1')),
    case("aud twice", member('"aud":"other"')),
    case("twice, further down", last('"realm_access":{"roles":["a"],"roles":["b"]}')),
    case("twice, in a list", last('"x":[{"a":1,"a":2}]')),
    case("alg twice, none first", head(b'{"alg":"none","alg":"RS256","kid":"RS256"}')),
    case("alg twice, none last", head(b'{"alg":"RS256","kid":"RS256","alg":"none"}')),
    case("alg twice, in escapes", head(b'{"alg":"RS256","kid":"RS256","\\u0061lg":"none"}')),
    case("kid twice", head(b'{"alg":"RS256","kid":"RS256","kid":"any"}')),
    # JSON of other dialects.
    case("a byte order mark", payload(lambda json: b"\xef\xbb\xbf" + json)),
    case("trailing bytes", payload(lambda json: json + b"x")),
    case("a trailing NUL", payload(lambda json: json + b"\0")),
    case("a second object", payload(lambda json: json + json)),
    case("a comment", payload(lambda json: json[:-1] + b"/* */}")),
    case("a line comment", payload(lambda json: b"//\n" + json)),
    case("a trailing comma", payload(lambda json: json[:-1] + b",}")),
    case("single quotes", payload(lambda json: json.replace(b'"', b"'"))),
    case("no quotes", last("x:1")),
    case("NaN", last('"x":NaN')),
    case("Infinity", last('"x":-Infinity')),
    case("hexadecimal", last('"x":0x10')),
    case("octal", last('"x":010')),
    case("a plus sign", last('"x":+1')),
    case("a bare point", last('"x":1.')),
    case("a tab in a text", last('"x":"\t"')),
    case("a line feed in a text", last('"x":"\n"')),
    case("a lone high surrogate", last('"x":"\\ud800"')),
    case("a lone low surrogate", last('"x":"\\udc00"')),
    case("surrogates in the wrong order", last('"x":"\\udc00\\ud800"')),
    case("an unknown escape", last('"x":"\\x41"')),
    case("UTF-16", payload(lambda text: text.decode().encode("utf-16"))),
    case("UTF-16 without a mark", payload(lambda text: text.decode().encode("utf-16-le"))),
    case("Latin-1", payload(lambda text: text.replace(b"alice", b"al\xefce"))),
    case("an overlong encoding", payload(lambda text: text.replace(b"alice", b"al\xc0\xaf"))),
    case("an encoded surrogate", payload(lambda text: text.replace(b"alice", b"al\xed\xa0\x80"))),
    # A payload that is no object.
    *(
        case(f"the payload is {text or 'nothing'}", lambda site, text=text: site.signing[0].token(text.encode()))
        for text in ("[]", '"alice"', "1", "true", "null", "", " ", "{", "}", "[{}]")
    ),
    # A small stack.
    case("nested 3,000 deep", last(f'"x":{nested(3_000).decode()}')),
    case("nested objects 1,000 deep", last('"x":' + '{"a":' * 1_000 + "1" + "}" * 1_000)),
    case("nested 5,000 deep and never closed", payload(lambda _: b"[" * 5_000)),
    case("the header nested 3,000 deep", head(b'{"alg":"RS256","kid":"RS256","x":' + nested(3_000) + b"}")),
]

OPAQUE = [
    case("a random text", lambda site: base64url(bytes(range(32)))),
    case("a UUID", lambda site: "3f2504e0-4f89-11d3-9a0c-0305e82c3301"),
    case("a GitHub token", lambda site: "ghp_" + "a" * 36),
    case("one dot", lambda site: "v1.0a1b2c3d"),
    case("three parts that are no JSON", lambda site: "aaaa.bbbb.cccc"),
    case("a header that is a list", head(b'["RS256"]')),
    case("a header that is a text", head(b'"RS256"')),
    case("a header with a byte order mark", head(b'\xef\xbb\xbf{"alg":"RS256","kid":"RS256"}')),
    case("dots only", lambda site: ".." + "."),
    case("an empty header", parts(lambda h, p, s: f".{p}.{s}")),
    case("one letter", lambda site: "a"),
    # Equals signs may only end a token.
    case("padding alone behind a letter", lambda site: "a=="),
]

TOO_LONG = [
    case("a little over 16 KiB", lambda site: padded(site, 16 * 1024 + 5)),
    case("24 kB", lambda site: padded(site, 24_000)),
    case("55 kB", lambda site: padded(site, 55_000)),
    case("70 kB", lambda site: padded(site, 70_000)),
    case("55,000 dots", lambda site: "." * 55_000),
    case("a good token and 55,000 dots", lambda site: site.token() + "." * 55_000),
    case("nested 20,000 deep", last(f'"x":{nested(20_000).decode()}')),
    case("a header nested 20,000 deep", head(b'{"alg":"RS256","kid":"RS256","x":' + nested(20_000) + b"}")),
]


def padded(site: Site, size: int) -> str:
    """A good token of this many letters, or up to three fewer."""
    bare = len(site.token(filler=""))
    return site.token(filler="x" * ((size - bare) * 3 // 4))


@pytest.mark.parametrize("make", MALFORMED)
def test_malformed(gate, site, make):
    gate.bad_token(gate.ask(make(site)), "malformed")


@pytest.mark.parametrize("make", OPAQUE)
def test_no_jwt_at_all(gate, site, make):
    gate.bad_token(gate.ask(make(site)), "opaque_token")


@pytest.mark.parametrize("make", TOO_LONG)
def test_too_long(gate, site, make):
    answer = gate.ask(make(site))
    gate.bad_token(answer, "token_too_long")
    assert answer.elapsed.total_seconds() < 1


def test_the_serialisation_as_json_is_no_credential(gate, site):
    header, body, signature = site.token().split(".")
    for text in (
        json.dumps({"payload": body, "protected": header, "signature": signature}),
        json.dumps({"payload": body, "signatures": [{"protected": header, "signature": signature}]}),
    ):
        gate.refused(gate.ask(text), 400, "invalid_request", "malformed_credentials")


@pytest.mark.parametrize("size", [4_000, 12_000, 16 * 1024])
def test_a_large_good_token_passes(gate, site, size):
    assert gate.passed(gate.ask(padded(site, size)))["x-airgate-user"] == "alice"


def test_white_space_and_escapes_are_json(gate, site):
    pretty = json.dumps(site.claims(sub="æ 𝔸"), indent=2, ensure_ascii=True).encode()
    assert gate.passed(gate.ask(site.signing[0].token(b"\r\n\t " + pretty + b" ")))["x-airgate-user"] == "%C3%A6 %F0%9D%94%B8"


def test_many_dots_cost_linear_time(gate):
    """Up to the limit, where a token is read at all."""
    for text in ("." * 16_000, "a." * 8_000, "ey." * 5_000, "ey" + "." * 16_000):
        answer = gate.ask(text)
        assert answer.status_code == 401 and answer.elapsed.total_seconds() < 0.5
