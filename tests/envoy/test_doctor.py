"""`airgate doctor`: nothing to find in the example, and each thing broken on purpose is found, and only that."""

import json
import os
import re
import secrets
import subprocess
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from datetime import timedelta
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from time import time

import pytest
from visitor import Visitor

from lab import Bed, until
from lab.bootstrap import Bootstrap, set_endpoints
from lab.envoy import VERSIONS, Options
from lab.paths import BUILD, ROOT
from lab.ports import free_port

# What `run.sh` starts Envoy with.
DRAIN_SECONDS = 1860
YES, PARTLY, NO, UNKNOWN = "yes", "partly", "no", "unknown"

Doctor = Callable[..., subprocess.CompletedProcess]
Change = Callable[[Bootstrap], None]


@pytest.fixture(scope="session")
def airgate() -> Path:
    """The command, built."""
    script = ROOT / "scripts" / "cli.sh"
    if script.exists():
        subprocess.run([script], check=True, timeout=900)
        return BUILD / "airgate"
    subprocess.run(["cargo", "build", "--quiet", "--bin", "airgate"], cwd=ROOT, check=True, timeout=900)
    return Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "debug" / "airgate"


@pytest.fixture(scope="session")
def doctor(airgate) -> Doctor:
    def run(admin: str, *arguments: str | Path) -> subprocess.CompletedProcess:
        command = [airgate, "doctor", "--admin", admin, *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=30)

    return run


class Patient:
    """An Envoy with airgate, and its doctor."""

    def __init__(self, bed: Bed, doctor: Doctor):
        self.bed = bed
        self._doctor = doctor
        self._token = bed.envoy.folder / "token"
        self._token.write_text(bed.token("alice") + "\n")

    def examine(self, *arguments: str | Path, admin: str | None = None) -> dict:
        """The report, whose exit code and places are as they must be."""
        ran = self._doctor(admin or self.bed.envoy.admin_url, "--json", "--ca", self.bed.authority_file, *arguments)
        assert ran.returncode in (0, 1) and not ran.stderr, ran.stderr
        report = json.loads(ran.stdout)
        findings = report["findings"]
        assert ran.returncode == any(finding["severity"] == "error" for finding in findings)
        assert all(finding["what"] and finding["why"] and finding["change"] for finding in findings), findings
        return report

    def ask(self) -> dict:
        """The same, with the gateway's own answers."""
        return self.examine("--gateway", self.bed.url, "--token", self._token)

    def has(self, *expected: str, examine: Callable[[], dict] | None = None) -> list[dict]:
        """Found is exactly this: `id`, in whatever order. Waited for, because counters and checks take their time."""

        def as_expected() -> list[dict] | None:
            findings = (examine or self.examine)()["findings"]
            found = sorted(finding["id"] for finding in findings)
            assert found == sorted(expected), json.dumps(findings, indent=1)
            return findings or [{}]

        return until(as_expected, 10, "the diagnosis", every=0.2)


def open_patient(open_bed, doctor: Doctor, version: str, **options) -> Patient:
    bed = open_bed(Options(version=version, drain_seconds=DRAIN_SECONDS, **options))
    # The lab's own end within days.
    install(bed, ends=timedelta(days=80))
    return Patient(bed, doctor)


def install(bed: Bed, **validity: timedelta) -> None:
    """Another certificate, waited for."""
    leaf = bed.parts.authority.leaf(**validity)
    bed.envoy.install(leaf)
    until(lambda: f"{leaf.serial:x}" in bed.envoy.admin("/certs"), what="the certificate")


# Each start takes seconds, so the two versions are shared out: both are looked at, as they dump.
@pytest.fixture(scope="module")
def sound(open_bed, doctor) -> Patient:
    """The example as it is."""
    return open_patient(open_bed, doctor, VERSIONS[-1])


