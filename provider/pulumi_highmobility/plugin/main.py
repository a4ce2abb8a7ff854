"""`pulumi-resource-highmobility`: what the engine starts, with its own address; it reads the port from the first line."""

from __future__ import annotations

import json
import logging
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version

import grpc

from ..engine.process import Engine, end_with_engine, engine_address

# As many operations as the engine runs side by side on large machines.
WORKERS = 64
# Of the engine's own servers: a Fleet of a hundred thousand is one message.
_LARGEST = 400 * 1024 * 1024
_USAGE = """pulumi-resource-highmobility: the Pulumi plugin of pulumi-highmobility, which the Pulumi engine starts by itself.
Run `pulumi-highmobility plugin install` to install it; `pulumi-resource-highmobility schema` prints the package's schema."""


def main() -> None:
    """Serve the engine whose address is the argument; `schema` prints the package's schema."""
    arguments = sys.argv[1:]
    if arguments[:1] == ["--of"]:
        _refuse_another_version(*arguments[1:2])
        arguments = arguments[2:]
    if arguments == ["schema"]:
        from .package import package_schema  # noqa: PLC0415 - with it come all operations

        print(json.dumps(package_schema(), indent=2, ensure_ascii=False))
        return
    address = engine_address(arguments)
    if address is None:
        print(_USAGE, file=sys.stderr)
        raise SystemExit(2)
    serve(address)


def _refuse_another_version(wanted: str = "") -> None:
    """Raises: SystemExit, where an upgrade came after the installation: the engine would take this one for the old one."""
    here = version("pulumi-highmobility")
    if wanted != here:
        print(
            f"This plugin was installed for pulumi-highmobility {wanted}, and {sys.executable} has {here} now: run "
            "`pulumi-highmobility plugin install` again",
            file=sys.stderr,
        )
        raise SystemExit(1)


def serve(address: str) -> None:
    """Serve the engine at HOST:PORT until it ends."""
    from pulumi.runtime.proto import provider_pb2_grpc  # noqa: PLC0415 - as above

    from .bridge import PluginBridge  # noqa: PLC0415
    from .servicer import Servicer  # noqa: PLC0415

    logging.basicConfig(level=logging.ERROR)
    # A plugin whose engine was killed must not go on: what it does would be written down nowhere.
    end_with_engine(address)
    sizes = [("grpc.max_receive_message_length", _LARGEST), ("grpc.max_send_message_length", _LARGEST)]
    server = grpc.server(ThreadPoolExecutor(WORKERS), options=sizes)
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(Servicer(PluginBridge(Engine(address))), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(port, flush=True)
    server.wait_for_termination()
