"""What every door to the engine needs: its log and its end, and one event loop for the threads that serve it."""
