"""The form of a VIN."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulumi_highmobility.vehicle.vin import InvalidVin, parse_vin

LETTERS = "ABCDEFGHJKLMNPRSTUVWXYZ0123456789"
VIN = "WBA0000000EMU0001"

vins = st.text(alphabet=LETTERS, min_size=17, max_size=17)


def refusal(text: str) -> str:
    with pytest.raises(InvalidVin) as caught:
        parse_vin(text)
    return str(caught.value)


@given(vins)
def test_seventeen_letters_and_digits_are_a_vin(vin: str) -> None:
    assert parse_vin(vin) == vin


@given(vins, st.text(" \t\n", max_size=3), st.text(" \t\n", max_size=3))
def test_lower_case_and_blanks_around_are_forgiven(vin: str, before: str, after: str) -> None:
    assert parse_vin(before + vin.lower() + after) == vin


@given(st.text(max_size=40))
def test_whatever_is_taken_is_well_formed_and_stays_as_it_is(text: str) -> None:
    try:
        vin = parse_vin(text)
    except InvalidVin:
        return
    assert len(vin) == 17
    assert set(vin) <= set(LETTERS)
    assert parse_vin(vin) == vin


@given(vins, st.integers(0, 16), st.sampled_from("IOQioq"))
def test_i_o_and_q_are_refused_with_their_place(vin: str, place: int, letter: str) -> None:
    message = refusal(vin[:place] + letter + vin[place + 1 :])
    assert f"character {place + 1} is the letter {letter}" in message


def test_a_letter_taken_for_a_digit_gets_a_suggestion() -> None:
    assert 'Did you mean "WBA0000000EMU0001"?' in refusal("WBAO000000EMU000I")


def test_a_wrong_length_is_told_with_both_numbers() -> None:
    assert "it has 16 characters, a VIN has 17" in refusal(VIN[:-1])
    assert "it has 18 characters, a VIN has 17" in refusal(VIN + "1")


@pytest.mark.parametrize("text", ["WBA 0000000 EMU0001", "WBA-0000000-EMU0001", "WBA0000000EMU0001\u200b"])
def test_a_vin_with_separators_gets_the_vin_suggested(text: str) -> None:
    assert f'Did you mean "{VIN}"?' in refusal(text)


def test_a_foreign_letter_is_named() -> None:
    # It looks like the A that it should be.
    assert "character 3 is U+0410 (CYRILLIC CAPITAL LETTER A)" in refusal("WB\u04100000000EMU0001")


@pytest.mark.parametrize("text", ["ß" + VIN[2:], "\ufb01" + VIN[2:], VIN[:-1] + "\u0131", VIN[:-1] + "٣"])
def test_a_letter_that_becomes_ascii_in_upper_case_is_refused(text: str) -> None:
    refusal(text)


@pytest.mark.parametrize("text", ["", "   "])
def test_an_empty_vin_is_told_to_be_empty(text: str) -> None:
    assert refusal(text).startswith("The VIN is empty")


def test_the_check_digit_is_not_looked_at() -> None:
    # The same VIN with two check digits at position 9: only one could be right in North America.
    assert parse_vin("WBA0000010EMU0001") != parse_vin("WBA0000020EMU0001")


def test_a_long_text_is_cut_in_the_message() -> None:
    assert len(refusal("A" * 10_000)) < 200


def test_a_refusal_is_a_value_error() -> None:
    assert issubclass(InvalidVin, ValueError)
