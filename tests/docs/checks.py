"""Who checks which block of code. A block that nobody checks fails `test_blocks.py`."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase

import yaml
from docs.commands import AIRGATE, faults_of_shell, run
from docs.markdown import Block

from lab.paths import ROOT

SCHEMA = json.loads((ROOT / "docs/airgate.schema.json").read_text())
SHAPES = ROOT / "tests/manifests/shapes"
# What the smallest useful configuration has; a block that shows a part is laid over it.
_SMALLEST = {
    "external_url": "https://airbyte.example.com",
    "providers": [{"name": "corp", "issuer": "https://idp.example.com", "cluster": "idp", "audiences": ["airbyte"]}],
    "access": {"default_role": "none"},
}


@dataclass(frozen=True)
class Elsewhere:
    """A test of another file reads the page and does with the block what a reader would. `reader` is who reads it."""

    test: str
    reader: str = ""

    def __call__(self, block: Block) -> None:
        reader = (ROOT / (self.reader or self.test)).read_text()
        assert (ROOT / self.test).exists()
        name = block.page.rpartition("/")[2]
        assert name in reader or f"{block.page.rpartition('/')[0]}\"" in reader, f"{self.reader or self.test} does not read it"


def any_yaml(block: Block) -> None:
    """airgate's configuration by the command; a Kubernetes object by its shape. Others have to be named below."""
    parsed = [strict_yaml(part) for part in re.split(r"^---$", block.text, flags=re.M) if part.strip()]
    if all(isinstance(part, dict) and {"apiVersion", "kind"} <= {*part} for part in parsed):
        has_shape(parsed)
    elif len(parsed) == 1 and isinstance(parsed[0], dict) and {*parsed[0]} <= {*SCHEMA["properties"]}:
        configuration(parsed[0])
    else:
        raise AssertionError("nobody checks this block: name a check for it in tests/docs/checks.py")


def configuration(block: dict) -> None:
    checked = run(AIRGATE, "check", "-", input=yaml.safe_dump({**_SMALLEST, **block}))
    assert checked.returncode == 0, checked.stdout


def has_shape(objects: list[dict]) -> None:
    """By the schemas of Kubernetes and the CRDs, unknown fields refused."""
    asked = run("node", "shape.mjs", cwd=SHAPES, input=json.dumps(objects))
    assert asked.returncode == 0, asked.stderr
    assert not [fault for faults in json.loads(asked.stdout) for fault in faults]


def shell(block: Block) -> None:
    assert not faults_of_shell(block.text, block.folder)


def any_json(block: Block) -> None:
    """One value, or one on each line as a log has them."""
    lines = block.text.splitlines()
    for value in lines if len(lines) > 1 and all(re.fullmatch(r"\{.*\}", line) for line in lines) else [block.text]:
        json.loads(value, object_pairs_hook=_without_doubles)


class _Strict(yaml.SafeLoader):
    pass


def _mapping(loader: yaml.SafeLoader, node: yaml.MappingNode) -> dict:
    return _without_doubles(loader.construct_pairs(node, deep=True))


_Strict.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


def strict_yaml(text: str):
    """Refuses a key that is there twice, which YAML readers pass over."""
    return yaml.load(text, _Strict)


def _without_doubles(pairs: list[tuple]) -> dict:
    names = [name for name, _ in pairs]
    assert len(names) == len({*names}), f"twice in one object: {[name for name in names if names.count(name) > 1]}"
    return dict(pairs)


def nothing_to_check(block: Block) -> None:
    """A drawing."""
    assert block.language == "text"


READ_ALOUD = "tests/docs/test_readme.py"
SHOWN = "tests/docs/test_shown.py"
Check = Callable[[Block], None]

