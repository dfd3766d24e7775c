"""Free loopback ports."""

import random
import socket

# Below the ports that systems hand out for outgoing connections: one of those might sit on a server's port
# while the test has that server killed, and then it could not come back.
RANGE = range(20_000, 32_000)


def free_port() -> int:
    for port in random.sample(RANGE, 100):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise OSError("no free loopback port in 100 tries")
