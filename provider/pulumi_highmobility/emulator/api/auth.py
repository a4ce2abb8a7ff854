"""Who asks: assertions, client secrets and bearer tokens, checked for real."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jwt

from ..answers import OAuthProblem, bad_assertion, expired_token, not_authorized
from ..world.applications import SCOPES, Application
from ..world.clock import LATEST, EmulatorClock, parse_iso
from ..world.store import Store

# "The server allows 30 s of clock skew on iat".
ALLOWED_SKEW_S = 30.0
# Bearer tokens that are over, kept to tell an expired one from an unknown one.
_KEPT = 10_000
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


@dataclass(frozen=True)
class Bearer:
    """Whose bearer token it is, and what it may do."""

    application: Application
    scopes: frozenset[str]


def digest(secret: str) -> str:
    """What is stored of a token: enough to know it again."""
    # A JWT's own JSON may hold half of a surrogate pair.
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


class Authenticator:
    """Checks credentials and hands out bearer tokens."""

    def __init__(
        self,
        store: Store,
        clock: EmulatorClock,
        applications: Sequence[Application],
        *,
        audiences: Sequence[str],
        lifetime_s: float,
        stamp: Callable[[float], str],
    ) -> None:
        self._store = store
        self._clock = clock
        self._applications = applications
        self._audiences = {audience.rstrip("/") for audience in audiences}
        self.lifetime_s = lifetime_s
        self._stamp = stamp

    def by_assertion(self, assertion: Any, *, host_audience: str) -> Application:
        """Whose service account key signed this JWT. Raises: Problem 401."""
        application = self._signer(assertion, host_audience, versions=(1, 2))
        if application is None:
            raise bad_assertion()
        return application

    def by_client(self, fields: Mapping[str, Any], *, host_audience: str) -> Application:
        """The client of a client_credentials grant, by secret or by client assertion. Raises: OAuthProblem."""
        if fields.get("client_assertion") or fields.get("client_assertion_type"):
            if fields.get("client_assertion_type") != ASSERTION_TYPE:
                raise OAuthProblem("client_assertion_type is invalid")
            application = self._signer(fields.get("client_assertion"), host_audience, versions=(1, 2))
            client_id = fields.get("client_id")
            if application is None or (client_id and client_id != application.client_id):
                raise OAuthProblem("client_assertion is invalid")
            return application
        return self.by_secret(fields)

    def by_secret(self, fields: Mapping[str, Any]) -> Application:
        """The client with this id and secret. Raises: OAuthProblem."""
        blank = [f"{name} can't be blank" for name in ("client_id", "client_secret") if not fields.get(name)]
        if blank:
            raise OAuthProblem(", ".join(blank))
        client_id, client_secret = str(fields["client_id"]), str(fields["client_secret"])
        application = next((known for known in self._applications if known.client_id == client_id), None)
        if application is None:
            raise OAuthProblem("client_id is invalid")
        if not hmac.compare_digest(application.client_secret.encode(), client_secret.encode()):
            raise OAuthProblem("client_secret is invalid")
        return application

    def issue(self, application: Application, scope: Any = None) -> dict[str, Any]:
        """A bearer token, with the fields of both generations. Raises: OAuthProblem (an unknown scope)."""
        if scope is not None and not isinstance(scope, str):
            raise OAuthProblem("scope is invalid", error="invalid_scope")
        wanted = list(dict.fromkeys(scope.split())) if scope else list(SCOPES)
        if not set(wanted) <= set(SCOPES):
            raise OAuthProblem("scope is invalid", error="invalid_scope")
        token, now = secrets.token_urlsafe(32), self._clock.service()
        until = now + self.lifetime_s
        with self._store.transaction() as db:
            db.execute(
                "DELETE FROM bearers WHERE valid_until < ? AND rowid <= (SELECT max(rowid) FROM bearers) - ?",
                (now, _KEPT),
            )
            db.execute(
                "INSERT INTO bearers VALUES (?, ?, ?, ?, ?)",
                (digest(token), application.name, " ".join(wanted), now, until),
            )
        return {
            "auth_token": token,
            "access_token": token,
            "valid_from": self._stamp(now),
            "valid_until": self._stamp(until),
            "expires_in": int(self.lifetime_s),
            "token_type": "bearer",
            "scope": " ".join(wanted),
        }

    def bearer(self, header: str | None) -> Bearer:
        """Whose request it is. Raises: Problem 401."""
        kind, _, token = (header or "").partition(" ")
        if kind.lower() != "bearer" or not token.strip():
            raise not_authorized()
        with self._store.transaction() as db:
            row = db.execute("SELECT * FROM bearers WHERE digest = ?", (digest(token.strip()),)).fetchone()
        application = row and next(
            (known for known in self._applications if known.name == row["application"]), None
        )
        if not application:
            raise not_authorized()
        if row["valid_until"] <= self._clock.service():
            raise expired_token()
        return Bearer(application, frozenset(row["scope"].split()))

    def revoke_bearer(self, token: str) -> tuple[float, float] | None:
        """End a bearer token; its validity (from, until), None where it is not known."""
        with self._store.transaction() as db:
            row = db.execute("SELECT * FROM bearers WHERE digest = ?", (digest(token),)).fetchone()
            db.execute("DELETE FROM bearers WHERE digest = ?", (digest(token),))
        return None if row is None else (row["valid_from"], row["valid_until"])

    def expire_bearers(self) -> None:
        """End every bearer token now."""
        with self._store.transaction() as db:
            db.execute("UPDATE bearers SET valid_until = min(valid_until, ?)", (self._clock.service(),))

    def _signer(self, assertion: Any, host_audience: str, *, versions: tuple[int, ...]) -> Application | None:
        if not isinstance(assertion, str):
            return None
        try:
            issuer = str(jwt.decode(assertion, options={"verify_signature": False}).get("iss"))
            application, key = next(
                ((known, key) for known in self._applications if (key := known.public_key(issuer))),
                (None, None),
            )
            if application is None or key is None:
                return None
            claims = jwt.decode(
                assertion,
                key,
                algorithms=["ES256"],
                options={"verify_aud": False, "verify_iat": False, "verify_jti": False, "verify_iss": False},
            )
        except (jwt.PyJWTError, ValueError, TypeError, AttributeError, ArithmeticError, RecursionError):
            # Whatever a stranger's token makes the library stumble over, it is no good assertion.
            return None
        issued_at, audience = _seconds(claims.get("iat")), claims.get("aud")
        good = (
            issued_at is not None
            and abs(self._clock.wall() - issued_at) <= ALLOWED_SKEW_S
            and isinstance(audience, str)
            and audience.rstrip("/") in self._audiences | {host_audience.rstrip("/")}
            and claims.get("ver") in versions
            and not isinstance(claims.get("ver"), bool)
            and self._is_first(claims.get("jti"))
        )
        return application if good else None

    def _is_first(self, jti: Any) -> bool:
        """A `jti` is taken once, also after a restart."""
        if not isinstance(jti, str) or not jti:
            return False
        with self._store.transaction() as db:
            added = db.execute(
                "INSERT OR IGNORE INTO assertions VALUES (?, ?)", (digest(jti), self._clock.wall())
            )
            return added.rowcount == 1


def _seconds(value: Any) -> float | None:
    """`iat` as Unix seconds; the oldest clients wrote it as ISO 8601."""
    if isinstance(value, bool):
        return None
    if isinstance(value, (int, float)):
        # A number that is too large for a date is as wrong as one that is not finite.
        return float(value) if abs(value) < LATEST else None
    return parse_iso(value) if isinstance(value, str) else None
