"""The bodies that the controls take: their fields, types and bounds, checked before anything is done."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import Meta

from ..answers import invalid
from ..api.faults import Kind
from ..wire import NotJson, read_json

Status = Literal["pending", "approved", "rejected", "revoking", "revoked", "canceling", "canceled"]
LONGEST_TEXT = 1000
Text = Annotated[str, Meta(max_length=LONGEST_TEXT)]
# The largest that SQLite and JSON clients take alike.
Count = Annotated[int, Meta(ge=1, le=2**53)]


class Order(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A call without fields, and what all have in common: a field that is misspelt is an error."""


class Move(Order, frozen=True):
    """POST /vehicles/{vin}/move"""

    status: Status
    reason: Text | None = None
    application: Text | None = None


class Conditions(Order, frozen=True):
    """POST /vehicles/{vin}/conditions"""

    privacy_mode: bool | None = None
    sends_data: bool | None = None
    consent: bool | None = None
    application: Text | None = None


class NewFault(Order, frozen=True):
    """POST /faults; `retry_after` and `seconds` are in seconds."""

    kind: Kind
    times: Count = 1
    method: Literal["GET", "HEAD", "POST", "DELETE"] | None = None
    path: Text | None = None
    vin: Text | None = None
    status: Annotated[int, Meta(ge=400, le=599)] = 500
    retry_after: Annotated[int, Meta(ge=0, le=10**9)] | None = None
    seconds: Annotated[float, Meta(ge=0, le=86_400)] = 0.0
    body: Annotated[str, Meta(max_length=10_000_000)] = "[]"


class Advance(Order, frozen=True):
    """POST /clock/advance"""

    seconds: Annotated[float, Meta(ge=0)]


class NewWebhook(Order, frozen=True):
    """POST /webhooks"""

    url: str
    secret: str
    events: tuple[str, ...] | None = None
    application: Text | None = None


Shape = TypeVar("Shape", bound=Order)


def read_order(body: bytes, shape: type[Shape]) -> Shape:
    """The body as one of these; an empty one has no fields. Raises: Problem 422, naming the field."""
    try:
        fields: Any = read_json(body) if body.strip() else {}
    except NotJson as error:
        raise invalid("body", f"the body is not JSON: {error}") from None
    if not isinstance(fields, dict):
        raise invalid("body", "the body is not a JSON object")
    if isinstance(fields.get("method"), str):
        fields["method"] = fields["method"].upper()
    try:
        return msgspec.convert(fields, shape)
    except (msgspec.ValidationError, OverflowError) as error:
        raise invalid("body", str(error)) from None


def read_number(text: str, name: str) -> int:
    """A number from 0 of a path or a query. Raises: Problem 422."""
    if not (text.isascii() and text.isdigit() and len(text) < 16):
        raise invalid(name, f"{name} takes a number of 0 or more")
    return int(text)
