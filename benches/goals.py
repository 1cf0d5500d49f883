"""What was promised, and whether this run keeps it."""

from dataclasses import dataclass

from benches.measuring import ratios, spread
from benches.series import BEYOND_BOUND, WITHIN_BOUND


@dataclass(frozen=True)
class Goal:
    what: str
    wanted: str
    measured: str | None = None
    reached: bool | None = None

    @property
    def verdict(self) -> str:
        if self.measured is None:
            return "not measured"
        return {True: "reached", False: "not reached", None: "stated"}[self.reached]


def goals(results: dict) -> list[Goal]:
    return [
        *(_throughput(results, name, other, least) for other, least in _THROUGHPUT for name in _KNOWN),
        *(
            _cost(results, "new", f"airgate, new token, {alg}", f"jwt_authn, {alg}", 1.5)
            for alg in ("RS256", "ES256", "EdDSA")
        ),
        _cost(results, "main", "airgate, known session", "airgate, known token", 1.1),
        _cost(results, "rules", "airgate, 1,000 rules", "airgate, 10 rules", 1.1),
        _cost(results, "tokens", f"airgate, {WITHIN_BOUND:,} tokens", "airgate, 100 tokens", 1.25),
        _beyond_bound(results),
        _at_most("airgate.wasm", results["module_bytes"], 1178 * 1024, "bytes"),
        _start(results),
        _memory(results),
    ]


# The first is like for like: nobody here keeps a record of requests, and airgate does unless it is told not to.
_KNOWN = ["known token, no record", "known token"]

# Whom a known token is compared with, and the least that airgate does of its requests per second and core.
_THROUGHPUT = [
    ("floor filter", 0.9),
    ("bare Envoy", 0.58),
    ("jwt_authn, RS256", 1.85),
    ("native stack", 0.8),
    ("HAProxy, jwt_verify", 1.7),
]


def measured(results: dict, series: str, candidate: str) -> dict | None:
    """What was measured of it, if anything."""
    for one in results["series"]:
        for other in one["candidates"]:
            if one["name"] == series and other["name"] == candidate and other["samples"]:
                return other
    return None


def _throughput(results: dict, name: str, other: str, least: float) -> Goal:
    what, wanted = f"requests a second and core, {name} over {other}", f"at least {least:g}"
    one, base = (measured(results, "main", name) for name in (f"airgate, {name}", other))
    if not (one and base):
        return Goal(what, wanted)
    # The requests that a second of processor time pays for.
    ratio, low, high = ratios(base, one)
    return Goal(what, wanted, f"{ratio:.2f} ({low:.2f}–{high:.2f})", ratio >= least)


def _cost(results: dict, series: str, name: str, other: str, most: float) -> Goal:
    what, wanted = f"processor time, {name} over {other}", f"at most {most:g}"
    one, base = (measured(results, series, name) for name in (name, other))
    if not (one and base):
        return Goal(what, wanted)
    ratio, low, high = ratios(one, base)
    return Goal(what, wanted, f"{ratio:.2f} ({low:.2f}–{high:.2f})", ratio <= most)


# What one of these tokens says counts beside its text: 3,356 of 669 bytes each are remembered, in 7 MiB.
_SAID = 1518


def _beyond_bound(results: dict) -> Goal:
    """More tokens than are remembered cost what those that are forgotten cost, and no more than that."""
    what = f"processor time, {BEYOND_BOUND:,} tokens over what the cache's bound predicts"
    wanted = "at most 1.25"
    known = measured(results, "tokens", f"airgate, {WITHIN_BOUND:,} tokens")
    new = measured(results, "new", "airgate, new token, RS256")
    many = measured(results, "tokens", f"airgate, {BEYOND_BOUND:,} tokens")
    if not (known and new and many):
        return Goal(what, wanted)
    cost = lambda one: spread([sample["cpu_us"] for sample in one["samples"]])[0]
    remembered = min(8192, 7 * 1024 * 1024 // (results["token_bytes"] + _SAID)) / BEYOND_BOUND
    ratio = cost(many) / (remembered * cost(known) + (1 - remembered) * cost(new))
    return Goal(what, wanted, f"{ratio:.2f}", ratio <= 1.25)


def _start(results: dict) -> Goal:
    taken = results["start_ms"].get("airgate, known token")
    if not taken:
        return Goal("Envoy with airgate is ready after", "under 500 ms")
    return _at_most("Envoy with airgate is ready after", spread(taken)[0], 500, "ms")


def _memory(results: dict) -> Goal:
    what, wanted = "resident memory over bare Envoy, one worker, a known token", "to be stated"
    one, base = (measured(results, "main", name) for name in ("airgate, known token", "bare Envoy"))
    if not (one and base):
        return Goal(what, wanted)
    over = (one["samples"][-1]["rss_kib"] - base["samples"][-1]["rss_kib"]) / 1024
    return Goal(what, wanted, f"{over:.0f} MiB")


def _at_most(what: str, value: float, most: float, unit: str) -> Goal:
    return Goal(what, f"at most {most:,} {unit}", f"{value:,.0f} {unit}", value <= most)
