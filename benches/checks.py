"""Before anything is measured: does the candidate do what it claims?"""

import httpx

from benches.candidates import Candidate
from benches.proxies import Proxy
from benches.traffic import PATH, PROBE, Fields, Traffic


class Untrue(Exception):
    """A candidate does not do what it claims, and so there is nothing to measure."""


def check(candidate: Candidate, proxy: Proxy, traffic: Traffic) -> str:
    """The cookies that a client has who was here before."""
    with httpx.Client(base_url=proxy.url, headers={"accept": "application/json"}, timeout=10) as client:
        good = traffic.credentials[0]
        answer = _expect(client, PATH, good, (200,), "a good request")
        told = _expect(client, PROBE, good, (200,), "a good request").headers
        if candidate.tells_user and told.get("x-told-user") != traffic.user:
            raise Untrue(f"told the upstream {told.get('x-told-user')!r} where the user is {traffic.user!r}")
        if candidate.removes_credentials and told.get("x-told-authorization"):
            raise Untrue("let the credentials through to the upstream")
        for what, credential, statuses in traffic.refused if candidate.guards else ():
            _expect(client, PROBE, credential, statuses, what)
        if candidate.affinity:
            return _affinity(client, candidate.affinity, good, answer)
    return candidate.cookie(proxy)


def _affinity(client: httpx.Client, name: str, good: Fields, answer: httpx.Response) -> str:
    if name not in answer.cookies:
        raise Untrue(f"set no {name}")
    cookie = f"{name}={answer.cookies[name]}"
    client.cookies.clear()
    cookies = "; ".join(filter(None, [good.get("cookie"), cookie]))
    again = _expect(client, PATH, {**good, "cookie": cookies}, (200,), "coming back")
    if name in again.cookies:
        raise Untrue(f"did not take its own {name} back")
    return cookie


def _expect(client: httpx.Client, path: str, fields: Fields, statuses: tuple[int, ...], what: str) -> httpx.Response:
    answer = client.get(path, headers=fields)
    client.cookies.clear()
    if answer.status_code not in statuses:
        wanted = " or ".join(map(str, statuses))
        raise Untrue(f"answered {answer.status_code} instead of {wanted} to {what}: {answer.text[:200]}")
    return answer
