"""The OpenID provider as a child process. tests/provider/README.md says what it is."""

import subprocess
from pathlib import Path
from urllib.parse import urlsplit

from lab.certs import Authority
from lab.paths import ROOT
from lab.process import Child


class Provider:
    def __init__(self, authority: Authority, folder: Path, *options: str):
        self._folder = folder
        self._options = options
        self._port = 0
        self.authority_file = folder / "ca.crt"
        folder.mkdir(parents=True, exist_ok=True)
        self.authority_file.write_bytes(authority.certificate)
        self._certificate, self._key = authority.leaf().write(folder / "provider-tls")
        self.start()

    def start(self) -> None:
        """Starts it; after `stop`, again as the same issuer, with new keys."""
        script = ROOT / "tests/provider/provider.mjs"
        files = ["--cert", self._certificate, "--key", self._key]
        command = ["node", script, "--port", str(self._port), *files, *self._options]
        self.child = Child("provider", command, self._folder)
        self._issuer = None
        self._tokens: dict[str, str] = {}
        if self._port:
            self.issuer

    @property
    def issuer(self) -> str:
        if self._issuer is None:
            self._issuer = self.child.read_json()["issuer"]
            self._port = urlsplit(self._issuer).port
        return self._issuer

    def stop(self) -> None:
        self.child.stop()

    def token(self, who: str) -> str:
        """An access token of a demo user or client, by the newest key. Kept: each takes a login."""
        if who not in self._tokens:
            self._tokens[who] = access_token(self.issuer, self.authority_file, who)
        return self._tokens[who]

    def rotate(self, drop: bool = False) -> dict:
        """New signing keys; with `drop` the old ones leave the key set at once."""
        self._tokens.clear()
        return self._say(rotate=True, drop=drop)

    def down(self, down: bool = True) -> None:
        """Refuses connections, or no longer."""
        self._say(down=down)

    def delay(self, milliseconds: int) -> None:
        self._say(delay_ms=milliseconds)

    def hits(self) -> dict[str, int]:
        """How often each path was asked for."""
        return self._say(hits=True)["hits"]

    def _say(self, **message) -> dict:
        self.issuer  # read first: it is the first line of stdout
        self.child.say(message)
        answer = self.child.read_json()
        if "error" in answer:
            raise ValueError(answer["error"])
        return answer


def access_token(issuer: str, authority_file: Path, who: str) -> str:
    """Got as anybody would get it: people sign in, clients use their secret."""
    script = ROOT / "tests/provider/token.mjs"
    command = ["node", script, "--issuer", issuer, "--ca", authority_file, "--for", who]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, stdin=subprocess.DEVNULL)
    if done.returncode:
        raise LookupError(done.stderr.strip())
    return done.stdout.strip()
