"""Paths: what can be read two ways is refused, what passes arrives as it was judged."""

import pytest
from visitor import ECHO, Visitor, values

from lab.wire import Wire, Wire2

WIRES = pytest.mark.parametrize("wire", [Wire, Wire2], ids=["HTTP/1.1", "HTTP/2"])

# What THREATS.md lists, mostly below a public path, with airgate's word for it.
AMBIGUOUS = {
    b"//": "path_empty_segment",
    b"//evil": "path_empty_segment",
    b"//evil.example/%2e%2e": "path_empty_segment",
    b"/api//v1/connections": "path_empty_segment",
    b"/api/v1/health//": "path_empty_segment",
    b"/api/v1/health/..": "path_dot_segment",
    b"/api/v1/health/../connections/list": "path_dot_segment",
    b"/api/v1/health/./x": "path_dot_segment",
    b"/./api/v1/health": "path_dot_segment",
    b"/api/v1/health/%2e%2e/connections/list": "path_dot_segment",
    b"/api/v1/health/%2E%2e/connections/list": "path_dot_segment",
    b"/api/v1/health/.%2e/connections/list": "path_dot_segment",
    b"/api/v1/health/%2e./connections/list": "path_dot_segment",
    b"/api/v1/health/%2e/x": "path_dot_segment",
    b"/api/v1/health/..;/connections/list": "path_semicolon",
    b"/api/v1/health;/../connections/list": "path_semicolon",
    b"/api/v1/health;a=b": "path_semicolon",
    b"/api/v1/health%3ba=b": "path_semicolon",
    b"/api/v1/health/..%3B/connections/list": "path_semicolon",
    b"/api/v1/health\\..\\connections": "path_backslash",
    b"/\\evil": "path_backslash",
    b"/api/v1/health%5c..%5cconnections": "path_encoded_backslash",
    b"/api/v1/health%5C..": "path_encoded_backslash",
    b"/api%2fv1%2fconnections": "path_encoded_slash",
    b"/api/v1/health%2F..%2Fconnections": "path_encoded_slash",
    b"/api/v1/health/..%2fconnections/list": "path_encoded_slash",
    b"/api%252fv1%252fconnections": "path_double_encoding",
    b"/api/v1/health/%252e%252e/connections": "path_double_encoding",
    b"/api/v1/health/%25%32%65%25%32%65/connections": "path_double_encoding",
    b"/api/v1/health%2500": "path_double_encoding",
    b"/api/v1/health%00": "path_control_character",
    b"/api/v1/health%00/../connections": "path_control_character",
    b"/api/v1/health%0d%0aX-Airgate-User:%20mallory": "path_control_character",
    b"/api/v1/health%09": "path_control_character",
    b"/api/v1/health%7f": "path_control_character",
    b"/api/v1/health%": "path_bad_escape",
    b"/api/v1/health%2": "path_bad_escape",
    b"/api/v1/health%zz": "path_bad_escape",
    b"/api/v1/health/%u002e%u002e/connections": "path_bad_escape",
    b"/api/v1/health/%ff": "path_not_utf8",
    b"/api/v1/health/%c0%ae%c0%ae/connections": "path_not_utf8",
    b"/api/v1/health/%e0%80%af": "path_not_utf8",
    b"/api/v1/health/%ed%a0%80": "path_not_utf8",
    b"/api/v1/health/%c3/%a4": "path_not_utf8",
    b'/api/v1/health/"x"': "path_forbidden_character",
    b"/api/v1/health/<x>": "path_forbidden_character",
    b"/api/v1/health/{x}": "path_forbidden_character",
    b"/api/v1/health/x|y": "path_forbidden_character",
    b"/api/v1/health/[x]": "path_forbidden_character",
    b"/api/v1/health/x^y`z": "path_forbidden_character",
}

# What Envoy's codecs refuse, so that airgate never sees it: without a body of ours.
MALFORMED = [
    b"",
    b"api",
    b"?x",
    b"*",
    b"/api/v1/health\x00",
    b"/api/v1/health x",
    b"/api/v1/health\r\nx: y",
    b"/api/v1/health#x",
    b"/api/v1/health?x#y",
    b"http:/api/v1/health",
    b"ftp://localhost/api/v1/health",
]

