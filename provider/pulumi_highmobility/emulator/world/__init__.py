"""What the platform and the carmakers know and decide: vehicles, their states, time, and where it is kept."""
