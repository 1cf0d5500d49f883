"""What airgate asks of Envoy for one request, counted in Envoy's own trace of the VM's borders."""

import re
from collections import Counter
from pathlib import Path

import httpx

from lab.until import until

from benches.candidates import Candidate, Setting
from benches.proxies import Proxy, cores
from benches.traffic import PATH, Fields

# [time][thread][trace][wasm] [file] [vm->host] env.proxy_get_header_map_pairs(…)
_BORDER = re.compile(r"^\[[^]]+\]\[(\d+)\].*\[(vm->host|host->vm)\] (?:env\.|wasi_snapshot_preview1\.)?(\w+)\(")
# What comes by time or by others' answers, and not with the request.
_NOT_OF_THE_REQUEST = ("proxy_on_tick", "proxy_on_http_call_response")
# Room for what a call returns belongs to that call.
_ROOM = ("proxy_on_memory_allocate", "malloc")


def count(candidate: Candidate, folder: Path) -> dict[str, dict[str, int]]:
    """Of a request whose like came before: the module's calls, and Envoy's callbacks. `candidate` must log wasm:trace."""
    proxy = candidate.make(folder, Setting(), cores(1)[0])
    try:
        proxy.start()
        credential = candidate.traffic().credentials[0]
        with httpx.Client(base_url=proxy.url) as client:
            fields = {**credential, "cookie": _cookies(client, candidate, credential)}
            client.get(PATH, headers=fields).raise_for_status()
            return _counted(_trace(client, proxy, fields))
    finally:
        proxy.stop()


def _cookies(client: httpx.Client, candidate: Candidate, credential: Fields) -> str:
    cookies = [credential.get("cookie", "")]
    if candidate.affinity:
        answer = client.get(PATH, headers=credential).raise_for_status()
        cookies.append(f"{candidate.affinity}={answer.cookies[candidate.affinity]}")
        client.cookies.clear()
    return "; ".join(filter(None, cookies))


def _trace(client: httpx.Client, proxy: Proxy, fields: Fields) -> list[tuple[str, str, str]]:
    """The border crossings while the request was there: thread, direction, function."""
    log = lambda: proxy.child.err.read_text(errors="replace")
    ends = lambda: log().count("[host->vm] proxy_on_delete(")
    # That of the request before may come late.
    until(lambda: ends() == log().count("[host->vm] proxy_on_request_headers("), 10, "the end of the requests before")
    begin, before = len(log()), ends()
    client.get(PATH, headers=fields).raise_for_status()
    until(lambda: ends() > before, 10, "the end of the request in the trace")
    return [found.groups() for line in log()[begin:].splitlines() if (found := _BORDER.search(line))]


def _counted(crossings: list[tuple[str, str, str]]) -> dict[str, dict[str, int]]:
    thread = next(thread for thread, _, function in crossings if function == "proxy_on_request_headers")
    calls, callbacks, current = Counter(), Counter(), ""
    for where, direction, function in crossings:
        if where != thread or function in _ROOM:
            continue
        if direction == "host->vm":
            current = function
        if current not in _NOT_OF_THE_REQUEST:
            (callbacks if direction == "host->vm" else calls)[function] += 1
    return {"calls": dict(calls.most_common()), "callbacks": dict(callbacks.most_common())}
