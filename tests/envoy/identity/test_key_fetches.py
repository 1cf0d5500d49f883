"""Providers that answer badly when they are asked for their keys: at start, and later when good keys are known.

All of them stand behind one Envoy and are bad at the same time, because what has to be waited for (backing off, at
most one refetch in ten seconds) can be waited for together. Each test looks at what became of one.
"""

import gzip
import json
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import httpx
import pytest
from identity.gate import Gate, case

from lab import until
from lab.forge import json_bytes, make_key, nested
from lab.rogue import Answer, Rogue, Site

JSON = {"content-type": "application/json"}
HTML = {"content-type": "text/html"}
PAGE = b"<!doctype html><title>Sign in</title><p>Your session has expired"
# As long as any request waits here; a provider that hangs is given up sooner.
WAIT, TIMEOUT = 3, 1


def redirect(status: int) -> Answer:
    return Answer(status, headers={"location": "/elsewhere"})


# A function makes the answer from the honest one.
HOSTILE_KEYS = {
    "500": Answer(500),
    "503 that is a good set": lambda truth: Answer(503, truth, JSON),
    "404": Answer(404, b"{}"),
    "403": Answer(403, PAGE, HTML),
    "204": Answer(204),
    "206 that is a good set": lambda truth: Answer(206, truth, JSON),
    "301": redirect(301),
    "302": redirect(302),
    "307": redirect(307),
    "308": redirect(308),
    "timeout": Answer(hold=True),
    "reset": Answer(reset=True),
    "gzip": lambda truth: Answer(200, gzip.compress(truth), {**JSON, "content-encoding": "gzip"}),
    "gzip that does not say so": lambda truth: Answer(200, gzip.compress(truth)),
    "a page": Answer(200, PAGE, HTML),
    "a page that says it is JSON": Answer(200, PAGE),
    "cut": lambda truth: Answer(200, truth[:-40], JSON, length=len(truth)),
    "half of the JSON": lambda truth: Answer(200, truth[:-40]),
    "20 MB of space": lambda truth: Answer(200, b" " * 20_000_000 + truth),
    "20 MB of keys": lambda truth: Answer(200, b'{"keys":[' + b"null," * 4_000_000 + truth.removeprefix(b'{"keys":[')),
    "2 MB": lambda truth: Answer(200, b" " * 2_000_000 + truth),
    "nothing": Answer(200),
    "null": Answer(200, b"null"),
    "a list": lambda truth: Answer(200, b"[" + truth + b"]"),
    "a text": lambda truth: Answer(200, json_bytes({"keys": truth.decode()})),
    "no keys": Answer(200, b"{}"),
    "no key": Answer(200, b'{"keys":[]}'),
    "keys are an object": lambda truth: Answer(200, json_bytes({"keys": {"0": json.loads(truth)["keys"][0]}})),
    "keys are null": Answer(200, b'{"keys":null}'),
    "no usable key": Answer(200, b'{"keys":[{"kty":"oct","k":"AAAA","kid":"x"},{"kty":"RSA","n":"AQ","e":"AQ"}]}'),
    "keys twice": lambda truth: Answer(200, truth[:-1] + b',"keys":[]}'),
    "a byte order mark": lambda truth: Answer(200, b"\xef\xbb\xbf" + truth),
    "UTF-16": lambda truth: Answer(200, truth.decode().encode("utf-16")),
    "bytes that are no text": lambda truth: Answer(200, truth.replace(b"sig", b"s\xff\xfe")),
    "nested 20,000 deep": Answer(200, b'{"keys":' + nested(20_000) + b"}"),
    "nested 400,000 deep and never closed": Answer(200, b'{"keys":' + b"[" * 400_000),
    "headers beyond all bounds": lambda truth: Answer(200, truth, {**JSON, "x-large": "x" * 300_000}),
    "two lengths": lambda truth: Answer(200, truth, {**JSON, "Content-Length": "5"}),
}

