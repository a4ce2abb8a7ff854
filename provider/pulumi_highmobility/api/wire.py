"""One exchange with the platform: a request out, a checked answer or one of our errors back."""

from __future__ import annotations

import asyncio
import math
import re
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
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
    HighMobilityError,
    InvalidRequest,
    NotAuthorized,
    NotTheApi,
    RateLimited,
    ServerError,
    TokenRefused,
    TransportError,
    VehicleNotFound,
)
from ..secret import Secret, is_sendable
from ..settings import BASE_URL, LOOPBACK
from ..text import visible
from .connection import CA_FILES
from .shapes import ListedRow, ListedVin, RegisteredVehicle, TokenAnswer, VehicleTokenPair

T = TypeVar("T")

# What is read of one answer, unpacked. The list of 100,000 vehicles is 22 MB.
MAX_BODY_BYTES = 256 * 2**20
# The statuses that mean something for a vehicle, an application or a token: only in the API's own form.
_ERROR_BY_STATUS: Mapping[int, type[ApiError]] = {
    400: TokenRefused,
    401: NotAuthorized,
    403: Forbidden,
    404: VehicleNotFound,
    409: ClearanceConflict,
    422: InvalidRequest,
}
_SIGN_IN_PATHS = ("/auth_tokens", "/access_tokens")
_VEHICLE_PATH = re.compile(r"/fleets/vehicles/[^/]+$")
# The request had not left when one of these came: sending it again cannot do a thing twice.
_NOT_SENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.UnsupportedProtocol,
    httpx.ProxyError,
    httpx.LocalProtocolError,
    httpx.InvalidURL,
)


class _BearerAuth(httpx.Auth):
    """Writes a token into the request at the last moment: until then it is a Secret, in every frame of ours."""

    def __init__(self, token: Secret) -> None:
        self._token = token

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """As httpx calls it."""
        request.headers["Authorization"] = f"Bearer {self._token.reveal()}"
        yield request


@dataclass(frozen=True)
class _Answer:
    status: int
    reason: str
    headers: httpx.Headers
    content: bytes


