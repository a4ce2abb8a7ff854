"""The bridge of a process that serves dynamic providers, or that runs a program."""

from __future__ import annotations

from ..clock import Clock
from ..engine.bridge import Bridge
from .sdk import engine_of_this_process, prepare_process


class DynamicBridge(Bridge):
    """As Bridge; what Pulumi's SDK does not do in such a process is done at the first call."""

    def __init__(self, clock: Clock | None = None) -> None:
        super().__init__(engine_of_this_process(), clock)
        self._is_started = False

    def start(self) -> None:
        """Make the most of a provider process, once; to be called from within a call of the SDK."""
        with self._lock:
            if self._is_started:
                return
            self._is_started = True
        for lost in prepare_process(self.interrupt):
            self.engine.log(
                "warning", f"this version of Pulumi's Python SDK is not known to pulumi-highmobility: {lost}"
            )


BRIDGE = DynamicBridge()
"""The process's own bridge: a dynamic provider's object has no attributes, so it stands here."""
