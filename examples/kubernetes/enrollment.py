"""The fleet, and a Kubernetes secret with the access tokens of each customer's vehicles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pulumi
import pulumi_kubernetes as k8s

import pulumi_highmobility as hm


def enroll(
    rows: Sequence[hm.VehicleArgsDict],
) -> tuple[hm.FleetEnrollment, Mapping[str, k8s.core.v1.Secret]]:
    """Enroll the vehicles. Each row has a tag "customer", whose text is the namespace of the secret."""
    fleet = hm.FleetEnrollment("fleet", vehicles=rows)
    tokens = fleet.by_tag("customer", fleet.access_tokens)
    customers = sorted({tag(row) for row in rows})
    return fleet, {customer: secret(customer, tokens) for customer in customers}


def tag(row: hm.VehicleArgsDict) -> str:
    """The customer of a row. Raises: ValueError (none), so that no token goes to the wrong one."""
    customer = (row.get("tags") or {}).get("customer")
    if not customer:
        raise ValueError(f"{row['vin']} has no customer: fill in the column tag:customer")
    return customer


def secret(
    customer: str, tokens: pulumi.Output[Mapping[str, Mapping[str, str | None]]]
) -> k8s.core.v1.Secret:
    """The customer's tokens by VIN; a vehicle whose clearance is awaited has none yet."""
    return k8s.core.v1.Secret(
        f"tokens-{customer}",
        metadata={"name": "vehicle-tokens", "namespace": customer},
        string_data=tokens.apply(
            lambda by_customer: {vin: token for vin, token in by_customer[customer].items() if token}
        ),
    )
