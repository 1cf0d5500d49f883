"""The commands that need no gateway."""

import base64
import json
import os
import stat
import subprocess

import pytest
import yaml
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, EllipticCurvePublicNumbers
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from lab.paths import BUILD, EXAMPLE

GOOD = {
    "external_url": "https://airbyte.example.com",
    "providers": [{"issuer": "https://idp.example.com", "cluster": "idp", "audiences": ["airbyte"]}],
    "access": {"default_role": "none"},
    "affinity": {"mode": "off"},
}


def decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def test_the_example_has_no_mistake(airgate):
    checked = airgate("check", EXAMPLE / "envoy.yaml")
    assert checked.returncode == 0, checked.stdout
    assert "good, " in checked.stdout and checked.stderr == ""


@pytest.mark.parametrize("text", [json.dumps(GOOD), json.dumps(GOOD, indent=2), yaml.safe_dump(GOOD)])
def test_json_and_yaml_are_read(airgate, text):
    assert airgate("check", "-", stdin=text).stdout == "-: good\n"


def test_several_documents_are_each_checked(airgate, tmp_path):
    plugin = {"apiVersion": "x/v1", "kind": "WasmPlugin", "spec": {"pluginConfig": GOOD}}
    service = {"apiVersion": "v1", "kind": "Service", "spec": {}}
    wrong = {"apiVersion": "x/v1", "kind": "EnvoyExtensionPolicy", "spec": {"wasm": [{"config": {**GOOD, "publik": []}}]}}
    (tmp_path / "all.yaml").write_text(yaml.safe_dump_all([service, plugin, wrong]))
    checked = airgate("check", "--json", "all.yaml")
    assert checked.returncode == 1
    first, second = json.loads(checked.stdout)
    assert (first["in"], first["mistakes"]) == ("document 2: spec.pluginConfig", [])
    assert second["in"] == "document 3: spec.wasm[0].config"
    [mistake] = second["mistakes"]
    assert mistake["path"] == "publik" and "did you mean public?" in mistake["text"] and mistake["hint"]


@pytest.mark.parametrize(
    ("text", "part"),
    [("a: [", "neither JSON nor YAML"), ("kind: Service\napiVersion: v1", "no configuration"), ("", "no configuration")],
)
def test_what_is_no_configuration_is_said_in_one_line(airgate, text, part):
    checked = airgate("check", "-", stdin=text)
    assert (checked.returncode, checked.stdout) == (2, "")
    assert part in checked.stderr and checked.stderr.count("\n") == 1


def test_secrets_come_from_where_they_are_said_to(airgate, tmp_path):
    config = {**GOOD, "affinity": {"keys": [{"id": "a", "secret": {"env": "AIRGATE_KEY"}}]}}
    (tmp_path / "airgate.yaml").write_text(yaml.safe_dump(config))
    good = {"AIRGATE_KEY": airgate("keygen").stdout.strip()}
    (tmp_path / "good.env").write_text(f"AIRGATE_KEY={good['AIRGATE_KEY']}\n")
    (tmp_path / "empty.env").write_text("AIRGATE_KEY=\n")
    (tmp_path / "other.env").write_text("OTHER=1\n")

    def check(*arguments, environment=None):
        checked = airgate("check", "airgate.yaml", *arguments, environment=environment)
        return checked.returncode, checked.stdout.splitlines()[-1].partition(": ")[2]

    assert check() == (0, "good, 1 warning")
    assert check("--strict-env") == (1, "1 mistake")
    assert check(environment=good) == (0, "good")
    assert check(environment={"AIRGATE_KEY": "short"}) == (1, "1 mistake")
    assert check("--env-file", "good.env", "--strict-env") == (0, "good")
    assert check("--env-file", "empty.env") == (1, "1 mistake")
    assert check("--env-file", "other.env", environment=good) == (0, "good, 1 warning")
    assert airgate("check", "airgate.yaml", "--env-file", "none.env").returncode == 2


def test_a_secret_is_never_shown(airgate):
    config = {**GOOD, "affinity": {"keys": [{"id": "a", "secret": {"env": "AIRGATE_KEY"}}]}}
    checked = airgate("check", "-", stdin=json.dumps(config), environment={"AIRGATE_KEY": "s3cret"})
    assert checked.returncode == 1 and "s3cret" not in checked.stdout + checked.stderr


def test_keys_are_random_and_of_32_bytes(airgate):
    keys = {airgate("keygen").stdout for _ in range(3)}
    assert len(keys) == 3
    assert {len(decode(key.strip())) for key in keys} == {32}


