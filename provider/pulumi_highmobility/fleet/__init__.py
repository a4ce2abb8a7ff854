"""A list of vehicles as one thing: what is planned, what is held, what left, and the work."""
