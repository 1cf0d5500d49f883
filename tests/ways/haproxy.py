"""HAProxy as a child process, on the file that the page shows."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from gate import is_well

from lab.bed import Parts
from lab.forge import Key
from lab.paths import EXAMPLE
from lab.ports import free_port
from lab.process import Child

CONFIGURATION = EXAMPLE / "from-haproxy/haproxy.cfg"
# Debian keeps it where not everybody's PATH leads.
BINARY = shutil.which("haproxy", path=os.environ.get("PATH", "") + ":/usr/sbin") or "haproxy"
# As the lab shortens Envoy's: a minute becomes two seconds, and a dead replica is noticed in half a second.
_HURRY = {
    "timeout client 60s": "timeout client 2s",
    "timeout server 60s": "timeout server 2s",
    "set-timeout server 30m": "set-timeout server 60s",
    "inter 5s fastinter 1s downinter 1s": "inter 250ms fastinter 50ms downinter 50ms",
}


class HAProxy:
    def __init__(self, folder: Path, parts: Parts, key: Key, changes: dict[str, str] = {}):
        """`changes` are texts of the file and what stands there instead."""
        self._folder = folder
        https, http = free_port(), free_port()
        self.url = f"https://localhost:{https}"
        self.http_url = f"http://localhost:{http}"
        self._authority_file = parts.authority_file
        self.install(parts, key)
        replicas = [urlsplit(url).netloc for url in parts.urls]
        here = {
            "/etc/haproxy/": f"{folder}/",
            "bind :8443": f"bind 127.0.0.1:{https}",
            "bind :8080": f"bind 127.0.0.1:{http}",
            "airbyte.example.com": f"localhost:{https}",
            # As many open files as a container may have.
            "maxconn 10000": "maxconn 1000",
            **{f"airbyte-server-{number}.airbyte.internal:8001": replica for number, replica in enumerate(replicas)},
        }
        text = CONFIGURATION.read_text()
        for before, after in {**here, **_HURRY, **changes}.items():
            if before not in text:
                raise LookupError(f"the configuration no longer has: {before}")
            text = text.replace(before, after)
        self._file = folder / "haproxy.cfg"
        self._file.write_text(text)
        self.child: Child | None = None

    def install(self, parts: Parts, key: Key) -> None:
        """The certificate that it serves, and the one key that it believes, under the name that the file has for it."""
        leaf = parts.authority.leaf()
        (self._folder / "keys").mkdir(parents=True, exist_ok=True)
        (self._folder / "tls.pem").write_bytes(leaf.certificate + leaf.key)
        pem = key.private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        (self._folder / "keys/2026-11.pem").write_bytes(pem)

    def validate(self) -> subprocess.CompletedProcess:
        return subprocess.run([BINARY, "-c", "-f", self._file], capture_output=True, text=True, timeout=20)

    def start(self) -> "HAProxy":
        self.child = Child("haproxy", [BINARY, "-db", "-f", self._file], self._folder)
        self.child.wait_for(lambda: is_well(self.url, self._authority_file), 10, "answering")
        return self

    def stop(self) -> None:
        if self.child:
            self.child.stop()

    def log(self) -> list[dict]:
        """A line for each request; what HAProxy says of itself stands between them."""
        return [json.loads(line) for line in self.child.out.read_text().splitlines() if line.startswith("{")]
