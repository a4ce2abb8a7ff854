"""FleetRemovals: the child of a Fleet by which clearances end once the whole program is known."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pulumi
from pulumi.dynamic import Resource

from ..dynamic.provider import HighMobilityProvider
from ..inputs import OnUncancellable
from .registered import register

if TYPE_CHECKING:
    from ..operations.runner import Operations
    from .fleet import Fleet


class FleetRemovalsProvider(HighMobilityProvider):
    """Ends what left a Fleet. Its import path stands in every stack's state."""

    kind = "FleetRemovals"

    def operations(self) -> Operations:
        """See HighMobilityProvider."""
        from ..operations import fleet_removals  # noqa: PLC0415 - a program that only declares resources has no use for it

        return fleet_removals


class FleetRemovals(Resource, module="highmobility", name="FleetRemovals"):
    """
    What left a Fleet's list. Every Fleet declares one; a program does not.

    It is replaced when something leaves the list, and Pulumi deletes its old copy when all else in the program has ended
    without an error: that delete ends the clearances.
    """

    def __init__(
        self,
        resource_name: str,
        fleet: Fleet,
        *,
        on_uncancellable: pulumi.Input[OnUncancellable] | None,
        transition_timeout_minutes: pulumi.Input[float] | None,
    ) -> None:
        """Declare it, under the Fleet's own name, so that it follows the Fleet's aliases."""
        settings = {
            "on_uncancellable": on_uncancellable,
            "transition_timeout_minutes": transition_timeout_minutes,
        }
        register(
            self,
            FleetRemovalsProvider(),
            resource_name,
            {
                "fleet_id": fleet.id,
                "leaving": fleet.leaving,
                "keys": None,
                **{name: value for name, value in settings.items() if value is not None},
            },
            # It has to be replaced and deleted freely, whatever the Fleet may not be: it holds no clearance.
            pulumi.ResourceOptions(parent=fleet, protect=False, retain_on_delete=False),
        )
        if self._protect:
            pulumi.log.warn(
                f'A transformation protects FleetRemovals "{resource_name}": a vehicle that is removed from the Fleet keeps its clearance, and '
                "the `up` fails. Leave resources of this type out of it",
                self,
            )
