"""The three ways in which an emulator is run: over a socket with a file or in memory, and within the process."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from functools import partial
from ipaddress import ip_address
from pathlib import Path

import httpx
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from pulumi_highmobility.emulator.app import Emulator, Options
from pulumi_highmobility.emulator.server import open_emulator, serve_in_thread
from pulumi_highmobility.emulator.world.clock import EmulatorClock

MODES = ("file", "memory", "in process")
# Made once: to read the system's certificates takes longer than most of the tests.
TLS = ssl.create_default_context()
get, post = partial(httpx.get, verify=TLS), partial(httpx.post, verify=TLS)


class InProcess(httpx.BaseTransport):
    """Calls an ASGI application from synchronous tests."""

    def __init__(self, emulator: Emulator) -> None:
        self._loop = asyncio.new_event_loop()
        self._transport = httpx.ASGITransport(app=emulator.app)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        return self._loop.run_until_complete(self._answer(request))

    def close(self) -> None:
        self._loop.run_until_complete(self._loop.shutdown_default_executor())
        self._loop.close()

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        asked = httpx.Request(request.method, request.url, headers=request.headers, content=request.read())
        answer = await self._transport.handle_async_request(asked)
        return httpx.Response(answer.status_code, headers=answer.headers, content=await answer.aread())


@contextmanager
def serving(
    mode: str, options: Options, folder: Path, *, clock: EmulatorClock | None = None
) -> Iterator[tuple[Emulator, str, httpx.Client]]:
    """An emulator, its base URL, and a client that reaches it."""
    if mode == "in process":
        emulator, base_url = open_emulator(db=None, options=options, clock=clock), "http://emulator/v1"
        with httpx.Client(base_url=base_url, transport=InProcess(emulator)) as http:
            yield emulator, base_url, http
        emulator.store.close()
        return
    db = folder / "emulator.db" if mode == "file" else None
    with (
        serve_in_thread(options, db=db, clock=clock) as (emulator, base_url),
        httpx.Client(base_url=base_url, timeout=300, trust_env=False, verify=TLS) as http,
    ):
        yield emulator, base_url, http


def own_certificate(folder: Path) -> tuple[Path, Path]:
    """Files with a certificate for 127.0.0.1, signed by itself, and with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(timezone.utc)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    certfile, keyfile = folder / "cert.pem", folder / "key.pem"
    certfile.write_bytes(certificate.public_bytes(Encoding.PEM))
    keyfile.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return certfile, keyfile
