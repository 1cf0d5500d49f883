"""A SAML identity provider of pysaml2, honest until told otherwise. Runs with SATOSA's packages, not with ours.

    python idp.py PORT CERTIFICATE KEY FOLDER

It writes FOLDER/idp.xml and a line on stdout, and then answers each line of JSON on stdin with one on stdout:
{"metadata": file} trusts a service provider, {"fault": name} misbehaves from now on, null ends that.
"""

import html
import json
import ssl
import sys
import threading
from base64 import b64encode
from http.cookies import SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qsl
from uuid import uuid4

from saml2 import BINDING_HTTP_POST, BINDING_HTTP_REDIRECT
from saml2.authn_context import PASSWORDPROTECTEDTRANSPORT
from saml2.config import IdPConfig
from saml2.metadata import create_metadata_string
from saml2.saml import NAME_FORMAT_BASIC, NAMEID_FORMAT_PERSISTENT, NameID
from saml2.server import Server

PEOPLE = {
    "alice": {"groups": ["airbyte-admins"], "eduPersonAffiliation": ["employee"]},
    "bob": {"groups": ["data-engineers"], "eduPersonAffiliation": ["employee"]},
    "carol": {"eduPersonAffiliation": ["employee"]},
    "sam": {"eduPersonAffiliation": ["student"]},
}
SESSION = "idp_session"


class Idp:
    def __init__(self, url: str, folder: Path):
        self.url = url
        self.folder = folder
        self.fault: str | None = None
        self.sessions: dict[str, str] = {}
        (folder / "idp.xml").write_bytes(create_metadata_string(None, config=self._config("idp")))

    def _config(self, keys: str, metadata: list[str] = []) -> IdPConfig:
        """`keys` are the files whose signature it makes: its own, or those of somebody who only has its name."""
        return IdPConfig().load(
            {
                "entityid": f"{self.url}/metadata",
                "key_file": str(self.folder / f"{keys}.key"),
                "cert_file": str(self.folder / f"{keys}.crt"),
                "metadata": {"local": metadata},
                "service": {
                    "idp": {
                        "endpoints": {"single_sign_on_service": [(f"{self.url}/sso", BINDING_HTTP_REDIRECT)]},
                        "policy": {"default": {"name_form": NAME_FORMAT_BASIC, "lifetime": {"minutes": 5}}},
                        "name_id_format": [NAMEID_FORMAT_PERSISTENT],
                        "subject_data": ("dict", {}),
                    }
                },
            }
        )

    def trust(self, metadata: str) -> None:
        self._honest = Server(config=self._config("idp", [metadata]))
        self._stranger = Server(config=self._config("stranger", [metadata]))

    def answer(self, request: str, who: str) -> tuple[str, str]:
        """To an AuthnRequest: where the answer goes, and what it is."""
        asked = self._honest.parse_authn_request(request, BINDING_HTTP_REDIRECT).message
        where = self._honest.response_args(asked, [BINDING_HTTP_POST])
        if self.fault == "unsolicited":
            where["in_response_to"] = "id-of-nothing"
        server = self._stranger if self.fault == "stranger" else self._honest
        said = server.create_authn_response(
            identity={**PEOPLE[who], "displayName": [who.title()], "mail": [f"{who}@example.com"]},
            in_response_to=where["in_response_to"],
            destination=where["destination"],
            sp_entity_id=where["sp_entity_id"],
            name_id=NameID(format=NAMEID_FORMAT_PERSISTENT, text=f"persistent-{who}"),
            authn={"class_ref": PASSWORDPROTECTEDTRANSPORT},
            sign_assertion=self.fault != "unsigned",
            sign_response=False,
        )
        return where["destination"], self._falsified(str(said))

    def _falsified(self, answer: str) -> str:
        if self.fault == "altered":
            changed = answer.replace(">employee<", ">airbyte-admins<")
        elif self.fault == "wrapped":
            # The signed assertion is untouched; another one stands before it.
            start, end = answer.index("<ns1:Assertion"), answer.index("</ns1:Assertion>") + len("</ns1:Assertion>")
            signed = answer[start:end]
            body, _, rest = signed.partition("<ns2:Signature")
            forged = body + rest.partition("</ns2:Signature>")[2]
            forged = forged.replace('ID="', 'ID="x', 1).replace(">employee<", ">airbyte-admins<")
            changed = answer[:start] + forged + answer[start:]
        else:
            return answer
        assert changed != answer, "nothing was falsified"
        return changed


class Handler(BaseHTTPRequestHandler):
    idp: Idp

    def do_GET(self) -> None:
        """/sso: whoever is signed in here is not asked."""
        query = dict(parse_qsl(self.path.partition("?")[2]))
        cookies = SimpleCookie(self.headers.get("cookie", ""))
        who = self.idp.sessions.get(cookies[SESSION].value) if SESSION in cookies else None
        if who:
            self._answer(query, who)
        else:
            self._page(_form("/login", {"login": "", "password": "", **query}))

    def do_POST(self) -> None:
        """/login."""
        said = dict(parse_qsl(self.rfile.read(int(self.headers["content-length"])).decode()))
        session = uuid4().hex
        self.idp.sessions[session] = said["login"]
        self._answer(said, said["login"], f"{SESSION}={session}; Path=/; Secure; HttpOnly; SameSite=None")

    def _answer(self, asked: dict[str, str], who: str, cookie: str | None = None) -> None:
        where, answer = self.idp.answer(asked["SAMLRequest"], who)
        fields = {"SAMLResponse": b64encode(answer.encode()).decode(), "RelayState": asked["RelayState"]}
        self._page(_form(where, fields), cookie)

    def _page(self, page: str, cookie: str | None = None) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/html; charset=utf-8")
        if cookie:
            self.send_header("set-cookie", cookie)
        self.end_headers()
        self.wfile.write(page.encode())

    def log_message(self, *_) -> None:
        pass


def _form(action: str, fields: dict[str, str]) -> str:
    inputs = "".join(f'<input name="{name}" value="{html.escape(value)}">' for name, value in fields.items())
    return f'<form method="post" action="{html.escape(action)}">{inputs}<button>Continue</button></form>'


def main(port: str, certificate: str, key: str, folder: str) -> None:
    idp = Handler.idp = Idp(f"https://localhost:{port}", Path(folder))
    server = ThreadingHTTPServer(("127.0.0.1", int(port)), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(json.dumps({"url": idp.url}), flush=True)
    for line in sys.stdin:
        said = json.loads(line)
        if metadata := said.get("metadata"):
            idp.trust(metadata)
        idp.fault = said.get("fault")
        print(json.dumps({}), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
