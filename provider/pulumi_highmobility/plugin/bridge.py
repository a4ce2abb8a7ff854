"""The bridge of a plugin process: as of every door, and its messages have the plugin's names of properties."""

from __future__ import annotations

from ..engine.bridge import Bridge, ResourceReporter
from .wording import in_plugin_words


class _Reporter(ResourceReporter):
    def __init__(self, bridge: PluginBridge, urn: str) -> None:
        super().__init__(bridge.engine, urn)
        self._bridge = bridge

    def info(self, message: str) -> None:
        super().info(self._bridge.worded(message))

    def warn(self, message: str) -> None:
        super().warn(self._bridge.worded(message))

    def progress(self, message: str) -> None:
        super().progress(self._bridge.worded(message))


class PluginBridge(Bridge):
    """See Bridge."""

    def reporter(self, urn: str) -> ResourceReporter:
        """See Door."""
        return _Reporter(self, urn)

    def error(self, message: str, urn: str) -> None:
        """See Door."""
        super().error(self.worded(message), urn)

    def worded(self, message: str) -> str:
        """In the names of properties that the user wrote: those of Python in a Python program."""
        return message if self.this_run.is_python() else in_plugin_words(message)
