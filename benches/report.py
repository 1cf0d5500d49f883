"""The results in words: tables in plain text and Markdown, and what the README says. Nothing in it is typed by hand."""

import json
from pathlib import Path

from lab.paths import ROOT

from benches import plot
from benches.goals import goals
from benches.measuring import ratios, spread

README = ROOT / "benches/README.md"
_BEGIN, _END = "<!-- results: written by the command -->", "<!-- end of results -->"

_HEAD = ["", "µs CPU", "spread", "× first", "requests/s and core", "requests/s", "p50 µs", "p99 µs", "RSS MiB"]


def table(series: dict) -> list[list[str]]:
    """Medians; the spread is from the first quartile to the third, of the rounds."""
    rows = [_HEAD]
    base = next((one for one in series["candidates"] if one["samples"]), None)
    for one in series["candidates"]:
        if not one["samples"]:
            rows.append([one["name"], "not measured", *[""] * (len(_HEAD) - 2)])
            continue
        cost, low, high = _spread(one, "cpu_us")
        rate, p50, p99, rss = (_spread(one, field)[0] for field in ("per_second", "p50_us", "p99_us", "rss_kib"))
        ratio = ratios(one, base)[0]
        rows.append([
            one["name"], f"{cost:.1f}", f"{low:.1f}–{high:.1f}", f"{ratio:.2f}", f"{1e6 / cost:,.0f}", f"{rate:,.0f}",
            f"{p50:,.0f}", f"{p99:,.0f}", f"{rss / 1024:.0f}",
        ])  # fmt: skip
    return rows


def plain(results: dict) -> str:
    """For a terminal."""
    parts = [_machine(results)]
    for series in results["series"]:
        parts.append(f"{_title(series)}\n" + _aligned(table(series)))
    parts.append("Host calls of one request\n" + _aligned(_host_calls(results)))
    parts.append("Start\n" + _aligned(_starts(results)))
    parts.append("Goals\n" + _aligned(_goals(results)))
    parts.extend(f"{name} was not measured: {reason}" for name, reason in not_measured(results))
    return "\n\n".join(parts) + "\n"


def markdown(results: dict) -> str:
    parts = [_machine(results), "### Goals", _markdown_table(_goals(results))]
    parts.append("![Microseconds of processor time per request](results.svg)")
    for series in results["series"]:
        parts += [f"### {_title(series)}", _markdown_table(table(series))]
    parts += ["### Host calls of one request", _markdown_table(_host_calls(results))]
    parts += ["### Start, to Envoy being ready", _markdown_table(_starts(results))]
    parts += [f"{name} was not measured: {reason}" for name, reason in not_measured(results)]
    return "\n\n".join(parts)


def write_readme(results: dict) -> None:
    """Between two marks of the page, which stay."""
    text = README.read_text()
    before, rest = text.split(_BEGIN)
    _, after = rest.split(_END)
    README.write_text(f"{before}{_BEGIN}\n\n{markdown(results)}\n\n{_END}{after}")


def write(results: dict, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "results.json").write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n")
    (folder / "results.txt").write_text(plain(results))
    (folder / "results.svg").write_text(plot.svg(results))


def not_measured(results: dict) -> list[tuple[str, str]]:
    every = [one for series in results["series"] for one in series["candidates"]]
    return [(one["name"], one["not_measured"]) for one in every if "not_measured" in one]


def _title(series: dict) -> str:
    shared = "; proxy and load share the cores" if series["shares_cores"] else ""
    turns = f"{series['rounds']} rounds of {series['seconds']} s"
    return f"{series['title']} ({turns}; answers from {series['answers']}{shared})"


def _machine(results: dict) -> str:
    machine = results["machine"]
    return (
        f"Measured on {results['date']} at commit {results['commit']} in {results['minutes']:.0f} minutes, profile "
        f"`{results['profile']}`: {machine['cores']} cores of {machine['processor']}, Linux {machine['kernel']}, "
        f"load average {machine['load_before']:.1f} before; {', '.join(results['versions'])}; "
        f"airgate.wasm of {results['module_bytes']:,} bytes, RS256 tokens of {results['token_bytes']} bytes."
        # A build that has just ended counts as well, so this is no verdict.
        + (" The machine was busy before: look at the spreads." if machine["load_before"] > 1 else "")
    )


def _goals(results: dict) -> list[list[str]]:
    rows = [["goal", "wanted", "measured", ""]]
    return rows + [[goal.what, goal.wanted, goal.measured or "", goal.verdict] for goal in goals(results)]


def _host_calls(results: dict) -> list[list[str]]:
    requests = results["host_calls"]
    calls = sorted({name for one in requests.values() for name in one["calls"]})
    rows = [["", *requests]]
    rows += [[name, *(str(one["calls"].get(name, 0)) for one in requests.values())] for name in calls]
    rows.append(["all calls to the host", *(str(sum(one["calls"].values())) for one in requests.values())])
    rows.append(["callbacks from the host", *(str(sum(one["callbacks"].values())) for one in requests.values())])
    return rows


def _starts(results: dict) -> list[list[str]]:
    rows = [["", "ms", "spread"]]
    for name, taken in results["start_ms"].items():
        middle, low, high = spread(taken)
        rows.append([name, f"{middle:.0f}", f"{low:.0f}–{high:.0f}"])
    return rows


def _spread(one: dict, field: str) -> tuple[float, float, float]:
    return spread([sample[field] for sample in one["samples"]])


def _aligned(rows: list[list[str]]) -> str:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    line = lambda row: "  ".join(
        cell.rjust(width) if column else cell.ljust(width) for column, (cell, width) in enumerate(zip(row, widths))
    )
    return "\n".join(line(row).rstrip() for row in rows)


def _markdown_table(rows: list[list[str]]) -> str:
    head, *others = rows
    line = lambda row: "| " + " | ".join(row) + " |"
    return "\n".join([line(head), "|" + "---|" * len(head), *map(line, others)])