@pytest.mark.parametrize("algorithm", ["EdDSA", "ES256"])
def test_a_granted_token_is_checked_by_the_public_key(airgate, tmp_path, algorithm):
    made = airgate("keygen", "--signing", "key.jwk", "--algorithm", algorithm)
    [public] = yaml.safe_load(made.stdout)["jwks"]["keys"]
    assert "d" not in public
    assert stat.S_IMODE(os.stat(tmp_path / "key.jwk").st_mode) == 0o600
    again = airgate("keygen", "--signing", "key.jwk")
    assert again.returncode == 2 and again.stdout == ""

    named = ["--issuer", "https://bg.example.com", "--audience", "airbyte", "--subject", "ana"]
    more = ["--email", "ana@example.com", "--group", "a", "--group", "b", "--reason", "drill", "--for", "5m"]
    granted = airgate("grant", "--key", "key.jwk", *named, *more)
    assert granted.returncode == 0 and granted.stdout.count("\n") == 1
    head, body, signature = granted.stdout.strip().split(".")
    check(public, f"{head}.{body}".encode(), decode(signature))
    assert json.loads(decode(head)) == {"alg": algorithm, "typ": "JWT", "kid": public["kid"]}
    claims = json.loads(decode(body))
    assert claims["exp"] - claims["iat"] == 300 and len(claims["jti"]) >= 20
    assert claims["groups"] == ["a", "b"] and claims["email_verified"] is True
    assert (claims["iss"], claims["aud"], claims["sub"]) == ("https://bg.example.com", "airbyte", "ana")
    assert claims["reason"] == "drill" and claims["break_glass"] is True
    assert claims["jti"] in granted.stderr and "drill" in granted.stderr


def check(public: dict, text: bytes, signature: bytes) -> None:
    if public["kty"] == "OKP":
        Ed25519PublicKey.from_public_bytes(decode(public["x"])).verify(signature, text)
        return
    x, y, r, s = (int.from_bytes(part) for part in (decode(public["x"]), decode(public["y"]), signature[:32], signature[32:]))
    key = EllipticCurvePublicNumbers(x, y, SECP256R1()).public_key()
    key.verify(encode_dss_signature(r, s), text, ECDSA(SHA256()))


@pytest.mark.parametrize(
    ("change", "part"),
    [
        (["--for", "61m"], "at most 1h"),
        (["--reason", " "], "--reason"),
        (["--reason", "a\nb"], "--reason"),
        (["--key", "none.jwk"], "none.jwk"),
        (["--key", "public.jwk"], "public.jwk"),
    ],
)
def test_no_token_without_what_it_needs(airgate, tmp_path, change, part):
    airgate("keygen", "--signing", "key.jwk")
    (tmp_path / "public.jwk").write_text('{"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}')
    options = {"--key": "key.jwk", "--issuer": "https://a", "--audience": "a", "--subject": "s", "--reason": "r"}
    options[change[0]] = change[1]
    granted = airgate("grant", *(word for pair in options.items() for word in pair))
    assert (granted.returncode, granted.stdout) == (2, "") and part in granted.stderr


def test_a_key_that_others_can_read_is_remarked_on(airgate, tmp_path):
    airgate("keygen", "--signing", "key.jwk")
    options = ["--issuer", "https://a", "--audience", "a", "--subject", "s", "--reason", "r"]
    assert "chmod" not in airgate("grant", "--key", "key.jwk", *options).stderr
    (tmp_path / "key.jwk").chmod(0o644)
    assert "chmod 600" in airgate("grant", "--key", "key.jwk", *options).stderr


def test_operations_are_listed_by_role_and_resource(airgate):
    listed = json.loads(airgate("operations", "--json").stdout)
    assert len(listed) > 400
    runners = json.loads(airgate("operations", "--json", "--role", "runner").stdout)
    assert {row["role"] for row in runners} == {"runner"} and 0 < len(runners) < len(listed)
    jobs = json.loads(airgate("operations", "--json", "--tag", "jobs").stdout)
    assert "getJobInfo" in {row["operation"] for row in jobs} and {row["tag"] for row in jobs} == {"jobs"}
    unknown = airgate("operations", "--tag", "nothing")
    assert unknown.returncode == 2 and "connections" in unknown.stderr


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_knows_every_command(airgate, shell):
    script = airgate("completion", shell).stdout
    for command in ["check", "operations", "schema", "keygen", "grant", "completion"]:
        assert command in script


def test_every_command_has_help_with_examples(airgate):
    listed = airgate("--help").stdout.partition("Commands:")[2].partition("Options:")[0]
    commands = [line.split()[0] for line in listed.strip().splitlines() if line.split()[0] != "help"]
    assert len(commands) >= 6
    for command in commands:
        assert "Examples:" in airgate(command, "--help").stdout, command


def test_wrong_arguments_are_two_and_a_closed_pipe_is_no_error(airgate):
    assert airgate("chek").returncode == 2
    assert airgate("check").returncode == 2
    head = subprocess.run(["bash", "-o", "pipefail", "-c", f"'{BUILD / 'airgate'}' operations --json | head -c 1"], capture_output=True, timeout=30)
    assert (head.returncode, head.stdout, head.stderr) == (0, b"[", b"")


def test_a_word_that_yaml_reads_as_a_truth_value_is_explained(airgate):
    text = yaml.safe_dump(GOOD).replace("'off'", "off")
    checked = airgate("check", "-", stdin=text)
    assert checked.returncode == 1 and "affinity.mode" in checked.stdout and "put it in quotes" in checked.stdout
