"""Cookies that are no session: each is as good as none, and is taken away."""

import json
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from session.client import (
    ATTEMPT,
    ID_TOKEN,
    SESSION,
    Client,
    Cookies,
    attempts,
    said_to_airbyte,
    signed_in,
    started,
    unauthorized,
)
from session.conftest import KEY
from session.set_cookie import read_set_cookie, set_cookies
from visitor import ECHO

from lab import Bed
from lab.bootstrap import Bootstrap
from lab.envoy import Options
from lab.wire import Answer, Wire, Wire2

CHUNKS = (SESSION, f"{SESSION}-1", f"{SESSION}-2")
AFFINITY = "__Host-airgate-affinity"
NEW_KEY = "AIRGATE_NEW_SESSION_KEY"
# Groups that make a session of one, two and three cookies. Two people have sessions of two.
CROWD = {"alice": 0, "gustav": 150, "hannah": 150, "ida": 220}


@pytest.fixture(scope="module")
def crowd(bed, parts) -> dict[str, Cookies]:
    """Sessions by their number of cookies; the second of two is `other`."""
    for who, count in CROWD.items():
        if count:
            groups = [f"airbyte-department-{number:03}-{who}" for number in range(count)]
            parts.provider.change(accounts={who: {"email": f"{who}@example.com", "groups": groups}})
    people = {who: signed_in(bed, who) for who in CROWD}
    assert [[*session] for session in people.values()] == [[*CHUNKS[:count]] for count in (1, 2, 2, 3)]
    return {"one": people["alice"], "two": people["gustav"], "other": people["hannah"], "three": people["ida"]}


@pytest.fixture(scope="module")
def elsewhere(open_bed) -> Bed:
    """Another gateway with the same key, which keeps ID tokens too. Its configuration changes while it runs."""

    def configure(bootstrap: Bootstrap) -> None:
        bootstrap.plugin_config["session"]["keep_id_token"] = True
        bootstrap.plugin["vm_config"]["environment_variables"]["host_env_keys"].append(NEW_KEY)

    environment = {**KEY, NEW_KEY: secrets.token_urlsafe(32)}
    return open_bed(Options(bootstrap=configure, environment=environment, reloadable=True))


@contextmanager
def reloaded(bed: Bed, **plugin) -> Iterator[None]:
    """The same gateway with another configuration, for a while."""
    usual = {name: bed.envoy.bootstrap.plugin_config[name] for name in plugin}
    assert bed.envoy.reload(plugin=plugin)
    try:
        yield
    finally:
        assert bed.envoy.reload(plugin=usual)


OLD, NEW = ("k1", "AIRGATE_SESSION_KEY"), ("k2", NEW_KEY)


def ring(*keys: tuple[str, str]) -> dict:
    """A key ring: the first seals."""
    return {"keys": [{"id": name, "secret": {"env": variable}} for name, variable in keys]}


def no_session(bed: Bed, cookies: Cookies, line: bytes | None = None) -> None:
    """These cookies open nothing: a page begins a login, a call is told so, and both answers take them away."""
    sent = [name for name in cookies if name in CHUNKS]
    client = Client(bed) if line is not None else Client(bed, cookies)
    fields = [(b"cookie", line)] if line is not None else []
    page = client.navigate(b"/workspaces?tab=1", fields)
    started(page, bed.issuer)
    taken_away(page, sent)
    call = client.fetch(fields=fields)
    assert call.refused == "session_ended", call.answer
    unauthorized(bed, call.answer)
    taken_away(call.answer, sent)


def taken_away(answer: Answer, names: list[str]) -> None:
    expired = {field.name for field in set_cookies(answer) if field.expires}
    assert {*names} <= expired, f"{names} are not expired: {answer.all('set-cookie')}"
    assert not any(field.name in CHUNKS and field.value for field in set_cookies(answer)), "a new session"


def is_signed_in(bed: Bed, cookies: Cookies, who: str = "alice") -> None:
    assert said_to_airbyte(Client(bed, cookies).fetch(), "x-airgate-user") == [who]


def test_the_sessions_themselves(bed, crowd):
    """So that the rest of this file means something."""
    for size, who in (("one", "alice"), ("two", "gustav"), ("other", "hannah"), ("three", "ida")):
        for _ in range(2):
            is_signed_in(bed, crowd[size], who)
    assert [crowd[size][SESSION][:2] for size in ("one", "two", "three")] == [b"1.", b"2.", b"3."]


def test_whatever_its_order_and_company(bed, crowd):
    backwards = dict(reversed(crowd["three"].items()))
    is_signed_in(bed, {"a": b"b", **backwards, "c": b"\xe4", "airgate": b"x"}, "ida")


