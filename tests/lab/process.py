"""A server as our child: logs to files, dies with us, is stopped by its pid."""

import ctypes
import json
import os
import re
import signal
import subprocess
from pathlib import Path
from typing import Any

from lab.until import until

# Loaded before any fork: between fork and exec only this one call is made.
_libc = ctypes.CDLL(None)
_PR_SET_PDEATHSIG = 1


def _die_with_parent() -> None:
    # Linux counts the death of the thread that started us: start children from a
    # thread that lives as long as they should.
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


class Child:
    """stdout and stderr go to `<name>.out` and `<name>.err` in `folder`."""

    def __init__(self, name: str, command: list[str | Path], folder: Path, env: dict[str, str] | None = None):
        self.name = name
        self.out = folder / f"{name}.out"
        self.err = folder / f"{name}.err"
        self._read = 0
        self._lines: list[Any] = []
        folder.mkdir(parents=True, exist_ok=True)
        with self.out.open("wb") as out, self.err.open("wb") as err:
            self._process = subprocess.Popen(
                [str(word) for word in command],
                stdin=subprocess.PIPE,
                stdout=out,
                stderr=err,
                env={**os.environ, **(env or {})},
                # Ctrl-C in a terminal reaches the parent alone, which then stops its children in order.
                start_new_session=True,
                preexec_fn=_die_with_parent,
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process.poll() is None

    @property
    def exit_code(self) -> int | None:
        return self._process.poll()

    @property
    def resident_bytes(self) -> int:
        """Its memory that is in RAM now."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return 1024 * int(re.search(r"^VmRSS:\s*(\d+) kB$", status, re.M).group(1))

    def read_json(self, timeout: float = 15) -> Any:
        """The next line of stdout, as JSON."""
        return json.loads(self.wait_for(self._next_line, timeout, "a line on stdout"))

    def read_all_json(self) -> list[Any]:
        """Every line of stdout so far, as JSON. Each is read once, so asking often costs nothing."""
        while line := self._next_line():
            self._lines.append(json.loads(line))
        return self._lines

    def wait_for(self, condition, timeout: float, what: str):
        """`until`, but at once an error when the process ends first."""

        def alive_and_true():
            value = condition()
            if not value and not self.running:
                raise RuntimeError(f"{self.name} ended with {self.exit_code} before {what}\n{self.tail()}")
            return value

        try:
            return until(alive_and_true, timeout, f"{self.name}: {what}")
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.tail()}") from None

    def say(self, message: Any) -> None:
        """One JSON line to stdin."""
        assert self._process.stdin
        self._process.stdin.write(json.dumps(message).encode() + b"\n")
        self._process.stdin.flush()

    def signal(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def stop(self, timeout: float = 5) -> None:
        """SIGTERM, and SIGKILL for who does not listen. Stopping twice is fine."""
        if self.running:
            self._process.terminate()
            try:
                self._process.wait(timeout)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        if self._process.stdin:
            self._process.stdin.close()

    def kill(self) -> None:
        self._process.kill()
        self.stop()

    def tail(self, lines: int = 30) -> str:
        text = self.err.read_text(errors="replace") or self.out.read_text(errors="replace")
        said = text.splitlines()
        # Envoy lists all it was built with before it says what is wrong.
        worth_reading = [line for line in said if not re.match(r"\[[^]]+\](\[\d+\])?\[(info|debug|trace)\]", line)]
        return "\n".join((worth_reading or said)[-lines:])

    def _next_line(self) -> bytes | None:
        with self.out.open("rb") as out:
            out.seek(self._read)
            line = out.readline()
        if not line.endswith(b"\n"):
            return None
        self._read += len(line)
        return line
