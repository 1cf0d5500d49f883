"""airgate-affinity.wasm: a client stays, by its key and by its pin."""

import httpx
import pytest
from conftest import as_shown, configuration, shown

from lab.bootstrap import Bootstrap

NAME = "__Host-airgate-affinity"
ECHO = "/api/v1/standin/echo"


@pytest.fixture(scope="module")
def hashed(open_bed):
    return open_bed(as_shown("affinity"))


@pytest.fixture(scope="module")
def pinned(open_bed):
    def pin(block: dict, bootstrap: Bootstrap) -> None:
        """The second block of the README, and the filter that it names."""
        port = bootstrap.listener("https")["address"]["socket_address"]["port_value"]
        configuration(block).update(shown("affinity", 1), external_url=f"https://localhost:{port}")
        for one in block["http_filters"]:
            if one["name"] == "stateful-session":
                one["disabled"] = False
        wasm = block["http_filters"][0]["typed_config"]["config"]
        wasm["vm_config"]["environment_variables"] = {"host_env_keys": ["AIRGATE_AFFINITY_KEY"]}

    return open_bed(as_shown("affinity", pin))


def seen(answer: httpx.Response, name: str) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [value for field, value in answer.json()["headers"] if field.lower() == name]


@pytest.mark.parametrize("mode", ["hashed", "pinned"])
def test_a_client_stays(mode, request):
    bed = request.getfixturevalue(mode)
    homes = set()
    for _ in range(16):
        with bed.client() as client:
            first = client.get(ECHO)
            assert first.headers["cache-control"] == "private"
            cookie = first.headers["set-cookie"]
            assert cookie.startswith(f"{NAME}=") and "Secure" in cookie and "HttpOnly" in cookie
            later = [client.get(ECHO) for _ in range(4)]
            assert {answer.headers["x-standin-name"] for answer in later} == {first.headers["x-standin-name"]}
            assert not any("set-cookie" in answer.headers for answer in later), "a valid cookie gets no new one"
            assert len({key for answer in later for key in seen(answer, "x-airgate-affinity")}) == 1
            assert not any(seen(answer, "cookie") for answer in later), "the cookie goes no further"
            homes.add(first.headers["x-standin-name"])
    assert homes == {"a", "b"}


def test_what_a_client_says_itself_is_gone(hashed):
    mine = {"x-airgate-affinity": "mine", "x-airgate-pin": "mine", "cookie": "theirs=1", "authorization": "Bearer x"}
    answer = hashed.client().get(ECHO, headers=mine)
    (key,) = seen(answer, "x-airgate-affinity")
    assert len(key) == 22 and not seen(answer, "x-airgate-pin")
    assert seen(answer, "cookie") == ["theirs=1"] and seen(answer, "authorization") == ["Bearer x"]


def test_a_pin_is_between_the_filters(pinned):
    with pinned.client() as client:
        answers = [client.get(ECHO) for _ in range(3)]
    assert not any("x-airgate-pin" in answer.headers for answer in answers)
    assert not any(seen(answer, "x-airgate-pin") for answer in answers)


def test_every_mistake_is_named(parts):
    def wrong(block: dict, _: Bootstrap) -> None:
        configuration(block)["affinity"] = {"mod": "hash", "bearer": "subject"}

    checked = parts.envoy("affinity-mistakes", as_shown("affinity", wrong)).validate()
    assert checked.returncode
    assert "airgate configuration: affinity.mod: unknown field; did you mean mode?" in checked.stderr
    assert "airgate configuration: affinity.bearer: depends on who asks" in checked.stderr