class Wire:
    """
    Sends requests below a base URL and turns every kind of failure into one of our errors.

    `timeout_s` bounds a whole exchange, from the connection to the last byte. `skew_s` is how many seconds the
    platform's clock is ahead of ours, by its last Date header.
    """

    def __init__(self, base_url: str, http: httpx.AsyncClient, clock: Clock, *, timeout_s: float) -> None:
        self.base_url = base_url
        self.skew_s = 0.0
        self._http = http
        self._clock = clock
        self._timeout_s = timeout_s

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
        Send one request, with a JSON body if one is given (Secrets in it are revealed), and return the body of a 2xx answer.

        Raises: TransportError, NotTheApi, or the ApiError of the answer's status.
        """
        failure: HighMobilityError
        try:
            answer = await asyncio.wait_for(
                self._send(method, path, bearer, body, params), timeout=self._timeout_s
            )
        except HighMobilityError as error:
            failure = error
        except (asyncio.TimeoutError, httpx.TimeoutException) as error:
            failure = self._no_answer(method, path, error, reason=f"timed out after {self._timeout_s:g} s")
        except Exception as error:
            # Everything that httpx and what is below it may raise of an answer or a connection.
            failure = self._no_answer(method, path, error)
        else:
            self._note_clock(answer)
            is_page = "html" in answer.headers.get("Content-Type", "").lower()
            if 200 <= answer.status < 300 and not is_page:
                return answer.content
            failure = self._error_of(method, path, answer)
        # Raised here, so that nothing is chained to it: httpx's errors hold the request with its secrets.
        raise failure

    async def _send(
        self, method: str, path: str, bearer: Secret | None, body: Any, params: Mapping[str, str] | None
    ) -> _Answer:
        headers = {"Accept": "application/json"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        async with self._http.stream(
            method,
            self.base_url + path,
            headers=headers,
            content=None if body is None else msgspec.json.encode(body, enc_hook=_revealed),
            params=params,
            auth=None if bearer is None else _BearerAuth(bearer),
        ) as response:
            chunks, size = [], 0
            async for chunk in response.aiter_bytes():
                size += len(chunk)
                if size > MAX_BODY_BYTES:
                    raise TransportError(
                        f"The answer to {method} {path} from {self.base_url} is larger than {MAX_BODY_BYTES // 2**20} MB: the rest "
                        f"was not read. Check {BASE_URL.names}: is it the platform's API?",
                        method=method,
                        path=path,
                        may_have_happened=True,
                    )
                chunks.append(chunk)
            return _Answer(response.status_code, response.reason_phrase, response.headers, b"".join(chunks))

    def read(self, shape: type[T], content: bytes, *, method: str, path: str) -> T:
        """The body as `shape`. Raises: TransportError, where it is not JSON of that shape."""
        try:
            return msgspec.json.decode(content, type=shape)
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            # msgspec names the field and the type that it found, never the value.
            why = str(error) if isinstance(error, msgspec.MsgspecError) else type(error).__name__
        raise TransportError(
            f"The answer to {method} {path} from {self.base_url} could not be read: {visible(why)}. "
            f"If this persists, check {BASE_URL.names}: is it the platform's API?",
            method=method,
            path=path,
            may_have_happened=True,
        )

    def read_rows(self, content: bytes, unreadable: Callable[[str, str], None]) -> list[RegisteredVehicle]:
        """
        The rows of GET /fleets/vehicles. Raises: TransportError, where it is no list.

        A row that cannot be read is told, with its VIN where that can be read, and left out.
        """
        try:
            rows = msgspec.json.decode(content, type=list[ListedRow])
            return [row.vehicle() for row in rows]
        except (msgspec.MsgspecError, ValueError, RecursionError):
            # One of them at least: now each by itself, which takes longer.
            raws = self.read(list[msgspec.Raw], content, method="GET", path="/fleets/vehicles")
        found, told = [], False
        for raw in raws:
            try:
                found.append(msgspec.json.decode(raw, type=ListedRow).vehicle())
            except (msgspec.MsgspecError, ValueError, RecursionError) as error:
                vin = _vin_of(raw)
                told = told or bool(vin)
                unreadable(vin, visible(str(error)))
        if not found and not told:
            # Not a row of this list is one of a vehicle.
            self.read(list[ListedRow], content, method="GET", path="/fleets/vehicles")
        return found

    def read_vehicle(self, content: bytes, path: str) -> RegisteredVehicle:
        """The answer of GET /fleets/vehicles/{vin}. Raises: TransportError."""
        row = self.read(ListedRow, content, method="GET", path=path)
        try:
            return row.vehicle()
        except ValueError as error:
            raise TransportError(
                f"The answer to GET {path} from {self.base_url} could not be read: {error}.",
                method="GET",
                path=path,
                may_have_happened=True,
            ) from error

    def read_tokens(self, content: bytes, *, method: str, path: str) -> VehicleTokenPair:
        """The body as a pair of vehicle tokens. Raises: TransportError."""
        pair = self.read(TokenAnswer, content, method=method, path=path).pair()
        for token in (pair.access_token, pair.refresh_token):
            if token is not None:
                self.checked_token(token.reveal(), method=method, path=path, may_have_happened=True)
        return pair

    def checked_token(self, token: str | None, *, method: str, path: str, may_have_happened: bool) -> Secret:
        """
        A token that can be sent in a header. Raises: TransportError, which does not quote it.
        """
        if token and is_sendable(token):
            return Secret(token)
        what = (
            "a token with characters that a token cannot contain (a space, a line break, a non-ASCII letter)"
        )
        raise TransportError(
            f"The answer to {method} {path} from {self.base_url} contains {what if token else 'no token'}.",
            method=method,
            path=path,
            may_have_happened=may_have_happened,
        )

    def _no_answer(self, method: str, path: str, error: BaseException, *, reason: str = "") -> TransportError:
        reason = reason or visible(str(error) or type(error).__name__)
        local = urlsplit(self.base_url).hostname in LOOPBACK
        if "CERTIFICATE_VERIFY_FAILED" in reason or "certificate verify failed" in reason:
            advice = (
                f"The server's certificate is not trusted here. For a company's own certificate authority set {CA_FILES[0]} (or "
                f"{CA_FILES[1]}) to a PEM file with its certificate."
            )
        elif isinstance(error, UnicodeError | ValueError | httpx.DecodingError | httpx.StreamError):
            reason = f"it could not be read ({type(error).__name__})"
            advice = f"If this persists, check {BASE_URL.names}: is it the platform's API?"
        elif local:
            advice = "Is the emulator running? `pulumi-highmobility emulator` (or `make up`) starts it."
        else:
            advice = f"Check the network, and {BASE_URL.names}."
        return TransportError(
            f"No answer from {self.base_url} to {method} {path}: {reason}. {advice}",
            method=method,
            path=path,
            may_have_happened=not isinstance(error, _NOT_SENT),
        )

    def _note_clock(self, answer: _Answer) -> None:
        theirs = _instant_of(answer.headers.get("Date", ""))
        if theirs is not None:
            self.skew_s = theirs - self._clock.now().timestamp()

    def _error_of(self, method: str, path: str, answer: _Answer) -> HighMobilityError:
        status = answer.status
        said = _problem_of(answer.content)
        title, source, detail = (_text(said.get(name)) for name in ("title", "source", "detail"))
        # GET /vehicleinfo tells of a dead token in OAuth's form, with a code such as invalid_token (RFC 6750, section
        # 3.1); a gateway's "Unauthorized" is none.
        if not title and (status == 400 or (status == 401 and path == "/vehicleinfo")):
            oauth = _oauth_problem_of(answer.content)
            if status == 401 and not re.fullmatch("[a-z_]+", str(oauth.get("error"))):
                oauth = {}
            title, detail = _text(oauth.get("error")), _text(oauth.get("error_description"))
        if status == 429 or status >= 500:
            kind: type[ApiError] | None = RateLimited if status == 429 else ServerError
        elif (status in (404, 409) and not _VEHICLE_PATH.search(path)) or (
            status == 422 and path in _SIGN_IN_PATHS
        ):
            # An answer to a sign-in, or to a list, says nothing about the vehicle of the call that needed it.
            kind = None
        else:
            kind = _ERROR_BY_STATUS.get(status) if title else None
        if kind is None:
            return self._not_the_api(
                method, path, answer, ": ".join(part for part in (title, detail) if part)
            )
        return kind(
            method=method,
            path=path,
            status=status,
            title=title or visible(answer.reason),
            source=source,
            detail=detail,
            retry_after_s=self._retry_after_s(answer, detail),
        )

    def refuse_another_vehicle(self, found: str, wanted: str, *, method: str, path: str) -> None:
        """Raises: NotTheApi, where an answer tells of another VIN than it was asked about."""
        if found.upper() != wanted.upper():
            raise NotTheApi(
                f"{self.base_url} answered {method} {path} with the vehicle {visible(found, 40)}: the answer was ignored. "
                f"Check {BASE_URL.names}, and whether a proxy or cache is in between."
            )

    def _not_the_api(self, method: str, path: str, answer: _Answer, said: str) -> NotTheApi:
        shown = f' "{said}"' if said else ""
        to = ""
        if 300 <= answer.status < 400:
            to = f", which redirects to {visible(_host_of(answer.headers.get('Location', '')), 100)}"
        return NotTheApi(
            f"{self.base_url} answered {answer.status}{shown} to {method} {path}{to}: this is not an answer of the platform's "
            f"API to this call, and it was ignored. Check {BASE_URL.names} (the platform's ends in /v1), and whether a proxy is in "
            "between."
        )

    def _retry_after_s(self, answer: _Answer, detail: str) -> float | None:
        """Seconds from the Retry-After header, a number or a date, else from the platform's "retry after 10s"."""
        header = answer.headers.get("Retry-After", "").strip()
        if header.isascii() and header.isdecimal():
            # Absurdly many digits are as good as for ever.
            return float(header) if len(header) < 16 else math.inf
        until = _instant_of(header)
        if until is not None:
            # Both are the platform's: our clock, right or wrong, has no part in it.
            now = _instant_of(answer.headers.get("Date", ""))
            return max(0.0, until - (self._clock.now().timestamp() if now is None else now))
        if answer.status == 429:
            found = re.search(r"retry after (\d{1,15}(?:\.\d{1,9})?)\s*s", detail, re.IGNORECASE | re.ASCII)
            if found:
                return float(found.group(1))
        return None


