"""What the module asks of Envoy for one request, counted in Envoy's own trace of the VM's borders (`wasm` at `trace`)."""

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from lab.until import until

# [time][thread][trace][wasm] [file] [host->vm] proxy_on_request_headers(4, 7, 1)
_BORDER = re.compile(r"^\[[^]]+\]\[(\d+)\].*\[(vm->host|host->vm)\] (?:env\.|wasi_snapshot_preview1\.)?(\w+)\((\d*)", re.M)
# Room for what a call returns belongs to that call.
_ROOM = ("proxy_on_memory_allocate", "malloc")


@dataclass(frozen=True)
class HostCalls:
    calls: Counter[str]  # of the module to the host
    callbacks: Counter[str]  # of the host to the module


def count_host_calls(log: Callable[[], str], send: Callable[[], object]) -> HostCalls:
    """Of the one request that `send` sends. `log` reads what Envoy has logged so far."""
    before = len(log())
    send()
    return until(lambda: _counted(_BORDER.findall(log()[before:])), 10, "the end of the request in the trace")


def _counted(crossings: list[tuple[str, ...]]) -> HostCalls | None:
    """None while the request has not ended."""
    stream = next(((thread, first) for thread, _, name, first in crossings if name == "proxy_on_request_headers"), None)
    calls, callbacks, ours = Counter(), Counter(), False
    for thread, direction, name, first in crossings:
        if stream is None or thread != stream[0] or name in _ROOM:
            continue
        if direction == "host->vm":
            # Each callback says first which context it is for: ticks, answers and other requests have others.
            ours = first == stream[1]
        if ours:
            (callbacks if direction == "host->vm" else calls)[name] += 1
        if ours and name == "proxy_on_delete":
            return HostCalls(calls, callbacks)
    return None
