"""What one request costs, in microseconds of Envoy's processor time: `make measure`.

Every candidate is the example's Envoy with one worker, plain HTTP, no access log
and answers from Envoy itself, so that what differs is the filter. `wrk` loads it
from another process; the cost is the processor time that Envoy's process used,
divided by the requests it answered. Candidates take turns, and the median of
the rounds is printed with its spread.
"""

import os
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from lab.bed import Bed, Parts
from lab.bootstrap import Bootstrap
from lab.envoy import Envoy, Options
from lab.forge import Key, make_key
from lab.sealed import SealingKey

ISSUER = "https://idp.example.com"
PATH = "/api/v1/connections/list"
ECHO = "/api/v1/standin/echo"
AFFINITY, SESSION = "__Host-airgate-affinity", "__Host-airgate-session"
# The example's key for sessions, the same in each Envoy.
SEAL = SealingKey("k1")
SECRETS = {"AIRGATE_SESSION_KEY": SEAL.text}
# More distinct tokens (8,192) and sessions (4,096) than the module remembers: in turn, none is known when it comes again.
DISTINCT = 9000
ROUNDS = int(os.environ.get("ROUNDS", "5"))
SECONDS = int(os.environ.get("SECONDS_PER_ROUND", "2"))

Fields = dict[str, str]


@dataclass
class Candidate:
    what: str
    envoy: Envoy
    lua: Path
    answered: int = 0
    costs: list[float] = field(default_factory=list)


def plain(bootstrap: Bootstrap) -> None:
    """No TLS, no log, and every route answers by itself."""
    listener = bootstrap.listener("https")
    for chain in listener["filter_chains"]:
        chain.pop("transport_socket", None)
    listener.pop("listener_filters", None)
    bootstrap.tree.pop("overload_manager", None)
    manager = bootstrap.manager()
    manager.pop("access_log", None)
    manager.pop("local_reply_config", None)
    manager.pop("early_header_mutation_extensions", None)
    keep = ("http.wasm.v3.Wasm", "http.router.v3.Router")
    kind = lambda filter: filter.get("typed_config", {}).get("@type", "")
    manager["http_filters"] = [filter for filter in manager["http_filters"] if kind(filter).endswith(keep)]
    for host in manager["route_config"]["virtual_hosts"]:
        host["routes"] = [{"match": {"prefix": "/"}, "direct_response": {"status": 200, "body": {"inline_string": "ok"}}}]


def bare(bootstrap: Bootstrap) -> None:
    plain(bootstrap)
    bootstrap.manager()["http_filters"][0]["disabled"] = True


def plugin(key: Key, signatures: str):
    def change(config: dict) -> None:
        provider = {"name": "measured", "issuer": ISSUER, "audiences": ["airbyte"], "jwks": {"keys": [key.jwk()]}}
        config.update(signatures=signatures, providers=[provider])
        del config["session"]  # nobody signs in

    return change


def tokens(key: Key, count: int) -> Iterator[Fields]:
    now = int(time.time())
    claims = {"iss": ISSUER, "aud": "airbyte", "iat": now, "exp": now + 3600, "email": "alice@example.com", "name": "Alice",
              "groups": ["airbyte-admins", "data"], "azp": "cli"}
    return ({"authorization": "Bearer " + key.token({**claims, "sub": f"user-{number}"})} for number in range(count))


def sign_in(parts: Parts) -> str:
    """Somebody's sealed session. Forged ones pass the example as it is, or measuring them would mean nothing."""
    with Bed(Options(environment=SECRETS), parts) as bed:
        surfer = bed.surfer()
        surfer.sign_in("alice", ECHO)
        sealed = surfer.cookies[SESSION].removeprefix("1.")
        for number, fields in enumerate(sessions(sealed, 2)):
            answer = surfer.get(ECHO, fields)
            answer.raise_for_status()
            user = dict(answer.json()["headers"])["x-airgate-user"]
            assert user == f"user-{number}", f"a forged session is that of {user}"
        return sealed


def sessions(sealed: str, count: int) -> Iterator[Fields]:
    """This session with others' names in it."""
    contents = SEAL.open(sealed)
    for number in range(count):
        contents["value"]["sub"] = contents["value"]["claims"]["sub"] = f"user-{number}"
        yield session(SEAL.seal(contents))


def session(sealed: str) -> Fields:
    return {"cookie": f"{SESSION}=1.{sealed}"}


def affinity_cookie(url: str, credential: Fields) -> str:
    """What a client that was here before sends."""
    answer = httpx.get(url + PATH, headers=credential)
    answer.raise_for_status()
    return f"{AFFINITY}={answer.cookies[AFFINITY]}" if AFFINITY in answer.cookies else "other=1"


