"""The demo: everything on free ports, in the foreground (run) or in the background (up, down)."""

import argparse
import fcntl
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from lab.bed import Bed, Parts
from lab.envoy import Options
from lab.paths import DEMO
from lab.process import Child
from lab.provider import access_token
from lab.smoke import smoke
from lab.summary import summary
from lab.until import until

_ENV = DEMO / "env"
_LOCK = DEMO / "lock"
_LOG = DEMO / "log"
_ENDINGS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def run() -> int:
    if environment := running():
        print(f"The demo is running already, at {environment['GATEWAY_URL']} (make demo-down stops it).")
        return 0
    return serve(announce=True)


def up() -> int:
    if environment := running():
        print(f"The demo is running already, at {environment['GATEWAY_URL']}.")
        return 0
    DEMO.mkdir(mode=0o700, exist_ok=True)
    _ENV.unlink(missing_ok=True)  # of a demo that was killed
    with _LOG.open("wb") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "lab.demo", "serve"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,  # Ctrl-C here, or this terminal's end, is not the demo's end
        )
    while not (_ENV.exists() and (environment := running())):
        if server.poll() is not None:
            print(f"The demo did not start:\n{_LOG.read_text()}", file=sys.stderr)
            return 1
        time.sleep(0.02)
    print(f"The demo runs at {environment['GATEWAY_URL']}; .demo/env has the rest, make demo-down stops it.")
    return 0


def down() -> int:
    pid = holder()
    if not pid:
        print("The demo is not running.")
        return 0
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + 20
    while holder() == pid:
        if time.monotonic() > deadline:
            # Its children die with it.
            os.kill(pid, signal.SIGKILL)
        time.sleep(0.02)
    _ENV.unlink(missing_ok=True)
    print("The demo is stopped.")
    return 0


def token(who: str) -> int:
    environment = running()
    if not environment:
        print("The demo is not running: make demo-up", file=sys.stderr)
        return 1
    try:
        print(access_token(environment["ISSUER"], Path(environment["CA_CERT"]), who))
    except LookupError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def try_out() -> int:
    """Smoke, against the running demo or one for this purpose."""
    own = not running()
    if own and up():
        return 1
    try:
        return smoke(running())
    finally:
        if own:
            down()


def serve(announce: bool = False) -> int:
    """Runs until a signal, or until a part dies. Holds the lock for as long."""
    DEMO.mkdir(mode=0o700, exist_ok=True)
    with _LOCK.open("a+") as lock:
        for number in _ENDINGS:
            signal.signal(number, _stop)
        try:
            # Waited for, because whoever asks `holder` has it for a moment.
            until(lambda: _locked(lock), 0.3, "having the demo to itself (is another one just starting?)")
            lock.truncate(0)
            lock.write(str(os.getpid()))
            lock.flush()
            return _serve(announce)
        except Stopped:
            if announce:
                print("\nStopping.")
            return 0
        except (AssertionError, RuntimeError) as error:
            print(error, file=sys.stderr)
            return 1


def _locked(file) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _serve(announce: bool) -> int:
    # What the last one logged stays readable until the next begins.
    shutil.rmtree(DEMO / "run", ignore_errors=True)
    with Parts(DEMO / "run") as parts, Bed(Options(roles=True), parts) as bed:
        authority = shutil.copy(bed.authority_file, DEMO / "ca.crt")
        environment = {
            "GATEWAY_URL": bed.url,
            "CA_CERT": str(authority),
            "ISSUER": bed.issuer,
            "STANDIN_URLS": " ".join(parts.urls),
            "ENVOY_ADMIN": bed.envoy.admin_url,
        }
        write_environment(environment)
        try:
            if announce:
                print(summary(environment), flush=True)
            return _watch([bed.envoy.child, parts.provider.child, *(standin.child for standin in parts.standins)])
        finally:
            _ENV.unlink(missing_ok=True)


def _watch(children: list[Child]) -> int:
    """Returns when one has died."""
    while all(child.running for child in children):
        time.sleep(0.3)
    for child in children:
        if not child.running:
            print(f"{child.name} ended with {child.exit_code}:\n{child.tail()}", file=sys.stderr)
    return 1


class Stopped(Exception):
    pass


def _stop(*_) -> None:
    # Once: stopping the parts is not to be interrupted by a second Ctrl-C.
    for number in _ENDINGS:
        signal.signal(number, signal.SIG_IGN)
    raise Stopped


def holder() -> int | None:
    """The process that runs the demo: whoever holds the lock, so never a stranger with a reused pid."""
    if not _LOCK.exists():
        return None
    with _LOCK.open("r+") as lock:
        return None if _locked(lock) else int(lock.read() or 0) or None


def running() -> dict[str, str] | None:
    """The environment of the running demo."""
    if not holder() or not _ENV.exists():
        return None
    words = shlex.split(_ENV.read_text())
    return dict(word.split("=", 1) for word in words)


def write_environment(environment: dict[str, str]) -> None:
    fresh = _ENV.with_suffix(".new")
    fresh.write_text("".join(f"{name}={shlex.quote(value)}\n" for name, value in environment.items()))
    fresh.rename(_ENV)


def main() -> int:
    parser = argparse.ArgumentParser(prog="lab.demo", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, action in {"run": run, "up": up, "down": down, "smoke": try_out, "serve": serve}.items():
        commands.add_parser(name).set_defaults(action=action)
    commands.add_parser("token").add_argument("who")
    options = parser.parse_args()
    return token(options.who) if options.command == "token" else options.action()


if __name__ == "__main__":
    sys.exit(main())
