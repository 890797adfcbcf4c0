"""Reports as pages and sheets: well-formed, in two languages, readable without seeing the drawing."""

from __future__ import annotations

import csv
import io
import re
from xml.etree import ElementTree

import pytest

from casework import reports
from policy.reports import ReportName
from publish.markdown import markdown
from publish.reports import words
from publish.reports.figures import By, Fact, Measure, Report, Row, Table, Unit
from publish.reports.page import report_page
from publish.reports.sheet import csv_text
from publish.web_page import web_page
from publish.words import Language
from store.figures import accesses, calls, keeping, work

SVG = "{http://www.w3.org/2000/svg}"


def a_report(*, days: int = 30, queue: str = "kcc") -> Report:
    rows = tuple(
        Row(
            label=f"2026-11-{day + 1:02d}",
            counts=(40 + day, None if day == 3 else 6, 46 + day),
            measures=(12.0 + day, None if day == 3 else 61.5, 3725.0, 4.2),
        )
        for day in range(days)
    )
    table = Table(
        key="calls",
        by=By.DAY,
        parts=("answered", "in_vain"),
        measures=(
            Measure(key="waited_median", unit=Unit.SECONDS),
            Measure(key="answered_rate", unit=Unit.PERCENT),
            Measure(key="talked_p90", unit=Unit.SECONDS),
            Measure(key="talked_hours", unit=Unit.HOURS),
        ),
        rows=rows,
        total=Row(label="", counts=(1635, 180, 1815), measures=(26.0, 90.1, 4000.0, 1234.5)),
        charted=("answered", "in_vain", "waited_median"),
    )
    by_queue = table.model_copy(
        update={"by": By.QUEUE, "rows": (rows[0].model_copy(update={"label": queue}),), "charted": ()}
    )
    return Report(
        report=ReportName.CALLS,
        policy="eindhoven",
        organisation="gemeente Eindhoven",
        since="2026-10-31T23:00:00Z",
        before="2026-11-30T23:00:00Z",
        by=By.DAY,
        made_at="2026-12-01T08:00:00Z",
        smallest=5,
        hidden=4,
        entry=17,
        tables=(table, by_queue),
        facts=(Fact(key="oldest", unit=Unit.MOMENT, value="2026-11-01T08:00:00Z"),),
    )


def parsed(report: Report, language: Language) -> ElementTree.Element:
    page = web_page(report_page(report, language)).removeprefix("<!DOCTYPE html>\n")
    return ElementTree.fromstring(page)  # noqa: S314 - our own page


@pytest.mark.parametrize("language", list(Language))
def test_the_page_is_well_formed_and_needs_nothing_from_elsewhere(language: Language) -> None:
    parsed(a_report(), language)
    page = web_page(report_page(a_report(), language))
    assert not re.search(r"\bsrc=|url\(|@import|http|<script|onload", page)


@pytest.mark.parametrize("language", list(Language))
def test_every_drawing_has_a_title_and_a_description_and_ids_of_its_own(language: Language) -> None:
    drawn = [svg for svg in parsed(a_report(), language).iter("svg") if svg.get("role") == "img"]
    assert len(drawn) == 2  # counts, and seconds
    ids = []
    for svg in drawn:
        title, description = (svg.find(name) for name in ("title", "desc"))
        assert title is not None and title.text
        assert description is not None and description.text
        assert svg.get("aria-labelledby") == f"{title.get('id')} {description.get('id')}"
        ids += [title.get("id"), description.get("id")]
    assert len(set(ids)) == len(ids)


def test_what_is_hidden_is_a_dash_in_the_table_and_a_gap_in_the_drawing() -> None:
    root = parsed(a_report(), Language.EN)
    hidden = [row for row in root.iter("tr") if [cell.text for cell in row][:1] == ["2026-11-04"]]
    assert [cell.text for cell in hidden[0]][2] == "–"
    bars = [
        bar for bar in root.iter("rect") if bar.get("class") == "bar s1" and bar.find("title") is not None
    ]
    assert len(bars) == 29
    assert not any("2026-11-04" in (bar.findtext("title") or "") for bar in bars)


def test_a_queue_named_like_markup_or_a_formula_stays_text() -> None:
    report = a_report(queue='=1+1</td><script>"')
    assert "<script" not in web_page(report_page(report, Language.NL))
    cells = [cell for row in csv.reader(io.StringIO(csv_text(report, Language.NL))) for cell in row]
    assert "'=1+1</td><script>\"" in cells


def test_the_sheet_has_bare_numbers_and_nothing_where_a_count_is_hidden() -> None:
    rows = list(csv.reader(io.StringIO(csv_text(a_report(), Language.EN))))
    assert rows[0][:4] == ["Day", "answered", "waited in vain", "together"]
    assert rows[4] == ["2026-11-04", "43", "", "49", "15", "", "3725", "4.2"]
    assert rows[31][:4] == ["total", "1635", "180", "1815"]


def test_numbers_and_days_are_written_as_the_language_writes_them() -> None:
    dutch, english = (markdown(report_page(a_report(), language)) for language in Language)
    assert tuple(one for one in ("1.815", "1.234,5 uur", "04-11-2026", "1 uur 06 min") if one in dutch) == (
        "1.815",
        "1.234,5 uur",
        "04-11-2026",
        "1 uur 06 min",
    )
    assert "1,815" in english
    assert "1,234.5 h" in english


def test_every_key_that_a_report_can_hold_has_words() -> None:
    parts = (*calls.ANSWERS, *calls.WORDS, *accesses.ACTIONS, *keeping.ERASURES, *work.STAGES)
    assert set(parts) <= words.KEYS.keys()
    assert set(words.TITLES) == set(ReportName)
    assert set(words.BY) == set(By)
    assert set(reports.WAYS) <= set(ReportName)
    for one in (*words.KEYS.values(), *words.TITLES.values(), *words.BY.values()):
        assert one.nl
        assert one.en
