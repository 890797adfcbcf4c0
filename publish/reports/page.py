"""A report as a page: what was counted, drawn, and in a table beside it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from publish.page import Block, Chart, Heading, Items, Note, Page, Paragraph, Strong
from publish.page import Table as PageTable
from publish.reports import charts, words
from publish.reports.charts import Drawing, Series
from publish.reports.figures import By, Measure, Report, Row, Table, Unit
from publish.reports.tables import WHOLE
from publish.words import Language, speaker

_DRAWN_UNITS = {Unit.SECONDS: "s", Unit.PERCENT: "%"}


def report_page(report: Report, language: Language) -> Page:
    """Return the page of a report."""
    say = speaker(language)
    blocks: list[Block] = [Paragraph((Strong(words.between(report.since, report.before, language)),))]
    if report.hidden:
        hidden = say(
            f"{report.hidden} aantallen zijn niet getoond (–): kleiner dan {report.smallest}, of nodig om die"
            " te verbergen.",
            f"{report.hidden} counts are not shown (–): smaller than {report.smallest}, or needed to hide"
            " those.",
        )
        blocks.append(Note(((hidden,),)))
    for number, table in enumerate(report.tables):
        blocks += _table(table, language, number)
    if report.facts:
        told = (
            (f"{words.said(one.key, language)}: ", Strong(words.fact(one, language))) for one in report.facts
        )
        blocks += [Heading(say("Verder", "Further")), Items(tuple(told))]
    title = f"{report.organisation}: {words.TITLES[report.report].in_(language)}"
    return Page(language=language.value, title=title, blocks=tuple(blocks), foot=foot(report, language))


def foot(report: Report, language: Language) -> str:
    """Return what a report was made from."""
    made = words.in_unit(report.made_at, Unit.MOMENT, language)
    return speaker(language)(
        f"Gemaakt op {made} uit de registratie van Consentline, beleid {report.policy}; regel {report.entry}"
        " van het logboek. Er staan geen nummers in en niets wat gezegd is.",
        f"Made at {made} from the records of Consentline, policy {report.policy}; entry {report.entry} of the"
        " ledger. It holds nobody's number and nothing that was said.",
    )


def head(table: Table, language: Language) -> tuple[str, ...]:
    """Return the heads of a table's columns."""
    columns = (*table.parts, WHOLE, *(one.key for one in table.measures))
    return (words.BY[table.by].in_(language), *(words.said(key, language) for key in columns))


def cells(table: Table, row: Row, language: Language, *, is_total: bool) -> tuple[str, ...]:
    """Return one row in words."""
    name = words.said("total", language) if is_total else words.label(row.label, table.by, language)
    counts = (words.in_unit(count, Unit.COUNT, language) for count in row.counts)
    measured = zip(row.measures, table.measures, strict=True)
    return (name, *counts, *(words.in_unit(value, one.unit, language) for value, one in measured))


def _table(table: Table, language: Language, number: int) -> Iterator[Block]:
    yield Heading(words.said(table.key, language))
    yield from _charts(table, language, number)
    rows = [cells(table, row, language, is_total=False) for row in table.rows]
    rows.append(cells(table, table.total, language, is_total=True))
    yield PageTable(head(table, language), tuple(tuple((text,) for text in row) for row in rows))


def _charts(table: Table, language: Language, number: int) -> Iterator[Block]:
    if len(table.rows) < 2:
        return
    parts = [(at, part) for at, part in enumerate(table.parts) if part in table.charted]
    if parts:
        series = [
            Series(name=words.said(part, language), values=tuple(row.counts[at] for row in table.rows))
            for at, part in parts
        ]
        yield _chart(table, language, series, number=number * 10, unit="", as_lines=False)
    for beside, unit in enumerate(_DRAWN_UNITS, start=1):
        measures = [
            (at, one)
            for at, one in enumerate(table.measures)
            if one.unit is unit and one.key in table.charted
        ]
        drawn = [_measured(table, at, one, language) for at, one in measures]
        drawn = [one for one in drawn if sum(value is not None for value in one.values) > 1]
        if drawn:
            shade = _DRAWN_UNITS[unit]
            yield _chart(table, language, drawn, number=number * 10 + beside, unit=shade, as_lines=True)


def _measured(table: Table, at: int, measure: Measure, language: Language) -> Series:
    values = tuple(row.measures[at] for row in table.rows)
    return Series(name=words.said(measure.key, language), values=values)


def _chart(
    table: Table, language: Language, series: Sequence[Series], *, number: int, unit: str, as_lines: bool
) -> Chart:
    say = speaker(language)
    names = ", ".join(one.name for one in series)
    by = words.BY[table.by].in_(language).lower()
    described = say(
        f"Grafiek: {names}, per {by}; dezelfde getallen staan in de tabel eronder.",
        f"Chart: {names}, by {by}; the same numbers stand in the table below.",
    )
    drawing = Drawing(
        title=f"{words.said(table.key, language)}: {names}",
        described=described,
        labels=tuple(_short(row.label, table.by, language) for row in table.rows),
        series=tuple(series),
        unit=unit,
    )
    drawn = (charts.lines if as_lines else charts.stacked_bars)(drawing, number=number)
    return Chart(drawn + charts.legend(drawing.series, as_lines=as_lines), described)


def _short(text: str, by: By, language: Language) -> str:
    """Return a label that fits under a bar."""
    full = words.label(text, by, language)
    return full[:5] if by is By.DAY and language is Language.NL else full[-5:] if by is By.DAY else full[:12]