def script(envoy: Envoy, credentials: Iterable[Fields]) -> Path:
    """For wrk: each request carries the next credential, from the one whose number is told."""
    credentials = list(credentials)
    affinity = affinity_cookie(address(envoy), credentials[0])
    listed = envoy.folder / "requests"
    listed.write_text("".join(request(credential, affinity) for credential in credentials), newline="")
    lua = envoy.folder / "requests.lua"
    lua.write_text(
        f"""
        local requests, next = {{}}, 0
        for text in io.open("{listed}"):read("*a"):gmatch("(.-\\r\\n\\r\\n)") do
          requests[#requests + 1] = text
        end
        function init(arguments)
          next = tonumber(arguments[1])
        end
        function request()
          next = next % #requests + 1
          return requests[next]
        end
        """
    )
    return lua


def request(credential: Fields, affinity: str) -> str:
    cookies = "; ".join([*filter(None, [credential.get("cookie")]), affinity])
    fields = {"host": "localhost", "accept": "application/json", "user-agent": "measure", **credential, "cookie": cookies}
    return f"GET {PATH} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in fields.items()) + "\r\n"


def address(envoy: Envoy) -> str:
    return envoy.url.replace("https://localhost", "http://127.0.0.1")


def processor_time(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def load(candidate: Candidate) -> float:
    """Microseconds per request."""
    envoy = candidate.envoy
    before = processor_time(envoy.child.pid)
    # Goes on where the last round ended: a slow round ends early in the list, and its start would be known in the next.
    start = str(candidate.answered % DISTINCT)
    command = ["wrk", "-t1", "-c8", f"-d{SECONDS}s", "-s", str(candidate.lua), address(envoy), "--", start]
    said = subprocess.run(command, capture_output=True, text=True, check=True, stdin=subprocess.DEVNULL).stdout
    used = processor_time(envoy.child.pid) - before
    if "Non-2xx" in said:
        raise RuntimeError(f"not every answer was 200 from {envoy.folder.name}:\n{said}")
    answered = int(re.search(r"(\d+) requests in", said)[1])
    candidate.answered += answered
    return used * 1e6 / answered


def main() -> None:
    rs256, es256, eddsa = make_key("RS256", "rs"), make_key("ES256", "es"), make_key("EdDSA", "ed")
    with Parts(standins=1) as parts:
        sealed = sign_in(parts)
        gateway = {"external_url": SEAL.open(sealed)["aud"]}
        # What, Envoy's configuration, the plugin's, and the credentials that requests bring in turn.
        candidates = [
            ("no filter", bare, plugin(es256, "host"), tokens(es256, 1)),
            ("a known token", plain, plugin(es256, "host"), tokens(es256, 1)),
            ("a known session", plain, gateway, [session(sealed)]),
            ("a new session", plain, gateway, sessions(sealed, DISTINCT)),
            ("a new token, RS256 by the host", plain, plugin(rs256, "host"), tokens(rs256, DISTINCT)),
            ("a new token, ES256 by the host", plain, plugin(es256, "host"), tokens(es256, DISTINCT)),
            ("a new token, EdDSA in software", plain, plugin(eddsa, "host"), tokens(eddsa, DISTINCT)),
            ("a new token, ES256 in software", plain, plugin(es256, "software"), tokens(es256, DISTINCT)),
            ("a new token, RS256 in software", plain, plugin(rs256, "software"), tokens(rs256, DISTINCT)),
        ]
        running: list[Candidate] = []
        try:
            for number, (what, bootstrap, change, credentials) in enumerate(candidates):
                print(f"airgate: preparing: {what}", file=sys.stderr)
                options = Options(plugin=change, bootstrap=bootstrap, concurrency=1, environment=SECRETS, log_level="error")
                folder = parts.folder / f"measured-{number}"
                envoy = Envoy(folder, parts.authority, parts.provider.issuer, ["http://127.0.0.1:9"], options).start()
                running.append(Candidate(what, envoy, script(envoy, credentials)))
            for number in range(ROUNDS + 1):
                for candidate in running:
                    cost = load(candidate)
                    if number:  # the first round warms up
                        candidate.costs.append(cost)
            base = statistics.median(running[0].costs)
            print(f"{'':34} µs CPU a request   over no filter   spread of {ROUNDS}")
            for candidate in running:
                costs, median = candidate.costs, statistics.median(candidate.costs)
                print(f"{candidate.what:34} {median:16.1f} {median - base:16.1f}   {min(costs):.1f} to {max(costs):.1f}")
                candidate.envoy.assert_no_trap()
        finally:
            for candidate in running:
                candidate.envoy.stop()


if __name__ == "__main__":
    main()
