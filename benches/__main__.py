"""python -m benches quick|whole measures; python -m benches write puts the last results into this folder."""

import argparse
import datetime
import json
import os
import platform
import subprocess
import sys
import time
from pathlib import Path

from lab.bed import Parts
from lab.envoy import NEWEST
from lab.paths import BUILD, MODULE, ROOT

from benches import host_calls, report, series
from benches.candidates import Candidates
from benches.measuring import measure, say, starting
from benches.proxies import Envoy, EnvoyShape, HAProxy, cores
from benches.traffic import Clients

# Rounds, seconds a slice, starts.
PROFILES = {"quick": (series.quick, 5, 1, 3), "whole": (series.whole, 9, 2, 7)}
RESULTS = BUILD / "bench"


def main() -> None:
    options = _options()
    if options.profile == "write":
        results = json.loads((RESULTS / "results.json").read_text())
        report.write(results, ROOT / "benches")
        report.write_readme(results)
    else:
        results = run(options)
        report.write(results, RESULTS)
    print(report.plain(results))
    if missing := report.not_measured(results):
        sys.exit(f"bench: {len(missing)} candidates were not measured")


def run(options: argparse.Namespace) -> dict:
    choose, rounds, seconds, starts = PROFILES[options.profile]
    rounds, seconds = options.rounds or rounds, options.seconds or seconds
    began, load_before = time.monotonic(), os.getloadavg()[0]
    with Parts(standins=1) as parts:
        clients = Clients(parts)
        upstream = Envoy(parts.folder / "upstream", EnvoyShape(), cores(1)[1]).start()
        try:
            address = upstream.url.removeprefix("http://")
            counted = _host_calls(Candidates(parts, clients, address, 0, 0), parts.folder)
            say(f"host calls of a known token: {counted['a known token']['calls']}")
            edits = [counted["a known token"]["calls"][f"proxy_{kind}_header_map_value"] for kind in ("replace", "add")]
            candidates = Candidates(parts, clients, address, *edits)
            start_ms = starting([candidates.bare(), candidates.empty(), candidates.known_token()], parts.folder, starts)
            wanted = [one for one in choose(candidates, address) if not options.only or one.name in options.only]
            measured = [measure(one, parts.folder, rounds, seconds, say) for one in wanted]
        finally:
            upstream.stop()
        token = clients.tokens("RS256", 1).credentials[0]["authorization"].removeprefix("Bearer ")
    return {
        "date": datetime.date.today().isoformat(),
        "commit": _said("git", "describe", "--always", "--dirty"),
        "profile": options.profile,
        "minutes": (time.monotonic() - began) / 60,
        "machine": {
            "processor": _processor(),
            "cores": len(os.sched_getaffinity(0)),
            "kernel": platform.release(),
            "load_before": load_before,
        },
        "versions": [f"Envoy {NEWEST}", HAProxy.version()],
        "module_bytes": MODULE.stat().st_size,
        "token_bytes": len(token),
        "host_calls": counted,
        "start_ms": start_ms,
        "series": measured,
    }


def _host_calls(candidates: Candidates, folder: Path) -> dict:
    kinds = {
        "a known token": lambda: candidates.clients.judged("RS256", 1),
        "a known session": lambda: candidates.clients.sessions(1),
    }
    return {
        what: host_calls.count(candidates.airgate(what, traffic, log="wasm:trace"), folder / f"host-calls-{number}")
        for number, (what, traffic) in enumerate(kinds.items())
    }


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench")
    parser.add_argument("profile", choices=[*PROFILES, "write"])
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--seconds", type=int, help="of a slice")
    parser.add_argument("--only", action="append", help="a series, by name; may be repeated")
    return parser.parse_args()


def _said(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout.strip()


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())


if __name__ == "__main__":
    main()
