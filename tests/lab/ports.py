"""Loopback ports that are free right now."""

import socket


def free_port() -> int:
    # The kernel hands out a random one and does not repeat itself soon, so the
    # moment between this close and the server's bind is safe enough.
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
