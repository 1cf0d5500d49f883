"""Bytes on the wire: requests that no HTTP client would send."""

import json
import socket
import ssl
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import h2.config
import h2.connection
import h2.events

Fields = list[tuple[bytes, bytes]]


@dataclass(frozen=True)
class Answer:
    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def all(self, name: str) -> list[str]:
        return [value for field, value in self.headers if field.lower() == name]

    def header(self, name: str) -> str | None:
        """The one value of a field that may be there once at most."""
        values = self.all(name)
        assert len(values) < 2, f"{name}: {values}"
        return values[0] if values else None

    def json(self) -> Any:
        return json.loads(self.body)


def request(
    target: bytes, method: bytes = b"GET", fields: Fields = [], body: bytes = b"", host: bytes | None = b"localhost"
) -> bytes:
    """The bytes of one HTTP/1.1 request, with nothing checked and nothing added but Host and Content-Length."""
    lines = [method + b" " + target + b" HTTP/1.1"]
    if host is not None:
        lines.append(b"Host: " + host)
    if body:
        lines.append(b"Content-Length: %d" % len(body))
    lines += [name + b": " + value for name, value in fields]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


class Wire:
    """One connection over HTTP/1.1."""

    def __init__(self, url: str, authority_file: Path, timeout: float = 10):
        self._socket = connect(url, authority_file, timeout, "http/1.1")

    def say(self, data: bytes, method: bytes = b"GET") -> Answer | None:
        """None: the connection ended without an answer."""
        try:
            self._socket.sendall(data)
            return self._answer(method)
        except (HTTPException, ConnectionError, ssl.SSLError):
            return None

    def ask_in_parts(
        self, target: bytes, parts: Iterable[bytes], method: bytes = b"POST", fields: Fields = []
    ) -> Answer | None:
        """The body comes piece by piece, as slowly as `parts` hands it out."""
        head = request(target, method, [*fields, (b"Transfer-Encoding", b"chunked")])
        try:
            self._socket.sendall(head)
            for part in parts:
                self._socket.sendall(b"%x\r\n%s\r\n" % (len(part), part))
            self._socket.sendall(b"0\r\n\r\n")
            return self._answer(method)
        except (HTTPException, ConnectionError, ssl.SSLError):
            return None

    def _answer(self, method: bytes) -> Answer:
        response = HTTPResponse(self._socket, method=method.decode("latin1"))
        response.begin()
        return Answer(response.status, response.getheaders(), response.read())

    def ask(self, target: bytes, method: bytes = b"GET", **parts) -> Answer | None:
        return self.say(request(target, method, **parts), method)

    def close(self) -> None:
        self._socket.close()

    def __enter__(self) -> "Wire":
        return self

    def __exit__(self, *_) -> None:
        self.close()


