"""Fleet: the clearances of a whole list of vehicles as one Pulumi resource."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, overload
from uuid import uuid4

import pulumi
from pulumi.dynamic import (
    CheckFailure,
    CheckResult,
    ConfigureRequest,
    CreateResult,
    DiffResult,
    ReadResult,
    Resource,
    ResourceProvider,
    UpdateResult,
)

from .args import FleetArgs, FleetArgsDict, OnRemoval, OnUncancellable, Vehicles, split_arguments
from .bridge import BRIDGE, OperationFailed, ResourceReporter
from .eligibility import wants_eligibility_check, warn_of_the_not_eligible
from .fleet_member import FleetMember, encoded, vins_of
from .host import fail_partially
from .properties import (
    PROVIDER_KEY,
    check_choice,
    check_flag,
    check_number,
    differs,
    is_unknown,
    refuse_unknown_names,
)

if TYPE_CHECKING:
    from ..clearance.fleet_plan import FleetPlan
    from ..clearance.fleet_record import FleetRecord, Registry
    from ..clearance.roster import Row

DEFAULT_TRANSITION_TIMEOUT_MINUTES = 20.0
# Of more problems than this the rest is counted.
_SHOWN = 20

_SETTINGS_OF_THE_RESOURCE = (
    "max_removals",
    "on_removal",
    "on_uncancellable",
    "retry_rejected",
    "transition_timeout_minutes",
    "check_eligibility",
)
_INPUTS = frozenset({"vehicles", *_SETTINGS_OF_THE_RESOURCE})
_OUTPUTS = ("counts", "registry")


class FleetProvider(ResourceProvider):
    """
    Asks for, reads and ends the clearances of a list.

    Its import path stands in every stack's state: it has no attributes, and settings live in the bridge.
    """

    serialize_as_secret_always = False

    def configure(self, req: ConfigureRequest) -> None:
        """Called once a process, with the stack's config."""
        BRIDGE.configure(req.config._props)

    def check(self, _olds: dict[str, Any], news: dict[str, Any]) -> CheckResult:
        """All that is wrong with the list, and whether it would let go of more than is allowed."""
        failures: list[CheckFailure] = []
        given = {name: value for name, value in news.items() if value is not None}
        refuse_unknown_names(given, _INPUTS | set(_OUTPUTS), failures)
        check_flag(given, "retry_rejected", failures)
        check_flag(given, "check_eligibility", failures)
        check_number(given, "transition_timeout_minutes", failures, least=0, most=7 * 24 * 60, unit="minutes")
        check_choice(given, "on_uncancellable", ("fail", "abandon"), failures)
        check_choice(given, "on_removal", ("revoke", "retain"), failures)
        inputs = {name: value for name, value in given.items() if name in _INPUTS}
        if not is_unknown(given.get("vehicles")):
            inputs["vehicles"] = _check_vehicles(_olds, given, failures)
        return CheckResult(inputs, failures)

    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        """A Fleet is never replaced; its vehicles are, where brand or tags change."""
        if is_unknown(_news.get("vehicles")):
            return DiffResult(changes=True)
        record = _record(_olds)
        plan = _plan(record, _rows(_news))
        again = _rejected(record, _news)
        if plan or again:
            _tell(plan, again, _news, BRIDGE.reporter())
        changed = bool(plan) or bool(again) or bool(differs(_news, _olds, *_SETTINGS_OF_THE_RESOURCE))
        return DiffResult(changes=changed)

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Ask for the clearance of every vehicle, or adopt what is registered."""
        from ..clearance.fleet_record import FleetRecord  # noqa: PLC0415 - a program has no use for the rules

        id_ = str(uuid4())
        return CreateResult(id_, _carry_out(id_, FleetRecord(), props))

    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """What is registered now, from one list; vehicles that are gone are missing from the inputs it returns."""
        record = _record(props)
        BRIDGE.operate("Fleet", lambda service, _: service.fleet.refresh(record))
        outputs = _outputs(record, props)
        return ReadResult(id_, outputs, {name: outputs[name] for name in _INPUTS if name in outputs})

    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> UpdateResult:
        """Ask for what was added, let go of what was removed, and both for what changed."""
        return UpdateResult(_carry_out(_id, _record(_olds), _news))

    def delete(self, _id: str, _props: dict[str, Any]) -> None:
        """Revoke or cancel every clearance; with on_removal="retain", none."""
        if _props.get("on_removal") == "retain":
            return
        record = _record(_props)
        vins = sorted(record.members)
        BRIDGE.operate(
            "Fleet",
            lambda service, reporter: service.fleet.let_go_of_all(
                record,
                vins,
                on_uncancellable=_props.get("on_uncancellable") or "fail",
                transition_timeout_s=_transition_timeout_s(_props),
                reporter=reporter,
            ),
        )


def _check_vehicles(
    olds: Mapping[str, Any], given: Mapping[str, Any], failures: list[CheckFailure]
) -> str | None:
    """The list in the form that is kept; what is wrong with it becomes failures."""
    from ..clearance.roster import check_roster, read_roster, write_roster  # noqa: PLC0415 - as above

    text = given.get("vehicles")
    if not isinstance(text, str):
        failures.append(
            CheckFailure("vehicles", "is missing: give a list of vehicles, each with vin and brand.")
        )
        return None
    checked = check_roster(read_roster(text))
    shown = [CheckFailure(problem.property, problem.reason) for problem in checked.problems[:_SHOWN]]
    failures.extend(shown)
    if len(checked.problems) > _SHOWN:
        failures.append(CheckFailure("vehicles", f"has {len(checked.problems) - _SHOWN:,} more problems."))
    if checked.problems:
        return text
    rows = {str(row["vin"]): row for row in checked.rows}
    before = {str(row["vin"]): row for row in read_roster(olds.get("vehicles") or "")}
    _check_removals(before, rows, given, failures)
    new = [row for vin, row in rows.items() if vin not in before]
    if new and not failures:
        reporter = BRIDGE.reporter()
        for warning in checked.warnings[:_SHOWN]:
            reporter.warn(f"{warning.property}: {warning.reason}")
        _say_what_is_known(new, given, is_first=not before, reporter=reporter)
    return write_roster(rows.values())


def _check_removals(
    before: Mapping[str, Row],
    rows: Mapping[str, Row],
    given: Mapping[str, Any],
    failures: list[CheckFailure],
) -> None:
    from ..clearance.fleet_plan import (  # noqa: PLC0415 - as above
        DEFAULT_MAX_REMOVALS,
        named,
        plan_fleet,
        removals_allowed,
        vehicles,
    )

    max_removals = given.get("max_removals", DEFAULT_MAX_REMOVALS)
    if is_unknown(max_removals):
        return
    try:
        allowed = removals_allowed(max_removals, len(before))
    except (TypeError, ValueError) as error:
        failures.append(CheckFailure("max_removals", f"{error}."))
        return
    plan = plan_fleet(before, rows)
    if len(plan.lost) <= allowed or (given.get("on_removal") == "retain" and not plan.changed):
        return
    changed = f", {len(plan.changed):,} of them changed in brand or tags" if plan.changed else ""
    failures.append(
        CheckFailure(
            "vehicles",
            f"{len(plan.lost):,} of {vehicles(len(before))} would lose their clearance ({named(plan.lost)}{changed}), and "
            f"max_removals allows {allowed:,}. Was the list cut off? If it is meant, set max_removals={len(plan.lost)} "
            "for this `up`.",
        )
    )


def _say_what_is_known(
    new: Sequence[Row], given: Mapping[str, Any], *, is_first: bool, reporter: ResourceReporter
) -> None:
    """What will be asked for, and what is known of the carmakers, before any request."""
    from ..clearance.brands import notices_for  # noqa: PLC0415 - as above
    from ..clearance.fleet_plan import vehicles  # noqa: PLC0415

    wants_check = wants_eligibility_check(given)
    if is_first:
        brands = Counter(str(row["brand"]) for row in new)
        told = ", ".join(f"{count:,} {brand}" for brand, count in brands.most_common())
        reporter.info(f"asks for the clearance of {vehicles(len(new))}: {told}")
    for row in new:
        for notice in notices_for(row["brand"], tags=row.get("tags") or {}, checks_eligibility=wants_check):
            BRIDGE.say_once(f"{row['brand']}: {notice}")
    if wants_check:
        warn_of_the_not_eligible([(str(row["vin"]), str(row["brand"])) for row in new], reporter)


def _tell(plan: FleetPlan, again: Sequence[str], news: Mapping[str, Any], reporter: ResourceReporter) -> None:
    """The difference by number and first VINs: the text of the whole list would tell nobody anything."""
    from ..clearance.fleet_plan import named  # noqa: PLC0415 - as above

    if plan.added:
        reporter.info(f"{len(plan.added):,} added ({named(plan.added)}): clearance is asked for")
    if again:
        reporter.info(f"{len(again):,} rejected ({named(again)}): asked for again")
    if plan.removed:
        what = "stay registered" if news.get("on_removal") == "retain" else "clearance is revoked or canceled"
        reporter.warn(f"{len(plan.removed):,} removed ({named(plan.removed)}): {what}")
    if plan.changed:
        reporter.warn(
            f"{len(plan.changed):,} changed in brand or tags ({named(plan.changed)}): revoked and asked for anew, which "
            "takes from minutes to weeks, without data meanwhile"
        )


def _carry_out(id_: str, record: FleetRecord, props: Mapping[str, Any]) -> dict[str, Any]:
    """The outputs after the work; a failure keeps what was done in the state and fails the operation."""
    wanted = _rows(props)
    plan = _plan(record, wanted)
    again = _rejected(record, props)
    before = record.roster()
    trouble: OperationFailed | None = None
    try:
        BRIDGE.operate(
            "Fleet",
            lambda service, reporter: service.fleet.carry_out(
                record,
                wanted,
                plan,
                again=again,
                on_removal=props.get("on_removal") or "revoke",
                on_uncancellable=props.get("on_uncancellable") or "fail",
                transition_timeout_s=_transition_timeout_s(props),
                reporter=reporter,
            ),
        )
    except OperationFailed as error:
        if record.roster() == before and not record.failed:
            raise
        trouble = error
    outputs = _outputs(record, props)
    if trouble is not None or record.failed:
        reasons = _reasons(record, plan, trouble)
        inputs = {name: props[name] for name in _INPUTS if props.get(name) is not None}
        key = {PROVIDER_KEY: props[PROVIDER_KEY]}
        fail_partially(id_, outputs | key, inputs | key, reasons)
    return outputs


def _reasons(record: FleetRecord, plan: FleetPlan, trouble: OperationFailed | None) -> list[str]:
    from ..clearance.fleet_plan import vehicles  # noqa: PLC0415 - as above

    reasons = [] if trouble is None else [str(trouble)]
    reasons += list(record.failed.values())[:_SHOWN]
    if len(record.failed) > _SHOWN:
        reasons.append(f"and {len(record.failed) - _SHOWN:,} more, in the output `failed`")
    undone = sum(vin not in record.members for vin in plan.added) + sum(
        vin in record.members for vin in plan.removed
    )
    reasons.append(
        f"{vehicles(len(record.members))} are in the stack's state; {undone:,} are left to do. The next `pulumi up` takes "
        "up what is missing"
    )
    return reasons


def _record(props: Mapping[str, Any]) -> FleetRecord:
    from ..clearance.fleet_record import FleetRecord  # noqa: PLC0415 - as above

    return FleetRecord.read(props.get("vehicles") or "", props.get("registry") or "")


def _rows(props: Mapping[str, Any]) -> dict[str, Row]:
    from ..clearance.roster import read_roster  # noqa: PLC0415 - as above

    return {str(row["vin"]): row for row in read_roster(props.get("vehicles") or "")}


def _plan(record: FleetRecord, wanted: Mapping[str, Row]) -> FleetPlan:
    from ..clearance.fleet_plan import plan_fleet  # noqa: PLC0415 - as above

    return plan_fleet({vin: member.row for vin, member in record.members.items()}, wanted)


def _rejected(record: FleetRecord, news: Mapping[str, Any]) -> list[str]:
    """Those to ask for again: still wanted as they are, rejected, and the program says so."""
    if news.get("retry_rejected") is not True:
        return []
    plan = _plan(record, _rows(news))
    unchanged = record.members.keys() - set(plan.lost)
    return sorted(vin for vin in unchanged if record.members[vin].status == "rejected")


def _outputs(record: FleetRecord, props: Mapping[str, Any]) -> dict[str, Any]:
    """What stands in the state: the vehicles as they are held, which after a failure are not all that are wanted."""
    settings = {name: props[name] for name in _SETTINGS_OF_THE_RESOURCE if props.get(name) is not None}
    return {
        **settings,
        "vehicles": record.roster(),
        "counts": record.counts(),
        "registry": record.registry(),
    }


def _transition_timeout_s(props: Mapping[str, Any]) -> float:
    minutes = props.get("transition_timeout_minutes")
    return (DEFAULT_TRANSITION_TIMEOUT_MINUTES if minutes is None else float(minutes)) * 60


class Fleet(Resource, module="highmobility", name="Fleet"):
    """
    Any number of vehicles as one resource, for lists too long for a resource a vehicle.

    A change of the list asks for exactly the vehicles that were added and lets go of exactly those that were removed.
    What fails for one vehicle fails the `up` with its reason, holds up no other, and is tried again by the next one.

    API: POST, GET and DELETE /fleets/vehicles
    """

    vehicles: pulumi.Output[str]
    """The vehicles that are held, a line each; `statuses` is what programs want."""
    counts: pulumi.Output[Mapping[str, int]]
    """How many vehicles are in which state; "error": could not be asked for, or not let go of."""
    registry: pulumi.Output[str]
    """What else is known of the vehicles, in the state's compact form; the properties below read it."""

    @overload
    def __init__(
        self,
        resource_name: str,
        args: FleetArgs | FleetArgsDict,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None: ...

    @overload
    def __init__(
        self,
        resource_name: str,
        opts: pulumi.ResourceOptions | None = None,
        *,
        vehicles: Vehicles,
        max_removals: pulumi.Input[int | str] | None = None,
        on_removal: pulumi.Input[OnRemoval] | None = None,
        on_uncancellable: pulumi.Input[OnUncancellable] | None = None,
        retry_rejected: pulumi.Input[bool] | None = None,
        transition_timeout_minutes: pulumi.Input[float] | None = None,
        check_eligibility: pulumi.Input[bool] | None = None,
    ) -> None: ...

    def __init__(self, resource_name: str, *positional: Any, **named: Any) -> None:
        """
        Declare a fleet.

        :param vehicles: the vehicles, as `vehicles_from_csv` and its siblings give them: dictionaries with vin, brand,
            control_measures and tags, as the arguments of FleetVehicle. A change of brand or tags revokes and asks anew.
        :param max_removals: how many vehicles an `up` may let go of or ask for anew: a number, or a share of the fleet.
            More fail the preview, since a list may have been cut off. Default: "10%", rounded up.
        :param on_removal: "revoke" (default), or "retain": what is removed, or the whole fleet deleted, stays
            registered, for vehicles that move elsewhere.
        :param on_uncancellable: what a removal does where a pending clearance cannot be canceled: "fail" (default), or
            "abandon": leave it registered, with a warning.
        :param retry_rejected: ask again for those that the carmaker rejected, at every `up`. Default: False.
        :param transition_timeout_minutes: how long to wait for a revocation under way. Default: 20.
        :param check_eligibility: ask at preview whether the carmakers would take the new vehicles. Default: the setting
            `highmobility:checkEligibility`.
        """
        opts, inputs = split_arguments(FleetArgs, positional, named)
        super().__init__(
            FleetProvider(),
            resource_name,
            {**dict.fromkeys((*_INPUTS, *_OUTPUTS)), **inputs, "vehicles": encoded(inputs["vehicles"])},
            opts,
        )
        # Read once, however many vehicles are looked at.
        self._facts: pulumi.Output[Registry] = self.registry.apply(_read_facts)
        self._given = inputs["vehicles"]
        self._vins: frozenset[str] | None = None

    @property
    def statuses(self) -> pulumi.Output[Mapping[str, str]]:
        """The state of each vehicle by VIN; "error" where it could not be asked for."""
        return self._facts.apply(lambda facts: {**facts.statuses, **dict.fromkeys(facts.failed, "error")})

    @property
    def approved(self) -> pulumi.Output[Sequence[str]]:
        """The VINs that are approved, sorted."""
        return self._facts.apply(
            lambda facts: sorted(vin for vin, status in facts.statuses.items() if status == "approved")
        )

    @property
    def rejected(self) -> pulumi.Output[Mapping[str, str]]:
        """The carmaker's reason by VIN, for those rejected; empty where it gave none."""
        return self._facts.apply(
            lambda facts: {
                vin: facts.reasons.get(vin, "")
                for vin, status in facts.statuses.items()
                if status == "rejected"
            }
        )

    @property
    def failed(self) -> pulumi.Output[Mapping[str, str]]:
        """Why, by VIN, for those that the last `up` could not ask for or not let go of."""
        return self._facts.apply(lambda facts: dict(facts.failed))

    def vehicle(self, vin: str) -> FleetMember:
        """
        One vehicle of the fleet, for `vehicle=` of a VehicleAccessToken or a VehicleApproval.

        Raises: InvalidVin; LookupError where it is not in the list, if that is known before the `up`.
        """
        from ..clearance.vin import parse_vin  # noqa: PLC0415 - as above

        wanted = parse_vin(vin)
        if self._vins is None:
            self._vins = vins_of(self._given)
        if self._vins and wanted not in self._vins:
            raise LookupError(f"{wanted} is not in the fleet: add it to its vehicles")
        return FleetMember(wanted, self.id, self._facts)


def _read_facts(registry: str) -> Registry:
    from ..clearance.fleet_record import read_registry  # noqa: PLC0415 - as above

    return read_registry(registry)
