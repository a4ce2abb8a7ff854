"""Webhooks: who is told of what, and the outbox of what has to be told."""

from __future__ import annotations

import hashlib
import hmac
import json
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

from .clock import iso
from .store import Store, Vehicle

EVENTS = ("fleet_clearance_changed", "ping")
# Seconds from one attempt to the next; the platform's own policy is not published.
BACKOFF_S = (1.0, 4.0, 16.0, 64.0)
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

    def __init__(self, store: Store, wall: Callable[[], float]) -> None:
        self._store = store
        self._wall = wall
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
                (hook.id, application, url, secret, json.dumps(hook.events)),
            )
            self._known[hook.id] = hook
            self._post(db, hook, "ping", {"application": {"name": application}, "event": {"type": "ping"}})
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
                body = {
                    "application": {"name": vehicle.application},
                    "vehicle": {"vin": vehicle.vin},
                    "event": event | ({"detail": reason} if reason else {}),
                }
                self._post(db, hook, "fleet_clearance_changed", body, vehicle.vin, vehicle.status)

    def due(self, most: int) -> list[Letter]:
        """What is to be sent now; of one vehicle only the oldest, so that its states arrive in their order."""
        if not self._known:
            return []
        with self._store.transaction() as db:
            rows = db.execute(
                "SELECT *, min(number) FROM deliveries WHERE next_at <= ? GROUP BY webhook, vin ORDER BY number LIMIT ?",
                (self._wall(), most),
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
            # Without blanks: the platform's published receiver verifies the signature over JSON that it writes itself.
            body = json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode()
            self._insert(db, hook, event, body, vin, action)

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
    parts = urlsplit(url)
    is_loopback = parts.hostname is not None and _is_loopback(parts.hostname)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise InvalidWebhook("url takes an address such as https://example.com/webhook")
    if parts.username or parts.password:
        raise InvalidWebhook("url takes no user name or password: the signature shows who sends")
    if parts.scheme == "http" and not is_loopback:
        raise InvalidWebhook("url takes https only, as the platform does; http is taken to loopback here")
    if not secret:
        raise InvalidWebhook("secret takes a text: deliveries are signed with it")
    unknown = [event for event in events if event not in EVENTS]
    if unknown or not events:
        raise InvalidWebhook(f"events takes some of {', '.join(EVENTS)}")


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
