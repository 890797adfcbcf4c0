"""The register row of five policies in two languages, as CSV and as a workbook."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from datetime import UTC, datetime
from xml.etree import ElementTree

import pytest

from policy.model import Policy
from publish.keeping import kinds_kept
from publish.register import Cell, register_row
from publish.spreadsheet import csv_text, xlsx_bytes
from publish.words import Language, in_words, term_in_words

MADE_AT = datetime(2026, 11, 21, 12, tzinfo=UTC)
SHEET = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"


def _by_head(policy: Policy, language: Language) -> dict[str, str]:
    return {cell.head: cell.text for cell in register_row(policy, language)}


def test_no_cell_is_empty_and_no_slot_is_left_open(policy: Policy, language: Language) -> None:
    row = register_row(policy, language)
    assert len({cell.head for cell in row}) == len(row)
    for cell in row:
        assert cell.text.strip()
        assert not re.search(r"[{}]|\bNone\b|<", cell.text)


def test_every_policy_fills_the_same_columns(eindhoven: Policy, policy: Policy, language: Language) -> None:
    assert list(_by_head(policy, language)) == list(_by_head(eindhoven, language))


def test_purposes_with_grounds_and_terms_stand_there(policy: Policy, language: Language) -> None:
    cells = list(_by_head(policy, language).values())
    for purpose in policy.all_purposes.values():
        line = f"{purpose.description[language.value]}: {in_words(purpose.ground, language)}"
        assert sum(line in cell.splitlines() for cell in cells) == 1
    for kind in kinds_kept(policy):
        term = term_in_words(policy.retention.term(kind), language)
        assert any(
            in_words(kind, language) in line and term in line for cell in cells for line in cell.splitlines()
        )


def test_controller_recipients_source_and_not_obliged_stand_there(policy: Policy) -> None:
    cells = _by_head(policy, Language.NL)
    assert policy.identity.controller is not None
    assert cells["Verwerkingsverantwoordelijke"].startswith(policy.identity.controller)
    for recipient in policy.sharing.recipients:
        assert recipient.name in cells["Ontvangers buiten"]
    assert all(in_words(origin, Language.NL) in cells["Bron"] for origin in policy.data.comes_from)
    assert cells["Verplicht te geven"] == "nee: betrokkenen waren niet verplicht deze gegevens te geven"
    assert cells["Doorgifte buiten de EER"] == "geen"
    assert policy.content_hash in cells["Versie van het beleid"]
    for conflict in policy.conflicts:
        assert conflict.but in cells["Tegenstrijdig in de tekst"]


def test_csv_reads_back_as_one_row(policy: Policy, language: Language) -> None:
    row = register_row(policy, language)
    head, line = csv.reader(io.StringIO(csv_text(row), newline=""))
    assert head == [cell.head for cell in row]
    assert line == [cell.text for cell in row]


@pytest.mark.parametrize("text", ["=1+1", "+31402389111", "-1", "@SUM(A1)", "\tx"])
def test_no_cell_of_a_csv_begins_like_a_formula(text: str) -> None:
    _, (cell,) = csv.reader(io.StringIO(csv_text([Cell("head", text)]), newline=""))
    assert cell == f"'{text}"


def test_the_workbook_reads_back_as_one_row_of_text(policy: Policy, language: Language) -> None:
    row = (*register_row(policy, language), Cell("formula", "=1+1"))
    with zipfile.ZipFile(io.BytesIO(xlsx_bytes(row, made_at=MADE_AT))) as book:
        assert book.testzip() is None
        strings = ElementTree.fromstring(book.read("xl/sharedStrings.xml"))  # noqa: S314 - our own file
        sheet = ElementTree.fromstring(book.read("xl/worksheets/sheet1.xml"))  # noqa: S314 - our own file
    shared = ["".join(item.itertext()) for item in strings.iter(f"{SHEET}si")]
    cells = list(sheet.iter(f"{SHEET}c"))
    assert not list(sheet.iter(f"{SHEET}f"))
    assert {cell.get("t") for cell in cells} == {"s"}
    read = [shared[int(cell.findtext(f"{SHEET}v", ""))] for cell in cells]
    assert read == [cell.head for cell in row] + [cell.text for cell in row]


def test_the_same_row_at_the_same_moment_is_the_same_file(eindhoven: Policy) -> None:
    row = register_row(eindhoven, Language.NL)
    assert xlsx_bytes(row, made_at=MADE_AT) == xlsx_bytes(row, made_at=MADE_AT)
