"""Where a browser goes for a Location, as the URL standard (url.spec.whatwg.org) has it: not always where it seems."""

import re
from urllib.parse import urlsplit

_TRIMMED = "".join(map(chr, range(0x21)))
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]*):")
_SPECIAL = {"http": "80", "https": "443", "ws": "80", "wss": "443", "ftp": "21"}


def destination(location: str, base: str) -> tuple[str, str]:
    """The origin, and what follows it. A scheme without hosts is an origin of its own: `javascript:`."""
    text = location.strip(_TRIMMED).translate({ord(character): None for character in "\t\r\n"})
    scheme, own = urlsplit(base).scheme, base.rstrip("/")
    if found := _SCHEME.match(text):
        named, rest = found[1].lower(), text[found.end() :]
        if named not in _SPECIAL:
            return f"{named}:", rest
        if named != scheme or re.match(r"[/\\]{2}", rest):
            return _with_host(named, rest)
        # "https:evil" on an https page is a relative address.
        text = rest
    if re.match(r"[/\\]{2}", text):
        return _with_host(scheme, text)
    return own, text


def _with_host(scheme: str, text: str) -> tuple[str, str]:
    authority, rest = re.match(r"([^/\\?#]*)(.*)", text.lstrip("/\\"), re.DOTALL).groups()
    host, _, port = authority.rpartition("@")[2].partition(":")
    port = "" if port == _SPECIAL[scheme] else port
    return f"{scheme}://{host.lower()}" + (f":{port}" if port else ""), rest
