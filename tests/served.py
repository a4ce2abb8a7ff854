"""The API client against the emulator over HTTP, with a clock that does not wait."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

from pulumi_highmobility.api.client import FleetApi, open_api
from pulumi_highmobility.clock import Stop
from pulumi_highmobility.emulator.app import Emulator
from pulumi_highmobility.settings import Settings


class QuickClock:
    """Sleeping moves it on at once, and is written down; `skew_s` sets it off the true time."""

    def __init__(self, skew_s: float = 0.0) -> None:
        self.slept: list[float] = []
        self.skew_s = skew_s
        self._moved = 0.0

    def now(self) -> datetime:
        return datetime.now(timezone.utc) + timedelta(seconds=self.skew_s)

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time() + self._moved

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self._moved += seconds
        await asyncio.sleep(0)


class Silence:
    """A reporter that nobody listens to."""

    def info(self, message: str) -> None:
        pass

    def warn(self, message: str) -> None:
        pass

    def progress(self, message: str) -> None:
        pass


class Served:
    """An emulator with clients for it."""

    def __init__(self, emulator: Emulator, settings: Settings) -> None:
        self.emulator = emulator
        self.settings = settings
        self.clock = QuickClock()
        self.rng = random.Random(1)

    @asynccontextmanager
    async def api(self, *, stop: Stop | None = None, **changes: Any) -> AsyncIterator[FleetApi]:
        settings = replace(self.settings, **changes)
        async with open_api(settings, clock=self.clock, rng=self.rng, stop=stop) as api:
            yield api

    def requests(self) -> list[tuple[str, str, int]]:
        return [(line["method"], line["path"], line["status"]) for line in self.emulator.log.lines()]
