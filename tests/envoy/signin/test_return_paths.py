"""Return addresses: whatever is asked for, a login ends on a page of ours or was refused before it began.

Envoy's own hygiene of paths is off here: airgate is alone with them.
"""

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from urllib.parse import quote, unquote, urlsplit

import pytest
from signin.address import destination
from signin.browser import Browser
from signin.gate import Gate
from visitor import bare

from lab.login_site import LoginSite
from lab.wire import Answer

# In front of a host: what some reader takes for the beginning of an authority.
LEADS = [
    *["//", "///", "////", "/\\", "\\/", "\\\\", "/\\/", "//\\", "\\", "/\\\\"],
    *["/\t/", "/\n/", "/\r/", "\t//", "\n//", " //", "/ /", "/\t\\", "\x00//", "\x1f//", "/\x00/", "/\x0b/", "/\x7f/"],
    *["/%09/", "/%0a/", "/%0d%0a/", "/%00/", "/%20/", "/%5c", "/%5C/", "%2f%2f", "/%2f", "/%2F/", "%5c%5c", "%09//"],
    *["/%252f", "/%255c", "%252f%252f", "/%25%32%66"],
    *["/.//", "/./\\", "/..//", "/x/..//", "/x/../..//", "/%2e//", "/%2e%2e//", "/..%2f/", "/;//", "/.;//", "//./", "//../"],
    *["https://", "http://", "HTTPS://", "hTtPs:\\\\", "https:/", "https:", "https:///", "https:\\", "http:", "ftp://", "wss://"],
    *["\thttps://", "ht\ntps://", "https\t://", "https:\t//", " https://", "https%3a//", "https%3A%2F%2F", "//https://", "/https://"],
    *["x:https://", "view-source:https://", "blob:https://", "file://", "//user:password@", "https://localhost@", "//localhost@"],
    *["//localhost%40", "//localhost\\@", "//localhost#@", "//localhost?@", "//localhost;@", "//localhost%2f@", "//localhost%00@"],
    # Slashes of other scripts, and what some readers fold to one.
    *["/\u2215", "/\u2044", "/\u29f8", "/\uff0f", "\uff0f\uff0f", "/\uff3c", "/\u29f5", "\u3002//", "\ufeff//", "/\u200b/", "/\u00ad/"],
    *["/%e2%88%95", "/%ef%bc%8f", "%ef%bc%8f%ef%bc%8f", "/%c0%af", "/%e0%80%af", "/%ff", "/%u002f", "/%c0%ae%c0%ae/"],
]
HOSTS = ["evil.example", "evil.example:443/x", "evil.example/..//?next=//evil.example#//evil.example"]

