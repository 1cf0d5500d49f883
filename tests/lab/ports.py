"""Loopback ports that are free right now."""

import random
import socket
from pathlib import Path


def free_port() -> int:
    # Below those that the kernel gives to outgoing connections: one of them may take a port between this close and the
    # server's bind. Other servers do not, for they take what is free or a random one as well.
    lowest = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    while True:
        port = random.randrange(10_000, lowest)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
