"""Mistakes in the configuration: Envoy does not start, and its log names them all with their places."""

import copy
import os
import re
import subprocess
from base64 import b64encode
from collections.abc import Iterator

import pytest
from visitor import ECHO

from lab.bootstrap import Bootstrap
from lab.certs import Authority
from lab.envoy import VERSIONS, Envoy, Options
from lab.paths import envoy_binary

KEY = "AIRGATE_AFFINITY_KEY"
GOOD_KEY = "WYMOvDpBhBEFZr8aKQ0IRz39y9SSzkmLFM0aXi-i5EE"
# What the example asks for.
SHIPPED = {KEY: GOOD_KEY, "AIRGATE_SESSION_KEY": GOOD_KEY, "AIRGATE_CLIENT_SECRET": "demo"}
ENVIRONMENT = {"AIRGATE_EMPTY": "", "AIRGATE_SHORT": "tell-nobody-tell-nobody", "AIRGATE_ZEROS": "A" * 43}
TYPES = "type.googleapis.com/google.protobuf."


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


@pytest.fixture
def make(authority, tmp_path):
    """An Envoy that never gets as far as asking anybody."""

    def make(**options) -> Envoy:
        return Envoy(tmp_path, authority, "https://localhost:1", ["http://127.0.0.1:1"], Options(**options))

    return make


@pytest.fixture(scope="module")
def running(authority, tmp_path_factory) -> Iterator[Envoy]:
    """One that runs and is given bad configurations: quicker than a new one for each, and it says all it can."""

    def names(bootstrap: Bootstrap) -> None:
        bootstrap.plugin["vm_config"]["environment_variables"]["host_env_keys"] += [*ENVIRONMENT, "AIRGATE_UNSET"]

    options = Options(bootstrap=names, environment=ENVIRONMENT, reloadable=True)
    folder = tmp_path_factory.mktemp("running")
    envoy = Envoy(folder, authority, "https://localhost:1", ["http://127.0.0.1:1"], options)
    try:
        envoy.start().admin("/logging?wasm=trace", "POST")
        yield envoy
        envoy.assert_no_trap()
    finally:
        envoy.stop()


@pytest.fixture
def refused(running):
    """The mistakes that Envoy names."""
    good = running.bootstrap.tree

    def refused(**changes) -> list[str]:
        running.bootstrap.tree = copy.deepcopy(good)
        before = len(running.log())
        assert not running.reload(**changes), "it was taken"
        return list(dict.fromkeys(mistakes(running.log()[before:])))

    yield refused
    running.bootstrap.tree = good


def mistakes(log: str) -> list[str]:
    return re.findall(r"airgate configuration: (.*)", log)


def text(value: str):
    """The plugin's configuration, byte for byte: to the module it is a StringValue, whose text the lab makes itself."""

    def change(bootstrap: Bootstrap) -> None:
        value_type = {"@type": TYPES + "BytesValue", "value": b64encode(value.encode()).decode()}
        bootstrap.plugin["configuration"] = value_type

    return change


def as_text(bootstrap: Bootstrap) -> None:
    """The configuration as JSON in a StringValue, not as a Struct."""
    bootstrap.plugin["configuration"]["@type"] = TYPES + "StringValue"


def of_provider(**changes):
    return lambda config: config["providers"][0].update(changes)


def of_affinity(**changes):
    return lambda config: config["affinity"].update(changes)


def secret(secret) -> dict:
    return {"keys": [{"id": "k1", "secret": secret}]}


def everything_wrong(config: dict) -> None:
    config.clear()
    config.update(
        {
            "signatures": "fast",
            "shared_data": "yes",
            "providers": [
                {"issuer": "http://idp.example.com", "cluster": "", "audience": ["a"], "keys": {"refresh": "1s"}},
                {"issuer": "https://login.microsoftonline.com/common/v2.0", "cluster": "idp", "audiences": ["*"]},
            ],
            "public": ["x"],
            "access": {"default_rol": "admin"},
            "routing": {"rules": [{"then": {"class": "fast"}}, {}]},
            "affinity": {"mode": "pin", "cookie": {"domain": "example.com"}},
            "upstream": {"mode": "token"},
            "session": {},
        }
    )


EVERYTHING = [
    "external_url: must be written",
    "signatures: expected one of: host, software",
    "shared_data: expected true or false",
    "providers[0].issuer: expected a URL that begins with https://",
    "providers[0].cluster: must not be empty",
    "providers[0].audiences: must be written",
    "providers[0].audience: unknown field; did you mean audiences?",
    "providers[0].keys.refresh: must be between 10s and 86400s",
    "providers[1].issuer: names no single tenant; write one provider for each tenant, with its id",
    "providers[1].audiences: there is no wildcard; write each audience",
    "public[0]: a path pattern begins with a slash",
    "access.default_role: must be written",
    "access.default_rol: unknown field; did you mean default_role?",
    "routing.rules[0].then.class: expected one of: ui, api, slow, public-api, builder, health, auth-flow, scim",
    "routing.rules[1].then: must be written",
    "affinity.keys: mode pin seals the backend's address into the cookie, so it needs keys",
    "affinity.cookie.domain: a cookie named __Host- has no domain; choose another name",
    "upstream.cluster: must be written",
    "upstream.client_id: must be written",
    "upstream.client_secret: must be written",
    "session: has no use while no provider has a login section",
]


@pytest.mark.parametrize("version", VERSIONS)
def test_every_mistake_of_every_room_is_named_at_once(make, version):
    "By `--mode validate`, and by an Envoy that is really started and ends."
    envoy = make(version=version, plugin=everything_wrong)
    checked = envoy.validate()
    assert checked.returncode != 0 and sorted(mistakes(checked.stderr)) == sorted(EVERYTHING)
    with pytest.raises(RuntimeError, match="ended with [1-9]"):
        envoy.start()
    assert sorted(mistakes(envoy.log())) == sorted(EVERYTHING)