@pytest.fixture(scope="module")
def patient(open_bed, doctor) -> Patient:
    """The example, for those who change it; its listeners come from a file."""
    return open_patient(open_bed, doctor, VERSIONS[0], reloadable=True)


@pytest.fixture
def broken(patient) -> Iterator[Callable[[Change], None]]:
    """Takes a change into the running Envoy, and takes it back when the test is over."""
    envoy = patient.bed.envoy
    good = envoy.bootstrap.tree

    def take(change: Change) -> None:
        envoy.bootstrap.tree = deepcopy(good)
        assert envoy.reload(bootstrap=change), "Envoy rejects it"
        warming = r"^listener_manager\.total_listeners_warming$"
        until(lambda: not envoy.stats(warming).popitem()[1], what="the new listeners")

    yield take
    take(lambda _: None)
    envoy.bootstrap.tree = good


def answers(report: dict) -> list[str]:
    return [question["answer"] for question in report["questions"]]


@pytest.mark.parametrize("which", ["sound", "patient"])
def test_there_is_nothing_to_find_in_the_example(request, which):
    report = request.getfixturevalue(which).ask()
    assert report["findings"] == [] and report["not_looked_at"] == []
    assert answers(report) == [YES, YES, YES]


def test_what_was_not_looked_at_is_said(sound):
    report = sound.examine()
    assert report["findings"] == [] and report["not_looked_at"] == ["how the gateway answers: give --gateway"]


def test_words(sound, doctor):
    ran = doctor(sound.bed.envoy.admin_url, "--ca", sound.bed.authority_file)
    assert ran.returncode == 0 and not ran.stderr
    assert ran.stdout.startswith("Is a client kept on its backend?  yes\n") and ran.stdout.endswith("\nnothing found\n")


def test_without_an_admin_interface_there_is_nothing_to_say(doctor):
    ran = doctor(f"http://127.0.0.1:{free_port()}")
    assert ran.returncode == 2 and not ran.stdout and "/config_dump" in ran.stderr


def test_the_token_is_not_repeated(sound, doctor):
    token = sound._token.read_text().strip()
    ran = doctor(sound.bed.envoy.admin_url, "--gateway", "https://localhost:1", "--token", sound._token)
    assert ran.returncode == 1 and "gateway.health" in ran.stdout and token not in ran.stdout + ran.stderr


def manager(**changes) -> Change:
    return lambda bootstrap: bootstrap.manager().update(changes)


def plugin(**changes) -> Change:
    return lambda bootstrap: bootstrap.plugin.update(changes)


def settings(**changes) -> Change:
    return lambda bootstrap: bootstrap.plugin_config.update(changes)


def without(owner: Callable[[Bootstrap], dict], *keys: str) -> Change:
    def change(bootstrap: Bootstrap) -> None:
        for key in keys:
            del owner(bootstrap)[key]

    return change


def routes(bootstrap: Bootstrap) -> list[dict]:
    return bootstrap.manager()["route_config"]["virtual_hosts"][0]["routes"]


def route(bootstrap: Bootstrap, name: str) -> dict:
    return next(route for route in routes(bootstrap) if route.get("name") == name)


def of_route(name: str, **changes) -> Change:
    return lambda bootstrap: route(bootstrap, name)["route"].update(changes)


def tls_parameters(**changes) -> Change:
    def change(bootstrap: Bootstrap) -> None:
        tls = bootstrap.listener("https")["filter_chains"][0]["transport_socket"]["typed_config"]
        tls["common_tls_context"]["tls_params"].update(changes)

    return change


def pinning_without_its_filter(bootstrap: Bootstrap) -> None:
    bootstrap.plugin_config["affinity"]["mode"] = "pin"


def turned_off(bootstrap: Bootstrap) -> None:
    kind = "type.googleapis.com/envoy.config.route.v3.FilterConfig"
    # The only word on it that a route may have.
    route(bootstrap, "slow")["typed_per_filter_config"] = {"airgate": {"@type": kind, "disabled": True}}