# By page, language and what the block begins with (a pattern); all that fit are done.
NAMED: list[tuple[str, str, str, Check]] = [
    # Run as they are written.
    ("README.md", "sh", r"make demo ", Elsewhere(READ_ALOUD)),
    ("README.md", "sh", r"\. \.demo/env|set -a", Elsewhere(READ_ALOUD)),
    ("README.md", "yaml", "access:", Elsewhere(READ_ALOUD)),
    ("envoy-example/README.md", "sh", "export", Elsewhere(SHOWN)),
    ("docs/audit.md", "sh", "# What happened|sed -n|key=", Elsewhere(SHOWN)),
    ("docs/audit.md", "json", "", Elsewhere(SHOWN)),
    ("docs/saml.md", "bash", "openssl", Elsewhere(SHOWN)),
    ("docs/saml.md", "bash", "SATOSA_CONFIG", Elsewhere("tests/saml/test_sign_in.py", "tests/saml/broker.py")),
    ("docs/saml.md", "yaml", "BASE|module|attributes", Elsewhere("tests/saml/test_sign_in.py", "tests/saml/broker.py")),
    ("docs/saml.md", "json", "", Elsewhere("tests/saml/test_sign_in.py", "tests/saml/broker.py")),
    ("docs/command-line.md", "console", r"\$ airgate", Elsewhere("tests/cli/test_documents.py")),
    ("docs/command-line.md", "yaml", "", Elsewhere("tests/cli/test_documents.py")),
    ("docs/command-line.md", "json", "", Elsewhere("tests/cli/test_documents.py")),
    ("docs/break-glass.md", "bash", "airgate grant", Elsewhere("tests/cli/test_documents.py")),
    ("docs/providers/auth0.md", "js", "", Elsewhere(SHOWN)),
    # Loaded by a real Envoy.
    ("docs/configuration.md", "yaml", "", Elsewhere("tests/envoy/test_docs.py")),
    ("docs/sign-in.md", "yaml", "", Elsewhere("tests/envoy/test_docs.py")),
    ("docs/access.md", "yaml", "", Elsewhere("tests/envoy/test_docs.py")),
    ("docs/hosts.md", "yaml", "", Elsewhere("tests/envoy/test_docs.py")),
    ("docs/development.md", "sh", r"\s*cp -r envoy-example", Elsewhere("tests/envoy/test_development.py")),
    ("docs/from-haproxy.md", "yaml", "- name: per-address", Elsewhere("tests/ways/test_haproxy.py", "tests/ways/pages.py")),
    ("docs/from-native-envoy.md", "yaml", "secrets|ext_authz", Elsewhere("tests/ways/test_native.py", "tests/ways/pages.py")),
    ("docs/record.md", "yaml", "json_format|filter", Elsewhere(SHOWN)),
    ("filters/*/README.md", "yaml", "", Elsewhere("tests/modules/test_tokens.py", "tests/modules/conftest.py")),
    # Held against what really happens, or against what they are about.
    ("docs/access.md", "json", "", Elsewhere(READ_ALOUD)),
    ("docs/configuration.md", "text", "", Elsewhere(SHOWN)),
    ("docs/doctor.md", "text", "", Elsewhere(SHOWN)),
    ("docs/providers/*.md", "json", "", Elsewhere("tests/providers/test_pages.py", "tests/providers/page.py")),
    ("docs/providers/aws.md", "json5", "", Elsewhere(SHOWN)),
    ("docs/providers/aws.md", "bash", "", Elsewhere(SHOWN)),
    ("docs/providers/github.md", "yaml", "issuer", Elsewhere(SHOWN)),
    ("docs/providers/github-actions.md", "yaml", "permissions", Elsewhere(SHOWN)),
    ("docs/providers/kubernetes-service-accounts.md", "yaml", "spec", Elsewhere(SHOWN)),
    ("docs/from-oauth2-proxy.md", "ini", "", Elsewhere("tests/ways/test_pages.py", "tests/ways/pages.py")),
    ("tests/provider/README.md", "json", "", Elsewhere(SHOWN)),
    ("ARCHITECTURE.md", "text", "", Elsewhere(SHOWN)),
    ("docs/saml.md", "text", "browser ──", nothing_to_check),
]
# What is done with every block of a language, besides.
BY_LANGUAGE: dict[str, Check] = {"sh": shell, "bash": shell, "json": any_json}


def checks_of(block: Block) -> list[Check]:
    found = [
        check
        for page, language, begins, check in NAMED
        if fnmatchcase(block.page, page) and fnmatchcase(block.language, language) and re.match(begins, block.text)
    ]
    if block.language in BY_LANGUAGE:
        found.append(BY_LANGUAGE[block.language])
    if block.language == "yaml":
        found.append(any_yaml if not found or _is_configuration(block) else lambda block: strict_yaml(block.text))
    return found


def _is_configuration(block: Block) -> bool:
    parsed = yaml.safe_load(block.text)
    return isinstance(parsed, dict) and {*parsed} <= {*SCHEMA["properties"]}
