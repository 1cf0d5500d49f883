"""Headers: what a client says about itself arrives nowhere, what the gateway knows does."""

import pytest
from visitor import ECHO, Visitor, values

from lab.envoy import Options
from lab.wire import Wire, Wire2

WIRES = pytest.mark.parametrize("wire", [Wire, Wire2], ids=["HTTP/1.1", "HTTP/2"])

GATEWAY = [
    f"x-airgate-{name}"
    for name in "user email name groups role client auth route affinity request-id upstream pin retry anything".split()
]
# Airbyte believed these until 2026-06-10, and may believe the last ones in a later version.
AIRBYTE = [
    f"x-airbyte-{name}"
    for name in (
        "auth connection-id connection-ids destination-id job-id operation-id source-id source-definition-id user-id "
        "creator-user-id external-auth-id workspace-id workspace-ids config-id organization-id permission-id "
        "scope-type scope-id dataplane-group-id dataplane-id is-public-api version-id anything"
    ).split()
]
# What makes a server believe in another client or host,
FORWARDED = ["forwarded", "x-real-ip", *(f"x-forwarded-{name}" for name in "for host proto port prefix server".split())]
# path or method.
OVERRIDES = [
    "x-forwarded-path",
    "x-forwarded-uri",
    "x-original-url",
    "x-original-uri",
    "x-rewrite-url",
    "x-envoy-original-path",
    "x-http-method",
    "x-http-method-override",
    "x-method-override",
]
FORBIDDEN = GATEWAY + AIRBYTE + FORWARDED + OVERRIDES
HARMLESS = ["x-airbyte-analytic-source", "x-airbyte-version", "x-airgated", "x-airbyte", "x-request-start"]

SPELLINGS = {
    "plain": lambda name: name,
    "capitals": str.upper,
    "mixed": lambda name: "".join(letter.upper() if at % 2 else letter for at, letter in enumerate(name)),
    "underscores": lambda name: name.replace("-", "_"),
    "the first an underscore": lambda name: name.replace("-", "_", 1),
    "dots": lambda name: name.replace("-", "."),
    "the last an underscore": lambda name: "_".join(name.rsplit("-", 1)),
}
UNDERSCORED = [name for name in SPELLINGS if "underscore" in name]
IMITATIONS = [*UNDERSCORED, "dots"]
SAID = {"once": [b"mallory"], "twice": [b"mallory", b"mallory"], "empty": [b""], "empty and not": [b"", b"mallory"]}
REQUESTS = {
    "a caller": ("alice", {"target": ECHO}),
    "nobody on a public path": (None, {"target": b"/api/v1/health"}),
    "a preflight": ("alice", {"target": ECHO, "method": b"OPTIONS"}),
}


def spoofed(names: list[str], spelling: str, said: list[bytes]) -> list[list[tuple[bytes, bytes]]]:
    """In portions, since Envoy takes a hundred fields at once."""
    fields = [(SPELLINGS[spelling](name).encode(), value) for name in names for value in said]
    return [fields[at : at + 80] for at in range(0, len(fields), 80)]


def claims(arrived: dict) -> dict[str, list[str]]:
    """What some server would take for one of the forbidden names, without what differs each time."""
    names = {name.replace("-", "_") for name in FORBIDDEN} - {"x_airgate_affinity", "x_airgate_request_id"}
    found = {}
    for name, value in arrived["headers"]:
        if name.lower().replace("-", "_").replace(".", "_") in names:
            found.setdefault(name, []).append(value)
    return found


