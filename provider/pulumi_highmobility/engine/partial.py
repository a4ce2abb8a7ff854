"""The engine's answer to a create or update that failed in part: what was reached stays in the state, and the next `up` tries again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def failed_in_part(id_: str, properties: Any, inputs: Any, reasons: Sequence[str]) -> tuple[str, Any]:
    """
    The message, and the metadata that goes with it and with gRPC's FAILED_PRECONDITION (ErrorResourceInitFailed).

    `properties` and `inputs` are protobuf's Structs.
    """
    import grpc  # noqa: PLC0415 - only the provider process needs it
    from pulumi.runtime.proto import provider_pb2, status_pb2  # noqa: PLC0415

    message = "; ".join(reasons)
    # The engine compares these with the answer's own: code and text have to be the same.
    status = status_pb2.Status(code=grpc.StatusCode.FAILED_PRECONDITION.value[0], message=message)
    status.details.add().Pack(
        provider_pb2.ErrorResourceInitFailed(id=id_, properties=properties, inputs=inputs, reasons=reasons)
    )
    return message, (("grpc-status-details-bin", status.SerializeToString()),)
