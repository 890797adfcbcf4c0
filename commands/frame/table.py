"""Rows for people and for programs: a table on a terminal, tabs in a pipe, `--json` as one array."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import click

json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON array.")
most_option = click.option(
    "--most",
    type=click.IntRange(1, 1_000_000),
    default=10_000,
    show_default=True,
    help="How many, the newest.",
)


def show(
    rows: Sequence[Mapping[str, Any]], columns: Sequence[str], *, as_json: bool, title: str = ""
) -> None:
    """Print rows on stdout.

    Args:
        columns: Which keys are shown to a person, in order; a program gets every key.
        title: Heading of the table on a terminal.
    """
    if as_json:
        click.echo(json.dumps([dict(row) for row in rows], indent=2, ensure_ascii=False))
    elif sys.stdout.isatty():
        _show_on_terminal(rows, columns, title)
    else:
        click.echo("\t".join(columns))
        for row in rows:
            click.echo("\t".join(as_text(column, row.get(column)) for column in columns))


def as_text(column: str, value: object) -> str:
    """Return what a person reads in a column: local time under `at` and `..._at`, `-` for nothing."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if (column == "at" or column.endswith("_at")) and isinstance(value, str):
        from policy.clock import from_iso, to_local

        return to_local(from_iso(value))
    # Nothing that the network supplied may steer a terminal (I10).
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in str(value))


def _show_on_terminal(rows: Sequence[Mapping[str, Any]], columns: Sequence[str], title: str) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    if not rows:
        click.echo(f"No {title or 'rows'}.", err=True)
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(Text(as_text(column, row.get(column))) for column in columns))
    Console().print(table)