def unguarded(bootstrap: Bootstrap) -> None:
    routes(bootstrap)[-1] = {"name": "any", "match": {"prefix": "/"}, "route": route(bootstrap, "default")["route"]}


def another_listener(bootstrap: Bootstrap) -> None:
    hosts = bootstrap.manager("http")["route_config"]["virtual_hosts"]
    hosts[0]["routes"].insert(0, {"name": "direct", "match": {"prefix": "/direct"}, "route": {"cluster": "airbyte"}})


def tcp(bootstrap: Bootstrap) -> None:
    kind = "type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy"
    proxy = {"@type": kind, "stat_prefix": "tcp", "cluster": "airbyte_public_api"}
    filters = [{"name": "envoy.filters.network.tcp_proxy", "typed_config": proxy}]
    bootstrap.listener("http")["filter_chains"] = [{"filters": filters}]


def another_module(bootstrap: Bootstrap) -> None:
    crasher(bootstrap, "airgate")


def repeated_writes(bootstrap: Bootstrap) -> None:
    route(bootstrap, "default")["route"]["retry_policy"] = {"retry_on": "5xx,connect-failure"}


def same_replica(bootstrap: Bootstrap) -> None:
    del route(bootstrap, "read")["route"]["retry_policy"]["retry_host_predicate"]


def few_looks(bootstrap: Bootstrap) -> None:
    route(bootstrap, "public-api-read")["route"]["retry_policy"]["host_selection_retry_max_attempts"] = 5


def no_underscores(bootstrap: Bootstrap) -> None:
    del bootstrap.manager()["common_http_protocol_options"]["headers_with_underscores_action"]


