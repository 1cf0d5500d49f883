"""Nothing a client sends may trap the module: every byte, and a lot of them, each time followed by a good request."""

from collections.abc import Iterator

import pytest
from visitor import ECHO, Visit, Visitor, values

from lab.envoy import NEWEST
from lab.wire import Fields, Wire, Wire2

EVERY_BYTE = [bytes([number]) for number in range(256)]
AFFINITY = b"__Host-airgate-affinity="
MUCH = 60_000


@pytest.fixture
def wire(envoy_version) -> type[Wire]:
    """Every byte costs time, so each protocol is tried on one of the Envoys."""
    return Wire2 if envoy_version == NEWEST else Wire


@pytest.fixture
def hardy(bare_bed, wire) -> Iterator[Visitor]:
    """Survives whatever the test does."""
    yield Visitor(bare_bed, wire)
    bare_bed.envoy.assert_no_trap()


@pytest.fixture
def well(bare_bed):
    """One good request, on a connection of its own."""
    client = bare_bed.client("alice")

    def well() -> None:
        answer = client.get(ECHO.decode())
        assert answer.status_code == 200 and ["x-airgate-user", "alice"] in answer.json()["headers"], answer.text

    return well


def ask_and_be_well(visitor: Visitor, well, questions: list[dict]) -> list[Visit]:
    visits = []
    for question in questions:
        visits.append(visitor.ask(**question))
        well()
    return visits


def test_every_byte_in_values(hardy, well):
    "It arrives as it was sent, unless it cannot stand in a header at all."

    def fields(byte: bytes) -> Fields:
        value = b"a" + byte + b"b"
        names = (b"x-any", b"user-agent", b"accept", b"x-airgate-user", b"x-forwarded-for", b"x-request-id")
        return [*((name, value) for name in names), (b"cookie", b"c=" + value + b"; " + AFFINITY + value)]

    visits = ask_and_be_well(hardy, well, [{"fields": fields(byte)} for byte in EVERY_BYTE])
    for byte, visit in zip(EVERY_BYTE, visits, strict=True):
        if not visit.arrived:
            assert visit.refused is None and (byte < b" " or byte == b"\x7f"), byte
            continue
        # Of a carriage return nothing arrives: Envoy's HTTP/1 codec drops it.
        value = "a" + byte.decode("latin1").strip("\r") + "b"
        assert values(visit.passed, "x-any") == values(visit.passed, "user-agent") == [value], byte
        assert values(visit.passed, "cookie") == (["c=a; b; b"] if byte == b";" else [f"c={value}"]), byte
        assert values(visit.passed, "x-airgate-user") == ["alice"], byte


def test_every_byte_in_credentials(hardy, well):
    visitor = Visitor(hardy.bed, hardy.wire, who=None)
    token = hardy.bed.token("alice").encode()
    forms = [lambda byte: b"Bearer " + byte, lambda byte: b"Bearer " + token[:80] + byte + token[80:]]
    questions = [{"fields": [(b"authorization", form(byte))]} for form in forms for byte in EVERY_BYTE]
    for question, visit in zip(questions, ask_and_be_well(visitor, well, questions), strict=True):
        if visit.arrived:
            assert b"\r" in question["fields"][0][1], "which Envoy's HTTP/1 codec drops"
        else:
            assert visit.refused in (None, "malformed_credentials") or visit.answer.status == 401, question


def test_every_byte_in_names(hardy, well):
    token = set(b"!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz")
    questions = [{"fields": [(b"x" + byte + b"y", b"value")]} for byte in EVERY_BYTE]
    for byte, visit in zip(EVERY_BYTE, ask_and_be_well(hardy, well, questions), strict=True):
        if byte[0] in token:
            assert values(visit.passed, f"x{byte.decode()}y") == ["value"], byte
        elif visit.arrived:
            # What HTTP/1 takes for another field: a capital letter, or the end of a name or of a line.
            assert byte.isupper() or byte in b":\n", byte
        else:
            assert visit.refused is None, byte