def _revealed(value: Any) -> Any:
    if isinstance(value, Secret):
        return value.reveal()
    raise TypeError(f"{type(value).__name__} is not JSON")


def _instant_of(header: str) -> float | None:
    """Seconds since 1970 of an HTTP date; None where it is none."""
    try:
        instant = parsedate_to_datetime(header)
        return instant.timestamp() if instant.tzinfo is not None else None
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def _host_of(location: str) -> str:
    try:
        return urlsplit(location).hostname or "another path of the same server"
    except ValueError:
        return "an address that cannot be read"


def _decoded(content: bytes) -> Any:
    try:
        return msgspec.json.decode(content)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None


def _problem_of(content: bytes) -> Mapping[str, Any]:
    """The first error of the API's own form, {"errors": [{"title", …}]}; empty for every other form, such as a gateway's."""
    body = _decoded(content)
    errors = body.get("errors") if isinstance(body, dict) else None
    # The published schema of a 401 nests a list of errors in the list of errors.
    while isinstance(errors, list) and errors and isinstance(errors[0], list):
        errors = errors[0]
    first = errors[0] if isinstance(errors, list) and errors else None
    return first if isinstance(first, dict) and _text(first.get("title")) else {}


def _oauth_problem_of(content: bytes) -> Mapping[str, Any]:
    """OAuth's form, {"error", "error_description"} (RFC 6749, section 5.2); empty for every other one."""
    body = _decoded(content)
    return body if isinstance(body, dict) and isinstance(body.get("error"), str) else {}


def _text(value: Any) -> str:
    return visible(value.strip()) if isinstance(value, str) else ""


def _vin_of(raw: msgspec.Raw) -> str:
    try:
        return (msgspec.json.decode(raw, type=ListedVin).vin or "").upper()
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return ""
