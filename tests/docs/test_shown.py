"""Blocks that are shown and not run elsewhere: run here, or held against what they are about."""

import base64
import hashlib
import hmac
import json
import re
import secrets
import subprocess
from pathlib import Path

import pytest
import yaml
from docs.checks import has_shape
from docs.commands import AIRGATE, run
from docs.markdown import BLOCKS, Block

from lab.bootstrap import Bootstrap
from lab.certs import Authority
from lab.envoy import VERSIONS, Envoy, Options
from lab.paths import EXAMPLE, ROOT
from lab.provider import Provider


def the(page: str, language: str, begins: str = "") -> Block:
    """The one block of this page that begins so."""
    [block] = [block for block in BLOCKS if (block.page, block.language) == (page, language) and re.match(begins, block.text)]
    return block


def bash(text: str, folder: Path, **environment: str) -> str:
    """What it prints."""
    command = ["bash", "-euo", "pipefail", "-c", text]
    done = subprocess.run(
        command, cwd=folder, env={"PATH": "/usr/bin:/bin", **environment}, capture_output=True, text=True, timeout=30
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_keys_of_the_example_are_keys(tmp_path):
    """envoy-example/README.md"""
    made = the("envoy-example/README.md", "sh", "export")
    printed = bash(made.text + "printenv AIRGATE_AFFINITY_KEY AIRGATE_SESSION_KEY", tmp_path).split()
    assert len({*printed}) == 2 and all(len(base64.urlsafe_b64decode(key + "=")) == 32 for key in printed)


def test_the_example_has_the_names_as_often_as_it_says():
    """envoy-example/README.md, step 2"""
    text = re.sub(r"#.*", "", (EXAMPLE / "envoy.yaml").read_text())
    said = re.sub(r"\s+", " ", (EXAMPLE / "README.md").read_text())
    words = {"airbyte": "`airbyte.example.com` stands in three places", "idp": "`idp.example.com` in four"}
    assert all(sentence in said for sentence in words.values())
    assert [len(re.findall(rf"\b{name}\.example\.com", text)) for name in words] == [3, 4]


RECORDS = [json.loads(block.text) for block in BLOCKS if block.page == "docs/audit.md" and block.language == "json"]
RECORD_PAGE = (ROOT / "docs/record.md").read_text()


def test_the_records_have_fields_and_reasons_that_exist():
    """docs/audit.md"""
    printed = Bootstrap.example().manager()["access_log"][0]["typed_config"]["log_format"]["json_format"]
    operations = (ROOT / "src/access/operations.tsv").read_text()
    for record in RECORDS:
        assert not {*record} - {*printed}
        assert f"`{record['airgate.reason']}`" in RECORD_PAGE
        assert f"\t{record['airgate.operation']}\t" in operations if "airgate.operation" in record else True
    assert len(RECORDS[0]) > len(printed) / 2


def test_the_questions_find_the_records(tmp_path):
    """docs/audit.md: each jq command, over the records that the page shows and some like them."""
    [denied, agents, refused] = RECORDS
    more = [
        {"airgate.decision": "allow", "enduser.id": "bob", "http.request.method": "POST", "airgate.operation": "createSource"},
        {"airgate.report": "deny:low_role", "airgate.report_rule": "frozen", "airgate.decision": "allow"},
        {"airgate.auth": "bearer", "url.path": "/api/v2/new", "http.request.method": "GET", "airgate.decision": "allow"},
        {"airgate.provider": "break-glass", "airgate.role": "admin", "airgate.decision": "allow", "enduser.id": "ana"},
        {"client.address": "192.0.2.9"},
    ]
    (tmp_path / "records").write_text("".join(json.dumps(record) + "\n" for record in [denied, agents, refused, *more]))
    questions = the("docs/audit.md", "sh", "# What happened").text.strip().split("\n\n")
    assert len(questions) == 9
    answers = {question.partition("\n")[0]: bash(question, tmp_path) for question in questions}
    assert all(answers.values()), [question for question, answer in answers.items() if not answer]
    of = lambda word: next(answer for question, answer in answers.items() if word in question)
    assert json.loads(of("What happened")) == denied
    assert of("most frequent first").split() == ["1", "proxy_refused", "1", "low_role", "carol", "deleteConnection"]
    assert "createSource" in of("one person changed") and "rule" not in of("one person changed")
    assert json.loads(of("agents do"))[1:3] == ["sync-bot", "bob"]
    assert "/api/v2/new" in of("does not know") and of("does not know").count("\n") == 1
    assert json.loads(of("no decision")) == more[-1]


def test_a_line_of_the_filters_log_is_found(tmp_path):
    """docs/audit.md"""
    record = {"airgate.decision": "allow", "time": "2026-11-23T20:26:54.295Z"}
    line = f"[2026-11-23 20:26:54.295][12][info][wasm] [source/wasm.cc:1] wasm log airgate airgate: {json.dumps(record)}"
    (tmp_path / "proxy.log").write_text(f"[2026][12][info] something else {{}}\n{line}\n")
    assert json.loads(bash(the("docs/audit.md", "sh", "sed").text, tmp_path)) == record


def test_a_pseudonym_is_computed_as_the_filter_does(tmp_path):
    """docs/audit.md, and src/audit/ has the same in Rust with a test of its own."""
    key = secrets.token_urlsafe(32)
    printed = bash(the("docs/audit.md", "sh", "key=").text, tmp_path, AIRGATE_PSEUDONYM_KEY=key)
    digest = hmac.digest(base64.urlsafe_b64decode(key + "="), b"ana", hashlib.sha256)[:16]
    assert printed.strip() == "p." + base64.urlsafe_b64encode(digest).decode().rstrip("=")


def test_the_keys_of_satosa_are_made(tmp_path):
    """docs/saml.md"""
    bash(the("docs/saml.md", "bash", "openssl").text, tmp_path)
    assert {file.name for file in tmp_path.iterdir()} == {"saml.key", "saml.crt", "oidc.key"}


@pytest.mark.parametrize("version", VERSIONS)
def test_the_access_log_of_the_record_is_taken_by_envoy(tmp_path, version):
    """docs/record.md: the format and the filter, in the example's access log."""

    def as_shown(bootstrap: Bootstrap) -> None:
        [log] = bootstrap.manager()["access_log"]
        log["typed_config"]["log_format"].update(yaml.safe_load(the("docs/record.md", "yaml", "json_format").text))
        log.update(yaml.safe_load(the("docs/record.md", "yaml", "filter").text))

    options = Options(version=version, bootstrap=as_shown)
    checked = Envoy(tmp_path, Authority(), "https://localhost:1", ["http://127.0.0.1:1"], options).validate()
    assert checked.returncode == 0, checked.stderr[-2000:]


def test_the_format_of_the_record_has_every_field_of_the_filter():
    """docs/record.md"""
    shown = {name: word for name, word in yaml.safe_load(the("docs/record.md", "yaml", "json_format").text)["json_format"].items()}
    example = Bootstrap.example().manager()["access_log"][0]["typed_config"]["log_format"]["json_format"]
    ours = {name: word for name, word in example.items() if "FILTER_STATE" in word}
    assert {name: shown.get(name) for name in ours} == ours


def test_mistakes_are_named_as_shown():
    """docs/configuration.md"""
    wrong = {"external_url": "https://airbyte.example.com", "access": {"default_rol": "reader"}}
    wrong["providers"] = [{"issuer": "https://idp.example.com", "cluster": "idp"}]
    said = run(AIRGATE, "check", "-", input=yaml.safe_dump(wrong)).stdout
    for line in the("docs/configuration.md", "text").text.splitlines():
        assert f"mistake: {line.removeprefix('airgate configuration: ')}\n" in said


def test_the_doctors_words_are_its_own():
    """docs/doctor.md"""
    said = the("docs/doctor.md", "text").text
    code = "".join(file.read_text() for file in (ROOT / "src/bin/airgate").rglob("*.rs"))
    questions = re.findall(r"^(\S.*\?) +(?:yes|no)$", said, re.M)
    assert len(questions) == 3 and all(f'"{question}"' in code for question in questions)
    [finding] = re.findall(r"\(([a-z]+\.[a-z-]+)\)", said)
    assert f'"{finding}"' in code and f"| `{finding}` |" in (ROOT / "docs/doctor.md").read_text()


def of_airgate(page: str) -> dict:
    """airgate's own block of a provider's page."""
    return yaml.safe_load(the(page, "yaml", "providers:").text)


def test_auth0s_action_sets_the_claim_that_airgate_reads():
    page = "docs/providers/auth0.md"
    event = {"authorization": {"roles": ["airbyte-editor"]}}
    call = (
        "const said = {}; const api = {idToken: {setCustomClaim: (name, value) => { said[name] = value; }}};"
        f"exports.onExecutePostLogin({json.dumps(event)}, api).then(() => console.log(JSON.stringify(said)));"
    )
    ran = run("node", "-e", f"const exports = {{}};\n{the(page, 'js').text}\n{call}")
    assert ran.returncode == 0, ran.stderr
    pointer = of_airgate(page)["providers"][0]["claims"]["groups"]
    assert json.loads(ran.stdout) == {pointer.removeprefix("/").replace("~1", "/"): ["airbyte-editor"]}


def test_awss_policy_and_command_ask_for_airgates_audience():
    page = "docs/providers/aws.md"
    [audience] = of_airgate(page)["providers"][0]["audiences"]
    [statement] = json.loads(the(page, "json5").text)["Statement"]
    assert statement["Condition"]["ForAllValues:StringEquals"]["sts:IdentityTokenAudience"] == audience
    command = the(page, "bash").text
    assert f"--audience {audience} " in command
    limit = statement["Condition"]["NumericLessThanEquals"]["sts:DurationSeconds"]
    assert int(re.findall(r"--duration-seconds (\d+)", command)[0]) <= limit


def test_dex_knows_airgate():
    page = "docs/providers/github.md"
    dex, [provider] = yaml.safe_load(the(page, "yaml", "issuer").text), of_airgate(page)["providers"]
    [client], [connector] = dex["staticClients"], dex["connectors"]
    assert dex["issuer"] == provider["issuer"] and client["id"] == provider["login"]["client_id"]
    assert client["secretEnv"] == provider["login"]["client_secret"]["env"]
    assert client["redirectURIs"] == [f"https://airbyte.example.com/.airgate/callback/{provider['name']}"]
    assert connector["config"]["redirectURI"] == f"{dex['issuer']}/callback"


def test_githubs_workflow_asks_for_airgates_audience():
    page = "docs/providers/github-actions.md"
    workflow = yaml.safe_load(the(page, "yaml", "permissions").text)
    [step] = workflow["steps"]
    [audience] = of_airgate(page)["providers"][0]["audiences"]
    assert workflow["permissions"] == {"id-token": "write"} and f"&audience={audience}" in step["run"]
    assert run("bash", "-n", input=step["run"]).returncode == 0


def test_the_pod_gets_a_token_for_airgates_audience():
    page = "docs/providers/kubernetes-service-accounts.md"
    pod = yaml.safe_load(the(page, "yaml", "spec").text)
    [container] = pod["spec"]["containers"]
    container["image"] = "dbt"  # which the page leaves out
    has_shape([{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "dbt"}, **pod}])
    [volume], [provider] = pod["spec"]["volumes"], of_airgate(page)["providers"]
    [source] = volume["projected"]["sources"]
    assert [source["serviceAccountToken"]["audience"]] == provider["audiences"]