HOSTILE_DISCOVERY = {
    "another issuer": lambda truth: changed(truth, issuer="https://evil.rogue.test"),
    "the issuer with a slash": lambda truth: changed(truth, issuer=json.loads(truth)["issuer"] + "/"),
    "the issuer in upper case": lambda truth: changed(truth, issuer=json.loads(truth)["issuer"].upper()),
    "the issuer in a list": lambda truth: changed(truth, issuer=[json.loads(truth)["issuer"]]),
    "no issuer": lambda truth: changed(truth, issuer=None),
    "two issuers": lambda truth: Answer(200, truth[:-1] + b',"issuer":"https://evil.rogue.test"}'),
    "no place for keys": lambda truth: changed(truth, jwks_uri=None),
    "keys over plain HTTP": lambda truth: changed(truth, jwks_uri=json.loads(truth)["jwks_uri"].replace("https", "http")),
    "keys at a number": lambda truth: changed(truth, jwks_uri=7),
    "keys at a file": lambda truth: changed(truth, jwks_uri="file:///etc/passwd"),
    "keys at nothing": lambda truth: changed(truth, jwks_uri=""),
    "keys at a path": lambda truth: changed(truth, jwks_uri="/jwks"),
    "keys behind a user": lambda truth: changed(truth, jwks_uri="https://evil@x.rogue.test/jwks"),
    "keys behind a line feed": lambda truth: changed(truth, jwks_uri="https://x.rogue.test/jwks\r\nx-evil: 1"),
    "keys behind bytes": lambda truth: changed(truth, jwks_uri="https://x.rogue.test/\xff\0"),
    "keys at a host without any": lambda truth: changed(truth, jwks_uri="https://nowhere.rogue.test/jwks"),
    "discovery: 500": Answer(500),
    "discovery: 302": redirect(302),
    "discovery: timeout": Answer(hold=True),
    "discovery: reset": Answer(reset=True),
    "discovery: a page": Answer(200, PAGE, HTML),
    "discovery: gzip": lambda truth: Answer(200, gzip.compress(truth), {**JSON, "content-encoding": "gzip"}),
    "discovery: 20 MB": lambda truth: Answer(200, b" " * 20_000_000 + truth),
    "discovery: nested 20,000 deep": Answer(200, nested(20_000)),
    "discovery: a list": lambda truth: Answer(200, b"[" + truth + b"]"),
}

REFUSED_CONNECTION = "connection refused"
EVERY = [*HOSTILE_KEYS, *HOSTILE_DISCOVERY, REFUSED_CONNECTION]


def changed(document: bytes, **members) -> Answer:
    fields = {**json.loads(document), **members}
    return Answer(200, json_bytes({name: value for name, value in fields.items() if value is not None}))


@dataclass
class Story:
    """One provider, what makes it bad, and what its callers got at each time."""

    site: Site
    jwks: Answer | None = None
    discovery: Answer | None = None
    answers: dict[str, httpx.Response] = field(default_factory=dict)

    def bad(self) -> None:
        self.site.jwks, self.site.discovery = self.jwks, self.discovery
        self.site.hold()

    def good(self) -> None:
        self.site.jwks = self.site.discovery = None
        self.site.release()

    def rotate(self) -> None:
        key = make_key("ES256", f"{self.site.name}-2")
        self.site.signing.insert(0, key)
        self.site.keys.insert(0, key.jwk())


@pytest.fixture(scope="module")
def stories(rogue, refusing) -> dict[str, Story]:
    stories = {}
    for number, name in enumerate(HOSTILE_KEYS):
        site = rogue.site(f"keys-{number}")
        stories[name] = Story(site, jwks=answer_of(HOSTILE_KEYS[name], {"keys": site.keys}))
    for number, name in enumerate(HOSTILE_DISCOVERY):
        site = rogue.site(f"discovery-{number}")
        truth = {"issuer": site.issuer, "jwks_uri": site.issuer + "/jwks"}
        stories[name] = Story(site, discovery=answer_of(HOSTILE_DISCOVERY[name], truth))
    stories[REFUSED_CONNECTION] = Story(refusing.site("refusing"))
    return stories


