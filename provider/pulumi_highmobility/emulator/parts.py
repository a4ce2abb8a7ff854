"""What the emulator consists of: made by its application, and worked on by the controls and the page."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from .api.auth import Authenticator
from .api.endpoints import AnswerStyle, Api, MissingOdometer, OnDuplicate
from .api.faults import Faults
from .api.requests import RequestLog
from .serving.courier import Courier
from .serving.limits import ReadLimit
from .world.applications import Application
from .world.clock import EmulatorClock, iso, iso_seconds
from .world.machine import Machine, Pace
from .world.scenarios import Scenario, Scenarios
from .world.store import Store
from .world.webhooks import Webhooks


@dataclass(frozen=True)
class Options:
    """How the emulator behaves; see its command's flags."""

    pace: Pace = field(default_factory=Pace)
    on_duplicate: OnDuplicate = "echo"
    missing_odometer: MissingOdometer = "error"
    """Of a Mercedes-Benz without odometer: the tutorial demands it, the OpenAPI's own example has none."""
    answers: AnswerStyle = "documented"
    """"recorded": with what recorded answers of the platform have beside what is documented."""
    limits: bool = True
    controls: bool = True
    latency_s: float = 0.0
    bearer_lifetime_s: float = 300.0
    token_lifetime_s: float = 600.0
    audiences: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    """Names by which the page and the controls may be called, beside addresses and names without a dot."""
    rules: tuple[Scenario, ...] = ()
    credentials: Path | None = None
    """The file that clients' credentials were written to, for the page to name."""


class Parts:
    """Each part once, put together as the options say."""

    def __init__(
        self, store: Store, clock: EmulatorClock, applications: list[Application], options: Options
    ) -> None:
        self.store = store
        self.clock = clock
        self.applications = applications
        self.options = options
        self.log = RequestLog()
        self.faults = Faults()
        self.limit = ReadLimit(clock.wall, enabled=options.limits)
        stamp = iso_seconds if options.answers == "recorded" else iso
        self.webhooks = Webhooks(
            store, clock.wall, stamp=iso_seconds if options.answers == "recorded" else None
        )
        self.scenarios = Scenarios(options.rules)
        self.machine = Machine(
            store,
            clock,
            options.pace,
            self.scenarios,
            applications,
            stamp=stamp,
            on_change=self.webhooks.changed,
        )
        self.authenticator = Authenticator(
            store,
            clock,
            applications,
            audiences=options.audiences,
            lifetime_s=options.bearer_lifetime_s,
            stamp=stamp,
        )
        self.api = Api(
            store,
            clock,
            self.machine,
            self.authenticator,
            self.limit,
            self.scenarios,
            on_duplicate=options.on_duplicate,
            missing_odometer=options.missing_odometer,
            style=options.answers,
            stamp=stamp,
            token_lifetime_s=options.token_lifetime_s,
        )
        self.courier = Courier(self.webhooks, self.settle_some)

    def settle_some(self) -> bool:
        """Carry out some of the moves whose time has come, in a transaction of their own; whether there were any."""
        with self.store.transaction() as db:
            return self.machine.settle_some(db)
