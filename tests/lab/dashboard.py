"""
The first panels of envoy-example/grafana/airgate.json, drawn by us: their queries, asked of a real Prometheus that scrapes a
real gateway under a few minutes of mixed traffic. Grafana itself would draw them otherwise.
"""

import json
import random
import threading
import time
from collections.abc import Callable
from html import escape
from math import floor, log10
from pathlib import Path

import httpx

from lab.bed import Bed
from lab.envoy import Options
from lab.paths import BUILD, EXAMPLE
from lab.ports import free_port
from lab.process import Child
from lab.until import until

SECONDS = 180
_EVERY = 2  # seconds between scrapes
_STEP = 4  # and between what is drawn
_WORDS = {"$job": "airgate", "$__rate_interval": "20s", "$__range": f"{SECONDS - 20}s"}
_ROWS = 23  # of the dashboard's grid, from the top

# A row of the grid and a column of it, in the picture.
_ROW, _COLUMN, _GAP = 26, 40, 8
_COLOURS = {"allow": "#2da44e", "deny": "#cf222e", "answer": "#0969da"}
_PALETTE = ["#0969da", "#bf8700", "#2da44e", "#cf222e", "#8250df", "#1b7c83", "#bc4c00", "#6e7781"]
_STYLE = """
svg { --card: #f6f8fa; --box: #ffffff; --line: #d0d7de; --text: #1f2328; --soft: #57606a }
@media (prefers-color-scheme: dark) {
  svg { --card: #0d1117; --box: #161b22; --line: #30363d; --text: #e6edf3; --soft: #9198a1 }
}
text { font: 12px system-ui, -apple-system, "Segoe UI", Helvetica, Arial, sans-serif; fill: var(--text) }
.soft { font-size: 11px; fill: var(--soft) } .number { font-size: 22px; font-weight: 600; text-anchor: middle }
.end { text-anchor: end } .card { fill: var(--card) } .box { fill: var(--box); stroke: var(--line) }
.grid { stroke: var(--line); stroke-width: 1 } .good { fill: #2da44e } .bad { fill: #cf222e } .doubtful { fill: #bf8700 }
"""

Points = list[tuple[float, float]]


class Prometheus:
    def __init__(self, folder: Path, target: str):
        self._http = httpx.Client(base_url=f"http://127.0.0.1:{(port := free_port())}", timeout=30, trust_env=False)
        job = {"job_name": "airgate", "metrics_path": "/stats/prometheus", "static_configs": [{"targets": [target]}]}
        folder.mkdir(parents=True)
        file = folder / "prometheus.json"
        file.write_text(json.dumps({"global": {"scrape_interval": f"{_EVERY}s"}, "scrape_configs": [job]}))
        options = [f"--config.file={file}", f"--storage.tsdb.path={folder / 'data'}", f"--web.listen-address=127.0.0.1:{port}"]
        self.child = Child("prometheus", [BUILD / "prometheus/prometheus", *options], folder)
        self.child.wait_for(lambda: self._ready(), 20, "being ready")

    def _ready(self) -> bool:
        try:
            return self._http.get("/-/ready").status_code == 200
        except httpx.TransportError:
            return False

    def series(self, target: dict, begin: float, end: float) -> dict[str, Points]:
        """What a panel's query finds, by its legend."""
        query = target["expr"]
        for word, value in _WORDS.items():
            query = query.replace(word, value)
        asked = self._http.get(
            "/api/v1/query_range", params={"query": query, "start": begin, "end": end, "step": _STEP}
        ).raise_for_status()
        found = {}
        for one in asked.json()["data"]["result"]:
            name = target.get("legendFormat") or ""
            for label, value in one["metric"].items():
                name = name.replace(f"{{{{{label}}}}}", value)
            found[name] = [(at, float(value)) for at, value in one["values"]]
        return found


