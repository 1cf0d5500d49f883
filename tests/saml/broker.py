"""An identity provider that speaks SAML only, and SATOSA as docs/saml.md has it, as child processes."""

import re
import secrets
import shlex
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import yaml

from lab.certs import Authority
from lab.paths import BUILD, ROOT
from lab.ports import free_port
from lab.process import Child
from lab.tls import trusting

PYTHON = BUILD / "saml/bin/python"
_PAGE = (ROOT / "docs/saml.md").read_text()
_FOLDER, _SATOSA, _GATEWAY = "/etc/satosa", "https://saml.example.com", "https://airbyte.example.com"


def page_files() -> dict[str, str]:
    """The files that the page shows, by name."""
    return dict(re.findall(r"^`([\w.]+)`[^\n]*:\n\n```\w+\n(.*?)```", _PAGE, re.S | re.M))


def page_plugin(satosa: str) -> dict:
    """airgate's part, for SATOSA at this address."""
    [block] = re.findall(r"^## airgate\n\n```yaml\n(.*?)```", _PAGE, re.S | re.M)
    return yaml.safe_load(block.replace(_SATOSA, satosa))


def _page_commands() -> list[str]:
    blocks = re.findall(r"```bash\n(.*?)```", _PAGE, re.S)
    return "".join(blocks).replace("\\\n", " ").splitlines()


class Idp:
    """tests/saml/idp.py. `url` is where people say who they are."""

    def __init__(self, authority: Authority, folder: Path):
        self.folder = folder
        self.url = f"https://localhost:{(port := free_port())}"
        for name in ("idp", "stranger"):
            leaf = authority.leaf(name, use_rsa=True)
            (folder / f"{name}.crt").write_bytes(leaf.certificate)
            (folder / f"{name}.key").write_bytes(leaf.key)
        tls = authority.leaf().write(folder / "idp-tls")
        self.child = Child("idp", [PYTHON, ROOT / "tests/saml/idp.py", port, *tls, folder], folder)
        self.child.read_json(timeout=40)

    def trust(self, metadata: bytes) -> None:
        """This is the metadata of the one who may ask."""
        file = self.folder / "sp.xml"
        file.write_bytes(metadata)
        self._say(metadata=str(file))

    def misbehave(self, fault: str | None) -> None:
        self._say(fault=fault)

    def stop(self) -> None:
        self.child.stop()

    def _say(self, **message) -> None:
        self.child.say(message)
        self.child.read_json()


class Satosa:
    def __init__(self, authority: Authority, folder: Path):
        self.folder = folder
        self.client_secret = secrets.token_urlsafe(24)
        self.url = f"https://localhost:{free_port()}"
        self.child: Child | None = None
        self.authority_file = folder / "ca.crt"
        self.authority_file.write_bytes(authority.certificate)
        leaf = authority.leaf()
        (folder / "tls.crt").write_bytes(leaf.certificate)
        (folder / "tls.key").write_bytes(leaf.key)

    def start(self, gateway: str) -> None:
        """For this gateway, as the page says it, and waits until it answers."""
        here = {
            _FOLDER: str(self.folder),
            _SATOSA: self.url,
            _GATEWAY: gateway,
            "0.0.0.0:443": urlsplit(self.url).netloc,
            "a long random text": self.client_secret,
        }
        for name, text in page_files().items():
            (self.folder / name).write_text(_moved(text, here))
        *setup, serve = _page_commands()
        for command in setup:
            subprocess.run(shlex.split(command), cwd=self.folder, check=True, capture_output=True, timeout=30)
        configuration, program, *words = shlex.split(_moved(serve, here))
        environment = {**dict([configuration.split("=")]), "SATOSA_STATE_ENCRYPTION_KEY": secrets.token_hex(16)}
        self.child = Child("satosa", [PYTHON.parent / program, *words], self.folder, environment)
        self.child.wait_for(self._answers, 40, "answering")

    def stop(self) -> None:
        if self.child:
            self.child.stop()

    def get(self, path: str) -> httpx.Response:
        return httpx.get(self.url + path, verify=trusting(self.authority_file)).raise_for_status()

    def log(self) -> str:
        return self.child.err.read_text(errors="replace")

    def _answers(self) -> bool:
        try:
            return bool(self.get("/.well-known/openid-configuration"))
        except httpx.TransportError:
            return False


def _moved(text: str, here: dict[str, str]) -> str:
    for name, ours in here.items():
        text = text.replace(name, ours)
    return text
