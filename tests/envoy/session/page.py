"""What every page of the gateway has, and what none may have."""

import re
from html.parser import HTMLParser

from lab.wire import Answer

_POLICY = re.compile(
    r"default-src 'none'; style-src 'nonce-(?P<nonce>[\w-]{22,})'; img-src data:; form-action 'self'; base-uri 'none'; "
    r"frame-ancestors 'none'"
)
# Whatever makes a browser fetch something, or go somewhere.
_ADDRESSES = {"src", "srcset", "href", "action", "formaction", "data", "poster", "ping", "background", "cite", "manifest"}


class GatewayPage(HTMLParser):
    """A page of the gateway, held against what is promised of all of them."""

    def __init__(self, answer: Answer, goes_to: str | None = None):
        """`goes_to`: the one address elsewhere that it may lead to."""
        super().__init__()
        self.html = answer.body.decode()
        # Every start tag: its name and attributes.
        self.tags: list[tuple[str, dict[str, str]]] = []
        self._words: list[str] = []
        self._style = ""
        self._inside = ""
        self.feed(self.html)
        self.close()
        self.nonce = self._assert_headers(answer)
        self._assert_nothing_from_elsewhere(goes_to)
        self._assert_readable(answer)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self._words)).strip()

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.tags if name == tag]

    def _assert_headers(self, answer: Answer) -> str:
        assert answer.header("content-type") == "text/html; charset=utf-8", answer.headers
        assert answer.header("cache-control") == "no-store", answer.headers
        assert answer.header("x-content-type-options") == "nosniff", answer.headers
        assert answer.header("referrer-policy") == "strict-origin", answer.headers
        policy = _POLICY.fullmatch(answer.header("content-security-policy"))
        assert policy, answer.header("content-security-policy")
        return policy["nonce"]

    def _assert_nothing_from_elsewhere(self, goes_to: str | None) -> None:
        assert self.all("style") == [{"nonce": self.nonce}]
        assert not re.search(r"url\(|@import|expression", self._style), "styles that fetch"
        for name, attributes in self.tags:
            assert name not in ("script", "iframe", "object", "embed", "base", "svg"), self.html
            for key, value in attributes.items():
                assert key != "style" and not key.startswith("on"), f"{name} {key}={value}"
                if key in _ADDRESSES:
                    here = re.match(r"/(?![/\\])|$", value) or (key in ("src", "href") and value.startswith("data:"))
                    assert here or value == goes_to, f"{name} {key}={value}"
        for form in self.all("form"):
            assert form["method"] == "post" and form["action"].startswith("/.airgate/"), form

    def _assert_readable(self, answer: Answer) -> None:
        assert self.all("html") == [{"lang": "en"}]
        assert len(self.all("title")) == len(self.all("main")) == len(self.all("h1")) == 1
        assert any("width=device-width" in meta.get("content", "") for meta in self.all("meta"))
        assert answer.header("x-request-id") in self.text, "its request id"

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {key: value or "" for key, value in attributes}))
        self._inside = tag

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside == "style":
            self._style += data
        else:
            self._words.append(data)
