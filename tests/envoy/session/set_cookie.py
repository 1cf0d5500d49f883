"""What an answer tells a browser to keep."""

from dataclasses import dataclass

from lab.wire import Answer

# Browsers drop what is longer: name, value and attributes.
_LONGEST = 4096


@dataclass(frozen=True)
class SetCookie:
    line: str
    name: str
    value: str
    # By lower-case name, as they are written; a flag is "".
    attributes: dict[str, str]

    @property
    def expires(self) -> bool:
        """It deletes the cookie."""
        return self.attributes.get("max-age") == "0"

    @property
    def is_ours(self) -> bool:
        return "-airgate-" in self.name

    def assert_safe(self) -> None:
        """If it is one of the gateway's: sent to this host alone, over TLS alone, and no script reads it."""
        if not self.is_ours:
            return
        path = "/.airgate/" if self.name.startswith("__Secure-") else "/"
        said = {key: value for key, value in self.attributes.items() if key != "max-age"}
        assert said == {"secure": "", "httponly": "", "samesite": "Lax", "path": path}, self.line
        assert len(self.line) < _LONGEST, f"{self.name} is {len(self.line)} bytes long"
        # Deleted is what the browser deletes: the same name and path, and an age of nought.
        assert bool(self.value) != self.expires, self.line


def read_set_cookie(line: str) -> SetCookie:
    pair, *rest = [part.strip() for part in line.split(";")]
    name, _, value = pair.partition("=")
    attributes = [part.partition("=") for part in rest]
    assert len(by_name := {key.lower(): said for key, _, said in attributes}) == len(attributes), f"twice: {line}"
    return SetCookie(line, name, value, by_name)


def set_cookies(answer: Answer) -> list[SetCookie]:
    return [read_set_cookie(line) for line in answer.all("set-cookie")]