def test_the_tests_provider_takes_what_its_page_shows(tmp_path):
    """tests/provider/README.md"""
    provider = Provider(Authority(), tmp_path)
    try:
        provider.change(**json.loads(the("tests/provider/README.md", "json").text))
    finally:
        provider.stop()


def test_the_house_is_as_it_is_drawn():
    """ARCHITECTURE.md: what stands at the beginning of a line, or of one below src/, is there."""
    rooms = the("ARCHITECTURE.md", "text", "Cargo.toml").text.splitlines()
    top = [found[1] for line in rooms if (found := re.match(r"([\w./-]+)  +\S", line))]
    inner = [found[1] for line in rooms if (found := re.match(r"  (\w+\.rs)  +\S", line))]
    assert len(top) > 8 and len(inner) > 10
    assert not [name for name in top if not (ROOT / name).exists()]
    assert not [name for name in inner if not (ROOT / "src" / name).exists()]


def test_the_flow_has_the_functions_of_the_gateway():
    """ARCHITECTURE.md"""
    named = set(re.findall(r"\b(on_\w+)\(", the("ARCHITECTURE.md", "text", "on_request").text))
    code = "".join(file.read_text() for file in [ROOT / "src/gateway.rs", *(ROOT / "src/gateway").glob("*.rs")])
    assert len(named) >= 7 and named <= set(re.findall(r"pub fn (on_\w+)\(", code))