ALONE = [
    *["javascript:alert(1)", "JaVaScRiPt:alert(1)", "java\tscript:alert(1)", "java\nscript:alert(1)", "\x01javascript:alert(1)"],
    *[" javascript:alert(1)", "javascript://localhost/%0aalert(1)", "javascript%3aalert(1)", "javascript&colon;alert(1)"],
    *["/javascript:alert(1)", "//javascript:alert(1)", "vbscript:x", "data:text/html,<script>alert(1)</script>", "DATA:,x"],
    *["data:text/html;base64,PHNjcmlwdD4=", "mailto:a@evil.example", "tel:1", "about:blank", "blob:x", "file:///etc/passwd"],
    *["intent://evil.example#Intent;scheme=https;end", "ms-word:ofe|u|https://evil.example"],
    *["", " ", ".", "..", "../..", "./evil", "evil", "evil.example", "evil.example/x", "@evil.example", ":443", ":@evil.example"],
    *["?x=//evil.example", "#//evil.example", "/#//evil.example", "/?x=//evil.example", "/?//evil.example", "/?x=\\\\evil.example"],
    *["localhost", "localhost/x", "//localhost", "//localhost:1/x", "https://localhost", "https://localhost:1/", "http://localhost/"],
    *["//[::1]", "//[::ffff:7f00:1]/", "//2130706433", "//0x7f.1", "//127.1", "//evil%E3%80%82example", "//ev\u0456l.example"],
    *["//localhost.evil.example", "//localhost-evil.example", "//evil.example%23.localhost", "//evil.example\\.localhost"],
    *["/\r\nLocation: https://evil.example", "/%0d%0aLocation:%20https://evil.example", "/%0aSet-Cookie:%20x=y", "/x\r\n\r\n<b>"],
    *["/%E5%98%8A%E5%98%8DLocation:%20x", "/\u560a\u560dLocation: x", "/x\x00.html", "/x%00.html", "/\x1b[31m", "/\u202e/x"],
    *["/.airgate/callback/corp", "/.airgate/callback/corp?code=x&state=y", "/.airgate/callback/other?error=x", "/.airgate/logout"],
    *["/.airgate/logout?x", "/.airgate/login", "/.airgate/login?return=//evil.example", "/.airgate/login?return=/.airgate/login"],
    *["/.airgate//logout", "/.airgate/./logout", "/x/../.airgate/logout", "/.%61irgate/logout", "/%2eairgate/logout", "/.airgate%2flogout"],
    *["/.airgate;x/logout", "/.airgate/logout;x", "/.airgate/logout/", "/.airgate\\logout", "/.AIRGATE/logout", "//.airgate/logout"],
    *["/api/oauth/../logout", "/x/%2e%2e/%2e%2e/x", "/%", "/%zz", "/%2", "/<script>", '/"onload="x', "/'x", "/`x`", "/{{x}}", "/x|y"],
    *["/" + "x" * 4_000, "/" + "x" * 16_000, "/?" + "x" * 4_000, "/" + "/" * 1_000, "/" + "\\" * 1_000, "/" + "%2f" * 1_000],
    *["/" + "../" * 1_000, "/" + "é" * 1_500, "//" + "evil." * 700 + "example", "/" + "%25" * 1_000 + "2f"],
]
ADDRESSES = list(dict.fromkeys([*(lead + host for lead, host in product(LEADS, HOSTS)), *ALONE]))

# How an address stands in a query: escaped as it should be, escaped twice, and not at all.
SPELLINGS: dict[str, Callable[[str], bytes]] = {
    "escaped": lambda address: quote(address, safe="").encode(),
    "escaped twice": lambda address: quote(quote(address, safe=""), safe="").encode(),
    "as it is": lambda address: _on_a_line(address),
}

# Harmless, and where a login with them ends.
HONEST = [
    *["/", "/workspaces", "/workspaces/1/connections?search=a%20b&tab=1", "/auth_flow?code=a%2Fb&state=c", "/x?next=https://y.example/"],
    *["/x?a=//b", "/caf%C3%A9", "/x?q=caf%C3%A9+%26", "/a/b.c/~d/-_!$&'()*+,=:@", "/x?a=1&a=2&b", "/x?;=&&"],
]


@pytest.fixture(scope="module")
def gate(gates, rogue) -> Gate:
    site = rogue.site("home", kind=LoginSite)
    return gates({site: {}}, bootstrap=bare)


def _on_a_line(address: str) -> bytes:
    """As it is, without what would end a request line and so be another request."""
    return re.sub(r"[\s#&+\x00]", lambda found: quote(found[0]), address).encode()


def test_the_table():
    assert len(ADDRESSES) >= 200 and len(ADDRESSES) == len({*ADDRESSES})


ELSEWHERE = [
    *["//evil.example", "/\\evil.example", "\\\\evil.example", "/\t/evil.example", " //evil.example", "/\r\n\\evil.example/x"],
    *["https://evil.example", "hTTps:\\\\evil.example", "https:////user@evil.example:443/x", "ht\ttps://evil.example"],
    *["\x00//evil.example?x", "///evil.example#x", "//localhost:1@evil.example", "/\\/evil.example"],
]
OURS = ["/", "/x", "x", "", "?x", "https:x", "https:/x", "https://localhost:1/x", "//LOCALHOST:1/", "/x//evil.example", "/?//evil", "./x", "#x"]


