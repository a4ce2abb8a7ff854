"""At which server, and with whose credentials, the platform last told of what a state holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..clearance.states import ACTIVE, Status
from ..errors import HighMobilityError, OtherServer, VehicleUnseen
from ..fleet.plan import named
from ..run.saved_state import SavedState
from ..run.urns import shown
from ..settings import BASE_URL, MOVED_FROM, Settings

if TYPE_CHECKING:
    from ..clearance.service import ClearanceService

PROPERTY = "registered_with"


def origin_of(settings: Settings) -> str:
    """What stands in the state: the base URL and the id of the key or client, which are no secrets."""
    return f"{settings.base_url} {settings.credentials_id}"


def origin_of_older(props: Mapping[str, Any], settings: Settings) -> str:
    """As `origin_of`, where something in the state stays that the former credentials were given."""
    _, credentials = _read(props)
    return f"{settings.base_url} {credentials or settings.credentials_id}"


def server_of(props: Mapping[str, Any]) -> str:
    """The base URL that a state was last read from; empty where it does not say."""
    return _read(props)[0]


def refuse_other_server(props: Mapping[str, Any], settings: Settings, *, whose: str = "") -> None:
    """
    Raises: OtherServer where the settings name another server than the one that the state is about.

    `whose`: the URN of the record, where it is another than the resource at hand.

    A vehicle that is not known there is no sign that it is gone, and nothing may be requested there by mistake.
    """
    base_url = server_of(props)
    if base_url and base_url not in (settings.base_url, settings.moved_from):
        which = f" (for {shown(whose)})" if whose else ""
        raise OtherServer(
            f"The stack's state was last read from {base_url}{which}, and {BASE_URL.names} is {settings.base_url} now. Nothing was "
            f"done. Set it back, or, if the stack is meant to move to the other server, set {MOVED_FROM.names} to "
            f'"{base_url}" and run `pulumi refresh --run-program`, then `pulumi up`; then remove that setting.'
        )


def refuse_state_of_another_server(saved: SavedState, settings: Settings) -> None:
    """
    Judge every record of the stack, whether its resource is declared, renamed, left out, or gone from the program.

    Raises: OtherServer.
    """
    for record in saved.records:
        refuse_other_server({PROPERTY: record.server}, settings, whose=record.urn)


async def refuse_unseen(saved: SavedState, service: ClearanceService) -> None:
    """
    Where other credentials last saw what the stack holds: they must see it now, by one list.

    Raises: VehicleUnseen.
    """
    settings = service.settings
    held: dict[str, str] = {}
    for record in saved.records:
        if are_other_credentials({PROPERTY: record.server}, settings):
            held |= {vin: record.server for vin, status in record.statuses.items() if is_held(status)}
    if not held:
        return
    listed = await service.listing.current()
    unknown = sorted(vin for vin in held if vin not in listed)
    for server in sorted({held[vin] for vin in unknown}):
        unseen = why_unseen({PROPERTY: server}, [vin for vin in unknown if held[vin] == server], settings)
        if unseen is not None:
            raise unseen


def why_unseen(props: Mapping[str, Any], vins: Sequence[str], settings: Settings) -> HighMobilityError | None:
    """
    The error to raise where vehicles that a state holds as pending or approved are unknown to these credentials.

    None where they are those that last saw them: then the vehicles are gone. Credentials are rotated, so that others
    are no mistake in themselves; but others that do not see these vehicles are those of another application.
    """
    base_url, credentials = _read(props)
    moved = settings.moved_from in (base_url, credentials)
    if not vins or moved or not are_other_credentials(props, settings):
        return None
    return VehicleUnseen(
        f"{named(vins, 3)}: in the stack's state, last seen with the credentials {credentials}, and unknown to {settings.credentials_id}, "
        f"which the settings name now (GET /fleets/vehicles at {settings.base_url}). Do these belong to another application? "
        f"Nothing was done. Set the previous credentials, or others of the same application. If the vehicles are gone, "
        f'set {MOVED_FROM.names} to "{credentials}" for one `pulumi refresh --run-program`.'
    )


def are_other_credentials(props: Mapping[str, Any], settings: Settings) -> bool:
    """Whether the key or client of the settings is another than the one that last saw what the state holds."""
    _, credentials = _read(props)
    return bool(credentials) and credentials != settings.credentials_id


def is_held(status: object) -> bool:
    """Whether a state says that there is a clearance to lose."""
    return isinstance(status, str) and Status.of(status) in ACTIVE


def _read(props: Mapping[str, Any]) -> tuple[str, str]:
    text = props.get(PROPERTY)
    base_url, _, credentials = (text if isinstance(text, str) else "").partition(" ")
    return base_url, credentials
