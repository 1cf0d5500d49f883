"""A browser without JavaScript: it keeps cookies, follows redirects and fills in forms."""

from collections.abc import Callable, Mapping
from http.cookiejar import CookieJar, DefaultCookiePolicy
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import httpx

from lab.cookies import Jar
from lab.page import Form, Page
from lab.tls import trusting

_MOST_STEPS = 20
_NAVIGATION = {
    "accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    "upgrade-insecure-requests": "1",
    "sec-fetch-dest": "document",
    "sec-fetch-mode": "navigate",
    "sec-fetch-user": "?1",
}
_FETCH = {"accept": "*/*", "sec-fetch-dest": "empty", "sec-fetch-mode": "cors"}

# Header fields of a test's own, over those of a browser; None takes one away.
Fields = Mapping[str, str | None]
Condition = Callable[[str], bool]


class Surfer:
    """
    surfer = bed.surfer()
    page = surfer.sign_in("alice", "/workspaces?x=1")
    answer = surfer.get("/api/v1/health")

    `page.history` has the redirects that led there. A path is one of the gateway's; URLs may lead anywhere.
    """

    def __init__(self, url: str, provider: str, authority_file: Path, keep_alive: bool = True):
        """Without `keep_alive` each request has a connection of its own."""
        self.url = url
        self.provider = provider
        self.cookies = Jar()
        deaf = CookieJar(DefaultCookiePolicy(allowed_domains=[]))
        # More patient than the gateway, which waits up to 20 s for a login.
        limits = httpx.Limits(max_keepalive_connections=None if keep_alive else 0)
        self._http = httpx.Client(verify=trusting(authority_file), cookies=deaf, timeout=30, limits=limits)

    def navigate(self, path: str, until: Condition | None = None, headers: Fields = {}) -> httpx.Response:
        """
        Types an address. The page where that ends: perhaps the provider's, which asks for a name (see `submit`).
        With `until`, the redirect to the first URL for which it is true.
        """
        return self._go("GET", urljoin(self.url, path), None, until, headers)

    def submit(
        self,
        page: httpx.Response,
        values: Mapping[str, str] = {},
        number: int = 0,
        until: Condition | None = None,
        headers: Fields = {},
    ) -> httpx.Response:
        """Fills in a form of this page and sends it; `values` say also which button is pressed."""
        form = Page(page.text).forms[number]
        url = urljoin(str(page.url), form.action)
        return self._go(form.method, url, page, until, headers, {**form.fields, **values})

    def follow(self, page: httpx.Response, link: str, until: Condition | None = None) -> httpx.Response:
        """Follows the link of this page that has these words in its address."""
        target = next(href for href in Page(page.text).links if link in href)
        return self._go("GET", urljoin(str(page.url), target), page, until)

    def sign_in(self, who: str, path: str = "/", until: Condition | None = None) -> httpx.Response:
        """Goes to `path` and says who to the provider if it asks. The gateway's page where it ends."""
        return self.finish(who, self.navigate(path, until), until)

    def finish(self, who: str, page: httpx.Response, until: Condition | None = None) -> httpx.Response:
        """The rest of a login, from a page of the provider on."""
        for _ in range(_MOST_STEPS):
            if page.has_redirect_location or _origin(str(page.url)) != _origin(self.provider):
                return page
            shown = Page(page.text)
            assert page.status_code == 200 and shown.forms, f"{page.url} answered {page.status_code}: {shown.text}"
            page = self.submit(page, _said(who, shown.forms[0]), until=until)
        raise AssertionError(f"still at the provider after {_MOST_STEPS} forms: {page.url}")

    def sign_out_at_provider(self) -> httpx.Response:
        """Without the gateway's doing: it is told on the back channel."""
        return self.submit(self.navigate(f"{self.provider}/session/end"), {"logout": "yes"})

    def get(self, path: str, headers: Fields = {}, **options) -> httpx.Response:
        """As a script of the gateway's page asks. Redirects are not followed, so that they are seen."""
        return self.fetch("GET", path, headers, **options)

    def post(self, path: str, headers: Fields = {}, **options) -> httpx.Response:
        return self.fetch("POST", path, headers, **options)

    def fetch(self, method: str, path: str, headers: Fields = {}, **options) -> httpx.Response:
        url = urljoin(self.url, path)
        fields = {**_FETCH, "sec-fetch-site": _site(self.url, [url])}
        if method not in ("GET", "HEAD"):
            fields["origin"] = _origin(self.url)
        return self._send(method, url, {**fields, **headers}, **options)

    def close(self) -> None:
        self._http.close()

    def __enter__(self) -> "Surfer":
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def _go(
        self,
        method: str,
        url: str,
        source: httpx.Response | None,
        until: Condition | None = None,
        headers: Fields = {},
        form: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """A navigation, from this page or, without one, from the address bar."""
        opener = str(source.url) if source else None
        seen: list[str] = []
        history: list[httpx.Response] = []
        while len(seen) < _MOST_STEPS:
            seen.append(url)
            fields = {**_NAVIGATION, "sec-fetch-site": _site(opener, seen)}
            if method == "POST":
                fields["origin"] = _origin(opener or url)
            answer = self._send(method, url, {**fields, **headers}, **{"data" if method == "POST" else "params": form})
            answer.history = list(history)
            if not answer.has_redirect_location:
                return answer
            target = urljoin(url, answer.headers["location"])
            if until and until(target):
                return answer
            history.append(answer)
            if answer.status_code not in (307, 308):
                method, form = "GET", None
            url = target
        raise AssertionError("redirected in circles: " + ", ".join(seen[-4:]))

    def _send(self, method: str, url: str, headers: Fields, **options) -> httpx.Response:
        fields = {**self.cookies.header(url), **headers}
        said = {name: value for name, value in fields.items() if value is not None}
        answer = self._http.request(method, url, headers=said, **options)
        self.cookies.keep(url, answer.headers.get_list("set-cookie"))
        return answer


def _said(who: str, form: Form) -> dict[str, str]:
    """What a person who wants to sign in says to a form of the provider. Some have no question, and scripts send them."""
    if "login" in form.fields:
        return {"login": who, "password": "any"}
    return {name: value for name, value in form.buttons if name == "consent"}


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _site(opener: str | None, urls: list[str]) -> str:
    """Sec-Fetch-Site: who led here, over all redirects. An address that was typed led nobody."""
    if opener is None:
        return "none"
    if all(_origin(url) == _origin(opener) for url in urls):
        return "same-origin"
    own = urlsplit(opener)
    # Ports make no difference to a site. Which names share one would need a list of all suffixes: none do here.
    same = all((urlsplit(url).scheme, urlsplit(url).hostname) == (own.scheme, own.hostname) for url in urls)
    return "same-site" if same else "cross-site"
