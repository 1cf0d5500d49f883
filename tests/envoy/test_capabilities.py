"""The capability list: everything on it is enough, nothing on it is too much, and no gap in it opens the gate."""

from collections.abc import Callable, Iterator
from itertools import count

import pytest
import yaml
from visitor import Visit, Visitor, values

from lab import Bed, until
from lab.bootstrap import Bootstrap
from lab.envoy import VERSIONS, Options, Timing
from lab.paths import EXAMPLE, MODULE
from lab.rogue import Rogue
from lab.wasm import Module

SNIPPET = yaml.safe_load((EXAMPLE / "capabilities.yaml").read_text())
LISTED = list(SNIPPET["capability_restriction_config"]["allowed_capabilities"])
# No capability can be asked for: Envoy calls them whatever the list says.
ALWAYS = {"_initialize", "proxy_abi_version_0_2_1"}

# What becomes of Envoy when one name is missing. Whatever is not here does not matter to who gets in.
REJECTED, REFUSED, UNJUDGED, SAFE = "rejected", "refused", "unjudged", "safe"
EFFECTS = {
    # The configuration is not taken: a new Envoy does not start, a running one keeps the old.
    "environ_get": REJECTED,
    "environ_sizes_get": REJECTED,
    "proxy_get_buffer_bytes": REJECTED,
    "proxy_log": REJECTED,
    "proxy_on_context_create": REJECTED,
    "proxy_set_tick_period_milliseconds": REJECTED,
    "random_get": REJECTED,
    # Nobody gets in.
    "proxy_add_header_map_value": REFUSED,
    "proxy_continue_stream": REFUSED,
    "proxy_get_current_time_nanoseconds": REFUSED,
    "proxy_get_header_map_pairs": REFUSED,
    "proxy_http_call": REFUSED,
    "proxy_on_configure": REFUSED,
    "proxy_on_http_call_response": REFUSED,
    "proxy_on_tick": REFUSED,
    "proxy_remove_header_map_value": REFUSED,
    "proxy_replace_header_map_value": REFUSED,
    "proxy_set_effective_context": REFUSED,
    # Envoy goes on without asking, and only the example's last route stands between a client and Airbyte.
    "proxy_on_request_headers": UNJUDGED,
}

_numbers = count()


def listing(names: list[str], number: int = 0) -> Callable[[Bootstrap], None]:
    """The list in the place that its file names. The number tells one configuration's answers from another's."""

    def change(bootstrap: Bootstrap) -> None:
        bootstrap.plugin["capability_restriction_config"] = {"allowed_capabilities": {name: {} for name in names}}
        # Another VM: the restriction is none of what makes Envoy take a new one.
        bootstrap.plugin["vm_config"]["vm_id"] = f"airgate-{number}"
        mutations = bootstrap.manager()["http_filters"][0]["typed_config"]["mutations"]["response_mutations"]
        mark = {"header": {"key": "x-configuration", "value": str(number)}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}
        mutations[1:] = [{"append": mark}]

    return change


def without(*names: str) -> list[str]:
    return [listed for listed in LISTED if listed not in names]


def test_the_list_is_what_the_module_imports_and_exports():
    module = Module(MODULE)
    needed = module.imports | (module.exports - ALWAYS)
    assert set(LISTED) == needed, f"missing: {needed - set(LISTED)}, too much: {set(LISTED) - needed}"


@pytest.fixture(scope="module", params=VERSIONS)
def listed_bed(request, parts) -> Iterator[Bed]:
    """With the whole list; impatient, since some gaps make requests wait for what never comes."""
    options = Options(
        version=request.param,
        plugin=lambda config: config["providers"][0].update(keys={"wait": "700ms"}),
        bootstrap=listing(LISTED),
        timing=Timing(requests=60),
        concurrency=1,
        drain_seconds=1,
        reloadable=True,
    )
    # What trapped is not asked: in some gaps the module has to.
    with Bed(options, parts=parts) as bed:
        yield bed


def test_the_whole_list_is_enough(listed_bed):
    visitor = Visitor(listed_bed)
    before = listed_bed.provider.hits()["/jwks"]
    reload(listed_bed, LISTED)
    passed = visitor.ask()
    assert values(passed.passed, "x-airgate-user") == ["alice"]
    assert passed.answer.header("set-cookie").startswith("__Host-airgate-affinity=")
    assert listed_bed.provider.hits()["/jwks"] > before, "keys are fetched"
    nobody = Visitor(listed_bed, who=None).ask()
    assert nobody.refused == nobody.line["airgate.reason"] == "no_credentials"


