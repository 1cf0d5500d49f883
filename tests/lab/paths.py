"""Where the lab finds what `make` set up."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / ".build"
DEMO = ROOT / ".demo"
EXAMPLE = ROOT / "envoy-example"
MODULE = BUILD / "airgate.wasm"


def envoy_binary(version: str) -> Path:
    return BUILD / "envoy" / version / "envoy"
