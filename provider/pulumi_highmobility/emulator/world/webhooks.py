"""Webhooks: who is told of what, and the outbox of what has to be told."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import httpx

from ..wire import write_json
from .clock import iso
from .store import Store, Vehicle

EVENTS = ("fleet_clearance_changed", "ping")
# Seconds from one attempt to the next; the platform's own policy is not published.
BACKOFF_S = (1.0, 4.0, 16.0, 64.0)
_HOST = re.compile(r"(?=.{1,253}$)[A-Za-z0-9._-]+")
# Deliveries that are over, kept to be looked at.
_KEPT = 10_000


class InvalidWebhook(ValueError):
    """A webhook that the platform would not take; the message says why."""


@dataclass(frozen=True)
class Webhook:
    """One registration. `events` are the types it is told of; the secret signs and is shown nowhere."""

    id: str
    application: str
    url: str
    events: tuple[str, ...]
    secret: str = field(repr=False)

    def signatures(self, body: bytes) -> dict[str, str]:
        """Both headers: HMAC of the raw body with the secret; SHA-1 is the older one."""
        key = self.secret.encode()
        return {
            "X-HM-Signature-256": f"sha256={hmac.new(key, body, hashlib.sha256).hexdigest()}",
            "X-HM-Signature": f"sha1={hmac.new(key, body, hashlib.sha1).hexdigest()}",
        }


@dataclass(frozen=True)
class Letter:
    """A delivery that is due: where to, with what."""

    number: int
    webhook: Webhook
    id: str
    event: str
    body: bytes
    attempts: int


class Webhooks:
    """Registrations and the outbox, in the store: what is due outlives a kill."""

    def __init__(
        self, store: Store, wall: Callable[[], float], *, stamp: Callable[[float], str] | None = None
    ) -> None:
        """`stamp` writes an event's `received_at`; None leaves it out, as the documents do."""
        self._store = store
        self._wall = wall
        self._stamp = stamp
        self._known: dict[str, Webhook] = {}
        with store.transaction() as db:
            for row in db.execute("SELECT * FROM webhooks ORDER BY rowid"):
                self._known[row["id"]] = Webhook(
                    row["id"], row["application"], row["url"], tuple(json.loads(row["events"])), row["secret"]
                )

    def registered(self) -> list[Webhook]:
        """All of them, oldest first."""
        return list(self._known.values())

    def register(self, application: str, url: str, secret: str, events: tuple[str, ...] = EVENTS) -> Webhook:
        """
        Add one, or change the one with this URL, and ping it.

        Raises: InvalidWebhook (no HTTPS and no loopback, no secret, an unknown event).
        """
        _check(url, secret, events)
        before = next(
            (hook for hook in self._known.values() if (hook.application, hook.url) == (application, url)),
            None,
        )
        hook = Webhook(before.id if before else str(uuid4()), application, url, tuple(events), secret)
        with self._store.transaction() as db:
            db.execute(
                "INSERT OR REPLACE INTO webhooks (id, application, url, secret, events) VALUES (?, ?, ?, ?, ?)",
                (hook.id, application, url, secret, write_json(hook.events)),
            )
            self._known[hook.id] = hook
            event = {"type": "ping", **self._received_at(self._wall())}
            self._post(db, hook, "ping", {"application": {"name": application}, "event": event})
        return hook

    def remove(self, webhook_id: str) -> bool:
        """Forget one, with what it was still to be told; False where there is none."""
        with self._store.transaction() as db:
            db.execute("DELETE FROM webhooks WHERE id = ?", (webhook_id,))
            db.execute(
                "UPDATE deliveries SET next_at = NULL, error = 'the webhook was removed' "
                "WHERE webhook = ? AND next_at IS NOT NULL",
                (webhook_id,),
            )
            return self._known.pop(webhook_id, None) is not None

    def changed(self, db: sqlite3.Connection, vehicle: Vehicle, reason: str) -> None:
        """A clearance moved: written into the outbox in the same transaction, so that neither is without the other."""
        for hook in self._known.values():
            if hook.application == vehicle.application and "fleet_clearance_changed" in hook.events:
                event = {"type": "fleet_clearance_changed", "action": vehicle.status}
                event |= {"detail": reason} if reason else {}
                body = {
                    "application": {"name": vehicle.application},
                    "vehicle": {"vin": vehicle.vin},
                    "event": event | self._received_at(vehicle.changed_at),
                }
                self._post(db, hook, "fleet_clearance_changed", body, vehicle.vin, vehicle.status)

    def waiting(self) -> list[str]:
        """The ids of those that something is due for."""
        if not self._known:
            return []
        with self._store.transaction() as db:
            rows = db.execute("SELECT DISTINCT webhook FROM deliveries WHERE next_at <= ?", (self._wall(),))
            return [row["webhook"] for row in rows if row["webhook"] in self._known]

    def due(self, webhook_id: str, most: int) -> list[Letter]:
        """What is to be sent to one now; of one vehicle only the oldest, so that its states arrive in their order."""
        with self._store.transaction() as db:
            rows = db.execute(
                "SELECT *, min(number) FROM deliveries WHERE webhook = ? AND next_at <= ? "
                "GROUP BY vin ORDER BY number LIMIT ?",
                (webhook_id, self._wall(), most),
            ).fetchall()
        return [
            Letter(
                row["number"],
                self._known[row["webhook"]],
                row["id"],
                row["event"],
                row["body"],
                row["attempts"],
            )
            for row in rows
            if row["webhook"] in self._known
        ]

    def answered(self, letter: Letter, status: int, error: str | None) -> None:
        """Note an attempt: delivered by any 2xx, else due again until the attempts are used up. Status 0: no answer."""
        delivered = 200 <= status < 300
        attempts = letter.attempts + 1
        again = not delivered and attempts <= len(BACKOFF_S)
        next_at = self._wall() + BACKOFF_S[attempts - 1] if again else None
        with self._store.transaction() as db:
            # A webhook that was removed meanwhile has no further attempt.
            db.execute(
                "UPDATE deliveries SET attempts = ?, status = ?, error = ?, delivered = ?, "
                "next_at = CASE WHEN next_at IS NULL THEN NULL ELSE ? END WHERE number = ?",
                (attempts, status, error, delivered, next_at, letter.number),
            )
            if letter.number % 1000 == 0:
                db.execute(
                    "DELETE FROM deliveries WHERE next_at IS NULL AND number <= ?", (letter.number - _KEPT,)
                )

    def deliveries(self, *, after: int = 0, last: int | None = None) -> list[dict[str, Any]]:
        """What was or is to be delivered with a number above `after`, oldest first; of these the `last` ones."""
        with self._store.transaction() as db:
            rows = db.execute(
                "SELECT * FROM deliveries WHERE number > ? ORDER BY number DESC LIMIT ?",
                (after, -1 if last is None else last),
            ).fetchall()
        return [_shown(row) for row in reversed(rows)]

    def redeliver(self, number: int) -> bool:
        """Send one again, as a new delivery with the same body; False where it or its webhook is unknown."""
        with self._store.transaction() as db:
            row = db.execute("SELECT * FROM deliveries WHERE number = ?", (number,)).fetchone()
            hook = self._known.get(row["webhook"]) if row else None
            if hook is None:
                return False
            self._insert(db, hook, row["event"], row["body"], row["vin"], row["action"])
        return True

    def forget_deliveries(self, db: sqlite3.Connection) -> None:
        """Empty the outbox and its history; the registrations stay."""
        db.execute("DELETE FROM deliveries")

    def _received_at(self, seconds: float) -> dict[str, str]:
        return {"received_at": self._stamp(seconds)} if self._stamp else {}

    def _post(
        self,
        db: sqlite3.Connection,
        hook: Webhook,
        event: str,
        fields: dict[str, Any],
        vin: str | None = None,
        action: str | None = None,
    ) -> None:
        if event in hook.events:
            self._insert(db, hook, event, write_json(fields).encode(), vin, action)

    def _insert(
        self,
        db: sqlite3.Connection,
        hook: Webhook,
        event: str,
        body: bytes,
        vin: str | None,
        action: str | None,
    ) -> None:
        now = self._wall()
        db.execute(
            "INSERT INTO deliveries (id, webhook, application, url, event, action, vin, body, time, next_at) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (str(uuid4()), hook.id, hook.application, hook.url, event, action, vin, body, now, now),
        )


