"""Properties on the wire: what is secret and what is not known stay so, and nothing else changes."""

from __future__ import annotations

from typing import Any

import pytest
from google.protobuf.struct_pb2 import Struct
from hypothesis import given
from hypothesis import strategies as st
from pulumi.runtime import rpc

from pulumi_highmobility.operations.values import UNKNOWN
from pulumi_highmobility.plugin.wire import Received, received, sent
from pulumi_highmobility.secret import Secret

SECRET = {rpc._special_sig_key: rpc._special_secret_sig}
names = st.text("abcXYZ_é.", min_size=1).filter(lambda name: not name.startswith("__"))
leaves = (
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False) | st.text("aé_\n")
)
values = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(names, values.filter(lambda value: value is not None), max_size=5))
def test_what_is_sent_is_received(properties: dict[str, Any]) -> None:
    assert received(sent(properties)).values == properties


def struct_of(**fields: Any) -> Struct:
    struct = Struct()
    struct.update(fields)
    return struct


def test_what_is_not_known_is_marked_at_any_depth() -> None:
    found = received(struct_of(vin=rpc.UNKNOWN, tags={"a": rpc.UNKNOWN}, list=[rpc.UNKNOWN, "b"]))
    assert found.values == {"vin": UNKNOWN, "tags": {"a": UNKNOWN}, "list": [UNKNOWN, "b"]}
    assert received(sent(found.values)).values == found.values


def test_a_secret_is_known_by_its_property_however_deep_it_is() -> None:
    deep = {"vehicles": [{"vin": "V", "tags": {"a": {**SECRET, "value": "x"}}}]}
    found = received(struct_of(vin={**SECRET, "value": "V"}, brand="bmw", **deep))
    assert found.values == {"vin": "V", "brand": "bmw", "vehicles": [{"vin": "V", "tags": {"a": "x"}}]}
    assert found.secrets == {"vin", "vehicles"}
    again = sent(found.values, found.secrets)
    assert (
        again.fields["vehicles"].struct_value.fields[rpc._special_sig_key].string_value
        == rpc._special_secret_sig
    )
    assert received(again) == found


def test_a_secret_of_the_rules_is_one_for_the_engine() -> None:
    found = received(sent({"accessToken": Secret("t"), "expiresAt": "e"}))
    assert found == Received({"accessToken": "t", "expiresAt": "e"}, frozenset({"accessToken"}))
    # Not twice, where its name is a secret's, too.
    assert received(sent({"pairs": Secret("t")}, {"pairs"})).values == {"pairs": "t"}


def test_an_output_with_dependencies_is_read_as_its_value() -> None:
    output = {rpc._special_sig_key: "d0e6a833031e9bbcd3f4e8bde6ca49a4"}
    found = received(struct_of(a={**output, "value": "x", "secret": True}, b=output))
    assert found == Received({"a": "x", "b": UNKNOWN}, frozenset({"a"}))


def test_what_is_pulumis_own_is_not_a_property() -> None:
    assert received(struct_of(__provider="gA", __defaults=[], vin="V")).values == {"vin": "V"}


@pytest.mark.parametrize(("number", "kind"), [(110_000.0, int), (0.5, float)])
def test_a_whole_number_is_an_integer(number: float, kind: type) -> None:
    (found,) = received(struct_of(value=number)).values.values()
    assert (found, type(found)) == (number, kind)
