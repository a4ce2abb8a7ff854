"""Fleets kept in files, and the page that describes them."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from pulumi_highmobility.files.reading import (
    FleetFileError,
    FleetFileProblem,
    VehicleArgsDict,
    vehicles_from_csv,
    vehicles_from_json,
    vehicles_from_yaml,
)
from pulumi_highmobility.text import composed
from pulumi_highmobility.vehicle.check import check_vehicle

PAGE = Path(__file__).parents[2] / "docs" / "fleet-files.md"

BMW = "WBA0000000EMU0001"
BMW_2 = "WBA0000000EMU0002"
MERCEDES = "WDB0000000EMU0001"
READING = {"odometer": {"value": 110_000, "unit": "kilometers"}}

Read = Callable[[Path], list[VehicleArgsDict]]
READERS: dict[str, Read] = {
    "csv": vehicles_from_csv,
    "json": vehicles_from_json,
    "yaml": vehicles_from_yaml,
}


@pytest.fixture
def fleet(tmp_path: Path) -> Callable[[str, str], list[VehicleArgsDict]]:
    """Reads a text as a file of this kind."""

    def read(kind: str, text: str) -> list[VehicleArgsDict]:
        path = tmp_path / f"fleet.{kind}"
        path.write_text(text, encoding="utf-8", newline="")
        return READERS[kind](path)

    return read


@pytest.fixture
def problems(
    fleet: Callable[[str, str], list[VehicleArgsDict]],
) -> Callable[[str, str], list[FleetFileProblem]]:
    """What is wrong with a text as a file of this kind."""

    def read(kind: str, text: str) -> list[FleetFileProblem]:
        with pytest.raises(FleetFileError) as caught:
            fleet(kind, text)
        return list(caught.value.problems)

    return read


Fleet = Callable[[str, str], list[VehicleArgsDict]]
Problems = Callable[[str, str], list[FleetFileProblem]]


class TestCsv:
    def test_every_column_is_read(self, fleet: Fleet) -> None:
        text = (
            "vin,brand,odometer,unit,tags\n"
            f"{MERCEDES},mercedes-benz,110000,kilometers,customer=acme;depot=north\n"
            f"{BMW},bmw,,,\n"
        )
        assert fleet("csv", text) == [
            {
                "vin": MERCEDES,
                "brand": "mercedes-benz",
                "control_measures": READING,
                "tags": {"customer": "acme", "depot": "north"},
            },
            {"vin": BMW, "brand": "bmw"},
        ]

    def test_vin_and_brand_are_enough_in_any_order(self, fleet: Fleet) -> None:
        assert fleet("csv", f"Brand, VIN \n bmw, {BMW.lower()} \n") == [{"vin": BMW, "brand": "bmw"}]

    @pytest.mark.parametrize("delimiter", [",", ";", "\t"])
    def test_the_delimiter_is_the_headers(self, fleet: Fleet, delimiter: str) -> None:
        text = f"vin,brand,tag:customer\n{BMW},bmw,acme\n".replace(",", delimiter)
        assert fleet("csv", text) == [{"vin": BMW, "brand": "bmw", "tags": {"customer": "acme"}}]

    def test_a_quoted_cell_may_hold_the_delimiter_and_quotes(self, fleet: Fleet) -> None:
        text = f'"vin";"brand";"tags"\n"{BMW}";bmw;"customer=""acme"";depot=north"\n'
        assert fleet("csv", text)[0]["tags"] == {"customer": '"acme"', "depot": "north"}

    def test_both_forms_of_tags_go_together_and_empty_cells_are_none(self, fleet: Fleet) -> None:
        text = f"vin,brand,tags,tag:Depot,tag:x\n{BMW},bmw,a=b=c; d = e;,north,\n"
        assert fleet("csv", text)[0]["tags"] == {"Depot": "north", "a": "b=c", "d": "e"}

    @pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
    def test_blank_lines_and_comments_and_a_byte_order_mark_are_skipped(self, fleet: Fleet, end: str) -> None:
        lines = [
            "\ufeff# vans",
            "",
            "vin,brand,unit,odometer",
            '# sold: "X',
            f"{BMW},bmw,,",
            "   ",
            ",,,",
            "",
        ]
        assert fleet("csv", end.join(lines)) == [{"vin": BMW, "brand": "bmw"}]

    def test_lines_are_counted_as_an_editor_does(self, problems: Problems) -> None:
        lines = ["\ufeff# vans", "", "vin,brand", "# sold", f"{BMW},bmw", "", "x,bmw"]
        assert [problem.line for problem in problems("csv", "\r\n".join(lines))] == [7]

    def test_a_comment_with_a_quote_swallows_no_vehicle(self, fleet: Fleet) -> None:
        text = f'vin,brand\n# a,"comment\n{BMW},bmw\n# another,"one\n'
        assert len(fleet("csv", text)) == 1

    def test_a_quote_left_open_is_told_and_swallows_no_vehicle(self, problems: Problems) -> None:
        text = f'vin,brand,tags\n{BMW},bmw,"a=b\n{BMW_2},bmw,c=d"\nx,bmw,\n'
        found = problems("csv", text)
        assert [(problem.line, problem.property) for problem in found] == [(2, ""), (4, "vin")]
        assert "quotes do not match" in found[0].reason

    @pytest.mark.parametrize(
        ("row", "column", "says"),
        [
            ("x,bmw,,,", "vin", "it has 1 character"),
            (f"{BMW},,,,", "brand", "empty"),
            (f"{BMW},mercedes-benz,,,", "odometer", "mercedes-benz compares it"),
            (f"{BMW},bmw,110.000,kilometers,", "odometer", '"110.000" is not a reading: write only digits'),
            (f"{BMW},bmw,-1,kilometers,", "odometer", "only digits"),
            (f"{BMW},bmw,1_0,kilometers,", "odometer", "only digits"),
            (f"{BMW},bmw,٣,kilometers,", "odometer", "only digits"),
            (f"{BMW},bmw,{'9' * 5000},kilometers,", "odometer", "only digits"),
            (f"{BMW},mercedes-benz,lots,kilometers,", "odometer", "only digits"),
            (f"{BMW},bmw,,kilometers,", "odometer", "missing"),
            (f"{BMW},bmw,1,,", "unit", "missing"),
            (f"{BMW},bmw,1,km,", "unit", 'Write "kilometers"'),
            (f"{BMW},bmw,,,acme", "tags", '"acme" is not a tag: write name=text'),
            (f"{BMW},bmw,,,=acme", "tags", "is not a tag"),
            (f"{BMW},bmw,,,a=1;a=2", "tags", "twice"),
            (f"{BMW},bmw,,,,", "", "The line has 6 cells, the header has 5: put a cell with"),
            (f"{BMW},bmw", "", "The line has 2 cells, the header has 5: leave a cell empty"),
        ],
    )
    def test_a_mistake_is_told_by_line_and_column(
        self, problems: Problems, row: str, column: str, says: str
    ) -> None:
        (found,) = problems("csv", f"vin,brand,odometer,unit,tags\n\n{row}\n{BMW_2},bmw,,,\n")
        assert (found.line, found.property) == (3, column)
        assert says in found.reason

    @pytest.mark.parametrize("cut", [f"{BMW_2}", f"{BMW_2},", f"{BMW_2},bm", f"{BMW_2},bmw,1"])
    def test_a_last_line_that_breaks_off_is_an_error(self, problems: Problems, cut: str) -> None:
        (found,) = problems("csv", f"vin,brand,odometer,unit\n{BMW},bmw,,\n{cut}")
        assert found.line == 3
        assert "was the file cut off?" in found.reason

    @pytest.mark.parametrize(
        ("header", "says"),
        [
            ("vin,brnd", 'column "brnd". Did you mean "brand"?'),
            ("vin,brand,colour", 'column "colour". It may have vin, brand, odometer, unit, tags'),
            ("vin,brand,", 'column "".'),
            ("vin,brand,tag:", 'column "tag:"'),
            ("vin,brand,VIN", '"vin" appears twice'),
            ("vin,brand,tag:a,tag:a", '"tag:a" appears twice'),
            ("vin,tags", '"brand" is missing'),
            ("vin,brand,odometer", '"odometer" and "unit" go together'),
            ("vin,brand,unit", '"odometer" and "unit" go together'),
            (f"{BMW},bmw", "The header is missing"),
            ('vin,"brand', "quotes do not match"),
        ],
    )
    def test_a_wrong_header_is_told(self, problems: Problems, header: str, says: str) -> None:
        found = problems("csv", f"# vans\n{header}\n{BMW},bmw\n")
        assert {problem.line for problem in found} == {2}
        assert says in " ".join(problem.reason for problem in found)

    def test_all_that_is_wrong_with_a_header_is_told_at_once(self, problems: Problems) -> None:
        assert len(problems("csv", "colour,wheels\n")) == 4

    def test_a_tag_of_two_columns_is_told(self, problems: Problems) -> None:
        (found,) = problems("csv", f"vin,brand,tags,tag:a\n{BMW},bmw,a=1,2\n")
        assert 'The tag "a" appears twice' in found.reason

    def test_a_file_that_is_not_utf_8_is_told_with_the_line(self, tmp_path: Path) -> None:
        path = tmp_path / "fleet.csv"
        path.write_bytes(f"vin,brand\n{BMW},Škoda\n".encode("cp1250"))
        with pytest.raises(FleetFileError, match=r"fleet\.csv, line 2: The file is not UTF-8") as caught:
            vehicles_from_csv(path)
        assert isinstance(caught.value.__cause__, UnicodeDecodeError)


class TestJson:
    @pytest.mark.parametrize("wrap", [lambda rows: rows, lambda rows: {"x-note": [1], "vehicles": rows}])
    def test_a_list_and_an_object_with_it_are_read(self, fleet: Fleet, wrap: Callable[[Any], Any]) -> None:
        rows = [
            {
                "vin": MERCEDES,
                "brand": "Mercedes-Benz",
                "control_measures": READING,
                "tags": {"b": "2", "a": "1"},
            },
            {"vin": BMW.lower(), "brand": "bmw", "tags": None},
        ]
        assert fleet("json", json.dumps(wrap(rows))) == [
            {
                "vin": MERCEDES,
                "brand": "mercedes-benz",
                "control_measures": READING,
                "tags": {"a": "1", "b": "2"},
            },
            {"vin": BMW, "brand": "bmw"},
        ]

    def test_the_reading_may_stand_with_the_vehicle(self, fleet: Fleet) -> None:
        row = {"vin": MERCEDES, "brand": "mercedes-benz", "odometer": 110_000, "unit": "kilometers"}
        assert fleet("json", json.dumps([row]))[0]["control_measures"] == READING

    def test_lines_are_those_on_which_the_vehicles_begin(self, problems: Problems) -> None:
        text = (
            '{"x-a": {"vehicles": []},\n "x-b": 1, "vehicles"\n:\n[\n'
            f' {{"vin": "x", "brand": "bmw"}}, {{"vin": "{BMW}",\n  "brand": ""}},\n\n'
            ' {\n  "vin": "y",\n "brand": "bmw"}]}'
        )
        assert [(problem.line, problem.property) for problem in problems("json", text)] == [
            (5, "vin"),
            (5, "brand"),
            (8, "vin"),
        ]

    @pytest.mark.parametrize(
        ("text", "line", "says"),
        [
            ("", 1, "cut off?"),
            ("[", 1, "cut off?"),
            (f'[\n{{"vin": "{BMW}", "brand": "bmw"}},\n', 3, "cut off?"),
            (f'[\n{{"vin": "{BMW}", "bra', 2, "cut off?"),
            ("[\n{vin: 1}]", 2, "not valid JSON"),
            ("[" * 100_000, None, "nested too deeply"),
            (f"[{'9' * 5000}]", 1, "is not a vehicle"),
            ("[]", None, "contains no vehicle"),
            ('{"vehicles": []}', None, "contains no vehicle"),
            ('{"vehicles": null}', None, 'no "vehicles"'),
            ("{}", None, 'no "vehicles"'),
            ("7", None, "the number 7 is not a list"),
            ('{"vehicles": {}}', None, "an object is not a list"),
            ('{"vehicles": [], "more": []}', None, 'Besides "vehicles" the file has "more"'),
            ('{"vehicles": [], "vehicles": []}', None, "twice at the top"),
        ],
    )
    def test_a_file_that_cannot_be_read_is_told(
        self, problems: Problems, text: str, line: int | None, says: str
    ) -> None:
        (found,) = problems("json", text)
        assert found.line == line
        assert says in found.reason


class TestYaml:
    def test_anchors_are_merged(self, fleet: Fleet) -> None:
        text = f"""
            x-van: &van {{brand: bmw, tags: {{a: "1"}}}}
            vehicles:
              - {{<<: *van, vin: {BMW}}}
              - {{<<: *van, vin: {BMW_2}, brand: mini}}
