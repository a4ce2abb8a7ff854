"""One exchange with the platform: a request out, a checked answer or one of our errors back."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar
from urllib.parse import urlsplit

import httpx
import msgspec

from ..clock import Clock
from ..errors import (
    ApiError,
    ClearanceConflict,
    Forbidden,
    InvalidRequest,
    NotAuthorized,
    RateLimited,
    ServerError,
    TokenRefused,
    TransportError,
    VehicleNotFound,
)
from ..secret import Secret
from ..settings import BASE_URL

T = TypeVar("T")

_ERROR_BY_STATUS: Mapping[int, type[ApiError]] = {
    400: TokenRefused,
    401: NotAuthorized,
    403: Forbidden,
    404: VehicleNotFound,
    409: ClearanceConflict,
    422: InvalidRequest,
    429: RateLimited,
}
# The request had not left when one of these came: sending it again cannot do a thing twice.
_NOT_SENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.UnsupportedProtocol,
    httpx.ProxyError,
)
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


class Wire:
    """
    Sends requests below a base URL and turns every kind of failure into one of our errors.

    `skew_s` is how many seconds the platform's clock is ahead of ours, by its last Date header.
    """

    def __init__(self, base_url: str, http: httpx.AsyncClient, clock: Clock) -> None:
        self.base_url = base_url
        self.skew_s = 0.0
        self._http = http
        self._clock = clock

    async def exchange(
        self,
        method: str,
        path: str,
        *,
        bearer: Secret | None = None,
        body: Any = None,
        params: Mapping[str, str] | None = None,
    ) -> bytes:
        """
        Send one request, with a JSON body if one is given, and return the body of a 2xx answer.

        Raises: TransportError, or the ApiError of the answer's status.
        """
        headers = {"Accept": "application/json"}
        content = None
        if bearer is not None:
            headers["Authorization"] = f"Bearer {bearer.reveal()}"
        if body is not None:
            headers["Content-Type"] = "application/json"
            content = msgspec.json.encode(body)
        try:
            response = await self._http.request(
                method, self.base_url + path, headers=headers, content=content, params=params
            )
        except httpx.TransportError as error:
            raise self._no_answer(method, path, error) from error
        self._note_clock(response)
        if response.is_success:
            return response.content
        raise _api_error(method, path, response)

    def read(self, shape: type[T], content: bytes, *, method: str, path: str) -> T:
        """The body as `shape`. Raises: TransportError, where it is not JSON of that shape."""
        try:
            return msgspec.json.decode(content, type=shape)
        except msgspec.MsgspecError as error:
            # msgspec names the field and the type that it found, never the value.
            raise TransportError(
                f"The answer to {method} {path} from {self.base_url} could not be read: {error}. "
                f"If this goes on, check {BASE_URL.names}: is it the platform's API?",
                method=method,
                path=path,
                may_have_happened=True,
            ) from error

    def _no_answer(self, method: str, path: str, error: httpx.TransportError) -> TransportError:
        may_have_happened = not isinstance(error, _NOT_SENT)
        reason = str(error) or type(error).__name__
        if isinstance(error, httpx.TimeoutException):
            reason = f"{type(error).__name__}: no answer in time"
        if urlsplit(self.base_url).hostname in _LOOPBACK:
            advice = "Is the emulator running? `pulumi-highmobility emulator` (or `make up`) starts it."
        else:
            advice = f"Check the network, and {BASE_URL.names}."
        return TransportError(
            f"No answer from {self.base_url} to {method} {path}: {reason}. {advice}",
            method=method,
            path=path,
            may_have_happened=may_have_happened,
        )

    def _note_clock(self, response: httpx.Response) -> None:
        try:
            theirs = parsedate_to_datetime(response.headers.get("Date", ""))
        except ValueError:
            return
        if theirs.tzinfo is not None:
            self.skew_s = (theirs - self._clock.now()).total_seconds()


def _api_error(method: str, path: str, response: httpx.Response) -> ApiError:
    title = source = detail = ""
    for said in _errors_of(response):
        title, source, detail = (_text(said.get(name)) for name in ("title", "source", "detail"))
        if not (title or detail):
            title, detail = _text(said.get("error")), _text(said.get("error_description"))
        break
    status = response.status_code
    kind = _ERROR_BY_STATUS.get(status, ServerError if status >= 500 else ApiError)
    return kind(
        method=method,
        path=path,
        status=status,
        title=title or response.reason_phrase,
        source=source,
        detail=detail,
        retry_after_s=_retry_after_s(response, detail),
    )


def _errors_of(response: httpx.Response) -> Iterator[Mapping[str, Any]]:
    try:
        body = msgspec.json.decode(response.content)
    except msgspec.MsgspecError:
        return
    yield from _flatten(body.get("errors", body) if isinstance(body, dict) else body)


def _flatten(errors: Any) -> Iterator[Mapping[str, Any]]:
    # The published schema of a 401 nests a list of errors in the list of errors.
    if isinstance(errors, dict):
        yield errors
    elif isinstance(errors, list):
        for error in errors:
            yield from _flatten(error)


def _text(value: Any) -> str:
    return value.strip()[:500] if isinstance(value, str) else ""


def _retry_after_s(response: httpx.Response, detail: str) -> float | None:
    """Seconds from the Retry-After header, else from the platform's "retry after 10s"."""
    header = response.headers.get("Retry-After", "").strip()
    if header.isdigit():
        return float(header)
    if response.status_code == 429:
        found = re.search(r"retry after (\d+(?:\.\d+)?)\s*s", detail, re.IGNORECASE)
        if found:
            return float(found.group(1))
    return None
