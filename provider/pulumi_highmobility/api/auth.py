"""The bearer token that authorises our own calls: three ways to get it, one cache for all."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from ..clock import Clock, parse_instant
from ..errors import ApiError, ConfigError, NotAuthorized, TokenRefused, TransportError
from ..secret import Secret
from ..settings import (
    CLIENT_ID,
    CLIENT_SECRET,
    OAUTH_PRIVATE_KEY,
    SERVICE_ACCOUNT_KEY,
    AuthWay,
    PrivateKey,
    Settings,
)
from .retry import RetryPolicy, call_with_retries
from .shapes import BearerAnswer
from .wire import Wire

CLIENT_ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"  # RFC 7523, section 2.2
# "valid about 5 minutes": what a server that names no lifetime is taken to mean.
DEFAULT_LIFETIME_S = 300.0
RENEW_BEFORE_END_S = 30.0
# The platform takes an `iat` up to 30 s off; a clock within a few seconds is not the cause of a 401.
NOTABLE_SKEW_S = 5.0


class BearerSource:
    """
    Hands out a bearer token, the same one to everybody, and renews it before it expires.

    API: POST /auth_tokens, or POST /access_tokens with client credentials or a client assertion
    """

    def __init__(
        self,
        settings: Settings,
        wire: Wire,
        *,
        clock: Clock,
        rng: random.Random,
        policy: RetryPolicy,
        new_id: Callable[[], str],
    ) -> None:
        self._settings = settings
        self._wire = wire
        self._clock = clock
        self._rng = rng
        self._policy = policy
        self._new_id = new_id
        self._token: Secret | None = None
        self._renew_at = 0.0
        self._renewing = asyncio.Lock()

    async def get(self) -> Secret:
        """
        The present token, renewed if it is near its end.

        Raises: NotAuthorized or TokenRefused with a hint, TransportError, ConfigError (an unusable key).
        """
        async with self._renewing:
            if self._token is None or self._clock.monotonic() >= self._renew_at:
                await self._renew()
            assert self._token is not None  # noqa: S101 - _renew sets it or raises
            return self._token

    def drop(self, token: Secret) -> None:
        """Forget this token: the platform did not take it. One that is newer already is kept."""
        if self._token == token:
            self._token = None

    async def _renew(self) -> None:
        asked_at = self._clock.monotonic()
        try:
            answer = await self._ask(skew_s=0.0)
        except (NotAuthorized, TokenRefused) as error:
            if abs(self._wire.skew_s) < NOTABLE_SKEW_S or self._settings.auth is AuthWay.CLIENT_CREDENTIALS:
                raise self._explain(error) from error
            # Our clock is off, or theirs: what counts for `iat` is theirs.
            try:
                answer = await self._ask(skew_s=self._wire.skew_s)
            except (NotAuthorized, TokenRefused) as again:
                raise self._explain(again) from again
        token = self._wire.checked_token(
            answer.access_token or answer.auth_token, method="POST", path=self._path, may_have_happened=False
        )
        lifetime_s = _lifetime_s(answer)
        self._token = token
        self._renew_at = asked_at + lifetime_s - min(RENEW_BEFORE_END_S, lifetime_s / 4)

    @property
    def _path(self) -> str:
        return "/auth_tokens" if self._settings.auth is AuthWay.SERVICE_ACCOUNT_KEY else "/access_tokens"

    async def _ask(self, *, skew_s: float) -> BearerAnswer:
        async def send() -> BearerAnswer:
            # A new body each time: the platform takes a `jti` once.
            content = await self._wire.exchange("POST", self._path, body=self._body(skew_s))
            return self._wire.read(BearerAnswer, content, method="POST", path=self._path)

        try:
            return await call_with_retries(
                send, policy=self._policy, repeatable=True, clock=self._clock, rng=self._rng
            )
        except TransportError as error:
            # Whatever became of the token, the call that wanted it has not been sent.
            raise TransportError(
                str(error), method=error.method, path=error.path, may_have_happened=False
            ) from error

    def _body(self, skew_s: float) -> dict[str, str | Secret]:
        settings = self._settings
        if settings.auth is AuthWay.SERVICE_ACCOUNT_KEY:
            assert settings.service_account_key is not None  # noqa: S101 - load_settings saw to it
            return {"assertion": self._assertion(settings.service_account_key, version=1, skew_s=skew_s)}
        body: dict[str, str | Secret] = {
            "grant_type": "client_credentials",
            "client_id": settings.client_id,
        }
        if settings.auth is AuthWay.CLIENT_CREDENTIALS:
            assert settings.client_secret is not None  # noqa: S101 - load_settings saw to it
            return {**body, "client_secret": settings.client_secret}
        assert settings.oauth_private_key is not None  # noqa: S101 - load_settings saw to it
        return {
            **body,
            "client_assertion_type": CLIENT_ASSERTION_TYPE,
            "client_assertion": self._assertion(settings.oauth_private_key, version=2, skew_s=skew_s),
        }

    def _assertion(self, key: PrivateKey, *, version: int, skew_s: float) -> Secret:
        claims: dict[str, Any] = {
            "iss": key.id,
            "aud": self._settings.base_url,
            "iat": int(self._clock.now().timestamp() + skew_s),
            "jti": self._new_id(),
            "ver": version,
        }
        return Secret(jwt.encode(claims, _signing_key(key), algorithm="ES256"))

    def _explain(self, error: ApiError) -> ApiError:
        settings = self._settings
        key = settings.service_account_key
        where = {
            AuthWay.SERVICE_ACCOUNT_KEY: SERVICE_ACCOUNT_KEY.names,
            AuthWay.CLIENT_CREDENTIALS: f"{CLIENT_ID.names} and {CLIENT_SECRET.names}",
            AuthWay.CLIENT_ASSERTION: f"{OAUTH_PRIVATE_KEY.names} and {CLIENT_ID.names}",
        }[settings.auth]
        if settings.auth is AuthWay.CLIENT_ASSERTION:
            key = settings.oauth_private_key
        hint = f"{settings.base_url} did not accept the credentials: check {where}."
        if settings.auth is not AuthWay.CLIENT_CREDENTIALS and key is not None:
            hint += f" The key's id is {key.id}"
            hint += f", made for {key.instance_uri}." if key.instance_uri else "."
            if abs(self._wire.skew_s) >= NOTABLE_SKEW_S:
                hint += f" This machine's clock is {-self._wire.skew_s:+.0f} s off the platform's."
        hint += (
            " A refresh or destroy uses the settings of the last `pulumi up`: if the credentials have changed since, add "
            "--run-program, or run `pulumi up` first. If the program no longer has a High Mobility resource, Pulumi cannot "
            "pass on new settings: put the last one back, run `pulumi up`, then remove it and run `pulumi up` again."
        )
        return error.again(hint=hint)


def _signing_key(key: PrivateKey) -> ec.EllipticCurvePrivateKey:
    try:
        loaded = load_pem_private_key(key.private_key.reveal().encode(), password=None)
    except (ValueError, TypeError) as error:
        raise ConfigError(
            f"The private key with id {key.id} cannot be read ({type(error).__name__}): it is damaged or has a "
            "passphrase. Download it from the console again."
        ) from None
    if not isinstance(loaded, ec.EllipticCurvePrivateKey) or not isinstance(loaded.curve, ec.SECP256R1):
        raise ConfigError(f"The private key with id {key.id} is not on the curve P-256, which ES256 needs.")
    return loaded


def _lifetime_s(answer: BearerAnswer) -> float:
    if answer.expires_in is not None and answer.expires_in > 0:
        return answer.expires_in
    start, end = parse_instant(answer.valid_from or ""), parse_instant(answer.valid_until or "")
    # The difference of the platform's two instants: our clock, right or wrong, has no part in it.
    lifetime_s = (end - start).total_seconds() if start and end else 0.0
    return lifetime_s if lifetime_s > 0 else DEFAULT_LIFETIME_S