"""
        assert fleet("yaml", text) == [
            {"vin": BMW, "brand": "bmw", "tags": {"a": "1"}},
            {"vin": BMW_2, "brand": "mini", "tags": {"a": "1"}},
        ]

    def test_lines_are_those_of_the_properties(self, problems: Problems) -> None:
        text = (
            "- vin: x\n"
            "  brand: bmw\n"
            f"- vin: {MERCEDES}\n"
            "  brand: mercedes-benz\n"
            "  control_measures:\n"
            "    odometer:\n"
            "      value: 1.5\n"
            "      unit: km\n"
            f"- vin: {BMW}\n"
            "  tags:\n"
            "    leased: yes\n"
            f"- vin: {BMW_2}\n"
            "  brand: mercedes-benz\n"
            "  unit: km\n"
        )
        assert [(problem.line, problem.property) for problem in problems("yaml", text)] == [
            (1, "vin"),
            (7, "control_measures.odometer.value"),
            (8, "control_measures.odometer.unit"),
            (9, "brand"),
            (11, "tags.leased"),
            (12, "odometer"),
            (14, "unit"),
        ]

    @pytest.mark.parametrize(
        ("text", "line", "says"),
        [
            ("", None, "empty"),
            ("# nothing\n", None, "empty"),
            ("vehicles:\n", 1, "cut off?"),
            ("[]", None, "contains no vehicle"),
            ("vehicles: []\n", None, "contains no vehicle"),
            ("x: 1", None, 'has "x"'),
            ("x-a: 1", None, 'no "vehicles"'),
            ("7", 1, "no list of vehicles"),
            ("\nvehicles:\n  a: b\n", 3, "no list of vehicles"),
            ("vehicles: [1]\nvehicles: [2]", None, "twice at the top"),
            ("vehicles: [\n  {vin: a", 2, "cut off?"),
            ("- {vin: 'a\n", 1, "cut off?"),
            ("- {vin: a}}\n- b", 1, "not valid YAML"),
            ("- a\n--- \n- b", 2, "not valid YAML"),
            ("- !!python/object/apply:os.getcwd []\n", 1, "which is not read"),
            ("- &a [*a]\n", 1, "a list is not a vehicle|unconstructable"),
            ("- &a {tags: *a}\n", 1, "unconstructable"),
            ("- {vin: 2024-02-30}\n", 1, "write it in quotes"),
            ("- {vin: !!bool maybe}\n", 1, "write it in quotes"),
            ("- \x00", None, "not valid YAML"),
        ],
    )
    def test_a_file_that_cannot_be_read_is_told(
        self, problems: Problems, text: str, line: int | None, says: str
    ) -> None:
        found = problems("yaml", text)
        assert found[0].line == line
        assert re.search(says, found[0].reason)

    def test_what_yaml_takes_for_something_else_is_told(self, problems: Problems) -> None:
        text = f"- {{vin: 12345678901234567, brand: bmw}}\n- {{vin: {BMW}, brand: bmw, tags: {{a: 2024-01-01}}}}\n"
        assert [(problem.line, problem.property) for problem in problems("yaml", text)] == [
            (1, "vin"),
            (2, "tags.a"),
        ]

    def test_without_pyyaml_the_error_says_what_to_install(self, tmp_path: Path) -> None:
        (tmp_path / "fleet.yaml").write_text(f"- {{vin: {BMW}, brand: bmw}}")
        program = (
            "import sys\n"
            "from pulumi_highmobility.files.reading import vehicles_from_yaml\n"
            "sys.modules['yaml'] = None\n"
            "vehicles_from_yaml('fleet.yaml')\n"
        )
        ran = subprocess.run(
            [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert ran.returncode == 1
        assert "ImportError: fleet.yaml: reading YAML needs PyYAML" in ran.stderr
        assert "pulumi-highmobility[emulator]" in ran.stderr


class TestDocuments:
    """What holds for JSON and YAML alike; JSON is YAML."""

    @pytest.mark.parametrize("kind", ["json", "yaml"])
    @pytest.mark.parametrize(
        ("row", "path", "says"),
        [
            ("7", "", "the number 7 is not a vehicle"),
            ("null", "", "nothing is not a vehicle"),
            ('{"vin": "VIN", "brand": "bmw", "colour": "red"}', "colour", "It may have vin, brand"),
            ('{"vin": "VIN", "brand": "bmw", "odometr": 1}', "odometr", 'Did you mean "odometer"?'),
            ('{"vin": "VIN", "brand": "bmw", "tags": {"year": 2024}}', "tags.year", 'in quotes, "2024"'),
            ('{"vin": "VIN", "brand": "mercedes-benz"}', "control_measures.odometer", "compares it"),
            ('{"vin": "VIN", "brand": "bmw", "odometer": "1", "unit": "miles"}', "odometer", "quotes: 1."),
            ('{"vin": "VIN", "brand": "bmw", "odometer": 1}', "unit", "missing"),
            ('{"vin": "VIN", "brand": "bmw", "unit": "miles"}', "odometer", "missing"),
            (
                '{"vin": "VIN", "brand": "bmw", "control_measures": {}, "odometer": 1, "unit": "miles"}',
                "odometer",
                "in one place",
            ),
            ('{"vin": "VIN", "brand": "bmw", "brand": "mini"}', "", '"brand" appears twice'),
            ('{"vin": "VIN", "brand": "bmw", "tags": {"a": "b", "a": "c"}}', "", '"a" appears twice'),
        ],
    )
    def test_a_mistake_is_told_by_line_and_property(
        self, problems: Problems, kind: str, row: str, path: str, says: str
    ) -> None:
        text = f'[\n{{"vin": "{BMW_2}", "brand": "bmw"}},\n{row.replace("VIN", BMW)}\n]'
        (found,) = problems(kind, text)
        assert (found.line, found.property) == (3, path)
        assert says in found.reason


class TestWhatStandsInTheFile:
    """What a parser makes of a scalar may be something else: 110.000 is 110, 0110000 is 36864, 11:30 is 690."""

    @pytest.mark.parametrize("form", ["short", "long"])
    @pytest.mark.parametrize(
        ("kind", "written"),
        [
            *(
                ("yaml", text)
                for text in ["110.000", "0110000", "11:30", "0x1F", "1_000", "1.0e+5", "+5", "017", ".5"]
            ),
            *(("yaml", text) for text in ["yes", "2024-01-01", "!!int '5x'", ".inf", "9" * 5000]),
            *(("json", text) for text in ["110.000", "1e5", "1E+2", "9" * 5000, "NaN", "Infinity", "1.5"]),
        ],
    )
    def test_a_reading_is_digits_alone(self, problems: Problems, kind: str, written: str, form: str) -> None:
        reading = f'"odometer": {written}, "unit": "kilometers"'
        if form == "long":
            reading = f'"control_measures": {{"odometer": {{"value": {written}, "unit": "kilometers"}}}}'
        (found,) = problems(kind, f'[{{"vin": "{BMW}", "brand": "bmw", {reading}}}]')
        assert found.property == ("odometer" if form == "short" else "control_measures.odometer.value")
        assert "is not a reading: write only digits, such as 110000" in found.reason
        assert written.removeprefix("!!int ").strip("'")[:40] in found.reason

    @pytest.mark.parametrize("kind", ["json", "yaml"])
    @pytest.mark.parametrize("written", ["110000", "110000.0", "110000.00"])
    def test_a_reading_without_doubt_is_taken(self, fleet: Fleet, kind: str, written: str) -> None:
        text = f'[{{"vin": "{BMW}", "brand": "bmw", "odometer": {written}, "unit": "kilometers"}}]'
        assert fleet(kind, text)[0]["control_measures"] == READING

    @pytest.mark.parametrize(
        ("kind", "written"),
        [
            *(
                ("yaml", text)
                for text in ["NO", "yes", "Off", "2024-01-01", "007", "1.10", "1.0e+3", "12:30:45"]
            ),
            *(("json", text) for text in ["1.10", "1e3", "0"]),
        ],
    )
    def test_the_advice_for_a_tag_quotes_what_stands_there(
        self, problems: Problems, kind: str, written: str
    ) -> None:
        (found,) = problems(kind, f'[{{"vin": "{BMW}", "brand": "bmw", "tags": {{"country": {written}}}}}]')
        assert found.property == "tags.country"
        assert f'write it in quotes, "{written}"' in found.reason

    @pytest.mark.parametrize(("key", "path"), [("vin", "vin"), ("brand", "brand"), ("unit", "unit")])
    def test_texts_of_other_properties_too(self, problems: Problems, key: str, path: str) -> None:
        row = {"vin": f'"{BMW}"', "brand": '"bmw"', "odometer": "1", "unit": '"miles"', key: "NO"}
        text = ", ".join(f"{name}: {value}" for name, value in row.items())
        (found,) = problems("yaml", f"- {{{text}}}\n")
        assert found.property == path
        assert 'write it in quotes, "NO"' in found.reason

    def test_half_a_character_is_told(self, problems: Problems) -> None:
        for row in ('"tags": {"a": "\\ud800"}', '"tags": {"\\udfff": "a"}', '"brand": "b\\ud800w"'):
            base = "" if row.startswith('"brand"') else '"brand": "bmw", '
            found = problems("json", f'[{{"vin": "{BMW}", {base}{row}}}]')
            assert "half a character" in found[0].reason
            assert all(problem.reason.isprintable() for problem in found)


MERGE_BOMB = "x-0: &a0 {k: v}\n" + "".join(
    f"x-{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 9)}]}}\n" for n in range(1, 10)
)
LAUGHS = "x-0: &a0 [lol]\n" + "".join(
    f"x-{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12)
)
VEHICLE = f"- {{vin: {BMW}, brand: bmw, tags: TAGS}}"
HEAVY = {
    "a merge bomb": ("yaml", MERGE_BOMB + "vehicles:\n" + VEHICLE.replace("TAGS", "*a9")),
    "a billion laughs": ("yaml", LAUGHS + "vehicles:\n" + VEHICLE.replace("TAGS", "{a: *a11}")),
    "a billion laughs as the list": ("yaml", LAUGHS + "vehicles: *a11"),
    "a hundred thousand dashes": ("yaml", "- " * 100_000),
    "a hundred thousand brackets": ("yaml", "[" * 100_000),
    "a hundred thousand braces": ("yaml", "{a: " * 100_000),
    "a hundred thousand questions": ("yaml", "? " * 100_000),
    "a map that merges itself": ("yaml", "- &a {<<: *a, vin: x}"),
    "a wide merge": (
        "yaml",
        "x-a: &a {" + ", ".join(f"k{n}: v" for n in range(5000)) + "}\nvehicles:\n" + "- {<<: *a}\n" * 5000,
    ),
    "a key twice in a large object": (
        "json",
        "[{" + ", ".join(f'"k{n}": 1' for n in range(60_000)) + ', "k59999": 1}]',
    ),
    "a key twice in a large object of YAML": (
        "yaml",
        "- {" + ", ".join(f"k{n}: v" for n in range(20_000)) + ", k19999: v}",
    ),
    "a long key": ("json", '[{"' + "k" * 1_000_000 + '": 1}]'),
    "the same slip in every line": (
        "json",
        "[" + ",".join(f'{{"vin": "{BMW}", "brand": "bmw", "odometr": 1}}' for _ in range(20_000)) + "]",
    ),
    "deep in a vehicle": ("json", f'[{{"vin": "{BMW}", "brand": "bmw", "tags": {"{" * 0}' + '{"a":' * 50_000),
}


@pytest.mark.parametrize("what", HEAVY)
@pytest.mark.timeout(120)
def test_what_is_made_to_be_heavy_is_told_in_time(problems: Problems, what: str) -> None:
    kind, text = HEAVY[what]
    began = time.process_time()
    try:
        assert problems(kind, text)
    except pytest.fail.Exception:
        # A merge bomb that comes to a vehicle of one tag is a fleet like any other.
        assert what == "a merge bomb"
    assert time.process_time() - began < 10


@pytest.mark.parametrize("read", READERS.values())
def test_what_is_no_file_is_told_and_never_waited_for(tmp_path: Path, read: Read) -> None:
    os.mkfifo(tmp_path / "fifo")
    for path in (tmp_path / "fifo", Path("/dev/zero"), Path("/dev/null")):
        with pytest.raises(FleetFileError, match="not a regular file"):
            read(path)
    with pytest.raises(IsADirectoryError):
        read(tmp_path)


@pytest.mark.parametrize(
    ("header", "says"),
    [
        ("Fahrgestellnummer;Marke;Kilometerstand", 'split into 3 columns at ";"'),
        ("Fahrgestellnummer\tMarke", "split into 2 columns at a tab"),
        ("Fahrgestellnummer|Marke", 'split into 1 column at ","'),
    ],
)
def test_a_header_in_another_language_shows_how_it_was_cut_and_what_is_known(
    problems: Problems, header: str, says: str
) -> None:
    said = " ".join(problem.reason for problem in problems("csv", f"{header}\nx;y;z\n"))
    assert says in said
    assert "the names are English: vin, brand, odometer, unit, tags, and tag:NAME" in said


scalars = st.sampled_from(
    [
        "NO",
        "~",
        "110.000",
        "0110000",
        "11:30",
        "2024-01-01",
        "'a'",
        '"\\ud800"',
        "&a x",
        "*a",
        "!!int x",
        "!x y",
        "<<",
        "? a",
        BMW,
        "bmw",
        "kilometers",
        "1",
        "|",
        ">",
        "-",
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "#",
        "%",
        "@",
        "`",
        "\t",
        "...",
        "---",
    ]
)
layouts = st.sampled_from(
    ["- ", "\n", "  ", "vin: ", "brand: ", "tags: ", "vehicles:\n", "odometer: ", "unit: ", "<<: "]
)


@settings(max_examples=400)
@given(st.lists(scalars | layouts, max_size=25).map("".join), st.sampled_from(["yaml", "json", "csv"]))
def test_no_mixture_of_what_yaml_has_breaks_the_readers(fleet: Fleet, text: str, kind: str) -> None:
    try:
        assert fleet(kind, text)
    except FleetFileError as error:
        assert all(line.isprintable() for line in str(error).split("\n"))  # noqa: PT017 - of one of two ends


class TestErrors:
    def test_all_problems_are_told_in_the_order_of_the_lines(self, problems: Problems) -> None:
        text = f"vin,brand,tags\n{BMW},bmw,\nx,,a\n{BMW},bmw,\ny,bmw\n"
        assert [(problem.line, problem.property) for problem in problems("csv", text)] == [
            (3, "tags"),
            (3, "vin"),
            (3, "brand"),
            (4, "vin"),
            (5, ""),
        ]

    @pytest.mark.parametrize(
        ("kind", "text"),
        [
            ("csv", f"vin,brand\n{BMW},bmw\n\n{BMW.lower()},mini\n"),
            (
                "json",
                f'[\n{{"vin": "{BMW}", "brand": "bmw"}},\n\n{{"vin": "{BMW.lower()}", "brand": "mini"}}]',
            ),
            ("yaml", f"\n- vin: {BMW}\n\n- vin: {BMW.lower()}\n"),
        ],
    )
    def test_a_vin_that_stands_twice_is_told_with_both_lines(
        self, problems: Problems, kind: str, text: str
    ) -> None:
        (found,) = (problem for problem in problems(kind, text) if problem.property == "vin")
        assert found == FleetFileProblem(4, "vin", f"{BMW} is already on line 2: remove one of the two.")

    def test_the_message_names_the_file_and_each_line(self, tmp_path: Path) -> None:
        path = tmp_path / "vans.csv"
        path.write_text(f"vin,brand\n{BMW},\nx,bmw\n")
        with pytest.raises(FleetFileError) as caught:
            vehicles_from_csv(path)
        head, *lines = str(caught.value).splitlines()
        assert head == f"{path} has 2 problems; no vehicle was taken from it:"
        assert lines[0].startswith("  vans.csv, line 2: brand: The brand is empty")
        assert lines[1].startswith('  vans.csv, line 3: vin: "x" is not a valid VIN')
        assert caught.value.path == path

    @pytest.mark.parametrize(("wrong", "more"), [(50, None), (51, "and 1 more"), (173, "and 123 more")])
    def test_fifty_problems_are_printed_and_the_rest_is_counted(
        self, tmp_path: Path, wrong: int, more: str | None
    ) -> None:
        path = tmp_path / "vans.csv"
        path.write_text("vin,brand\n" + "x,bmw\n" * wrong)
        with pytest.raises(FleetFileError) as caught:
            vehicles_from_csv(path)
        lines = str(caught.value).splitlines()
        assert len(caught.value.problems) == wrong
        assert len([line for line in lines if "vans.csv, line" in line]) == 50
        assert (lines[-1].strip() == more) if more else lines[-1].startswith("  vans.csv, line 51")

    @pytest.mark.parametrize(
        ("kind", "whole"),
        [
            ("csv", f"vin,brand,tag:customer\n{BMW},bmw,acme\n{BMW_2},bmw,acme\n"),
            ("csv", f'vin;brand;tag:customer\r\n{BMW};bmw;"ac""me"\r\n{BMW_2};bmw;"acme"\r\n# the end\r\n'),
            ("yaml", f"- vin: {BMW}\n  brand: bmw\n- vin: {BMW_2}\n  brand: bmw\n  tags: {{a: acme}}\n"),
            (
                "yaml",
                f"vehicles:\n  - {{vin: {BMW}, brand: bmw}}\n  - vin: {BMW_2}\n    brand: bmw\n# the end\n",
            ),
            ("yaml", f'[{{"vin": "{BMW}", "brand": "bmw"}},\n{{"vin": "{BMW_2}", "brand": "bmw"}}]\n'),
            ("json", f'[{{"vin": "{BMW}", "brand": "bmw"}},\n{{"vin": "{BMW_2}", "brand": "bmw"}}]\n'),
        ],
    )
    def test_a_file_that_was_cut_off_within_a_line_is_never_taken(
        self, fleet: Fleet, kind: str, whole: str
    ) -> None:
        assert len(fleet(kind, whole)) == 2
        for end in range(len(whole)):
            cut = whole[:end]
            if cut.endswith(("\n", "\r")) or (cut == whole.rstrip() and cut.endswith("]")):
                # Between two lines, which nobody can tell; and a list of JSON that is closed is whole.
                continue
            with pytest.raises(FleetFileError):
                fleet(kind, cut)

    @pytest.mark.parametrize(
        ("kind", "text"),
        [
            ("csv", f"vin,brand\n{BMW},bmw\n{BMW_2},bmw"),
            ("csv", f"vin,brand\n{BMW},bmw\n# an en"),
            ("csv", f"vin,brand\n{BMW},bmw\n  "),
            ("yaml", f"- vin: {BMW}\n  brand: bmw\n  tags: {{a: b}}"),
            ("yaml", f"- vin: {BMW}\n  brand: bmw\n  # an en"),
        ],
    )
    def test_a_last_line_without_an_end_says_so(self, problems: Problems, kind: str, text: str) -> None:
        (found,) = problems(kind, text)
        assert found.line == 3
        assert "The last line has no line end" in found.reason

    def test_all_else_that_is_wrong_is_told_beside_it(self, problems: Problems) -> None:
        assert [one.line for one in problems("csv", f"vin,brand\nx,bmw\n{BMW},bmw")] == [2, 3]
        assert [one.line for one in problems("yaml", f"- {{vin: x, brand: bmw}}\n- vin: {BMW}")] == [1, 2, 2]

    @pytest.mark.parametrize("text", ["", "\n \n", "# vans\n", "vin,brand\n", "vin,brand\n# sold\n,\n"])
    def test_a_csv_without_a_vehicle_is_an_error(self, problems: Problems, text: str) -> None:
        (found,) = problems("csv", text)
        assert "Was it cut off?" in found.reason

    @pytest.mark.parametrize("read", READERS.values())
    def test_a_file_that_is_not_there_is_the_systems_error(self, tmp_path: Path, read: Read) -> None:
        with pytest.raises(FileNotFoundError):
            read(tmp_path / "none")

    @pytest.mark.parametrize("kind", READERS)
    def test_a_path_may_be_a_string(self, tmp_path: Path, kind: str) -> None:
        path = tmp_path / "fleet"
        path.write_text(f"vin,brand\n{BMW},bmw\n" if kind == "csv" else f'[{{"vin":"{BMW}","brand":"bmw"}}]')
        assert len(READERS[kind](str(path))) == 1  # type: ignore[arg-type]

    def test_an_error_is_a_value_error(self) -> None:
        assert issubclass(FleetFileError, ValueError)


# Names and texts that survive the csv's blanks and its separators.
words = st.text(
    alphabet=st.characters(codec="utf-8", exclude_characters="\r\n\x00", categories=("L", "N", "P", "S"))
).map(composed)
names = words.filter(lambda name: bool(name) and not set(name) & set(";="))
fleets = st.lists(
    st.fixed_dictionaries(
        {
            "vin": st.integers(0, 10**9 - 1).map(lambda number: f"WBA00EMU{number:09d}"),
            "brand": st.sampled_from(["bmw", "mini", "škoda"]),
        },
        optional={
            "tags": st.dictionaries(names, words.filter(bool), min_size=1, max_size=3),
            "control_measures": st.builds(
                lambda value, unit: {"odometer": {"value": value, "unit": unit}},
                st.integers(0, 10**7),
                st.sampled_from(["kilometers", "miles"]),
            ),
        },
    ),
    min_size=1,
    max_size=6,
    unique_by=lambda row: row["vin"],
)


def as_csv(rows: Sequence[Mapping[str, Any]], delimiter: str) -> str:
    tags = sorted({name for row in rows for name in row.get("tags", {})})
    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter)
    writer.writerow(["vin", "brand", "odometer", "unit", *(f"tag:{name}" for name in tags)])
    for row in rows:
        reading = row.get("control_measures", {}).get("odometer", {"value": "", "unit": ""})
        given_tags = row.get("tags", {})
        cells = [row["vin"], row["brand"], reading["value"], reading["unit"]]
        writer.writerow([*cells, *(given_tags.get(name, "") for name in tags)])
    return out.getvalue()


@given(fleets, st.sampled_from(",;\t"))
def test_all_kinds_of_files_give_the_same_fleet(
    fleet: Fleet, rows: list[dict[str, Any]], delimiter: str
) -> None:
    wanted = [check_vehicle(row).normalized for row in rows]
    assert fleet("csv", as_csv(rows, delimiter)) == wanted
    assert fleet("json", json.dumps(rows)) == wanted
    assert fleet("yaml", yaml.safe_dump(rows, allow_unicode=True)) == wanted


@given(
    st.sampled_from(sorted(READERS)),
    st.text() | st.binary().map(lambda content: content.decode("latin-1")),
)
def test_no_content_breaks_the_readers(fleet: Fleet, kind: str, text: str) -> None:
    try:
        vehicles = fleet(kind, text.encode("utf-8", "replace").decode())
    except FleetFileError:
        return
    assert vehicles


@given(fleets, st.data())
def test_a_fleet_cut_off_within_a_vehicle_is_never_taken_for_whole(
    fleet: Fleet, rows: list[dict[str, Any]], data: st.DataObject
) -> None:
    text = json.dumps(rows)
    cut = text[: data.draw(st.integers(0, len(text) - 1))]
    with pytest.raises(FleetFileError):
        fleet("json", cut)


def blocks(language: str) -> list[str]:
    """The page's examples in this language."""
    fences = re.findall(r"^```(\w*)\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    return [block for found, block in fences if found == language]


class TestPage:
    @pytest.mark.parametrize("kind", READERS)
    def test_its_examples_are_read(self, fleet: Fleet, kind: str) -> None:
        assert blocks(kind)
        for block in blocks(kind):
            assert len(fleet(kind, block)) >= 2

    def test_its_error_is_the_one_that_comes(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        Path("vans.csv").write_text(
            "vin,brand,odometer,unit\n"
            "WBAO0000000EMU001,bmw,,\n"
            "WDB0000000EMU0002,mercedes-benz,42000,kilometers\n"
            "WDB0000000EMU0003,mercedes-benz,,\n"
            "WDB0000000EMU0002,mercedes-benz,42000,kilometers\n"
        )
        with pytest.raises(FleetFileError) as caught:
            vehicles_from_csv("vans.csv")
        assert f"{caught.value}\n" in blocks("")

    def test_it_names_every_column(self) -> None:
        section = PAGE.read_text(encoding="utf-8").split("## CSV")[1].split("## JSON")[0]
        columns = re.findall(r"^\| `([^`]+)` \|", section, re.MULTILINE)
        assert columns == ["vin", "brand", "odometer", "unit", "tags", "tag:NAME"]


def test_every_file_of_the_repository_ends_with_a_line_end() -> None:
    files = [
        file
        for kind in ("csv", "json", "yaml", "yml")
        for file in (PAGE.parent.parent / "examples").rglob(f"*.{kind}")
    ]
    assert len(files) > 5
    assert [file.name for file in files if not file.read_bytes().endswith(b"\n")] == []
