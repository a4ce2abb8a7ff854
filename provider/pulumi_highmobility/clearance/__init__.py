"""The rules of clearance: states, batching, shared listings, waiting, token life. No Pulumi, no wire."""
