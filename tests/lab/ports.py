"""Loopback ports that are free right now."""

import os
import random
import socket
from pathlib import Path

# Envoy lets others listen where it does (SO_REUSEPORT): two that were given one port before either bound it would share
# the connections. So the processes of one pytest have ports of their own, and none is given twice.
_PROCESS = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
_PROCESSES = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
_given: set[int] = set()


def free_port() -> int:
    # Below those that the kernel gives to outgoing connections: one of them may take a port between this close and the
    # server's bind. Other servers do not, for they take what is free or a random one as well.
    lowest = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    while True:
        port = random.randrange(10_000 + _PROCESS, lowest, _PROCESSES)
        if port in _given:
            continue
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            _given.add(port)
            return port
