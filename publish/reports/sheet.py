"""A report as CSV: each table with its head, an empty line, and what stands beside them."""

from __future__ import annotations

import csv
import io

from publish.reports import words
from publish.reports.figures import Report, Row, Table
from publish.reports.page import head
from publish.spreadsheet import harmless
from publish.words import Language


def csv_text(report: Report, language: Language) -> str:
    """Return a report, RFC 4180: numbers bare, nothing where one is hidden; no cell begins like a formula."""
    out = io.StringIO()
    writer = csv.writer(out)
    for table in report.tables:
        writer.writerow([*head(table, language)])
        for row in table.rows:
            writer.writerow(_cells(table, row, words.label(row.label, table.by, language)))
        writer.writerow(_cells(table, table.total, words.said("total", language)))
        writer.writerow([])
    for fact in report.facts:
        writer.writerow(
            [words.said(fact.key, language), "" if fact.value is None else harmless(str(fact.value))]
        )
    return out.getvalue()


def _cells(table: Table, row: Row, name: str) -> list[str]:
    numbers = (
        "" if one is None else f"{one:g}" if isinstance(one, float) else str(one) for one in row.counts
    )
    measured = ("" if one is None else f"{one:g}" for one in row.measures)
    return [harmless(name), *numbers, *measured]