def answer_of(made, truth: dict) -> Answer:
    return made(json_bytes(truth)) if callable(made) else made


@pytest.fixture(scope="module")
def refusing(parts):
    with Rogue(parts.authority, "refusing") as rogue:
        yield rogue


@pytest.fixture(scope="module")
def told(gates, rogue, refusing, stories) -> Gate:
    """Tells all stories: bad at start, good, bad again with keys known, good again."""
    for story in stories.values():
        story.bad()
    refusing.stop()
    patience = {"wait": f"{WAIT}s", "timeout": f"{TIMEOUT}s"}
    # One worker: which of two has which keys would be luck.
    providers = [story.site.provider(keys=patience) for story in stories.values()]
    gate = gates([rogue, refusing], providers, concurrency=1)

    ask_all(gate, stories, "at start")
    refusing.start()
    for story in stories.values():
        story.good()
    until_all(gate, stories, "recovered", 20)
    recovered = time.monotonic()

    spare = {name: story.site.token() for name, story in stories.items()}
    for story in stories.values():
        story.bad()
        story.rotate()
    refusing.stop()
    # Until then, ten seconds since the last fetch, an unknown key is an unknown key.
    until(lambda: time.monotonic() - recovered > 10.5, 12, "the refetch being allowed again", every=0.1)
    ask_all(gate, stories, "a new key")
    for name, story in stories.items():
        story.answers["an old key"] = gate.ask(spare[name])
    refusing.start()
    for story in stories.values():
        story.good()
    until_all(gate, stories, "recovered again", 20)
    return gate


def ask_all(gate: Gate, stories: dict[str, Story], when: str) -> None:
    """Side by side: some of them wait."""
    with ThreadPoolExecutor(8) as pool:
        asked = {name: pool.submit(gate.ask, story.site.token()) for name, story in stories.items()}
    for name, future in asked.items():
        stories[name].answers[when] = future.result()


def until_all(gate: Gate, stories: dict[str, Story], when: str, timeout: float) -> None:
    """Asks everybody until everybody lets in, or time is up; who does not shows in its own test."""

    def all_pass() -> bool:
        waiting = [name for name, story in stories.items() if not passed(story.answers.get(when))]
        for name in waiting:
            stories[name].answers[when] = gate.ask(stories[name].site.token())
        return not waiting

    try:
        until(all_pass, timeout, "every provider's recovery", every=0.3)
    except AssertionError:
        pass


def passed(answer: httpx.Response | None) -> bool:
    return answer is not None and answer.status_code == 200


def unavailable(gate: Gate, answer: httpx.Response) -> None:
    gate.refused(answer, 503, "temporarily_unavailable", "provider_unavailable")
    assert 1 <= int(answer.headers["retry-after"]) <= 60
    assert "www-authenticate" not in answer.headers
    assert answer.elapsed.total_seconds() < WAIT + 1.5


@pytest.mark.timeout(120)
@pytest.mark.parametrize("name", [case(name, name) for name in EVERY])
def test_a_bad_answer_locks_out_nobody_for_long_and_lets_nobody_in(told, stories, name):
    answers = stories[name].answers
    unavailable(told, answers["at start"])
    told.passed(answers["recovered"])
    # Whoever has learnt where the keys are need not ask for that again, and there all is well.
    if not (name in HOSTILE_DISCOVERY and passed(answers["a new key"])):
        unavailable(told, answers["a new key"])
    told.passed(answers["an old key"])
    told.passed(answers["recovered again"])


def test_no_redirect_is_followed(told, stories):
    for name, story in stories.items():
        assert story.site.hits["/elsewhere"] == 0, name


def test_retries_back_off(told, stories):
    """Bad for some seconds twice, with two VMs (one worker and the main thread) that ask."""
    for name in ("500", "a page", "gzip"):
        assert stories[name].site.hits["/jwks"] < 30, f"{name}: {stories[name].site.hits}"