def test_every_byte_in_paths(hardy, well):
    "Judged and forwarded alike, or refused; the rest of the test of paths is in test_paths.py."
    targets = [ECHO + b"/a" + byte + b"b" for byte in EVERY_BYTE]
    targets += [ECHO + b"/a%%%02xb" % byte[0] for byte in EVERY_BYTE]
    for target, visit in zip(targets, ask_and_be_well(hardy, well, [{"target": one} for one in targets]), strict=True):
        if visit.arrived:
            assert visit.arrived["url"].isascii() and visit.arrived["url"].startswith(ECHO.decode() + "/a"), target
        else:
            reason = visit.refused
            assert reason is None or reason.startswith("path_"), target


def test_every_byte_in_queries(hardy, well):
    targets = [ECHO + b"?a" + byte + b"b" for byte in EVERY_BYTE]
    for target, visit in zip(targets, ask_and_be_well(hardy, well, [{"target": one} for one in targets]), strict=True):
        if visit.arrived:
            assert visit.arrived["url"].encode("latin1") == target
        else:
            assert visit.refused in (None, "path_fragment"), target


def test_every_byte_in_hosts(hardy, well):
    questions = [{"host": b"a" + byte + b"b"} for byte in EVERY_BYTE]
    for byte, visit in zip(EVERY_BYTE, ask_and_be_well(hardy, well, questions), strict=True):
        if visit.arrived:
            assert byte > b" " and byte not in b",@/?#\\" and byte < b"\x7f" or byte == b"\r", byte
        else:
            assert visit.refused in (None, "bad_authority"), byte


LARGE = {
    "one field": {"fields": [(b"x-large", b"v" * MUCH)]},
    "ninety fields": {"fields": [(b"x-large-%d" % at, b"v" * (MUCH // 90)) for at in range(90)]},
    "ninety fields of one name": {"fields": [(b"x-airgate-user", b"v" * (MUCH // 90))] * 90},
    "a long name": {"fields": [(b"x-" + b"n" * MUCH, b"v")]},
    "one cookie": {"fields": [(b"cookie", b"a=" + b"v" * MUCH)]},
    "an affinity cookie": {"fields": [(b"cookie", AFFINITY + b"v" * MUCH)]},
    "an affinity cookie of dots": {"fields": [(b"cookie", AFFINITY + b"." * MUCH)]},
    "ten thousand cookies": {"fields": [(b"cookie", b"a=b; " * (MUCH // 5))]},
    "semicolons": {"fields": [(b"cookie", b";" * MUCH)]},
    "affinity cookies": {"fields": [(b"cookie", (AFFINITY + b"x; ") * (MUCH // 27))]},
    "a path": {"target": ECHO + b"/x" * (MUCH // 2)},
    "an escaped path": {"target": ECHO + b"/%61" * (MUCH // 4)},
    "a query": {"target": ECHO + b"?" + b"q" * MUCH},
}


@pytest.mark.parametrize("question", LARGE.values(), ids=LARGE)
def test_large_headers_pass(hardy, well, question):
    (visit,) = ask_and_be_well(hardy, well, [question])
    assert visit.answer.status == 200 and values(visit.passed, "x-airgate-user") == ["alice"]


def test_large_credentials_are_refused(hardy, well):
    visitor = Visitor(hardy.bed, hardy.wire, who=None)
    sent = [b"Bearer " + filling * (MUCH // len(filling)) for filling in (b"v", b".", b"a.b.c.", b" ", b",", b"Bearer ")]
    for visit in ask_and_be_well(visitor, well, [{"fields": [(b"authorization", value)]} for value in sent]):
        assert visit.refused and visit.answer.status in (400, 401)


def test_paths_to_refuse_are_refused_at_any_length(hardy, well):
    targets = [b"/" + filling * (MUCH // len(filling)) for filling in (b"/", b"../", b"%2e%2e/", b"%", b"%25", b";", b"%c3")]
    for visit in ask_and_be_well(hardy, well, [{"target": target} for target in targets]):
        assert visit.refused.startswith("path_") and visit.answer.status == 400
        assert len(visit.answer.body) < 1000


def test_the_example_refuses_what_airbyte_could_not_read(bed, wire):
    "24 KiB of headers, and a hundred fields."
    visitor = Visitor(bed, wire)
    assert visitor.ask(fields=[(b"x-large", b"v" * 20_000)]).passed
    for fields in ([(b"x-large", b"v" * 30_000)], [(b"x-%d" % at, b"v") for at in range(101)]):
        visit = visitor.ask(fields=fields)
        assert visit.refused is None and (visit.answer is None or visit.answer.status == 431)