# As sent and as it arrives.
EQUAL = {
    b"/%61pi/v1/standin/echo": "/api/v1/standin/echo",
    b"/api/v1/standin/%65%63%68%6F/%7euser%2D": "/api/v1/standin/echo/~user-",
    b"/api/v1/standin/echo/caf%c3%a9": "/api/v1/standin/echo/caf%C3%A9",
    b"/api/v1/standin/echo/a%20b": "/api/v1/standin/echo/a%20b",
    b"/api/v1/standin/echo/": "/api/v1/standin/echo/",
    b"/api/v1/standin/echo/a:b@c!$&'()*+,=": "/api/v1/standin/echo/a:b@c!$&'()*+,=",
    b"/api/v1/standin/echo/...": "/api/v1/standin/echo/...",
    b"/api/v1/standin/echo./x": "/api/v1/standin/echo./x",
    b"/API/v1/standin/echo": "/API/v1/standin/echo",
    b"/api/v1/standin/echo/%3f": "/api/v1/standin/echo/%3F",
    b"/api/v1/standin/echo/%23": "/api/v1/standin/echo/%23",
}

# Every one arrives as it was sent: the query is nobody's but Airbyte's.
QUERIES = [
    b"?",
    b"??",
    b"?q=%61&q=a",
    b"?code=a%2fb%2Fc&state=//..;/../%2e%2e/%00%zz%",
    b"?next=http://evil/%5c..\\x|{}[]^`\"<>",
    b"?" + b"/../" * 2000,
    b"?" + b"a[b]" * 2000 + b"=1",
    b"?;jsessionid=1;",
    b"?x-airgate-user=mallory",
]

NO_HOSTS = [None, b"", b"a,b", b"a b", b"u@a", b"a/b", b"a\x00b", b"a\xffb", b"[::1", b"a?b", b"a#b"]
NO_METHODS = [b"", b"G\xffT", b"G T", b"GET;x", b"G,T", b"G\x00T", b"GET\r\nx: y"]


@WIRES
def test_what_can_be_read_two_ways_is_refused(bare_bed, wire):
    visits = Visitor(bare_bed, wire).ask_all(AMBIGUOUS)
    assert {target: visit.refused for target, visit in visits.items()} == AMBIGUOUS
    assert {visit.answer.status for visit in visits.values()} == {400}


def test_bytes_above_127_are_refused(bare_bed):
    targets = [b"/api/v1/health\xff", b"/\xc3\xa4", b"/api/v1/health\x80/../x"]
    # HTTP/1 codecs refuse them before airgate can.
    for wire, reason in [(Wire, None), (Wire2, "path_not_utf8")]:
        visits = Visitor(bare_bed, wire).ask_all(targets)
        assert {target: visit.refused for target, visit in visits.items()} == dict.fromkeys(targets, reason)


@WIRES
def test_what_is_no_target_is_refused_by_envoy(bare_bed, wire):
    visits = Visitor(bare_bed, wire).ask_all(MALFORMED)
    assert {target: visit.refused for target, visit in visits.items()} == dict.fromkeys(MALFORMED)


@WIRES
def test_equal_spellings_arrive_as_one(bare_bed, bed, wire):
    for one in (bare_bed, bed):
        visits = Visitor(one, wire).ask_all(EQUAL)
        assert {target: visit.passed["url"] for target, visit in visits.items()} == EQUAL


@WIRES
def test_the_query_arrives_byte_for_byte(bare_bed, bed, wire):
    for one in (bare_bed, bed):
        visitor = Visitor(one, wire)
        for path in (ECHO, b"/%61pi/v1/standin/echo/"):
            visits = visitor.ask_all(path + query for query in QUERIES)
            for target, visit in visits.items():
                assert visit.passed["url"] == target.replace(b"/%61pi", b"/api", 1).decode()


@WIRES
def test_a_path_is_judged_as_it_arrives(bare_bed, wire):
    "An escape hides nothing: neither a closed path nor its class, and what is public is so in every spelling."
    visitor = Visitor(bare_bed, wire)
    assert visitor.ask(b"/api/v1/%64ataplanes/token", method=b"POST").refused == "closed"
    assert visitor.ask(b"/api/v1/dataplanes/token/", method=b"POST").refused == "closed"
    quick = [(b"x-standin-slow-seconds", b"0")]
    arrived = visitor.ask(b"/api/v1/sources/discover%5Fschema", quick, method=b"POST").passed
    assert arrived["url"] == "/api/v1/sources/discover_schema"
    assert values(arrived, "x-airgate-route") == ["slow"]
    nobody = Visitor(bare_bed, wire, who=None)
    assert nobody.ask(b"/api/v1/%68ealth/").passed["url"] == "/api/v1/health/"
    for target in (b"/API/v1/health", b"/api/v1/health.", b"/api/v1/connections?/api/v1/health"):
        assert nobody.ask(target).refused == "no_credentials"


