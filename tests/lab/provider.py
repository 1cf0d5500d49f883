"""The OpenID provider as a child process. tests/provider/README.md says what it is."""

import json
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from lab.certs import Authority, Leaf
from lab.paths import ROOT
from lab.process import Child

# Clients that people sign in with, by a browser: with a secret, with a key, with neither.
CLIENTS = ("airgate", "airgate-key", "airgate-public")
_HOUR = 3600


class Provider:
    def __init__(self, authority: Authority, folder: Path, *options: str):
        self.authority = authority
        self._folder = folder
        self._options = options
        self._port = 0
        self._gateways: dict[str, list[str]] = {}
        self.authority_file = folder / "ca.crt"
        folder.mkdir(parents=True, exist_ok=True)
        self.authority_file.write_bytes(authority.certificate)
        self._certificate, self._key = authority.leaf().write(folder / "provider-tls")
        self.start()

    def start(self) -> None:
        """Starts it; after `stop`, again as the same issuer, with new keys, for the same gateways, all else forgotten."""
        script = ROOT / "tests/provider/provider.mjs"
        files = ["--cert", self._certificate, "--key", self._key]
        command = ["node", script, "--port", str(self._port), *files, *self._options]
        # Whom it trusts when it tells of a logout.
        environment = {"NODE_EXTRA_CA_CERTS": str(self.authority_file)}
        self.child = Child("provider", command, self._folder, environment)
        self._issuer = None
        self._tokens: dict[str, str] = {}
        if self._port:
            self.issuer
        if self._gateways:
            self._admit()

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

    def allow(self, gateways: Sequence[str], names: Sequence[str] = ("corp",)) -> None:
        """
        People may sign in at these gateways too (external URLs), where this provider goes by these names.
        The one allowed last is told of logouts.
        """
        for gateway in gateways:
            self._gateways[gateway] = sorted({*self._gateways.pop(gateway, []), *names})
        if self.child.running:
            self._admit()

    def change(self, **changes) -> None:
        """Accounts, clients and more, as in a file for its --config, laid over what it knows."""
        self._tokens.clear()
        self._say(change=changes)

    def lifetimes(self, id_token: int = _HOUR, access_token: int = _HOUR) -> None:
        """How many seconds tokens hold that are issued from now on; without arguments, as usual."""
        self.change(id_token_seconds=id_token, access_token_seconds=access_token)

    def forget(self) -> None:
        """Ends all sessions and grants: each refresh is answered with invalid_grant, each login asks for a name."""
        self._say(forget=True)

    def down(self, down: bool = True) -> None:
        """Refuses connections, or no longer."""
        self._say(down=down)

    def certify(self, leaf: Leaf) -> None:
        """Shows this certificate from now on."""
        certificate, key = leaf.write(self._folder / "provider-tls")
        self._say(certificate={"cert": str(certificate), "key": str(key)})

    def freeze(self, frozen: bool = True) -> None:
        """Takes connections and never says a word, or goes on where it was."""
        self.child.signal(signal.SIGSTOP if frozen else signal.SIGCONT)

    def delay(self, milliseconds: int) -> None:
        self._say(delay_ms=milliseconds)

    def hits(self) -> dict[str, int]:
        """How often each path was asked for."""
        return self._say(hits=True)["hits"]

    def _admit(self) -> None:
        client = {
            "redirect_uris": [f"{url}/.airgate/callback/{name}" for url, names in self._gateways.items() for name in names],
            "post_logout_redirect_uris": [f"{url}/.airgate/signed-out" for url in self._gateways],
            "backchannel_logout_uri": f"{list(self._gateways)[-1]}/.airgate/backchannel-logout",
        }
        self._say(change={"clients": dict.fromkeys(CLIENTS, client)})

    def _say(self, **message) -> dict:
        self.issuer  # read first: it is the first line of stdout
        self.child.say(message)
        answer = self.child.read_json()
        if "error" in answer:
            raise ValueError(answer["error"])
        return answer


def client_secret(client: str = "airgate") -> str:
    demo = json.loads((ROOT / "tests/provider/demo.json").read_text())
    return demo["clients"][client]["client_secret"]


def access_token(issuer: str, authority_file: Path, who: str) -> str:
    """Got as anybody would get it: people sign in, clients use their secret."""
    script = ROOT / "tests/provider/token.mjs"
    command = ["node", script, "--issuer", issuer, "--ca", authority_file, "--for", who]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, stdin=subprocess.DEVNULL)
    if done.returncode:
        raise LookupError(done.stderr.strip())
    return done.stdout.strip()
