"""The door that Python's dynamic providers are: the operations in the form in which Pulumi's SDK calls them."""
