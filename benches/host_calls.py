"""How often a request crosses the VM's border: what no filter can make cheaper than its number of calls."""

from pathlib import Path

import httpx

from lab.host_calls import count_host_calls

from benches.candidates import Candidate, Setting
from benches.checks import check
from benches.proxies import cores
from benches.traffic import PATH


def count(candidate: Candidate, folder: Path) -> dict[str, dict[str, int]]:
    """Of a request whose like came before. `candidate` must log wasm:trace."""
    proxy = candidate.make(folder, Setting(), cores(1)[0])
    try:
        proxy.start()
        traffic = candidate.traffic()
        good, cookie = traffic.credentials[0], check(candidate, proxy, traffic)
        fields = {**good, "cookie": "; ".join(filter(None, [good.get("cookie"), cookie]))}
        log = lambda: proxy.child.err.read_text(errors="replace")
        with httpx.Client(base_url=proxy.url) as client:
            counted = count_host_calls(log, lambda: client.get(PATH, headers=fields).raise_for_status())
    finally:
        proxy.stop()
    return {"calls": dict(counted.calls.most_common()), "callbacks": dict(counted.callbacks.most_common())}
