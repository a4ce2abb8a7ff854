"""
The platform's API, served locally: what High Mobility answers, without an account.

Written from the API's contract alone; nothing here is shared with the client of this package, so that a
misreading in one shows against the other.
"""
