"""The engine's calls at the plugin: each is decoded, given to the runner, and its answer encoded."""

from __future__ import annotations

import inspect
import json
import os
from collections.abc import Callable, Mapping
from typing import Any, NoReturn, TypeAlias

import grpc
from google.protobuf import empty_pb2
from google.protobuf.struct_pb2 import Struct
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc

from ..engine.partial import failed_in_part
from ..errors import HighMobilityError
from ..operations import functions
from ..operations.kinds import OPERATIONS
from ..operations.runner import Failure, Runner, Target
from ..operations.values import State
from ..run.urns import kind_of, name_of_urn
from ..settings import wants_refresh_before_update
from ..spelling import camel, in_snake_case, is_snake_case
from ..vehicle.vin import InvalidVin
from .bridge import PluginBridge
from .config import SECRETS, plain_text_of, problems_of, settings_of
from .differences import detailed
from .package import VERSION, package_schema
from .properties import given, inputs, outputs, secrets
from .wire import Received, received, sent
from .wording import property_path

_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "getFleet": functions.get_fleet,
    "getFleetVehicle": functions.get_fleet_vehicle,
    "checkEligibility": functions.check_eligibility,
}
# What an import gives nothing of but an id, by which the platform knows of nothing.
_NO_IMPORT = {
    "Fleet": "declare it with its vehicles: those that are registered already are adopted, without a request",
    "VehicleAccessToken": "the platform shows a token once, when it is issued. Declare it: a new one is issued",
    "FleetAccessTokens": "the platform shows a token once, when it is issued. Declare it: new ones are issued",
    "VehicleApproval": "it stands for a wait, and the platform knows nothing of it. Declare it",
    "FleetRemovals": "it belongs to a Fleet. Declare it",
}
# While the platform is at work on a request: what comes of it is not in the state.
_PENDING = ("pending", "revoking", "canceling")

# A grpc.ServicerContext: grpc tells no types.
Context: TypeAlias = Any