@WIRES
def test_the_example_walks_nobody_past_the_gateway(bed, wire):
    "Envoy resolves some of them before airgate judges. Whatever they are then, only health is public."
    for target, visit in Visitor(bed, wire, who=None).ask_all(AMBIGUOUS).items():
        if visit.arrived:
            assert visit.arrived["url"] in ("/api/v1/health", "/api/v1/health/")
            assert values(visit.arrived, "x-airgate-route") == ["health"]
        else:
            assert visit.refused in (None, "no_credentials", AMBIGUOUS[target])


@WIRES
def test_the_example_forwards_one_reading_only(bed, wire):
    visitor = Visitor(bed, wire)
    arrived = [visit.arrived["url"] for visit in visitor.ask_all(AMBIGUOUS).values() if visit.arrived]
    assert arrived, "Envoy resolves at least dot segments"
    again = visitor.ask_all(url.encode() for url in arrived)
    assert {target.decode(): visit.passed["url"] for target, visit in again.items()} == {url: url for url in arrived}


@pytest.mark.parametrize("origin", [b"http://evil.example", b"https://evil.example:99"])
def test_the_absolute_form_is_judged_by_its_path(bare_bed, origin):
    visitor = Visitor(bare_bed)
    arrived = visitor.ask(origin + b"/%61pi/v1/standin/echo?q", host=b"other").passed
    assert arrived["url"] == "/api/v1/standin/echo?q"
    # Its authority is the one that counts (RFC 9112 section 3.2.2), and links are built from neither.
    assert values(arrived, "host") == [origin.partition(b"//")[2].decode()]
    assert values(arrived, "x-forwarded-host") == [bare_bed.url.removeprefix("https://")]
    assert visitor.ask(origin).passed["url"] == "/"
    assert visitor.ask(origin + b"/api/v1/health/..%2fx").refused == "path_encoded_slash"
    assert visitor.ask(origin + b"//api").refused == "path_empty_segment"
    assert Visitor(bare_bed, who=None).ask(origin + b"/api/v1/connections").refused == "no_credentials"


@WIRES
def test_connect_and_asterisk_are_refused(bare_bed, wire):
    visitor = Visitor(bare_bed, wire)
    assert visitor.ask(b"evil.example:443", method=b"CONNECT").refused in (None, "no_path")
    assert visitor.ask(ECHO, method=b"CONNECT").refused in (None, "no_path")
    assert visitor.ask(b"*", method=b"OPTIONS").refused is None


def test_connect_over_http_2_is_refused(bare_bed):
    visitor = Visitor(bare_bed, Wire2)
    assert visitor.ask(None, method=b"CONNECT", host=b"evil.example:443").refused in (None, "no_path")
    assert visitor.ask(method=b"CONNECT", fields=[(b":protocol", b"websocket")]).refused is None


@WIRES
@pytest.mark.parametrize("host", NO_HOSTS)
def test_a_host_that_is_none_is_refused(bare_bed, wire, host):
    assert Visitor(bare_bed, wire).ask(host=host).refused in (None, "bad_authority")


@pytest.mark.parametrize("other", [b"other", b"localhost"])
def test_two_hosts_are_refused(bare_bed, bed, other):
    for one in (bare_bed, bed):
        assert Visitor(one).ask(fields=[(b"Host", other)]).refused == "bad_authority"
        # HTTP/2 has :authority, and Envoy drops what else claims to be one.
        arrived = Visitor(one, Wire2).ask(fields=[(b"host", other)]).passed
        assert values(arrived, "host") == ["localhost"]


@WIRES
@pytest.mark.parametrize("method", NO_METHODS)
def test_a_method_that_is_none_is_refused(bare_bed, wire, method):
    assert Visitor(bare_bed, wire).ask(method=method).refused in (None, "bad_method")


@pytest.mark.parametrize("protocol", [b"websocket", b"h2c", b"HTTP/2.0", b"anything"])
def test_an_upgrade_is_judged_like_any_request(bare_bed, protocol):
    upgrade = [
        (b"Connection", b"Upgrade, HTTP2-Settings"),
        (b"Upgrade", protocol),
        (b"HTTP2-Settings", b"AAMAAABkAAQAoAAAAAIAAAAA"),
    ]
    # Envoy itself refuses what no route offers, and does not care for h2c.
    ignored = protocol == b"h2c"
    assert Visitor(bare_bed, who=None).ask(fields=upgrade).refused == ("no_credentials" if ignored else None)
    visit = Visitor(bare_bed).ask(fields=upgrade)
    if ignored:
        assert not values(visit.passed, "upgrade") and not values(visit.passed, "http2-settings")
    else:
        assert visit.refused is None


def test_http_1_0_is_refused(bare_bed):
    with Wire(bare_bed.url, bare_bed.authority_file) as wire:
        assert wire.say(b"GET /api/v1/health HTTP/1.0\r\nHost: localhost\r\n\r\n").status == 426