ONE = {
    "an unknown field": ({"acess": {}}, ["acess: unknown field; did you mean access?"]),
    "an unknown field like no other": ({"teapot": 1}, ["teapot: unknown field"]),
    "an unknown field, deep": (
        of_provider(keys={"refesh": "15m"}),
        ["providers[0].keys.refesh: unknown field; did you mean refresh?"],
    ),
    "a secret in the open": (
        of_affinity(**secret(GOOD_KEY)),
        ["affinity.keys[0].secret: secrets are not written into a configuration; expected {env: NAME}"],
    ),
    "a secret from elsewhere": (
        of_affinity(**secret({"file": "/etc/key"})),
        ["affinity.keys[0].secret.env: must be written", "affinity.keys[0].secret.file: unknown field"],
    ),
    "a __Host- cookie with a domain": (
        of_affinity(cookie={"domain": "example.com"}),
        ["affinity.cookie.domain: a cookie named __Host- has no domain; choose another name"],
    ),
    "a __Host- cookie with a path": (
        of_affinity(cookie={"path": "/api"}),
        ["affinity.cookie.path: a cookie named __Host- has the path /; choose another name"],
    ),
    "an http issuer": (
        of_provider(issuer="http://idp.example.com"),
        ["providers[0].issuer: expected a URL that begins with https://"],
    ),
    "an issuer of many tenants": (
        of_provider(issuer="https://login.microsoftonline.com/organizations/v2.0"),
        ["providers[0].issuer: names no single tenant; write one provider for each tenant, with its id"],
    ),
    "no role": ({"access": {"default_role": None}}, ["access.default_role: must be written"]),
    "nothing": (dict.clear, ["external_url: must be written", "providers: at least one provider must be written"]),
}


@pytest.mark.parametrize("plugin, expected", ONE.values(), ids=ONE)
def test_a_mistake_is_named(refused, plugin, expected):
    assert refused(plugin=plugin)[: len(expected)] == expected


SECRETS = {
    "AIRGATE_UNKNOWN": "affinity.keys[0].secret.env: the environment has no such variable",
    "AIRGATE_UNSET": "affinity.keys[0].secret.env: the environment has no such variable",
    "AIRGATE_EMPTY": "affinity.keys[0].secret.env: the environment variable is empty",
    "AIRGATE_ZEROS": "affinity.keys[0].secret: the variable's key is not random: "
    "expected one such as `airgate keygen` makes",
    "AIRGATE_SHORT": "affinity.keys[0].secret: the variable holds no key: expected 32 bytes as 43 characters of base64url",
}


@pytest.mark.parametrize("name, expected", SECRETS.items(), ids=SECRETS)
def test_a_secret_in_the_environment(refused, running, name, expected):
    assert refused(plugin=of_affinity(**secret({"env": name}))) == [expected]
    assert ENVIRONMENT["AIRGATE_SHORT"] not in running.log()


TEXTS = {
    "no JSON": ("external_url: https://airbyte.example.com", "no valid JSON: "),
    "half of it": ('{"external_url": "https://airbyte.example.com"', "no valid JSON: "),
    "a list": ("[]", "expected an object"),
    "a member twice": ('{"access": {"default_role": "admin", "default_role": "admin"}}', "no valid JSON: duplicate member"),
    "a member twice, in disguise": ('{"public": [], "p\\u0075blic": ["/**"]}', "no valid JSON: duplicate member"),
    "a depth that would trap": ("[" * 20_000, "no valid JSON: "),
}


@pytest.mark.parametrize("written, expected", TEXTS.values(), ids=TEXTS)
def test_what_is_no_json_is_said_to_be_none(refused, written, expected):
    (said,) = refused(bootstrap=text(written))
    assert said.startswith(expected) and len(said) < 200


def test_text_is_read_like_a_struct(open_bed, envoy_version):
    serves(open_bed(Options(version=envoy_version, bootstrap=as_text)))


def test_a_struct_is_read(bed):
    "The example as it is."
    assert bed.envoy.bootstrap.plugin["configuration"]["@type"] == TYPES + "Struct"
    serves(bed)


def serves(bed) -> None:
    answer = bed.client("alice").get(ECHO.decode())
    assert answer.status_code == 200 and "__Host-airgate-affinity" in answer.cookies
    assert bed.client().get(ECHO.decode()).status_code == 401


@pytest.mark.parametrize("version", VERSIONS)
def test_no_secret_is_in_the_log(make, version):
    "Not even when Envoy tells everything."
    checked = make(version=version, log_level="trace", environment={KEY: GOOD_KEY}).validate()
    assert checked.returncode == 0 and len(checked.stderr) > 10_000
    assert GOOD_KEY not in checked.stderr + checked.stdout


@pytest.mark.parametrize("version", VERSIONS)
def test_the_example_as_shipped_is_valid(authority, tmp_path, version):
    "With nothing changed but where its files are."
    authority.leaf().write(tmp_path / "tls")
    (tmp_path / "ca.crt").write_bytes(authority.certificate)
    example = Bootstrap.example()
    example.move_in(tmp_path)
    validation = example.cluster("idp")["transport_socket"]["typed_config"]["common_tls_context"]["validation_context"]
    validation["trusted_ca"]["filename"] = str(tmp_path / "ca.crt")
    run = [envoy_binary(version), "--mode", "validate", "-c", example.write(tmp_path)]
    checked = subprocess.run(run, env={**os.environ, **SHIPPED}, capture_output=True, text=True, timeout=30)
    assert checked.returncode == 0, checked.stderr[-2000:]