@pytest.mark.parametrize("said", SAID.values(), ids=SAID)
@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("who, request_parts", REQUESTS.values(), ids=REQUESTS)
@WIRES
def test_what_a_client_says_about_itself_does_not_arrive(bare_bed, wire, who, request_parts, spelling, said):
    names = [name for name in FORBIDDEN if name not in FORWARDED] if spelling in IMITATIONS else FORBIDDEN
    if wire is Wire2 and spelling in ("capitals", "mixed"):
        names = ["x-airgate-user"]
    visitor = Visitor(bare_bed, wire, who)
    truth = claims(visitor.ask(**request_parts).passed)
    for fields in spoofed(names, spelling, said):
        visit = visitor.ask(fields=fields, **request_parts)
        if names == ["x-airgate-user"]:
            assert visit.refused is None, "HTTP/2 has small letters only"
            continue
        assert claims(visit.passed) == truth
        assert "mallory" not in str(visit.arrived["headers"])


@pytest.mark.parametrize("spelling", IMITATIONS)
def test_forwarded_headers_with_underscores_do_not_arrive(bare_bed, spelling):
    visitor = Visitor(bare_bed)
    for fields in spoofed([name for name in FORWARDED if "-" in name], spelling, [b"mallory"]):
        assert "mallory" not in str(visitor.ask(fields=fields).passed["headers"])


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_the_example_lets_none_of_them_through(bed, spelling):
    visitor = Visitor(bed)
    truth = claims(visitor.ask().passed)
    for fields in spoofed(FORBIDDEN, spelling, [b"mallory"]):
        visit = visitor.ask(fields=fields)
        if spelling in UNDERSCORED:
            assert visit.refused is None and visit.answer.status == 400
        else:
            assert claims(visit.passed) == truth and "mallory" not in str(visit.arrived["headers"])


def test_the_gateway_tells_who_it_is(bed):
    headers = claims(Visitor(bed).ask().passed)
    assert headers == {
        "x-airgate-user": ["alice"],
        "x-airgate-email": ["alice@example.com"],
        "x-airgate-name": ["Alice Admin"],
        "x-airgate-groups": ["airbyte-admins"],
        "x-airgate-role": ["admin"],
        "x-airgate-client": ["airgate-cli"],
        "x-airgate-auth": ["bearer"],
        "x-airgate-route": ["api"],
        "x-forwarded-for": ["127.0.0.1"],
        "x-forwarded-host": [bed.url.removeprefix("https://")],
        "x-forwarded-proto": ["https"],
    }
    nobody = claims(Visitor(bed, who=None).ask(b"/api/v1/health").passed)
    assert [name for name in nobody if name.startswith("x-airgate-")] == ["x-airgate-route", "x-airgate-retry"]


@WIRES
def test_what_is_harmless_arrives(bare_bed, wire):
    arrived = Visitor(bare_bed, wire).ask(fields=[(name.encode(), b"kept") for name in HARMLESS]).passed
    assert [values(arrived, name) for name in HARMLESS] == [["kept"]] * len(HARMLESS)


@WIRES
def test_a_client_steers_nothing_of_envoys(bed, wire):
    """Nor does it choose the request's id: for all these a client would have to be internal, and nobody is."""
    names = [
        "x-envoy-internal",
        "x-envoy-external-address",
        "x-envoy-retry-on",
        "x-envoy-max-retries",
        "x-envoy-upstream-rq-timeout-ms",
        "x-envoy-upstream-rq-per-try-timeout-ms",
        "x-envoy-hedge-on-per-try-timeout",
        "x-envoy-decorator-operation",
        "x-request-id",
    ]
    for fields in ([(name.encode(), b"mallory") for name in names], []):
        arrived = Visitor(bed, wire).ask(fields=fields).passed
        assert "mallory" not in str(arrived["headers"])
        assert values(arrived, "x-envoy-internal") == []


@WIRES
def test_nobody_is_internal_even_if_nothing_is_removed(bare_bed, wire):
    "The same without the early mutation."
    visitor = Visitor(bare_bed, wire)
    steer = [(b"x-envoy-upstream-rq-timeout-ms", b"1"), (b"x-request-id", b"mallory"), (b"x-envoy-internal", b"true")]
    visit = visitor.ask(fields=[*steer, (b"x-standin-slow-seconds", b"0.1")])
    assert visit.answer.status == 200, "the client's timeout would have cut it"
    assert "mallory" not in str(visit.passed["headers"]) and not values(visit.passed, "x-envoy-internal")


