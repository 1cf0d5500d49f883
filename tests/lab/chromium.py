"""A real browser, without a screen: Debian's chromium, driven through its chromedriver.

    with Chromium(bed) as browser:
        browser.sign_in("alice", "/workspaces?x=1")
        assert browser.fetch("/api/v1/health").status == 200
"""

import base64
import re
import shutil
import ssl
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509 import load_pem_x509_certificate
from selenium.common.exceptions import WebDriverException
from selenium.webdriver import ChromeOptions, Remote
from selenium.webdriver.chromium.remote_connection import ChromiumRemoteConnection
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement

from lab.bed import Bed
from lab.process import Child
from lab.until import until

# Nothing but what a test asks for goes over the network, and nothing asks a person.
_FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-proxy-server",
    "--disable-background-networking",
    "--disable-breakpad",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-popup-blocking",
    "--disable-sync",
    "--no-default-browser-check",
    "--no-first-run",
    "--password-store=basic",
    "--remote-debugging-port=0",
)
_PATIENCE = 15
_FETCH = """
const [url, options, done] = arguments;
fetch(url, options).then(async (answer) => done({
  status: answer.status, url: answer.url, redirected: answer.redirected, type: answer.type,
  headers: Object.fromEntries(answer.headers), text: await answer.text(),
}), (error) => done({ error: String(error) }));
"""


@dataclass(frozen=True)
class Fetched:
    status: int
    url: str
    redirected: bool
    type: str  # "opaqueredirect" for a redirect that was not to be followed
    headers: dict[str, str]
    text: str


