"""Where `world.machine` stood; goes with the last import of it."""

from .world.machine import Pace

__all__ = ["Pace"]
