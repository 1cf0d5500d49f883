"""The schema says what the code reads: no field less, no field more, and what the documents show is valid."""

import json
import re
from collections.abc import Iterator

import pytest
import yaml
from jsonschema import Draft202012Validator

from lab.paths import EXAMPLE, ROOT

SCHEMA = json.loads((ROOT / "docs/airgate.schema.json").read_text())
VALIDATOR = Draft202012Validator(SCHEMA)
BLOCKS = [yaml.safe_load(text) for text in re.findall(r"```yaml\n(.*?)```", (ROOT / "docs/configuration.md").read_text(), re.S)]
SMALLEST, COMPLETE = BLOCKS[0], BLOCKS[-1]


def test_the_schema_is_one(airgate):
    Draft202012Validator.check_schema(SCHEMA)
    assert json.loads(airgate("schema").stdout) == SCHEMA


@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_what_the_reference_shows_is_valid(number):
    VALIDATOR.validate({**SMALLEST, **BLOCKS[number]})


@pytest.mark.parametrize("page", sorted(path.name for path in (ROOT / "docs").glob("*.md")))
def test_what_other_pages_show_is_valid(page):
    for text in re.findall(r"```yaml\n(.*?)```", (ROOT / "docs" / page).read_text(), re.S):
        block = yaml.safe_load(text)
        # Lists and other mappings are Envoy's: tests/envoy and tests/ways load those.
        if block and isinstance(block, dict) and set(block) <= set(SCHEMA["properties"]):
            VALIDATOR.validate({**SMALLEST, **block})


def test_the_example_is_valid():
    [config] = configurations(yaml.safe_load((EXAMPLE / "envoy.yaml").read_text()))
    VALIDATOR.validate(config)


def test_it_has_the_fields_of_the_complete_example_and_no_other():
    """That those are all that the code reads, test_docs.py says; that the code reads each, the proxy that loads it."""
    known = set(fields(SCHEMA))
    shown = set(places(COMPLETE, SCHEMA))
    assert known - shown == set(), "in the schema, and not in the complete example of docs/configuration.md"
    assert shown - known == set(), "in the complete example, and not in the schema"


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (["external_url"], "http://airbyte.example.com"),
        (["providers", 0, "leeway"], "60"),
        (["providers", 0, "audience"], ["x"]),
        (["providers", 0, "login", "client_secret"], "in the open"),
        (["access", "default_role"], "root"),
        (["access", "roles", 0, "role"], "none"),
        (["session", "keys"], []),
        (["affinity", "mode"], "sticky"),
    ],
)
def test_it_refuses_what_the_code_refuses(path, value):
    config = json.loads(json.dumps(COMPLETE))
    *way, last = path
    place = config
    for step in way:
        place = place[step]
    place[last] = value
    assert not VALIDATOR.is_valid(config)


# Conditions that stand at several places with the same reader; shown at one of them they are shown.
SHARED = {"claim", "equals", "one_of", "contains", "prefix", "group", "client", "provider", "user", "email_domain", "auth"}


def resolved(schema: dict) -> dict:
    name = schema.get("$ref", "").rpartition("/")[2]
    return resolved(SCHEMA["$defs"][name]) if name else schema


def at(place: str, name: str) -> str:
    """A field as a path: `.access.roles[].role`."""
    return f"conditions: {name}" if place.startswith((".access.", "who")) and name in SHARED else f"{place}.{name}"


def named(schema: dict, place: str) -> str:
    """What has a definition of its own, and fields, is one thing wherever it stands."""
    return schema["$ref"].rpartition("/")[2] if "$ref" in schema and "properties" in resolved(schema) else place


def fields(schema: dict, place: str = "") -> Iterator[str]:
    """Every field that has a name of its own."""
    place = named(schema, place)
    schema = resolved(schema)
    for choice in schema.get("anyOf", []):
        yield from fields(choice, place)
    for name, inner in schema.get("properties", {}).items():
        yield at(place, name)
        yield from fields(inner, f"{place}.{name}")
    if isinstance(schema.get("items"), dict):
        yield from fields(schema["items"], f"{place}[]")


def places(value, schema: dict, place: str = "") -> Iterator[str]:
    """The same of a configuration, but for what lies in objects with names of the user's own."""
    place = named(schema, place)
    if isinstance(value, list):
        for item in value:
            yield from places(item, inside(schema, "items"), f"{place}[]")
    elif isinstance(value, dict) and not is_open(schema):
        for name, inner in value.items():
            yield at(place, name)
            yield from places(inner, inside(schema, "properties").get(name, {}), f"{place}.{name}")


def inside(schema: dict, keyword: str) -> dict:
    schema = resolved(schema)
    choices = [resolved(choice) for choice in schema.get("anyOf", [])]
    return next((one[keyword] for one in [schema, *choices] if keyword in one), {})


def is_open(schema: dict) -> bool:
    """Whether anybody may name its fields, as in `parameters`."""
    return not inside(schema, "properties")


def configurations(tree) -> Iterator[dict]:
    if isinstance(tree, dict):
        if tree.get("@type", "").endswith("wasm.v3.Wasm"):
            value = tree["config"]["configuration"]["value"]
            yield json.loads(value) if isinstance(value, str) else value
        else:
            for inner in tree.values():
                yield from configurations(inner)
    elif isinstance(tree, list):
        for inner in tree:
            yield from configurations(inner)
