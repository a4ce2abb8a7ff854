"""The API client: asynchronous httpx, authentication, wire shapes, retries, rate limits. No Pulumi."""

from __future__ import annotations

from .client import FleetApi, open_api
from .shapes import Changelog, ClearanceRow, Eligibility, RegisteredVehicle, VehicleTokenPair

__all__ = [
    "Changelog",
    "ClearanceRow",
    "Eligibility",
    "FleetApi",
    "RegisteredVehicle",
    "VehicleTokenPair",
    "open_api",
]
