"""The forms and links of a page."""

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser


@dataclass
class Form:
    action: str
    method: str
    id: str | None
    fields: dict[str, str] = field(default_factory=dict)
    # What pressing one of them adds.
    buttons: list[tuple[str, str]] = field(default_factory=list)


class Page(HTMLParser):
    def __init__(self, html: str):
        super().__init__()
        self.forms: list[Form] = []
        self.links: list[str] = []
        self._inside: Form | None = None
        self._words: list[str] = []
        self._silent = False
        self.feed(html)
        self.close()

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self._words)).strip()

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        said = dict(attributes)
        if tag == "form":
            self._inside = Form(said.get("action") or "", (said.get("method") or "get").upper(), said.get("id"))
            self.forms.append(self._inside)
        elif tag == "a" and said.get("href"):
            self.links.append(said["href"])
        elif tag in ("style", "script"):
            self._silent = True
        elif tag in ("input", "button") and (form := self._form_of(said)) and said.get("name"):
            pair = said["name"], said.get("value") or ""
            if tag == "button" or said.get("type") == "submit":
                form.buttons.append(pair)
            else:
                form.fields[pair[0]] = pair[1]

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._inside = None
        elif tag in ("style", "script"):
            self._silent = False

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self._words.append(data)

    def _form_of(self, said: dict[str, str | None]) -> Form | None:
        if owner := said.get("form"):
            return next((form for form in self.forms if form.id == owner), None)
        return self._inside
