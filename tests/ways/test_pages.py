"""What the pages say of airgate's configuration holds, and no flag of oauth2-proxy is forgotten."""

import json
import re
import subprocess
from fnmatch import fnmatchcase
from pathlib import Path

import pytest
import yaml
from pages import FROM_OAUTH2_PROXY, PAGES, configurations, rows

from lab.paths import BUILD, ROOT

SCHEMA = json.loads((ROOT / "docs/airgate.schema.json").read_text())
# Of oauth2-proxy 7.15, as its documentation lists them, and those of some providers' pages.
FLAGS = (Path(__file__).parent / "flags.txt").read_text().split()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_configuration_is_one(page):
    assert (shown := configurations(page))
    for configuration in shown:
        command = [BUILD / "airgate", "check", "-"]
        text = yaml.safe_dump(configuration)
        checked = subprocess.run(command, input=text, capture_output=True, text=True, timeout=30)
        assert checked.returncode == 0, checked.stdout


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_field_exists(page):
    named = re.findall(rf"`((?:{'|'.join(SCHEMA['properties'])})(?:\[\])?\.[\w.\[\]]+)", page.read_text())
    # A file of the repository is no field.
    fields = {name for name in named if not name.endswith((".md", ".yaml"))}
    assert len(fields) >= 4
    assert not [field for field in fields if not exists(field)]


def exists(field: str) -> bool:
    place = SCHEMA
    for name in field.replace("[]", "").split("."):
        place = resolved(place)
        place = resolved(place.get("items", place)).get("properties", {}).get(name)
        if place is None:
            return False
    return True


def resolved(schema: dict) -> dict:
    """Through references, and with the object out of several forms that a field may have."""
    if "$ref" in schema:
        return resolved(SCHEMA["$defs"][schema["$ref"].rpartition("/")[2]])
    forms = [resolved(form) for form in [*schema.get("oneOf", []), *schema.get("anyOf", []), *schema.get("allOf", [])]]
    properties = {name: value for form in [*forms, schema] for name, value in form.get("properties", {}).items()}
    return {**schema, **({"properties": properties} if properties else {})}


def test_every_flag_has_its_place():
    shown = re.findall(r"`--([\w*-]+)`", " ".join(flag for flag, _ in rows(FROM_OAUTH2_PROXY, "flag", "airgate")))
    assert len(shown) == len({*shown}), "twice"
    assert not [flag for flag in FLAGS if not any(fnmatchcase(flag, pattern) for pattern in shown)]
    assert not [pattern for pattern in shown if not any(fnmatchcase(flag, pattern) for flag in FLAGS)]


def test_the_lists_of_oauth2_proxys_file_are_flags():
    [text] = re.findall(r"```ini\n(.*?)```", FROM_OAUTH2_PROXY.read_text(), re.S)
    names = re.findall(r"^(\w+) =", text, re.M)
    assert len(names) > 15
    flags = [name.replace("_", "-") for name in names]
    assert not [flag for flag in flags if flag not in FLAGS and flag.removesuffix("s") not in FLAGS]