@pytest.mark.parametrize("size", ["one", "two", "three"])
def test_bit_flips(bed, crowd, size):
    """Over all of it, in other bits from place to place. What is no header value any more, Envoy refuses: not tried."""
    good = crowd[size]
    for name, value in good.items():
        for place in range(0, len(value), len(value) // 20):
            bit = next(1 << (place + turn) % 8 for turn in range(8) if 0x20 < value[place] ^ 1 << (place + turn) % 8 != 0x7F)
            flipped = bytes([*value[:place], value[place] ^ bit, *value[place + 1 :]])
            no_session(bed, {**good, name: flipped})


@pytest.mark.parametrize("size", ["one", "two", "three"])
def test_cut_and_grown(bed, crowd, size):
    good = crowd[size]
    for name, value in good.items():
        for length in (0, 1, 2, len(value) // 2, len(value) - 1):
            no_session(bed, {**good, name: value[:length]})
        for changed in (value[1:], value + b"A", value + b".", value + b"=", b" ".join([value, value]), value + value[2:]):
            no_session(bed, {**good, name: changed})


def swapped(good: Cookies, one: int, other: int) -> Cookies:
    return {**good, CHUNKS[one]: good[CHUNKS[other]], CHUNKS[other]: good[CHUNKS[one]]}


def without(good: Cookies, index: int) -> Cookies:
    return {name: value for name, value in good.items() if name != CHUNKS[index]}


def counted(good: Cookies, count: bytes) -> Cookies:
    return {**good, SESSION: count + good[SESSION][1:]}


MIXED = {
    "the first of two missing": lambda crowd: without(crowd["two"], 0),
    "the second of two missing": lambda crowd: without(crowd["two"], 1),
    "the first of three missing": lambda crowd: without(crowd["three"], 0),
    "the second of three missing": lambda crowd: without(crowd["three"], 1),
    "the third of three missing": lambda crowd: without(crowd["three"], 2),
    "an empty one too many": lambda crowd: {**crowd["one"], CHUNKS[1]: b""},
    "one too many": lambda crowd: {**crowd["one"], CHUNKS[1]: crowd["two"][CHUNKS[1]]},
    "a gap": lambda crowd: {**crowd["one"], CHUNKS[2]: crowd["three"][CHUNKS[2]]},
    "a third to two": lambda crowd: {**crowd["two"], CHUNKS[2]: crowd["three"][CHUNKS[2]]},
    "two swapped": lambda crowd: swapped(crowd["two"], 0, 1),
    "the later of three swapped": lambda crowd: swapped(crowd["three"], 1, 2),
    "one of them twice": lambda crowd: {**crowd["three"], CHUNKS[2]: crowd["three"][CHUNKS[1]]},
    "the second of another person": lambda crowd: {**crowd["two"], CHUNKS[1]: crowd["other"][CHUNKS[1]]},
    "the first of another person": lambda crowd: {**crowd["two"], CHUNKS[0]: crowd["other"][CHUNKS[0]]},
    "a whole other person on top": lambda crowd: {**crowd["three"], **crowd["two"]},
    "fewer claimed": lambda crowd: counted(crowd["two"], b"1"),
    "more claimed": lambda crowd: counted(crowd["two"], b"3"),
    "none claimed": lambda crowd: counted(crowd["one"], b"0"),
    "nine claimed": lambda crowd: counted(crowd["three"], b"9"),
    "no count": lambda crowd: {SESSION: crowd["one"][SESSION][2:]},
    "a long count": lambda crowd: counted(crowd["one"], b"01"),
}


@pytest.mark.parametrize("mix", MIXED.values(), ids=MIXED)
def test_chunks(bed, crowd, mix):
    no_session(bed, mix(crowd))


@pytest.mark.parametrize("who", ["gustav", "hannah"])
def test_two_sessions_of_one_person(bed, crowd, who):
    """Nothing of one belongs to the other, whosever they are."""
    one, other = crowd["two" if who == "gustav" else "other"], signed_in(bed, who)
    no_session(bed, {**one, CHUNKS[1]: other[CHUNKS[1]]})


def header(**members: object) -> bytes:
    """The count, and how a JWE begins."""
    return b"1." + base64url(json.dumps(members).encode())


def base64url(data: bytes) -> bytes:
    return urlsafe_b64encode(data).rstrip(b"=")


GARBAGE = {
    "empty": b"",
    "a dot": b".",
    "a count": b"1.",
    "two counts": b"1.1.",
    "bytes above 0x7f": b"1." + bytes(range(0x80, 0x100)),
    "broken UTF-8": b"1.\xc3\x28\xed\xa0\x80\xff",
    "text that is not ASCII": "1.schlüssel".encode(),
    "a UTF-8 count": "¹.x".encode(),
    "4 kB": b"1." + b"A" * 4094,
    "4 kB of dots": b"." * 4096,
    "4 kB of high bytes": b"\xff" * 4096,
    "12 kB": b"1." + b"A" * 12_000,
    "five parts": b"1.a.b.c.d.e",
    "a JWT": header(alg="none") + b".eyJzdWIiOiJhbGljZSJ9.",
    "no algorithm": header(alg="none", enc="A256GCM") + b"....",
    "another algorithm": header(alg="dir", enc="A256GCM", kid="k1") + b"..AAAAAAAAAAAAAAAA.AA.AAAAAAAAAAAAAAAAAAAAAA",
    "compressed": header(alg="A256KW", enc="A256GCM", kid="k1", zip="DEF") + b".AA.AA.AA.AA",
    "a key with a path": header(alg="A256KW", enc="A256GCM", kid="../../etc/passwd") + b".AA.AA.AA.AA",
    "a header without end": b"1." + base64url(b'{"kid":' + b"[" * 2500) + b".AA.AA.AA.AA",
    "a password-based key": header(alg="PBES2-HS256+A128KW", p2c=2_000_000_000, p2s="AAAA", enc="A256GCM") + b".AA.AA.AA.AA",
    "quotes": b'"1.x"',
    "an equals sign": b"=1.x",
}


@pytest.mark.parametrize("value", GARBAGE.values(), ids=GARBAGE)
def test_garbage(bed, value):
    for name in CHUNKS:
        no_session(bed, {name: value})


@pytest.mark.parametrize("seed", range(4))
def test_garbage_of_every_byte(bed, seed):
    """4 kB of whatever a header may be made of."""
    allowed = bytes(byte for byte in range(0x21, 0x100) if byte not in b"\x7f;")
    value = bytes(allowed[(place * (seed + 7) + place // 5) % len(allowed)] for place in range(4096))
    no_session(bed, {SESSION: value})
    no_session(bed, {SESSION: b"2." + value[:3798], CHUNKS[1]: value[3798:]})


@pytest.mark.parametrize("wire", [Wire, Wire2], ids=["HTTP/1.1", "HTTP/2"])
def test_the_first_of_two_with_one_name_counts(bed, alice, wire):
    """In one line and in two: browsers send the more special first."""
    good, bad = (f"{SESSION}=".encode() + value for value in (alice[SESSION], b"1.bad"))
    for first, second, signed in ((good, bad, True), (good, good, True), (bad, good, False)):
        for fields in ([(b"cookie", first + b"; " + second)], [(b"cookie", first), (b"cookie", second)]):
            visit = Client(bed, wire=wire).fetch(fields=fields)
            if signed:
                assert said_to_airbyte(visit, "x-airgate-user") == ["alice"] and not said_to_airbyte(visit, "cookie")
            else:
                assert visit.refused == "session_ended"
                taken_away(visit.answer, [SESSION])


def test_names_that_are_not_ours_are_no_session(bed, alice):
    for name in ("airgate-session", SESSION.lower(), f"{SESSION}-3", f"{SESSION}-0", f"x{SESSION}"):
        call = Client(bed, {name: alice[SESSION]}).fetch()
        assert call.refused == "no_credentials"
        assert not set_cookies(call.answer)


# Whose seal it is, and what for


def test_another_host(bed, elsewhere, alice):
    """The same key, another external_url. As soon as that is the same too, the session is good."""
    no_session(elsewhere, alice)
    no_session(bed, signed_in(elsewhere))
    with reloaded(elsewhere, external_url=bed.url):
        is_signed_in(elsewhere, alice)
    no_session(elsewhere, alice)


def test_an_old_key(elsewhere):
    """It opens as long as it is in the ring, and another one of its name does not."""
    session = signed_in(elsewhere)
    for keys, opens in (((OLD, NEW), True), ((NEW, OLD), True), ((NEW,), False), ((("k1", NEW_KEY),), False), ((OLD,), True)):
        with reloaded(elsewhere, session=ring(*keys)):
            (is_signed_in if opens else no_session)(elsewhere, session)


def test_another_purpose(bed, elsewhere, alice):
    """Everything else that the gateway seals: a login in flight and its state, the affinity, an ID token."""
    begun = Client(bed).navigate(b"/")
    (attempt,) = attempts(begun)
    state = begun.header("location").partition("state=")[2].partition("&")[0]
    (affinity,) = [field.value for field in set_cookies(Client(bed, alice).fetch().answer) if field.name == AFFINITY]
    for sealed in (attempt.value, state, affinity):
        no_session(bed, {SESSION: b"1." + sealed.encode()})
    surfer = elsewhere.surfer()
    surfer.sign_in("alice")
    no_session(elsewhere, {SESSION: b"1." + surfer.cookies[ID_TOKEN].encode()})


def test_a_session_is_no_login_in_flight(bed, alice):
    """Nor anything else of ours: it counts under its own name."""
    sealed = alice[SESSION][2:]
    for name in (f"{ATTEMPT}0", ID_TOKEN, AFFINITY):
        started(Client(bed, {name: sealed}).navigate(b"/"), bed.issuer)
        assert Client(bed, {name: sealed}).fetch().refused == "no_credentials"
    callback = Client(bed, {f"{ATTEMPT}0": sealed}).navigate(b"/.airgate/callback/corp?code=x&state=" + sealed)
    assert callback.status == 400 and not any(field.name in CHUNKS for field in set_cookies(callback))


# What the gateway sets, and what it keeps to itself


def test_every_cookie_of_a_session_s_life(elsewhere):
    """From the first redirect to the sign-out: for this host, over TLS, for no script, and nothing stays behind."""
    surfer = elsewhere.surfer()
    asked = surfer.navigate("/workspaces")
    landed = surfer.finish("alice", asked)
    out = surfer.submit(surfer.navigate("/.airgate/me"))
    lines = [
        line
        for answer in (*asked.history, *landed.history, landed, *out.history, out)
        if str(answer.url).startswith(elsewhere.url)
        for line in answer.headers.get_list("set-cookie")
    ]
    ours = [field for field in map(read_set_cookie, lines) if field.is_ours]
    for field in ours:
        field.assert_safe()
    set_names = {field.name for field in ours if not field.expires}
    expired = {field.name for field in ours if field.expires}
    assert SESSION in set_names and ID_TOKEN in set_names and any(name.startswith(ATTEMPT) for name in set_names)
    assert set_names - {AFFINITY} <= expired, "something stays behind"
    assert all(field.attributes.get("max-age") == "600" for field in ours if field.name.startswith(ATTEMPT) and field.value)
    assert all("max-age" not in field.attributes for field in ours if field.name in (*CHUNKS, ID_TOKEN) and field.value)


OURS = {f"{ATTEMPT}0": b"x", f"{ATTEMPT}1": b"x", f"{ATTEMPT}2": b"\xff", ID_TOKEN: b"x", AFFINITY: b"x"}


@pytest.mark.parametrize("wire", [Wire, Wire2], ids=["HTTP/1.1", "HTTP/2"])
def test_ours_never_reach_airbyte(bed, crowd, wire):
    for session in (crowd["one"], crowd["three"]):
        visit = Client(bed, {"a": b"b", **OURS, **session, "c": b"d"}, wire).fetch()
        assert said_to_airbyte(visit, "cookie") == ["a=b; c=d"]
        assert "airgate-session" not in str(visit.passed) and "airgate-login" not in str(visit.passed)
        alone = Client(bed, {**OURS, **session}, wire).fetch()
        assert said_to_airbyte(alone, "cookie") == []


def test_nor_beside_a_bearer_token_or_on_public_paths(bed, alice):
    everything = {"a": b"b", **OURS, **alice, CHUNKS[1]: b"x"}
    assert said_to_airbyte(Client(bed, everything, who="bob").fetch(), "cookie") == ["a=b"]
    assert said_to_airbyte(Client(bed, everything).fetch(b"/api/v1/health"), "cookie") == ["a=b"]


@pytest.mark.parametrize(
    "line", [b"a=b;%s", b" %s ;a=b", b"a=b; %s; ", b";;%s;;a=b", b"%s\t;a=b", b"a=b; %s;%s"], ids=lambda line: repr(line)
)
def test_however_they_are_spaced(bed, alice, line):
    pair = f"{SESSION}=".encode() + alice[SESSION]
    visit = Client(bed).fetch(fields=[(b"cookie", line.replace(b"%s", pair))])
    assert said_to_airbyte(visit, "x-airgate-user") == ["alice"] and said_to_airbyte(visit, "cookie") == ["a=b"]


def test_a_session_is_not_set_anew_with_each_answer(bed, alice):
    """A cookie that is fresh goes on."""
    client = Client(bed, alice)
    for _ in range(3):
        assert not [field for field in set_cookies(client.fetch(ECHO).answer) if field.name in CHUNKS]
