"""The API client: asynchronous httpx, authentication, wire shapes, retries, rate limits. No Pulumi."""

# Imports nothing, as every package below the root: a provider process imports these modules when it needs
# them, on several threads at once, and a package that imports its own modules while another thread imports
# one of them directly is a deadlock of Python's import locks.
