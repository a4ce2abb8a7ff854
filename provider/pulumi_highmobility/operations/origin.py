"""At which server, and with whose credentials, the platform last told of what a state holds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..clearance.fleet_plan import named
from ..clearance.states import ACTIVE, Status
from ..errors import HighMobilityError, OtherServer, VehicleUnseen
from ..settings import BASE_URL, MOVED_FROM, Settings
from .work import Work

PROPERTY = "registered_with"


def origin_of(settings: Settings) -> str:
    """What stands in the state: the base URL and the id of the key or client, which are no secrets."""
    return f"{settings.base_url} {settings.credentials_id}"


def server_of(props: Mapping[str, Any]) -> str:
    """The base URL that a state was last read from; empty where it does not say."""
    return _read(props)[0]


def refuse_other_server(props: Mapping[str, Any], settings: Settings, *, created: Sequence[str] = ()) -> None:
    """
    Raises: OtherServer where the settings name another server than the one that the state is about.

    `created`: names of resources that the run has created there before it could know.

    A vehicle that is not known there is no sign that it is gone, and nothing may be requested there by mistake.
    """
    base_url = server_of(props)
    if base_url and base_url not in (settings.base_url, settings.moved_from):
        done = (
            f"Before that was known, this run began to create {named(created, 3)} there. What it requested, `pulumi destroy "
            "--target` with the URN revokes again, with these settings; what was registered there already and was adopted would lose "
            "its clearance by that: take it out of the state with `pulumi state delete`"
            if created
            else "Nothing was done"
        )
        raise OtherServer(
            f"The stack's state was last read from {base_url}, and {BASE_URL.names} is {settings.base_url} now. {done}. "
            f"Set it back, or, if the stack is meant to move to the other server, set {MOVED_FROM.names} to "
            f'"{base_url}" until it has moved.'
        )


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
        f"which the settings name now (GET /fleets/vehicles at {settings.base_url}). Are these of another application? "
        f"Nothing was done. Set the former credentials, or others of the same application. If the vehicles are gone, "
        f'set {MOVED_FROM.names} to "{credentials}" for one `pulumi refresh --run-program`.'
    )


def when_unknown(
    work: Work, props: Mapping[str, Any], status_of: Callable[[str], object]
) -> Callable[[str], None]:
    """
    What a release does with a vehicle that the platform does not know; `status_of` tells what the state says of a VIN.

    One that the state holds is a warning where the credentials are those that last saw it. Raises: VehicleUnseen, where
    they are others.
    """

    def tell(vin: str) -> None:
        status = status_of(vin)
        if not is_held(status):
            return
        unseen = why_unseen(props, [vin], work.service.settings)
        if unseen is not None:
            raise unseen
        work.reporter.warn(
            f"{vin} was {status} in the stack's state, and the platform does not know it (404 to DELETE "
            f"/fleets/vehicles/{vin}): there was nothing to revoke"
        )

    return tell


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
