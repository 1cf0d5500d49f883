"""HTTP/2, stream by stream."""

import socket
import ssl

from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import DataReceived, ResponseReceived
from identity.gate import ECHO, Gate


class Streams:
    """One HTTP/2 connection whose streams are left open, waited for or reset at will, which no client library does."""

    def __init__(self, gate: Gate):
        host = gate.bed.url.removeprefix("https://")
        name, port = host.split(":")
        context = ssl.create_default_context(cafile=gate.bed.authority_file)
        context.set_alpn_protocols(["h2"])
        self._socket = context.wrap_socket(socket.create_connection((name, int(port)), 5), server_hostname=name)
        self._http = H2Connection()
        self._head = [(":method", "GET"), (":scheme", "https"), (":authority", host), (":path", f"{ECHO}/streams")]
        self.statuses: dict[int, int] = {}
        self._http.initiate_connection()
        self._send()

    def ask(self, token: str, trailers: bool = False) -> int:
        stream = self._http.get_next_available_stream_id()
        self._http.send_headers(stream, [*self._head, ("authorization", f"Bearer {token}")], end_stream=not trailers)
        if trailers:
            self._http.send_headers(stream, [("x-trailer", "1")], end_stream=True)
        self._send()
        return stream

    def reset(self, stream: int) -> None:
        self._http.reset_stream(stream, ErrorCodes.CANCEL)
        self._send()

    def read(self) -> dict[int, int]:
        """The status of every stream that has been answered by now."""
        for event in self._http.receive_data(self._received()):
            if isinstance(event, ResponseReceived):
                self.statuses[event.stream_id] = int(dict(event.headers)[b":status"])
            if isinstance(event, DataReceived):
                self._http.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        self._send()
        return self.statuses

    def close(self) -> None:
        self._socket.close()

    def _received(self) -> bytes:
        self._socket.settimeout(0.01)
        try:
            return self._socket.recv(65_536)
        except TimeoutError:
            return b""

    def _send(self) -> None:
        self._socket.settimeout(5)
        self._socket.sendall(self._http.data_to_send())