def draw(file: Path) -> None:
    panels = json.loads((EXAMPLE / "grafana/airgate.json").read_text())["panels"]
    shown = [panel for panel in panels if panel["gridPos"]["y"] < _ROWS]
    with Bed(Options(roles=True)) as bed:
        prometheus = Prometheus(bed.parts.folder / "prometheus", bed.envoy.admin_url.removeprefix("http://"))
        try:
            begin = time.time()
            print(f"{SECONDS} seconds of traffic …", flush=True)
            _traffic(bed)
            end = time.time()
            drawn = [_panel(panel, prometheus, begin + 20, end) for panel in shown]
        finally:
            prometheus.child.stop()
    width, height = 24 * _COLUMN + 2 * _GAP, _ROWS * _ROW + 2 * _GAP
    file.write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img">\n'
        "<title>The first panels of the dashboard, drawn from its queries and not by Grafana</title>\n"
        f"<style>{_STYLE}</style>\n"
        f'<rect class="card" width="{width}" height="{height}" rx="8"/>\n' + "\n".join(drawn) + "\n</svg>\n"
    )
    print(f"{file.name}: {file.stat().st_size // 1000} kB")


def _traffic(bed: Bed) -> None:
    """People and programs as on some day: mostly good, some refused."""
    over = time.monotonic() + SECONDS
    lists, connection = "/api/public/v1/workspaces", "7b3f2c1a-4d5e-4f60-8a9b-0c1d2e3f4a5b"
    alice, carol, bot, nobody = (bed.client(who) for who in ("alice", "carol", "ci-bot", None))
    stranger = bed.client(token="eyJhbGciOiJSUzI1NiIsImtpZCI6IngifQ.e30.c2lnbmF0dXJl")
    person = bed.surfer()
    person.sign_in("bob", "/")
    kinds: list[tuple[float, Callable]] = [
        (12, lambda: alice.get(lists)),
        (9, lambda: bot.get("/api/public/v1/connections")),
        (6, lambda: carol.post("/api/v1/connections/get", json={"connectionId": connection})),
        (5, lambda: person.get("/api/v1/instance_configuration")),
        (1.8, lambda: carol.post("/api/v1/connections/delete", json={"connectionId": connection})),
        (1.5, lambda: nobody.get(lists)),
        (1, lambda: alice.get("/api/v1/dataplanes/list")),
        (0.8, lambda: stranger.get(lists)),
        (0.7, lambda: alice.get("/api/v1/a%2fb")),
        (0.5, lambda: nobody.get("/.airgate/health")),
    ]

    def keep(often: float, ask: Callable) -> None:
        chance = random.Random(often)
        while (left := over - time.monotonic()) > 0:
            ask()
            # It swells and ebbs, as days do.
            busy = 1 + 0.6 * (left / SECONDS * 3 % 1)
            time.sleep(min(chance.expovariate(often * busy), 10))

    threads = [threading.Thread(target=keep, args=kind) for kind in kinds]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    bed.envoy.assert_no_trap()


def _panel(panel: dict, prometheus: Prometheus, begin: float, end: float) -> str:
    place = panel["gridPos"]
    x, y = _GAP + place["x"] * _COLUMN, _GAP + place["y"] * _ROW
    width, height = place["w"] * _COLUMN - _GAP, place["h"] * _ROW - _GAP
    if panel["type"] == "row":
        return f'<text class="soft" x="{x}" y="{y + 14}">{escape(panel["title"])}</text>'
    series: dict[str, Points] = {}
    for target in panel["targets"]:
        series |= until(lambda target=target: prometheus.series(target, begin, end), 5, panel["title"])
    kind = {"stat": _stat, "timeseries": _lines, "bargauge": _bars}[panel["type"]]
    return (
        f'<g transform="translate({x} {y})"><rect class="box" width="{width}" height="{height}" rx="4"/>'
        f'<text x="10" y="18">{escape(panel["title"])}</text>{kind(panel, series, width, height, begin, end)}</g>'
    )


