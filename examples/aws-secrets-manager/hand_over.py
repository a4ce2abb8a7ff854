"""
Put the tokens of a stack into AWS Secrets Manager: `pulumi stack output tokens --json --show-secrets | python hand_over.py PREFIX`.

By a pipe: the tokens stand in no file, no argument and no log.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping
from typing import Any

import boto3

# Of one secret's value, in bytes; AWS has no larger one.
MOST_BYTES = 65_536

Tokens = Mapping[str, Mapping[str, str]]


def one_for_each(client: Any, prefix: str, tokens: Tokens) -> dict[str, int]:
    """A secret `PREFIX/VIN` for each vehicle. What is as it was is not written; what is wanted no longer is deleted."""
    done = {"written": 0, "unchanged": 0, "deleted": 0}
    held = dict(_held(client, f"{prefix}/"))
    for vin, pair in sorted(tokens.items()):
        name = f"{prefix}/{vin}"
        text = _text(pair)
        done["unchanged" if held.get(name) == text else "written"] += 1
        if name not in held:
            client.create_secret(Name=name, SecretString=text)
        elif held[name] != text:
            client.put_secret_value(SecretId=name, SecretString=text)
    for name in sorted(held.keys() - {f"{prefix}/{vin}" for vin in tokens}):
        # The token is revoked already: nothing of it is worth a window of recovery, which would keep the name taken.
        client.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)
        done["deleted"] += 1
    return done


def one_for_all(client: Any, name: str, tokens: Tokens) -> dict[str, int]:
    """One secret with all of them. Raises: ValueError where they are more than a secret can hold."""
    text = _text(tokens)
    size = len(text.encode())
    if size > MOST_BYTES:
        raise ValueError(
            f"the tokens of {len(tokens):,} vehicles are {size:,} bytes, and a secret of AWS holds {MOST_BYTES:,}: that is some "
            f"{MOST_BYTES * len(tokens) // size:,} vehicles. Leave out --one-for-all"
        )
    held = dict(_held(client, name)).get(name)
    if held is None:
        client.create_secret(Name=name, SecretString=text)
    elif held != text:
        client.put_secret_value(SecretId=name, SecretString=text)
    return {"written": int(held != text), "unchanged": int(held == text)}


def _held(client: Any, prefix: str) -> Iterator[tuple[str, str]]:
    """The secrets whose names begin so, twenty a request."""
    more: dict[str, str] = {}
    while True:
        found = client.batch_get_secret_value(Filters=[{"Key": "name", "Values": [prefix]}], **more)
        yield from ((one["Name"], one.get("SecretString", "")) for one in found["SecretValues"])
        if "NextToken" not in found:
            return
        more = {"NextToken": found["NextToken"]}


def _text(value: Mapping[str, Any]) -> str:
    return json.dumps(value, separators=(",", ":"), sort_keys=True)


def main() -> int:
    """The status for the shell."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("prefix", help="what the names of the secrets begin with, such as fleet/production")
    parser.add_argument("--one-for-all", action="store_true", help="one secret of this name, 64 KB at most")
    arguments = parser.parse_args()
    client = boto3.client("secretsmanager")
    tokens = json.load(sys.stdin)
    hand_over = one_for_all if arguments.one_for_all else one_for_each
    try:
        done = hand_over(client, arguments.prefix, tokens)
    except ValueError as error:
        sys.exit(f"hand_over: {error}")
    print(", ".join(f"{count:,} {what}" for what, count in done.items() if count) or "nothing to do")
    return 0


if __name__ == "__main__":
    sys.exit(main())