def test_where_browsers_go():
    """The judge of the tests below."""
    for location in ELSEWHERE:
        assert destination(location, "https://localhost:1")[0] == "https://evil.example", location
    for location in OURS:
        assert destination(location, "https://localhost:1")[0] == "https://localhost:1", location
    assert destination("java\nscript:x", "https://localhost:1")[0] == "javascript:"
    assert destination("http://localhost:1/", "https://localhost:1")[0] == "http://localhost:1"
    assert destination("//localhost", "https://localhost:1")[0] == "https://localhost"
    assert destination("//localhost:443", "https://localhost")[0] == "https://localhost"


@pytest.mark.parametrize("page", HONEST)
def test_an_honest_address_is_kept(gate, page):
    (site,) = gate.sites
    for start in (page.encode(), b"/.airgate/login?return=" + SPELLINGS["escaped"](page)):
        assert ended(gate, gate.browser(), site, start) == page


@pytest.mark.parametrize("spelling", SPELLINGS.values(), ids=SPELLINGS)
def test_as_a_parameter(gate, spelling):
    targets = {address: b"/.airgate/login?return=" + spelling(address) for address in ADDRESSES}
    assert wrong(gate, targets) == {}


def test_as_a_parameter_beside_a_good_one(gate):
    """Twice the same parameter: no reader may take one and the judge the other."""
    evil = [b"return=/x&return=//evil.example", b"return=//evil.example&return=/x", b"return[]=//evil.example", b"return"]
    evil += [b"return=/x;return=//evil.example", b"Return=//evil.example", b"r%65turn=//evil.example", b"return=/x%26return=//evil.example"]
    assert wrong(gate, {query.decode(): b"/.airgate/login?" + query for query in evil}) == {}


def test_as_a_request_path(gate):
    """What is asked for while nobody is signed in is where the login ends."""
    targets = {address: _on_a_line(address) for address in ADDRESSES if not unquote(address).startswith("/.airgate")}
    # No request line has an empty one.
    del targets[""]
    assert len(targets) >= 200
    assert wrong(gate, targets) == {}


def wrong(gate: Gate, targets: dict[str, bytes]) -> dict[str, str]:
    """Of these starts of a login, those that end where nobody may be sent."""
    (site,) = gate.sites
    # Each thread has one browser, and so one connection for all of its logins.
    shares = [[*targets.items()][number::8] for number in range(8)]

    def share(starts: list[tuple[str, bytes]]) -> list[tuple[str, str]]:
        browser = gate.browser()
        return [(address, fault) for address, start in starts if (fault := fault_of(gate, browser, site, start))]

    with ThreadPoolExecutor(len(shares)) as pool:
        return dict(found for founds in pool.map(share, shares) for found in founds)


def fault_of(gate: Gate, browser: Browser, site: LoginSite, start: bytes) -> str | None:
    browser.cookies.clear()
    try:
        location = ended(gate, browser, site, start)
    except AssertionError as error:
        return f"{error}"
    if location is None:
        return None
    origin, path = destination(location, gate.bed.url)
    # Read once more as a path that was unescaped on the way.
    again, _ = destination(unquote(path), gate.bed.url)
    if {origin, again} != {gate.bed.url} or not path.startswith("/"):
        return f"goes to {location!r}"
    if re.search(r"[\x00-\x20\x7f\\]", location.partition("?")[0]) or not location.isprintable():
        return f"says {location!r}"
    if unquote(urlsplit(path).path).startswith(("/.airgate/callback", "/.airgate/logout", "/.airgate/login")):
        return f"goes in a circle: {location!r}"
    return None


def ended(gate: Gate, browser: Browser, site: LoginSite, start: bytes) -> str | None:
    """Where a login that starts here ends. None: it was refused at once."""
    answer = browser.navigate(start)
    if 400 <= answer.status < 500:
        assert not browser.attempts, "refused, and a login was begun"
        return None
    done = browser.call_back(site.authorize(_redirect(answer)))
    assert browser.session, f"no session: {done.status}"
    return _redirect(done).removeprefix(gate.bed.url)


def _redirect(answer: Answer) -> str:
    assert answer.status in (302, 303), f"{answer.status} {answer.body[:200]}"
    return answer.header("location")
