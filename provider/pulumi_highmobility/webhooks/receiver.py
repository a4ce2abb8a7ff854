"""The ASGI application that takes deliveries: verified, committed, then acknowledged."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import logging
import random
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from ..clock import Clock
from ..secret import Secret
from .actions import Action
from .inbox import Arrival, Inbox, InboxError
from .worker import Worker

MOST_BYTES = 64 * 1024
BODY_TIMEOUT_S = 10.0
EVENTS = ("fleet_clearance_changed", "ping")
_LONGEST_ID = 200

log = logging.getLogger(__name__)


class _Refused(Exception):
    """A delivery that is not taken: `reason` is a word for the metrics."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status, self.reason = status, reason


def webhook_app(
    inbox: Inbox,
    action: Action,
    *,
    secrets: Sequence[Secret],
    allow_sha1: bool = False,
    most_bytes: int = MOST_BYTES,
    body_timeout_s: float = BODY_TIMEOUT_S,
    clock: Clock | None = None,
    rng: random.Random | None = None,
) -> Starlette:
    """
    Takes POST on / and /webhook, and answers GET /healthz and /metrics.

    Each of `secrets` is valid, so that one can be exchanged for another. The caller closes `inbox`, after the
    application's lifespan, which runs the action.

    Raises: ValueError (no secret, or an empty one: anybody could sign with it).
    """
    keys = [secret.reveal().encode() for secret in secrets]
    if not keys or not all(keys):
        raise ValueError("webhook_app needs at least one secret, and none may be empty")
    counts: Counter[str] = Counter()
    refused: Counter[str] = Counter()
    worker: Worker | None = None

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        nonlocal worker
        worker = Worker(inbox, action, clock=clock, rng=rng)
        task = asyncio.create_task(worker.run())
        try:
            yield
        finally:
            await worker.stop()
            await task

    async def deliver(request: Request) -> Response:
        try:
            body = await _read(request, most_bytes, body_timeout_s)
            _verify(request, body, keys, allow_sha1)
            arrival = _arrival(request, body)
            if arrival is None:
                counts["pings"] += 1
                return PlainTextResponse("pong\n")
            is_new = await asyncio.wrap_future(inbox.add(arrival))
        except _Refused as refusal:
            refused[refusal.reason] += 1
            # What is left of the body is read for nobody.
            return PlainTextResponse(f"{refusal.reason}\n", refusal.status, headers={"Connection": "close"})
        except ClientDisconnect:
            refused["disconnected"] += 1
            return Response(status_code=400)
        except InboxError as error:
            log.error("A delivery was not acknowledged: %s", error)  # noqa: TRY400 - the cause is in the message
            refused["unavailable"] += 1
            return PlainTextResponse("unavailable\n", 503, headers={"Retry-After": "5"})
        counts["received" if is_new else "duplicates"] += 1
        if is_new and worker is not None:
            worker.wake()
        return PlainTextResponse("accepted\n" if is_new else "duplicate\n")

    async def healthz(_: Request) -> Response:
        try:
            await asyncio.to_thread(inbox.check)
        except InboxError as error:
            log.warning("/healthz: %s", error)
            return PlainTextResponse("unavailable\n", 503)
        return PlainTextResponse("ok\n")

    async def metrics(_: Request) -> Response:
        try:
            unfinished, oldest_s = await asyncio.to_thread(inbox.unfinished)
        except InboxError:
            return PlainTextResponse("unavailable\n", 503)
        runs = worker.runs if worker is not None else Counter[str]()
        return PlainTextResponse(
            _metrics(counts, refused, runs, unfinished, oldest_s), media_type="text/plain; version=0.0.4"
        )

    return Starlette(
        routes=[
            Route("/", deliver, methods=["POST"]),
            Route("/webhook", deliver, methods=["POST"]),
            Route("/healthz", healthz, methods=["GET"]),
            Route("/metrics", metrics, methods=["GET"]),
        ],
        lifespan=lifespan,
    )


