"""Candidates take turns in short slices, so that what changes on the machine meanwhile changes for all."""

import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benches.candidates import Candidate, Setting
from benches.checks import Untrue, check
from benches.proxies import Proxy, all_cores, cores
from benches.traffic import Traffic, request
from benches.wrk import Load, write_script

# Enough that the proxy always has work, few enough that a request does not wait for long.
CONNECTIONS_PER_WORKER = 8


@dataclass(frozen=True)
class Series:
    """Candidates that are measured by turns; the first is what the others are compared with."""

    name: str
    title: str
    setting: Setting
    candidates: list[Candidate]


class Running:
    """A candidate whose process is up and checked."""

    def __init__(self, candidate: Candidate, folder: Path, setting: Setting):
        self.candidate = candidate
        for_proxy, for_load = cores(setting.workers)
        self.proxy: Proxy = candidate.make(folder, setting, for_proxy)
        self._answered = 0
        self.samples: list[dict] = []
        try:
            self.proxy.start()
            traffic = candidate.traffic()
            cookie = check(candidate, self.proxy, traffic)
        except BaseException:
            self.proxy.stop()
            raise
        script = write_script(folder, list(texts(traffic, setting, cookie)), traffic.in_random_order)
        self._count = len(traffic.credentials)
        self._load = Load(script, self.proxy.url, CONNECTIONS_PER_WORKER * setting.workers, for_load)
        self.proxy.pause()

    def slice(self, seconds: int) -> dict:
        self.proxy.go_on()
        before = self.proxy.processor_nanoseconds()
        # Goes on where the last slice ended: what that one sent is known.
        told = self._load.run(seconds, self._answered % self._count if self._count > 1 else 0)
        used = self.proxy.processor_nanoseconds() - before
        resident = self.proxy.resident_kib()
        if trouble := self.proxy.trouble():
            raise RuntimeError(f"{self.candidate.name}: {', '.join(trouble)}")
        self.proxy.pause()
        self._answered += told["requests"]
        return {
            "cpu_us": used / 1000 / told["requests"],
            "per_second": told["requests"] * 1e6 / told["microseconds"],
            "p50_us": told["p50"],
            "p99_us": told["p99"],
            "rss_kib": resident,
        }


def _in_a_line(reason: str) -> str:
    """What a proxy says of its configuration is worth more than that it ended."""
    lines = reason.splitlines()
    return next((line.split("configuration: ")[1] for line in lines if "configuration: " in line), lines[0])


def texts(traffic: Traffic, setting: Setting, cookie: str):
    return (request(credential, setting.headers, cookie) for credential in traffic.credentials)


def measure(series: Series, folder: Path, rounds: int, seconds: int, say: Callable[[str], None]) -> dict:
    running: list[Running] = []
    measured: list[dict] = []
    try:
        for number, candidate in enumerate(series.candidates):
            say(f"{series.name}: preparing {candidate.name}")
            result = {"name": candidate.name, "samples": []}
            measured.append(result)
            try:
                one = Running(candidate, folder / f"{series.name}-{number}", series.setting)
            except (Untrue, RuntimeError, AssertionError) as reason:
                # The others are worth measuring still; the command fails in the end.
                say(f"{candidate.name} is not measured: {reason}")
                result["not_measured"] = _in_a_line(str(reason))
                continue
            one.samples = result["samples"]
            running.append(one)
        for number in range(rounds + 1):
            say(f"{series.name}: " + (f"round {number} of {rounds}" if number else "warming up"))
            for one in running:
                sample = one.slice(seconds)
                if number:
                    one.samples.append(sample)
    finally:
        for one in running:
            one.proxy.stop()
    setting = series.setting
    return {
        "name": series.name,
        "title": series.title,
        "workers": setting.workers,
        "headers": setting.headers,
        "answers": "an upstream" if setting.upstream else "the proxy itself",
        "shares_cores": cores(setting.workers)[0] == cores(setting.workers)[1],
        "rounds": rounds,
        "seconds": seconds,
        "candidates": measured,
    }


def starting(candidates: list[Candidate], folder: Path, rounds: int) -> dict[str, list[float]]:
    """Milliseconds from the process's start to Envoy being ready, by turns."""
    taken: dict[str, list[float]] = {candidate.name: [] for candidate in candidates}
    for number in range(rounds):
        for place, candidate in enumerate(candidates):
            proxy = candidate.make(folder / f"start-{place}-{number}", Setting(), all_cores())
            began = time.perf_counter()
            try:
                proxy.start()
                taken[candidate.name].append((time.perf_counter() - began) * 1000)
            finally:
                proxy.stop()
    return taken


def spread(values: list[float]) -> tuple[float, float, float]:
    """Median, and the quartiles around it."""
    if len(values) < 2:
        return (values[0],) * 3
    low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    return statistics.median(values), low, high


def ratios(one: dict, other: dict, of: str = "cpu_us") -> tuple[float, float, float]:
    """`one` over `other`, round by round, so that what the machine did in a round falls out."""
    pairs = zip(one["samples"], other["samples"], strict=True)
    return spread([sample[of] / base[of] for sample, base in pairs])


def say(text: str) -> None:
    print(f"bench: {text}", file=sys.stderr, flush=True)
