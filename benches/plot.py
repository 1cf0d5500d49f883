"""The main series and the new tokens as bars: one small SVG, drawn by hand."""

from html import escape

from benches.measuring import spread

_WIDTH, _LEFT, _RIGHT, _BAR, _GAP = 760, 220, 70, 16, 8
_OURS, _OTHERS, _SPREAD = "#2f6fde", "#9aa5b1", "#1f2933"
_DRAWN = ("main", "new")


def svg(results: dict) -> str:
    """Microseconds of processor time per request, with the quartiles as a line across each bar's end."""
    bars = [
        (one["name"], *spread([sample["cpu_us"] for sample in one["samples"]]))
        for series in results["series"] if series["name"] in _DRAWN
        for one in series["candidates"] if one["samples"]
    ]  # fmt: skip
    # What is computed in software would flatten all others: it is in the tables.
    bars = [bar for bar in bars if "in software" not in bar[0]]
    longest = max((high for *_, high in bars), default=1)
    scale = (_WIDTH - _LEFT - _RIGHT) / longest
    height = 40 + len(bars) * (_BAR + _GAP)
    drawn = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" font-family="sans-serif" font-size="12">',
        f'<rect width="{_WIDTH}" height="{height}" fill="#ffffff"/>',
        f'<text x="8" y="20" font-size="13" fill="{_SPREAD}">µs of processor time per request (median and quartiles)</text>',
    ]
    for number, (name, middle, low, high) in enumerate(bars):
        drawn += _bar(32 + number * (_BAR + _GAP), name, middle * scale, low * scale, high * scale, f"{middle:.1f}")
    return "\n".join([*drawn, "</svg>"]) + "\n"


def _bar(top: int, name: str, middle: float, low: float, high: float, text: str) -> list[str]:
    centre = top + _BAR / 2
    fill = _OURS if name.startswith("airgate") else _OTHERS
    return [
        f'<text x="{_LEFT - 8}" y="{centre + 4}" text-anchor="end" fill="{_SPREAD}">{escape(name)}</text>',
        f'<rect x="{_LEFT}" y="{top}" width="{middle:.1f}" height="{_BAR}" fill="{fill}"/>',
        f'<path d="M{_LEFT + low:.1f} {centre}H{_LEFT + high:.1f}" stroke="{_SPREAD}" stroke-width="2"/>',
        f'<text x="{_LEFT + max(middle, high) + 6:.1f}" y="{centre + 4}" fill="{_SPREAD}">{text}</text>',
    ]
