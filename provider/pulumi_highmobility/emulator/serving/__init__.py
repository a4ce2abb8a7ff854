"""What lies around every call: paths, sizes, origins, the date, and the work that goes on while nobody calls."""
