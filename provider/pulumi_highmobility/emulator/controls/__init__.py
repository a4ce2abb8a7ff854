"""What the platform does not have: calls for tests, and the page for people."""
