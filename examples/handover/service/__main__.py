"""A service's stack: takes the access tokens from the fleet's stack. It needs no credentials of High Mobility."""

import json

import pulumi

fleet = pulumi.StackReference(pulumi.Config().require("fleetStack"))
tokens = fleet.require_output("tokens")

# In place of a resource that is given the tokens, such as a secret of a secret store. It stays a secret.
pulumi.export(
    "settings", tokens.apply(lambda by_vin: json.dumps({vin: one for vin, one in by_vin.items() if one}))
)
# A count is none: without `unsecret` it would be shown as [secret].
pulumi.export(
    "vehicles", pulumi.Output.unsecret(tokens.apply(lambda by_vin: sum(map(bool, by_vin.values()))))
)
