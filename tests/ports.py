"""Ports that a test has before something listens on them."""

from __future__ import annotations

import os
import random
import socket

# Below those that the system gives to who asks for any (32768 on Linux, 49152 elsewhere): no other test's server gets one of
# them in the meantime. Each worker has its own.
FIRST, EACH, WORKERS = 20_000, 500, 24


def free_port() -> int:
    """One that nobody listens on. Raises: StopIteration, where there is none."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % WORKERS
    first = FIRST + worker * EACH
    return next(port for port in random.sample(range(first, first + EACH), EACH) if _is_free(port))


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
