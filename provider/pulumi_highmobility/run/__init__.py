"""One run of the engine: who wants which vehicle, what the saved state holds, and what may end. No Pulumi SDK, no global."""