# What is broken, what is found, where (the end of the path), and what becomes of the three questions.
BROKEN: dict[str, tuple[Change, str, str, list[str]]] = {
    "affinity off": (settings(affinity={"mode": "off"}), "affinity.off", ".configuration.value", [PARTLY, YES, YES]),
    "no hash": (
        without(lambda bootstrap: route(bootstrap, "builder")["route"], "hash_policy"),
        "affinity.hash-policy",
        "routes[2].route.hash_policy",
        [NO, YES, YES],
    ),
    "a pin that nobody reads": (pinning_without_its_filter, "affinity.not-pinned", "[3].disabled", [NO, YES, YES]),
    "slow cut": (of_route("slow", timeout="60s"), "timeouts.slow", "routes[1].route.timeout", [YES, YES, NO]),
    "slow silent": (
        without(lambda bootstrap: route(bootstrap, "slow-public-api")["route"], "idle_timeout"),
        "timeouts.slow",
        "routes[0].route.idle_timeout",
        [YES, YES, NO],
    ),
    "builder cut": (of_route("builder", timeout="60s"), "timeouts.builder", "routes[2].route.timeout", [YES, YES, NO]),
    "default cut": (
        without(lambda bootstrap: route(bootstrap, "default")["route"], "timeout"),
        "timeouts.short",
        "routes[6].route.timeout",
        [YES, YES, PARTLY],
    ),
    "never ends": (
        of_route("public-api", timeout="0s"),
        "timeouts.long",
        "routes[4].route.timeout",
        [YES, YES, PARTLY],
    ),
    "fails open": (plugin(failure_policy="FAIL_OPEN"), "plugin.fails-open", ".failure_policy", [YES] * 3),
    "never reloaded": (
        without(lambda bootstrap: bootstrap.plugin, "failure_policy"),
        "plugin.no-reload",
        ".failure_policy",
        [YES] * 3,
    ),
    "no vm_id": (
        without(lambda bootstrap: bootstrap.plugin["vm_config"], "vm_id"),
        "plugin.vm-id",
        ".vm_config.vm_id",
        [YES] * 3,
    ),
    "a vm_id for two": (another_module, "plugin.vm-id", ".vm_config.vm_id", [YES] * 3),
    "no bodies": (
        without(lambda bootstrap: bootstrap.plugin, "allow_on_headers_stop_iteration"),
        "plugin.bodies",
        ".allow_on_headers_stop_iteration",
        [YES] * 3,
    ),
    "another listener": (another_listener, "bypass.listener", "routes[0]", [YES] * 3),
    "TCP": (tcp, "bypass.tcp", ".typed_config", [YES] * 3),
    "turned off": (turned_off, "bypass.disabled", "routes[1].typed_per_filter_config", [YES] * 3),
    "unguarded": (unguarded, "bypass.unguarded", "routes[10].match", [YES] * 3),
    "repeated writes": (repeated_writes, "retries.writes", "routes[6].route.retry_policy", [YES] * 3),
    "the same replica": (same_replica, "retries.same-replica", "routes[5].route.retry_policy.retry_host_predicate", [YES] * 3),
    "too few looks": (
        few_looks,
        "retries.same-replica",
        "routes[3].route.retry_policy.host_selection_retry_max_attempts",
        [YES] * 3,
    ),
    "old TLS": (
        tls_parameters(tls_minimum_protocol_version="TLSv1_1"),
        "tls.version",
        ".tls_minimum_protocol_version",
        [YES] * 3,
    ),
    "weak suites": (tls_parameters(cipher_suites=["AES128-SHA"]), "tls.suites", ".cipher_suites", [YES] * 3),
    "dots": (manager(normalize_path=False), "paths.normalize", ".normalize_path", [YES] * 3),
    "slashes": (manager(merge_slashes=False), "paths.slashes", ".merge_slashes", [YES] * 3),
    "escapes": (
        manager(path_with_escaped_slashes_action="KEEP_UNCHANGED"),
        "paths.escaped-slashes",
        ".path_with_escaped_slashes_action",
        [YES] * 3,
    ),
    "underscores": (no_underscores, "paths.underscores", ".headers_with_underscores_action", [YES] * 3),
    "address": (manager(use_remote_address=False), "clients.address", ".use_remote_address", [YES] * 3),
    "hops": (manager(xff_num_trusted_hops=2), "clients.hops", ".xff_num_trusted_hops", [YES] * 3),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_broken_in_listeners(patient, broken, name):
    change, expected, place, becomes = BROKEN[name]
    broken(change)
    report = patient.examine()
    assert [finding["id"] for finding in report["findings"]] == [expected], json.dumps(report, indent=1)
    assert report["findings"][0]["where"].endswith(place), report["findings"][0]["where"]
    assert answers(report) == becomes


def cookies_lost(bootstrap: Bootstrap) -> None:
    mutations = bootstrap.manager()["early_header_mutation_extensions"][0]["typed_config"]["mutations"]
    mutations.append({"remove": "cookie"})


def set_cookies_lost(bootstrap: Bootstrap) -> None:
    mutations = bootstrap.manager()["http_filters"][0]["typed_config"]["mutations"]["response_mutations"]
    mutations.append({"remove": "set-cookie"})


def open_to_all(bootstrap: Bootstrap) -> None:
    bootstrap.plugin_config["public"] = ["/api/public/v1/workspaces"]


@pytest.mark.parametrize(
    "change, expected",
    [
        (cookies_lost, "affinity.not-honoured"),
        (set_cookies_lost, "affinity.no-cookie"),
        (open_to_all, "gateway.open"),
    ],
)
def test_what_only_the_gateways_answers_show(patient, broken, change, expected):
    broken(change)
    assert patient.examine()["findings"] == [], "by its configuration all is well"
    patient.has(expected, examine=patient.ask)


def test_places_are_for_jq(patient, broken):
    "A path leads to what is wrong, in the dump that anybody can get."

    def change(bootstrap: Bootstrap) -> None:
        route(bootstrap, "slow")["route"]["timeout"] = "61s"

    broken(change)
    [finding] = patient.examine()["findings"]
    dump = json.loads(patient.bed.envoy.admin("/config_dump?include_eds"))
    assert follow(dump, finding["where"]) == "61s"


def follow(value, path: str):
    for step in path.replace("[", ".[").split(".")[1:]:
        value = value[int(step[1:-1])] if step.startswith("[") else value[step]
    return value


def test_what_is_broken_in_clusters(parts, doctor):
    "Two clusters lead to Airbyte and two to providers, so one start shows much."
    dead = f"http://127.0.0.1:{free_port()}"

    def change(bootstrap: Bootstrap) -> None:
        first, second = bootstrap.cluster("airbyte"), bootstrap.cluster("airbyte_public_api")
        first["lb_policy"] = "ROUND_ROBIN"
        set_endpoints(first, [*parts.urls, dead])
        del second["health_checks"], second["outlier_detection"]
        provider = deepcopy(bootstrap.cluster("idp"))
        provider["name"] = "away"
        set_endpoints(provider, [dead])
        tls = provider["transport_socket"]["typed_config"]["common_tls_context"]
        del tls["validation_context"]["match_typed_subject_alt_names"]
        bootstrap.tree["static_resources"]["clusters"].append(provider)
        away = {"name": "away", "issuer": "https://away.example.com", "cluster": "away", "audiences": ["airbyte"]}
        bootstrap.plugin_config["providers"].append(away)
        variables = bootstrap.plugin["vm_config"]["environment_variables"]
        variables["key_values"] = {"AIRGATE_AFFINITY_KEY": secrets.token_urlsafe(32)}
        variables["host_env_keys"].remove("AIRGATE_AFFINITY_KEY")
        crasher(bootstrap)

    with Bed(Options(bootstrap=change), parts=parts) as bed:
        install(bed, begins=timedelta(days=-60), ends=timedelta(days=3))
        patient = Patient(bed, doctor)

        def examine() -> dict:
            # The module crashes, and is loaded anew for the next one.
            assert Visitor(bed).ask().answer.status == 503
            return patient.examine()

        findings = patient.has(
            "affinity.lb-policy",
            "backends.down",
            "backends.health-checks",
            "backends.outliers",
            "certificates.ending",
            "plugin.shown-secret",
            "plugin.trapped",
            "provider.unreachable",
            "provider.unverified",
            "timeouts.drain",
            examine=examine,
        )
        said = {finding["id"]: finding["what"] for finding in findings}
        assert dead.removeprefix("http://") in said["backends.down"] and "1 of 3" in said["backends.down"]
        assert "away" in said["provider.unreachable"] and "away" in said["provider.unverified"]
        assert "A" * 43 not in json.dumps(findings)


def test_a_clock_that_is_wrong(sound):
    "Both are as they should be, so the provider's stands in for them."
    for seconds, severity in ((-3600, "error"), (20, "warning"), (0, None)):
        with serve(lambda _: "{}", seconds) as url:
            findings = sound.examine("--issuer", url)["findings"]
            expected = [("clocks.apart", severity)] if severity else []
            assert [(finding["id"], finding["severity"]) for finding in findings] == expected


def exposed(dump: dict) -> None:
    dump["configs"][0]["bootstrap"]["admin"]["address"]["socket_address"]["address"] = "0.0.0.0"


def removed(dump: dict) -> None:
    for filters in found_in(dump, "http_filters"):
        filters[:] = [one for one in filters if one["name"] != "airgate"]


@pytest.mark.parametrize(
    "alter, expected, becomes", [(exposed, "admin.exposed", [YES] * 3), (removed, "gateway.missing", [UNKNOWN] * 3)]
)
def test_what_is_only_said(sound, alter, expected, becomes):
    "Nothing here may listen for everybody, and the lab starts no Envoy without airgate: only the dump says so."

    def altered(path: str) -> str:
        page = sound.bed.envoy.admin(path)
        if path.startswith("/config_dump"):
            alter(dump := json.loads(page))
            page = json.dumps(dump)
        return page

    with serve(altered) as url:
        report = sound.examine(admin=url)
        assert [(finding["id"], finding["severity"]) for finding in report["findings"]] == [(expected, "error")]
        assert answers(report) == becomes


def found_in(tree, key: str) -> Iterator:
    if isinstance(tree, dict) and key in tree:
        yield tree[key]
    for child in tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ():
        yield from found_in(child, key)


ODD = ["null", "[]", '{"configs": 1}', '{"configs": [{"@type": 1}, null, {"@type": "x/ListenersConfigDump"}]}']


@pytest.mark.parametrize("page", ODD)
def test_odd_pages_are_no_trouble(doctor, page):
    with serve(lambda _: page) as url:
        ran = doctor(url, "--json")
        [finding] = json.loads(ran.stdout)["findings"]
        assert ran.returncode == 1 and finding["id"] == "gateway.missing"


def test_every_finding_is_in_the_document():
    source = ROOT / "src" / "bin" / "airgate" / "doctor" / "checks"
    families = "admin affinity backends bypass certificates clients clocks gateway paths plugin provider retries"
    name = rf"(?:{'|'.join(families.split())}|timeouts|tls)\.[a-z-]+"
    made = {found for file in source.glob("*.rs") for found in re.findall(rf'"({name})"', file.read_text())}
    told = set(re.findall(f"`({name})`", (ROOT / "docs" / "doctor.md").read_text()))
    assert len(made) > 40 and made == told


@contextmanager
def serve(page: Callable[[str], str], ahead: float = 0) -> Iterator[str]:
    """A server that answers each path with `page` of it, and whose clock is so many seconds ahead."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = page(self.path).encode()
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def date_time_string(self, timestamp: float | None = None) -> str:
            return formatdate(time() + ahead, usegmt=True)

        def log_message(self, *_) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def crasher(bootstrap: Bootstrap, vm_id: str = "crasher") -> None:
    """Puts a module before airgate that traps at every request."""
    vm = {"vm_id": vm_id, "runtime": "envoy.wasm.runtime.v8", "code": {"local": {"inline_bytes": trapping_module()}}}
    config = {"name": "crasher", "failure_policy": "FAIL_RELOAD", "vm_config": vm}
    # Wrapped, as control planes do it.
    wasm = {
        "@type": "type.googleapis.com/xds.type.v3.TypedStruct",
        "type_url": "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm",
        "value": {"config": config},
    }
    bootstrap.manager()["http_filters"].insert(2, {"name": "crasher", "typed_config": wasm})


def trapping_module() -> str:
    """The smallest module that Envoy takes, in base64: it traps when it sees a request."""

    def section(number: int, *items: bytes) -> bytes:
        content = bytes([len(items)]) + b"".join(items)
        return bytes([number, len(content)]) + content

    def export(name: bytes, kind: int, index: int) -> bytes:
        return bytes([len(name)]) + name + bytes([kind, index])

    i32, function, memory = 0x7F, 0, 2
    types = section(
        1,
        bytes([0x60, 0, 0]),  # () -> ()
        bytes([0x60, 1, i32, 1, i32]),  # malloc
        bytes([0x60, 3, i32, i32, i32, 1, i32]),  # on_request_headers
    )
    exports = section(
        7,
        export(b"memory", memory, 0),
        export(b"proxy_abi_version_0_2_1", function, 0),
        export(b"proxy_on_memory_allocate", function, 1),
        export(b"proxy_on_request_headers", function, 2),
    )
    nothing, zero, trap = bytes([2, 0, 0x0B]), bytes([4, 0, 0x41, 0, 0x0B]), bytes([3, 0, 0x00, 0x0B])
    functions, memories = section(3, b"\0", b"\1", b"\2"), section(5, bytes([0, 1]))
    code = section(10, nothing, zero, trap)
    return b64encode(b"\0asm\1\0\0\0" + types + functions + memories + exports + code).decode()
