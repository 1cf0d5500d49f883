"""The main series and the new tokens as bars: one small SVG, drawn by hand."""

from html import escape

from benches.measuring import spread

_WIDTH, _LEFT, _RIGHT, _BAR, _GAP = 760, 220, 70, 16, 8
_OURS, _OTHERS, _TEXT = "#2f6fde", "#9aa5b1", "#1f2933"
_DRAWN = ("main", "new")


def svg(results: dict) -> str:
    """Microseconds of processor time per request, with the quartiles as a line across each bar's end."""
    drawn = [series for series in results["series"] if series["name"] in _DRAWN]
    # What is computed in software would flatten all others: it is in the tables.
    bars = {series["title"]: [_costs(one) for one in series["candidates"] if _fits(one)] for series in drawn}
    longest = max((high for rows in bars.values() for *_, high in rows), default=1)
    scale = (_WIDTH - _LEFT - _RIGHT) / longest
    lines, top = [], 8
    for title, rows in bars.items():
        title = f"{escape(title)}: µs CPU a request"
        lines.append(f'<text x="{_LEFT}" y="{top + 16}" font-weight="bold" fill="{_TEXT}">{title}</text>')
        top += _BAR + 2 * _GAP
        for name, middle, low, high in rows:
            lines += _bar(top, name, middle * scale, low * scale, high * scale, f"{middle:.1f}")
            top += _BAR + _GAP
    font = 'font-family="sans-serif" font-size="12"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {top}" {font}>'
    return "\n".join([head, f'<rect width="{_WIDTH}" height="{top}" fill="#ffffff"/>', *lines, "</svg>"]) + "\n"


def _fits(one: dict) -> bool:
    return bool(one["samples"]) and "in software" not in one["name"]


def _costs(one: dict) -> tuple[str, float, float, float]:
    return one["name"], *spread([sample["cpu_us"] for sample in one["samples"]])


def _bar(top: int, name: str, middle: float, low: float, high: float, text: str) -> list[str]:
    centre = top + _BAR / 2
    fill = _OURS if name.startswith("airgate") else _OTHERS
    return [
        f'<text x="{_LEFT - 8}" y="{centre + 4}" text-anchor="end" fill="{_TEXT}">{escape(name)}</text>',
        f'<rect x="{_LEFT}" y="{top}" width="{middle:.1f}" height="{_BAR}" fill="{fill}"/>',
        f'<path d="M{_LEFT + low:.1f} {centre}H{_LEFT + high:.1f}" stroke="{_TEXT}" stroke-width="2"/>',
        f'<text x="{_LEFT + max(middle, high) + 6:.1f}" y="{centre + 4}" fill="{_TEXT}">{text}</text>',
    ]
