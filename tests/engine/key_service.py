"""
A key service for the secrets of the tests' stacks: AWS KMS, played by moto in a process of its own.

Of a passphrase the engine makes a key at each run, on purpose slowly: a quarter of a run's processor time. A key service
is asked for the key instead. Stacks of examples, of the quickstart and of plain projects have a passphrase.
"""

from __future__ import annotations

import atexit
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import httpx

from ..ports import free_port

START_S = 60
# Ends when its standard input does, however the tests end.
_SERVE = """
import os, sys, threading
threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
from moto.server import main
main(["-H", "127.0.0.1", "-p", sys.argv[1]])
"""


@dataclass(frozen=True)
class KeyService:
    """Where it is, and the key that was made there."""

    url: str
    key: str

    @property
    def environment(self) -> Mapping[str, str]:
        """What the engine needs to reach it."""
        return {
            "AWS_ENDPOINT_URL_KMS": self.url,
            "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "of-the-tests",
            "AWS_SECRET_ACCESS_KEY": "of-the-tests",
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    @property
    def secrets_provider(self) -> str:
        """As `pulumi stack init` takes it."""
        return f"awskms:///{self.key}?region=us-east-1&awssdk=v2"


@cache
def key_service() -> KeyService:
    """The one of this process; started by the first who asks."""
    port = free_port()
    server = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", _SERVE, str(port)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    assert server.stdin is not None
    atexit.register(server.wait, 10)
    atexit.register(server.stdin.close)
    url = f"http://127.0.0.1:{port}"
    return KeyService(url, _new_key(url, server))


def _new_key(url: str, server: subprocess.Popen[bytes]) -> str:
    deadline = time.monotonic() + START_S
    signed = "AWS4-HMAC-SHA256 Credential=of-the-tests/20260101/us-east-1/kms/aws4_request"
    headers = {
        "X-Amz-Target": "TrentService.CreateKey",
        "Content-Type": "application/x-amz-json-1.1",
        "Authorization": f"{signed}, SignedHeaders=host, Signature=none",
    }
    while True:
        try:
            answer = httpx.post(url, headers=headers, json={}, timeout=30, trust_env=False)
        except httpx.TransportError:
            assert server.poll() is None, "moto, of the extra [backends], did not start"
            assert time.monotonic() < deadline, "moto is not ready"
            time.sleep(0.05)
            continue
        return str(answer.raise_for_status().json()["KeyMetadata"]["KeyId"])
