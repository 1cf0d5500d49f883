"""The Airbyte stand-in as a child process. tests/standin/README.md says what it answers."""

import json
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from lab.paths import ROOT
from lab.process import Child


class Standin:
    def __init__(self, name: str, folder: Path, *options: str):
        self.name = name
        self._folder = folder
        self._options = options
        self._port = 0
        self.start()

    def start(self) -> None:
        """Starts it; after `stop`, again on the same port, as a replica that comes back."""
        script = ROOT / "tests/standin/standin.mjs"
        command = ["node", script, "--name", self.name, "--port", str(self._port), *self._options]
        self.child = Child(f"standin-{self.name}", command, self._folder)
        self._url = None
        if self._port:
            self.wait()

    def wait(self) -> None:
        self.url

    @property
    def url(self) -> str:
        if self._url is None:
            self._url = self.child.read_json()["url"]
            self._port = urlsplit(self._url).port
        return self._url

    def stop(self) -> None:
        self.child.stop()

    def requests(self) -> list[dict]:
        """What arrived, oldest first: name, method, url, headers (pairs), body_bytes, status, aborted, complete."""
        return self._call("GET", "/standin/requests")

    def forget(self) -> None:
        self._call("DELETE", "/standin/requests")

    def control(self, **faults) -> dict:
        """healthy, delay_ms, fail, cut, reset: see tests/standin/faults.mjs."""
        return self._call("POST", "/standin/control", faults)

    def heal(self) -> None:
        self._call("DELETE", "/standin/control")

    def _call(self, method: str, path: str, body: dict | None = None):
        data = None if body is None else json.dumps(body).encode()
        request = Request(self.url + path, data, {"content-type": "application/json"}, method=method)
        with urlopen(request, timeout=5) as answer:
            return json.load(answer)