class Servicer(provider_pb2_grpc.ResourceProviderServicer):
    """Serves one provider resource of one run, on several threads."""

    def __init__(self, bridge: PluginBridge) -> None:
        self._bridge = bridge

    # The provider -----------------------------------------------------------------------------------------------------------------

    def GetPluginInfo(self, request: Any, context: Context) -> Any:  # noqa: ARG002, N802
        """The version."""
        return plugin_pb2.PluginInfo(version=VERSION)

    def GetSchema(self, request: Any, context: Context) -> Any:  # noqa: ARG002, N802
        """The package's schema, from which SDKs are made."""
        return provider_pb2.GetSchemaResponse(schema=json.dumps(package_schema()))

    def CheckConfig(self, request: Any, context: Context) -> Any:  # noqa: ARG002, N802
        """Refuse what is misspelt or cannot be taken, and mark what is secret."""
        config = received(request.news)
        failures = [_failure(one.property, one.reason) for one in problems_of(config.values, os.environ)]
        if not failures:
            told, is_error = plain_text_of(config.values, config.secrets, os.environ)
            if is_error:
                failures = [_failure("", told)]
            elif told:
                self._bridge.engine.log("warning", told)
        return provider_pb2.CheckResponse(
            inputs=sent(config.values, config.secrets | SECRETS), failures=failures
        )

    def DiffConfig(self, request: Any, context: Context) -> Any:  # noqa: ARG002, N802
        """Other settings replace nothing: the resources stay where they are, and the state takes the new settings."""
        olds, news = received(request.olds).values, received(request.news).values
        changed = [name for name in dict.fromkeys([*olds, *news]) if olds.get(name) != news.get(name)]
        some, none = provider_pb2.DiffResponse.DIFF_SOME, provider_pb2.DiffResponse.DIFF_NONE
        return provider_pb2.DiffResponse(changes=some if changed else none, diffs=changed)

    def Configure(self, request: Any, context: Context) -> Any:  # noqa: ARG002, N802
        """Take the settings; what is wrong with them an operation says, and a preview does without them."""
        self._bridge.configure(settings_of(received(request.args).values))
        return provider_pb2.ConfigureResponse(acceptSecrets=True, supportsPreview=False)

    def Cancel(self, request: Any, context: Context) -> Any:  # noqa: ARG002, N802
        """The engine was told to stop, or has come to its end."""
        self._bridge.interrupt()
        return empty_pb2.Empty()

    def Attach(self, request: Any, context: Context) -> Any:  # noqa: N802
        """Of a plugin that was started by hand: another engine's address."""
        context.abort(
            grpc.StatusCode.UNIMPLEMENTED, f"the engine starts this plugin by itself ({request.address})"
        )

    def GetMapping(self, request: Any, context: Context) -> Any:  # noqa: ARG002, N802
        """No other tool's resources are converted to these."""
        return provider_pb2.GetMappingResponse()

    # Resources --------------------------------------------------------------------------------------------------------------------

    def Check(self, request: Any, context: Context) -> Any:  # noqa: N802
        """What is wrong before any request is made; the inputs in the form in which the state has them."""
        target, olds, news = self._target(request, context), received(request.olds), received(request.news)
        found = given(target.kind, news.values, olds.values)
        answer = self._runner.check(target, in_snake_case(olds.values), found.props)
        checked = self._answered(context, answer)
        return provider_pb2.CheckResponse(
            inputs=sent(inputs(target.kind, checked.inputs), secrets(target.kind, news.secrets)),
            failures=[
                *(_failure(one.property, one.reason) for one in found.problems),
                *(
                    _failure(property_path(one.property), self._bridge.worded(one.reason))
                    for one in checked.problems
                ),
            ],
        )

    def Diff(self, request: Any, context: Context) -> Any:  # noqa: N802
        """What an `up` would change; a state of a dynamic resource becomes one of ours by an update without a request."""
        target, olds, news = self._target(request, context), received(request.olds), received(request.news)
        found = self._answered(
            context, self._runner.diff(target, in_snake_case(olds.values), in_snake_case(news.values))
        )
        names = {name: _name_of(target.kind, name, news) for name in (*found.changed, *found.replaces)}
        details = detailed(found, names, received(request.old_inputs).values, news.values)
        changes = found.changes or is_snake_case(olds.values)
        return provider_pb2.DiffResponse(
            changes=provider_pb2.DiffResponse.DIFF_SOME if changes else provider_pb2.DiffResponse.DIFF_NONE,
            replaces=list(dict.fromkeys(names[name] for name in found.replaces)),
            diffs=list(dict.fromkeys(names[name] for name in found.changed)),
            deleteBeforeReplace=found.delete_first,
            detailedDiff=details,
            hasDetailedDiff=bool(details),
        )

    def Create(self, request: Any, context: Context) -> Any:  # noqa: N802
        """Create, and keep in the state what was reached."""
        target, props = self._target(request, context), received(request.properties)
        state = self._answered(context, self._runner.create(target, in_snake_case(props.values)))
        reached = self._sent(context, target, state, props, request.properties)
        return provider_pb2.CreateResponse(id=state.id, properties=reached, **self._refreshes(state))

    def Read(self, request: Any, context: Context) -> Any:  # noqa: N802
        """The resource as it is now, or, where nothing is known of it, to be imported; an empty id where it is gone."""
        target, props = self._target(request, context), received(request.properties)
        is_import = not props.values
        if is_import and target.kind in _NO_IMPORT:
            _fail(context, f"{target} cannot be imported: {_NO_IMPORT[target.kind]}")
        state = self._answered(context, self._runner.read(target, in_snake_case(props.values)))
        if state is None:
            return provider_pb2.ReadResponse()
        secret = secrets(target.kind, props.secrets | received(request.inputs).secrets)
        return provider_pb2.ReadResponse(
            id=state.id,
            properties=sent(outputs(target.kind, state.id, state.outputs), secret),
            inputs=sent(inputs(target.kind, state.inputs or {}), secret),
            **self._refreshes(state),
        )

    def Update(self, request: Any, context: Context) -> Any:  # noqa: N802
        """Update in place."""
        target, olds, news = self._target(request, context), received(request.olds), received(request.news)
        answer = self._runner.update(target, in_snake_case(olds.values), in_snake_case(news.values))
        state = self._answered(context, answer)
        reached = self._sent(context, target, state, news, request.news)
        return provider_pb2.UpdateResponse(properties=reached, **self._refreshes(state))

    def Delete(self, request: Any, context: Context) -> Any:  # noqa: N802
        """Delete; success means that nothing is left that the resource held."""
        target = self._target(request, context)
        self._answered(
            context, self._runner.delete(target, in_snake_case(received(request.properties).values))
        )
        return empty_pb2.Empty()

    def Invoke(self, request: Any, context: Context) -> Any:  # noqa: N802
        """A function: what the platform tells without a resource."""
        name = request.tok.rpartition(":")[2]
        function = _FUNCTIONS.get(name)
        if function is None:
            _fail(context, f"{name} is not a function of this provider. It has: {', '.join(_FUNCTIONS)}")
        arguments = received(request.args).values
        failures = _wrong_arguments(function, arguments)
        if failures:
            return provider_pb2.InvokeResponse(failures=failures)
        try:
            try:
                ask = function(**in_snake_case(arguments))
            except (AttributeError, TypeError):
                _fail(
                    context, f"{name}: an argument has a type that it does not take: {', '.join(arguments)}"
                )
            found = self._bridge.run(ask)
        except (HighMobilityError, InvalidVin) as error:
            _fail(context, f"{name}: {error}")
        result = (
            {"vehicles": [_respelled(one) for one in found]} if isinstance(found, list) else _respelled(found)
        )
        return provider_pb2.InvokeResponse(**{"return": sent(result)})

    # Inside -----------------------------------------------------------------------------------------------------------------------

    @property
    def _runner(self) -> Runner:
        return self._bridge.runner

    def _answered(self, context: Context, answer: Any) -> Any:
        """The answer; a failure becomes the answer to the engine, and the call ends."""
        if isinstance(answer, Failure):
            _fail(context, self._bridge.worded(answer.message))
        return answer

    def _target(self, request: Any, context: Context) -> Target:
        kind, urn = kind_of(request.urn), request.urn
        if kind not in OPERATIONS:
            _fail(context, f"{kind} is not a resource of this provider. It has: {', '.join(OPERATIONS)}")
        return Target(kind, OPERATIONS[kind], urn, name_of_urn(urn), getattr(request, "id", ""))

    def _sent(
        self, context: Context, target: Target, state: State, props: Received, sent_inputs: Struct
    ) -> Struct:
        """The outputs; where the operation failed in part, the answer is a failure that keeps them."""
        secret = secrets(target.kind, props.secrets)
        reached = sent(outputs(target.kind, state.id, state.outputs), secret)
        if target.kind == "Fleet" and state.outputs.get("leaving"):
            self._tell_of_removals(target)
        if state.reasons:
            known = sent(inputs(target.kind, state.inputs), secret) if state.inputs else sent_inputs
            reasons = [self._bridge.worded(one) for one in state.reasons]
            message, metadata = failed_in_part(state.id, reached, known, reasons)
            context.set_trailing_metadata(metadata)
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, message)
        return reached

    def _tell_of_removals(self, target: Target) -> None:
        """A Python program declares it with the Fleet; in others somebody may not know of it."""
        saved = self._bridge.this_run.saved(target.urn)
        if saved is not None and not any(
            one.kind == "FleetRemovals" and one.properties.get("fleet_id") == target.id
            for one in saved.records
        ):
            self._bridge.reporter(target.urn).warn(
                "vehicles left this Fleet, and the stack's state has no FleetRemovals for it: they keep their clearance until the "
                "program declares one, with this Fleet's id as fleetId and its leaving as leaving"
            )

    def _refreshes(self, state: State) -> dict[str, bool]:
        """Whether the next `up` is to read it first, of SDKs that can say so."""
        fields = provider_pb2.UpdateResponse.DESCRIPTOR.fields_by_name
        if "refresh_before_update" not in fields or not self._bridge.setting(wants_refresh_before_update):
            return {}
        counts = state.outputs.get("counts") or {}
        is_pending = state.outputs.get("status") in _PENDING or any(counts.get(name) for name in _PENDING)
        return {"refresh_before_update": is_pending}


