"""The documents: what they show is loaded, and what can be configured is in them."""

import base64
import hashlib
import json
import re

import pytest
import yaml

from lab.bootstrap import Bootstrap
from lab.envoy import Options
from lab.paths import ROOT


def blocks(page: str) -> list[dict]:
    return [yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", page, re.S)]


PAGE = (ROOT / "docs/configuration.md").read_text()
REFERENCE = blocks(PAGE)
SIGN_IN = blocks((ROOT / "docs/sign-in.md").read_text())
ACCESS = blocks((ROOT / "docs/access.md").read_text())
HOSTS = blocks((ROOT / "docs/hosts.md").read_text())
# A block that shows one part only is laid over the smallest whole.
SMALLEST = REFERENCE[0]
CONFIGURATIONS = [
    *({**SMALLEST, **block} for block in [*REFERENCE, *ACCESS, *HOSTS]),
    *({**SMALLEST, **SIGN_IN[0], **block} for block in SIGN_IN),
]
# The secrets that the blocks name and the example does not know.
SECRETS = {
    # RFC 8037, appendix A.1.
    "AIRGATE_CLIENT_JWK": json.dumps(
        {"kty": "OKP", "crv": "Ed25519", "d": "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A", "kid": "docs"}
    ),
    "AIRGATE_AIRBYTE_SECRET": "of no use",
    "AIRGATE_PSEUDONYM_KEY": base64.urlsafe_b64encode(hashlib.sha256(b"a key").digest()).rstrip(b"=").decode(),
}


@pytest.mark.parametrize("number", range(len(CONFIGURATIONS)))
def test_every_block_is_a_configuration(parts, number):
    def exactly(bootstrap: Bootstrap) -> None:
        bootstrap.plugin_config = CONFIGURATIONS[number]
        bootstrap.plugin["vm_config"]["environment_variables"]["host_env_keys"] += SECRETS

    checked = parts.envoy(f"docs-{number}", Options(bootstrap=exactly, environment=SECRETS)).validate()
    assert checked.returncode == 0, checked.stderr[-2000:]


def test_every_field_is_in_the_reference_and_in_its_example():
    reads = re.compile(
        r"\.(?:text|required_text|require|origin|boolean|duration|optional_duration|choice|texts|section"
        r"|section_or_empty|sections|pairs|secret|has)\(\s*\"(\w+)\"|(?:section|root)\.get\(\"(\w+)\""
        r"|(?:pointer|endpoint|text)\(\"(\w+)\"|(?:patterns|read|read_words)\(\w*&?\w+, \"(\w+)\""
    )
    fields = set()
    for file in (ROOT / "src").rglob("*.rs"):
        code = file.read_text().split("#[cfg(test)]\nmod tests {")[0]
        if file.name != "tests.rs" and "Section" in code:
            fields |= {name for groups in reads.findall(code) for name in groups if name}
    assert len(fields) > 80, sorted(fields)
    complete = yaml.safe_dump(REFERENCE[-1])
    missing = {name for name in fields if f"{name}:" not in complete or name not in PAGE}
    assert not missing
