"""A browser's cookies, kept and sent as RFC 6265bis has it: as far as gateways and providers on one host go."""

import copy
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

# Where browsers begin to drop a cookie: its name and value together.
_MOST_BYTES = 4096


@dataclass
class Cookie:
    name: str
    value: str
    host: str
    path: str
    secure: bool
    ends: float | None  # None: with the browser

    @property
    def key(self) -> tuple[str, str, str]:
        return self.host, self.path, self.name

    def belongs_to(self, url: str) -> bool:
        parts = urlsplit(url)
        below = parts.path == self.path or parts.path.startswith(self.path.rstrip("/") + "/")
        return parts.hostname == self.host and below and (parts.scheme == "https" or not self.secure)


class Jar(Mapping[str, str]):
    """Values by name. Ports share their cookies, and so do several gateways and the provider on localhost."""

    def __init__(self) -> None:
        self._cookies: dict[tuple[str, str, str], Cookie] = {}

    def keep(self, url: str, lines: Iterable[str]) -> None:
        """What an answer from `url` set. AssertionError for what a browser would not keep: no server wants to say that."""
        for line in lines:
            cookie = _read(url, line)
            self._cookies.pop(cookie.key, None)
            if cookie.ends is None or cookie.ends > time.time():
                self._cookies[cookie.key] = cookie

    def header(self, url: str) -> dict[str, str]:
        """The header that goes to `url`: longest paths first, or none."""
        own = sorted((one for one in self._alive() if one.belongs_to(url)), key=lambda one: -len(one.path))
        return {"cookie": "; ".join(f"{one.name}={one.value}" for one in own)} if own else {}

    def set(self, name: str, value: str, host: str = "localhost", path: str = "/") -> None:
        """As somebody who has this browser in their hands."""
        cookie = Cookie(name, value, host, path, secure=True, ends=None)
        self._cookies[cookie.key] = cookie

    def drop(self, prefix: str = "") -> None:
        """All whose name begins so."""
        self._cookies = {key: one for key, one in self._cookies.items() if not one.name.startswith(prefix)}

    def copy(self) -> "Jar":
        return copy.deepcopy(self)

    def __getitem__(self, name: str) -> str:
        for cookie in self._alive():
            if cookie.name == name:
                return cookie.value
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return iter({cookie.name: None for cookie in self._alive()})

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def _alive(self) -> list[Cookie]:
        return [one for one in self._cookies.values() if one.ends is None or one.ends > time.time()]


def _read(url: str, line: str) -> Cookie:
    parts = urlsplit(url)
    pair, *rest = [part.strip() for part in line.split(";")]
    name, _, value = pair.partition("=")
    attributes = {key.lower(): said for key, _, said in (part.partition("=") for part in rest)}
    secure = "secure" in attributes
    given = attributes.get("path", "")
    path = given if given.startswith("/") else parts.path.rpartition("/")[0] or "/"

    assert len(name) + len(value) <= _MOST_BYTES, f"{name} is {len(line)} bytes long"
    assert attributes.get("domain", parts.hostname).lstrip(".") == parts.hostname, f"{name} is for another host"
    assert not secure or parts.scheme == "https", f"{name} is Secure and came without TLS"
    if name.lower().startswith(("__secure-", "__host-")):
        assert secure, f"{name} is not Secure"
    if name.lower().startswith("__host-"):
        assert path == given == "/" and "domain" not in attributes, f"{name} is not for one host: {line}"
    assert "samesite" not in attributes or attributes["samesite"].lower() != "none" or secure, f"{name} is not Secure"
    return Cookie(name, value, parts.hostname, path, secure, _end(attributes))


def _end(attributes: dict[str, str]) -> float | None:
    if "max-age" in attributes:
        return time.time() + int(attributes["max-age"])
    if "expires" in attributes:
        return parsedate_to_datetime(attributes["expires"]).timestamp()
    return None