def _shown(row: sqlite3.Row) -> dict[str, Any]:
    names = ("number", "id", "webhook", "application", "url", "event", "action", "vin", "attempts")
    return {
        **{name: row[name] for name in names},
        "status": row["status"],
        "error": row["error"],
        "delivered": bool(row["delivered"]),
        "due": row["next_at"] is not None,
        "time": iso(row["time"]),
        "body": json.loads(row["body"]),
    }


def _check(url: str, secret: str, events: tuple[str, ...]) -> None:
    try:
        # The client's own reading of it, so that what is taken here can be sent to: of the host's name, its port, its length.
        parsed = httpx.URL(url)
        host, port = parsed.host, urlsplit(url).port
        name = parsed.raw_host.decode("ascii")
        is_name = _HOST.fullmatch(host.encode("idna").decode("ascii")) or ":" in name
    except (httpx.InvalidURL, ValueError) as error:
        raise InvalidWebhook(f"url is not a valid address: {error}") from error
    if parsed.scheme not in ("http", "https") or not is_name:
        raise InvalidWebhook("url takes an address such as https://example.com/webhook")
    if port == 0:
        raise InvalidWebhook("url takes a port from 1 to 65535")
    if parsed.userinfo:
        raise InvalidWebhook("url takes no user name or password: the signature shows who sends")
    if parsed.scheme == "http" and not _is_loopback(host):
        raise InvalidWebhook("url takes https only, as the platform does; http is taken to loopback here")
    if not secret:
        raise InvalidWebhook("secret takes text: deliveries are signed with it")
    unknown = [event for event in events if event not in EVENTS]
    if unknown or not events:
        raise InvalidWebhook(f"events takes some of {', '.join(EVENTS)}")


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
