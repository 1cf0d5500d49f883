"""The command, and somewhere to run it."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from lab.paths import BUILD

Run = Callable[..., subprocess.CompletedProcess]


@pytest.fixture
def airgate(tmp_path: Path) -> Run:
    """`airgate("check", "x.yaml")` runs it in an empty folder, without secrets in its environment."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith("AIRGATE_")}

    def run(*arguments: str | Path, stdin: str = "", environment: dict[str, str] | None = None):
        command = [BUILD / "airgate", *arguments]
        return subprocess.run(
            command, cwd=tmp_path, input=stdin, capture_output=True, text=True, env=plain | (environment or {}), timeout=30
        )

    return run
