"""A gateway that people sign in at, and what its good and bad answers look like."""

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

import pytest
from urllib.parse import quote
from signin.browser import Browser

from lab import Bed, Parts, until
from lab.bootstrap import Bootstrap
from lab.envoy import Options
from lab.login_site import LoginSite
from lab.rogue import JWKS, Rogue
from lab.wire import Answer

ECHO = "/api/v1/standin/echo"
SESSION_KEY = "AIRGATE_SESSION_KEY"
_numbers = count()


def case(name: str, *values: Any) -> Any:
    """A row of a table, with its name first."""
    return pytest.param(*values, id=name)


class Gate:
    def __init__(self, bed: Bed, sites: Iterable[LoginSite]):
        self.bed = bed
        self.sites = list(sites)
        self._browsers: list[Browser] = []

    def browser(self) -> Browser:
        """A fresh one, closed with the gate."""
        self._browsers.append(browser := Browser(self.bed))
        return browser

    def page(self) -> str:
        """A deep link that nobody ever followed."""
        return f"/workspaces/{next(_numbers)}/connections?search=a%20b&tab=1"

    def login(self, site: LoginSite, page: str = "/") -> str:
        """Where a login at this provider starts, also where there are several."""
        return f"/.airgate/login?provider={site.name}&return={quote(page)}"

    def reached(self, target: str) -> bool:
        return any(one.get("url") == target for one in self.bed.parts.requests())

    def signed_in(self, browser: Browser, answer: Answer, page: str, user: str = "alice") -> None:
        """The answer to a callback as it should be: off to the page, which is there, and Airbyte knows who it is."""
        assert answer.status in (302, 303), answer
        assert answer.header("location").removeprefix(self.bed.url) == page
        assert browser.session, f"no session: {browser.cookies.keys()}"
        assert browser.navigate(page).status == 200 and self.reached(page)
        assert self.user(browser) == user

    def user(self, browser: Browser) -> str | None:
        """Who this browser is to Airbyte; None: nobody."""
        answer = browser.fetch(ECHO)
        if answer.status == 401:
            return None
        assert answer.status == 200, answer
        return next(value for name, value in answer.json()["headers"] if name.lower() == "x-airgate-user")

    def refused(self, browser: Browser, answer: Answer, *statuses: int) -> str:
        """An error page as THREATS.md wants it, and no session: its text."""
        assert answer.status in statuses, f"{answer.status} {answer.body[:500]}"
        assert answer.header("content-type") == "text/html; charset=utf-8" and answer.header("cache-control") == "no-store"
        assert "default-src 'none'" in answer.header("content-security-policy")
        assert answer.header("location") is None and answer.header("x-standin-name") is None
        assert answer.status != 503 or int(answer.header("retry-after")) >= 1
        assert not browser.session, "a session"
        text = answer.body.decode()
        request_id = answer.header("x-request-id")
        assert request_id and request_id in text, "no request id"
        assert self.bed.envoy.record(request_id)["airgate.reason"]
        said = f"{answer.headers} {text}"
        assert not (told := [secret for secret in self._secrets if secret in said]), f"told: {told}"
        return text

    def assert_discreet(self) -> None:
        """No code, verifier, token, secret or cookie stands in a log, and no part of one that is between dots."""
        logged = _words(self.bed.envoy.log() + self.bed.envoy.child.out.read_text(errors="replace"))
        cookies = set().union(*(browser.seen for browser in self._browsers))
        told = logged & _words(" ".join([*self._secrets, *cookies]))
        assert not told, f"in the log: {sorted(told)[:3]}"

    @property
    def _secrets(self) -> list[str]:
        return [secret for site in self.sites for secret in site.secrets if len(secret) > 8]

    def close(self) -> None:
        for browser in self._browsers:
            browser.close()


@contextmanager
def open_gate(
    parts: Parts, rogue: Rogue, providers: dict[LoginSite, dict], plugin: dict = {}, bootstrap=None, **options
) -> Iterator[Gate]:
    """An Envoy where these people sign in, with changes to each one's entry. In the end nothing has trapped or told."""
    environment = {name: value for site in providers for name, value in site.environment.items()}

    def configure(config: dict) -> None:
        # The demo's own is only for tokens here.
        demo = {name: value for name, value in config["providers"][0].items() if name != "login"} | {"name": "demo"}
        config["providers"] = [demo, *(site.provider(**changes) for site, changes in providers.items())]
        config["session"] = {"keys": [{"id": "k1", "secret": {"env": SESSION_KEY}}]}
        config.update(plugin)

    def connect(tree: Bootstrap) -> None:
        rogue.connect(tree)
        lift_limits(tree.tree)
        names = tree.plugin["vm_config"]["environment_variables"]["host_env_keys"]
        names += [name for name in (SESSION_KEY, *environment) if name not in names]
        if bootstrap:
            bootstrap(tree)

    with Bed(Options(plugin=configure, bootstrap=connect, environment=environment, **options), parts=parts) as bed:
        gate = Gate(bed, providers)
        browser = gate.browser()
        until(lambda: browser.ask("/api/v1/health").status == 200, 10, "a replica")
        # What discovery says is there before the first one wants to sign in, if it is what it should be.
        until(lambda: all(site.hits[JWKS] or site.discovery_changes for site in providers), 10, "the providers' keys")
        yield gate
        gate.close()
        gate.assert_discreet()
        bed.envoy.assert_no_trap()


def _words(text: str) -> set[str]:
    """Whatever is long enough to be a secret. Sets, because thousands of logins are looked for."""
    return {*re.findall(r"[\w-]{16,}", re.sub("%[0-9A-Fa-f]{2}", " ", text))}


def lift_limits(tree: Any) -> None:
    """Hundreds of logins come from one address here."""
    for node in tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ():
        lift_limits(node)
    if isinstance(tree, dict) and "token_bucket" in tree:
        tree["token_bucket"].update(max_tokens=1_000_000, tokens_per_fill=1_000_000)

