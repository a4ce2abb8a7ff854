"""The plugin's own process over gRPC, with an engine that only listens, against the emulator."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import pytest
from google.protobuf import empty_pb2
from pulumi.runtime import rpc
from pulumi.runtime.proto import (
    engine_pb2_grpc,
    provider_pb2,
    provider_pb2_grpc,
    status_pb2,
)

from pulumi_highmobility.plugin.wire import received, sent
from pulumi_highmobility.testing import RunningEmulator, serve_emulator

pytestmark = pytest.mark.sdk

VIN, OTHER, THIRD = (f"WBA8E9C50GK00000{number}" for number in (1, 2, 3))
UNKNOWN = rpc.UNKNOWN


class ListeningEngine(engine_pb2_grpc.EngineServicer):
    """Takes what the plugin has to say."""

    def __init__(self) -> None:
        self.said: list[tuple[str, str]] = []

    def Log(self, request: Any, context: Any) -> Any:  # noqa: N802
        self.said.append((request.urn.rpartition("::")[2], request.message))
        return empty_pb2.Empty()


class Plugin:
    """A plugin process, and the stub by which the engine would call it."""

    def __init__(self, emulator: RunningEmulator, **more: str) -> None:
        self.engine = ListeningEngine()
        self.server = grpc.server(ThreadPoolExecutor(8))
        engine_pb2_grpc.add_EngineServicer_to_server(self.engine, self.server)
        port = self.server.add_insecure_port("127.0.0.1:0")
        self.server.start()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "pulumi_highmobility.plugin", f"127.0.0.1:{port}"],
            env={**os.environ, **emulator.environment, **more},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        self.channel = grpc.insecure_channel(f"127.0.0.1:{self.process.stdout.readline().strip()}")
        self.stub = provider_pb2_grpc.ResourceProviderStub(self.channel)
        self.stub.Configure(provider_pb2.ConfigureRequest(args=sent({}), acceptSecrets=True))

    def end(self) -> None:
        self.process.kill()
        self.process.communicate()
        self.channel.close()
        self.server.stop(None)

    def urn(self, kind: str, name: str) -> str:
        return f"urn:pulumi:dev::fleet::highmobility:index:{kind}::{name}"

    def check(self, kind: str, name: str, olds: dict[str, Any] | None = None, **news: Any) -> Any:
        return self.stub.Check(
            provider_pb2.CheckRequest(urn=self.urn(kind, name), olds=sent(olds or {}), news=sent(news))
        )

    def create(self, kind: str, name: str, **news: Any) -> Any:
        checked = self.check(kind, name, **news)
        assert not checked.failures, checked.failures
        return self.stub.Create(
            provider_pb2.CreateRequest(urn=self.urn(kind, name), properties=checked.inputs)
        )

    def texts_for(self, name: str) -> str:
        return "\n".join(message for at, message in self.engine.said if at == name)


@pytest.fixture(scope="module")
def emulator() -> Iterator[RunningEmulator]:
    with serve_emulator(approve_after="0s", revoke_after="0s") as running:
        yield running


@pytest.fixture
def plugin(emulator: RunningEmulator) -> Iterator[Plugin]:
    running = Plugin(emulator)
    yield running
    running.end()


def vehicles(*vins: str) -> list[dict[str, str]]:
    return [{"vin": vin, "brand": "bmw"} for vin in vins]


def test_it_says_what_it_is(plugin: Plugin) -> None:
    assert plugin.stub.GetPluginInfo(empty_pb2.Empty()).version == "0.1.0"
    schema = json.loads(plugin.stub.GetSchema(provider_pb2.GetSchemaRequest()).schema)
    assert len(schema["resources"]) == 6
    assert len(schema["functions"]) == 3


def test_what_is_wrong_is_told_at_the_properties_in_their_own_names(plugin: Plugin) -> None:
    answer = plugin.check(
        "FleetVehicle",
        "van",
        vin="WBA",
        brand="bmw",
        retry_revoked=True,
        onUncancellable="maybe",
        status="approved",
    )
    told = {one.property: one.reason for one in answer.failures}
    assert told.keys() == {"vin", "retry_revoked", "onUncancellable", "status"}
    assert told["onUncancellable"] == 'is \'maybe\'; it takes "fail" or "abandon".'
    assert "retryRevoked" in told["retry_revoked"]


def test_a_misspelt_key_of_the_config_is_refused_and_a_secret_is_marked(plugin: Plugin) -> None:
    answer = plugin.stub.CheckConfig(provider_pb2.CheckRequest(news=sent({"baseURL": "sandbox"})))
    assert [one.property for one in answer.failures] == ["baseURL"]
    pair = {"clientId": "id", "clientSecret": "not to be seen"}
    answer = plugin.stub.CheckConfig(provider_pb2.CheckRequest(news=sent(pair)))
    # The emulator's credentials file is in the environment: the two contradict each other, and neither is quoted.
    assert "not to be seen" not in str(answer.failures)
    assert received(answer.inputs).secrets == {"clientSecret"}


def test_other_settings_replace_nothing(plugin: Plugin) -> None:
    def diff(olds: dict[str, Any], news: dict[str, Any]) -> Any:
        return plugin.stub.DiffConfig(provider_pb2.DiffRequest(olds=sent(olds), news=sent(news)))

    found = diff({"clientId": "a"}, {"clientId": "b", "auth": "clientCredentials"})
    assert (found.changes, list(found.replaces)) == (provider_pb2.DiffResponse.DIFF_SOME, [])
    assert sorted(found.diffs) == ["auth", "clientId"]
    assert diff({"clientId": "a"}, {"clientId": "a"}).changes == provider_pb2.DiffResponse.DIFF_NONE


def test_an_unknown_vehicle_is_checked_and_compared(plugin: Plugin) -> None:
    answer = plugin.check("VehicleAccessToken", "token", vehicle=UNKNOWN)
    assert not answer.failures
    answer = plugin.check("FleetVehicle", "van", vin=UNKNOWN, brand="bmw", tags={"a": UNKNOWN})
    assert not answer.failures
    assert answer.inputs.fields["vin"].string_value == UNKNOWN


def test_a_vehicle_lives_from_create_to_delete(plugin: Plugin, emulator: RunningEmulator) -> None:
    hidden = {rpc._special_sig_key: rpc._special_secret_sig, "value": {"a": "x", "a_b": "y"}}
    made = plugin.create("FleetVehicle", "van", vin=VIN.lower(), brand="bmw", tags=hidden)
    found = received(made.properties)
    assert made.id == VIN
    assert found.values["clearance"]["vin"] == VIN
    assert found.values["tags"] == {"a": "x", "a_b": "y"}
    assert found.secrets == {"tags"}
    urn = plugin.urn("FleetVehicle", "van")
    read = plugin.stub.Read(provider_pb2.ReadRequest(id=VIN, urn=urn, properties=made.properties))
    assert received(read.properties).values["status"] == "approved"
    assert received(read.properties).secrets == received(read.inputs).secrets == {"tags"}
    olds = received(read.inputs).values
    again = plugin.check("FleetVehicle", "van", olds, vin=VIN, brand="bmw", tags={"a": "z", "a_b": "y"})
    diff = plugin.stub.Diff(
        provider_pb2.DiffRequest(
            id=VIN, urn=urn, olds=read.properties, news=again.inputs, old_inputs=read.inputs
        )
    )
    assert list(diff.replaces) == ["tags"]
    assert diff.deleteBeforeReplace
    assert {path: one.kind for path, one in diff.detailedDiff.items()} == {
        "tags.a": provider_pb2.PropertyDiff.UPDATE_REPLACE
    }
    assert "a change of tags replaces" in plugin.texts_for("van")


def test_a_failure_has_the_message_alone_and_the_plugins_names(
    plugin: Plugin, emulator: RunningEmulator
) -> None:
    with pytest.raises(grpc.RpcError) as refused:
        plugin.create("FleetVehicle", "van", vin=VIN, brand="bmw", adopt=False, tags={"other": "tags"})
    assert refused.value.code() is grpc.StatusCode.UNKNOWN
    assert refused.value.details().startswith('FleetVehicle "van": ')
    assert "Traceback" not in refused.value.details()


def test_a_failure_in_part_keeps_what_was_reached(plugin: Plugin, emulator: RunningEmulator) -> None:
    emulator.controls.ineligible(THIRD) if hasattr(emulator.controls, "ineligible") else None
    listed = [*vehicles(OTHER), {"vin": THIRD, "brand": "no-such-brand"}]
    with pytest.raises(grpc.RpcError) as partly:
        plugin.create("Fleet", "vans", vehicles=listed)
    assert partly.value.code() is grpc.StatusCode.FAILED_PRECONDITION
    metadata = dict(partly.value.trailing_metadata())
    status = status_pb2.Status.FromString(metadata["grpc-status-details-bin"])
    kept = provider_pb2.ErrorResourceInitFailed()
    assert status.details[0].Unpack(kept)
    assert status.message == partly.value.details()
    assert kept.id
    values = received(kept.properties).values
    assert values["statuses"].keys() == {OTHER, THIRD}
    assert values["failed"].keys() == {THIRD}
    assert received(kept.inputs).values["vehicles"].count("\n") == 1


def test_what_the_platform_tells_without_a_resource(plugin: Plugin, emulator: RunningEmulator) -> None:
    def ask(name: str, **arguments: Any) -> Any:
        return plugin.stub.Invoke(
            provider_pb2.InvokeRequest(tok=f"highmobility:index:{name}", args=sent(arguments))
        )

    plugin.create("FleetVehicle", "van", vin=VIN, brand="bmw", tags={"a": "x", "a_b": "y"})
    found = received(getattr(ask("getFleetVehicle", vin=VIN), "return")).values
    assert (found["vin"], found["statusReason"], found["tags"]) == (VIN, "", {"a": "x", "a_b": "y"})
    listed = received(getattr(ask("getFleet", vins=[VIN], tags={"a_b": "y"}), "return")).values["vehicles"]
    assert [one["vin"] for one in listed] == [VIN]
    assert [one.property for one in ask("getFleetVehicle", VIN=VIN).failures] == ["VIN", "vin"]
    with pytest.raises(grpc.RpcError, match="is not a valid VIN"):
        ask("getFleetVehicle", vin="WBA")
    with pytest.raises(grpc.RpcError, match="is not a function of this provider"):
        ask("getCar")
    wrongs: list[dict[str, Any]] = [{"vins": 5}, {"status": 5}, {"tags": "x"}, {"brand": [5]}]
    for wrong in wrongs:
        with pytest.raises(grpc.RpcError, match="an argument has a type that it does not take"):
            ask("getFleet", **wrong)


def test_what_no_program_gives_is_refused_in_words(plugin: Plugin) -> None:
    with pytest.raises(grpc.RpcError, match="Car is not a resource of this provider"):
        plugin.check("Car", "van", vin=VIN)
    for name, value in (("clearances", "garbage"), ("clearances", '["a","b"]'), ("vins", VIN)):
        news: dict[str, Any] = {"clearances": "", name: value}
        assert name in [one.property for one in plugin.check("FleetAccessTokens", "tokens", **news).failures]
    told = plugin.check("Fleet", "vans", vehicles=[{"vin": VIN, "brand": "bmw", "tags": [1]}, 5]).failures
    assert {one.property for one in told} == {"vehicles[0].tags", "vehicles[1]"}
    told = plugin.check(
        "FleetVehicle", "van", vin=5, brand=["bmw"], tags="x", controlMeasures={"odo": 1}
    ).failures
    assert {one.property for one in told} >= {"vin", "brand", "tags", "controlMeasures.odo"}


def test_cancel_ends_a_wait_and_the_answer_says_so(emulator: RunningEmulator) -> None:
    with serve_emulator(approve_after="1h") as slow:
        plugin = Plugin(slow)
        try:
            made = plugin.create("FleetVehicle", "van", vin=VIN, brand="bmw")
            clearance = received(made.properties).values["clearance"]
            ended: list[grpc.RpcError] = []

            def wait() -> None:
                try:
                    plugin.create("VehicleApproval", "van", vehicle=clearance)
                except grpc.RpcError as error:
                    ended.append(error)

            waiting = threading.Thread(target=wait)
            waiting.start()
            while not plugin.texts_for("van"):
                threading.Event().wait(0.02)
            plugin.stub.Cancel(empty_pb2.Empty())
            waiting.join(300)
            assert ended
            assert "told to stop" in ended[0].details() or "interrupted" in ended[0].details().lower()
        finally:
            plugin.end()


def test_it_ends_with_its_engine(emulator: RunningEmulator) -> None:
    plugin = Plugin(emulator)
    plugin.server.stop(None)
    assert plugin.process.wait(300) == 1
    plugin.end()


def test_what_is_pending_is_read_before_the_next_update_where_the_setting_says_so(
    emulator: RunningEmulator,
) -> None:
    if "refresh_before_update" not in provider_pb2.CreateResponse.DESCRIPTOR.fields_by_name:
        pytest.skip("this version of the SDK has no such field")
    with serve_emulator(approve_after="1m") as slow:
        for wanted in ("true", "false"):
            plugin = Plugin(slow, HIGHMOBILITY_REFRESH_BEFORE_UPDATE=wanted)
            try:
                one = plugin.create("FleetVehicle", "van", vin=VIN, brand="bmw")
                many = plugin.create("Fleet", "vans", vehicles=vehicles(OTHER))
                assert [one.refresh_before_update, many.refresh_before_update] == [wanted == "true"] * 2
            finally:
                plugin.end()
            slow.controls.advance(120)
            plugin = Plugin(slow, HIGHMOBILITY_REFRESH_BEFORE_UPDATE=wanted)
            try:
                read = plugin.stub.Read(
                    provider_pb2.ReadRequest(
                        id=VIN, urn=plugin.urn("FleetVehicle", "van"), properties=one.properties
                    )
                )
                assert not read.refresh_before_update
            finally:
                plugin.end()
