"""What a diff shows: inputs, a tag by its name."""

from __future__ import annotations

from collections.abc import Mapping

from pulumi.runtime.proto import provider_pb2

from pulumi_highmobility.operations.values import Difference
from pulumi_highmobility.plugin.differences import detailed

KIND = provider_pb2.PropertyDiff.Kind


def kinds(
    found: Difference, names: dict[str, str], olds: Mapping[str, object], news: Mapping[str, object]
) -> dict[str, int]:
    return {path: one.kind for path, one in detailed(found, names, olds, news).items()}


def test_tags_are_shown_one_by_one_and_replace_where_they_do() -> None:
    olds, news = {"tags": {"a": "1", "b": "2", "same": "x"}}, {"tags": {"b": "3", "c d": "4", "same": "x"}}
    assert kinds(Difference(["tags"], ["tags"]), {"tags": "tags"}, olds, news) == {
        "tags.a": KIND.DELETE_REPLACE,
        "tags.b": KIND.UPDATE_REPLACE,
        'tags["c d"]': KIND.ADD_REPLACE,
    }


def test_an_option_is_shown_by_the_plugins_name() -> None:
    found = Difference(["retry_revoked", "max_removals"])
    names = {"retry_revoked": "retryRevoked", "max_removals": "maxRemovals"}
    assert kinds(found, names, {"maxRemovals": 1}, {"retryRevoked": True}) == {
        "retryRevoked": KIND.ADD,
        "maxRemovals": KIND.DELETE,
    }


def test_what_is_no_input_is_not_shown_as_taken_away() -> None:
    assert (
        kinds(Difference(["access_token"]), {"access_token": "accessToken"}, {"vin": "V"}, {"vin": "V"}) == {}
    )
