"""Where `world.clock` stood; goes with the last import of it."""

from .world.clock import EmulatorClock

__all__ = ["EmulatorClock"]
