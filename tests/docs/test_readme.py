"""What README.md shows runs as it is written, against a running demo; and what access.md says a refusal is, comes."""

import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import yaml
from docs.checks import configuration
from docs.commands import TARGETS
from docs.markdown import BLOCKS, Block

from lab import demo
from lab.paths import ROOT
from lab.provider import access_token
from lab.tls import trusting


def blocks(page: str, language: str) -> list[Block]:
    return [block for block in BLOCKS if (block.page, block.language) == (page, language)]


TWO_COMMANDS, CURL, PYTHON = blocks("README.md", "sh")


@pytest.fixture(scope="module", autouse=True)
def running() -> Iterator[None]:
    """The demo. One that somebody runs already stays as it is."""
    own = not demo.running()
    assert not own or demo.up() == 0
    yield
    if own:
        demo.down()


def bash(text: str) -> str:
    # As in a terminal, not as below a make.
    environment = {name: value for name, value in os.environ.items() if "MAKE" not in name and name != "MFLAGS"}
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", text],
        cwd=ROOT, env=environment, capture_output=True, text=True, timeout=50, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_two_commands_are_targets():
    assert re.findall(r"^make (\S+)", TWO_COMMANDS.text, re.M) == ["demo", "test"] and {"demo", "test"} <= TARGETS


def test_the_calls_are_answered_as_it_says():
    [begin, *calls] = re.split(r"^(?=curl)", CURL.text, flags=re.M)
    nobody, alice, echo, carol = (bash(begin + call) for call in calls)
    assert nobody.startswith("HTTP/") and nobody.split()[1] == "401"
    assert json.loads(alice)["data"]
    seen = {name.lower(): value for name, value in json.loads(echo)["headers"]}
    assert seen["x-airgate-user"] == "alice" and "authorization" not in seen
    assert json.loads(carol)["operation"] == "publicDeleteSource" and json.loads(carol)["status"] == 403


def test_the_sdk_lists_workspaces_and_starts_a_sync():
    printed = bash(PYTHON.text)
    assert re.search(r"^workspace \S", printed, re.M) and re.search(r"^sync \d+ \w+$", printed, re.M)


def test_the_policy_is_the_one_that_access_explains():
    policy = next(block for block in blocks("README.md", "yaml") if block.text.startswith("access:"))
    assert policy.text == blocks("docs/access.md", "yaml")[0].text
    configuration(yaml.safe_load(policy.text))


def test_a_refusal_is_as_shown():
    """docs/access.md"""
    [shown] = blocks("docs/access.md", "json")
    environment = demo.running()
    authority = Path(environment["CA_CERT"])
    token = access_token(environment["ISSUER"], authority, "carol")
    with httpx.Client(base_url=environment["GATEWAY_URL"], verify=trusting(authority)) as client:
        answer = client.post("/api/v1/connections/delete", headers={"authorization": f"Bearer {token}"}, json={})
    assert answer.status_code == 403 and {**answer.json(), "request_id": "…"} == json.loads(shown.text)