class Chromium:
    """
    Paths are those of the bed's gateway; further servers to trust are given by URL, and must run already.
    Tabs are handles; one of them is in front.
    """

    _numbers = count()

    def __init__(self, bed: Bed, *servers: str):
        self.url = bed.url
        self.provider = bed.issuer
        folder = bed.parts.folder / f"chromium-{next(self._numbers)}"
        self._profile = folder / "profile"
        self._children: list[Child] = []
        try:
            pins = ",".join(_pin(server) for server in (bed.url, bed.issuer, *servers))
            flags = [*_FLAGS, f"--user-data-dir={self._profile}", f"--ignore-certificate-errors-spki-list={pins}"]
            # Started by us and not by chromedriver, which would leave it alone in the world when it is killed itself.
            chromium = self._start("chromium", [*flags, "about:blank"], folder)
            driver = self._start("chromedriver", ["--port=0"], folder)
            debugger = _printed(chromium, chromium.err, r"DevTools listening on ws://([^/]+)/")
            port = _printed(driver, driver.out, r"started successfully on port (\d+)")
            options = ChromeOptions()
            options.debugger_address = debugger
            executor = ChromiumRemoteConnection(f"http://127.0.0.1:{port}", "goog", "chrome", ignore_proxy=True)
            self.driver = Remote(executor, options=options)
            self.driver.set_page_load_timeout(_PATIENCE)
            self.driver.set_script_timeout(_PATIENCE)
        except BaseException:
            self.close()
            raise

    def open(self, path: str) -> None:
        """Types an address, and waits for the page."""
        self.driver.get(urljoin(self.url, path))

    def sign_in(self, who: str, path: str = "/") -> None:
        """Goes to `path` and says who if the provider asks; waits for the gateway's page."""
        self.open(path)
        self.finish(who)

    def finish(self, who: str) -> None:
        """The rest of a login, from the provider's page on."""
        answered: set[str] = set()
        self.wait(lambda: self._has_left_provider(who, answered), "the way back from the provider")

    @property
    def location(self) -> str:
        return self.driver.current_url

    @property
    def path(self) -> str:
        """Of the gateway: path and query."""
        location = self.location
        assert location.startswith(self.url + "/"), f"not at the gateway: {location}"
        return location.removeprefix(self.url)

    @property
    def text(self) -> str:
        return self.driver.find_element(By.TAG_NAME, "body").text

    def find(self, selector: str) -> WebElement:
        """The first element of this CSS selector, waited for."""
        return self.wait(lambda: next(iter(self.driver.find_elements(By.CSS_SELECTOR, selector)), None), selector)

    def click(self, selector: str) -> None:
        self.find(selector).click()

    def back(self) -> None:
        self.driver.back()

    def reload(self) -> None:
        self.driver.refresh()

    def run(self, script: str, *arguments: Any) -> Any:
        """JavaScript in the page: the body of a function."""
        return self.driver.execute_script(script, *arguments)

    def fetch(
        self, path: str, method: str = "GET", body: str | None = None, headers: Mapping[str, str] = {}, **options
    ) -> Fetched:
        """fetch() in the page; `options` are more of its own, such as redirect="manual"."""
        options |= {"method": method, "body": body, "headers": dict(headers)}
        answer = self.driver.execute_async_script(_FETCH, path, options)
        if "error" in answer:
            raise ConnectionError(f"{method} {path}: {answer['error']}")
        return Fetched(**answer)

    @property
    def tab(self) -> str:
        return self.driver.current_window_handle

    @property
    def tabs(self) -> list[str]:
        return self.driver.window_handles

    def switch(self, tab: str) -> None:
        self.driver.switch_to.window(tab)

    def open_tabs(self, *paths: str) -> list[str]:
        """A tab for each, all at once: none waits for another. This one stays in front."""
        before = self.tabs
        self.run("for (const url of arguments) window.open(url, '_blank', 'noopener')", *(urljoin(self.url, path) for path in paths))
        return self.wait(lambda: self._new_tabs(before, len(paths)), "the tabs")

    def close_tab(self, tab: str) -> None:
        here = self.tab
        self.switch(tab)
        self.driver.close()
        self.switch(here if here != tab else self.tabs[0])

    @property
    def cookies(self) -> dict[str, dict]:
        """All of them by name, HttpOnly ones too: value, path, expires, secure, httpOnly, sameSite and more."""
        return {cookie["name"]: cookie for cookie in self.command("Storage.getCookies")["cookies"]}

    def set_cookies(self, cookies: Iterable[dict]) -> None:
        """As `cookies` has them, for example those of another browser."""
        self.command("Storage.setCookies", cookies=list(cookies))

    def drop_cookies(self) -> None:
        self.command("Storage.clearCookies")

    def screenshot(self, file: Path, width: int = 390, dark: bool = False, height: int = 844, scale: float = 2) -> Path:
        """The whole page at this width; phones are 390 wide. A PNG, of `scale` times as many pixels."""
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.command("Emulation.setEmulatedMedia", features=[scheme])
        size = {"width": width, "height": height, "deviceScaleFactor": scale, "mobile": width < 600}
        self.command("Emulation.setDeviceMetricsOverride", **size)
        try:
            # All that can be scrolled to: also to the right, where nothing should be.
            page = self.command("Page.getLayoutMetrics")["cssContentSize"]
            picture = self.command("Page.captureScreenshot", captureBeyondViewport=True, clip={**page, "scale": 1})["data"]
        finally:
            self.command("Emulation.clearDeviceMetricsOverride")
            self.command("Emulation.setEmulatedMedia", features=[])
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(base64.b64decode(picture))
        return file

    def command(self, name: str, **parameters) -> dict:
        """One of the DevTools protocol."""
        return self.driver.execute("executeCdpCommand", {"cmd": name, "params": parameters})["value"]

    def wait(self, condition, what: str = "the condition", timeout: float = _PATIENCE):
        """`until`, where an element that a new page took away means: not yet."""

        def without_error():
            try:
                return condition()
            except WebDriverException as error:
                raise AssertionError(error.msg) from None

        try:
            return until(without_error, timeout, what, every=0.05)
        except AssertionError as error:
            raise AssertionError(f"{error}; it is at {self.location}:\n{self.text}") from None

    def close(self) -> None:
        for child in reversed(self._children):
            child.stop()
        # Several megabytes; the logs beside it stay.
        shutil.rmtree(self._profile, ignore_errors=True)

    def __enter__(self) -> "Chromium":
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def _start(self, name: str, arguments: list[str], folder: Path) -> Child:
        child = Child(name, [name, *arguments], folder)
        self._children.append(child)
        return child

    def _has_left_provider(self, who: str, answered: set[str]) -> bool:
        location = self.location
        if not location.startswith(self.provider + "/"):
            return True
        form = self.driver.find_elements(By.CSS_SELECTOR, "[name=login]")
        # A form that was sent stays for a moment.
        if form and location not in answered:
            answered.add(location)
            for name, value in (("login", who), ("password", "any")):
                field = self.driver.find_element(By.NAME, name)
                field.clear()
                field.send_keys(value)
            self.driver.find_element(By.CSS_SELECTOR, "form button").click()
        return False

    def _new_tabs(self, before: list[str], number: int) -> list[str] | None:
        fresh = [tab for tab in self.tabs if tab not in before]
        return fresh if len(fresh) == number else None


def _pin(server: str) -> str:
    """What makes the browser trust this server: not its authority, which no store knows, but its certificate."""
    parts = urlsplit(server)
    certificate = load_pem_x509_certificate(ssl.get_server_certificate((parts.hostname, parts.port)).encode())
    key = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(sha256(key).digest()).decode()


def _printed(child: Child, file: Path, pattern: str) -> str:
    found = child.wait_for(lambda: re.search(pattern, file.read_text(errors="replace")), _PATIENCE, "saying where it listens")
    return found.group(1)