@WIRES
def test_credentials_and_our_cookies_end_here(bare_bed, wire):
    ours = b"__Host-airgate-affinity=forged; __HOST-AIRGATE-session=1; __Secure-airgate-x=2"
    others = "JWT=a.b.c; theme=dark; airgate=mine; =; a=b=c; q=\"1\"; empty="
    mixed = [(b"cookie", ours + b"; " + others.encode()), (b"proxy-authorization", b"Bearer secret")]
    arrived = Visitor(bare_bed, wire).ask(fields=mixed).passed
    assert values(arrived, "cookie") == [others]
    assert not values(arrived, "authorization") and not values(arrived, "proxy-authorization")
    assert not values(Visitor(bare_bed, wire).ask(fields=[(b"cookie", ours)]).passed, "cookie")
    untouched = Visitor(bare_bed, wire).ask(fields=[(b"cookie", b" a=1;b=2 ;  c")]).passed
    assert values(untouched, "cookie") == ["a=1;b=2 ;  c"]
    public = [(b"authorization", b"Bearer secret"), (b"cookie", ours)]
    arrived = Visitor(bare_bed, wire, who=None).ask(b"/api/v1/health", public).passed
    assert not values(arrived, "authorization") and not values(arrived, "cookie")


@WIRES
def test_several_cookie_fields_are_one_list(bare_bed, wire):
    fields = [(b"cookie", b"a=1; __Host-airgate-affinity=x"), (b"cookie", b"b=2"), (b"cookie", b"__Host-airgate-y=z")]
    assert values(Visitor(bare_bed, wire).ask(fields=fields).passed, "cookie") == ["a=1; b=2"]


def test_upstream_mode_pass(open_bed):
    "Authorization is Airbyte's, and the gateway's token comes in Proxy-Authorization."
    bed = open_bed(Options(plugin={"upstream": {"mode": "pass"}}))
    nobody = Visitor(bed, who=None)
    token = (b"proxy-authorization", f"Bearer {bed.token('alice')}".encode())
    for sent in ("Bearer airbytes.own.token", "Basic YTpi", "anything at all"):
        arrived = nobody.ask(fields=[token, (b"authorization", sent.encode())]).passed
        assert values(arrived, "authorization") == [sent]
        assert values(arrived, "x-airgate-user") == ["alice"] and not values(arrived, "proxy-authorization")
    assert not values(nobody.ask(fields=[token]).passed, "authorization")
    # The gateway's own token in Airbyte's place is no credential here.
    assert Visitor(bed).ask().refused == "no_credentials"


def test_identity_headers_can_be_chosen(open_bed):
    bed = open_bed(Options(plugin={"upstream": {"identity_headers": ["user", "groups"]}}))
    visitor = Visitor(bed)
    arrived = visitor.ask(fields=[(f"x-airgate-{name}".encode(), b"mallory") for name in ("email", "role")]).passed
    said = sorted(name for name, _ in arrived["headers"] if name.startswith("x-airgate-"))
    assert said == ["x-airgate-affinity", "x-airgate-groups", "x-airgate-route", "x-airgate-user"]


@WIRES
def test_one_request_id_everywhere(bed, wire):
    visitor = Visitor(bed, wire)
    passed = visitor.ask()
    (upstream,), (envoys,) = values(passed.passed, "x-airgate-request-id"), values(passed.passed, "x-request-id")
    assert upstream == envoys
    assert visitor.logged(upstream)["enduser.id"] == "alice"
    refused = Visitor(bed, wire, who=None).ask(fields=[(b"x-request-id", b"mallory")])
    body, header = refused.answer.json()["request_id"], refused.answer.header("x-request-id")
    assert body == header != "mallory"
    assert visitor.logged(body)["airgate.reason"] == "no_credentials"
