"""The bridge of a plugin process: as of every door, and its messages have the plugin's names of properties."""

from __future__ import annotations

from ..engine.bridge import Bridge, ResourceReporter
from .wording import in_plugin_words


class _Reporter(ResourceReporter):
    def info(self, message: str) -> None:
        super().info(in_plugin_words(message))

    def warn(self, message: str) -> None:
        super().warn(in_plugin_words(message))

    def progress(self, message: str) -> None:
        super().progress(in_plugin_words(message))


class PluginBridge(Bridge):
    """See Bridge."""

    def reporter(self, urn: str) -> ResourceReporter:
        """See Door."""
        return _Reporter(self.engine, urn)

    def error(self, message: str, urn: str) -> None:
        """See Door."""
        super().error(in_plugin_words(message), urn)