@pytest.mark.parametrize("name", LISTED)
def test_a_gap_never_opens_the_gate(listed_bed, name):
    taken = reload(listed_bed, without(name))
    assert taken == (EFFECTS.get(name) != REJECTED)
    if not taken:
        return
    good, nobody, forged = Visitor(listed_bed).ask(), Visitor(listed_bed, who=None).ask(), forger(listed_bed)
    assert not nobody.arrivals and not forged.arrivals
    effect = EFFECTS.get(name, SAFE)
    if effect == SAFE:
        assert values(good.passed, "x-airgate-user") == ["alice"] and not values(good.passed, "authorization")
        # Without words for it a request that is refused hangs until Envoy ends it.
        assert name == "proxy_send_local_response" or nobody.answer.status == forged.answer.status == 401
    else:
        assert not good.arrivals
        assert (b"the gateway is not ready" in good.answer.body) == (effect == UNJUDGED)
        assert good.answer.status in (401, 503, 504)


@pytest.mark.parametrize("name", ["proxy_get_buffer_bytes", "random_get"])
def test_a_gap_that_is_noticed_keeps_envoy_from_starting(parts, name):
    options = Options(bootstrap=listing(without(name)))
    with Bed(options, parts=parts, start=False) as bed:
        checked = bed.envoy.validate()
        assert checked.returncode != 0 and "wasm" in checked.stderr.splitlines()[-1].lower(), checked.stderr[-2000:]


def test_without_a_clock_nothing_is_valid(parts):
    with Rogue(parts.authority) as rogue:
        site = rogue.site("acme")

    def change(bootstrap: Bootstrap) -> None:
        rogue.connect(bootstrap)
        listing(without("proxy_get_current_time_nanoseconds"))(bootstrap)

    def inline(config: dict) -> None:
        config["providers"] = [site.provider(cluster=None, jwks={"keys": site.keys})]
        del config["session"]  # nobody can sign in there

    with Bed(Options(plugin=inline, bootstrap=change), parts=parts) as bed:
        expired = site.token(iat=None, exp=1_000_000_000)
        answer = bed.client(token=expired).get("/api/v1/standin/echo")
        assert answer.status_code in (401, 503), "expired in 2001"


def test_a_body_that_nobody_holds_goes_nowhere(listed_bed):
    """It belongs to a request that waits for keys, and Envoy does not show it to airgate."""
    listed_bed.provider.delay(500)
    try:
        reload(listed_bed, without("proxy_on_request_body"))
        visit = Visitor(listed_bed).ask(method=b"POST", body=b"{}")
    finally:
        listed_bed.provider.delay(0)
    assert visit.answer.status in (200, 503)
    assert all(values(arrived, "x-airgate-user") == ["alice"] for arrived in visit.arrivals)


def test_what_saves_the_example_is_its_last_route(listed_bed):
    """The contrast, and the last test of this bed: in a configuration whose routes do not ask for airgate's header, everybody gets in."""

    def unguarded(bootstrap: Bootstrap) -> None:
        routes = bootstrap.manager()["route_config"]["virtual_hosts"][0]["routes"]
        guard = routes[-1]
        routes[-1] = {"name": "any", "match": guard["match"], "route": {"cluster": "airbyte"}}

    reload(listed_bed, without("proxy_on_request_headers"), unguarded)
    assert Visitor(listed_bed, who=None).ask().answer.status == 200


def forger(bed: Bed) -> Visit:
    head, _, signature = bed.token("alice").rpartition(".")
    token = f"{head}.{signature[::-1]}"
    return Visitor(bed, who=None).ask(fields=[(b"authorization", f"Bearer {token}".encode())])


def reload(bed: Bed, names: list[str], change: Callable[[Bootstrap], None] = lambda _: None) -> bool:
    """False when Envoy does not take it; else it is what answers from now on."""
    number = next(_numbers) + 1

    def both(bootstrap: Bootstrap) -> None:
        listing(names, number)(bootstrap)
        change(bootstrap)

    if not bed.envoy.reload(bootstrap=both):
        return False
    until(lambda: asked(bed) == str(number), 10, "the new configuration being the one that answers")
    return True


def asked(bed: Bed) -> str | None:
    answer = Visitor(bed, who=None).ask(b"/api/v1/health").answer
    return answer and answer.header("x-configuration")
