"""Writing the register row as CSV and as XLSX."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from publish.register import Cell

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
_WIDTH_CHARACTERS: Final = 36


def csv_text(row: Sequence[Cell]) -> str:
    """Return a head and one row, RFC 4180; no cell begins like a formula."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow([cell.head for cell in row])
    writer.writerow([harmless(cell.text) for cell in row])
    return out.getvalue()


def xlsx_bytes(row: Sequence[Cell], *, made_at: datetime) -> bytes:
    """Return the same as a workbook; each cell is text, whatever it begins with.

    Args:
        row: The row.
        made_at: Aware; what the file says of when it was made.
    """
    import xlsxwriter  # noqa: PLC0415 - only this one format needs it

    out = io.BytesIO()
    with xlsxwriter.Workbook(out, {"in_memory": True, "strings_to_formulas": False}) as book:
        book.set_properties({"created": made_at.replace(tzinfo=None)})
        bold = book.add_format({"bold": True, "text_wrap": True, "valign": "top"})
        wrapped = book.add_format({"text_wrap": True, "valign": "top"})
        sheet = book.add_worksheet("register")
        sheet.set_column(0, len(row) - 1, _WIDTH_CHARACTERS)
        sheet.freeze_panes(1, 0)
        for column, cell in enumerate(row):
            sheet.write_string(0, column, cell.head, bold)
            sheet.write_string(1, column, cell.text, wrapped)
    return out.getvalue()


def harmless(text: str) -> str:
    """Return text that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(_FORMULA) else text
