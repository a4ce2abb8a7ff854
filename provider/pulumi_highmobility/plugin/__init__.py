"""The door that other languages and `pulumi import` come in by: a native plugin, over the wire protocol itself."""
