"""A handful of real requests through a running demo, one line for each promise."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from lab.paths import ROOT
from lab.provider import access_token
from lab.surfer import Surfer
from lab.tls import trusting

_WORKSPACES = "/api/public/v1/workspaces"
_ECHO = "/api/v1/standin/echo"
_HEALTH = "/api/v1/health"


def smoke(environment: dict[str, str]) -> int:
    visit = Visit(environment)
    checks = [value for name, value in vars(Visit).items() if name.startswith("check_")]
    failed = 0
    for check in checks:
        begun = time.monotonic()
        try:
            check(visit)
            verdict, reason = "PASS", ""
        except Exception as error:  # whatever went wrong, the other checks are still worth running
            verdict, reason = "FAIL", f"\n      {type(error).__name__}: {error}"
            failed += 1
        print(f"{verdict}  {check.__doc__} ({(time.monotonic() - begun) * 1000:.0f} ms){reason}", flush=True)
    print(f"{len(checks) - failed} passed, {failed} failed")
    return 1 if failed else 0


class Visit:
    def __init__(self, environment: dict[str, str]):
        self.environment = environment
        self.authority_file = Path(environment["CA_CERT"])

    @contextmanager
    def http(self, token: str | None = None) -> Iterator[httpx.Client]:
        """A new client: new connections, no cookies."""
        headers = {"authorization": f"Bearer {token}"} if token else {}
        verify = trusting(self.authority_file)
        with httpx.Client(base_url=self.environment["GATEWAY_URL"], verify=verify, headers=headers, timeout=10) as client:
            yield client

    def token(self, who: str) -> str:
        return access_token(self.environment["ISSUER"], self.authority_file, who)

    def check_health(self):
        "health is public"
        with self.http() as http:
            answer = http.get(_HEALTH)
        assert answer.status_code == 200 and answer.json() == {"available": True}, answer.text

    def check_nobody(self):
        "without a token: 401"
        with self.http() as http:
            answer = http.get(_WORKSPACES)
        assert answer.status_code == 401, answer.status_code
        assert answer.headers["www-authenticate"].startswith("Bearer"), answer.headers
        assert "x-standin-name" not in answer.headers, "it reached Airbyte"

    def check_altered(self):
        "with an altered token: 401"
        head, body, signature = self.token("alice").split(".")
        # The last character may carry unused bits only; one in the middle never does.
        middle = len(signature) // 2
        other = "A" if signature[middle] != "A" else "B"
        altered = signature[:middle] + other + signature[middle + 1 :]
        with self.http(f"{head}.{body}.{altered}") as http:
            answer = http.get(_WORKSPACES)
        assert answer.status_code == 401, answer.status_code

    def check_alice(self):
        "with alice's token: 200 and Airbyte's workspaces"
        with self.http(self.token("alice")) as http:
            answer = http.get(_WORKSPACES)
        assert answer.status_code == 200, f"{answer.status_code} {answer.text}"
        assert answer.json()["data"], "no workspaces"

    def check_spoofed(self):
        "what a client says about itself does not reach Airbyte"
        spoofed = {"x-airgate-user": "mallory", "X-AirGate-Role": "mallory", "x-airbyte-user-id": "mallory"}
        with self.http(self.token("alice")) as http:
            seen = http.get(_ECHO, headers=spoofed).raise_for_status().json()["headers"]
        values = {name.lower(): value for name, value in seen}
        assert values.get("x-airgate-user") == "alice", values
        assert "mallory" not in str(seen), seen
        assert "authorization" not in values, "the token reached Airbyte"

    def check_affinity(self):
        "the affinity cookie keeps a client on one replica, and clients are spread"
        token, homes = self.token("alice"), set()
        for _ in range(20):
            with self.http(token) as http:
                seen = {http.get(_ECHO).raise_for_status().headers["x-standin-name"] for _ in range(5)}
                assert any("airgate-affinity" in name for name in http.cookies), "no affinity cookie"
            assert len(seen) == 1, f"one client was on replicas {sorted(seen)}"
            homes |= seen
        # By chance all twenty are on one of two replicas once in half a million times.
        assert len(homes) > 1, f"all clients were on replica {homes}"

    def check_sign_in(self):
        "alice signs in with a browser, lands where she wanted to go, and signs out"
        with Surfer(self.environment["GATEWAY_URL"], self.environment["ISSUER"], self.authority_file) as surfer:
            page = surfer.sign_in("alice", "/workspaces?from=smoke")
            assert page.status_code == 200 and str(page.url).endswith("/workspaces?from=smoke"), f"{page.status_code} {page.url}"
            assert surfer.get("/.airgate/me").raise_for_status().json()["user"] == "alice"
            answer = surfer.get(_WORKSPACES).raise_for_status()
            assert answer.json()["data"], "no workspaces"
            surfer.post("/.airgate/logout").raise_for_status()
            assert surfer.get(_WORKSPACES).status_code == 401, "still signed in"

    def check_sdk(self):
        "the airbyte-api SDK lists workspaces and connections and starts a sync"
        done = subprocess.run(
            [sys.executable, ROOT / "tests/lab/sdk_example.py"],
            env={**os.environ, **self.environment, "SSL_CERT_FILE": str(self.authority_file)},
            capture_output=True,
            text=True,
            timeout=60,
            stdin=subprocess.DEVNULL,
        )
        assert done.returncode == 0, done.stderr
        lines = [line.split()[0] for line in done.stdout.splitlines()]
        assert {"workspace", "connection", "sync"} <= set(lines), done.stdout
