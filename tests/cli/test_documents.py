"""What the documents say of the command is what it does."""

import re
import shlex

import pytest
import yaml

from lab.paths import ROOT

PAGE = (ROOT / "docs/command-line.md").read_text()
FILES = dict(re.findall(r"^`([\w.-]+)`:\n\n```\w+\n(.*?)```", PAGE, re.S | re.M))
EXAMPLES = re.findall(r"```console\n\$ (.*?)\n(.*?)```", PAGE, re.S)


def test_the_examples_are_found():
    assert len(EXAMPLES) >= 6 and "airgate.yaml" in FILES
    commands = {shlex.split(command)[1] for command, _ in EXAMPLES}
    assert {"check", "schema", "keygen", "grant", "operations", "completion"} <= commands


@pytest.fixture
def folder(tmp_path, airgate):
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    return tmp_path


@pytest.mark.parametrize("number", range(len(EXAMPLES)), ids=[command.split()[1] for command, _ in EXAMPLES])
def test_an_example_prints_what_is_written(folder, airgate, number):
    command, expected = EXAMPLES[number]
    if "--key break-glass.jwk" in command:
        airgate("keygen", "--signing", "break-glass.jwk")
    ran = airgate(*shlex.split(command)[1:])
    # A terminal shows both; results first here.
    shown = ran.stdout + ran.stderr
    pattern = re.escape(expected).replace("…", ".*?")
    assert re.fullmatch(pattern, shown, re.S), shown


def test_the_drill_is_a_configuration(airgate):
    """... and each example of break-glass.md is an argument list that the command takes."""
    page = (ROOT / "docs/break-glass.md").read_text()
    [block] = re.findall(r"   ```yaml\n(.*?)```", page, re.S)
    part = yaml.safe_load(block)
    checked = airgate("check", "-", stdin=yaml.safe_dump({"external_url": "https://airbyte.example.com", **part}))
    assert checked.returncode == 0, checked.stdout
    airgate("keygen", "--signing", "break-glass.jwk", "--id", "safe-1")
    [grant] = re.findall(r"^airgate (grant .*?) > token", page, re.S | re.M)
    granted = airgate(*shlex.split(grant.replace("\\\n", "")))
    assert granted.returncode == 0, granted.stderr