async def _read(request: Request, most: int, timeout_s: float) -> bytes:
    """The raw body. Raises: _Refused (413, 408), ClientDisconnect."""
    length = request.headers.get("content-length", "0")
    if length.isascii() and length.isdigit() and int(length[:20]) > most:
        raise _Refused(413, "too_large")

    async def collect() -> bytes:
        body = bytearray()
        async for chunk in request.stream():
            # Counted as it comes: a chunked body tells no length.
            if len(body) + len(chunk) > most:
                raise _Refused(413, "too_large")
            body += chunk
        return bytes(body)

    try:
        return await asyncio.wait_for(collect(), timeout_s)
    except asyncio.TimeoutError:
        raise _Refused(408, "too_slow") from None


def _header(request: Request, name: bytes) -> bytes | None:
    """The one value, as sent. Raises: _Refused (400), where it appears twice: proxies differ in which one they see."""
    found = [value for key, value in request.headers.raw if key.lower() == name]
    if len(found) > 1:
        raise _Refused(400, "repeated_header")
    return found[0].strip() if found else None


def _verify(request: Request, body: bytes, keys: Sequence[bytes], allow_sha1: bool) -> None:
    """Raises: _Refused (401)."""
    given, way, prefix = _header(request, b"x-hm-signature-256"), "sha256", b"sha256="
    if given is None and allow_sha1:
        # Only where the newer one is missing: a wrong one is no reason to believe a weaker.
        given, way, prefix = _header(request, b"x-hm-signature"), "sha1", b"sha1="
    if given is None:
        raise _Refused(401, "unsigned")
    # All are compared, so that the time does not tell which secret it was.
    matches = [
        hmac.compare_digest(given, prefix + hmac.new(key, body, way).hexdigest().encode()) for key in keys
    ]
    if not any(matches):
        raise _Refused(401, "wrong_signature")


def _arrival(request: Request, body: bytes) -> Arrival | None:
    """What to store; None for a ping. Raises: _Refused (400)."""
    try:
        # Decoded here, since json.loads takes UTF-16 as well.
        fields = json.loads(body.decode("utf-8"))
    except (ValueError, RecursionError):
        raise _Refused(400, "malformed") from None
    event = fields.get("event") if isinstance(fields, dict) else None
    kind = event.get("type") if isinstance(event, dict) else None
    if not isinstance(event, dict) or kind not in EVENTS:
        raise _Refused(400, "unknown_event")
    if kind == "ping":
        return None
    vehicle = fields.get("vehicle")
    vin = vehicle.get("vin") if isinstance(vehicle, dict) else None
    action = event.get("action")
    if not _is_plain(vin) or not _is_plain(action):
        raise _Refused(400, "malformed")
    given = _header(request, b"x-hm-delivery") or b""
    delivery = given.decode("latin-1")
    if not _is_plain(delivery):
        raise _Refused(400, "no_delivery_id")
    return Arrival(delivery, hashlib.sha256(body).digest(), str(kind), str(action), str(vin))


def _is_plain(text: object) -> bool:
    return isinstance(text, str) and 0 < len(text) <= _LONGEST_ID and text.isascii() and text.isprintable()


def _metrics(
    counts: Counter[str], refused: Counter[str], runs: Counter[str], unfinished: int, oldest_s: float
) -> str:
    lines = _metric("received_total", "counter", {"": counts["received"]})
    lines += _metric("pings_total", "counter", {"": counts["pings"]})
    lines += _metric("duplicates_total", "counter", {"": counts["duplicates"]})
    lines += _metric("refused_total", "counter", {f'{{reason="{name}"}}': n for name, n in refused.items()})
    lines += _metric("unfinished", "gauge", {"": unfinished})
    lines += _metric("oldest_unfinished_seconds", "gauge", {"": round(oldest_s, 3)})
    lines += _metric("runs_total", "counter", {f'{{outcome="{name}"}}': n for name, n in runs.items()})
    return "\n".join([*lines, ""])


def _metric(name: str, kind: str, values: dict[str, float]) -> list[str]:
    full = f"highmobility_webhook_{name}"
    return [f"# TYPE {full} {kind}", *(f"{full}{label} {value}" for label, value in values.items())]
