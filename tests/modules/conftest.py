"""The modules that do one thing, each as its README shows it, before two stand-ins."""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
import yaml

from lab import Bed, Parts
from lab.bootstrap import Bootstrap, set_endpoints
from lab.envoy import Options
from lab.paths import BUILD, ROOT


_HYGIENE = "normalize_path", "merge_slashes", "path_with_escaped_slashes_action", "early_header_mutation_extensions"


def shown(module: str, place: int = 0) -> dict:
    """A block of YAML in the README of a module: what goes into Envoy's file."""
    page = (ROOT / "filters" / module / "README.md").read_text()
    return yaml.safe_load(re.findall(r"```yaml\n(.*?)```", page, re.S)[place])


def as_shown(module: str, site: Callable[[dict, Bootstrap], None] = lambda block, bootstrap: None) -> Options:
    """The example with the block's filters and routes in place of its own, and the block's clusters beside its own.

    Only what belongs to a site is replaced: the folder and the addresses, and what `site` does to it.
    """

    def change(bootstrap: Bootstrap) -> None:
        block = json.loads(json.dumps(shown(module)).replace("/etc/airgate/", f"{BUILD}/"))
        airbytes = bootstrap.cluster("airbyte")["load_assignment"]["endpoints"]
        for cluster in block["clusters"]:
            if cluster["name"].startswith("airbyte"):
                cluster["load_assignment"]["endpoints"] = airbytes
        site(block, bootstrap)
        manager = bootstrap.manager()
        # The pages show none of what the example's Envoy does for the hygiene of requests.
        for setting in _HYGIENE:
            del manager[setting]
        del manager["common_http_protocol_options"]["headers_with_underscores_action"]
        manager.update(http_filters=block["http_filters"], route_config=block["route_config"])
        static = bootstrap.tree["static_resources"]
        new = {cluster["name"] for cluster in block["clusters"]}
        static["clusters"] = [one for one in static["clusters"] if one["name"] not in new] + block["clusters"]

    return Options(bootstrap=change)


def configuration(block: dict) -> dict:
    """The module's own configuration in a block."""
    (config,) = [
        one["typed_config"]["config"] for one in block["http_filters"] if "config" in one.get("typed_config", {})
    ]
    return config["configuration"]["value"]


@pytest.fixture(scope="session")
def parts() -> Iterator[Parts]:
    with Parts() as parts:
        # Nobody signs in at the lab's own provider here, and it insists on somewhere to send people back to.
        parts.provider.allow(["https://localhost"])
        yield parts


@pytest.fixture(scope="module")
def open_bed(parts) -> Iterator[Callable[[Options], Bed]]:
    """`open_bed(Options(…))` is a bed that lives until the module ends, where nothing in it may have trapped."""
    with ExitStack() as stack:

        def start(options: Options) -> Bed:
            bed = stack.enter_context(Bed(options, parts=parts))
            stack.callback(bed.envoy.assert_no_trap)
            return bed

        yield start