class Wire2(Wire):
    """One connection over HTTP/2, for one request after the other."""

    def __init__(self, url: str, authority_file: Path, timeout: float = 10):
        self._socket = connect(url, authority_file, timeout, "h2")
        # Whatever a test wants to send is sent, also what HTTP/2 forbids.
        config = h2.config.H2Configuration(
            client_side=True,
            header_encoding=None,
            validate_outbound_headers=False,
            normalize_outbound_headers=False,
            validate_inbound_headers=False,
        )
        self._connection = h2.connection.H2Connection(config)
        self._connection.initiate_connection()
        self._connection.increment_flow_control_window(1 << 24)
        self._unread = b""
        self._flush()

    def ask(
        self,
        target: bytes | None,
        method: bytes = b"GET",
        fields: Fields = [],
        body: bytes = b"",
        host: bytes | None = b"localhost",
    ) -> Answer | None:
        """None: the stream or the connection was reset."""
        stream = self._begin(target, method, fields, host, not body)
        try:
            self._flush()
            while body:
                size = min(self._connection.local_flow_control_window(stream), self._connection.max_outbound_frame_size)
                if size:
                    part, body = body[:size], body[size:]
                    self._connection.send_data(stream, part, end_stream=not body)
                elif self._refused(stream):
                    return None
                self._flush()
            return self._receive(stream)
        except (ConnectionError, ssl.SSLError):
            return None

    def ask_in_parts(
        self, target: bytes, parts: Iterable[bytes], method: bytes = b"POST", fields: Fields = []
    ) -> Answer | None:
        """The same in DATA frames, and an empty one ends the stream."""
        stream = self._begin(target, method, fields, b"localhost", False)
        try:
            self._flush()
            for part in parts:
                self._connection.send_data(stream, part)
                self._flush()
            self._connection.end_stream(stream)
            self._flush()
            return self._receive(stream)
        except (ConnectionError, ssl.SSLError):
            return None

    def _begin(
        self, target: bytes | None, method: bytes, fields: Fields, host: bytes | None, ends: bool
    ) -> int:
        pseudo = {b":method": method, b":scheme": b"https", b":authority": host, b":path": target}
        head = [(name, value) for name, value in pseudo.items() if value is not None]
        stream = self._connection.get_next_available_stream_id()
        self._connection.send_headers(stream, head + fields, end_stream=ends)
        return stream

    def _refused(self, stream: int) -> bool:
        """Waits for room to send; True: there will be none."""
        events = self._connection.receive_data(self._socket.recv(65536))
        ends = (h2.events.StreamReset, h2.events.ConnectionTerminated, h2.events.ResponseReceived)
        return not events or any(isinstance(event, ends) for event in events)

    def _receive(self, stream: int) -> Answer | None:
        headers, body = [], b""
        while data := self._socket.recv(65536):
            for event in self._events(data):
                if isinstance(event, h2.events.ConnectionTerminated) and not self._goes_on(event, stream):
                    return None
                if getattr(event, "stream_id", None) != stream:
                    continue
                if isinstance(event, h2.events.ResponseReceived):
                    headers = [(name.decode("latin1"), value.decode("latin1")) for name, value in event.headers]
                elif isinstance(event, h2.events.DataReceived):
                    body += event.data
                    self._connection.acknowledge_received_data(event.flow_controlled_length, stream)
                elif isinstance(event, h2.events.StreamReset):
                    return None
                elif isinstance(event, h2.events.StreamEnded):
                    status = next(value for name, value in headers if name == ":status")
                    return Answer(int(status), headers, body)
            self._flush()
        return None

    def _events(self, data: bytes) -> Iterator[h2.events.Event]:
        """Frame by frame, so that what follows a GOAWAY in the same bytes is read after it was dealt with."""
        self._unread += data
        while len(self._unread) >= 9 and len(self._unread) >= (size := 9 + int.from_bytes(self._unread[:3])):
            frame, self._unread = self._unread[:size], self._unread[size:]
            yield from self._connection.receive_data(frame)

    def _goes_on(self, goaway: h2.events.ConnectionTerminated, stream: int) -> bool:
        """A graceful end lets older streams finish (RFC 9113 section 6.8), but the library takes it for the very end."""
        graceful = goaway.error_code == 0 and stream <= goaway.last_stream_id
        if graceful:
            self._connection.state_machine.state = h2.connection.ConnectionState.CLIENT_OPEN
        return graceful

    def _flush(self) -> None:
        self._socket.sendall(self._connection.data_to_send())


def connect(url: str, authority_file: Path, timeout: float, *protocols: str) -> ssl.SSLSocket:
    """A TLS connection to a gateway, which speaks one of `protocols`."""
    parts = urlsplit(url)
    raw = socket.create_connection(("127.0.0.1", parts.port), timeout)
    raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return _context(authority_file, protocols).wrap_socket(raw, server_hostname=parts.hostname)


@cache
def _context(authority_file: Path, protocols: tuple[str, ...]) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=authority_file)
    context.set_alpn_protocols(list(protocols))
    return context