def _name_of(kind: str, name: str, news: Received) -> str:
    """A property that changes, by the name that the program has for it."""
    if kind in ("VehicleAccessToken", "VehicleApproval") and name in ("vin", "request_id", "vehicle_status"):
        return "vehicle" if "vehicle" in news.values else "vin"
    return camel(name)


def _wrong_arguments(function: Callable[..., Any], arguments: Mapping[str, Any]) -> list[Any]:
    parameters = [
        one for one in inspect.signature(function).parameters.values() if one.kind is one.KEYWORD_ONLY
    ]
    names = [camel(one.name) for one in parameters]
    found = [
        _failure(name, f"is not an argument of this function. It takes: {', '.join(names)}.")
        for name in arguments
        if name not in names
    ]
    return found + [
        _failure(camel(one.name), "is missing.")
        for one in parameters
        if one.default is one.empty and camel(one.name) not in arguments
    ]


def _respelled(found: Mapping[str, Any]) -> dict[str, Any]:
    return {camel(name): value for name, value in found.items() if value is not None}


def _failure(name: str, reason: str) -> Any:
    return provider_pb2.CheckFailure(property=name, reason=reason)


def _fail(context: Context, message: str) -> NoReturn:
    context.abort(grpc.StatusCode.UNKNOWN, message)
    raise AssertionError("abort raises")  # pragma: no cover
