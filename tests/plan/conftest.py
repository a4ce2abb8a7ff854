"""The stacks of tests/run, whose previews can be read."""

from __future__ import annotations

from ..run.conftest import Platform, options, platform

__all__ = ["Platform", "options", "platform"]
