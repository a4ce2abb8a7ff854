"""What an `up` does to clearances, from a preview and the stack's state: pure values, no Pulumi, no terminal, no network."""
