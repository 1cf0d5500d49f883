"""What the README shows: the gateway's own pages, photographed; the dashboard's panels, drawn. `make screenshots`."""

import sys

from lab.bed import Bed
from lab.chromium import Chromium
from lab.envoy import Options
from lab.partner import add_partner
from lab.paths import ROOT

IMAGES = ROOT / "docs/images"
# They stand side by side.
_WIDTH, _HEIGHT, _SCALE = 460, 718, 1.5


def sign_in() -> None:
    """Where people choose a provider, and where they see who they are."""
    options = Options(plugin=lambda config: add_partner(config, "Partners", "Employees"))
    with Bed(options) as bed, Chromium(bed) as browser:
        browser.open("/workspaces")
        _photograph(browser, "sign-in")
        browser.sign_in("alice", "/.airgate/login?provider=corp")
        browser.open("/.airgate/me")
        _photograph(browser, "account")


def _photograph(browser: Chromium, name: str) -> None:
    picture = browser.screenshot(IMAGES / f"{name}.png", _WIDTH, height=_HEIGHT, scale=_SCALE)
    size = picture.stat().st_size
    print(f"{picture.relative_to(ROOT)}: {size // 1000} kB")
    assert size < 120_000, "too large for a README"


def main() -> int:
    sign_in()
    if "--pages-only" not in sys.argv[1:]:
        from lab.dashboard import draw

        draw(IMAGES / "dashboard.svg")
    return 0


if __name__ == "__main__":
    sys.exit(main())