def _stat(panel: dict, series: dict[str, Points], width: int, height: int, *_) -> str:
    [points] = series.values()
    value, defaults = points[-1][1], panel["fieldConfig"]["defaults"]
    steps = [step["color"] for step in defaults["thresholds"]["steps"] if value >= (step["value"] or 0)]
    colour = {"green": "good", "orange": "doubtful", "red": "bad"}[steps[-1]]
    return f'<text class="number {colour}" x="{width / 2}" y="{height / 2 + 18}">{_said(value, defaults["unit"])}</text>'


def _lines(panel: dict, series: dict[str, Points], width: int, height: int, begin: float, end: float) -> str:
    defaults = panel["fieldConfig"]["defaults"]
    stacked = defaults["custom"]["stacking"]["mode"] == "normal"
    # What never happened is left out: all counters are there from the start, with 0.
    sums = {name: sum(value for _, value in points) for name, points in series.items()}
    order = sorted((name for name in series if sums[name]), key=lambda name: -sums[name])
    times = sorted({at for points in series.values() for at, _ in points})
    below = dict.fromkeys(times, 0.0)
    curves = []
    for name in order:
        values = dict(series[name])
        above = {at: values.get(at, 0.0) + (below[at] if stacked else 0.0) for at in times}
        curves.append((name, above, below if stacked else dict.fromkeys(times, 0.0)))
        below = above
    top = _round(max((value for _, above, _ in curves for value in above.values()), default=1) or 1)
    left, right, head, foot = 44, width - 12, 30, height - 40
    across = lambda at: left + (at - begin) / (end - begin) * (right - left)
    up = lambda value: foot - value / top * (foot - head)
    parts = []
    for part in range(5):
        value = top * part / 4
        parts.append(f'<path class="grid" d="M{left} {up(value):.0f}H{right}"/>')
        parts.append(f'<text class="soft end" x="{left - 6}" y="{up(value) + 4:.0f}">{value:g}</text>')
    legend = 12
    for number, (name, above, under) in enumerate(curves):
        colour = _COLOURS.get(name, _PALETTE[number % len(_PALETTE)])
        edge = " ".join(f"{across(at):.0f} {up(above[at]):.0f}" for at in times)
        back = " ".join(f"{across(at):.0f} {up(under[at]):.0f}" for at in reversed(times))
        parts.append(f'<path fill="{colour}" fill-opacity=".15" d="M{edge}L{back}z"/>')
        parts.append(f'<path fill="none" stroke="{colour}" stroke-width="1.5" d="M{edge}"/>')
        parts.append(f'<path stroke="{colour}" stroke-width="3" d="M{legend} {height - 16}h12"/>')
        parts.append(f'<text class="soft" x="{legend + 16}" y="{height - 12}">{escape(name)}</text>')
        legend += 24 + 6.1 * len(name)
    return "".join(parts)


def _bars(panel: dict, series: dict[str, Points], width: int, height: int, *_) -> str:
    last = sorted(((points[-1][1], name) for name, points in series.items()), reverse=True)
    most, unit = max(value for value, _ in last), panel["fieldConfig"]["defaults"]["unit"]
    step = min(28, (height - 40) / len(last))
    parts = []
    for number, (value, name) in enumerate(last):
        y = 34 + number * step
        long = (width - 260) * value / most
        parts.append(f'<text class="soft end" x="170" y="{y + 12:.0f}">{escape(name)}</text>')
        parts.append(f'<rect x="178" y="{y:.0f}" width="{long:.0f}" height="{step - 8:.0f}" fill="{_PALETTE[0]}" rx="2"/>')
        parts.append(f'<text class="soft" x="{184 + long:.0f}" y="{y + 12:.0f}">{_said(value, unit)}</text>')
    return "".join(parts)


def _said(value: float, unit: str) -> str:
    if unit == "percentunit":
        return f"{value * 100:.1f} %"
    return f"{value:.1f} req/s" if unit == "reqps" else f"{value:.0f}{' days' if unit == 'd' else ''}"


def _round(value: float) -> float:
    """The next number that an axis ends well with."""
    power = 10 ** floor(log10(value))
    return next(step * power for step in (1, 2, 4, 6, 8, 10) if step * power >= value)
